"""What is measured between a prediction and its reference, and what an empty mask means.

``METRICS`` is the table of mask metrics. To add one: a function ``(prediction, reference) -> float`` in a family's
file, a row here, a test of known values; reports and the contract test pick the row up.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from gliascope.metrics.classification import confusion_matrix, evaluate_classes
from gliascope.metrics.overlap import (
    BoolArray,
    dice_score,
    iou_score,
    precision_score,
    sensitivity_score,
    specificity_score,
)
from gliascope.metrics.summary import summarize
from gliascope.scan import LabelMap, check_same_grid

__all__ = [
    "METRICS",
    "Metric",
    "confusion_matrix",
    "dice_score",
    "evaluate_classes",
    "evaluate_regions",
    "iou_score",
    "precision_score",
    "sensitivity_score",
    "specificity_score",
    "summarize",
]


@dataclass(frozen=True)
class Metric:
    """One row of the table.

    Args:
        function: Takes prediction and reference, boolean masks of one shape.
        unit: ``mm``, ``ml``, or empty for a ratio.
        direction: Whether ``up`` or ``down`` is better.
        best: Value of a perfect prediction.
        empty_both: Value where neither mask has a voxel.
        empty_one: Value where exactly one of them has none; None: the formula holds as it stands.
        symmetric: True where the two masks may be swapped.
    """

    function: Callable[[BoolArray, BoolArray], float]
    unit: str
    direction: Literal["up", "down"]
    best: float
    empty_both: float
    empty_one: float | None
    symmetric: bool


NAN = float("nan")

METRICS: dict[str, Metric] = {
    "dice": Metric(dice_score, "", "up", 1.0, empty_both=NAN, empty_one=0.0, symmetric=True),
    "iou": Metric(iou_score, "", "up", 1.0, empty_both=NAN, empty_one=0.0, symmetric=True),
    "sensitivity": Metric(sensitivity_score, "", "up", 1.0, empty_both=NAN, empty_one=0.0, symmetric=False),
    "specificity": Metric(specificity_score, "", "up", 1.0, empty_both=1.0, empty_one=None, symmetric=False),
    "precision": Metric(precision_score, "", "up", 1.0, empty_both=NAN, empty_one=0.0, symmetric=False),
}
"""The mask metrics by the name they have in results. A region that is rightly found empty has no overlap to speak of:
``nan``, left out of means and counted. A region missed or invented scores 0."""


def evaluate_regions(prediction: LabelMap, reference: LabelMap, regions: Iterable[str]) -> dict[str, dict[str, float]]:
    """Score one case, region by region.

    Args:
        prediction: Label map on the grid of the reference; its scheme may be another.
        reference: The expert's label map.
        regions: Names that both schemes can express.

    Returns:
        For each region every metric of ``METRICS``, and ``prediction_volume_ml`` and ``reference_volume_ml`` (``nan``
        where the voxel size is not known).

    Raises:
        GeometryError: The maps do not lie on one grid.
        LabelError: A scheme cannot express a region.
    """
    check_same_grid(reference.grid, prediction.grid, file="prediction", against="the reference")
    results: dict[str, dict[str, float]] = {}
    for name in regions:
        masks = prediction.region(name), reference.region(name)
        results[name] = {
            **{key: metric.function(*masks) for key, metric in METRICS.items()},
            "prediction_volume_ml": _volume_ml(masks[0], prediction),
            "reference_volume_ml": _volume_ml(masks[1], reference),
        }
    return results


def _volume_ml(mask: BoolArray, label_map: LabelMap) -> float:
    voxel_ml = label_map.grid.voxel_ml
    return NAN if voxel_ml is None else int(mask.sum()) * voxel_ml
