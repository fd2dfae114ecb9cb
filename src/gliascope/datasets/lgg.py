"""Buda's lower-grade glioma set (Kaggle): RGB TIFF slices and binary masks per patient."""

import csv
import re
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from gliascope.case import Case, Picture, PictureStack
from gliascope.datasets.card import DatasetCard
from gliascope.datasets.listing import entries, find_home
from gliascope.errors import InputError
from gliascope.labels import SCHEMES
from gliascope.settings import Settings

LGG_CHANNELS: tuple[str, ...] = ("t1n", "t2f", "t1c")
"""What red, green and blue show: pre-contrast, FLAIR, post-contrast."""
LGG_NAME = re.compile(r"(TCGA_[A-Z0-9]{2}_[A-Z0-9]{4})_(\d{8})_(\d+)\.tif", re.IGNORECASE)


class LggSettings(Settings):
    """One case per slice, or per patient as a stack of slices."""

    name: Literal["lgg"] = "lgg"
    volumes: bool = False
    """Stack a patient's slices into one volume instead of one case per slice."""
    turned: bool = False
    """Volumes lie as studies of NIfTI files do, to learn from both: each slice is given half a turn."""
    slice_labels: bool = False
    """Read every mask and label the slice glioma or no_tumor; otherwise slices carry no class."""

    @model_validator(mode="after")
    def _check_turned(self) -> Self:
        if self.turned and not self.volumes:
            raise ValueError("turned belongs to volumes = true")
        return self

    card: ClassVar[DatasetCard] = DatasetCard(
        name="lgg",
        title="LGG Segmentation Dataset (Kaggle, mateuszbuda)",
        tasks=("segment", "classify"),
        licence="CC BY-NC-SA 4.0",
        link="https://www.kaggle.com/datasets/mateuszbuda/lgg-mri-segmentation",
        citation="Buda, Saha, Mazurowski 2019, Comput. Biol. Med. 109:218, doi:10.1016/j.compbiomed.2019.05.002",
        scheme="lgg",
        channels=LGG_CHANNELS,
        classes=(),
        patient_identity="The folder's TCGA number, TCGA_xx_xxxx.",
        known_faults=(
            "About one slice in ten lacks a sequence; FLAIR stands in its place (R = G = B or G = B).",
            "Voxel size and orientation are lost, so stacks carry no millimetres.",
            "Patients of TCGA-LGG are also in BraTS.",
        ),
        layout="kaggle_3m/TCGA_xx_xxxx_yyyymmdd/TCGA_xx_xxxx_yyyymmdd_<n>.tif and …_<n>_mask.tif; data.csv.",
    )

    def cases(self, root: Path) -> list[Case]:
        """List slices or volumes.

        Raises:
            InputError: No patient folder is there, a slice has no mask, or ``data.csv`` is damaged.
        """
        home = find_home(root, self.card, _holds_patients)
        clinical = _clinical(home / "data.csv")
        cases: list[Case] = []
        for folder in entries(home)[1]:
            slices = _slices(folder)
            if not slices:
                continue
            patient = folder.name[:12].upper()
            facts = clinical.get(patient, {})
            if self.volumes:
                numbers = sorted(slices)
                paths, masks = (tuple(slices[n][side] for n in numbers) for side in (0, 1))
                source = PictureStack(paths, masks, LGG_CHANNELS, turned=self.turned)
                case = Case(folder.name, source, patient, "glioma", SCHEMES["lgg"], facts=facts)
                cases.append(case)
            else:
                cases += [self._slice(path, mask, n, patient, facts) for n, (path, mask) in slices.items()]
        if not cases:
            raise self.card.wrong_layout(root, "its patient folders hold no slices")
        return sorted(cases, key=lambda case: case.id)

    def _slice(self, path: Path, mask: Path, number: int, patient: str, facts: dict[str, str]) -> Case:
        source = Picture(path, mask, LGG_CHANNELS)
        label = None
        if self.slice_labels:
            reference = source.read_reference(SCHEMES["lgg"])
            label = "glioma" if reference is not None and reference.array.any() else "no_tumor"
        return Case(path.stem, source, patient, label, SCHEMES["lgg"], facts={**facts, "slice": str(number)})


def _holds_patients(folder: Path) -> bool:
    return any(re.fullmatch(r"TCGA_\w{2}_\w{4}_\d{8}", inner.name, re.IGNORECASE) for inner in entries(folder)[1])


def _slices(folder: Path) -> dict[int, tuple[Path, Path]]:
    """Return image and mask of every slice number."""
    files = entries(folder)[0]
    masks = {path.name.lower(): path for path in files if path.stem.lower().endswith("_mask")}
    slices: dict[int, tuple[Path, Path]] = {}
    for path in files:
        match = LGG_NAME.fullmatch(path.name)
        if match is None:
            continue
        mask = masks.get(f"{path.stem}_mask{path.suffix}".lower())
        if mask is None:
            raise InputError("has no mask beside it", file=path, hint=f"Expected {path.stem}_mask.tif.")
        slices[int(match[3])] = (path, mask)
    return slices


def _clinical(path: Path) -> dict[str, dict[str, str]]:
    """Return the clinical columns by patient; empty where the table is not there."""
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as fault:
        raise InputError(f"cannot be read as a table ({fault})", file=path, hint="Copy the data set again.") from fault
    if rows and "Patient" not in rows[0]:
        raise InputError("has no column 'Patient'", file=path, hint="Copy the data set again.")
    return {row["Patient"]: {k: v for k, v in row.items() if k and v and k != "Patient"} for row in rows}
