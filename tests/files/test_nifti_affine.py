from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.errors import GeometryError
from gliascope.files import nifti

MakeFile = Callable[..., Path]
Volume = NDArray[np.int16]
ROWS = {"srow_x": [-1.0, 0, 0, 7], "srow_y": [0, -1.2, 0, 9], "srow_z": [0, 0, 2.0, -5]}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"srow_x": [1.0, 0, 0, -2]}, "E_ORIENTATION"),  # fault 21: left and right
        ({"srow_x": [0, -1.0, 0, 7], "srow_y": [-1.2, 0, 0, 9]}, "E_ORIENTATION"),
        ({"pixdim": [1, 0, 1.2, 2, 0, 0, 0, 0]}, "E_VOXEL_SIZE"),  # fault 26
        ({"pixdim": [1, 1, -1.2, 2, 0, 0, 0, 0]}, "E_VOXEL_SIZE"),  # fault 27
        ({"pixdim": [1, 1, np.nan, 2, 0, 0, 0, 0]}, "E_VOXEL_SIZE"),
        ({"qform_code": 0, "srow_y": [0, 0, 0, 0]}, "E_AFFINE"),  # fault 28
        ({"qform_code": 0, "srow_y": [-1.0, 0, 0, 0]}, "E_AFFINE"),
        ({"qform_code": 0, "srow_y": [0, np.nan, 0, 0]}, "E_AFFINE"),  # fault 29
        ({"qform_code": 0, "srow_y": [0, 1e30, 0, 0]}, "E_VOXEL_SIZE"),
        ({"qform_code": 0, "srow_x": [-1.0, 0, 0, 1e9]}, "E_AFFINE"),
        ({"sform_code": 0, "quatern_b": np.nan}, "E_AFFINE"),
        ({"sform_code": 0, "quatern_b": 1.0, "quatern_c": 1.0}, "E_AFFINE"),
        ({"sform_code": 0, "qoffset_x": np.inf}, "E_AFFINE"),
        ({"xyzt_units": 1}, "E_UNITS"),  # fault 30
        ({"xyzt_units": 3 | 8}, "E_UNITS"),
        ({"sform_code": 0, "qform_code": 0, "pixdim": [1, 1e-6, 1, 1, 0, 0, 0, 0]}, "E_VOXEL_SIZE"),
    ],
)
def test_positions_that_cannot_be_trusted(
    nifti_file: MakeFile, volume: Volume, fields: dict[str, Any], code: str
) -> None:
    path = nifti_file("a.nii", volume, **fields)
    with pytest.raises(GeometryError) as caught:
        nifti.read_scan({"t1n": path})
    assert caught.value.code == code
    assert caught.value.file == str(path)
    with pytest.raises(GeometryError):
        nifti.peek(path)


def test_axis_directions_are_spelled_out(nifti_file: MakeFile, volume: Volume) -> None:
    path = nifti_file("a.nii", volume, srow_x=[1.0, 0, 0, -2])
    with pytest.raises(GeometryError, match="RPS by the sform and LPS by the qform"):
        nifti.peek(path)


@pytest.mark.parametrize("only", ["sform_code", "qform_code"])
def test_one_of_the_two_is_enough(nifti_file: MakeFile, volume: Volume, only: str) -> None:
    both = nifti.peek(nifti_file("a.nii", volume))
    code = "sform_code" if only == "qform_code" else "qform_code"
    assert both.difference(nifti.peek(nifti_file("b.nii", volume, **{code: 0}))) == ""


def test_a_position_of_code_zero_is_ignored(nifti_file: MakeFile, volume: Volume) -> None:
    grid = nifti.peek(nifti_file("a.nii", volume, sform_code=0, srow_x=[0.0, 0, 0, 0]))
    assert grid.spacing_mm == pytest.approx((1.0, 1.2, 2.0))


def test_a_mirror_flag_of_zero_counts_as_one(nifti_file: MakeFile, volume: Volume) -> None:
    fields = {"sform_code": 0, "pixdim": [0, 1, 1.2, 2, 0, 0, 0, 0]}
    assert nifti.peek(nifti_file("a.nii", volume)).difference(nifti.peek(nifti_file("b.nii", volume, **fields))) == ""


def test_small_disagreement_is_rounding(nifti_file: MakeFile, volume: Volume) -> None:
    scan = nifti.read_scan({"t1n": nifti_file("a.nii", volume, qoffset_x=7.05)})
    assert scan.notices == ()


def test_a_shift_between_the_two_is_noticed_and_the_sform_counts(nifti_file: MakeFile, volume: Volume) -> None:
    scan = nifti.read_scan({"t1n": nifti_file("a.nii", volume, qoffset_x=20.0)})
    assert [notice.code for notice in scan.notices] == ["W_TWO_POSITIONS"]
    assert scan.stored is not None
    assert scan.stored.affine is not None
    assert scan.stored.affine[0, 3] == 7


def test_unknown_orientation_keeps_the_stored_order(nifti_file: MakeFile, volume: Volume) -> None:  # fault 22
    scan = nifti.read_scan({"t1n": nifti_file("a.nii", volume, sform_code=0, qform_code=0)})
    assert [notice.code for notice in scan.notices] == ["W_ORIENTATION_UNKNOWN"]
    assert scan.grid.affine is None
    assert scan.grid.spacing_mm == pytest.approx((1.0, 1.2, 2.0))
    assert np.array_equal(scan.array[0], volume)


def test_a_header_nobody_filled_in_says_no_size(nifti_file: MakeFile, volume: Volume) -> None:
    fields = {"sform_code": 0, "qform_code": 0, "xyzt_units": 0, "pixdim": [1, 1, 1, 1, 1, 1, 1, 1]}
    assert nifti.peek(nifti_file("a.nii", volume, **fields)).spacing_mm is None


def test_known_and_unknown_orientation_do_not_mix(nifti_file: MakeFile, volume: Volume) -> None:
    files = {"t1n": nifti_file("a.nii", volume), "t2f": nifti_file("b.nii", volume, sform_code=0, qform_code=0)}
    with pytest.raises(GeometryError, match="how it lies in space") as caught:
        nifti.read_scan(files)
    assert caught.value.code == "E_GRID"


def test_voxel_sizes_that_contradict_are_noticed(nifti_file: MakeFile, volume: Volume) -> None:
    fields = {"qform_code": 0, "pixdim": [1, 3, 3, 3, 0, 0, 0, 0], **ROWS}
    (notice,) = nifti.read_scan({"t1n": nifti_file("a.nii", volume, **fields)}).notices
    assert notice.code == "W_VOXEL_SIZE"
    assert "3 x 3 x 3 mm" in notice.text
    assert "1 x 1.2 x 2 mm" in notice.text
