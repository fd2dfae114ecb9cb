"""Pictures of a data set: examples side by side, and every slice of one head."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from markupsafe import Markup
from numpy.typing import NDArray

from gliascope.labels import TUMOR_CLASSES
from gliascope.report import palette, wording
from gliascope.report.frame import Section, fragment
from gliascope.report.tiles import PREFERRED_CHANNELS, tile_url


class Strip(TypedDict, total=False):
    """Pictures in a row: ``plain`` as they are and, where a reference is known, ``outlined``; one per column.

    ``title`` is a case or a class, ``note`` the channel where all columns show the same one.
    """

    title: str
    note: str
    columns: list[str]
    plain: list[NDArray[Any]]
    outlined: list[NDArray[Any] | None]


def examples(facts: Mapping[str, Any]) -> list[Section]:
    """Return the section of example pictures, or nothing."""
    strips: Sequence[Strip] = facts.get("strips") or ()
    if not strips:
        return []
    rows = []
    for strip in strips:
        columns = [_column(name) for name in strip["columns"]]
        pictures: list[Sequence[NDArray[Any] | None]] = [strip["plain"]]
        pictures += [strip["outlined"]] if strip.get("outlined") else []
        name = strip["title"]
        rows.append(
            {
                "title": wording.title(name) if name in TUMOR_CLASSES else name,
                "note": wording.title(strip.get("note") or ""),
                "columns": columns,
                "rows": [
                    [
                        {"url": "" if image is None else tile_url(image), "alt": f"{name}, {column}"}
                        for image, column in zip(row, columns, strict=True)
                    ]
                    for row in pictures
                ],
            }
        )
    outlined = any(strip.get("outlined") for strip in strips)
    note = "Below each picture the same slice with its reference outlined." if outlined else ""
    body = fragment("strips.html.j2", strips=rows)
    return [Section("Examples", (_region_key(_regions(facts)) if outlined else Markup()) + body, note)]


def sheets(facts: Mapping[str, Any]) -> list[Section]:
    """Return the section with every slice of one head, or nothing."""
    found = facts.get("sheets")
    if not found:
        return []
    names = list(found["sheets"])
    first = next((name for name in PREFERRED_CHANNELS if name in names), names[0])
    rows = [
        {
            "title": _column(name),
            "alt": f"All {found['slices']} slices of {found['title']}, {_column(name)}",
            "url": tile_url(image),
            "open": name == first,
        }
        for name, image in found["sheets"].items()
    ]
    note = f"The slices of {found['title']} that hold a part of the head, numbered from 1 to {found['slices']}."
    note += " The reference is outlined." if found.get("outlined") else ""
    return [Section("All slices", fragment("sheets.html.j2", sheets=rows), note)]


def _column(name: str) -> str:
    """A channel in words; the name of a case stays as it is."""
    return wording.TITLES.get(name, name) if name not in ("gray", "picture") else "Picture"


def _regions(facts: Mapping[str, Any]) -> Iterable[str]:
    return (facts.get("region_voxels") or {}).keys()


def _region_key(regions: Iterable[str]) -> Markup:
    rows = [{"text": wording.title(name), "color": palette.region_color(name)} for name in regions]
    return fragment("key.html.j2", rows=rows)
