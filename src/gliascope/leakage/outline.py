"""A generous outline of the head: what no tumor can lie outside of, however dark the brain is.

``preprocess.head.head_mask`` looks for bright tissue and may leave out a dark brain; here a voxel counts as inside
wherever tissue lies around it in its axial plane.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

FAINT = 0.06
"""Below this share of the bright end (99.5th percentile) there is air."""

SPECK = 0.02
"""Patches of tissue smaller than this share of the plane's largest are noise."""


def head_outline(array: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the convex outline of all tissue, plane by plane.

    Args:
        array: Intensities as read, shape ``(C, I, J, K)`` or ``(C, I, J)``.

    Returns:
        Mask of shape ``(I, J, K)`` or ``(I, J)``; empty in planes without tissue.
    """
    tissue = np.zeros(array.shape[1:], dtype=np.uint8)
    for channel in array:
        low, high = float(channel.min()), float(np.percentile(channel, 99.5))
        tissue |= channel > low + FAINT * (high - low)
    if tissue.ndim == 2:
        return _outline(tissue)
    return np.stack([_outline(tissue[:, :, index]) for index in range(tissue.shape[2])], axis=-1)


def _outline(tissue: NDArray[np.uint8]) -> NDArray[np.bool_]:
    opened = cv2.morphologyEx(np.ascontiguousarray(tissue), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, patches, facts, _ = cv2.connectedComponentsWithStats(opened)
    sizes = facts[:, cv2.CC_STAT_AREA].copy()
    sizes[0] = 0  # the background
    kept = (sizes >= max(1.0, SPECK * sizes.max()))[patches]
    hull = np.zeros(tissue.shape, np.uint8)
    points = cv2.findNonZero(kept.astype(np.uint8))
    if points is not None:
        cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    return hull > 0
