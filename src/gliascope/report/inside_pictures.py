"""Pictures of what goes on in a network: sheets of filters, heat over a slice, outputs as colors."""

import io
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gliascope.report.pixels import View

Pixels = NDArray[np.uint8]
Values = NDArray[np.floating]

SHEET_AREA = 760 * 430
"""Pixels of a sheet of filters, about."""
LARGEST_CELL = 56
"""Pixels of one filter's side, unless the filter itself has more."""
GAP, GAP_SHADE = 3, 20
"""Pixels between filters, and how dark they are."""
ZERO = 128
"""The gray of a weight of 0."""

WEAKEST, STRONGEST = 0.12, 0.68
"""How much of the gray picture the heat covers where it is lowest, and where it is highest."""


def png(pixels: Pixels) -> bytes:
    """Return a gray or color picture as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "png")
    return buffer.getvalue()


def filter_sheets(
    weights: Values, channels: Sequence[Sequence[int]], *, image_channels: int, oriented: bool
) -> dict[tuple[int, ...], Pixels]:
    """Draw every filter of a layer, side by side and turned as the pictures on the page are.

    Gray means 0, brighter above, darker below; each filter has its own scale, the same in all its channels. Of 3-D
    filters the middle plane is drawn.

    Args:
        weights: Shape ``(N, C, *k)``.
        channels: The image channel that each of the N filters sees in each of its C places.
        image_channels: Channels of the image.
        oriented: Volumes are shown with right and front turned round, and so are their filters.

    Returns:
        One sheet, uint8, ``(rows, columns, 3)``: of layers that see three channels in every filter one sheet in color
        (red, green, blue), under the key ``(0, 1, 2)``; of others one per channel, under ``(channel,)``.
    """
    planes = weights if weights.ndim == 4 else weights[..., weights.shape[-1] // 2]
    turned = (planes[:, :, ::-1, ::-1] if oriented else planes).transpose(0, 1, 3, 2)
    scale = np.abs(turned).max(axis=(1, 2, 3), keepdims=True)
    shades = np.round(ZERO + 127 * turned / np.where(scale > 0, scale, 1)).clip(0, 255).astype(np.uint8)
    if image_channels == 3 and all(tuple(own) == (0, 1, 2) for own in channels):
        return {(0, 1, 2): _sheet(list(shades.transpose(0, 2, 3, 1)))}
    by_channel: dict[tuple[int, ...], list[Pixels]] = {}
    for own, filters in zip(channels, shades, strict=True):
        for channel, plane in zip(own, filters, strict=True):
            by_channel.setdefault((channel,), []).append(np.repeat(plane[..., None], 3, axis=-1))
    return {key: _sheet(by_channel[key]) for key in sorted(by_channel)}


def heat_picture(base: Pixels, view: View, values: Values) -> Pixels:
    """Lay values over a picture, dark where they are lowest and bright yellow where they are highest.

    Args:
        base: The slice as ``tiles.draw_tile`` draws it.
        view: The view of that slice.
        values: One number per voxel of the whole slice, shape ``(I, J)``.
    """
    plane = np.asarray(view.plane(values), dtype=np.float32)
    low, high = float(plane.min()), float(plane.max())
    level = (plane - low) / (high - low) if high > low else np.zeros_like(plane)
    size = (base.shape[1], base.shape[0])
    smooth = np.clip(cv2.resize(level, size, interpolation=cv2.INTER_LINEAR), 0, 1)
    color = cv2.applyColorMap(np.round(255 * smooth).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    share = (WEAKEST + (STRONGEST - WEAKEST) * smooth)[..., None]
    return np.asarray(np.round(base * (1 - share) + color * share), dtype=np.uint8)


def color_picture(base: Pixels, view: View, planes: Sequence[Values], *, smooth: bool) -> Pixels:
    """Draw up to three outputs as red, green and blue; a single one in gray.

    Args:
        base: Gives the size.
        view: The view of the slice.
        planes: From 0 to 1, each of shape ``(I, J)``.
        smooth: Interpolate between voxels.
    """
    shown = [np.asarray(view.plane(plane), dtype=np.float32) for plane in planes[:3]]
    if len(shown) == 1:
        shown *= 3
    shown += [np.zeros_like(shown[0])] * (3 - len(shown))
    way = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
    large = cv2.resize(np.dstack(shown), (base.shape[1], base.shape[0]), interpolation=way)
    return np.asarray(np.round(255 * np.clip(large, 0, 1)), dtype=np.uint8)


def _sheet(filters: Sequence[Pixels]) -> Pixels:
    """Pack filters ``(rows, columns, 3)`` into one picture, each enlarged by a whole number."""
    height, width = filters[0].shape[:2]
    side = min(max((SHEET_AREA / len(filters)) ** 0.5 - GAP, 1), LARGEST_CELL)
    times = max(round(side / max(height, width)), 1)
    high, wide = height * times + GAP, width * times + GAP
    wanted = max((len(filters) * high / wide * 1.77) ** 0.5, 1.0)
    fitting = range(max(int(0.7 * wanted), 1), min(int(1.4 * wanted) + 1, len(filters)) + 1)
    per_row = min(fitting, key=lambda n: (-len(filters) % n, abs(n - wanted)))
    rows = -(-len(filters) // per_row)
    canvas = np.full((rows * high + GAP, per_row * wide + GAP, 3), GAP_SHADE, dtype=np.uint8)
    for number, each in enumerate(filters):
        top, left = (number // per_row) * high + GAP, (number % per_row) * wide + GAP
        large = each.repeat(times, axis=0).repeat(times, axis=1)
        canvas[top : top + large.shape[0], left : left + large.shape[1]] = large
    return canvas
