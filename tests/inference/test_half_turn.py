"""Volumes for models that know pictures alone: half a turn there, and half a turn back."""

from collections.abc import Callable

import numpy as np
import pytest

from gliascope.checkpoint import ModelFolder
from gliascope.inference.likeness import Reference
from gliascope.inference.predictor import Predictor, Segmentation
from gliascope.preprocess.inside import Inside
from gliascope.scan import Grid, Scan

SHAPE = (10, 8, 3)
CORNER = {"channels": ["t2f"], "steps": [{"name": "crop_fixed", "start": [0, 0, 0], "stop": [4, 4, 3]}]}
"""Prediction sees a corner of the slices, so that it shows how they lie."""


def predictor(make_model: Callable[..., ModelFolder], *kinds: str) -> Predictor:
    inputs = Reference(
        cases=1, kinds=dict.fromkeys(kinds, 1), stripped=0.0, sides=(8, 10), head_share=(0, 1), zero_share=(0, 1)
    )
    facts = {"channels": ("t2f",), "plan": CORNER, "statistics": {"inputs": inputs.model_dump(mode="json")}}
    return Predictor(make_model(2, **facts))


def bright(*, volume: bool) -> Scan:
    grid = Grid.from_affine(SHAPE, np.diag([1.0, 1.0, 5.0, 1.0])) if volume else Grid(SHAPE)
    return Scan(np.full((1, *SHAPE), 9.0, np.float32), ("t2f",), grid)


@pytest.mark.parametrize(
    ("kinds", "volume", "seen"),
    [
        (("stack",), False, (slice(0, 4), slice(0, 4))),
        (("stack", "picture"), True, (slice(6, 10), slice(4, 8))),
        (("volume",), True, (slice(0, 4), slice(0, 4))),
        (("stack", "volume"), True, (slice(0, 4), slice(0, 4))),
    ],
)
def test_a_model_of_pictures_sees_a_volume_as_pictures_lie(
    make_model: Callable[..., ModelFolder], kinds: tuple[str, ...], volume: bool, seen: tuple[slice, slice]
) -> None:
    answer = predictor(make_model, *kinds).predict(bright(volume=volume))
    assert isinstance(answer, Segmentation)
    expected = np.zeros(SHAPE, bool)
    expected[seen] = True
    assert np.array_equal(answer.label_map.array > 0, expected)
    assert np.array_equal(answer.probabilities[-1] > 0.5, expected)


def test_turning_back_undoes_the_turn() -> None:
    array = np.random.default_rng(1).random((1, *SHAPE), dtype=np.float32)
    scan = Scan(array, ("t2f",), Grid.from_affine(SHAPE, np.eye(4)))
    turned = scan.half_turned()
    assert np.array_equal(turned.array[0, 0, 0], array[0, -1, -1])
    assert np.array_equal(Inside.everywhere(turned.array).half_turned().whole(), array)
    part = Inside(turned.array[:, 1:4, 2:7], (slice(1, 4), slice(2, 7), slice(0, 3)), SHAPE, (0.0,))
    back = part.half_turned().whole()
    assert np.array_equal(back[:, 6:9, 1:6], array[:, 6:9, 1:6])
    assert np.count_nonzero(back) == part.values.size
