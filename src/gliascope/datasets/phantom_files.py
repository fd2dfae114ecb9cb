"""One phantom study or slice on disk, exactly as the data sets store it."""

from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from gliascope.datasets.phantom_study import Study
from gliascope.labels import SCHEMES, Tissue

_OLD_NAMES = {"t1n": "t1", "t1c": "t1ce", "t2w": "t2", "t2f": "flair"}
_MATLAB_HEADER = b"MATLAB 7.3 MAT-file, Platform: PCWIN64, Created on: Thu Jan 01 00:00:00 2015 HDF5 schema 1.00 ."
_CLASS_NUMBERS = {"meningioma": 1, "glioma": 2, "pituitary": 3}


def renumbered(tissues: NDArray[np.uint8], scheme: str) -> NDArray[np.uint8]:
    """Translate label numbers of scheme ``brats2023`` into another scheme's."""
    table = np.zeros(256, dtype=np.uint8)
    for value, tissue in SCHEMES["brats2023"].tissues.items():
        table[value] = SCHEMES[scheme].value_of(tissue)
    return table[tissues]


def write_nifti(path: Path, array: NDArray[np.generic], affine: NDArray[np.float64]) -> None:
    """Write one NIfTI-1 file with sform and qform set and mm as unit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(array, affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


def write_brats_study(folder: Path, name: str, study: Study, *, separator: str, old_names: bool, scheme: str) -> None:
    """Write int16 images and a mask, stored as BraTS stores them: first axis to the left, second to posterior."""
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    flip[:2, 3] = [study.tissues.shape[0] - 1, study.tissues.shape[1] - 1]
    affine = study.affine @ flip
    for channel, image in study.images.items():
        suffix = _OLD_NAMES[channel] if old_names else channel
        stored = np.round(image[::-1, ::-1]).astype(np.int16)
        write_nifti(folder / f"{name}{separator}{suffix}.nii.gz", stored, affine)
    labels = renumbered(study.tissues, scheme)[::-1, ::-1]
    # the masks of 2023 are floating point on disk, the older ones whole numbers
    stored_labels = labels.astype(np.uint8 if old_names else np.float32)
    write_nifti(folder / f"{name}{separator}seg.nii.gz", stored_labels, affine)


def write_slice_h5(path: Path, study: Study, index: int) -> None:
    """Write one axial slice with ``image`` (I, J, 4) float64, standardized, and ``mask`` (I, J, 3) uint8."""
    planes = []
    for channel in ("t1n", "t1c", "t2w", "t2f"):
        volume = study.images[channel]
        head = volume[volume > 0]
        plane = np.where(volume[:, :, index] > 0, (volume[:, :, index] - head.mean()) / head.std(), 0.0)
        planes.append(plane[::-1, ::-1].astype(np.float64))
    scheme = SCHEMES["brats2023"]
    values = [scheme.value_of(tissue) for tissue in (Tissue.NCR, Tissue.ED, Tissue.ET)]
    labels = study.tissues[::-1, ::-1, index]
    with h5py.File(path, "w") as file:
        file["image"] = np.stack(planes, axis=-1)
        file["mask"] = np.stack([(labels == value).astype(np.uint8) for value in values], axis=-1)


def write_figshare_mat(
    path: Path, pixels: NDArray[np.uint8], mask: NDArray[np.uint8], *, label: str, patient: str
) -> None:
    """Write a MATLAB v7.3 file: struct ``cjdata`` in HDF5 behind MATLAB's own 512 bytes, arrays column by column."""
    rows, columns = np.nonzero(mask)
    border = np.stack([rows, columns], axis=1).astype(np.float64).reshape(1, -1)
    with h5py.File(path, "w", userblock_size=512) as file:
        group = file.create_group("cjdata")
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        arrays: dict[str, tuple[NDArray[np.generic], str]] = {
            "label": (np.array([[_CLASS_NUMBERS[label]]], dtype=np.float64), "double"),
            "PID": (np.array([[ord(letter)] for letter in patient], dtype=np.uint16), "char"),
            "image": (pixels.T.astype(np.int16) * np.int16(16), "int16"),
            "tumorBorder": (border, "double"),
            "tumorMask": (mask.T.astype(np.uint8), "logical"),
        }
        for name, (array, kind) in arrays.items():
            group[name] = array
            group[name].attrs["MATLAB_class"] = np.bytes_(kind)
            if kind in ("char", "logical"):
                group[name].attrs["MATLAB_int_decode"] = np.int32(2 if kind == "char" else 1)
    with path.open("r+b") as raw:
        raw.write(_MATLAB_HEADER.ljust(116) + b"\0" * 8 + b"\x00\x02IM")
