"""The page of an evaluation: how well predictions agree with references, in sum and case by case."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from markupsafe import Markup

from gliascope.labels import TUMOR_CLASSES
from gliascope.report import wording
from gliascope.report.charts import spread_chart
from gliascope.report.curves import curve_charts
from gliascope.report.frame import Section, fragment, page
from gliascope.report.tables import Cell, Column, figure_cell, table
from gliascope.report.tiles import Tile, tile_url

OVERALL_ROWS = ("macro", "weighted", "all")
"""Rows of a classification summary that are no class."""

COUNT_WORDS: Mapping[str, str] = {
    "cases": "Cases",
    "both_empty": "Both empty",
    "missed": "Missed",
    "false_positive": "False positive",
}

CASE_WORDS: Mapping[str, str] = {"case": "Case", "probabilities": "Model scores"}

CONFUSION_NOTE = "Rows: what the reference says. Columns: what the model answered. Shades: share of the row."
GALLERY_NOTE = "Colored outlines: prediction. White outline: reference."


class EvaluationFacts(TypedDict, total=False):
    """The keys of ``evaluate --json``; each may be missing.

    Segmentation: ``summary[region][metric]`` is ``{mean, median, sd, ci95: [low, high] | None, n}`` and each case
    holds ``{region: {metric: value}}``. Classification: ``classes`` and ``confusion`` (rows: reference, columns:
    prediction) are there, and ``summary[class | "macro" | "weighted" | "all"][metric]`` is a number.
    ``name``, ``model``, ``dataset``, ``scheme``, ``created`` and ``gliascope_version`` are shown where given.
    """

    name: str
    model: str
    dataset: str
    scheme: str
    protocol: str
    split: str
    counts: Mapping[str, int]
    classes: list[str]
    confusion: list[list[int]]
    summary: Mapping[str, Mapping[str, Any]]
    cases: list[Mapping[str, Any]]
    warnings: list[Mapping[str, str]]
    created: str
    gliascope_version: str


def evaluation_page(
    facts: Mapping[str, Any],
    *,
    curves: Mapping[str, Sequence[float | None]] | None = None,
    gallery: Sequence[Tile] = (),
) -> str:
    """Return the page of an evaluation.

    Args:
        facts: The content of ``evaluate --json`` (``EvaluationFacts``).
        curves: Training curves, a value per epoch by series name, or None.
        gallery: Pictures of cases, best made with ``tile(scan, prediction, reference=…)``.
    """
    summary, cases = facts.get("summary") or {}, facts.get("cases") or []
    classes = facts.get("classes") or []
    sections = [Section("", fragment("figures.html.j2", figures=_key_figures(facts)))]
    if facts.get("confusion"):
        sections.append(Section("Confusion matrix", _confusion(classes, facts["confusion"]), CONFUSION_NOTE))
    if summary:
        sections.append(Section("Summary", _summary_table(summary), _summary_note(summary)))
    charts = _spread_charts(cases, list(summary))
    if charts:
        note = "Every point is a case; the bar runs from quartile to quartile, the tick is the median."
        sections.append(Section("Spread over cases", fragment("charts.html.j2", charts=charts), note))
    if gallery:
        tiles = [{"url": tile_url(each["image"]), "caption": each["caption"]} for each in gallery]
        sections.append(Section("Gallery", fragment("tiles.html.j2", tiles=tiles), GALLERY_NOTE))
    if cases:
        sections.append(Section("Cases", case_table(cases)))
    if curves:
        sections.append(Section("Training", curve_charts(curves)))
    return page(
        str(facts.get("name") or facts.get("model") or "Evaluation"),
        sections,
        kind="Evaluation",
        subtitle=wording.sentence({key: facts.get(key) for key in ("dataset", "split")}),
        warnings=facts.get("warnings") or (),
        provenance=_provenance(facts),
    )


def _key_figures(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The mean of the first metric per region, or the overall scores, and the counts."""
    figures: list[dict[str, Any]] = []
    for row, metrics in (facts.get("summary") or {}).items():
        if facts.get("confusion") and row != "all":
            continue
        for metric, value in list(metrics.items())[: None if row == "all" else 1]:
            mean, note = _mean_and_note(value, metric)
            words = wording.title(metric) if row == "all" else f"{wording.title(row)}, {wording.title(metric)}"
            figures.append({"label": words, "value": mean, "note": note, "strong": True})
    for name, value in (facts.get("counts") or {}).items():
        figures.append(
            {"label": COUNT_WORDS.get(name, wording.title(name)), "value": value, "note": "", "strong": False}
        )
    return figures


def _mean_and_note(value: object, metric: str) -> tuple[str, str]:
    """A summary's mean and its confidence interval as text; a plain number has no interval."""
    if not isinstance(value, Mapping):
        return wording.metric_value(value, metric), ""
    interval = value.get("ci95")
    low, high = interval if interval else (None, None)
    note = "" if low is None or high is None else f"{_score(low, metric)} to {_score(high, metric)}"
    return _score(value.get("mean"), metric), note


