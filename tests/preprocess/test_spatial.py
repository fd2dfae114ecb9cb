import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from gliascope.errors import ConfigError, GeometryError
from gliascope.preprocess.plan import Plan
from gliascope.preprocess.spatial import CropCenter, CropFixed, CropHead, Pad, Resample, Resize
from gliascope.preprocess.step import Frame
from gliascope.settings import load_settings


def frame(*shape: int, spacing: tuple[float, ...] | None = None, head: NDArray[np.bool_] | None = None) -> Frame:
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(1, *shape)
    return Frame(values, spacing, head)


def test_the_central_crop_of_a_brats_volume_is_the_published_one() -> None:
    after = CropCenter(size=(128, 128, 128)).apply(Frame(np.zeros((1, 240, 240, 155), dtype=np.float32), None))
    (move,) = after.moves
    assert move.after == (128, 128, 128)
    assert getattr(move, "start", None) == (56, 56, 13)


def test_one_number_stands_for_every_axis() -> None:
    assert CropCenter(size=(2,)).apply(frame(4, 5, 6)).shape == (2, 2, 2)
    assert Pad(size=(8,)).apply(frame(4, 5)).shape == (8, 8)


def test_crop_fixed_keeps_the_named_voxels() -> None:
    given = frame(4, 5)
    after = CropFixed(start=(1, 2), stop=(3, 5)).apply(given)
    np.testing.assert_array_equal(after.array, given.array[:, 1:3, 2:5])


def test_a_crop_larger_than_the_image_is_refused_by_axis() -> None:
    with pytest.raises(GeometryError, match=r"crop_center needs 8 voxels along axis J, the image has 5\. Put a pad"):
        CropCenter(size=(4, 8)).apply(frame(4, 5))
    with pytest.raises(GeometryError, match="crop_fixed needs 9 voxels along axis I, the image has 4"):
        CropFixed(start=(0, 0), stop=(9, 5)).apply(frame(4, 5))


@given(
    box=st.tuples(*[st.tuples(st.integers(0, 11), st.integers(0, 11)).map(sorted)] * 3),
    margin=st.integers(0, 4),
    divisor=st.sampled_from([1, 2, 4, 5, 16]),
)
@settings(max_examples=80, deadline=None)
def test_crop_head_keeps_the_head_and_its_divisor(box: list[list[int]], margin: int, divisor: int) -> None:
    head = np.zeros((12, 12, 12), dtype=np.bool_)
    head[tuple(slice(low, high + 1) for low, high in box)] = True
    after = CropHead(margin=margin, divisible_by=divisor).apply(frame(12, 12, 12, head=head))
    assert all(size % divisor == 0 for size in after.shape)
    assert after.head is not None
    assert np.count_nonzero(after.head) == np.count_nonzero(head)
    for (low, high), size in zip(box, after.shape, strict=True):
        least = min(high + 1 + margin, 12) - max(low - margin, 0)
        assert least <= size < least + divisor


def test_crop_head_stays_inside_the_grid_where_there_is_room() -> None:
    head = np.zeros((20,), dtype=np.bool_)
    head[0:3] = True
    (move,) = CropHead(margin=0, divisible_by=8).apply(frame(20, head=head)).moves
    assert getattr(move, "start", None) == (0,)


def test_crop_head_without_a_head_keeps_the_grid() -> None:
    assert CropHead(divisible_by=4).apply(frame(6, 8, head=np.zeros((6, 8), dtype=np.bool_))).shape == (8, 8)


def test_pad_to_a_multiple_and_to_a_size() -> None:
    assert Pad(multiple_of=16).apply(frame(15, 16)).shape == (16, 16)
    after = Pad(size=(6, 3), fill=-1.0).apply(frame(3, 5))
    assert after.shape == (6, 5)  # an axis that is long enough stays
    np.testing.assert_array_equal(after.array[0, :, 0] == -1.0, [True, False, False, False, True, True])
    mirrored = Pad(size=(6, 3), border="mirror").apply(frame(3, 5)).array[0, :, 0]
    assert mirrored.tolist() == [mirrored[i] for i in (2, 1, 2, 3, 2, 1)]
    assert len(set(mirrored.tolist())) == 3


