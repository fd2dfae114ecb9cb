"""Cheng's T1 contrast-enhanced slices (figshare): three tumor classes with masks, as ``.mat`` or as pictures."""

from pathlib import Path
from typing import ClassVar, Literal

from gliascope.case import Case, FigshareMat, Picture
from gliascope.datasets.card import DatasetCard
from gliascope.datasets.listing import entries, find_home, walk
from gliascope.datasets.table import Row, inner_path, read_table
from gliascope.errors import InputError
from gliascope.files import hdf5
from gliascope.labels import SCHEMES
from gliascope.settings import Settings

_CLASS_OF_NUMBER = {"1": "meningioma", "2": "glioma", "3": "pituitary"}
_TABLE = "labels.csv"


class FigshareSettings(Settings):
    """Reads the layout it finds: ``labels.csv`` with pictures, or the original MATLAB files."""

    name: Literal["figshare"] = "figshare"

    card: ClassVar[DatasetCard] = DatasetCard(
        name="figshare",
        title="Brain tumor dataset (figshare, Jun Cheng)",
        tasks=("classify", "segment"),
        licence="CC BY 4.0",
        link="https://doi.org/10.6084/m9.figshare.1512427",
        citation="Cheng et al. 2015, PLoS ONE 10:e0140381, doi:10.1371/journal.pone.0140381",
        scheme="figshare",
        channels=("t1c",),
        classes=("glioma", "meningioma", "pituitary"),
        patient_identity="PID in the .mat files; in the picture layout only the author's fold separates patients.",
        known_faults=(
            "No pictures without a tumor.",
            "Consecutive numbers run class by class and patient by patient: never split by number.",
            "In the picture layout some masks may be kept back; such cases have no reference.",
        ),
        layout="1.mat … 3064.mat, or images/<n>.jpg, masks/<n>.png and labels.csv (index,image,mask,label,tumor,fold).",
    )

    def cases(self, root: Path) -> list[Case]:
        """List the slices.

        Raises:
            InputError: Neither layout is there, a row of ``labels.csv`` is wrong (with its line), or a ``.mat`` file
                is damaged.
        """
        home = find_home(root, self.card, lambda f: (f / _TABLE).is_file() or bool(_mat_files(f)), depth=1)
        if (home / _TABLE).is_file():
            return sorted(_picture_cases(home), key=lambda case: case.id)
        files = [path for folder in walk(home, depth=1) for path in _mat_files(folder)]
        return sorted((_mat_case(path) for path in files), key=lambda case: case.id)


def _mat_files(folder: Path) -> list[Path]:
    return [path for path in entries(folder)[0] if path.suffix.lower() == ".mat" and path.stem.isdecimal()]


def _mat_case(path: Path) -> Case:
    facts = hdf5.read_figshare_facts(path)
    return Case(
        f"{int(path.stem):04d}",
        FigshareMat(path),
        patient=facts["PID"],
        label=facts["label"],
        scheme=SCHEMES["figshare"],
    )


def _picture_cases(home: Path) -> list[Case]:
    table = home / _TABLE
    seen: dict[str, int] = {}
    cases = []
    for row in read_table(table, ("index", "image", "mask", "label", "tumor", "fold")):
        index = row.cells["index"]
        if not index.isdecimal() or index in seen:
            cause = (
                f"index '{index}' is no number" if index not in seen else f"index {index} is on line {seen[index]} too"
            )
            raise InputError(f"line {row.line}: {cause}", file=table, code="E_MANIFEST")
        seen[index] = row.line
        image = inner_path(row, "image", table=table, root=home)
        mask = inner_path(row, "mask", table=table, root=home) if row.cells["mask"] else None
        fold = row.cells["fold"]
        cases.append(
            Case(
                f"{int(index):04d}",
                Picture(image, mask, ("t1c",)),
                label=_label(row, table),
                scheme=SCHEMES["figshare"],
                group=f"fold{fold}" if fold else None,
                facts={"fold": fold} if fold else {},
            )
        )
    return cases


def _label(row: Row, table: Path) -> str:
    label = _CLASS_OF_NUMBER.get(row.cells["label"])
    if label is None or row.cells["tumor"] not in (label, ""):
        cause = f"line {row.line}: label '{row.cells['label']}' with tumor '{row.cells['tumor']}'"
        hint = "Expected 1 meningioma, 2 glioma or 3 pituitary."
        raise InputError(cause, file=table, hint=hint, code="E_MANIFEST")
    return label
