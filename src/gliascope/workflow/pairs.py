"""Which prediction belongs to which reference: by case name, never by order."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gliascope.errors import InputError, Notice
from gliascope.files import nifti, picture
from gliascope.labels import SCHEMES, LabelScheme
from gliascope.scan import LabelMap

SUFFIXES = (".nii.gz", ".nii", ".png", ".tif", ".tiff")
_ROLES = ("seg", "segm", "segmentation", "mask", "prediction", "reference", "label", "labels")
_ROLE = re.compile(rf"[-_. ]({'|'.join(_ROLES)})$", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """One case: the predicted mask and the reference mask."""

    case: str
    prediction: Path
    reference: Path


def pair_masks(predictions: Path, references: Path) -> tuple[tuple[Pair, ...], tuple[Notice, ...]]:
    """Match the label maps of two folders (or two files) by case name.

    A case name is the file's name without ending and without ``-seg``, ``_mask`` and the like; a file that is only
    called ``mask`` or ``seg`` has the name of its folder, as ``gliascope predict`` writes it.

    Raises:
        InputError: A reference has no prediction, two files claim one case, or there is no reference.
    """
    if predictions.is_file() and references.is_file():
        return (Pair(case_name(references), predictions, references),), ()
    predicted, wanted = _by_case(predictions), _by_case(references)
    if not wanted:
        hint = f"Label maps end in {', '.join(SUFFIXES)}."
        raise InputError("holds no label map", file=references, hint=hint, code="E_NO_REFERENCE")
    missing = sorted(set(wanted) - set(predicted))
    if missing:
        listed = ", ".join(missing[:10]) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
        cause = f"has no prediction for {len(missing)} of {len(wanted)} references: {listed}"
        hint = "Every reference needs a prediction of the same case name; a missing one is no empty one."
        raise InputError(cause, file=predictions, hint=hint, code="E_NO_PREDICTION")
    extra = sorted(set(predicted) - set(wanted))
    notices = tuple(Notice("W_NO_REFERENCE", name, "has no reference and is not scored.") for name in extra)
    return tuple(Pair(case, predicted[case], wanted[case]) for case in sorted(wanted)), notices


def case_name(path: Path) -> str:
    """Return the case a label map belongs to.

    Example:
        >>> case_name(Path("out/case-7/mask.nii.gz")), case_name(Path("BraTS-GLI-00000-000-seg.nii.gz"))
        ('case-7', 'BraTS-GLI-00000-000')
    """
    stem = _stem(path)
    return path.resolve().parent.name if stem.lower() in _ROLES else _ROLE.sub("", stem)


def is_label_name(path: Path) -> bool:
    """Say whether a file name is that of a label map.

    Example:
        >>> is_label_name(Path("case-7/mask.nii.gz")), is_label_name(Path("W39_1998.09.19_T1.nii"))
        (True, False)
    """
    stem = _stem(path)
    return stem.lower() in _ROLES or _ROLE.search(stem) is not None


def predicted_scheme(path: Path) -> LabelScheme | None:
    """Return the scheme that the ``prediction.json`` beside a mask of ours names, or None."""
    try:
        facts = json.loads((path.parent / "prediction.json").read_text())
        return SCHEMES.get(facts["segmentation"]["scheme"]) if facts["segmentation"]["mask"] == path.name else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_mask(path: Path, scheme: LabelScheme | None) -> LabelMap:
    """Read a label map of any format.

    Raises:
        InputError: It cannot be used, or its scheme must be named.
    """
    if is_volume(path):
        return nifti.read_label_map(path, scheme, named_by_user=scheme is not None)
    return picture.read_mask(path, scheme)


def is_volume(path: Path) -> bool:
    """Say whether a label map is a NIfTI file, else it is a picture."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def _by_case(folder: Path) -> dict[str, Path]:
    if not folder.exists():
        raise InputError("does not exist", file=folder, hint="Check the path.", code="E_MISSING")
    found: dict[str, Path] = {}
    for path in _label_maps([folder] if folder.is_file() else sorted(folder.rglob("*"))):
        case = case_name(path)
        if case in found:
            cause = f"two label maps are named for case '{case}': {found[case].name} and {path.name}"
            raise InputError(cause, file=folder, hint="Keep one of them.", code="E_AMBIGUOUS")
        found[case] = path
    return found


def _label_maps(paths: Iterable[Path]) -> list[Path]:
    """Keep what can be a label map; of a study folder with images, only its ``seg`` or ``mask``."""
    maps = [p for p in paths if p.is_file() and p.name.lower().endswith(SUFFIXES) and not p.name.startswith(".")]
    return [path for path in maps if is_label_name(path)] or maps


def _stem(path: Path) -> str:
    return next((path.name[: -len(s)] for s in SUFFIXES if path.name.lower().endswith(s)), path.stem)
