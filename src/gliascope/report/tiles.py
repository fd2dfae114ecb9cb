"""Small pictures of a case: one slice with outlines, for galleries, overviews and pages without a script."""

from collections.abc import Sequence
from typing import TypedDict

import cv2
import numpy as np
from numpy.typing import NDArray

from gliascope.report import palette
from gliascope.report.pixels import View, exact_url, file_url, photo_url, view_of
from gliascope.scan import LabelMap, Scan

PREFERRED_CHANNELS = ("t2f", "t1c")
"""What is shown first: tumors with their edema are bright on FLAIR."""


DASH = 6
"""Pixels of a border that are drawn again where an inner region's border may have hidden it."""


class Tile(TypedDict):
    """A picture for a page and the words below it.

    ``image``: the bytes of a PNG, JPEG or WebP file, or pixels, uint8, of shape ``(rows, columns)`` or
    ``(rows, columns, 3)`` (red, green, blue).
    """

    image: bytes | NDArray[np.uint8]
    caption: str


def tile(
    scan: Scan,
    label_map: LabelMap | None = None,
    *,
    reference: LabelMap | None = None,
    channel: str | None = None,
    height: int = 240,
) -> NDArray[np.uint8]:
    """Draw the slice with the most tumor; prediction outlines in region colors, the reference in white.

    Args:
        scan: The scan.
        label_map: Predicted labels on the scan's grid, or None.
        reference: Reference labels on the same grid, or None. Its outermost region is drawn.
        channel: The channel shown; None: FLAIR, else T1 contrast, else the first.
        height: Rows of the picture.

    Returns:
        Pixels, uint8, shape ``(height, columns, 3)``.

    Raises:
        GeometryError: A label map has another shape than the scan.
    """
    maps = [m for m in (label_map, reference) if m is not None]
    labels = np.maximum.reduce([m.array for m in maps]) if maps else None
    return draw_tile(scan, view_of(scan, labels), label_map, reference, channel=channel, height=height)


def draw_tile(
    scan: Scan,
    view: View,
    label_map: LabelMap | None,
    reference: LabelMap | None = None,
    *,
    channel: str | None = None,
    height: int,
) -> NDArray[np.uint8]:
    """Draw a tile of a view that was made before; see ``tile``."""
    name = channel or first_channel(scan.channels)
    maps = [(m, view.labels(m.array)) for m in (label_map, reference) if m is not None]
    at = best_slice(np.maximum.reduce([labels for _, labels in maps])) if maps else None
    middle = view.box.size[2] // 2 if at is None else at
    names = ("red", "green", "blue") if name in ("red", "green", "blue") else (name,)
    planes = [view.slices(scan, each)[middle] for each in names]
    pixels = np.dstack(planes * (3 // len(planes)))
    width = max(round(height * pixels.shape[1] / pixels.shape[0] * _aspect(scan)), 1)
    way = cv2.INTER_AREA if height < len(pixels) else cv2.INTER_CUBIC
    canvas: NDArray[np.uint8] = np.asarray(cv2.resize(pixels, (width, height), interpolation=way), dtype=np.uint8)
    drawn = []
    for one, labels in maps:
        for region in one.scheme.regions if one is label_map else one.scheme.regions[:1]:
            mask = np.isin(labels[middle], one.scheme.region_values(region))
            color = palette.region_color(region) if one is label_map else palette.REFERENCE_COLOR
            drawn.append((mask, palette.rgb(color)))
    outlines(canvas, drawn)
    return canvas


def tile_url(image: bytes | NDArray[np.uint8]) -> str:
    """Return a tile's image as a ``data:`` URL."""
    if isinstance(image, bytes):
        return file_url(image)
    return exact_url(image) if image.ndim == 2 and image.size < 4096 else photo_url(image)


def first_channel(channels: tuple[str, ...]) -> str:
    """Return the channel to show first."""
    return next((name for name in PREFERRED_CHANNELS if name in channels), channels[0])


def best_slice(labels: NDArray[np.generic]) -> int | None:
    """Return the index of the slice of ``(K, rows, columns)`` with the largest labeled area, or None without any."""
    areas = np.count_nonzero(labels, axis=(1, 2))
    return int(np.argmax(areas)) if areas.any() else None


def _aspect(scan: Scan) -> float:
    spacing = scan.grid.spacing_mm
    return spacing[0] / spacing[1] if spacing else 1.0


def outlines(canvas: NDArray[np.uint8], drawn: Sequence[tuple[NDArray[np.bool_], tuple[int, int, int]]]) -> None:
    """Draw the borders of masks onto a picture of the same proportions, whatever the size of either.

    Later masks are drawn over earlier ones: give nested regions from the outside in. Where borders coincide they take
    turns along the line, so that none hides another.

    Args:
        canvas: Pixels, ``(rows, columns, 3)``; changed.
        drawn: Masks ``(rows, columns)``, each with its color.
    """
    lines = [(_borders(canvas, mask), color) for mask, color in drawn if mask.any()]
    for borders, color in lines:
        cv2.drawContours(canvas, borders, -1, color, thickness=1, lineType=cv2.LINE_AA)
    for inside, (borders, color) in enumerate(reversed(lines)):
        if inside:
            pieces = [piece for border in borders for piece in _dashes(border, DASH, DASH * inside)]
            cv2.polylines(canvas, pieces, isClosed=False, color=color, thickness=1, lineType=cv2.LINE_AA)


def _borders(canvas: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Sequence[NDArray[np.int32]]:
    """Return the border of a mask as lines of pixels of the canvas."""
    size = (canvas.shape[1], canvas.shape[0])
    smooth = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    found, _ = cv2.findContours((smooth > 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return [np.asarray(border, np.int32) for border in found]


def _dashes(border: NDArray[np.int32], length: int, gap: int) -> list[NDArray[np.int32]]:
    """Cut a line of pixels into dashes."""
    return [border[start : start + length + 1] for start in range(0, len(border), length + gap)]
