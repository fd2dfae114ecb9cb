"""Lay one head on another: an affine map, found from coarse to fine on the detail of both.

Source:
    The enhanced correlation coefficient, Evangelidis and Psarakis 2008, doi:10.1109/TPAMI.2008.113, as in OpenCV.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from gliascope.leakage.detail import Floats, detail
from gliascope.leakage.views import HEAD_SIDE, Gray

Matrix = NDArray[np.float64]

COARSE, MIDDLE = 32, 64
LEVELS: tuple[int, ...] = (COARSE, MIDDLE, HEAD_SIDE)

_STEPS = {COARSE: (25, 1e-3), MIDDLE: (20, 5e-4), HEAD_SIDE: (15, 1e-4)}
"""Most steps on each level, and the gain below which they end."""
_LEAST = {COARSE: 0.86, MIDDLE: 0.90, HEAD_SIDE: 0.85}
"""Correlation of the detail below which a pair is given up; copies reached at least 0.87, 0.92 and 0.85."""


def level(head: Gray, side: int) -> Floats:
    """Return the detail of a head at one of the three sizes."""
    small = head if side == HEAD_SIDE else cv2.resize(head, (side, side), interpolation=cv2.INTER_AREA)
    return detail(small.astype(np.float32), 0.8 if side < HEAD_SIDE else 1.2, 5.0, 6.0, 8.0)


def fitted(first: Floats, second: Floats, start: Matrix) -> Matrix | None:
    """Improve a map on one level.

    Args:
        first: Detail of the first head.
        second: Detail of the second, of the same size.
        start: Where a place of the first lies in the second, both from the middle and in parts of the side.

    Returns:
        The better map, or None where the two do not fit.
    """
    side = len(first)
    count, gain = _STEPS[side]
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, count, gain)
    matrix = in_pixels(start, side)[:2].astype(np.float32)
    try:
        fit, matrix = cv2.findTransformECC(first, second, matrix, cv2.MOTION_AFFINE, criteria, None, 1)  # type: ignore[call-overload]
    except cv2.error:  # it found no overlap, or went astray
        return None
    if fit < _LEAST[side]:
        return None
    center = _center(side)
    found: Matrix = np.linalg.inv(center) @ np.vstack([matrix.astype(np.float64), [0, 0, 1]]) @ center
    return found


def in_pixels(matrix: Matrix, side: int) -> Matrix:
    """Return the same map between pixel numbers of squares with ``side`` pixels."""
    center = _center(side)
    found: Matrix = center @ matrix @ np.linalg.inv(center)
    return found


def laid_over(image: Floats, matrix: Matrix) -> Floats:
    """Return the second image as the map lays it on the first; 0 outside."""
    side = len(image)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved: Floats = cv2.warpAffine(image, in_pixels(matrix, side)[:2], (side, side), flags=flags).astype(np.float32)
    return moved


def _center(side: int) -> Matrix:
    middle = (side - 1) / 2
    return np.array([[side, 0, middle], [0, side, middle], [0, 0, 1]])