def _score(value: float | None, metric: str) -> str:
    return wording.metric_value(None if value is None else float(value), metric)


def _summary_note(summary: Mapping[str, Mapping[str, Any]]) -> str:
    values = [value for metrics in summary.values() for value in metrics.values()]
    has_intervals = any(isinstance(value, Mapping) and value.get("ci95") for value in values)
    return "Mean over cases; below it its 95 % confidence interval." if has_intervals else ""


def _summary_table(summary: Mapping[str, Mapping[str, Any]]) -> Markup:
    metrics = _union(row for name, row in summary.items() if name != "all" or len(summary) == 1)
    columns = [Column("")] + [Column(wording.title(metric), numeric=True, hint=metric) for metric in metrics]
    rows = [
        [Cell(wording.title(name)), *(_summary_cell(row.get(metric), metric) for metric in metrics)]
        for name, row in summary.items()
        if name != "all" or len(summary) == 1
    ]
    return table(columns, rows, caption="Summary", sortable=False)


def _summary_cell(value: object, metric: str) -> Cell:
    if not isinstance(value, Mapping):
        return figure_cell(value, metric)
    mean, interval = _mean_and_note(value, metric)
    level = value.get("mean")
    is_score = isinstance(level, float) and not wording.unit_of(metric) and 0 <= level <= 1
    median = f"median {_score(value.get('median'), metric)}"
    spread = f"SD {_score(value.get('sd'), metric)}, n = {value.get('n')}"
    return Cell(mean, level=level if is_score else None, notes=tuple(n for n in (interval, median, spread) if n))


def _confusion(classes: Sequence[str], counts: Sequence[Sequence[int]]) -> Markup:
    rows = []
    for name, row in zip(classes, counts, strict=True):
        total = sum(row)
        cells = [{"count": n, "level": n / total if total else 0.0, "share": wording.share(n, total)} for n in row]
        rows.append({"title": wording.title(name), "cells": cells, "total": total})
    return fragment("confusion.html.j2", classes=[wording.title(name) for name in classes], rows=rows)


def _spread_charts(cases: Sequence[Mapping[str, Any]], regions: Sequence[str]) -> list[dict[str, Any]]:
    """One chart per metric that cases hold by region; at least three cases, or points say more in the table."""
    if len(cases) < 3:
        return []
    charts = []
    metrics = _union(case[r] for case in cases for r in regions if isinstance(case.get(r), Mapping))
    for metric in metrics:
        values = {r: [v for v in (_figure(case, r, metric) for case in cases) if v is not None] for r in regions}
        found = [v for own in values.values() for v in own]
        if not found:
            continue
        words = wording.title(metric)
        unit_range = not wording.unit_of(metric) and min(found) >= 0 and max(found) <= 1
        svg = spread_chart(values, title=f"{words} by region", axis="", unit_range=unit_range)
        charts.append({"title": words, "note": "", "svg": svg, "legend": []})
    return charts


def _figure(case: Mapping[str, Any], region: str, metric: str) -> float | None:
    own = case.get(region)
    value = own.get(metric) if isinstance(own, Mapping) else None
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def case_table(cases: Sequence[Mapping[str, Any]]) -> Markup:
    """Return one row per case; what a case holds by region or class becomes a group of columns.

    A column without any value is left out, as is a patient that only repeats the case.
    """
    keys = [key for key in _union(cases) if key != "patient" or any(_own_patient(case) for case in cases)]
    columns: dict[tuple[str, str], Column] = {}
    for key in keys:
        nested = _union(case[key] for case in cases if isinstance(case.get(key), Mapping))
        for name in nested or [""]:
            values = [_case_value(case, key, name) for case in cases]
            if all(value is None for value in values):
                continue
            numeric = any(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
            words = CASE_WORDS.get(key, wording.title(key))
            columns[key, name] = Column(wording.title(name) if name else words, numeric, name, words if name else "")
    rows = [[_case_cell(case, key, name) for key, name in columns] for case in cases]
    return table(list(columns.values()), rows, caption="Cases", tall=True)


def _own_patient(case: Mapping[str, Any]) -> bool:
    return case.get("patient") not in (None, case.get("case"))


def _case_value(case: Mapping[str, Any], key: str, name: str) -> object:
    value = case.get(key)
    if name:
        return value.get(name) if isinstance(value, Mapping) else None
    return value


def _case_cell(case: Mapping[str, Any], key: str, name: str) -> Cell:
    value = _case_value(case, key, name)
    if isinstance(value, str):
        return Cell(wording.title(value) if value in TUMOR_CLASSES else value)
    return figure_cell(value, name or key)


def _provenance(facts: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        **{"protocol": "Protocol", "scheme": "Label scheme", "model": "Model", "dataset": "Data set", "split": "Split"},
        **{"created": "Created", "gliascope_version": "Gliascope"},
    }
    return {words: facts[key] for key, words in names.items() if facts.get(key)}


def _union(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Keys of all mappings, each once, in order of appearance."""
    return list(dict.fromkeys(key for row in rows for key in row))
