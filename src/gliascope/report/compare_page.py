"""The page of a comparison: which system is better, by how much, how sure that is, and where to look."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.report import wording
from gliascope.report.charts import legend
from gliascope.report.checklist import NOTE, progress_words
from gliascope.report.compare_charts import Difference, forest_chart, pair_chart
from gliascope.report.compare_tables import (
    between,
    checklist_table,
    figure_table,
    run_table,
    significance_table,
    spread_table,
    worst_table,
)
from gliascope.report.frame import Section, fragment, page
from gliascope.report.tiles import tile_url

Values = Mapping[tuple[str, str], Mapping[str, Mapping[str, float]]]
"""By row and metric, then system, then case."""

LEVEL = 0.05
"""Corrected p-values below it are drawn as filled points."""

MOST_PAIRS = 6
"""Pairs of systems that get a chart of their cases."""

PICTURES_NOTE = "White outline: reference mask. Evaluations keep no predictions, so none are drawn."


def compare_page(facts: Mapping[str, Any], values: Values, pictures: Mapping[str, NDArray[np.uint8]]) -> str:
    """Return the page of a comparison.

    Args:
        facts: The content of ``compare --json``.
        values: What every case scored.
        pictures: Of the worst cases, those that could be read, by name.
    """
    sections = [Section("", fragment("figures.html.j2", figures=_key_figures(facts)))]
    sections.append(Section("Figures", figure_table(facts), _figures_note(facts)))
    if facts["differences"]:
        units = {own["metric"]: own["unit"] for own in facts["figures"]}
        letters = {own["name"]: chr(ord("A") + place) for place, own in enumerate(facts["systems"])}
        charts = [_forest(metric, units[metric], own, letters) for metric, own in _by_metric(facts["differences"])]
        sections.append(Section("Differences", fragment("charts.html.j2", charts=charts), _differences_note(letters)))
        sections.append(Section("Tests", significance_table(facts["differences"]), _tests_note(facts)))
        points = _pair_charts(facts, values)
        if points:
            note = "Every point is a case. On the line both systems score alike."
            sections.append(Section("Case by case", fragment("charts.html.j2", charts=points), note))
    if facts["worst"]:
        sections += _worst_sections(facts["worst"], pictures)
    if facts["spread"]:
        note = "Over folds: each trained and scored on other cases. Over seeds: the same cases, trained again."
        sections.append(Section("Spread over folds and seeds", spread_table(facts["spread"]), note))
    sections.append(Section("Runs", run_table(facts["runs"])))
    for name, items in groupby(facts["checklist"], key=lambda item: item["list"]):
        own = list(items)
        note = progress_words(own) + (f" {NOTE}" if name == facts["checklist"][0]["list"] else "")
        sections.append(Section(f"Reporting checklist: {name}", checklist_table(name, own), note))
    names = {"protocol": "Protocol", "created": "Created", "gliascope_version": "Gliascope"}
    return page(
        facts["name"],
        sections,
        kind="Comparison",
        subtitle=wording.sentence(
            {"data": ", ".join(dict.fromkeys(str(r["dataset"]) for r in facts["runs"] if r["dataset"]))}
        ),
        warnings=facts["warnings"],
        provenance={words: facts[key] for key, words in names.items() if facts.get(key)},
    )


def _key_figures(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The leading figure of every system and row, with its interval."""
    leading = facts["figures"][0]["metric"] if facts["figures"] else ""
    figures = []
    for own in facts["figures"]:
        if own["metric"] == leading:
            row = "" if own["row"] == "all" else f" {wording.title(own['row'])}"
            label = f"{own['system']}:{row} {wording.title(leading)}"
            value = wording.metric_value(own["mean"], leading)
            figures.append({"label": label, "value": value, "note": between(own["ci95"], leading), "strong": True})
    return figures


def _figures_note(facts: Mapping[str, Any]) -> str:
    made = facts["intervals"]
    return (
        f"Mean over cases and its {100 * made['level']:g} % interval ({made['method']}, {made['resamples']:,} "
        "resamples). The interval speaks of other patients; how training itself varies is the spread over seeds."
    )


