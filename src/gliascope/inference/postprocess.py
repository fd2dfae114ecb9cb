"""From logits to probabilities, honest ones, and from probabilities to clean masks."""

from collections.abc import Sequence

import cc3d
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


LARGEST = float(np.nextafter(np.float32(1), np.float32(0)))
"""What single precision has just below 1: a probability that was rounded to 1 is no certainty."""


def to_probabilities(logits: Array, *, exclusive: bool) -> Array:
    """Turn logits ``(B, K, *S)`` or ``(B, K)`` into probabilities of the same shape.

    Args:
        logits: Outputs of the network.
        exclusive: True: one class per voxel or image (softmax over K). False: K independent regions (sigmoid).
    """
    values = _softmax(logits) if exclusive else _expit(logits)
    return np.asarray(values, dtype=np.float32)


def temper(
    probabilities: NDArray[np.floating], temperature: float | Sequence[float], *, exclusive: bool
) -> NDArray[np.floating]:
    """Divide the logits of probabilities by a temperature; above 1 they come closer to chance.

    It is done to the averaged answer (of windows, of mirror images), after the mask and the class have been decided.
    So no boundary moves: 0.5 stays 0.5, the most probable class stays it, and 0 stays 0.

    Args:
        probabilities: Shape ``(K, *S)`` or ``(K,)``.
        temperature: Above 0; of regions one number for all or one for each.
        exclusive: True: classes that add up to 1. False: K independent regions.

    Returns:
        The same shape and precision, a new array.
    """
    p = probabilities
    if exclusive:
        powers = np.power(p, p.dtype.type(1.0 / float(np.asarray(temperature))))
        return np.asarray(powers / powers.sum(axis=0))
    cooled = p.copy()
    each = np.broadcast_to(temperature, len(p)).astype(p.dtype)
    for index in np.flatnonzero(each != 1):
        cooled[index] = _expit(_logit(np.minimum(p[index], p.dtype.type(LARGEST))) / each[index])
    return cooled


def drop_small_components(mask: NDArray[np.bool_], min_voxels: int) -> NDArray[np.bool_]:
    """Return a mask without its connected parts of fewer than ``min_voxels`` voxels.

    Voxels that touch by a face, an edge or a corner are connected.

    Args:
        mask: Shape ``(I, J)`` or ``(I, J, K)``.
        min_voxels: Smallest part that stays.
    """
    if min_voxels <= 1 or not mask.any():
        return mask
    parts = cc3d.connected_components(mask, connectivity=8 if mask.ndim == 2 else 26)
    keep = np.bincount(parts.ravel()) >= min_voxels
    keep[0] = False
    return np.asarray(keep[parts], dtype=np.bool_)


def suppress_small_components(
    probabilities: Array, min_voxels: int, *, exclusive: bool, threshold: float, empty: Sequence[float]
) -> None:
    """Set the probabilities of small connected parts to those of no tumor, in place.

    Regions are cleaned one by one. Exclusive classes are cleaned as one foreground, so that a small necrotic core
    inside a large tumor stays.

    Args:
        probabilities: Shape ``(K, *S)``; changed.
        min_voxels: Smallest part that stays.
        exclusive: True for classes (the first is background), False for regions.
        threshold: Probability above which a voxel belongs to a region.
        empty: The K probabilities of a voxel without tumor.
    """
    if min_voxels <= 1:
        return
    if exclusive:
        foreground = probabilities.argmax(axis=0) > 0
        gone = foreground & ~drop_small_components(foreground, min_voxels)
        for values, nothing in zip(probabilities, empty, strict=True):
            values[gone] = nothing
        return
    for values in probabilities:
        mask = values > threshold
        values[mask & ~drop_small_components(mask, min_voxels)] = 0.0


# These are SciPy's ``softmax``, ``expit`` and ``logit``; importing it takes longer than classifying a picture.


def _softmax(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _expit(values: NDArray[np.floating]) -> NDArray[np.floating]:
    with np.errstate(over="ignore"):  # far below 0 the power is infinite, and the result 0
        return np.asarray(1 / (1 + np.exp(-values)))


def _logit(probabilities: NDArray[np.floating]) -> NDArray[np.floating]:
    with np.errstate(divide="ignore"):  # of 0 it is -infinity
        return np.asarray(np.log(probabilities) - np.log1p(-probabilities))
