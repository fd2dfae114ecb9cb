from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from gliascope.errors import ConfigError, GeometryError
from gliascope.files.picture import read_picture
from gliascope.preprocess.contour import CropContour
from gliascope.preprocess.plan import Plan
from gliascope.preprocess.step import Frame
from gliascope.scan import Grid, Scan
from gliascope.settings import load_settings

Box = tuple[slice, slice]


def picture(*boxes: Box, value: float = 120.0) -> NDArray[np.float32]:
    array = np.full((1, 40, 30), 8.0, dtype=np.float32)
    for box in boxes:
        array[0][box] = value
    return array


def crop(array: NDArray[np.float32], threshold: int = 45) -> tuple[tuple[int, ...], tuple[int, ...]]:
    (move,) = CropContour(threshold=threshold).apply(Frame(array, None)).moves
    return tuple(getattr(move, "start", ())), move.after


def independent_box(channel: NDArray[np.float32]) -> Box:
    """The same by another library: binomial blur, threshold, opening, the largest component's box."""
    blurred = channel.astype(np.float64)
    for axis in (0, 1):
        blurred = ndimage.correlate1d(blurred, [0.25, 0.5, 0.25], axis=axis, mode="mirror")
    bright = np.floor(blurred + 0.5) > 45
    square = np.ones((3, 3), dtype=np.bool_)
    opened = ndimage.binary_dilation(ndimage.binary_erosion(bright, square, 2, border_value=1), square, 2)
    parts, _ = ndimage.label(opened, structure=square)
    boxes: list[Box] = ndimage.find_objects(parts)
    filled = [ndimage.binary_fill_holes(parts == number).sum() for number in range(1, len(boxes) + 1)]
    return boxes[int(np.argmax(filled))]


def test_the_box_of_the_largest_outline_is_kept_along_the_right_axes() -> None:
    start, size = crop(picture(np.s_[10:34, 5:21], np.s_[0:6, 23:30]))
    assert (start, size) == ((10, 5), (24, 16))


def test_thin_lines_and_letters_do_not_count() -> None:
    array = picture(np.s_[10:34, 5:21])
    array[0, :, 0:3] = array[0, 2:5, :] = 200.0
    assert crop(array) == ((10, 5), (24, 16))


def test_an_outline_counts_by_what_it_encloses() -> None:
    ring = picture(np.s_[4:36, 2:20], np.s_[12:28, 22:30])
    ring[0, 9:31, 7:15] = 8.0
    assert crop(ring) == ((4, 2), (32, 18))


@pytest.mark.parametrize("array", [picture(), picture(np.s_[:, :]), picture(np.s_[3:6, 3:6])])
def test_a_picture_without_an_outline_inside_stays_whole(array: NDArray[np.float32]) -> None:
    assert CropContour().apply(Frame(array, None)).shape == (40, 30)


def test_the_threshold_is_exclusive_and_an_option() -> None:
    assert crop(picture(np.s_[10:34, 5:21], value=45.0)) == ((0, 0), (40, 30))
    assert crop(picture(np.s_[10:34, 5:21], value=45.0), threshold=30)[1] == (24, 16)


def test_the_first_channel_decides_for_all() -> None:
    array = np.concatenate([picture(np.s_[10:34, 5:21]), picture(np.s_[0:40, 0:30])])
    after = CropContour().apply(Frame(array, None))
    np.testing.assert_array_equal(after.array, array[:, 10:34, 5:21])


def test_a_mask_comes_back_to_its_place() -> None:
    plan = Plan(channels=("gray",), steps=(CropContour(),))
    scan = Scan(picture(np.s_[10:34, 5:21]), ("gray",), Grid((40, 30)))
    prepared = plan.apply(scan)
    back = plan.invert(np.ones((1, 24, 16), dtype=np.float32), prepared.trace)
    assert (back[0] == 1.0).sum() == 24 * 16
    assert back[0, 10:34, 5:21].all()


def test_volumes_go_slice_by_slice() -> None:
    with pytest.raises(GeometryError, match=r"crop_contour is for pictures, the image has 3 axes.*per_slice"):
        CropContour().apply(Frame(np.zeros((1, 8, 8, 8), dtype=np.float32), None))
    array = np.stack([picture(np.s_[10:34, 5:21])[0], picture(np.s_[2:12, 3:9])[0]], axis=-1)[None]
    steps = {
        "channels": ["gray"],
        "per_slice": True,
        "steps": [{"name": "crop_contour"}, {"name": "resize", "size": [8]}],
    }
    prepared = load_settings(Plan, steps).apply(Scan(array, ("gray",), Grid((40, 30, 2))))
    assert prepared.array.shape == (1, 8, 8, 2)
    assert prepared.array.min() > 60.0


def test_a_plan_crops_before_it_scales() -> None:
    steps = [{"name": "replicate"}, {"name": "min_max"}, {"name": "crop_contour"}]
    with pytest.raises(ConfigError, match="crop_contour needs the values of 8-bit pictures: put it before min_max"):
        load_settings(Plan, {"channels": ["gray"], "steps": steps})


@pytest.mark.data
def test_real_pictures_are_cropped_as_another_library_would(data_root: Path) -> None:
    for path in sorted((data_root / "brain-tumor-mri-dataset/Testing").glob("*/*.jpg"))[::60]:
        channel = read_picture(path).array[:1]
        box = independent_box(channel[0])
        assert crop(channel) == (tuple(side.start for side in box), tuple(side.stop - side.start for side in box)), path