def test_resample_sets_the_voxel_size_and_keeps_the_extent() -> None:
    after = Resample(spacing_mm=(1.0, 1.0, 2.0)).apply(frame(10, 20, 8, spacing=(2.0, 0.5, 5.0)))
    assert after.shape == (20, 10, 20)
    assert after.spacing_mm == pytest.approx((1.0, 1.0, 2.0))


def test_resample_without_a_voxel_size_is_refused() -> None:
    with pytest.raises(GeometryError, match=r"needs the voxel size, which is not known\. Name it with --spacing"):
        Resample(spacing_mm=(1.0,)).apply(frame(4, 4))


def test_a_grid_from_an_absurd_voxel_size_is_refused() -> None:
    with pytest.raises(GeometryError, match="more than 268435456 in all"):
        Resample(spacing_mm=(1.0,)).apply(frame(4, 4, 4, spacing=(900.0, 900.0, 900.0)))


@given(
    center=st.tuples(*[st.floats(min_value=7.0, max_value=16.0)] * 3),
    spacing=st.tuples(*[st.floats(min_value=0.6, max_value=3.0)] * 3),
    wanted=st.tuples(*[st.floats(min_value=0.6, max_value=3.0)] * 3),
)
@settings(max_examples=40, deadline=None)
def test_resampling_leaves_a_blob_where_it_is_in_space(
    center: tuple[float, ...], spacing: tuple[float, ...], wanted: tuple[float, ...]
) -> None:
    shape = (24, 24, 24)
    squares = [((axis - c) * s) ** 2 for axis, c, s in zip(np.indices(shape), center, spacing, strict=True)]
    blob = np.exp(-sum(squares) / (2 * 2.5**2)).astype(np.float32)
    after = Resample(spacing_mm=wanted).apply(Frame(blob[None], spacing))
    for axis in range(3):
        before_mm = _world(ndimage.center_of_mass(blob)[axis], shape[axis], spacing[axis])
        after_mm = _world(ndimage.center_of_mass(after.array[0])[axis], after.shape[axis], wanted[axis])
        assert abs(after_mm - before_mm) < 0.5 * min(spacing[axis], wanted[axis])


def _world(index: float, length: int, spacing_mm: float) -> float:
    """Distance in mm from the middle of the image, which stays in place."""
    return (index - (length - 1) / 2) * spacing_mm


def test_resize_keeps_the_field_of_view() -> None:
    after = Resize(size=(12, 5)).apply(frame(6, 10, spacing=(2.0, 1.0)))
    assert after.shape == (12, 5)
    assert after.spacing_mm == pytest.approx((1.0, 2.0))


def test_another_number_of_axes_is_refused() -> None:
    with pytest.raises(GeometryError, match=r"resize names 3 axes, as of a volume, and one picture has 2: \(4, 4\)"):
        Resize(size=(2, 2, 2)).apply(frame(4, 4))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"name": "pad"}, "name either multiple_of or size"),
        ({"name": "pad", "multiple_of": 2, "size": [3]}, "name either multiple_of or size"),
        ({"name": "crop_fixed", "start": [3], "stop": [3]}, "do not enclose a box"),
        ({"name": "crop_fixed", "start": [3, 4], "stop": [5]}, "do not enclose a box"),
        ({"name": "resize", "size": []}, "at least 1 item"),
        ({"name": "resize", "size": [0]}, "greater than 0"),
        ({"name": "resample", "spacing_mm": [-1.0]}, "greater than 0"),
    ],
)
def test_impossible_settings_are_refused(step: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_settings(Plan, {"channels": ["gray"], "steps": [step]})
