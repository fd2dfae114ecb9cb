"""A manifest: a CSV table ``path,patient,group,label,split[,mask]`` that names the cases of a folder."""

from pathlib import Path

from gliascope.case import AnySource, Case, NiftiFiles, Picture
from gliascope.datasets.classes import class_named
from gliascope.datasets.listing import NIFTI_SUFFIXES, PICTURE_SUFFIXES, case_ids, entries, has_suffix, stem_of
from gliascope.datasets.study_folder import study_channels
from gliascope.datasets.table import Row, inner_path, read_table
from gliascope.errors import InputError
from gliascope.labels import TUMOR_CLASSES, LabelScheme

COLUMNS: tuple[str, ...] = ("path", "patient", "group", "label", "split")
SPLITS: tuple[str, ...] = ("train", "validation", "test")
_OWN_COLUMNS = frozenset({*COLUMNS, "mask"})


def manifest_cases(
    table: Path,
    root: Path,
    *,
    scheme: LabelScheme | None = None,
    channels: tuple[str, ...] | None = None,
    spacing_mm: tuple[float, ...] | None = None,
) -> list[Case]:
    """Turn a manifest into cases, sorted by id.

    ``path`` is a picture or a study folder below ``root``; ``mask`` a picture or NIfTI file. Empty ``patient``,
    ``group`` and ``split`` mean unknown; every row needs a label or a mask. Further columns become facts.

    Raises:
        InputError: A path leads out of ``root``, is missing or named twice, a label or split is unknown, or a row has
            neither label nor mask; the message names the line.
    """
    rows = read_table(table, ("path",))
    seen: dict[Path, int] = {}
    names, drafts = [], []
    for row in rows:
        path = inner_path(row, "path", table=table, root=root)
        if path in seen:
            raise _fault(
                table, row, f"'{row.cells['path']}' stands on line {seen[path]} already", "Name each case once."
            )
        seen[path] = row.line
        mask = inner_path(row, "mask", table=table, root=root) if row.cells.get("mask") else None
        label = _label(row, table)
        if label is None and mask is None:
            raise _fault(table, row, "has neither a label nor a mask", f"Known labels: {', '.join(TUMOR_CLASSES)}.")
        source = _source(path, mask, channels, spacing_mm)
        name = path.relative_to(root).as_posix()
        names.append(name if path.is_dir() else name[: len(name) - len(path.name)] + stem_of(path.name))
        drafts.append((row, source, label))
    cases = [
        Case(
            name,
            source,
            patient=row.cells.get("patient") or None,
            label=label,
            scheme=scheme,
            split=_split(row, table),
            group=row.cells.get("group") or None,
            facts={key: value for key, value in row.cells.items() if key not in _OWN_COLUMNS and value},
        )
        for name, (row, source, label) in zip(case_ids(names), drafts, strict=True)
    ]
    return sorted(cases, key=lambda case: case.id)


def _source(
    path: Path, mask: Path | None, channels: tuple[str, ...] | None, spacing_mm: tuple[float, ...] | None
) -> AnySource:
    if path.is_dir():
        files = [file for file in entries(path)[0] if has_suffix(file, NIFTI_SUFFIXES)]
        found = study_channels(files, path)
        return NiftiFiles(found.channels, mask or (found.masks[0] if len(found.masks) == 1 else None))
    if not has_suffix(path, PICTURE_SUFFIXES):
        hint = f"Pictures end in {', '.join(PICTURE_SUFFIXES)}; a study is a folder of NIfTI files."
        raise InputError("is neither a picture nor a study folder", file=path, hint=hint, code="E_FORMAT")
    return Picture(path, mask, channels, spacing_mm)


def _label(row: Row, table: Path) -> str | None:
    text = row.cells.get("label", "")
    label = class_named(text)
    if text and label is None:
        raise _fault(table, row, f"unknown label '{text}'", f"Known: {', '.join(TUMOR_CLASSES)}.")
    return label


def _split(row: Row, table: Path) -> str | None:
    text = row.cells.get("split", "").lower()
    if text and text not in SPLITS:
        raise _fault(table, row, f"unknown split '{text}'", f"Known: {', '.join(SPLITS)}.")
    return text or None


def _fault(table: Path, row: Row, cause: str, hint: str) -> InputError:
    return InputError(f"line {row.line}: {cause}", file=table, hint=hint, code="E_MANIFEST")
