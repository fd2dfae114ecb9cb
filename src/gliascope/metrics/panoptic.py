"""Protocols ``brats2025`` and ``brats2026``: lesions matched one to one, their quality apart from finding them.

Lesions are connected parts, of the reference as of the prediction. They are paired so that the sum of the pairs' Dice
is largest; pairs that share no voxel do not count. Unlike in ``brats2023``, a missed or invented lesion does not lower
the lesion-wise Dice: it shows in the recognition quality alone, unless nothing was matched at all.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.optimize import linear_sum_assignment

from gliascope.metrics import overlap
from gliascope.metrics.components import Labels, boxes, connected, connected_by_faces, joined_box
from gliascope.metrics.masks import MaskPair
from gliascope.metrics.protocol import Metric, Protocol
from gliascope.metrics.surface import ROUNDING, BoolArray, hausdorff_pooled

SOURCE = "panoptica (BrainLesion), as BraTS/BraTS_evaluation sets it"

SMALLEST_DICE = 1e-6
"""Pairs of lesions below are no match."""

NO_MATCH_COST = 1.0 + 1e-6
"""Cost of pairing what is no match, just above the worst match."""


@dataclass(frozen=True)
class PanopticRules:
    """What the two years set differently.

    Args:
        far_mm: Stands for an infinite distance.
        empty_is_perfect: Whether a region that is rightly left empty scores best (else it is undefined).
    """

    far_mm: float
    empty_is_perfect: bool


@dataclass(frozen=True, eq=False)
class PanopticMatch:
    """The lesions of one region of one case, paired.

    Args:
        pairs: Prediction and reference of each matched pair of lesions.
        wanted: Lesions of the reference.
        predicted: Lesions of the prediction.
        rules: What stands for an undefined or infinite value.
    """

    pairs: tuple[MaskPair, ...]
    wanted: int
    predicted: int
    rules: PanopticRules

    @cached_property
    def nothing(self) -> bool:
        """True where there is no lesion, predicted or real."""
        return self.wanted + self.predicted == 0


def match_lesions(masks: MaskPair, rules: PanopticRules) -> PanopticMatch:
    """Pair the lesions of the reference with those of the prediction, at most one with one.

    Raises:
        GeometryError: The voxel size is unknown.
    """
    masks.known_spacing()
    find = connected if len(masks.image_shape) == 3 else connected_by_faces
    predicted, wanted = find(masks.prediction), find(masks.reference)
    own_boxes, part_boxes = boxes(wanted), boxes(predicted)
    pairs = []
    for lesion, part in _matched(wanted, predicted):
        window = joined_box([own_boxes[lesion - 1], part_boxes[part - 1]])
        both: tuple[BoolArray, BoolArray] = predicted[window] == part, wanted[window] == lesion
        pairs.append(replace(masks, prediction=both[0], reference=both[1]))
    return PanopticMatch(tuple(pairs), len(own_boxes), len(part_boxes), rules)


def _matched(wanted: Labels, predicted: Labels) -> list[tuple[int, int]]:
    """Numbers of the lesions and parts that belong together: the pairs with the largest sum of Dice.

    Only what shares a voxel with something takes part in the search: the rest can match nothing.
    """
    both = (wanted > 0) & (predicted > 0)
    shared = np.stack([wanted[both], predicted[both]]).astype(np.int64)
    (rows, columns), voxels = np.unique(shared, axis=1, return_counts=True)
    lesions, row_places = np.unique(rows, return_inverse=True)
    parts, column_places = np.unique(columns, return_inverse=True)
    sizes = np.bincount(wanted.ravel().astype(np.int64)), np.bincount(predicted.ravel().astype(np.int64))
    dice = 2.0 * voxels / (sizes[0][rows] + sizes[1][columns])
    cost = np.full((len(lesions), len(parts)), NO_MATCH_COST)
    cost[row_places, column_places] = np.where(dice >= SMALLEST_DICE, 1.0 - dice, NO_MATCH_COST)
    found = zip(*linear_sum_assignment(cost), strict=True)
    return [(int(lesions[i]), int(parts[j])) for i, j in found if cost[i, j] < 1.0]


def lesionwise_dice(match: PanopticMatch) -> float:
    """Mean Dice of the matched pairs of lesions; missed and invented lesions have no part in it.

    Returns:
        0…1, higher is better. Both empty: 1 (2025) or undefined (2026). No pair, as where one is empty: 0.
    """
    perfect = 1.0 if match.rules.empty_is_perfect else math.nan
    return _mean([overlap.dice_score(pair) for pair in match.pairs], perfect if match.nothing else 0.0)


def lesionwise_hd95(match: PanopticMatch) -> float:
    """Mean HD95 of the matched pairs of lesions: 95th percentile of both directions' border distances in one pool.

    Returns:
        mm, 0 or more, lower is better. Both empty: 0 (2025) or undefined (2026). No pair, as where one is empty: 374
        (2025) or 373 (2026).
    """
    perfect = 0.0 if match.rules.empty_is_perfect else math.nan
    unmatched = perfect if match.nothing else match.rules.far_mm
    return _mean([hausdorff_pooled(pair.borders) for pair in match.pairs], unmatched)


def lesionwise_nsd(match: PanopticMatch) -> float:
    """Mean share of the borders of matched lesions that lie within one voxel edge, the smallest, of the other border.

    Of each pair the mean of the two directions' shares, counted by border voxels; not the NSD of DeepMind, nor of
    protocol ``plain``.

    Returns:
        0…1, higher is better. Both empty: 1 (2025) or undefined (2026). No pair, as where one is empty: 0.
    """
    perfect = 1.0 if match.rules.empty_is_perfect else math.nan
    return _mean([_border_share(pair) for pair in match.pairs], perfect if match.nothing else 0.0)


def recognition_quality(match: PanopticMatch) -> float:
    """Share of lesions that are matched: pairs / (pairs + half of the missed + half of the invented), the lesions' F1.

    Returns:
        0…1, higher is better. Both empty: undefined. One empty: 0.
    """
    return math.nan if match.nothing else 2.0 * len(match.pairs) / (match.wanted + match.predicted)


def panoptic_quality(match: PanopticMatch) -> float:
    """Recognition quality times the mean IoU of the matched pairs.

    Returns:
        0…1, higher is better. Both empty: undefined. One empty: 0.
    """
    return recognition_quality(match) * _mean([overlap.iou_score(pair) for pair in match.pairs], 0.0)


def lesions_found(match: PanopticMatch) -> float:
    """Lesions of the reference that are matched.

    Returns:
        Lesions, 0 or more, higher is better. Both empty, or one: 0.
    """
    return float(len(match.pairs))


def lesions_invented(match: PanopticMatch) -> float:
    """Lesions of the prediction that are not matched.

    Returns:
        Lesions, 0 or more, lower is better. Both empty: 0.
    """
    return float(match.predicted - len(match.pairs))


def lesions_missed(match: PanopticMatch) -> float:
    """Lesions of the reference that are not matched.

    Returns:
        Lesions, 0 or more, lower is better. Both empty: 0.
    """
    return float(match.wanted - len(match.pairs))


def _border_share(pair: MaskPair) -> float:
    within = min(pair.known_spacing()) * (1.0 + ROUNDING)
    directions = pair.borders.to_reference, pair.borders.to_prediction
    return float(np.mean([np.mean(distances <= within) for distances in directions]))


def _mean(values: list[float], none: float) -> float:
    return float(np.mean(values)) if values else none


def _metrics(rules: PanopticRules) -> dict[str, Metric]:
    best_if_empty, zero_if_empty = (1.0, 0.0) if rules.empty_is_perfect else (math.nan, math.nan)
    infinite, far = math.inf, rules.far_mm
    return {
        "lesionwise_dice": Metric(lesionwise_dice, "", "up", 0, 1, 1, best_if_empty, 0.0, True, SOURCE),
        "lesionwise_hd95": Metric(
            lesionwise_hd95, "mm", "down", 0, infinite, 0, zero_if_empty, far, True, SOURCE, True
        ),
        "lesionwise_nsd": Metric(lesionwise_nsd, "", "up", 0, 1, 1, best_if_empty, 0.0, True, SOURCE, True),
        "recognition_quality": Metric(recognition_quality, "", "up", 0, 1, 1, math.nan, 0.0, True, SOURCE),
        "panoptic_quality": Metric(panoptic_quality, "", "up", 0, 1, 1, math.nan, 0.0, True, SOURCE),
        "true_positives": Metric(lesions_found, "lesions", "up", 0, infinite, None, 0.0, 0.0, True, SOURCE),
        "false_positives": Metric(lesions_invented, "lesions", "down", 0, infinite, 0, 0.0, None, False, SOURCE),
        "false_negatives": Metric(lesions_missed, "lesions", "down", 0, infinite, 0, 0.0, None, False, SOURCE),
    }


def _protocol(name: str, title: str, empty: str, rules: PanopticRules) -> Protocol:
    return Protocol(
        name=name,
        title=title,
        source=SOURCE,
        hausdorff="95th percentile of border-voxel distances, both directions pooled, mean over matched lesions",
        pooling=(
            "Mean over pairs of lesions matched one to one; connected parts by 26 neighbors, in 2-D by 4. "
            "Missed and invented lesions show in recognition_quality."
        ),
        spacing="mm",
        empty=f"{empty} One empty, or nothing matched: Dice and NSD 0, HD95 {rules.far_mm:g} mm.",
        infinite=rules.far_mm,
        metrics=_metrics(rules),
        prepare=lambda masks: match_lesions(masks, rules),
        needs_spacing=True,
    )


BRATS2025 = _protocol(
    "brats2025",
    "BraTS 2025, matched lesions (interim rules)",
    "Both empty: perfect (Dice 1, NSD 1, HD95 0); recognition quality undefined.",
    PanopticRules(far_mm=374.0, empty_is_perfect=True),
)

BRATS2026 = _protocol(
    "brats2026",
    "BraTS 2026, matched lesions",
    "Both empty: undefined, counted and left out of means.",
    PanopticRules(far_mm=373.0, empty_is_perfect=False),
)
