"""The page of a reproduction: the sources' figures beside ours, why they differ, and what it cost."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

from gliascope.report import wording
from gliascope.report.frame import Section, fact_list, fragment, page
from gliascope.report.parameter_chart import ParameterPoint, parameter_chart
from gliascope.report.reproduce_rows import (
    HOW_TO_READ,
    SOURCES,
    cost_words,
    epochs_words,
    figure_words,
    reproduced_rows,
    sameness,
    status_words,
)
from gliascope.report.tables import Cell, Column, relative_link, table

PARAMETERS_NOTE = (
    "Score on test cases against the number of trained values, with 95 % intervals. Networks that were cut to a budget "
    "stand lower than they would."
)


def reproduce_page(facts: Mapping[str, Any]) -> str:
    """Return the page of ``reproduce.json``."""
    systems = facts["systems"]
    run = [own for own in systems if own["runs"]]
    sections = [Section("", fragment("figures.html.j2", figures=_key_figures(facts)))]
    for source, own in groupby(run, key=lambda system: str(system["source"])):
        note = HOW_TO_READ if len(sections) == 1 else ""
        sections.append(Section(SOURCES.get(source, source), _figures(source, list(own)), note))
    sections += _charts(systems)
    differ = {own["name"]: own["differs"].strip() for own in run if own["differs"]}
    if differ:
        sections.append(Section("Why figures may differ", fact_list(differ)))
    if len(run) < len(systems):
        sections.append(Section("Not run", _not_run([own for own in systems if not own["runs"]])))
    if run:
        sections.append(Section("What was run", _runs(run)))
    budget = facts["budget_min"]
    names = {"created": "Created", "gliascope_version": "Gliascope", "machine": "Machine"}
    return page(
        "Reproduction of the sources",
        sections,
        kind="Reproduction",
        subtitle="" if budget is None else f"The last call gave each run at most {budget:g} min of training epochs",
        provenance={words: facts[key] for key, words in names.items()},
    )


def _key_figures(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    counts = facts["counts"]
    figures = [
        ("Systems done", counts["done"], "", True),
        ("Figures reached", f"{counts['reached']} of {counts['compared']}", "on the source's split", True),
        ("Without data", counts["no_data"], "", False),
        ("Failed", counts["failed"], "", False),
    ]
    return [{"label": name, "value": v, "note": note, "strong": strong} for name, v, note, strong in figures]


def _figures(source: str, systems: Sequence[Mapping[str, Any]]) -> Markup:
    """One table per source; a system's first row leads to its run and tells data, split and cost."""
    columns = [Column("System"), Column("Figure"), Column("Source", numeric=True), Column("Ours", numeric=True)]
    columns += [Column("Reached"), Column("Honest split", numeric=True), Column("Data and split"), Column("Cost")]
    rows: list[list[Cell]] = []
    for system in systems:
        words = reproduced_rows(system)
        for place, (row, own) in enumerate(zip(words, system["figures"], strict=True)):
            last = _told(system) if place == 0 else (Cell(""), Cell(""))
            rows.append(
                [
                    _name_cell(system) if place == 0 else Cell(""),
                    Cell(row.figure, notes=(row.note,) if row.note else ()),
                    Cell(row.theirs),
                    _our_cell(own["ours"]["source"], row.ours),
                    Cell(row.verdict, marked=row.reached is False),
                    _our_cell(own["ours"]["patient"], row.by_patient),
                    *last,
                ]
            )
    return table(columns, rows, caption=f"Figures of {source.upper()}", sortable=False)


def _name_cell(system: Mapping[str, Any]) -> Cell:
    folder = next((run["folder"] for run in system["runs"] if run["folder"]), None)
    status = status_words(system)
    notes = [system["description"], *([status] if status else [])]
    if system["parameters"]:
        notes.append(f"{system['parameters']:,} parameters")
    href = relative_link(f"{folder}/report.html") if folder else ""
    return Cell(system["name"], href=href, notes=tuple(notes), marked=system["status"] == "failed")


def _told(system: Mapping[str, Any]) -> tuple[Cell, Cell]:
    """Data and split, and cost."""
    runs = system["runs"]
    splits = tuple({run["division"]: run["split"] for run in reversed(runs)}.values())[::-1]
    weights = tuple(dict.fromkeys(f"first weights: {run['first_weights']}" for run in runs if run["first_weights"]))
    epochs = epochs_words(runs)
    notes = (f"epochs: {epochs}",) if epochs != wording.MISSING else ()
    return Cell(sameness(system), notes=splits), Cell(cost_words(runs), notes=(*notes, *weights))


