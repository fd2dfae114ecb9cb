"""Small pictures of a case's content, trimmed to the head, in which copies are looked for.

A picture has one view; a volume or stack several axial planes of every channel, at fixed parts of the head's height.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gliascope.preprocess.head import bounding_box, head_mask
from gliascope.scan import Scan

SIDE = 128
"""Pixels per side of a view."""

PLANES: tuple[float, ...] = (0.4, 0.5, 0.6)
"""Heights of a volume's planes, as parts of the head's height."""


@dataclass(frozen=True, eq=False)
class View:
    """One plane, trimmed to the head.

    Args:
        name: ``picture``, or channel and height for a plane of a volume; only views of one name are compared.
        pixels: Gray values, uint8, shape ``(SIDE, SIDE)``.
    """

    name: str
    pixels: NDArray[np.uint8]


def views_of(scan: Scan) -> tuple[View, ...]:
    """Return the views of a picture, a volume or a stack."""
    if not scan.is_volume:
        view = _trimmed(scan.array.mean(axis=0))
        return () if view is None else (View("picture", view),)
    box = bounding_box(head_mask(scan.array))
    views = []
    for name, channel in zip(scan.channels, scan.array, strict=True):
        for part in PLANES:
            height = round(box[2].start + part * (box[2].stop - 1 - box[2].start))
            view = _trimmed(channel[:, :, max(0, height)])
            if view is not None:
                views.append(View(f"{name}@{part}", view))
    return tuple(views)


def _trimmed(plane: NDArray[np.float32]) -> NDArray[np.uint8] | None:
    box = bounding_box(head_mask(plane[None]))
    cut = plane[box]
    if min(cut.shape) < 8:
        return None
    low, high = np.percentile(cut, (0.5, 99.5))
    if high <= low:
        return None
    gray = np.clip((cut - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    view: NDArray[np.uint8] = cv2.resize(gray.T, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return view
