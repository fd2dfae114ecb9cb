"""Protocol ``brats2023``: every lesion of the reference is scored on its own, every invented one costs as much.

The lesions of the reference are its connected parts, except that parts which meet when grown by a few voxels are one.
A part of the prediction belongs to every lesion that it touches when the lesion is grown likewise. Variants differ in
two numbers (``LesionRules``). In 2-D the same holds with 8 neighbors, and mm² for mm³.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gliascope.metrics import overlap
from gliascope.metrics.components import Labels, boxes, connected, dilated, grown_box, joined_box
from gliascope.metrics.legacy import legacy_dice, legacy_sensitivity
from gliascope.metrics.masks import MaskPair
from gliascope.metrics.protocol import Metric, Protocol
from gliascope.metrics.surface import BoolArray
from gliascope.metrics.surface_area import hausdorff_area

SOURCE = "BraTS 2023 (rachitsaluja/BraTS-2023-Metrics, metrics.py)"

FAR_MM = 374.0
"""Stands for an infinite distance: about the diagonal of a BraTS volume."""


@dataclass(frozen=True)
class LesionRules:
    """What the 2023 challenges set differently.

    Args:
        steps: By how many voxels lesions are grown to join and to match.
        threshold_mm3: Lesions of the reference up to this volume are left out, found or not.
    """

    steps: int
    threshold_mm3: float


@dataclass(frozen=True)
class Lesion:
    """One lesion of the reference and what was predicted of it.

    Args:
        volume_mm3: Its volume.
        found: Whether any part of the prediction belongs to it.
        dice: Of the lesion and those parts; 0 where there is none.
        hd95_mm: Likewise; ``FAR_MM`` where there is none.
    """

    volume_mm3: float
    found: bool
    dice: float
    hd95_mm: float


@dataclass(frozen=True, eq=False)
class LesionMatch:
    """The lesions of one region of one case that count.

    Args:
        masks: The whole region.
        lesions: Those of the reference above the threshold.
        invented: Parts of the prediction that belong to no lesion, whatever their size.
    """

    masks: MaskPair
    lesions: tuple[Lesion, ...]
    invented: int

    @property
    def count(self) -> int:
        """Over how many the score of the case is a mean."""
        return len(self.lesions) + self.invented


def match_lesions(masks: MaskPair, rules: LesionRules) -> LesionMatch:
    """Find the lesions of the reference and the parts of the prediction that belong to each.

    Raises:
        GeometryError: The voxel size is unknown.
    """
    spacing = masks.known_spacing()
    wanted = _joined_lesions(masks.reference, rules.steps)
    predicted = connected(masks.prediction)
    own_boxes, part_boxes = boxes(wanted), boxes(predicted)
    lesions, matched = [], set[int]()
    for number, box in enumerate(own_boxes, start=1):
        near = grown_box(box, rules.steps, wanted.shape)
        touched = np.unique(predicted[near][dilated(wanted[near] == number, rules.steps)])
        parts = [int(part) for part in touched if part]
        matched.update(parts)
        window = joined_box([box, *(part_boxes[part - 1] for part in parts)])
        both = replace(masks, prediction=np.isin(predicted[window], parts), reference=wanted[window] == number)
        lesions.append(_lesion(both, math.prod(spacing)))
    kept = tuple(lesion for lesion in lesions if lesion.volume_mm3 > rules.threshold_mm3)
    return LesionMatch(masks, kept, len(part_boxes) - len(matched))


def _joined_lesions(reference: BoolArray, steps: int) -> Labels:
    """Number the reference's voxels by the connected part of the grown reference that they lie in."""
    labels: Labels = np.where(reference, connected(dilated(reference, steps)), 0)
    return labels


def _lesion(masks: MaskPair, voxel_mm3: float) -> Lesion:
    volume = masks.counts.wanted * voxel_mm3
    if masks.one_empty:
        return Lesion(volume, found=False, dice=0.0, hd95_mm=FAR_MM)
    return Lesion(volume, found=True, dice=overlap.dice_score(masks), hd95_mm=hausdorff_area(masks.elements))


def lesionwise_dice(match: LesionMatch) -> float:
    """Mean Dice of the reference's lesions, where each invented lesion counts as one of Dice 0.

    Returns:
        0…1, higher is better. Nothing to score (both empty, or only lesions up to the threshold): 1.
    """
    return sum(lesion.dice for lesion in match.lesions) / match.count if match.count else 1.0


def lesionwise_hd95(match: LesionMatch) -> float:
    """Mean HD95 of the reference's lesions, where each missed or invented lesion counts 374 mm.

    Returns:
        mm, 0 or more, lower is better. Nothing to score (both empty, or only lesions up to the threshold): 0.
    """
    far = FAR_MM * match.invented
    return (sum(lesion.hd95_mm for lesion in match.lesions) + far) / match.count if match.count else 0.0


