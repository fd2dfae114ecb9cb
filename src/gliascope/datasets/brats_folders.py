"""The folders of all BraTS years: one per study, one NIfTI file per contrast, named by a suffix.

Three namings are in use. The year decides what the label numbers mean, so the naming decides the scheme.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gliascope.case import Case, NiftiFiles
from gliascope.datasets.card import DatasetCard
from gliascope.datasets.listing import NIFTI_SUFFIXES, entries, has_suffix, stem_of, walk
from gliascope.errors import InputError
from gliascope.labels import SCHEMES
from gliascope.scan import MRI_CHANNELS

OLD_SUFFIXES: Mapping[str, str] = {"t1": "t1n", "t1ce": "t1c", "t2": "t2w", "flair": "t2f"}
NEW_SUFFIXES: Mapping[str, str] = {channel: channel for channel in MRI_CHANNELS}

_CLASS_OF_SERIES = {"GLI": "glioma", "SSA": "glioma", "PED": "glioma", "MEN": "meningioma"}
_DEPTH = 3


@dataclass(frozen=True)
class Naming:
    """How one generation names its files: ``<study><separator><suffix>.nii[.gz]``."""

    name: str
    separator: str
    channels: Mapping[str, str]
    scheme: str

    def stem_parts(self, stem: str) -> tuple[str, str] | None:
        """Split a file stem into study and suffix (lower case), or return None where the suffix is not one of ours."""
        study, separator, suffix = stem.rpartition(self.separator)
        known = separator and study and suffix.lower() in (*self.channels, "seg")
        return (study, suffix.lower()) if known else None

    def fits(self, study: str) -> bool:
        """Return True where this generation names studies so."""
        if self.name == "brats2017":
            return not study.startswith(("BraTS2021_", "BraTS-"))
        return study.startswith("BraTS2021_" if self.name == "brats2021" else "BraTS-")


NAMINGS: Mapping[str, Naming] = {
    naming.name: naming
    for naming in (
        Naming("brats2017", "_", OLD_SUFFIXES, "brats2017"),
        Naming("brats2021", "_", OLD_SUFFIXES, "brats2017"),
        Naming("brats2023", "-", NEW_SUFFIXES, "brats2023"),
    )
}


def brats_cases(
    root: Path, card: DatasetCard, namings: tuple[Naming, ...], *, schemes: Mapping[str, str] | None = None
) -> list[Case]:
    """List the studies below ``root`` that follow one of ``namings``.

    Args:
        root: The data set, or any folder up to three levels above the study folders.
        card: Whose layout a message explains.
        namings: What to accept.
        schemes: Label scheme by naming, where it differs from the usual one.

    Raises:
        InputError: Nothing fits, a contrast is missing or there twice, or a study follows another naming.
    """
    if not root.is_dir():
        raise card.wrong_layout(root, "it is a file" if root.exists() else "it does not exist")
    cases: dict[str, Case] = {}
    for folder in walk(root, depth=_DEPTH):
        case = _study(folder, card, namings, schemes or {})
        if case is None:
            continue
        if case.id in cases:
            first = next(iter(cases[case.id].source.files.values())).parent
            raise InputError(f"holds study {case.id} again, as {first} does", file=folder, code="E_AMBIGUOUS")
        cases[case.id] = case
    if not cases:
        raise card.wrong_layout(root, "no study folder in it")
    return [cases[name] for name in sorted(cases)]


def _study(folder: Path, card: DatasetCard, namings: tuple[Naming, ...], schemes: Mapping[str, str]) -> Case | None:
    files = [path for path in entries(folder)[0] if has_suffix(path, NIFTI_SUFFIXES)]
    for naming in NAMINGS.values():
        names = [parts for path in files if (parts := naming.stem_parts(stem_of(path.name)))]
        if all(suffix == "seg" for _, suffix in names) or not naming.fits(names[0][0]):
            continue
        if naming not in namings:
            cause = f"study {names[0][0]} is named as {naming.name}, not as {card.name}"
            raise InputError(cause, file=folder, hint="The data set 'brats' reads all years.", code="E_LAYOUT")
        return _case(folder, naming, files, schemes.get(naming.name, naming.scheme))
    return None


def _case(folder: Path, naming: Naming, files: list[Path], scheme: str) -> Case:
    named = [(path, parts) for path in files if (parts := naming.stem_parts(stem_of(path.name)))]
    study = named[0][1][0]
    by_suffix: dict[str, Path] = {}
    for path, (_, suffix) in named:
        if suffix in by_suffix:
            cause = f"has two files for {suffix}: {by_suffix[suffix].name} and {path.name}"
            raise InputError(cause, file=folder, hint="Keep one.", code="E_AMBIGUOUS")
        by_suffix[suffix] = path
    missing = [suffix for suffix in naming.channels if suffix not in by_suffix]
    if missing:
        wanted = f"{study}{naming.separator}{missing[0]}.nii.gz"
        raise InputError(f"study {study} lacks {', '.join(missing)}", file=folder, hint=f"Expected {wanted}.")
    reference = by_suffix.get("seg") or _irregular_reference(files)
    patient, facts = _identity(study, naming)
    if folder.parent.name in ("HGG", "LGG"):
        facts["grade"] = folder.parent.name
    series = re.match(r"BraTS-([A-Z]+)-", study)
    label = _CLASS_OF_SERIES.get(series[1]) if series else "glioma"
    source = NiftiFiles({channel: by_suffix[suffix] for suffix, channel in naming.channels.items()}, reference)
    return Case(study, source, patient=patient, label=label, scheme=SCHEMES[scheme], facts=facts)


def _irregular_reference(files: list[Path]) -> Path | None:
    """Return the mask of BraTS 2020's patient 355, which is named ``W39_1998.09.19_Segm.nii``."""
    found = [path for path in files if stem_of(path.name).lower().endswith("_segm")]
    return found[0] if len(found) == 1 else None


def _identity(study: str, naming: Naming) -> tuple[str, dict[str, str]]:
    if naming.name == "brats2023" and study.count("-") >= 3:
        patient, _, session = study.rpartition("-")
        return patient, {"session": session}
    return study, {}
