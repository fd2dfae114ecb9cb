"""The figures of a cross-validation over all its test cases together, each scored by the fold that never saw it."""

from collections.abc import Mapping, Sequence
from typing import Any

from gliascope.metrics.intervals import bootstrap_interval
from gliascope.metrics.summary import summarize
from gliascope.workflow.class_scores import classification_facts
from gliascope.workflow.clusters import clusters_of, interval_facts

MASK_FIGURES = ("dice", "iou", "sensitivity", "precision")
"""Shares from 0 to 1 that are pooled of masks."""
CLASS_FIGURES: Mapping[str, tuple[str, ...]] = {
    "all": ("accuracy", "balanced_accuracy"),
    "macro": ("f1", "roc_auc"),
}
"""What is pooled of classes, by row; of each class besides, its precision and recall."""


def pooled_over_folds(evaluations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures over the test cases of all folds, with 95 % intervals by patient.

    Args:
        evaluations: ``evaluate --json`` of every fold's test part; no case stands in two of them.

    Returns:
        ``{"cases", "intervals", "rows": {row: {metric: {"value", "ci95", "n"}}}}``; rows are regions or classes and
        ``all``. A figure without a value is left out.
    """
    rows = [row for evaluation in evaluations for row in evaluation["cases"]]
    found = _classes(evaluations[0], rows) if evaluations[0]["task"] == "classify" else _masks(evaluations[0], rows)
    return {"cases": len(rows), "intervals": interval_facts(rows), "rows": {k: v for k, v in found.items() if v}}


def _masks(first: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for region, metrics in first["summary"].items():
        own = [row for row in rows if region in row]
        clusters, _ = clusters_of(own)
        found[region] = {}
        for metric in (name for name in MASK_FIGURES if name in metrics):
            values = [float("nan") if row[region][metric] is None else row[region][metric] for row in own]
            figure = summarize(values)
            if figure["n"]:
                ends = bootstrap_interval(values, clusters, "mean", bounds=(0.0, 1.0))
                found[region][metric] = _figure(figure["mean"], ends, int(figure["n"]))
                found[region][metric]["median"] = round(figure["median"], 6)
    return found


def _classes(first: Mapping[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    classes = list(first["cases"][0]["probabilities"])
    facts = classification_facts(rows, [row["probabilities"] for row in rows], classes, None)
    wanted = {**CLASS_FIGURES, **dict.fromkeys(classes, ("precision", "recall"))}
    return {
        row: {
            metric: _figure(facts["summary"][row][metric], facts["ci95"].get(row, {}).get(metric), len(rows))
            for metric in metrics
            if facts["summary"].get(row, {}).get(metric) is not None
        }
        for row, metrics in wanted.items()
    }


def _figure(value: float, ends: Sequence[float] | None, n: int) -> dict[str, Any]:
    return {"value": round(value, 6), "ci95": None if ends is None else [round(end, 6) for end in ends], "n": n}


def pooled_subsets(
    folds: Sequence[Mapping[str, Mapping[str, Mapping[str, float | None]]]], patients: Mapping[str, str | None]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the mean Dice over all folds' cases by what was given and by region, with intervals by patient.

    Args:
        folds: ``subset_scores`` of every fold.
        patients: Whose each case is, where known.

    Returns:
        ``{"t1c+t2f": {"WT": {"value", "ci95", "n"}}}``; regions that no case tells of are left out.
    """
    pooled: dict[str, dict[str, dict[str, Any]]] = {}
    for given in folds[0]:
        regions: dict[str, dict[str, float | None]] = {}
        for fold in folds:
            for region, cases in fold.get(given, {}).items():
                regions.setdefault(region, {}).update(cases)
        pooled[given] = {}
        for region, cases in regions.items():
            known = {case: value for case, value in cases.items() if value is not None}
            if known:
                values = list(known.values())
                clusters, _ = clusters_of([{"case": case, "patient": patients.get(case)} for case in known])
                ends = bootstrap_interval(values, clusters, "mean", bounds=(0.0, 1.0))
                pooled[given][region] = _figure(sum(values) / len(values), ends, len(values))
    return pooled
