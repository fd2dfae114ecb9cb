"""Numbers of a picture: the same however it is turned, framed or lit, and telling of what it shows."""

import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.datasets.phantom_picture import phantom_picture
from gliascope.inference.picture_features import FEATURES, NAMES, picture_features
from gliascope.inference.picture_look import look_at

Floats = NDArray[np.float32]


def head(seed: int = 1, size: int = 128) -> Floats:
    return phantom_picture(seed, "glioma", size, plane="axial")[0].astype(np.float32)


def numbers(gray: Floats) -> dict[str, float]:
    return dict(zip(NAMES, picture_features(gray).tolist(), strict=True))


def test_every_number_has_a_name_and_is_finite() -> None:
    found = picture_features(head())
    assert found.shape == (len(FEATURES),)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    "turned",
    [
        pytest.param(lambda gray: gray[::-1], id="upside down"),
        pytest.param(lambda gray: gray[:, ::-1], id="mirrored"),
        pytest.param(lambda gray: np.rot90(gray, 2), id="half turn"),
        pytest.param(lambda gray: gray.T, id="transposed"),
    ],
)
def test_turning_changes_little(turned: object) -> None:
    gray = head()
    other = np.ascontiguousarray(turned(gray))  # type: ignore[operator]
    np.testing.assert_allclose(picture_features(other), picture_features(gray), atol=0.15)


def test_scale_and_brightness_change_nothing() -> None:
    gray = head()
    np.testing.assert_allclose(picture_features(gray * 3 + 40), picture_features(gray), atol=0.02)


@pytest.mark.parametrize("value", [0.0, 255.0])
def test_a_frame_is_cut_off(value: float) -> None:
    gray = head()
    framed = np.pad(gray, 20, constant_values=value)
    assert abs(look_at(framed).head.mean() - look_at(gray).head.mean()) < 0.06
    assert abs(numbers(framed)["corner_level"] - numbers(gray)["corner_level"]) < 0.05


def test_a_head_is_one_part_on_a_dark_ground() -> None:
    found = numbers(head())
    assert found["main_share"] > 0.95
    assert found["corner_level"] < 0.1
    assert found["solidity"] > 0.9
    assert found["mirror_best"] > numbers(np.roll(head()[:64], 20, 1))["mirror_other"]


def test_noise_is_told_by_its_neighbors() -> None:
    noise = np.random.default_rng(1).random((96, 96), dtype=np.float32)
    assert numbers(noise)["likeness_3"] < 0.05 < numbers(head())["likeness_3"]


def test_a_white_ring_meets_every_ray() -> None:
    y, x = np.mgrid[:128, :128] - 63.5
    far = np.hypot(y, x)
    ring = np.where(far < 50, 255.0, 0.0) - np.where(far < 42, 140.0, 0.0)
    found = numbers(ring.astype(np.float32))
    assert found["ring_white"] == 1.0
    assert found["rim_white"] > 0.4
    assert found["core_white"] == 0.0


def test_a_flat_picture_has_none() -> None:
    with pytest.raises(ValueError, match="flat"):
        picture_features(np.full((20, 20), 7, np.float32))


@pytest.mark.parametrize("shape", [(8, 8), (8, 160), (500, 40)])
def test_odd_sizes_are_measured(shape: tuple[int, int]) -> None:
    gray = np.random.default_rng(2).random(shape, dtype=np.float32)
    assert np.isfinite(picture_features(gray)).all()
    single = np.zeros(shape, np.float32)
    single[shape[0] // 2, shape[1] // 2] = 1
    assert np.isfinite(picture_features(single)).all()
