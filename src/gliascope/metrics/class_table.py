"""What each figure of a classifier and of calibration is: the table behind the reference page.

To add a figure: compute it in ``ClassifiedCases.summary`` (or ``Reliability``), and add its row here; a test compares.
"""

import math
from dataclasses import dataclass
from typing import Literal

from gliascope.metrics.calibration import LEAST

_RELOADED = "Maier-Hein et al. 2024, doi:10.1038/s41592-023-02151-z"


@dataclass(frozen=True)
class ClassMetric:
    """One row of the table; no figure has a unit, but for ``nll`` (nat).

    Args:
        what: What it is, with the formula.
        low: Smallest possible value.
        high: Largest possible value.
        direction: Whether ``up`` or ``down`` is better; None: neither.
        undefined: Where it has no value.
        source: Who defined it.
    """

    what: str
    low: float
    high: float
    direction: Literal["up", "down"] | None
    undefined: str
    source: str


_NEITHER = "class neither occurs nor is predicted"
_NO_CASES = "no cases"

CLASS_METRICS: dict[str, ClassMetric] = {
    "precision": ClassMetric(
        "Share of the cases called this class that are of it: TP / (TP + FP); 0 where none is called so.",
        *(0.0, 1.0, "up", _NEITHER, _RELOADED),
    ),
    "recall": ClassMetric(
        "Share of the cases of this class that are called so: TP / (TP + FN); 0 where none is of it.",
        *(0.0, 1.0, "up", _NEITHER, _RELOADED),
    ),
    "f1": ClassMetric(
        "Harmonic mean of precision and recall, of sets of cases the Dice score: 2 TP / (2 TP + FP + FN).",
        *(0.0, 1.0, "up", _NEITHER, "Dice 1945, doi:10.2307/1932409"),
    ),
    "iou": ClassMetric(
        "Cases rightly called this class, as a share of all that are of it or called so: TP / (TP + FP + FN).",
        *(0.0, 1.0, "up", _NEITHER, "Jaccard 1912, doi:10.1111/j.1469-8137.1912.tb05611.x"),
    ),
    "roc_auc": ClassMetric(
        "Area under the ROC curve, this class against all others: share of the pairs (a case of it, another) in which "
        "the former has the higher probability; equal ones count half. 0.5 is chance.",
        *(0.0, 1.0, "up", "no case, or every case, is of the class"),
        "Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747",
    ),
    "pr_auc": ClassMetric(
        "Area under the precision-recall curve, this class against all others (average precision): sum over falling "
        "thresholds of precision times rise of recall. Chance is the share of the class.",
        *(0.0, 1.0, "up", "no case is of the class", "scikit-learn, average_precision_score"),
    ),
}
"""Of each class, and averaged: ``macro`` (each class counts once) and ``weighted`` (each case counts once), over the
classes that have a value."""

OVERALL_METRICS: dict[str, ClassMetric] = {
    "accuracy": ClassMetric("Share of the cases that got their class.", 0.0, 1.0, "up", _NO_CASES, _RELOADED),
    "balanced_accuracy": ClassMetric(
        "Mean recall of the classes that occur.",
        *(0.0, 1.0, "up", _NO_CASES, "Brodersen et al. 2010, doi:10.1109/ICPR.2010.764"),
    ),
    "mean_confidence": ClassMetric(
        "Mean of the largest probability; far above the accuracy, the model is too sure.",
        *(0.0, 1.0, None, _NO_CASES, "Guo et al. 2017, arXiv:1706.04599"),
    ),
}
"""Of all cases together."""

CALIBRATION_METRICS: dict[str, ClassMetric] = {
    "ece": ClassMetric(
        "Expected calibration error: mean over the answers of the distance between mean confidence and share of right "
        "answers in their bin, of 15 bins of equal width.",
        *(0.0, 1.0, "down", "nothing to judge", "Guo et al. 2017, arXiv:1706.04599"),
    ),
    "brier": ClassMetric(
        "Mean squared distance between probabilities and what was so (1 or 0), summed over the classes.",
        *(0.0, 2.0, "down", "nothing to judge", "Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2"),
    ),
    "nll": ClassMetric(
        "Mean negative logarithm of the probability that what was so had, in nat; none counts as less than 1.2e-7.",
        *(0.0, -math.log(LEAST), "down", "nothing to judge", "Good 1952, doi:10.1111/j.2517-6161.1952.tb00104.x"),
    ),
}
"""Of a classifier's answers and of each class against all others; of each region's voxels inside the head."""
