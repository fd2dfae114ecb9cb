"""Pictures and stacks of pictures (PNG, JPEG, TIFF, GIF, BMP, WebP), and their masks.

Axes, for pictures, masks and stacks alike: ``I`` runs along a row (left to right), ``J`` down a column (top to
bottom), so an array is the transpose of the rows that a picture library returns.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gliascope.errors import GeometryError, InputError, Notice, counted
from gliascope.files.picture_mask import read_mask, read_mask_stack, write_mask
from gliascope.files.picture_pixels import Pixels, read_pixels
from gliascope.scan import SPACING_RANGE_MM, Grid, Scan

__all__ = [
    "read_mask",
    "read_mask_stack",
    "read_picture",
    "read_stack",
    "stack_order",
    "write_mask",
]

MAX_STACK_PIXELS = 512**3
"""Pixels of all pictures and channels of one stack together."""

_GRAY = ("gray",)
_COLOR = ("red", "green", "blue")
_ALONE = "--no-stack reads every picture of a folder alone."


def read_picture(
    path: Path,
    *,
    channels: tuple[str, ...] | None = None,
    spacing_mm: tuple[float, ...] | None = None,
    blank: bool = False,
) -> Scan:
    """Read one picture.

    Args:
        path: The picture; the format is found from the content.
        channels: Names of its channels; None: ``gray`` for a gray picture, else ``red green blue``.
        spacing_mm: Width and height of a pixel in mm; None: unknown.
        blank: Read a picture that holds one value everywhere too, instead of refusing it.

    Returns:
        Array of shape ``(C, I, J)``. 8 bits stay 0…255, 16 bits are scaled from 0…65535 to 0…255, floating point is
        kept as it is.

    Raises:
        InputError: The file is damaged, no picture, blank, of an unusable size, or of another number of channels.
        GeometryError: ``spacing_mm`` is not two positive numbers.
    """
    pixels = read_pixels(path)
    names = _names(pixels, channels, path)
    grid = Grid(pixels.size, None, _spacing(spacing_mm, 2, path))
    array = pixels.array
    empty = _blank_channels(array, names)
    if empty == names and not blank:
        raise _blank(names, path)
    notices = pixels.notices
    if empty and channels is not None:  # the LGG set has such slices
        text = f"Channel {', '.join(empty)} holds one value everywhere."
        notices += (Notice("W_BLANK_CHANNEL", path.name, text),)
    return Scan(array, names, grid, notices=notices)


def read_stack(
    paths: Sequence[Path], *, channels: tuple[str, ...] | None = None, spacing_mm: tuple[float, ...] | None = None
) -> Scan:
    """Read pictures of consecutive slices, in the given order, as one volume.

    Args:
        paths: One picture per slice.
        channels: See ``read_picture``; the first picture decides where None.
        spacing_mm: Pixel width, pixel height and distance of slices in mm; None: unknown.

    Returns:
        Array of shape ``(C, I, J, K)``. Single black slices are fine, a named channel that is black in all is not.

    Raises:
        InputError: A picture cannot be read, or differs from the first in size or number of channels (the message
            names it).
        GeometryError: ``spacing_mm`` is not three positive numbers.
    """
    if not paths:
        raise InputError("no picture is given", hint="Name at least one.", code="E_CHANNELS")
    first = read_pixels(paths[0])
    names = _names(first, channels, paths[0])
    shape = (len(names), *first.size, len(paths))
    if np.prod(shape, dtype=np.int64) > MAX_STACK_PIXELS:
        size = f"{counted(len(paths), 'picture')} of {first.size} with {counted(len(names), 'channel')}"
        cause = f"is too large as a stack: {size}"
        raise InputError(cause, file=paths[0].parent, hint="Give fewer pictures.", code="E_TOO_LARGE")
    array = np.empty(shape, dtype=np.float32)
    notices: list[Notice] = []
    for k, path in enumerate(paths):
        pixels = first if k == 0 else read_pixels(path)
        if pixels.size != first.size:
            cause = f"has size {pixels.size} where {paths[0].name} has {first.size}"
            raise GeometryError(cause, file=path, hint=f"All slices of a stack have one size; {_ALONE}", code="E_GRID")
        if len(pixels.array) != len(names):
            cause = f"has {counted(len(pixels.array), 'channel')} where {paths[0].name} has {len(names)}"
            raise InputError(cause, file=path, hint=f"A stack is all gray or all color; {_ALONE}", code="E_CHANNELS")
        array[..., k] = pixels.array
        notices += pixels.notices
    blank = _blank_channels(array, names)
    if blank == names or (blank and channels is not None):
        raise _blank(blank, paths[0].parent)
    grid = Grid(array.shape[1:], None, _spacing(spacing_mm, 3, paths[0]))
    return Scan(array, names, grid, notices=tuple(notices))


def stack_order(names: Iterable[str]) -> tuple[str, ...] | None:
    """Return file names in numeric order if they are slices of one stack, else None.

    They are where they share one stem and one ending and differ in exactly one whole number.

    Example:
        >>> stack_order(["a_10.tif", "a_9.tif"])
        ('a_9.tif', 'a_10.tif')
        >>> stack_order(["a_1.tif", "b_2.tif"]) is None
        True
    """
    parts = {name: re.split(r"([0-9]+)", name) for name in names}
    if len(parts) < 2:
        return None
    texts = {tuple(p[0::2]) for p in parts.values()}
    columns = list(zip(*(p[1::2] for p in parts.values()), strict=True)) if len(texts) == 1 else []
    varying = [i for i, column in enumerate(columns) if len(set(column)) > 1]
    if len(varying) != 1:
        return None
    place = 1 + 2 * varying[0]
    numbers = {name: int(p[place]) for name, p in parts.items() if len(p[place]) <= 18}
    if len(set(numbers.values())) < len(parts):
        return None
    return tuple(sorted(numbers, key=numbers.__getitem__))


def _names(pixels: Pixels, channels: tuple[str, ...] | None, path: Path) -> tuple[str, ...]:
    if channels is None:
        return _GRAY if pixels.is_gray else _COLOR
    if len(pixels.array) != len(channels):
        cause = (
            f"has {counted(len(pixels.array), 'channel')} for {counted(len(channels), 'name')} ({', '.join(channels)})"
        )
        raise InputError(cause, file=path, hint="Name as many channels as the picture has.", code="E_CHANNELS")
    return channels


def _spacing(spacing_mm: tuple[float, ...] | None, axes: int, path: Path) -> tuple[float, ...] | None:
    if spacing_mm is None:
        return None
    low, high = SPACING_RANGE_MM
    if len(spacing_mm) != axes or not all(low <= v <= high for v in spacing_mm):
        cause = f"is given the spacing {','.join(f'{v:g}' for v in spacing_mm)}"
        hint = f"Give {axes} sizes from {low:g} to {high:g} mm."
        raise GeometryError(cause, file=path, hint=hint, code="E_SPACING")
    return tuple(float(v) for v in spacing_mm)


def _blank_channels(array: NDArray[np.float32], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the channels that hold one value everywhere."""
    return tuple(name for name, values in zip(names, array, strict=True) if values.min() == values.max())


def _blank(names: tuple[str, ...], path: Path) -> InputError:
    cause = f"shows nothing: one value everywhere in {', '.join(names)}"
    return InputError(cause, file=path, hint="Is it the right picture?", code="E_BLANK")
