"""Slices of a scan as pictures: one slice in every contrast, or every slice of one contrast."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from gliascope.report import palette
from gliascope.report.pixels import View, view_of
from gliascope.report.tiles import best_slice, outlines
from gliascope.scan import LabelMap, Scan

COLOR_PICTURE = ("red", "green", "blue")

SHEET_WIDTH = 1200
"""Columns of pixels of a contact sheet."""

MOST_PER_ROW = 16

Pixels = NDArray[np.uint8]


def contrast_pictures(scan: Scan, labels: LabelMap | None, *, height: int) -> dict[str, tuple[Pixels, Pixels | None]]:
    """Draw one slice, that with the most tumor, in every channel: as it is, and with its regions outlined.

    Args:
        scan: The scan.
        labels: Labels on its grid, or None: nothing is outlined, and the middle slice is drawn.
        height: Rows of a picture.

    Returns:
        Both pictures by channel, uint8, shape ``(height, columns, 3)``; a color picture is one channel, ``picture``.

    Raises:
        GeometryError: The labels have another shape than the scan.
    """
    view = view_of(scan, None if labels is None else labels.array)
    planes = None if labels is None else view.labels(labels.array)
    best = None if planes is None else best_slice(planes)
    at = view.box.size[2] // 2 if best is None else best
    found = {}
    for name, slices in _channels(scan, view):
        plain = _resized(slices[at], height, scan)
        found[name] = (plain, None if planes is None or labels is None else _outlined(plain, planes[at], labels))
    return found


def contact_sheets(scan: Scan, labels: LabelMap | None) -> dict[str, Pixels]:
    """Draw every slice of the head, in rows from the first to the last, with its number and its regions outlined.

    Args:
        scan: The scan.
        labels: Labels on its grid, or None: nothing is outlined.

    Returns:
        One picture per channel, uint8, shape ``(rows, at most 1200, 3)``.

    Raises:
        GeometryError: The labels have another shape than the scan.
    """
    view = view_of(scan, None if labels is None else labels.array)
    planes = None if labels is None else view.labels(labels.array)
    depth = view.box.size[2]
    per_row = min(max(round((1.6 * depth) ** 0.5), 5), MOST_PER_ROW, depth)
    sheets = {}
    for name, slices in _channels(scan, view):
        width = SHEET_WIDTH // max(per_row, 5)
        height = round(width * slices.shape[1] / slices.shape[2] / _stretch(scan))
        drawn = [_resized(each, height, scan, width=width) for each in slices]
        if planes is not None and labels is not None:
            drawn = [_outlined(each, plane, labels) for each, plane in zip(drawn, planes, strict=True)]
        for index, each in enumerate(drawn):
            _number(each, view.box.start[2] + index * view.box.step + 1)
        black = np.zeros_like(drawn[0])
        drawn += [black] * (-depth % per_row)
        lines = [np.hstack(drawn[first : first + per_row]) for first in range(0, len(drawn), per_row)]
        sheets[name] = np.vstack(lines)
    return sheets


def _channels(scan: Scan, view: View) -> Iterator[tuple[str, Pixels]]:
    """Yield the name of each channel and its slices, ``(K, rows, columns, 3)``."""
    if scan.channels == COLOR_PICTURE:
        yield "picture", np.stack([view.slices(scan, name) for name in scan.channels], axis=-1)
        return
    for name in scan.channels:
        yield name, np.repeat(view.slices(scan, name)[..., np.newaxis], 3, axis=-1)


def _resized(picture: Pixels, height: int, scan: Scan, *, width: int | None = None) -> Pixels:
    columns = width or max(round(height * picture.shape[1] / picture.shape[0] * _stretch(scan)), 1)
    way = cv2.INTER_AREA if height < len(picture) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(np.ascontiguousarray(picture), (columns, height), interpolation=way), dtype=np.uint8)


def _outlined(picture: Pixels, labels: Pixels, label_map: LabelMap) -> Pixels:
    canvas = picture.copy()
    scheme = label_map.scheme
    masks = [(np.isin(labels, scheme.region_values(name)), palette.region_color(name)) for name in scheme.regions]
    outlines(canvas, [(mask, palette.rgb(color)) for mask, color in masks])
    return canvas


def _number(picture: Pixels, number: int) -> None:
    place = (3, len(picture) - 4)
    cv2.putText(picture, str(number), place, cv2.FONT_HERSHEY_SIMPLEX, 0.3, (190, 190, 190), 1, cv2.LINE_AA)


def _stretch(scan: Scan) -> float:
    """How much wider than high a voxel is."""
    spacing = scan.grid.spacing_mm
    return spacing[0] / spacing[1] if spacing else 1.0
