"""A page that leads to other pages: the results of a batch, or the steps of a demonstration."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from gliascope.report import wording
from gliascope.report.frame import Section, fragment, page
from gliascope.report.tables import Cell, Column, figure_cell, relative_link, table
from gliascope.report.tiles import tile_url

MAX_CARDS = 12
"""Longer lists become a table that can be sorted."""


class IndexItem(TypedDict, total=False):
    """One result: its name, the page it leads to, key figures, a picture.

    ``href`` is a path relative to the page (none: no link); ``figures`` maps words to a text or a number; ``text`` is
    one sentence; ``warnings`` counts them; ``failed`` says why there is no result; ``image`` is as in ``Tile``.
    """

    name: str
    href: str
    text: str
    figures: Mapping[str, str | int | float | None]
    image: bytes | NDArray[np.uint8] | None
    warnings: int
    failed: str


class IndexSection(TypedDict, total=False):
    """A group of results under a heading."""

    title: str
    text: str
    items: Sequence[IndexItem]


class IndexFacts(TypedDict, total=False):
    """``figures`` are shown large on top; ``kind`` stands in the header (default: Overview)."""

    title: str
    subtitle: str
    kind: str
    figures: Mapping[str, str | int | float | None]
    sections: Sequence[IndexSection]
    warnings: list[Mapping[str, str]]
    created: str
    gliascope_version: str


def index_page(facts: Mapping[str, Any]) -> str:
    """Return a page that links several results.

    Args:
        facts: See ``IndexFacts``. Up to ``MAX_CARDS`` results of a section stand as cards, more as a table.
    """
    sections = []
    if facts.get("figures"):
        figures = [{"label": n, "value": v, "note": "", "strong": True} for n, v in facts["figures"].items()]
        sections.append(Section("", fragment("figures.html.j2", figures=figures)))
    for group in facts.get("sections") or ():
        items = group.get("items") or ()
        body = _cards(items) if len(items) <= MAX_CARDS else _table(items)
        sections.append(Section(str(group.get("title", "")), body, str(group.get("text") or "")))
    names = {"created": "Created", "gliascope_version": "Gliascope"}
    return page(
        str(facts.get("title") or "Results"),
        sections,
        kind=str(facts.get("kind") or "Overview"),
        subtitle=str(facts.get("subtitle") or ""),
        warnings=facts.get("warnings") or (),
        provenance={words: facts[key] for key, words in names.items() if facts.get(key)},
    )


def _cards(items: Sequence[Mapping[str, Any]]) -> Markup:
    cards = [
        {
            "name": item.get("name", ""),
            "href": relative_link(item["href"]) if item.get("href") else "",
            "text": item.get("text") or "",
            "figures": {n: figure_cell(v, n).text for n, v in (item.get("figures") or {}).items()},
            "image": tile_url(item["image"]) if item.get("image") is not None else "",
            "warnings": item.get("warnings") or 0,
            "failed": item.get("failed") or "",
        }
        for item in items
    ]
    return fragment("cards.html.j2", cards=cards)


def _table(items: Sequence[Mapping[str, Any]]) -> Markup:
    names = list(dict.fromkeys(name for item in items for name in item.get("figures") or {}))
    values = {n: [(item.get("figures") or {}).get(n) for item in items] for n in names}
    columns = [
        Column("Name"),
        *(Column(n, numeric=any(isinstance(v, int | float) for v in values[n])) for n in names),
        Column("Warnings", numeric=True),
    ]
    rows = [
        [
            Cell(
                item.get("name", ""),
                href=relative_link(item["href"]) if item.get("href") else "",
                notes=tuple(text for text in (item.get("failed"), item.get("text")) if text),
            ),
            *(figure_cell(values[n][row], n) for n in names),
            Cell(item.get("warnings") or wording.MISSING, sort=float(item.get("warnings") or 0)),
        ]
        for row, item in enumerate(items)
    ]
    return table(columns, rows, caption="Results")
