"""The page of an audit: how much of the test is known from training, shown pair by pair, and what to do about it."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from markupsafe import Markup

from gliascope.report import wording
from gliascope.report.frame import Section, fragment, page
from gliascope.report.tables import Cell, Column, bars, table
from gliascope.report.tiles import Tile, tile_url

KIND_WORDS: Mapping[str, str] = {
    "bytes": "Same file",
    "pixels": "Same pixels",
    "content": "Same content, changed",
    "mirror": "Same content, mirrored",
    "patient": "Same patient",
}

LEFT_OUT_WORDS: Mapping[str, str] = {
    "copy": "copies of a picture that is kept",
    "conflict": "of one content under several classes",
    "unreadable": "that cannot be read",
    "bridge": "that belong to several large groups at once",
}

MOST_ROWS = 200
"""Faults listed on the page; the JSON holds all."""


class Pair(TypedDict):
    """Two pictures side by side."""

    title: str
    pictures: list[Tile]


def audit_page(
    facts: Mapping[str, Any],
    *,
    tiles: Mapping[str, Sequence[Pair]] | None = None,
    commands: Sequence[tuple[str, str]] = (),
) -> str:
    """Return the page of an audit.

    Args:
        facts: The ``audit`` JSON.
        tiles: Pairs to show for ``leaks``, ``label_conflicts`` and ``against``.
        commands: What to do next: a sentence and a command line each.
    """
    shown = tiles or {}
    counts = facts["counts"]
    sections = [Section("", fragment("figures.html.j2", figures=_key_figures(facts)))]
    for side, own in counts["sides"].items():
        if own["leaking"]:
            sections.append(_side(side, own))
    if facts["leaks"]:
        note = f"In each pair the left picture stands on the earlier side. Judged is {facts['split']}."
        sections.append(Section("Leaking pairs", _pairs(shown.get("leaks", ()), len(facts["leaks"])), note))
    if facts["label_conflicts"]:
        note = "One content, several classes: at least one of the labels is wrong."
        body = _pairs(shown.get("label_conflicts", ()), len(facts["label_conflicts"]))
        sections.append(Section("Contradicting labels", body, note))
    if facts["against"]:
        total = len(facts["against"])
        note = (
            f"{wording.count(counts['against'])} of {wording.count(counts['cases'])} cases stand in the other set too."
        )
        sections.append(Section("In another data set", _pairs(shown.get("against", ()), total), note))
    if facts["shortcuts"]:
        sections.append(_shortcuts(facts["shortcuts"]))
    if facts["faults"]:
        sections.append(_faults(facts["faults"]))
    if facts["proposal"]:
        sections.append(_proposal(facts["proposal"]))
    if commands:
        lines = [{"text": text, "line": line} for text, line in commands]
        sections.append(Section("What to do next", fragment("commands.html.j2", commands=lines)))
    return page(
        str(facts["dataset"]),
        sections,
        kind="Audit",
        subtitle=wording.sentence({"files": f"{facts['files']:,} files", "split": facts["split"]}),
        warnings=facts["warnings"],
        provenance={"Created": facts["created"], "Gliascope": facts["gliascope_version"]},
    )


def _key_figures(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    counts = facts["counts"]
    rows: list[tuple[str, object, str]] = [("Cases", counts["cases"], _unread(counts))]
    for side, own in counts["sides"].items():
        share = wording.share(own["copied"], own["cases"])
        title = f"{wording.title(side)} cases with a copy on an earlier side"
        rows.append((title, share, f"{own['copied']:,} of {own['cases']:,}"))
        if own["leaking"] > own["copied"]:
            text = f"{own['leaking'] - own['copied']:,} of {own['cases']:,}"
            rows.append((f"{wording.title(side)} cases with other images of their patient there", text, ""))
    rows += [
        ("Copies in all", counts["copies"], f"{counts['contents']:,} different contents"),
        ("Contradicting labels", counts["label_conflicts"], ""),
        ("Faults", sum(counts["faults"].values()), ""),
    ]
    return [{"label": label, "value": value, "note": note, "strong": True} for label, value, note in rows]


def _unread(counts: Mapping[str, Any]) -> str:
    missing = counts["cases"] - counts["read"]
    return f"{missing:,} cannot be read" if missing else ""


def _side(side: str, own: Mapping[str, Any]) -> Section:
    kinds = {KIND_WORDS[kind]: number for kind, number in own["kinds"].items()}
    title = f"{wording.title(side)}: {own['leaking']:,} of {own['cases']:,} cases leak"
    note = "Each case counts once, with the surest reason. Scores on such cases measure memory as much as skill."
    return Section(title, bars(kinds, caption=title, whole=own["cases"]), note)


def _pairs(pairs: Sequence[Pair], total: int) -> Markup:
    shown = [
        {
            "title": _pair_title(pair["title"]),
            "pictures": [{"url": tile_url(p["image"]), "caption": p["caption"]} for p in pair["pictures"]],
        }
        for pair in pairs
    ]
    hidden = total - len(shown)
    more = f"{hidden:,} more in audit.json; shown are pairs of every kind, from the most to the least alike."
    return fragment("pairs.html.j2", pairs=shown, more=more if hidden > 0 else "")


def _pair_title(text: str) -> str:
    kind, blank, score = text.partition(" ")
    return f"{KIND_WORDS.get(kind, kind)}{blank and f' (likeness {score})'}"


def _shortcuts(shortcuts: Sequence[Mapping[str, Any]]) -> Section:
    columns = (
        Column("Fact of the file"),
        Column("Class guessed right", numeric=True, hint="Mean over classes, from this fact alone, on unseen cases."),
        Column("By chance", numeric=True),
        Column("Cramér's V", numeric=True, hint="Strength of association, 0 to 1."),
        Column("p", numeric=True, hint="Share of shuffled labels that do as well."),
        Column("Commonest values"),
    )
    rows = [
        (
            Cell(each["fact"]),
            Cell(f"{each['balanced_accuracy']:.0%}", each["balanced_accuracy"], level=each["balanced_accuracy"]),
            Cell(f"{each['chance']:.0%}", each["chance"]),
            Cell(f"{each['cramers_v']:.2f}", each["cramers_v"]),
            Cell(f"{each['p']:.3f}", each["p"]),
            Cell(_commonest(each["values"][0]), notes=tuple(_commonest(value) for value in each["values"][1:4])),
        )
        for each in shortcuts
    ]
    note = "A network can learn these in place of the tumor. Bring all images to one form before you trust a score."
    return Section("Class shortcuts", table(columns, rows, caption="Class shortcuts"), note)


def _commonest(value: Mapping[str, Any]) -> str:
    classes = ", ".join(f"{wording.title(name)} {number:,}" for name, number in value["classes"].items() if number)
    return f"{value['value']}: {classes}"


def _faults(faults: Sequence[Mapping[str, str]]) -> Section:
    columns = (Column("File"), Column("What is wrong"), Column("Code"))
    rows = [(Cell(fault["file"]), Cell(fault["text"]), Cell(fault["code"])) for fault in faults[:MOST_ROWS]]
    note = f"The first {MOST_ROWS} of {len(faults):,}; audit.json holds all." if len(faults) > MOST_ROWS else ""
    return Section("Faults", table(columns, rows, caption="Faults", tall=True), note)


def _proposal(proposal: Mapping[str, Any]) -> Section:
    parts = {"groups.csv": proposal["parts"]}
    parts |= {f"fold-{number}.csv": fold for number, fold in enumerate(proposal["folds"], start=1)}
    classes = sorted({name for fold in parts.values() for side in fold.values() for name in side["classes"]})
    columns = [Column("Table"), Column("Part"), Column("Cases", numeric=True)]
    columns += [Column(wording.title(name), numeric=True) for name in classes]
    rows = [
        (
            Cell(name),
            Cell(wording.title(side)),
            Cell(own["cases"]),
            *(Cell(own["classes"].get(label, 0)) for label in classes),
        )
        for name, fold in parts.items()
        for side, own in fold.items()
    ]
    largest = proposal["largest_unit"]
    note = (
        f"Copies, patients and groups stay together: {proposal['units']:,} units, the largest ({largest['name']}) with "
        f"{largest['cases']:,} cases. "
    )
    left = ", ".join(f"{number:,} {LEFT_OUT_WORDS[reason]}" for reason, number in proposal["left_out"].items())
    note += f"Left out: {left}." if left else "No case is left out."
    return Section("Proposed split", table(columns, rows, caption="Proposed split", sortable=False), note)
