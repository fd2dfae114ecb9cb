"""How far two masks overlap: ratios of the four counts of voxels.

What an empty mask means is decided in one table, ``METRICS``; every function here obeys it (a test checks it).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gliascope.errors import GeometryError, LabelError

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Counts:
    """Voxels by what the two masks say of them."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def both_empty(self) -> bool:
        """True where neither mask has a voxel."""
        return self.true_positive + self.false_positive + self.false_negative == 0


def count_voxels(prediction: BoolArray, reference: BoolArray) -> Counts:
    """Count the voxels that two masks share and do not share.

    Raises:
        GeometryError: The shapes differ.
        LabelError: An array is not boolean; probabilities and label numbers are never guessed at.
    """
    for array in (prediction, reference):
        if array.dtype != np.bool_:
            hint = "Take LabelMap.region(name), or compare with a threshold."
            raise LabelError(f"overlap is measured between boolean masks, got {array.dtype}", hint=hint)
    if prediction.shape != reference.shape:
        cause = f"prediction of shape {prediction.shape} against a reference of {reference.shape}"
        raise GeometryError(cause, code="E_GRID")
    both = int(np.count_nonzero(prediction & reference))
    only_prediction = int(np.count_nonzero(prediction)) - both
    only_reference = int(np.count_nonzero(reference)) - both
    return Counts(both, only_prediction, only_reference, prediction.size - both - only_prediction - only_reference)


def dice_score(prediction: BoolArray, reference: BoolArray) -> float:
    """Shared voxels, as a share of the mean size of the two masks.

    Args:
        prediction: Mask of any shape.
        reference: Mask of the same shape, on the same grid.

    Returns:
        0…1, higher is better. Both empty: ``nan``. One empty: 0.

    Raises:
        GeometryError: The shapes differ.
        LabelError: An array is not boolean.

    Source:
        Dice 1945, doi:10.2307/1932409.

    Example:
        >>> dice_score(np.array([True, True, False]), np.array([True, False, False]))
        0.6666666666666666
    """
    n = count_voxels(prediction, reference)
    return _ratio(2 * n.true_positive, 2 * n.true_positive + n.false_positive + n.false_negative, n)


def iou_score(prediction: BoolArray, reference: BoolArray) -> float:
    """Shared voxels, as a share of the union (Jaccard index).

    Arguments and errors as ``dice_score``.

    Returns:
        0…1, higher is better. Both empty: ``nan``. One empty: 0.

    Source:
        Jaccard 1912, doi:10.1111/j.1469-8137.1912.tb05611.x.

    Example:
        >>> iou_score(np.array([True, True, False]), np.array([True, False, False]))
        0.5
    """
    n = count_voxels(prediction, reference)
    return _ratio(n.true_positive, n.true_positive + n.false_positive + n.false_negative, n)


def sensitivity_score(prediction: BoolArray, reference: BoolArray) -> float:
    """Share of the reference that was found (recall).

    Arguments and errors as ``dice_score``.

    Returns:
        0…1, higher is better. Both empty: ``nan``. One empty: 0, also where the reference is the empty one.

    Example:
        >>> sensitivity_score(np.array([True, False, True]), np.array([True, True, False]))
        0.5
    """
    n = count_voxels(prediction, reference)
    return _ratio(n.true_positive, n.true_positive + n.false_negative, n)


def precision_score(prediction: BoolArray, reference: BoolArray) -> float:
    """Share of the prediction that is right (positive predictive value).

    Arguments and errors as ``dice_score``.

    Returns:
        0…1, higher is better. Both empty: ``nan``. One empty: 0, also where the prediction is the empty one.

    Example:
        >>> precision_score(np.array([True, True, True, True]), np.array([True, False, False, False]))
        0.25
    """
    n = count_voxels(prediction, reference)
    return _ratio(n.true_positive, n.true_positive + n.false_positive, n)


def specificity_score(prediction: BoolArray, reference: BoolArray) -> float:
    """Share of the background that was left alone.

    Close to 1 for any small tumor in a large image, so it tells little alone. Arguments and errors as ``dice_score``.

    Returns:
        0…1, higher is better. Both empty: 1. ``nan`` where the reference fills the image.

    Example:
        >>> specificity_score(np.array([True, True, False]), np.array([True, False, False]))
        0.5
    """
    n = count_voxels(prediction, reference)
    background = n.true_negative + n.false_positive
    return n.true_negative / background if background else float("nan")


def _ratio(numerator: int, denominator: int, counts: Counts) -> float:
    """A ratio of voxels; undefined only where both masks are empty, else an empty denominator means nothing right."""
    if counts.both_empty:
        return float("nan")
    return numerator / denominator if denominator else 0.0
