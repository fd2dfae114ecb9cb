"""The page of an evaluation: how well predictions agree with references, in sum and case by case."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from markupsafe import Markup

from gliascope.report import wording
from gliascope.report.audit_page import KIND_WORDS
from gliascope.report.calibration_section import calibration_section
from gliascope.report.charts import spread_chart
from gliascope.report.curves import curve_charts
from gliascope.report.frame import Section, fact_list, fragment, page
from gliascope.report.gallery import gallery_sections
from gliascope.report.metric_words import MetricWords
from gliascope.report.pooled_section import pooled_section
from gliascope.report.protocol_section import empty_masks_section, intervals_in_words, protocol_section
from gliascope.report.score_tables import case_table, class_summary, confusion, region_summary, union
from gliascope.report.tiles import Tile

PAIRS = "pairs of case and region"
COUNT_NOTES: Mapping[str, str] = {"both_empty": PAIRS, "missed": PAIRS, "false_positive": PAIRS}

CONFUSION_NOTE = "Rows: what the reference says. Columns: what the model answered. Shades: share of the row."
SPREAD_NOTE = "Every point is a case; the bar runs from quartile to quartile, the tick is the median."
LEAK_TITLE = "The split leaks."
LEAK_TEXT = (
    "Cases that the model was trained on, or copies of them, are among those it is scored on. The figures below "
    "measure memory as much as skill and cannot be compared with those of a clean split."
)


class EvaluationFacts(TypedDict, total=False):
    """The keys of ``evaluate --json``; each may be missing, as in results of older versions.

    Segmentation: ``summary[region][metric]`` is ``{mean, median, sd, ci95, median_ci95, n, missing, infinite}`` and
    each case holds ``{region: {outcome, metric: value}}``; a distance that is None there is infinite where the outcome
    is ``missed`` or ``false_positive`` and the summary counts infinite ones. Classification: ``classes`` and
    ``confusion`` (rows: reference, columns: prediction) are there, ``summary[class | "macro" | "weighted" |
    "all"][metric]`` is a number and ``ci95`` holds its interval at the same place.
    ``name``, ``model``, ``dataset``, ``created`` and ``gliascope_version`` are shown where given.
    """

    name: str
    model: str
    dataset: str
    protocol: str
    protocol_facts: Mapping[str, Any]
    split: str
    given: list[str] | None
    counts: Mapping[str, int]
    intervals: Mapping[str, Any]
    classes: list[str]
    confusion: list[list[int]]
    summary: Mapping[str, Mapping[str, Any]]
    ci95: Mapping[str, Mapping[str, Any]]
    pooled: Mapping[str, Any]
    calibration: Mapping[str, Any] | None
    classification: Mapping[str, Any]
    leakage: Mapping[str, Any] | None
    test_looks: int | None
    cases: list[Mapping[str, Any]]
    warnings: list[Mapping[str, str]]
    created: str
    gliascope_version: str


def evaluation_page(
    facts: Mapping[str, Any],
    *,
    curves: Mapping[str, Sequence[float | None]] | None = None,
    gallery: Sequence[Tile] = (),
    mistakes: Mapping[str, Sequence[Tile]] | None = None,
) -> str:
    """Return the page of an evaluation.

    Args:
        facts: The content of ``evaluate --json`` (``EvaluationFacts``).
        curves: Training curves, a value per epoch by series name, or None.
        gallery: Pictures of cases, best made with ``tile(scan, prediction, reference=…)``.
        mistakes: Slices with tumor that was marked wrongly or missed, by a name of ``gallery.MISTAKES``.
    """
    words = MetricWords.of(facts)
    sections = [*_leakage(facts), Section("", fragment("figures.html.j2", figures=_key_figures(facts, words)))]
    if facts.get("confusion"):
        body = confusion(facts.get("classes") or [], facts["confusion"])
        sections.append(Section("Confusion matrix", body, CONFUSION_NOTE))
    if facts.get("summary"):
        sections.append(Section("Summary", _summary(facts, words), _summary_note(facts)))
    sections += [*protocol_section(facts), *empty_masks_section(facts)]
    charts = _spread_charts(facts, words)
    if charts:
        sections.append(Section("Spread over cases", fragment("charts.html.j2", charts=charts), SPREAD_NOTE))
    sections += pooled_section(facts, words)
    sections += calibration_section(facts)
    sections += _classification(facts)
    outlined = [] if facts.get("confusion") else list(facts.get("summary") or {})
    sections += gallery_sections(gallery, mistakes or {}, outlined)
    if facts.get("cases"):
        sections.append(Section("Cases", case_table(facts["cases"], words)))
    if curves:
        sections.append(Section("Training", curve_charts(curves)))
    return page(
        str(facts.get("name") or facts.get("model") or "Evaluation"),
        sections,
        kind="Evaluation",
        subtitle=wording.sentence({"dataset": facts.get("dataset"), "split": _part(facts)}),
        warnings=facts.get("warnings") or (),
        provenance=_provenance(facts),
    )


def _leakage(facts: Mapping[str, Any]) -> list[Section]:
    """Return a notice that the split leaks and how far, or nothing where it does not (or nobody looked)."""
    found = facts.get("leakage")
    if not found:
        return []
    counts = {
        f"{part.capitalize()} cases known from training": _share(found, part)
        for part in ("test", "validation")
        if found.get(f"leaking_{part}_cases")
    }
    kinds = "; ".join(f"{KIND_WORDS.get(kind, kind)}: {n:,}" for kind, n in (found.get("kinds") or {}).items())
    details = fact_list({**counts, "How": kinds} if kinds else counts)
    return [Section("", fragment("alert.html.j2", title=LEAK_TITLE, text=LEAK_TEXT, details=details))]


def _classification(facts: Mapping[str, Any]) -> list[Section]:
    """How well the classifier of a cascade decides what is segmented; nothing for a single model."""
    found = facts.get("classification")
    if not found:
        return []
    words, ci95 = MetricWords.of(found), found.get("ci95") or {}
    matrix = confusion(found.get("classes") or [], found["confusion"])
    summary = class_summary(found["summary"], ci95, words)
    overall = (found["summary"].get("all") or {}).get("accuracy")
    interval = words.interval((ci95.get("all") or {}).get("accuracy"), "accuracy")
    told = f"Accuracy: {words.figure(overall, 'accuracy')}" + (f" ({interval})." if interval else ".")
    note = f"The classifier decides what is segmented; all other masks are empty. {CONFUSION_NOTE}"
    return [Section("Classification", matrix, note), Section("Classification in figures", summary, told)]


def _share(found: Mapping[str, Any], part: str) -> str:
    own, whole = found[f"leaking_{part}_cases"], found.get(f"{part}_cases") or 0
    return f"{own:,} of {whole:,} ({wording.share(own, whole)})"


def _key_figures(facts: Mapping[str, Any], words: MetricWords) -> list[dict[str, Any]]:
    """The mean of the first metric per region, or the overall scores, the counts, and how often the part was scored."""
    figures: list[dict[str, Any]] = []
    overall = (facts.get("ci95") or {}).get("all") or {}
    for row, metrics in (facts.get("summary") or {}).items():
        if facts.get("confusion") and row != "all":
            continue
        shown = [(metric, value) for metric, value in metrics.items() if metric != "support"]
        for metric, value in shown[: None if row == "all" else 1]:
            if isinstance(value, Mapping):
                mean, note = value.get("mean"), words.interval(value.get("ci95"), metric)
            else:
                mean, note = value, words.interval(overall.get(metric), metric)
            title = words.title(metric) if row == "all" else f"{wording.title(row)}, {words.title(metric)}"
            figures.append({"label": title, "value": words.figure(mean, metric), "note": note, "strong": True})
    for name, value in (facts.get("counts") or {}).items():
        note = COUNT_NOTES.get(name, "")
        figures.append({"label": wording.title(name), "value": value, "note": note, "strong": False})
    looks = facts.get("test_looks")
    if looks is not None:
        worn = looks > 1 and str(facts.get("split")).startswith("test")
        note = "no longer unseen" if worn else ""
        figures.append({"label": "Times this part was scored", "value": looks, "note": note, "strong": False})
    return figures


def _summary(facts: Mapping[str, Any], words: MetricWords) -> Markup:
    summary = facts["summary"]
    nested = any(isinstance(value, Mapping) for row in summary.values() for value in row.values())
    return region_summary(summary, words) if nested else class_summary(summary, facts.get("ci95") or {}, words)


def _summary_note(facts: Mapping[str, Any]) -> str:
    """Say what the smaller lines are, and by which protocol the numbers were made."""
    title = (facts.get("protocol_facts") or {}).get("title")
    protocol = f"Protocol: {title}. " if title else ""
    how = intervals_in_words(facts)
    return f"{protocol}Below a figure its confidence interval ({how})." if how else protocol.strip()


def _spread_charts(facts: Mapping[str, Any], words: MetricWords) -> list[dict[str, Any]]:
    """One chart per metric of the protocol; at least three cases, or points say more in the table."""
    cases, regions = facts.get("cases") or [], list(facts.get("summary") or {})
    if len(cases) < 3:
        return []
    charts = []
    for metric in union(case[r] for case in cases for r in regions if isinstance(case.get(r), Mapping)):
        values = {r: [v for v in (_figure(case, r, metric) for case in cases) if v is not None] for r in regions}
        endless = {r: sum(words.is_infinite(case, r, metric) for case in cases) for r in regions}
        found = [v for own in values.values() for v in own]
        if not found or (words.units and metric not in words.units):
            continue
        title = words.title(metric)
        unit_range = all(words.level(v, metric) is not None for v in found)
        svg = spread_chart(values, title=f"{title} by region", axis="", unit_range=unit_range, infinite=endless)
        charts.append({"title": title, "note": "", "svg": svg, "legend": []})
    return charts


def _figure(case: Mapping[str, Any], region: str, metric: str) -> float | None:
    own = case.get(region)
    value = own.get(metric) if isinstance(own, Mapping) else None
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _part(facts: Mapping[str, Any]) -> object:
    return "label maps against references" if facts.get("split") == "given" else facts.get("split")


def _provenance(facts: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        **{"protocol": "Protocol", "model": "Model", "dataset": "Data set", "split": "Split"},
        **{"created": "Created", "gliascope_version": "Gliascope"},
    }
    return {words: facts[key] for key, words in names.items() if facts.get(key)}