def _our_cell(ours: Mapping[str, Any] | None, words: str) -> Cell:
    """Return our figure with what belongs to it on a second line."""
    value, _, rest = words.partition(" (")
    notes = [rest.removesuffix(")")] if rest else []
    if ours is not None:
        notes.append(f"n = {ours['n']:,}")
        if ours["infinite"]:
            notes.append(f"{ours['infinite']:,} infinite left out")
    return Cell(value, notes=tuple(notes))


def _charts(systems: Sequence[Mapping[str, Any]]) -> list[Section]:
    """Draw score over parameters for systems that compare, and for every recipe with its variants."""
    groups: dict[tuple[str, ...], list[ParameterPoint]] = {}
    for own in systems:
        if own["score"] and own["parameters"]:
            title = f"{own['source'].upper()}: {_score_words(own['score'])} on {own['dataset']}"
            key = (title, _score_words(own["score"]))
            groups.setdefault(key, []).append(_point(own["name"].removeprefix(f"{own['source']}-"), own))
        varied = [variant for variant in own.get("variants") or () if variant["score"] and variant["parameters"]]
        if varied and own["score"] and own["parameters"]:
            points = [_point("as it is", own), *(_point(variant["name"], variant) for variant in varied)]
            groups[f"{own['name']} and its variants", _score_words(own["score"])] = points
    charts = [
        {"title": title, "note": "", "svg": parameter_chart(points, score), "legend": []}
        for (title, score), points in groups.items()
        if len(points) > 1
    ]
    return [Section("Score against parameters", fragment("charts.html.j2", charts=charts), PARAMETERS_NOTE)] * bool(
        charts
    )


def _score_words(score: Mapping[str, Any]) -> str:
    scored = "with_tumor" if score["part"].endswith("-with-tumor") else "all"
    return figure_words({"metric": score["metric"], "row": score["row"], "part": "test", "scored": scored})


def _point(name: str, own: Mapping[str, Any]) -> ParameterPoint:
    low, high = own["score"]["ci95"] or (None, None)
    return {"name": name, "parameters": own["parameters"], "score": own["score"]["value"], "low": low, "high": high}


def _not_run(systems: Sequence[Mapping[str, Any]]) -> Markup:
    """Return one row per system without figures of ours: why, and what its source reports."""
    rows = []
    for system in systems:
        theirs = [f"{row.figure} {row.theirs}" for row in reproduced_rows(system) if row.theirs != wording.MISSING]
        failed = system["status"] == "failed"
        reported = Cell("; ".join(theirs) or wording.MISSING)
        rows.append(
            [Cell(system["name"], notes=(system["description"],)), Cell(status_words(system), marked=failed), reported]
        )
    columns = [Column("System"), Column("Why"), Column("What its source reports")]
    return table(columns, rows, caption="Not run", sortable=False)


def _runs(systems: Sequence[Mapping[str, Any]]) -> Markup:
    """Return one row per run."""
    columns = [Column("System"), Column("Division"), Column("Fold"), Column("Split")]
    columns += [Column(name, numeric=True) for name in ("Train", "Validation", "Test", "Leaking test cases")]
    columns += [Column("Epochs", numeric=True), Column("Time", numeric=True), Column("Device"), Column("Made")]
    rows = []
    for system in systems:
        for run in system["runs"]:
            href = relative_link(f"{run['folder']}/report.html") if run["folder"] else ""
            counts = [run["cases"].get(part, 0) for part in ("train", "validation", "test")]
            rows.append(
                [
                    Cell(system["name"], href=href),
                    Cell("by patient" if run["division"] == "patient" else "source"),
                    Cell(run["fold"]),
                    Cell(run["split"]),
                    *(Cell(number, sort=number) for number in (*counts, run["leaking_test_cases"])),
                    Cell(epochs_words([run])),
                    Cell(wording.duration(run["seconds"]), sort=run["seconds"]),
                    Cell(run["device"]),
                    Cell(run["created"][:10], notes=(run["gliascope_version"],)),
                ]
            )
    return table(columns, rows, caption="Runs", tall=len(rows) > 15)
