"""Real images: every reader on what the world sends."""

import csv
import time
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from gliascope.errors import GeometryError, LabelError
from gliascope.files import nifti, picture
from gliascope.labels import SCHEMES
from gliascope.scan import MRI_CHANNELS

pytestmark = pytest.mark.data
OLD_NAMES = {"t1n": "t1", "t1c": "t1ce", "t2w": "t2", "t2f": "flair"}


def brats_files(root: Path, patient: str) -> dict[str, Path]:
    return {new: root / "brats" / patient / f"{patient}_{old}.nii.gz" for new, old in OLD_NAMES.items()}


def test_a_brats_patient(data_root: Path) -> None:
    files = brats_files(data_root, "BraTS2021_01476")
    start = time.monotonic()
    scan = nifti.read_scan(files)
    assert time.monotonic() - start < 10  # 0.2 s on two idle cores; this only catches a hang
    assert scan.channels == MRI_CHANNELS
    assert scan.array.shape == (4, 240, 240, 155)
    assert scan.notices == ()
    assert scan.grid.spacing_mm == (1.0, 1.0, 1.0)
    reference: Any = nib.as_closest_canonical(nib.load(files["t2f"]))
    assert np.array_equal(scan.array[3], reference.get_fdata(dtype=np.float32))
    assert np.allclose(np.asarray(scan.grid.affine), reference.affine)


def test_brats_labels_of_two_years(data_root: Path, tmp_path: Path) -> None:
    old = data_root / "brats" / "BraTS2021_01476" / "BraTS2021_01476_seg.nii.gz"
    new = data_root / "brats" / "BraTS-GLI-00000-000" / "BraTS-GLI-00000-000-seg.nii.gz"  # stored as float32
    label_map = nifti.read_label_map(old, SCHEMES["brats2017"])
    assert nifti.read_label_map(new, SCHEMES["brats2023"]).region("ET").any()
    with pytest.raises(LabelError, match="brats2017"):
        nifti.read_label_map(old, SCHEMES["brats2023"])
    nifti.write_label_map(tmp_path / "mask.nii.gz", label_map)
    before: Any = nib.load(old)
    after: Any = nib.load(tmp_path / "mask.nii.gz")
    assert np.array_equal(np.asanyarray(before.dataobj), np.asanyarray(after.dataobj))
    assert np.allclose(before.affine, after.affine)


def test_a_label_map_with_a_qform_alone_lies_on_its_images(data_root: Path) -> None:
    folder = data_root / "brats" / "BraTS-GLI-00000-000"
    image = nifti.peek(folder / f"{folder.name}-t1c.nii.gz")
    assert image.difference(nifti.peek(folder / f"{folder.name}-seg.nii.gz")) == ""


def test_a_study_as_the_scanner_gives_it(data_root: Path) -> None:
    folder = data_root / "clinical" / "TCGA-FG-6692"
    files = {name: folder / f"{name}.nii.gz" for name in MRI_CHANNELS}
    with pytest.raises(GeometryError, match=r"t2w\.nii\.gz: is not on the grid of t1n\.nii\.gz") as caught:
        nifti.read_scan(files)
    assert caught.value.code == "E_GRID"
    scan = nifti.read_scan({"t2f": files["t2f"]})
    assert [notice.code for notice in scan.notices] == ["W_THICK_SLICES"]
    assert scan.stored is not None
    assert scan.stored.affine is not None
    assert "".join(nib.orientations.aff2axcodes(scan.stored.affine)) == "LAS"
    reference: Any = nib.as_closest_canonical(nib.load(files["t2f"]))
    assert np.array_equal(scan.array[0], reference.get_fdata(dtype=np.float32))


def test_a_stack_of_lgg_slices(data_root: Path) -> None:
    folder = data_root / "lgg-mri-segmentation" / "kaggle_3m" / "TCGA_CS_4941_19960909"
    masks = picture.stack_order(p.name for p in folder.glob("*_mask.tif"))
    images = picture.stack_order(p.name for p in folder.glob("*.tif") if "_mask" not in p.name)
    assert images is not None
    assert masks is not None
    assert images[9].endswith("_10.tif")
    assert [name.replace("_mask", "") for name in masks] == list(images)
    scan = picture.read_stack([folder / name for name in images], channels=("t1n", "t2f", "t1c"))
    assert scan.array.shape == (3, 256, 256, len(images))
    label_map = picture.read_mask_stack([folder / name for name in masks], SCHEMES["lgg"])
    assert label_map.array.shape == scan.array.shape[1:]
    assert np.unique(label_map.array).tolist() == [0, 1]
    inside = scan.array[1][label_map.array == 1].mean()
    assert inside > scan.array[1][label_map.array == 0].mean()  # FLAIR is bright in the tumor: the axes agree


def test_a_picture_of_each_of_the_four_classes(data_root: Path) -> None:
    root = data_root / "brain-tumor-mri-dataset" / "Testing"
    for name in ("glioma", "meningioma", "notumor", "pituitary"):
        path = min((root / name).iterdir())
        scan = picture.read_picture(path)
        assert scan.channels == ("gray",)
        assert 128 <= max(scan.grid.shape) <= 256


def test_the_png_that_is_named_jpg(data_root: Path) -> None:
    root = data_root / "brain-tumor-mri-dataset"
    (path,) = (p for p in root.rglob("*.jpg") if p.read_bytes().startswith(b"\x89PNG"))
    assert [notice.code for notice in picture.read_picture(path).notices] == ["W_FORMAT_NAME"]


def test_a_figshare_picture_and_its_mask(data_root: Path) -> None:
    root = data_root / "figshare"
    with (root / "labels.csv").open() as file:
        row = next(csv.DictReader(file))
    scan = picture.read_picture(root / row["image"], channels=("t1c",))
    label_map = picture.read_mask(root / row["mask"], SCHEMES["figshare"])
    assert scan.array.shape == (1, 256, 256)
    assert label_map.grid.shape == scan.grid.shape
    assert scan.array[0][label_map.array == 1].mean() > scan.array[0].mean()
