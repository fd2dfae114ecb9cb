"""Phantoms in every data set's own layout: names, types, headers and label numbers exactly as distributed.

For tests and the demo. Written with the file libraries directly, so they check our readers rather than follow them.
"""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gliascope.datasets.phantom_files import (
    renumbered,
    write_brats_study,
    write_figshare_mat,
    write_nifti,
    write_slice_h5,
)
from gliascope.datasets.phantom_picture import PLANES, phantom_picture
from gliascope.datasets.phantom_study import Study, phantom_study
from gliascope.errors import ConfigError
from gliascope.labels import TUMOR_CLASSES


@dataclass(frozen=True)
class LayoutSize:
    """How many patients, how large their volumes and pictures, and which ones."""

    patients: int
    shape: tuple[int, int, int]
    size: int
    seed: int

    def study(self, patient: int, **options: str | bool) -> Study:
        """Return the study of one patient, counted from 0."""
        return phantom_study(self.seed * 100_003 + patient, self.shape, **options)  # type: ignore[arg-type]


def write_layout(
    name: str,
    root: Path,
    *,
    patients: int = 4,
    shape: tuple[int, int, int] = (24, 24, 24),
    size: int = 64,
    seed: int = 0,
) -> None:
    """Write phantoms below ``root`` as data set ``name`` has its files.

    Args:
        name: An adapter's name, or ``figshare-pictures`` for that data set's second layout.
        root: An empty or new folder.
        patients: Number of patients (pictures per class for ``kaggle-4class``).
        shape: Voxels per axis of volumes.
        size: Pixels per side of pictures.
        seed: Which patients.

    Raises:
        ConfigError: No such layout; the message lists the known ones.
    """
    if name not in LAYOUTS:
        raise ConfigError(f"unknown layout '{name}'", hint=f"Known: {', '.join(LAYOUTS)}.")
    root.mkdir(parents=True, exist_ok=True)
    LAYOUTS[name](root, LayoutSize(patients, shape, size, seed))


