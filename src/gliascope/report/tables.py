"""Tables of a page: rows that can be sorted, numbers that line up, cells that show a score as a bar."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote

from markupsafe import Markup

from gliascope.report import wording
from gliascope.report.frame import fragment


@dataclass(frozen=True)
class Column:
    """A column: its heading, whether its cells are figures, what the pointer shows, and a heading it shares."""

    title: str
    numeric: bool = False
    hint: str = ""
    group: str = ""


@dataclass(frozen=True)
class Cell:
    """A cell.

    Args:
        text: What is shown.
        sort: What rows are ordered by; None: the text. Missing numbers go last.
        href: A relative path, already quoted, or empty.
        level: 0…1, drawn as a bar behind the text, or None.
        notes: Smaller lines below.
        marked: The cell wants attention.
    """

    text: object
    sort: float | str | None = None
    href: str = ""
    level: float | None = None
    notes: tuple[str, ...] = ()
    marked: bool = False


def table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell]],
    *,
    caption: str,
    sortable: bool = True,
    tall: bool = False,
    dense: bool = False,
) -> Markup:
    """Return a table; ``tall`` limits its height and lets it scroll below a fixed heading, ``dense`` saves room."""
    groups = [(name, len(list(own))) for name, own in groupby(column.group for column in columns)]
    firsts = [bool(c.group) and (i == 0 or columns[i - 1].group != c.group) for i, c in enumerate(columns)]
    return fragment(
        "table.html.j2",
        columns=columns,
        groups=groups if any(name for name, _ in groups) else [],
        firsts=firsts,
        rows=list(rows),
        caption=caption,
        sortable=sortable,
        tall=tall,
        dense=dense,
    )


def figure_cell(value: object, name: str) -> Cell:
    """Return the cell of one figure; scores between 0 and 1 get a bar."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    is_score = isinstance(value, float) and not wording.unit_of(name) and 0 <= value <= 1
    return Cell(
        wording.metric_value(value, name),
        sort=float(value) if plain else ("" if value is None else None),  # type: ignore[arg-type]
        level=float(value) if is_score else None,  # type: ignore[arg-type]
    )


def bars(
    counts: dict[str, float], *, caption: str, whole: float | None = None, colors: dict[str, str] | None = None
) -> Markup:
    """Return counts as labeled horizontal bars with their share of ``whole`` (default: their sum)."""
    total = sum(counts.values()) if whole is None else whole
    longest = max(counts.values(), default=0) or 1
    rows = [
        {
            "title": wording.title(name),
            "count": value,
            "share": wording.share(value, total),
            "length": value / longest,
            "color": (colors or {}).get(name, ""),
        }
        for name, value in counts.items()
    ]
    return fragment("bars.html.j2", rows=rows, caption=caption)


def relative_link(path: str) -> str:
    """Return a link that can only lead below the page's own folder.

    Example:
        >>> relative_link("a b/report.html"), relative_link("javascript:alert(1)"), relative_link("//host/x")
        ('./a%20b/report.html', './javascript%3Aalert%281%29', './host/x')
    """
    parts = path.encode("utf-8", "surrogateescape").replace(b"\\", b"/").split(b"/")
    return "./" + quote(b"/".join(part for part in parts if part not in (b"", b".", b"..")))
