"""A picture made ready to be measured: freed of frames, scaled, its head outlined."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.uint8]

SIDE = 112
"""The longer side, in pixels, at which a picture is looked at."""
FRAME_RANGE = 0.08
"""Outer rows and columns that vary by less than this share of the picture's range are a frame."""
SEAM = 3
"""Pixels that are cut off beside a bright frame."""
FLAT_RANGE = 1e-6
"""A picture with a smaller range, of what it may have, is one flat value."""
_BRIDGE = np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)))


@dataclass(frozen=True, eq=False)
class Look:
    """A picture ready to be measured: gray values 0…1, what is bright, the head's outline filled, depth inside it."""

    gray: Floats
    bright: Mask
    head: Mask
    contour: NDArray[np.int32]
    depth: Floats


def is_flat(gray: Floats) -> bool:
    """Say whether a picture is one flat value."""
    low, high = float(gray.min()), float(gray.max())
    return high - low <= FLAT_RANGE * max(abs(low), abs(high), 1.0)


def look_at(gray: Floats) -> Look:
    """Make a picture ready: cut off plain frames, scale it, find the ground and the head.

    Args:
        gray: Gray values of any scale, shape ``(rows, columns)``, not flat.
    """
    small = _scaled(_unframed(gray))
    low, high = _ends(small)
    small = np.clip((small - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    eight = np.rint(np.sqrt(cv2.GaussianBlur(small, (0, 0), 1.0)) * 255).astype(np.uint8)
    limit, _ = cv2.threshold(eight, 0, 255, cv2.THRESH_OTSU)
    bright = (eight > 0.8 * limit).astype(np.uint8)
    joined = cv2.morphologyEx(bright, cv2.MORPH_CLOSE, _BRIDGE)  # the lobes of a low slice are one head
    contours, _ = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=cv2.contourArea)
    head = np.zeros_like(bright)
    cv2.drawContours(head, [contour], -1, 1, cv2.FILLED)
    # the outside of the picture is no more head than its background
    depth = cv2.distanceTransform(cv2.copyMakeBorder(head, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3)[1:-1, 1:-1]
    return Look(
        small, bright, head, contour.astype(np.int32), (depth / max(float(depth.max()), 1e-6)).astype(np.float32)
    )


def _ends(gray: Floats) -> tuple[float, float]:
    """Return the 1st and the 99.5th percentile, to a thousandth of the range; they differ."""
    low, high = float(gray.min()), float(gray.max())
    step = (high - low) / 1000
    counts = np.bincount(((gray - low) * (0.999 / step)).astype(np.int64).ravel(), minlength=1000)
    first, last = np.searchsorted(np.cumsum(counts), [0.01 * gray.size, 0.995 * gray.size])
    if last <= first:
        return low, high
    return low + step * float(first), low + step * float(last + 1)


def _unframed(gray: Floats) -> Floats:
    """Cut off plain frames, one inside the other."""
    for _ in range(3):
        if min(gray.shape) < 16:
            return gray
        limit = FRAME_RANGE * float(gray.max() - gray.min())
        rows = np.flatnonzero(np.ptp(gray, axis=1) > limit)
        columns = np.flatnonzero(np.ptp(gray, axis=0) > limit)
        if not rows.size or not columns.size:
            return gray
        top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
        if (bottom - top, right - left) == gray.shape:
            return gray
        # a bright frame leaves a seam behind where the picture was saved as JPEG or resized
        dark = float(gray.min()) + 4 * limit
        top += SEAM * (top > 0 and gray[0].mean() > dark)
        bottom -= SEAM * (bottom < gray.shape[0] and gray[-1].mean() > dark)
        left += SEAM * (left > 0 and gray[:, 0].mean() > dark)
        right -= SEAM * (right < gray.shape[1] and gray[:, -1].mean() > dark)
        inner = gray[top:bottom, left:right]
        if bottom - top < 8 or right - left < 8 or is_flat(inner):
            return gray
        gray = inner
    return gray


def _scaled(gray: Floats) -> Floats:
    factor = SIDE / max(gray.shape)
    size = tuple(max(8, round(n * factor)) for n in gray.shape[::-1])
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(gray, dtype=np.float32), size, interpolation=way))


def moments(head: Mask) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Return center, full axes and angle in degrees of the ellipse with the head's moments, the long axis first."""
    m = cv2.moments(head, binaryImage=True)
    area = max(1.0, m["m00"])
    xx, yy, xy = m["mu20"] / area + 1 / 12, m["mu02"] / area + 1 / 12, m["mu11"] / area
    root = float(np.hypot(xx - yy, 2 * xy))
    long, short = 2 * np.sqrt(2 * (xx + yy + root)), 2 * np.sqrt(max(1e-6, 2 * (xx + yy - root)))
    angle = float(np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)))
    return (m["m10"] / area, m["m01"] / area), (float(long), float(short)), angle
