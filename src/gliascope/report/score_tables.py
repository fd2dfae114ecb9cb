"""Tables of an evaluation: the summary by region or by class, the confusion matrix, and case by case."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from gliascope.labels import TUMOR_CLASSES
from gliascope.report import wording
from gliascope.report.frame import fragment
from gliascope.report.metric_words import INFINITE, MetricWords
from gliascope.report.tables import Cell, Column, table

CASE_WORDS: Mapping[str, str] = {"case": "Case", "probabilities": "Model scores"}

WANTS_ATTENTION = frozenset({"missed", "false_positive"})


def region_summary(summary: Mapping[str, Mapping[str, Mapping[str, Any]]], words: MetricWords) -> Markup:
    """Return one row per metric; each region has a column for its mean, its median and its number of cases."""
    columns = [Column("")]
    for region in summary:
        title = wording.title(region)
        columns += [Column(name, numeric=True, group=title, hint=region) for name in ("Mean", "Median", "Cases")]
    rows = []
    for metric in shown_metrics(summary):
        row = [Cell(words.title(metric))]
        for region in summary:
            row += _region_cells(summary[region].get(metric) or {}, metric, words)
        rows.append(row)
    return table(columns, rows, caption="Summary", sortable=False, dense=True)


def shown_metrics(rows: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """Return the metrics of a summary; sizes in voxels only where those in ml are unknown."""
    names = union(rows.values())
    known = {name for row in rows.values() for name, figures in row.items() if figures.get("mean") is not None}
    return [n for n in names if not (n.endswith("_voxels") and n.replace("_voxels", "_volume_ml") in known)]


def _region_cells(figures: Mapping[str, Any], metric: str, words: MetricWords) -> list[Cell]:
    mean, endless, n = figures.get("mean"), figures.get("infinite") or 0, figures.get("n")
    spread = figures.get("sd")
    sd = "" if spread is None else f"SD {words.figure(float(spread), metric)}"
    median = figures.get("median")
    middle = INFINITE if median is None and endless else words.figure(median, metric)
    undefined = figures.get("missing") or 0
    counts = [f"{endless} infinite" if endless else "", f"{undefined} undefined" if undefined else ""]
    first = [
        words.interval(figures.get("ci95"), metric),
        sd,
        "finite only" if endless and mean is not None else "",
    ]
    second = [words.interval(figures.get("median_ci95"), metric)]
    return [
        Cell(words.figure(mean, metric), level=words.level(mean, metric), notes=tuple(filter(None, first))),
        Cell(middle, notes=tuple(filter(None, second))),
        Cell(n, notes=tuple(filter(None, counts))),
    ]


def class_summary(
    summary: Mapping[str, Mapping[str, Any]], intervals: Mapping[str, Mapping[str, Any]], words: MetricWords
) -> Markup:
    """Return one row per class and average, one column per metric; ``all`` stands in the key figures."""
    rows = {name: row for name, row in summary.items() if name != "all" or len(summary) == 1}
    metrics = union(rows.values())
    columns = [Column("")] + [Column(words.title(metric), numeric=True, hint=metric) for metric in metrics]
    cells = []
    for name, row in rows.items():
        own = intervals.get(name) or {}
        line = [Cell(wording.title(name))]
        for metric in metrics:
            value = row.get(metric)
            interval = words.interval(own.get(metric), metric)
            notes = (interval,) if interval else ()
            line.append(Cell(words.figure(value, metric), level=words.level(value, metric), notes=notes))
        cells.append(line)
    return table(columns, cells, caption="Summary", sortable=False)


def confusion(classes: Sequence[str], counts: Sequence[Sequence[int]]) -> Markup:
    """Return the matrix of references (rows) against answers (columns)."""
    rows = []
    for name, row in zip(classes, counts, strict=True):
        total = sum(row)
        cells = [{"count": n, "level": n / total if total else 0.0, "share": wording.share(n, total)} for n in row]
        rows.append({"title": wording.title(name), "cells": cells, "total": total})
    return fragment("confusion.html.j2", classes=[wording.title(name) for name in classes], rows=rows)


def case_table(cases: Sequence[Mapping[str, Any]], words: MetricWords) -> Markup:
    """Return one row per case; what a case holds by region or class becomes a group of columns.

    A column without any value is left out, as is a patient that only repeats the case.
    """
    keys = [key for key in union(cases) if key != "patient" or any(_own_patient(case) for case in cases)]
    columns: dict[tuple[str, str], Column] = {}
    for key in keys:
        nested = union(case[key] for case in cases if isinstance(case.get(key), Mapping))
        for name in nested or [""]:
            values = [_value(case, key, name) for case in cases]
            if all(value is None for value in values) and not any(words.is_infinite(c, key, name) for c in cases):
                continue
            numeric = any(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
            group = CASE_WORDS.get(key, wording.title(key))
            title = words.title(name) if name else group
            columns[key, name] = Column(title, numeric, name, group if name else "")
    rows = [[_cell(case, key, name, words) for key, name in columns] for case in cases]
    return table(list(columns.values()), rows, caption="Cases", tall=True)


def union(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the keys of all mappings, each once, in order of appearance."""
    return list(dict.fromkeys(key for row in rows for key in row))


def _own_patient(case: Mapping[str, Any]) -> bool:
    return case.get("patient") not in (None, case.get("case"))


def _value(case: Mapping[str, Any], key: str, name: str) -> object:
    value = case.get(key)
    if name:
        return value.get(name) if isinstance(value, Mapping) else None
    return value


def _cell(case: Mapping[str, Any], key: str, name: str, words: MetricWords) -> Cell:
    value = _value(case, key, name)
    if name == "outcome" and isinstance(value, str):
        return Cell(wording.title(value), marked=value in WANTS_ATTENTION)
    if isinstance(value, str):
        return Cell(wording.title(value) if value in TUMOR_CLASSES else value)
    if words.is_infinite(case, key, name):
        return Cell(INFINITE, sort=float("inf"), marked=True)
    metric = name or key
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    sort = float(value) if plain else ("" if value is None else None)  # type: ignore[arg-type]
    return Cell(words.figure(value, metric), sort=sort, level=words.level(value, metric))
