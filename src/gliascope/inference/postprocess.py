"""From logits to probabilities, and from probabilities to clean masks."""

from collections.abc import Sequence

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

Array = NDArray[np.float32]


def to_probabilities(logits: Array, *, exclusive: bool, temperature: float | None = None) -> Array:
    """Turn logits ``(B, K, *S)`` or ``(B, K)`` into probabilities of the same shape.

    Args:
        logits: Outputs of the network.
        exclusive: True: one class per voxel or image (softmax over K). False: K independent regions (sigmoid).
        temperature: Divides the logits first; fitted on validation data. None: 1.
    """
    scaled = logits if temperature is None else logits / np.float32(temperature)
    values = softmax(scaled, axis=1) if exclusive else expit(scaled)
    return np.asarray(values, dtype=np.float32)


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
