"""CSV tables, checked at the door: every fault is named with its line number."""

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from gliascope.errors import InputError, counted

FORMULA_STARTS = ("=", "+", "-", "@")
"""What a spreadsheet takes for the start of a formula."""


@dataclass(frozen=True)
class Row:
    """One line of a table: where it stands, and its cells by column, without blanks around them."""

    line: int
    cells: Mapping[str, str]


def read_table(path: Path, required: Sequence[str]) -> list[Row]:
    """Read a comma-separated UTF-8 table with a header line; a byte-order mark and CRLF are accepted.

    Raises:
        InputError: The file is missing or not UTF-8, uses another separator, lacks a required column, names a column
            twice, or a line has too many or too few cells.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as fault:
        raise InputError("does not exist", file=path, hint="Check the path.", code="E_MISSING") from fault
    except (OSError, UnicodeDecodeError) as fault:
        raise _fault(path, f"cannot be read as UTF-8 text ({fault})", "Save it as CSV UTF-8.") from fault
    rows = _parse(path, text)
    header = next(rows, Row(1, {}))
    names = [name.strip() for name in header.cells.values()]
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise _fault(path, "line 1: the columns are not separated by commas", "Save it with commas.")
    missing = [name for name in required if name not in names]
    if missing:
        hint = f"The first line must name: {', '.join(required)}."
        raise _fault(path, f"line 1: column {', '.join(missing)} is missing", hint)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise _fault(path, f"line 1: column '{twice[0]}' is named twice", "Name each column once.")
    table = []
    for row in rows:
        if len(row.cells) != len(names):
            cause = f"line {row.line}: {counted(len(row.cells), 'cell')} for {counted(len(names), 'column')}"
            raise _fault(path, cause, "Quote cells that hold commas.")
        table.append(Row(row.line, dict(zip(names, (cell.strip() for cell in row.cells.values()), strict=True))))
    if not table:
        raise _fault(path, "has no rows", "Add one line per case.")
    return table


def _parse(path: Path, text: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield Row(reader.line_num, {str(index): cell for index, cell in enumerate(cells)})
    except csv.Error as fault:
        raise _fault(path, f"line {reader.line_num}: {fault}", "Save it as plain CSV.") from fault


def _fault(path: Path, cause: str, hint: str) -> InputError:
    return InputError(cause, file=path, hint=hint, code="E_MANIFEST")


def formula_safe(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: defused with ``'`` where it looks like one.

    Example:
        >>> formula_safe("=1+1"), formula_safe("case 1")
        ("'=1+1", 'case 1')
    """
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def inner_path(row: Row, column: str, *, table: Path, root: Path) -> Path:
    """Return the file a cell names below ``root``.

    Raises:
        InputError: The cell is empty, absolute, leads out of ``root`` with ``..``, or names nothing that exists.
    """
    text = row.cells[column]
    parts = PurePosixPath(text.replace("\\", "/")).parts
    absolute = PurePosixPath(text).is_absolute() or PureWindowsPath(text).drive or text.startswith("\\")
    if not parts or absolute or ".." in parts or "\0" in text:
        hint = f"Give a path below {root.name or root}, without '..'."
        raise _fault(table, f"line {row.line}: '{text}' is no usable {column}", hint)
    path = root.joinpath(*parts)
    if not os.path.exists(path):  # unlike Path.exists, False also for names the system refuses
        cause = f"line {row.line}: {column} '{text}' does not exist"
        raise InputError(cause, file=table, hint=f"It is looked for below {root}.", code="E_MISSING")
    return path
