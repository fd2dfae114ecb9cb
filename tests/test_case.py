import hashlib
from collections.abc import Callable
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from gliascope.case import (
    BratsSlice,
    Case,
    FigshareMat,
    NiftiChannels,
    NiftiFiles,
    Picture,
    PictureStack,
    Source,
    sha256_of,
)
from gliascope.errors import GeometryError, InputError, LabelError
from gliascope.labels import SCHEMES

MRI = ("t1n", "t2f", "t1c")
VALUES = np.arange(8 * 9 * 10, dtype=np.int16).reshape(8, 9, 10)
LABELS = (VALUES % 4 == 1).astype(np.uint8)
ROWS = np.arange(12 * 10, dtype=np.uint8).reshape(12, 10)


def save_volume(path: Path, array: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]", shift: float = 0) -> Path:
    affine = np.eye(4)
    affine[0, 3] = shift
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


def save_rows(path: Path, rows: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> Path:
    Image.fromarray(rows).save(path)
    return path


def nifti_files(root: Path) -> Source:
    files = {"t1n": save_volume(root / "t1.nii", VALUES), "t2f": save_volume(root / "flair.nii", VALUES[::-1])}
    return NiftiFiles(files, save_volume(root / "seg.nii", LABELS))


def nifti_channels(root: Path) -> Source:
    path = save_volume(root / "all.nii", np.stack([VALUES, VALUES + 1, VALUES + 2], axis=-1))
    return NiftiChannels(path, MRI, save_volume(root / "seg.nii", LABELS))


def one_picture(root: Path) -> Source:
    return Picture(save_rows(root / "a.png", ROWS), save_rows(root / "m.png", (ROWS > 9).astype(np.uint8)))


def stack(root: Path) -> Source:
    paths = tuple(save_rows(root / f"a_{k}.png", np.dstack([ROWS, ROWS + k, 255 - ROWS])) for k in range(3))
    masks = tuple(save_rows(root / f"m_{k}.png", (k < ROWS).astype(np.uint8)) for k in range(3))
    return PictureStack(paths, masks, MRI, (1.0, 1.0, 5.0))


def brats_slice(root: Path) -> Source:
    with h5py.File(root / "a.h5", "w") as file:
        file["image"] = np.random.default_rng(0).normal(size=(12, 10, 3))
        file["mask"] = np.zeros((12, 10, 3), dtype=np.uint8)
    return BratsSlice(root / "a.h5", MRI)


def figshare(root: Path) -> Source:
    with h5py.File(root / "1.mat", "w") as file:
        file["cjdata/image"] = ROWS.astype(np.int16)
        file["cjdata/tumorMask"] = (ROWS > 100).astype(np.uint8)
    return FigshareMat(root / "1.mat")


SOURCES = [nifti_files, nifti_channels, one_picture, stack, brats_slice, figshare]


@pytest.mark.parametrize("make", SOURCES)
def test_every_source_reads_images_and_reference_on_one_grid(tmp_path: Path, make: Callable[[Path], Source]) -> None:
    scheme = SCHEMES["brats2017"] if make in (nifti_files, nifti_channels, brats_slice) else SCHEMES["lgg"]
    case = Case("a", make(tmp_path), scheme=scheme)
    assert case.has_reference
    scan, reference = case.read_pair()
    assert reference.array.shape == scan.grid.shape
    assert reference.scheme is scheme
    assert np.array_equal(scan.array, case.read().array)
    assert case.paths == tuple(dict.fromkeys(case.paths))
    assert all(path.is_file() for path in case.paths)


def without_reference(source: Source) -> Source:
    match source:
        case NiftiFiles():
            return NiftiFiles(source.files)
        case NiftiChannels():
            return NiftiChannels(source.path, source.channels)
        case Picture():
            return Picture(source.path)
        case _:
            return PictureStack(tuple(source.files.values()))


@pytest.mark.parametrize("make", [nifti_files, nifti_channels, one_picture, stack])
def test_a_source_without_reference(tmp_path: Path, make: Callable[[Path], Source]) -> None:
    case = Case("a", without_reference(make(tmp_path)))
    assert not case.has_reference
    assert case.read_reference() is None
    with pytest.raises(InputError, match="a: has no reference mask") as caught:
        case.read_pair()
    assert caught.value.code == "E_REFERENCE"


def test_a_reference_elsewhere_is_refused(tmp_path: Path) -> None:
    files = {"t1n": save_volume(tmp_path / "t1.nii", VALUES)}
    case = Case("a", NiftiFiles(files, save_volume(tmp_path / "seg.nii", LABELS, 15)), scheme=SCHEMES["brats2017"])
    with pytest.raises(GeometryError, match=r"seg\.nii: is not on the grid of its images") as caught:
        case.read_pair()
    assert caught.value.code == "E_GRID"


def test_the_scheme_named_by_the_user_goes_first(tmp_path: Path) -> None:
    labels = LABELS.copy()
    labels[0, 0, 0] = 4
    source = NiftiFiles({"t1n": tmp_path / "t1.nii"}, save_volume(tmp_path / "seg.nii", labels))
    case = Case("a", source, scheme=SCHEMES["brats2024"])
    with pytest.raises(LabelError, match="label 4 without any 3"):
        case.read_reference()
    reference = case.read_reference(scheme=SCHEMES["brats2017"])
    assert reference is not None
    assert reference.region("ET").sum() == 1


def test_the_content_hash_knows_bytes_and_roles(tmp_path: Path) -> None:
    first, second = tmp_path / "x", tmp_path / "y"
    first.write_bytes(b"1")
    second.write_bytes(b"2")
    case = Case("a", NiftiFiles({"t1n": first, "t2f": second}))
    swapped = Case("a", NiftiFiles({"t1n": second, "t2f": first}))
    assert len(case.content_hash()) == 64
    assert case.content_hash() == Case("b", NiftiFiles({"t1n": first, "t2f": second})).content_hash()
    assert case.content_hash() != swapped.content_hash()
    assert case.content_hash() != Case("a", NiftiFiles({"t1n": first}, second)).content_hash()
    before = case.content_hash()
    second.write_bytes(b"3")
    assert case.content_hash() != before
    assert sha256_of(first) == hashlib.sha256(b"1").hexdigest()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.nii: does not exist"):
        Case("a", NiftiFiles({"t1n": tmp_path / "none.nii"})).read()
