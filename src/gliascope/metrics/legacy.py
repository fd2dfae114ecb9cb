"""Protocol ``legacy``: whole regions as the BraTS challenges scored them until 2022, with distances in voxels."""

import math

from gliascope.metrics import overlap, surface
from gliascope.metrics.masks import MaskPair
from gliascope.metrics.protocol import Metric, Protocol

SOURCE = "CaPTk (FeTS front end), GetBraTSLabelStatistics and Hausdorff95.py"


def legacy_dice(masks: MaskPair) -> float:
    """Dice, 2 TP / (2 TP + FP + FN), where a region rightly left empty is perfect.

    Returns:
        0…1, higher is better. Both empty: 1. One empty: 0.
    """
    return 1.0 if masks.both_empty else overlap.dice_score(masks)


def legacy_hd95(masks: MaskPair) -> float:
    """95th percentile of border-voxel distances, both directions in one pool, counted in voxels whatever their size.

    Returns:
        Voxels, 0 or more, lower is better. Both empty: 0. One empty: the diagonal of the image.
    """
    if masks.both_empty:
        return 0.0
    if masks.one_empty:
        return math.hypot(*masks.image_shape)
    return surface.hausdorff_pooled(masks.borders)


def legacy_sensitivity(masks: MaskPair) -> float:
    """Share of the reference that was found, TP / (TP + FN), where a region rightly left empty is perfect.

    Returns:
        0…1, higher is better. Both empty: 1. One empty: 0.
    """
    return 1.0 if masks.both_empty else overlap.sensitivity_score(masks)


LEGACY = Protocol(
    name="legacy",
    title="BraTS until 2022, whole regions",
    source=SOURCE,
    hausdorff="95th percentile of border-voxel distances, both directions pooled, in voxels",
    pooling="One value per region of a case: everything of the region together, however many lesions it has.",
    spacing="voxels",
    empty="Both empty: perfect (Dice 1, HD95 0). One empty: Dice 0, HD95 the diagonal of the image.",
    infinite=None,
    metrics={
        "dice": Metric(legacy_dice, "", "up", 0, 1, 1, 1.0, 0.0, True, SOURCE),
        "hd95": Metric(legacy_hd95, "voxels", "down", 0, math.inf, 0, 0.0, None, True, SOURCE),
        "sensitivity": Metric(legacy_sensitivity, "", "up", 0, 1, 1, 1.0, 0.0, False, SOURCE),
        "specificity": Metric(overlap.specificity_score, "", "up", 0, 1, 1, 1.0, None, False, SOURCE),
    },
    prepare=MaskPair.in_voxels,
    needs_spacing=False,
)
