"""Calibration of an evaluation: whether probabilities mean what they say, before and after the temperature."""

from collections.abc import Mapping, Sequence
from typing import Any

from gliascope.report import wording
from gliascope.report.charts import legend
from gliascope.report.frame import Section, fragment
from gliascope.report.metric_words import MetricWords
from gliascope.report.reliability import reliability_chart
from gliascope.report.tables import Cell, Column, table

FIGURES = ("ece", "brier", "nll")

HINTS: Mapping[str, str] = {
    "ece": "expected calibration error: mean distance between confidence and share of right answers",
    "brier": "mean squared distance between probability and outcome",
    "nll": "mean negative logarithm of the probability of what happened",
}

NOTE = (
    "On the diagonal, answers given with 80 % are right in 80 %; below it the model is too sure. Gray: how the answers "
    "are spread over confidence."
)


def calibration_section(facts: Mapping[str, Any]) -> list[Section]:
    """Return reliability diagrams and calibration figures, or nothing where none were computed."""
    found = facts.get("calibration") or {}
    rows: Mapping[str, Mapping[str, Any]] = found.get("rows") or {}
    if not rows:
        return []
    raw: Mapping[str, Mapping[str, Any]] = found.get("raw") or {}
    charts = []
    for name, row in rows.items():
        before = (raw.get(name) or {}).get("bins")
        svg = reliability_chart(row.get("bins") or [], before, title=f"Reliability, {wording.title(name)}")
        key = legend(["with the temperature"], dashed="without") if before else []
        charts.append({"title": wording.title(name), "note": _count(row, found), "svg": svg, "legend": key})
    body = _table(rows, raw) + fragment("charts.html.j2", charts=charts)
    note = f"{NOTE} {_temperature(found.get('temperature'), list(rows))}".strip()
    return [Section("Calibration", body, note)]


def _table(rows: Mapping[str, Mapping[str, Any]], raw: Mapping[str, Mapping[str, Any]]) -> Any:  # noqa: ANN401 - markup
    words = MetricWords()
    columns = [Column("")]
    columns += [Column(wording.title(figure), numeric=True, hint=HINTS[figure]) for figure in FIGURES]
    columns += [
        Column(wording.title(f), numeric=True, hint=HINTS[f], group="Without temperature") for f in FIGURES
    ] * bool(raw)
    lines = []
    for name, row in rows.items():
        line = [Cell(wording.title(name)), *(_cell(row, figure, words) for figure in FIGURES)]
        if raw:
            line += [_cell(raw.get(name) or {}, figure, words) for figure in FIGURES]
        lines.append(line)
    return table(columns, lines, caption="Calibration", sortable=False)


def _cell(row: Mapping[str, Any], figure: str, words: MetricWords) -> Cell:
    interval = words.interval((row.get("ci95") or {}).get(figure), figure)
    return Cell(words.figure(row.get(figure), figure), notes=(interval,) if interval else ())


def _count(row: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    n, unit = row.get("n"), str(found.get("unit") or "answer")
    return "" if n is None else f"{n:,} {unit if n == 1 else unit + 's'}"


def _temperature(value: object, names: Sequence[str]) -> str:
    """Say what the temperature is: one for all classes, or one per region."""
    if isinstance(value, int | float):
        text = f"{value:g}"
    elif isinstance(value, list | tuple) and len(value) == len(names):
        text = ", ".join(f"{wording.title(name)} {number:g}" for name, number in zip(names, value, strict=True))
    else:
        return ""
    return f"Temperature, fitted on validation cases: {text}."