def write_phantom_studies(root: Path, *, patients: int, size: int, seed: int) -> None:
    """Write NIfTI studies ``P0001/P0001-t1n.nii.gz`` …, about two thirds as high as wide, as research scans are."""
    height = -(-size * 155 // 240 // 8) * 8
    for patient in range(patients):
        study = phantom_study(seed * 100_003 + patient, (size, size, max(8, height)))
        name = f"P{patient + 1:04d}"
        write_brats_study(root / name, name, study, separator="-", old_names=False, scheme="brats2023")


def write_phantom_pictures(root: Path, *, patients: int, size: int, seed: int) -> None:
    """Write three planes per patient with masks and ``manifest.csv``; the classes take turns."""
    rows = []
    for patient in range(patients):
        label = TUMOR_CLASSES[patient % len(TUMOR_CLASSES)]
        for plane in PLANES:
            gray, mask = phantom_picture(seed * 100_003 + patient, label, size, plane=plane)
            name = f"P{patient + 1:04d}_{plane}.png"
            _save(root / "images" / name, gray)
            _save(root / "masks" / name, mask * np.uint8(255))
            rows.append([f"images/{name}", f"P{patient + 1:04d}", "", label, "", f"masks/{name}"])
    _table(root / "manifest.csv", ["path", "patient", "group", "label", "split", "mask"], rows)


def _msd(root: Path, wanted: LayoutSize) -> None:
    training = []
    for number in range(wanted.patients):
        name = f"BRATS_{number + 1:03d}.nii.gz"
        study = wanted.study(number)
        image = np.stack([study.images[channel] for channel in ("t2f", "t1n", "t1c", "t2w")], axis=-1)
        write_nifti(root / "imagesTr" / name, image.astype(np.float32), study.affine)
        write_nifti(root / "labelsTr" / name, renumbered(study.tissues, "msd"), study.affine)
        training.append({"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"})
    tree = {
        "name": "BRATS",
        "description": "Gliomas segmentation tumour and oedema in on brain images",
        "reference": "https://www.med.upenn.edu/sbia/brats2017.html",
        "licence": "CC-BY-SA 4.0",
        "release": "2.0 04/05/2018",
        "tensorImageSize": "4D",
        "modality": {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"},
        "labels": {"0": "background", "1": "edema", "2": "non-enhancing tumor", "3": "enhancing tumour"},
        "numTraining": len(training),
        "numTest": 0,
        "training": training,
        "test": [],
    }
    (root / "dataset.json").write_text(json.dumps(tree, indent=1), encoding="utf-8")


def _brats2017(root: Path, wanted: LayoutSize) -> None:
    for number in range(wanted.patients):
        grade = "LGG" if number % 3 == 2 else "HGG"
        name = f"Brats18_TCIA{number + 1:02d}_{100 + number}_1"
        study = wanted.study(number, tumor="plain" if grade == "LGG" else "ring")
        write_brats_study(root / grade / name, name, study, separator="_", old_names=True, scheme="brats2017")


def _brats2021(root: Path, wanted: LayoutSize) -> None:
    for number in range(wanted.patients):
        name = f"BraTS2021_{number:05d}"
        study = wanted.study(number)
        write_brats_study(root / name, name, study, separator="_", old_names=True, scheme="brats2017")


def _brats2023(root: Path, wanted: LayoutSize) -> None:
    """Write one study per patient, and a second session of the first."""
    for number, session in [(0, 1), *((n, 0) for n in range(wanted.patients))]:
        name = f"BraTS-GLI-{number:05d}-{session:03d}"
        study = wanted.study(number)
        write_brats_study(root / name, name, study, separator="-", old_names=False, scheme="brats2023")


def _brats(root: Path, wanted: LayoutSize) -> None:
    for number in range(wanted.patients):
        old = number % 3 != 2
        name = (f"Brats18_2013_{number}_1", f"BraTS2021_{number:05d}", f"BraTS-GLI-{number:05d}-000")[number % 3]
        scheme = "brats2017" if old else "brats2023"
        study = wanted.study(number)
        write_brats_study(root / name, name, study, separator="_" if old else "-", old_names=old, scheme=scheme)


def _brats2020_slices(root: Path, wanted: LayoutSize) -> None:
    folder = root / "content" / "data"
    folder.mkdir(parents=True)
    for number in range(wanted.patients):
        study = wanted.study(number)
        for index in range(wanted.shape[2]):
            write_slice_h5(folder / f"volume_{number + 1}_slice_{index}.h5", study, index)


def _lgg(root: Path, wanted: LayoutSize) -> None:
    """Write patients with skull; every slice of the second one lacks its post-contrast sequence."""
    home = root / "kaggle_3m"
    rows = []
    for number in range(wanted.patients):
        patient = f"TCGA_{('CS', 'DU', 'HT')[number % 3]}_{4900 + number}"
        folder = home / f"{patient}_{19960909 + number}"
        study = phantom_study(
            wanted.seed * 100_003 + number, (wanted.size, wanted.size, wanted.shape[2]), tumor="plain", skull=True
        )
        planes = [study.images[channel] for channel in ("t1n", "t2f", "t2f" if number == 1 else "t1c")]
        color = np.stack([np.clip(p * (255 / np.percentile(p, 99.8)), 0, 255).astype(np.uint8) for p in planes], -1)
        for index in range(wanted.shape[2]):
            name = f"{folder.name}_{index + 1}"
            _save(folder / f"{name}.tif", _picture_of(color[:, :, index]))
            mask = (study.tissues[:, :, index] > 0).astype(np.uint8) * np.uint8(255)
            _save(folder / f"{name}_mask.tif", _picture_of(mask))
        rows.append([patient, "2", "1", "2", str(40 + number), "0"])
    columns = ["Patient", "histological_type", "neoplasm_histologic_grade", "gender"]
    _table(home / "data.csv", [*columns, "age_at_initial_pathologic", "death01"], rows)


def _kaggle_4class(root: Path, wanted: LayoutSize) -> None:
    short = {"glioma": "gl", "meningioma": "me", "pituitary": "pi", "no_tumor": "no"}
    seed = wanted.seed * 100_003
    for part, prefix, count in (("Training", "Tr", wanted.patients), ("Testing", "Te", max(1, wanted.patients // 4))):
        for label in TUMOR_CLASSES:
            folder = root / part / label.replace("_", "")
            for number in range(count):
                seed += 1
                gray, _ = phantom_picture(seed, label, wanted.size)
                _save(folder / f"{prefix}-{short[label]}_{number + 10:04d}.jpg", gray)


def _figshare(root: Path, wanted: LayoutSize) -> None:
    """Write three slices per patient as MATLAB files, the classes taking turns."""
    for index, (label, patient, gray, mask) in enumerate(_figshare_slices(wanted)):
        write_figshare_mat(root / f"{index + 1}.mat", gray, mask, label=label, patient=f"{100360 + patient}")


def _figshare_pictures(root: Path, wanted: LayoutSize) -> None:
    rows = []
    numbers = {"meningioma": "1", "glioma": "2", "pituitary": "3"}
    for index, (label, patient, gray, mask) in enumerate(_figshare_slices(wanted), start=1):
        _save(root / "images" / f"{index}.jpg", gray)
        fold = patient % 5 + 1
        kept_back = fold == 5
        if not kept_back:
            _save(root / "masks" / f"{index}.png", mask * np.uint8(255))
        mask_cell = "" if kept_back else f"masks/{index}.png"
        rows.append([str(index), f"images/{index}.jpg", mask_cell, numbers[label], label, str(fold)])
    _table(root / "labels.csv", ["index", "image", "mask", "label", "tumor", "fold"], rows)


def _figshare_slices(wanted: LayoutSize) -> list[tuple[str, int, NDArray[np.uint8], NDArray[np.uint8]]]:
    classes = [label for label in TUMOR_CLASSES if label != "no_tumor"]
    slices = []
    for patient in range(wanted.patients):
        label = classes[patient % len(classes)]
        for plane in PLANES:
            gray, mask = phantom_picture(wanted.seed * 100_003 + patient, label, wanted.size, plane=plane)
            slices.append((label, patient, gray, mask))
    return slices


def _folder(root: Path, wanted: LayoutSize) -> None:
    write_phantom_pictures(root, patients=wanted.patients, size=wanted.size, seed=wanted.seed)


def _phantom(root: Path, wanted: LayoutSize) -> None:
    """Write nothing: the phantom data set fills its folder itself."""


LAYOUTS: dict[str, Callable[[Path, LayoutSize], None]] = {
    "msd-task01": _msd,
    "brats": _brats,
    "brats2017": _brats2017,
    "brats2021": _brats2021,
    "brats2023": _brats2023,
    "brats2020-slices": _brats2020_slices,
    "lgg": _lgg,
    "kaggle-4class": _kaggle_4class,
    "figshare": _figshare,
    "figshare-pictures": _figshare_pictures,
    "folder": _folder,
    "phantom": _phantom,
}
"""What ``write_layout`` can write."""


def _picture_of(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn an axial RAS plane into rows from anterior and columns from the patient's right."""
    return np.ascontiguousarray(np.swapaxes(plane[::-1, ::-1], 0, 1))


def _save(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _table(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
