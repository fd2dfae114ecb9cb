"""Scores of classes as plain data: one row per case, and a summary over them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gliascope.errors import Notice
from gliascope.metrics import evaluate_classes
from gliascope.workflow.plain_json import without_nan

PROTOCOL = "plain"
"""Ours: the most probable class is the answer, abstained or not."""


def classification_row(
    case: str, patient: str | None, reference: str | None, probabilities: dict[str, float]
) -> dict[str, Any]:
    """Return one case's row; the prediction is the most probable class, abstained or not."""
    best = max(probabilities, key=lambda name: probabilities[name])
    row: dict[str, Any] = {"case": case, "patient": patient, "reference": reference, "prediction": best}
    return {**row, "correct": best == reference, "probabilities": probabilities}


def classification_facts(
    rows: Sequence[dict[str, Any]], classes: Sequence[str], split: str, notices: Sequence[Notice]
) -> dict[str, Any]:
    """Return the ``evaluate`` JSON of classes."""
    table = np.array([[row["probabilities"][name] for name in classes] for row in rows])
    return {
        "task": "classify",
        "protocol": PROTOCOL,
        "split": split,
        "counts": {"cases": len(rows), "wrong": sum(not row["correct"] for row in rows)},
        **without_nan(evaluate_classes([row["reference"] for row in rows], table, classes)),
        "cases": list(rows),
        "warnings": [notice.as_json() for notice in dict.fromkeys(notices)],
    }
