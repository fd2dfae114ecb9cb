"""What a scan looks like: kind, skull, and signatures that stay the same where the content does."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.inference.signature import FEATURES, SCALP_FEATURES, feature_names, kind_of, look_at
from gliascope.scan import Grid, Scan

SHAPE = (90, 80, 30)
MM = np.diag([2.0, 2.0, 4.0, 1.0])


def brain(seed: int = 0, *, skull: bool = False) -> NDArray[np.float32]:
    """Return a head of three layers around dark ventricles, with a bright spot; ``skull`` puts a bright ring around."""
    i, j, k = np.indices(SHAPE, dtype=np.float32)
    radius = np.sqrt(((i - 45) / 38) ** 2 + ((j - 40) / 32) ** 2 + ((k - 15) / 22) ** 2)
    noise = np.random.default_rng(seed).normal(0, 12, SHAPE).astype(np.float32)
    inner = radius / 0.75 if skull else radius
    head = np.select([inner < 0.2, inner < 0.7, inner <= 1.0], [150, 420, 330], 0).astype(np.float32)
    head[25:35, 30:40, 10:20] = 600
    head = np.where(inner <= 1.0, np.maximum(head + noise, 1), 0)
    if skull:
        air = np.abs(np.random.default_rng(seed + 1).normal(0, 9, SHAPE)).astype(np.float32)
        head = np.where(inner > 1.0, air, head)
        head = np.where((radius > 0.85) & (radius <= 1.0), 900 + noise, head)
    return head.astype(np.float32)


def volume(*arrays: NDArray[np.float32], channels: tuple[str, ...] = ("t1n",)) -> Scan:
    return Scan(np.stack(arrays), channels, Grid.from_affine(SHAPE, MM))


def test_a_brain_without_skull_is_known() -> None:
    look = look_at(volume(brain()))
    assert (look.kind, look.state) == ("volume", "stripped")
    assert look.shape == SHAPE
    assert look.spacing_mm == pytest.approx((2.0, 2.0, 4.0))
    assert look.zero_share == pytest.approx(1 - (brain() > 0).mean(), abs=0.01)
    assert look.head_share == pytest.approx((brain() > 0).mean(), abs=0.01)
    assert len(look.contrasts["t1n"]) == len(FEATURES)


def test_a_head_with_skull_is_known() -> None:
    look = look_at(volume(brain(skull=True)))
    assert look.state == "whole"
    found = dict(zip(feature_names("whole"), look.contrasts["t1n"], strict=True))
    assert set(SCALP_FEATURES) < set(found)
    assert found["scalp_brightest"] > 0.5, "the scalp is brighter than the brain"


def test_air_set_to_zero_does_not_take_the_skull_off() -> None:
    head = brain(skull=True)
    head[head < 40] = 0
    large = Scan(head[None], ("t1n",), Grid.from_affine(SHAPE, np.diag([3.0, 3.0, 6.0, 1.0])))
    assert look_at(large).state == "whole"


def test_signatures_do_not_depend_on_the_scale() -> None:
    plain, scaled = (look_at(volume(factor * brain())).contrasts["t1n"] for factor in (np.float32(1), np.float32(37)))
    np.testing.assert_allclose(plain, scaled, atol=1e-4)


def test_signatures_tell_layers_apart() -> None:
    found = dict(zip(FEATURES, look_at(volume(brain())).contrasts["t1n"], strict=True))
    inverted = np.where(brain() > 0, 700 - brain(), 0).astype(np.float32)
    other = dict(zip(FEATURES, look_at(volume(inverted)).contrasts["t1n"], strict=True))
    assert found["rim"] < found["middle"]
    assert other["rim"] > other["middle"]


def test_two_channels_have_a_skewness_that_turns_round() -> None:
    first, second = brain(1), brain(2)
    second[20:42, 15:45, 8:22] += 300  # a twelfth of the brain lights up
    forth = look_at(volume(first, second, channels=("t1n", "t1c"))).pairs["t1c", "t1n"]
    back = look_at(volume(second, first, channels=("t1n", "t1c"))).pairs["t1c", "t1n"]
    assert forth > 0.2
    assert back == pytest.approx(-forth, abs=1e-6)


def test_stacks_and_pictures_are_looked_at_too() -> None:
    stack = Scan(brain()[None], ("t2f",), Grid(SHAPE))
    assert (kind_of(stack), look_at(stack).spacing_mm) == ("stack", None)
    picture = Scan(brain()[None, ..., 15], ("gray",), Grid(SHAPE[:2]))
    look = look_at(picture)
    assert (look.kind, look.state, set(look.contrasts)) == ("picture", "stripped", {"gray"})


def test_colors_become_gray() -> None:
    picture = Scan(np.repeat(brain()[None, ..., 15], 3, axis=0), ("red", "green", "blue"), Grid(SHAPE[:2]))
    plain = Scan(brain()[None, ..., 15], ("gray",), Grid(SHAPE[:2]))
    np.testing.assert_allclose(look_at(picture).contrasts["gray"], look_at(plain).contrasts["gray"], atol=1e-3)


def test_what_holds_too_little_has_no_signature() -> None:
    blank = volume(brain(), np.zeros(SHAPE, np.float32), channels=("t1n", "t1c"))
    assert set(look_at(blank).contrasts) == {"t1n"}
    lacking = brain()
    lacking[..., :22] = 0
    assert set(look_at(volume(brain(), lacking, channels=("t1n", "t1c"))).contrasts) == {"t1n"}
    constant = Scan(np.full((1, 20, 20), 5, np.float32), ("gray",), Grid((20, 20)))
    assert look_at(constant).contrasts == {}
    tiny = replace(constant, array=np.zeros((1, 20, 20), np.float32))
    assert look_at(tiny).contrasts == {}
