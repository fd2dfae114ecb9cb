from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.errors import InputError
from gliascope.files import nifti
from gliascope.files.nifti_voxels import peek_header, read_stored
from gliascope.labels import SCHEMES

MakeFile = Callable[..., Path]
Volume = NDArray[np.int16]


def refusal(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        nifti.read_scan({"t1n": path})
    assert caught.value.file == str(path)
    return caught.value


@pytest.mark.parametrize(("value", "words"), [(np.nan, "3 NaN"), (np.inf, "3 infinite"), (-np.inf, "3 infinite")])
def test_values_that_are_no_numbers(  # faults 10, 11
    nifti_file: MakeFile, volume: Volume, value: float, words: str
) -> None:
    values = volume.astype(np.float32)
    values[0, 0, :3] = value
    error = refusal(nifti_file("a.nii", values))
    assert error.code == "E_NOT_FINITE"
    assert f"{words}, of 720" in error.cause


def test_values_too_large_for_float32(nifti_file: MakeFile, volume: Volume) -> None:  # fault 12
    values = volume.astype(np.float64)
    values[0, 0, :2] = 1e300
    error = refusal(nifti_file("a.nii", values))
    assert "2 too large for float32" in error.cause
    assert refusal(nifti_file("b.nii", volume, scl_slope=3e38)).code == "E_NOT_FINITE"


def test_all_kinds_are_counted_apart(nifti_file: MakeFile, volume: Volume) -> None:
    values = volume.astype(np.float64)
    values[0, 0, :4] = [np.nan, np.inf, 1e39, 1e39]
    assert "1 NaN, 1 infinite, 2 too large for float32" in refusal(nifti_file("a.nii", values)).cause


@pytest.mark.parametrize("value", [0, 7])
def test_constant_images(nifti_file: MakeFile, value: int) -> None:  # faults 13, 14
    error = refusal(nifti_file("a.nii.gz", np.full((10, 9, 8), value, dtype=np.int16)))
    assert error.code == "E_BLANK"
    assert "everywhere" in error.cause


def test_nan_in_a_label_map(nifti_file: MakeFile) -> None:
    labels = np.zeros((10, 9, 8), dtype=np.float32)
    labels[0, 0, 0] = np.nan
    with pytest.raises(InputError, match="1 NaN"):
        nifti.read_label_map(nifti_file("a.nii", labels), None)


def test_scaled_label_maps(nifti_file: MakeFile) -> None:
    labels = np.zeros((10, 9, 8), dtype=np.int16)
    labels[0, 0, :5] = 2
    label_map = nifti.read_label_map(nifti_file("a.nii", labels, scl_slope=0.5, scl_inter=0), SCHEMES["lgg"])
    assert label_map.array.sum() == 5


def test_a_file_that_changes_between_header_and_voxels(nifti_file: MakeFile, volume: Volume) -> None:
    path = nifti_file("a.nii", volume)
    header = peek_header(path)
    nifti_file("a.nii", volume[:5])
    with pytest.raises(InputError, match="changed while it was read"):
        read_stored(header)
