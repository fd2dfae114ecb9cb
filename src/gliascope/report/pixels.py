"""Scans as pixels: what part is shown, how intensities become gray, and how slices are packed into one picture.

Everything leaves here upright, as a reader expects it. Volumes with an affine come in radiological convention: the
patient's right on the left, anterior (or superior) on top. Pictures and stacks come as they were stored.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from gliascope.errors import GeometryError
from gliascope.preprocess.head import head_mask
from gliascope.scan import Scan

MAX_SHEET_PIXELS = 12_000_000
"""Pixels of one sheet; some browsers refuse pictures of more than 16.7 million."""

MAX_SIDE = 16_000
"""Pixels per side of one sheet; some browsers end at 16384."""

QUALITY = 85
"""Of JPEG: 41 dB on the sheets of a BraTS study, as WebP has at 82."""

PNG_LEVEL = 3
"""Labels are mostly zeros: a higher level makes them little smaller."""

PICTURE_CHANNELS = frozenset({"gray", "red", "green", "blue"})

FloatArray = NDArray[np.floating]
Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True)
class Box:
    """The part of a scan that is shown: index ranges per axis ``(I, J, K)``, and how much it is reduced."""

    start: tuple[int, int, int]
    stop: tuple[int, int, int]
    step: int = 1

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Index expressions for the three axes."""
        i, j, k = (slice(a, b, self.step) for a, b in zip(self.start, self.stop, strict=True))
        return i, j, k

    @property
    def size(self) -> tuple[int, int, int]:
        """Voxels per axis after the reduction."""
        i, j, k = (-(-(b - a) // self.step) for a, b in zip(self.start, self.stop, strict=True))
        return i, j, k


def as_volume(array: NDArray[Number], axes: int) -> NDArray[Number]:
    """Return an array with three spatial axes; a picture becomes one slice."""
    return array[..., np.newaxis] if axes == 2 else array


@dataclass(frozen=True)
class View:
    """How a scan is shown: which part, and the intensities drawn black and white, by channel."""

    box: Box
    windows: Mapping[str, tuple[float, float]]
    oriented: bool
    """The file says how the head lies."""

    def slices(self, scan: Scan, channel: str) -> NDArray[np.uint8]:
        """Return one channel as upright gray slices, ``(K, rows, columns)``."""
        volume = as_volume(scan.array[scan.channels.index(channel)], len(scan.grid.shape))
        return self.upright(as_gray(volume[self.box.slices], self.windows[channel]))

    def labels(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return labels of the scan's shape as upright slices, ``(K, rows, columns)``."""
        return self.upright(as_volume(labels, labels.ndim)[self.box.slices])

    def at_slice(self, index: int) -> "View":
        """Return the view of one axial slice of the scan; ``index`` counts from 0."""
        start, stop = self.box.start, self.box.stop
        box = Box((*start[:2], index), (*stop[:2], index + 1), self.box.step)
        return View(box, self.windows, self.oriented)

    def plane(self, values: NDArray[Number]) -> NDArray[Number]:
        """Return values of one axial slice, ``(I, J)``, as rows and columns seen on the page (a view)."""
        part = values[self.box.slices[:2]]
        return (part[::-1, ::-1] if self.oriented else part).T

    def upright(self, volume: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn ``(I, J, K)`` into slices of rows and columns as seen on the page (a view)."""
        turned = volume[::-1, ::-1] if self.oriented else volume
        return turned.transpose(2, 1, 0)


def view_of(scan: Scan, labels: NDArray[np.uint8] | None = None) -> View:
    """Find the part to show (the head with a margin, and every labeled voxel) and the gray windows.

    Pictures are shown whole, and those of 8 bits as they are; every other channel runs from its 0.5th to its 99.5th
    percentile inside the head. Where a box has more than ``MAX_SHEET_PIXELS`` voxels, every second (third, …) is shown.

    Args:
        scan: The scan.
        labels: Label numbers on the same grid, or None.

    Raises:
        GeometryError: The labels have another shape than the scan.
    """
    shape = scan.grid.shape
    if labels is not None and labels.shape != shape:
        raise GeometryError(f"labels of shape {labels.shape} for a scan of {shape}")
    steps = tuple(2 if size >= 64 else 1 for size in shape)
    sample = scan.array[(slice(None), *(slice(None, None, step) for step in steps))]
    head = head_mask(sample)
    windows = {name: _window(channel, head, name) for name, channel in zip(scan.channels, sample, strict=True)}
    if len(shape) == 2:
        box = Box((0, 0, 0), (shape[0], shape[1], 1))
    else:
        ends = [_extent(head, labels, axis, shape[axis], steps[axis]) for axis in range(3)]
        box = Box((ends[0][0], ends[1][0], ends[2][0]), (ends[0][1], ends[1][1], ends[2][1]))
    return View(_reduced(box), windows, scan.grid.affine is not None)


def _extent(
    head: NDArray[np.bool_], labels: NDArray[np.uint8] | None, axis: int, size: int, step: int
) -> tuple[int, int]:
    """First and last + 1 index along one axis of the full grid, with a margin of two voxels."""
    others = tuple(a for a in range(3) if a != axis)
    found = step * np.flatnonzero(head.any(axis=others))
    if labels is not None:
        found = np.concatenate([found, np.flatnonzero(labels.any(axis=others))])
    if not len(found):
        return 0, size
    return max(int(found.min()) - 2, 0), min(int(found.max()) + step + 2, size)


def _window(channel: FloatArray, head: NDArray[np.bool_], name: str) -> tuple[float, float]:
    if name in PICTURE_CHANNELS and channel.min() >= 0 and channel.max() <= 255:
        return 0.0, 255.0
    low, high = (float(v) for v in np.nanpercentile(channel[head] if head.any() else channel, (0.5, 99.5)))
    return (low, high) if high > low else (low - 1.0, low + 1.0)


def as_gray(channel: FloatArray, window: tuple[float, float]) -> NDArray[np.uint8]:
    """Map intensities to 0…255; what lies outside the window is clipped."""
    low, high = window
    scaled = (channel - np.float32(low)) * np.float32(255 / (high - low))
    gray: NDArray[np.uint8] = np.nan_to_num(np.clip(scaled, 0, 255, out=scaled), copy=False).astype(np.uint8)
    return gray


def sheet(slices: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """Pack slices ``(K, rows, columns)`` into one picture, row by row.

    Returns:
        The picture and the number of slices per row.
    """
    depth, height, width = slices.shape
    per_row = min(depth, max(1, round((depth * height / width) ** 0.5)), max(1, MAX_SIDE // width))
    lines = -(-depth // per_row)
    packed = np.zeros((lines, per_row, height, width), dtype=np.uint8)
    packed.reshape(lines * per_row, height, width)[:depth] = slices
    return packed.transpose(0, 2, 1, 3).reshape(lines * height, per_row * width), per_row


def photo_url(pixels: NDArray[np.uint8]) -> str:
    """Return a gray or color (red, green, blue) picture as a ``data:`` URL (JPEG, lossy).

    WebP of the same quality is two thirds of the size and takes twenty times as long.
    """
    stored = np.ascontiguousarray(pixels[..., ::-1] if pixels.ndim == 3 else pixels)  # OpenCV's order is blue first
    # Colors may be contrasts of their own: all of their pixels are kept.
    fine = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return _data_url("jpeg", ".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, QUALITY, *fine])


def exact_url(pixels: NDArray[np.uint8]) -> str:
    """Return a gray picture as a ``data:`` URL (PNG, lossless)."""
    return _data_url("png", ".png", np.ascontiguousarray(pixels), [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])


def file_url(data: bytes) -> str:
    """Return the bytes of a PNG, JPEG or WebP file as a ``data:`` URL.

    Raises:
        ValueError: The bytes are none of these.
    """
    for kind, magic in (("png", b"\x89PNG\r\n\x1a\n"), ("jpeg", b"\xff\xd8\xff"), ("webp", b"RIFF")):
        if data.startswith(magic):
            return f"data:image/{kind};base64," + base64.b64encode(data).decode()
    raise ValueError("not the bytes of a PNG, JPEG or WebP picture")


def _data_url(kind: str, suffix: str, pixels: NDArray[np.uint8], options: list[int]) -> str:
    done, data = cv2.imencode(suffix, pixels, options)
    if not done:  # OpenCV was built without it
        raise RuntimeError(f"OpenCV cannot write {kind}")
    return f"data:image/{kind};base64," + base64.b64encode(data.tobytes()).decode()


def _reduced(box: Box) -> Box:
    step = 1
    while np.prod(Box(box.start, box.stop, step).size, dtype=np.int64) > MAX_SHEET_PIXELS:
        step += 1
    return Box(box.start, box.stop, step)
