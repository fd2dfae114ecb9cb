"""A split as a table ``path,patient,group,label,split``, and back."""

import csv
import io
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gliascope.case import Case
from gliascope.datasets.table import FORMULA_STARTS, formula_safe, read_table
from gliascope.errors import InputError

_COLUMNS = ("path", "patient", "group", "label", "split")
DROPPED = "dropped"
"""Stands in the table for cases that take no part, and could be scored on."""
_SPLITS = ("train", "validation", "test", DROPPED)


def split_table(parts: Mapping[str, Sequence[Case]], root: Path | None = None) -> str:
    """Return the table of a split, one line per case, sorted by path.

    Paths are those of each case's first file, relative to ``root``, or to the folder all cases share where it is None,
    so the table works on another machine too. Cells that a spreadsheet would take for a formula are defused with
    ``./`` or ``'``.
    """
    firsts = [_first(case) for cases in parts.values() for case in cases]
    shared = os.path.commonpath([path.parent for path in firsts]) if firsts else ""
    home = shared if root is None else os.path.abspath(root)
    rows = []
    for part, cases in parts.items():
        for case in cases:
            path = _first(case).relative_to(home).as_posix()
            path = f"./{path}" if path.startswith(FORMULA_STARTS) else path
            others = [case.patient or "", case.group or "", case.label or ""]
            rows.append([path, *map(formula_safe, others), part])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_COLUMNS, *sorted(rows)])
    return text.getvalue()


@dataclass(frozen=True)
class Placed:
    """What a table says of one case: its part (``""``: nothing, or ``dropped``), its patient and group where named."""

    part: str = ""
    patient: str | None = None
    group: str | None = None


def read_split_table(table: Path, cases: Sequence[Case]) -> list[Placed]:
    """Return what the table says of every case.

    A line names a case by the end of its first file's path, folder by folder.

    Raises:
        InputError: A line names no case, several, one twice, or an unknown part; the message names the line.
    """
    ends: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, case in enumerate(cases):
        parts = _first(case).parts
        for start in range(len(parts)):
            ends[parts[start:]].append(index)
    result = [Placed()] * len(cases)
    lines: dict[int, int] = {}
    for row in read_table(table, ("path", "split")):
        text, part = row.cells["path"], row.cells["split"].lower()
        if part not in _SPLITS:
            raise _fault(table, row.line, f"unknown split '{part}'", f"Known: {', '.join(_SPLITS)}.")
        found = ends.get(PurePosixPath(text).parts, [])
        if len(found) != 1:
            cause = f"'{text}' is no case of the data set" if not found else f"'{text}' could be {len(found)} cases"
            raise _fault(table, row.line, cause, "Give the path from the data set's folder.")
        if found[0] in lines:
            raise _fault(table, row.line, f"'{text}' stands on line {lines[found[0]]} already", "Name it once.")
        lines[found[0]] = row.line
        named = {name: row.cells.get(name, "").removeprefix("'") or None for name in ("patient", "group")}
        result[found[0]] = Placed(part, named["patient"], named["group"])
    return result


def _first(case: Case) -> Path:
    return Path(os.path.abspath(next(iter(case.source.files.values()))))


def _fault(table: Path, line: int, cause: str, hint: str) -> InputError:
    return InputError(f"line {line}: {cause}", file=table, hint=hint, code="E_MANIFEST")
