from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.errors import GeometryError, UsageError
from gliascope.files import nifti
from gliascope.labels import SCHEMES
from gliascope.scan import Grid, LabelMap

MakeFile = Callable[..., Path]
SCHEME = SCHEMES["brats2023"]
OBLIQUE = np.array([[0.0, 0.9, -0.3, 4], [-1.1, 0, 0, 20], [0, 0.3, 0.9, -7], [0, 0, 0, 1]])


def labels(shape: tuple[int, ...] = (10, 9, 8)) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 4, shape).astype(np.uint8)


@pytest.mark.parametrize("name", ["mask.nii", "mask.nii.gz"])
def test_a_label_map_returns_to_the_grid_of_its_file(nifti_file: MakeFile, tmp_path: Path, name: str) -> None:
    source = nifti_file("seg.nii", labels(), OBLIQUE)
    label_map = nifti.read_label_map(source, SCHEME)
    nifti.write_label_map(tmp_path / name, label_map)
    written: Any = nib.load(tmp_path / name)
    assert np.array_equal(np.asanyarray(written.dataobj), labels())
    assert np.allclose(written.affine, OBLIQUE, atol=1e-5)
    assert written.get_data_dtype() == np.uint8
    assert int(written.header["sform_code"]) == int(written.header["qform_code"]) == 1
    assert written.header.get_xyzt_units()[0] == "mm"
    again = nifti.read_label_map(tmp_path / name, SCHEME)
    assert np.array_equal(again.array, label_map.array)
    assert again.grid.difference(label_map.grid) == ""
    assert again.notices == ()


def test_the_same_map_gives_the_same_bytes(nifti_file: MakeFile, tmp_path: Path) -> None:
    label_map = nifti.read_label_map(nifti_file("seg.nii", labels()), SCHEME)
    for name in ("a.nii.gz", "b.nii.gz"):
        nifti.write_label_map(tmp_path / name, label_map)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    assert (tmp_path / "a.nii.gz").read_bytes()[4:8] == bytes(4)  # no time stamp


def test_a_volume_of_probabilities(nifti_file: MakeFile, tmp_path: Path) -> None:
    scan = nifti.read_scan({"t1n": nifti_file("a.nii", labels())})
    values = np.random.default_rng(2).random(scan.grid.shape).astype(np.float32)
    nifti.write_volume(tmp_path / "p.nii.gz", values, grid=scan.grid, stored=scan.stored)
    again = nifti.read_scan({"t1n": tmp_path / "p.nii.gz"})
    assert np.array_equal(again.array[0], values)
    assert again.stored is not None
    assert scan.stored is not None
    assert again.stored.difference(scan.stored) == ""


def test_sheared_affines_keep_the_sform_alone(tmp_path: Path) -> None:
    sheared = np.array([[1.0, 0.4, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    grid = Grid.from_affine((10, 9, 8), sheared)
    nifti.write_label_map(tmp_path / "a.nii", LabelMap(labels(), SCHEME, grid))
    again = nifti.read_label_map(tmp_path / "a.nii", SCHEME)
    assert again.notices == ()
    assert again.grid.difference(grid) == ""


@pytest.mark.parametrize("spacing", [None, (0.5, 0.5, 4.0)])
def test_stacks_of_pictures_claim_no_position(tmp_path: Path, spacing: tuple[float, ...] | None) -> None:
    stack = LabelMap(labels(), SCHEME, Grid((10, 9, 8), None, spacing))
    nifti.write_label_map(tmp_path / "a.nii.gz", stack)
    again = nifti.read_label_map(tmp_path / "a.nii.gz", SCHEME)
    assert np.array_equal(again.array, stack.array)
    assert again.grid.affine is None
    assert again.grid.spacing_mm == spacing


def test_what_cannot_be_written(tmp_path: Path) -> None:
    grid = Grid.from_affine((10, 9, 8), np.eye(4))
    label_map = LabelMap(labels(), SCHEME, grid)
    with pytest.raises(UsageError, match=r"not named \.nii"):
        nifti.write_label_map(tmp_path / "a.png", label_map)
    with pytest.raises(GeometryError, match="no volume"):
        nifti.write_label_map(tmp_path / "a.nii", LabelMap(labels((10, 9)), SCHEME, Grid((10, 9))))
    elsewhere = Grid.from_affine((10, 9, 8), np.diag([1.0, 1, 3, 1]))
    with pytest.raises(GeometryError, match="not the one of the file"):
        nifti.write_label_map(tmp_path / "a.nii", LabelMap(labels(), SCHEME, grid, elsewhere))
    assert list(tmp_path.iterdir()) == []