def lesions_found(match: LesionMatch) -> float:
    """Lesions of the reference above the threshold that any part of the prediction touches or nearly touches.

    Returns:
        Lesions, 0 or more, higher is better. Both empty: 0.
    """
    return float(sum(lesion.found for lesion in match.lesions))


def lesions_missed(match: LesionMatch) -> float:
    """Lesions of the reference above the threshold that no part of the prediction comes near.

    Returns:
        Lesions, 0 or more, lower is better. Both empty: 0.
    """
    return float(sum(not lesion.found for lesion in match.lesions))


def lesions_invented(match: LesionMatch) -> float:
    """Parts of the prediction, of any size, that come near no lesion of the reference.

    Returns:
        Lesions, 0 or more, lower is better. Both empty: 0.
    """
    return float(match.invented)


def region_dice(match: LesionMatch) -> float:
    """Dice of the whole region, 2 TP / (2 TP + FP + FN), beside the lesion-wise one.

    Returns:
        0…1, higher is better. Both empty: 1. One empty: 0.
    """
    return legacy_dice(match.masks)


def region_hd95(match: LesionMatch) -> float:
    """HD95 of the whole region, area-weighted as the lesion-wise one; not the HD95 of protocol ``legacy``.

    Returns:
        mm, 0 or more, lower is better. Both empty: 0. One empty: 374.
    """
    if match.masks.both_empty:
        return 0.0
    return FAR_MM if match.masks.one_empty else hausdorff_area(match.masks.elements)


def region_sensitivity(match: LesionMatch) -> float:
    """Share of the whole reference that was found: TP / (TP + FN).

    Returns:
        0…1, higher is better. Both empty: 1. One empty: 0.
    """
    return legacy_sensitivity(match.masks)


def region_specificity(match: LesionMatch) -> float:
    """Share of the background that was left alone: TN / (TN + FP), over the whole image.

    Returns:
        0…1, higher is better. Both empty: 1.
    """
    return overlap.specificity_score(match.masks)


_METRICS = {
    "lesionwise_dice": Metric(lesionwise_dice, "", "up", 0, 1, 1, 1.0, None, False, SOURCE),
    "lesionwise_hd95": Metric(lesionwise_hd95, "mm", "down", 0, math.inf, 0, 0.0, None, False, SOURCE, True),
    "true_positives": Metric(lesions_found, "lesions", "up", 0, math.inf, None, 0.0, 0.0, False, SOURCE),
    "false_positives": Metric(lesions_invented, "lesions", "down", 0, math.inf, 0, 0.0, None, False, SOURCE),
    "false_negatives": Metric(lesions_missed, "lesions", "down", 0, math.inf, 0, 0.0, None, False, SOURCE),
    "legacy_dice": Metric(region_dice, "", "up", 0, 1, 1, 1.0, 0.0, True, SOURCE),
    "legacy_hd95": Metric(region_hd95, "mm", "down", 0, math.inf, 0, 0.0, FAR_MM, True, SOURCE, True),
    "sensitivity": Metric(region_sensitivity, "", "up", 0, 1, 1, 1.0, 0.0, False, SOURCE),
    "specificity": Metric(region_specificity, "", "up", 0, 1, 1, 1.0, None, False, SOURCE),
}


def _protocol(name: str, who: str, rules: LesionRules) -> Protocol:
    return Protocol(
        name=name,
        title=f"BraTS 2023 and 2024, lesion by lesion: {who}",
        source=SOURCE,
        hausdorff="95th percentile of surface distances, weighted by area, per direction; the larger of the two",
        pooling=(
            f"Mean over the reference's lesions above {rules.threshold_mm3:g} mm³ and the invented ones; "
            f"lesions that meet when grown by {rules.steps} voxels are one, and found within as many."
        ),
        spacing="mm",
        empty=(
            "Both empty: perfect (Dice 1, HD95 0). Missed or invented: Dice 0, HD95 374 mm for each lesion; "
            "but a case that only misses lesions up to the threshold is perfect."
        ),
        infinite=FAR_MM,
        metrics=_METRICS,
        prepare=lambda masks: match_lesions(masks, rules),
        needs_spacing=True,
        scheme="brats2023",
    )


BRATS2023: Sequence[Protocol] = (
    _protocol("brats2023", "glioma, Sub-Saharan Africa, pediatric", LesionRules(steps=3, threshold_mm3=50.0)),
    _protocol("brats2023-men", "meningioma", LesionRules(steps=1, threshold_mm3=50.0)),
    _protocol("brats2023-met", "metastases", LesionRules(steps=1, threshold_mm3=2.0)),
)
