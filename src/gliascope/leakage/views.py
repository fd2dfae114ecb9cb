"""Small pictures of a case's content, in which copies are looked for.

A picture has one view; a volume or stack has several axial planes of every channel, at fixed parts of the head's
height. Every view is kept twice, as the whole frame and trimmed to the head, so that cropping, padding and shifting
leave at least one of the two as it was.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gliascope.preprocess.head import bounding_box, head_mask
from gliascope.scan import Scan

HEAD_SIDE = 128
"""Pixels per side of the trimmed view. A head of 200 pixels, scaled to one half, still fills most of them."""
FRAME_SIDE = 96
"""Pixels per side of the whole frame, which only serves to find candidates."""

PLANES: tuple[float, ...] = (0.4, 0.5, 0.6)
"""Heights of a volume's planes, as parts of the head's height."""

FEWEST_LEVELS = 16
"""A head with fewer gray levels than this shows too little to be told from another."""
SMALLEST_HEAD = 12
"""So does one with fewer pixels per side,"""
SMALLEST_PART = 0.33
"""or one that fills less than this part of the frame's side: the slices at the top and bottom of a volume."""

_FLAT = 10
"""Gray levels (of 255) within which a border row or column is a frame, whatever its color."""
_DARK = 0.10
"""Part of the range of gray values above which the head begins."""
_SMOOTHING = 0.006
"""Blur before that threshold, as a part of the longer side."""

Gray = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class View:
    """One plane in small.

    Args:
        name: ``picture``, or channel and height for a plane of a volume; only views of one name are compared.
        frame: The whole frame, uint8, shape ``(FRAME_SIDE, FRAME_SIDE)``, rows from above.
        head: The head alone, uint8, shape ``(HEAD_SIDE, HEAD_SIDE)``.
        box: Left, top, width and height of the head, as parts of the frame's width and height.
        side: Pixels per side of the head in the file (geometric mean): how much detail there can be.
    """

    name: str
    frame: Gray
    head: Gray
    box: tuple[float, float, float, float]
    side: float


def views_of(scan: Scan) -> tuple[View, ...]:
    """Return the views of a picture, a volume or a stack; those that show too little are left out."""
    if not scan.is_volume:
        view = _view("picture", scan.array.mean(axis=0))
        return () if view is None else (view,)
    found = [
        _view(f"{name} at {part:g}", plane)
        for name, channel in zip(scan.channels, scan.array, strict=True)
        for part, plane in _planes(channel)
    ]
    return tuple(view for view in found if view is not None)


def _planes(volume: NDArray[np.float32]) -> list[tuple[float, NDArray[np.float32]]]:
    """Return axial planes of one channel; its own head counts, so that it is the same whatever else was kept."""
    box = bounding_box(head_mask(volume[None, ::2, ::2]))[2]
    if box.stop - box.start < len(PLANES):
        return []
    return [(part, _plane(volume, box.start - 0.5 + part * (box.stop - box.start))) for part in PLANES]


def _plane(volume: NDArray[np.float32], height: float) -> NDArray[np.float32]:
    """Return the axial plane at a height in voxels, between two slices where it falls between them."""
    below = int(height)
    above, part = min(below + 1, volume.shape[2] - 1), np.float32(height - below)
    return (1 - part) * volume[:, :, below] + part * volume[:, :, above]


def _view(name: str, plane: NDArray[np.float32]) -> View | None:
    """Return the view of a plane ``(I, J)``, or None where it shows too little."""
    low, high = float(plane.min()), float(np.percentile(plane, 99.9))
    if high <= low:
        return None
    gray: Gray = np.clip((plane.T - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    left, top, width, height = _head_box(gray)
    inside = gray[top : top + height, left : left + width]
    levels = np.count_nonzero(np.bincount(inside.ravel(), minlength=256))
    rows, columns = gray.shape
    part = np.sqrt(width * height / (rows * columns))
    if min(width, height) < SMALLEST_HEAD or part < SMALLEST_PART or levels < FEWEST_LEVELS:
        return None
    box = (left / columns, top / rows, width / columns, height / rows)
    return View(name, _resized(gray, FRAME_SIDE), _resized(inside, HEAD_SIDE), box, float(np.sqrt(width * height)))


def _head_box(gray: Gray) -> tuple[int, int, int, int]:
    """Find the head: within the part of the frame that is not flat, the largest thing that is not dark."""
    top, bottom = _not_flat(gray)
    left, right = _not_flat(gray[top:bottom].T)
    inner = gray[top:bottom, left:right]
    soft = cv2.GaussianBlur(inner, (0, 0), max(1.0, _SMOOTHING * max(inner.shape)))
    low, high = np.percentile(np.asarray(soft), (1, 99))
    bright = (soft > low + _DARK * (high - low)).astype(np.uint8)
    count, _, sizes, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    if count < 2:
        return left, top, right - left, bottom - top
    x, y, width, height = (int(v) for v in sizes[1 + int(np.argmax(sizes[1:, cv2.CC_STAT_AREA]))][:4])
    return left + x, top + y, width, height


def _not_flat(gray: Gray) -> tuple[int, int]:
    """Return the first and one past the last row that hold more than one shade."""
    lively = np.flatnonzero(np.ptp(gray, axis=1) > _FLAT)
    return (int(lively[0]), int(lively[-1]) + 1) if lively.size else (0, len(gray))


def _resized(gray: Gray, side: int) -> Gray:
    """Scale to a square, by averaging where it shrinks and with a cubic where it grows, and stretch the values."""
    rows, columns = gray.shape
    if rows < side or columns < side:
        gray = cv2.resize(gray, (max(side, columns), max(side, rows)), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    small = cv2.resize(gray, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    low, high = np.percentile(small, (0.5, 99.5))
    stretched: Gray = np.clip((small - low) * (255 / max(float(high - low), 1.0)), 0, 255).astype(np.uint8)
    return stretched
