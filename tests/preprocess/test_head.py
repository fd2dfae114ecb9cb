from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.files.nifti import read_scan
from gliascope.files.picture import read_picture
from gliascope.preprocess.head import head_mask

RNG = np.random.Generator(np.random.Philox(key=2))


def ball(shape: tuple[int, ...], radius: float) -> NDArray[np.bool_]:
    center = [(n - 1) / 2 for n in shape]
    squares = sum((axis - c) ** 2 for axis, c in zip(np.indices(shape), center, strict=True))
    return np.asarray(squares <= radius**2)


@pytest.mark.parametrize("shape", [(20, 22), (20, 22, 18)])
def test_a_stripped_brain_is_what_is_not_zero_in_any_channel(shape: tuple[int, ...]) -> None:
    brain = ball(shape, 7.0)
    array = np.zeros((2, *shape), dtype=np.float32)
    array[0][brain] = RNG.uniform(50.0, 100.0, np.count_nonzero(brain))
    array[1][brain & (np.indices(shape)[0] > 8)] = 3.0
    array[0][brain & (np.indices(shape)[0] > 14)] = 0.0
    np.testing.assert_array_equal(head_mask(array), brain)


def test_negative_values_belong_to_the_brain() -> None:
    array = np.zeros((1, 10, 10), dtype=np.float32)
    array[0, 3:7, 3:7] = -2.0
    assert np.count_nonzero(head_mask(array)) == 16


def test_specks_beside_the_brain_are_left_out() -> None:
    array = np.zeros((1, 40, 40), dtype=np.float32)
    array[0][ball((40, 40), 12.0)] = 90.0
    array[0, 1, 1] = 2.0
    assert not head_mask(array)[1, 1]


@pytest.mark.parametrize("shape", [(40, 44), (24, 26, 22)])
def test_a_head_in_noise_is_found_with_its_holes(shape: tuple[int, ...]) -> None:
    head, hole = ball(shape, 9.0), ball(shape, 4.0)
    array = RNG.uniform(1.0, 20.0, (2, *shape)).astype(np.float32)
    array[:, head] += 200.0
    array[:, hole] -= 195.0
    array[0, 0, 0] = 220.0  # a bright voxel in a corner
    np.testing.assert_array_equal(head_mask(array), head)


def test_a_head_that_is_open_at_its_first_and_last_slice_holds_what_it_encloses() -> None:
    for thickness in (3.0, 10.0):  # skull and scalp alone; a brain with a dark middle
        bright = ball((40, 44), 15.0) & ~ball((40, 44), 15.0 - thickness)
        array = RNG.uniform(1.0, 20.0, (1, 40, 44, 8)).astype(np.float32)
        array[0, bright] += 200.0
        head = np.repeat(ball((40, 44), 15.0)[..., np.newaxis], 8, axis=-1)
        np.testing.assert_array_equal(head_mask(array), head)


def test_what_a_slice_leaves_open_is_ground() -> None:
    bright = ball((40, 44), 15.0) & ~ball((40, 44), 12.0)
    bright[:20, 22] = False  # a gap in the skull
    array = RNG.uniform(1.0, 20.0, (1, 40, 44, 3)).astype(np.float32)
    array[0, bright] += 200.0
    np.testing.assert_array_equal(head_mask(array)[..., 1], bright)


def test_the_order_of_the_channels_does_not_matter() -> None:
    array = RNG.uniform(1.0, 20.0, (3, 16, 16)).astype(np.float32)
    array[1, 4:12, 4:12] += 100.0
    array[2, 5:12, 4:12] += 10.0
    np.testing.assert_array_equal(head_mask(array), head_mask(array[::-1].copy()))


def test_noise_of_a_compressed_picture_is_not_the_head() -> None:
    head = ball((64, 64), 20.0)
    picture = np.round(np.abs(RNG.normal(0.0, 1.5, (1, 64, 64)))).astype(np.float32)
    assert np.mean(picture == 0) > 0.2  # many zeros, but not by design
    picture[0, head] = 120.0
    np.testing.assert_array_equal(head_mask(picture), head)


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_nothing_stands_out_in_a_constant_image(value: float) -> None:
    assert not head_mask(np.full((2, 8, 8, 8), value, dtype=np.float32)).any()


@pytest.mark.data
def test_real_pictures_have_a_head_smaller_than_the_picture(data_root: Path) -> None:
    pictures = sorted((data_root / "brain-tumor-mri-dataset/Training/notumor").glob("*.jpg"))[::80]
    shares = [head_mask(read_picture(path).array).mean() for path in pictures]
    assert len(shares) > 10
    assert 0.3 < np.median(shares) < 0.75


@pytest.mark.data
def test_real_heads_fill_a_plausible_share(data_root: Path) -> None:
    stripped = next((data_root / "brats").glob("*/*flair.nii.gz"))
    volume = read_scan({"t2f": stripped}).array
    mask = head_mask(volume)
    assert not mask[volume[0] == 0].any()
    assert 0.1 < mask.mean() < 0.3
    clinical = read_scan({"t1c": data_root / "clinical/TCGA-FG-6692/t1c.nii.gz"}).array
    assert 0.15 < head_mask(clinical).mean() < 0.7
