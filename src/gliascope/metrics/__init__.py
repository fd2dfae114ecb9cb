"""What is measured between a prediction and its reference, and what an empty mask means.

``PROTOCOLS`` holds every way to score masks by name, ``METRICS`` the table of ours (``plain``). To add a metric: see
``plain``; to add a protocol: see ``protocols``.
"""

from collections.abc import Iterable

from gliascope.metrics.classification import confusion_matrix, evaluate_classes
from gliascope.metrics.distance import assd_mm, hd95_mm, hd_mm, nsd_score
from gliascope.metrics.masks import MaskPair, region_pairs
from gliascope.metrics.overlap import dice_score, iou_score, precision_score, sensitivity_score, specificity_score
from gliascope.metrics.plain import METRICS
from gliascope.metrics.protocol import Metric, Protocol
from gliascope.metrics.protocols import PROTOCOLS, protocol_named
from gliascope.metrics.summary import summarize
from gliascope.metrics.volume import relative_volume_error, volume_error_ml
from gliascope.scan import LabelMap

__all__ = [
    "METRICS",
    "PROTOCOLS",
    "MaskPair",
    "Metric",
    "Protocol",
    "assd_mm",
    "confusion_matrix",
    "dice_score",
    "evaluate_classes",
    "evaluate_regions",
    "hd95_mm",
    "hd_mm",
    "iou_score",
    "nsd_score",
    "precision_score",
    "protocol_named",
    "region_pairs",
    "relative_volume_error",
    "sensitivity_score",
    "specificity_score",
    "summarize",
    "volume_error_ml",
]


def evaluate_regions(
    prediction: LabelMap,
    reference: LabelMap,
    regions: Iterable[str],
    protocol: str = "plain",
    tolerance_mm: float = 1.0,
) -> dict[str, dict[str, float]]:
    """Score one case, region by region.

    Args:
        prediction: Label map on the grid of the reference; its scheme may be another.
        reference: The expert's label map.
        regions: Names that both schemes can express.
        protocol: A name of ``PROTOCOLS``; numbers of two protocols do not compare.
        tolerance_mm: How far borders may lie apart and still agree, in protocols that have a tolerance.

    Returns:
        For each region every metric of the protocol.

    Raises:
        GeometryError: The maps do not lie on one grid, or the protocol needs a voxel size that is not known.
        LabelError: A scheme cannot express a region.
        UsageError: No such protocol.

    Example:
        >>> import numpy as np
        >>> from gliascope.labels import SCHEMES
        >>> from gliascope.scan import Grid
        >>> label_map = LabelMap(np.eye(4, dtype=np.uint8), SCHEMES["lgg"], Grid((4, 4), spacing_mm=(1.0, 1.0)))
        >>> evaluate_regions(label_map, label_map, ["tumor"])["tumor"]["hd95"]
        0.0
    """
    chosen = protocol_named(protocol)
    pairs = region_pairs(prediction, reference, regions, tolerance_mm=tolerance_mm)
    return {name: chosen.score(pair) for name, pair in pairs.items()}