def _by_metric(differences: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    metrics = dict.fromkeys(own["metric"] for own in differences)
    return [(metric, [own for own in differences if own["metric"] == metric]) for metric in metrics]


def _forest(
    metric: str, unit: str, differences: Sequence[Mapping[str, Any]], letters: Mapping[str, str]
) -> dict[str, Any]:
    """Draw one metric; of several pairs of systems each goes by letters, as names would leave no room."""
    rows = []
    for own in differences:
        if own["mean"] is None:
            continue
        pair = f"{letters[own['first']]} − {letters[own['second']]}" if len(letters) > 2 else ""
        name = wording.title(own["row"]) if not pair else pair if own["row"] == "all" else f"{own['row']}: {pair}"
        low, high = own["ci95"] or (None, None)
        interval = None if low is None or high is None else (low, high)
        p = own["p_permutation_holm"]
        rows.append(Difference(name, own["mean"], interval, p is not None and p < LEVEL))
    words = wording.title(metric)
    way = "higher is better" if differences[0]["direction"] == "up" else "lower is better"
    svg = forest_chart(rows, title=f"Differences in {words}", axis=unit)
    return {"title": words, "note": way, "svg": svg, "legend": []}


def _differences_note(letters: Mapping[str, str]) -> str:
    names = list(letters)
    pair = f"{names[0]} minus {names[1]}" if len(names) == 2 else "first minus second"
    key = "" if len(names) == 2 else f" {'; '.join(f'{letter}: {name}' for name, letter in letters.items())}."
    return (
        f"Mean paired difference, {pair}, with its 95 % interval by patient. Filled: the corrected p-value of the "
        f"permutation test is below 0.05.{key}"
    )


def _tests_note(facts: Mapping[str, Any]) -> str:
    return (
        f"{facts['tests']['number']} comparisons are shown and corrected together by Holm's method, each kind of test "
        "by itself. Differences are over cases for which both have a finite value."
    )


def _pair_charts(facts: Mapping[str, Any], values: Values) -> list[dict[str, Any]]:
    """One chart per pair of systems: the leading metric; of a classifier the probability of what is true."""
    metrics = [metric for _, metric in values]
    metric = "nll" if "nll" in metrics else metrics[0]
    rows = [row for row, own in values if own == metric]
    charts = []
    for pair in facts["pairs"][:MOST_PAIRS]:
        points: dict[str, list[tuple[float, float]]] = {}
        for row in rows:
            one, two = values[row, metric].get(pair["first"], {}), values[row, metric].get(pair["second"], {})
            own = [(one[case], two[case]) for case in one if case in two]
            finite = [both for both in own if all(map(math.isfinite, both))]
            points[row] = [(math.exp(-a), math.exp(-b)) for a, b in finite] if metric == "nll" else finite
        found = [value for own in points.values() for both in own for value in both]
        if not found:
            continue
        words = "Probability of the true class" if metric == "nll" else wording.title(metric)
        unit_range = min(found) >= 0 and max(found) <= 1
        names = {"first": pair["first"], "second": pair["second"]}
        svg = pair_chart(points, title=f"{words}, case by case", unit_range=unit_range, **names)
        charts.append(
            {"title": words, "note": "", "svg": svg, "legend": legend([wording.title(row) for row in points])}
        )
    return charts


def _worst_sections(worst: Sequence[Mapping[str, Any]], pictures: Mapping[str, NDArray[np.uint8]]) -> list[Section]:
    tiles = []
    for own in worst:
        if own["case"] in pictures:
            told = ", ".join(f"{s['system']} {wording.metric_value(s['value'], own['metric'])}" for s in own["scores"])
            what = wording.title(own["reference"] or own["row"])
            caption = f"{own['case']}: {what}, {wording.title(own['metric'])} {told}"
            tiles.append({"url": tile_url(pictures[own["case"]]), "caption": caption})
    metric = wording.title(worst[0]["metric"])
    note = f"{metric}: the worst scores, and the widest gaps between two systems."
    sections = [Section("Worst cases", worst_table(worst), note)]
    if tiles:
        sections.append(Section("Pictures of them", fragment("tiles.html.j2", tiles=tiles), PICTURES_NOTE))
    return sections
