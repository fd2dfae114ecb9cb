"""Scores of classes as plain data: one row per case, and a summary over them, with intervals and calibration."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gliascope.case import Case
from gliascope.inference.predictor import Classification
from gliascope.metrics import evaluate_classes
from gliascope.metrics.class_intervals import class_intervals
from gliascope.metrics.classification import classified_cases
from gliascope.workflow.clusters import clusters_of, interval_facts
from gliascope.workflow.plain_json import without_nan
from gliascope.workflow.reliability import class_sums

PROTOCOL = "plain"
"""Ours: the answer counts, and where there is none, the most probable class."""


def classification_row(case: Case, result: Classification) -> dict[str, Any]:
    """Return one case's row; the prediction is the class that was answered, else the most probable one."""
    probabilities = dict(result.probabilities)
    best = result.label or max(probabilities, key=lambda name: probabilities[name])
    return {
        "case": case.id,
        "patient": case.patient,
        "group": case.group,
        "reference": case.label,
        "prediction": best,
        "correct": best == case.label,
        "probabilities": probabilities,
    }


def classification_facts(
    rows: Sequence[dict[str, Any]],
    raw: Sequence[dict[str, float]],
    classes: Sequence[str],
    temperature: float | tuple[float, ...] | None,
) -> dict[str, Any]:
    """Return the ``evaluate`` JSON of classes, but for ``split`` and ``warnings``.

    Args:
        rows: One per case, as ``classification_row`` gives them.
        raw: The probabilities of each case before the temperature.
        classes: Names of the classes, in the model's order.
        temperature: The model's.
    """
    table, before = (
        np.array([[each[name] for name in classes] for each in given])
        for given in ([row["probabilities"] for row in rows], raw)
    )
    labels, answers = [row["reference"] for row in rows], [row["prediction"] for row in rows]
    cases = classified_cases(labels, table, classes, answers)
    clusters, _ = clusters_of(rows)
    ci95 = class_intervals(cases, clusters)
    sums = class_sums(table, before, cases.reference, classes)
    return {
        "task": "classify",
        "protocol": PROTOCOL,
        "counts": {"cases": len(rows), "wrong": sum(not row["correct"] for row in rows)},
        "intervals": interval_facts(rows),
        **without_nan(evaluate_classes(labels, table, classes, answers)),
        "ci95": {row: {name: _plain(ends) for name, ends in each.items()} for row, each in ci95.items()},
        "calibration": sums.facts(clusters, temperature),
        "cases": list(rows),
    }


def _plain(ends: tuple[float, float] | None) -> list[float] | None:
    return None if ends is None else list(ends)
