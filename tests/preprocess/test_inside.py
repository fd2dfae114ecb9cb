import numpy as np
import pytest

from gliascope.preprocess.inside import Inside
from gliascope.preprocess.plan import Plan
from gliascope.preprocess.spatial import CropCenter, CropHead, Pad, Resize
from gliascope.preprocess.step import PreprocessStep
from gliascope.scan import Grid, Scan

SHAPE = (10, 12, 9)


def head() -> Scan:
    array = np.zeros((1, *SHAPE), np.float32)
    array[0, 3:8, 2:9, 4:8] = np.random.Generator(np.random.Philox(key=1)).uniform(50, 100, (5, 7, 4))
    return Scan(array, ("t2f",), Grid(SHAPE))


@pytest.mark.parametrize(
    "steps",
    [
        (CropHead(margin=1),),
        (CropHead(margin=0, divisible_by=8),),
        (CropHead(margin=0, divisible_by=16), Resize(size=(8,))),
        (Pad(multiple_of=8), CropCenter(size=(8,))),
        (Resize(size=(6,)),),
        (),
    ],
)
def test_the_box_holds_what_leading_back_gives(steps: tuple[PreprocessStep, ...]) -> None:
    plan = Plan.model_validate({"channels": ("t2f",), "steps": steps})
    prepared = plan.apply(head())
    maps = np.random.Generator(np.random.Philox(key=2)).random((2, *prepared.array.shape[1:]), dtype=np.float32)
    inside = plan.invert_inside(maps.copy(), prepared.trace)
    whole = inside.whole()
    np.testing.assert_array_equal(whole, plan.invert(maps.copy(), prepared.trace))
    np.testing.assert_array_equal(whole[(slice(None), *inside.box)], inside.values)
    outside = whole.copy()
    outside[(slice(None), *inside.box)] = 0
    assert not outside.any()


def test_outside_of_the_box_stands_what_is_told() -> None:
    inside = Inside(np.full((2, 1, 1), 0.5, np.float32), (slice(1, 2), slice(0, 1)), (2, 2), (1.0, 0.0))
    np.testing.assert_array_equal(inside.whole(), [[[1, 1], [0.5, 1]], [[0, 0], [0.5, 0]]])
    assert inside.whole().dtype == np.float32
