"""The figures of an evaluation by row and metric, named as a recipe names those that its source reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.metrics import METRICS
from gliascope.metrics.class_table import CLASS_METRICS, OVERALL_METRICS
from gliascope.metrics.intervals import bootstrap_intervals
from gliascope.workflow.clusters import clusters_of

POOLED = "pooled_"
"""Begins the names of figures that take all voxels of all cases together."""


@dataclass(frozen=True)
class RunFigure:
    """One figure of one evaluation: its value, its 95 % interval where there is one, and over how many cases.

    ``infinite`` cases, whose distance to a tumor that was missed or invented has no end, are left out of the value.
    """

    value: float
    ci95: tuple[float, float] | None
    n: int
    infinite: int = 0


Figures = dict[str, dict[str, RunFigure]]
"""By row (a region, a class, an average) and metric."""


def figures_of(evaluation: Mapping[str, Any]) -> Figures:
    """Return every figure of an evaluation that has a value.

    Rows and metrics are those of ``evaluate --json``, and besides:

    * ``all`` of a segmenter: the mean over its regions of their means over cases;
    * ``precision``, ``recall``, ``f1`` … in row ``all`` of a classifier: the macro average;
    * ``pooled_dice``, ``pooled_iou``, ``pooled_accuracy`` …: all voxels of all cases in one confusion matrix.

    Args:
        evaluation: The content of ``evaluate --json``; of a cascade, both its halves.
    """
    if evaluation["task"] == "classify":
        return _class_figures(evaluation)
    found = _region_figures(evaluation)
    for row, figures in _class_figures(evaluation["classification"]).items() if "classification" in evaluation else ():
        found[row] = {**figures, **found.get(row, {})}
    for row, own in (evaluation.get("pooled") or {}).get("rows", {}).items():
        for metric, value in own.items():
            if value is not None:
                ends = _ends(evaluation["pooled"]["ci95"][row][metric])
                figure = RunFigure(value, ends, evaluation["counts"]["cases"])
                found.setdefault(row, {})[f"{POOLED}{metric}"] = figure
    return found


def direction_of(metric: str) -> str | None:
    """Return ``up`` or ``down``, whichever is better; None of a metric that has no better or is not known.

    Example:
        >>> direction_of("pooled_iou"), direction_of("assd"), direction_of("accuracy"), direction_of("loss")
        ('up', 'down', 'up', None)
    """
    name = metric.removeprefix(POOLED)
    if name in METRICS:
        return METRICS[name].direction
    of_classes = {**CLASS_METRICS, **OVERALL_METRICS}
    return of_classes[name].direction if name in of_classes else None


def spread_over_folds(folds: Sequence[Figures]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return mean and standard deviation (n - 1) over folds of each figure that every fold has, as plain data."""
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for row, own in folds[0].items() if folds else ():
        for metric in own:
            values = [fold[row][metric].value for fold in folds if metric in fold.get(row, {})]
            if len(values) == len(folds):
                sd = stdev(values) if len(values) > 1 else None
                rows.setdefault(row, {})[metric] = {"mean": fmean(values), "sd": sd, "values": values}
    return rows


def _class_figures(evaluation: Mapping[str, Any]) -> Figures:
    summary, intervals = evaluation["summary"], evaluation.get("ci95") or {}
    n = evaluation["counts"]["cases"]
    found: Figures = {
        row: {
            metric: RunFigure(value, _ends((intervals.get(row) or {}).get(metric)), n)
            for metric, value in own.items()
            if value is not None and metric != "support"
        }
        for row, own in summary.items()
    }
    found["all"] = {**found.get("macro", {}), **found["all"]}
    return found


def _region_figures(evaluation: Mapping[str, Any]) -> Figures:
    found: Figures = {
        region: {
            metric: RunFigure(
                *(figures["mean"], _ends(figures["ci95"]), figures["n"] - figures["infinite"], figures["infinite"])
            )
            for metric, figures in own.items()
            if figures["mean"] is not None
        }
        for region, own in evaluation["summary"].items()
    }
    if len(found) == 1:
        return {**found, "all": dict(next(iter(found.values())))}
    return {**found, "all": _over_regions(evaluation, found)}


def _over_regions(evaluation: Mapping[str, Any], found: Figures) -> dict[str, RunFigure]:
    """Return the mean over the regions of each metric, with its interval from resamples of whole patients."""
    cases, regions = evaluation["cases"], list(found)
    metrics = list(dict.fromkeys(metric for own in found.values() for metric in own))
    values = np.array([[[_value(case, r, metric) for r in regions] for metric in metrics] for case in cases])
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)

    def means(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        sums, numbers = (np.tensordot(counts, table, axes=1) for table in (filled, known.astype(np.float64)))
        of_regions = np.where(numbers > 0, sums / np.maximum(numbers, 1), np.nan)
        defined = ~np.isnan(of_regions)
        total = np.where(defined, of_regions, 0.0).sum(axis=2)
        mean: NDArray[np.float64] = total / np.where(defined.any(axis=2), defined.sum(axis=2), np.nan)
        return mean

    once = means(np.ones((1, len(cases))))[0]
    intervals = bootstrap_intervals(means, clusters_of(cases)[0])
    numbers = known.any(axis=2).sum(axis=0)
    summary = evaluation["summary"]
    infinite = [sum((summary[r].get(metric) or {}).get("infinite", 0) for r in regions) for metric in metrics]
    rows = zip(metrics, once, intervals, numbers, infinite, strict=True)
    return {name: RunFigure(float(v), ends, int(n), k) for name, v, ends, n, k in rows if np.isfinite(v)}


def _value(case: Mapping[str, Any], region: str, metric: str) -> float:
    value = (case.get(region) or {}).get(metric)
    return float("nan") if value is None else float(value)


def _ends(interval: Sequence[float | None] | None) -> tuple[float, float] | None:
    """Return both ends of an interval, or None where there is none or one is infinite."""
    if not interval or interval[0] is None or interval[1] is None:
        return None
    return interval[0], interval[1]
