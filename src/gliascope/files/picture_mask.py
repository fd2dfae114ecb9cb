"""Masks kept as pictures: one number per pixel, black is background."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gliascope.errors import GeometryError, InputError, LabelError, Notice, UsageError
from gliascope.files.atomic import write_bytes
from gliascope.files.picture_pixels import read_pixels
from gliascope.labels import LabelScheme, scheme_named
from gliascope.scan import Grid, LabelMap

_WHITE = 255


def read_mask(path: Path, scheme: LabelScheme | None) -> LabelMap:
    """Read a mask: background and one other value, or the label numbers of ``scheme``.

    Args:
        path: A gray picture; an empty (black) mask is fine.
        scheme: What the numbers mean; None: a tumor that is not divided further.

    Returns:
        Labels of shape ``(I, J)``; with a scheme of one tissue every nonzero pixel has its number.

    Raises:
        LabelError: Values are neither two-valued nor label numbers of the scheme (values are listed).
        InputError: The file is damaged, no picture, or colored.
    """
    scheme = scheme or _whole_tumor()
    values, notices = _read_values(path)
    labels = _numbers(values, scheme, path)
    return LabelMap(labels, scheme, Grid(labels.shape), notices=notices)


def read_mask_stack(paths: Sequence[Path], scheme: LabelScheme | None) -> LabelMap:
    """Read the masks of consecutive slices, in the given order, as one label map ``(I, J, K)``.

    Raises:
        LabelError: See ``read_mask``; the stack as a whole has two values at most.
        InputError: A mask cannot be read, or has another size than the first (the message names it).
    """
    if not paths:
        raise InputError("no mask is given", hint="Name at least one.", code="E_REFERENCE")
    scheme = scheme or _whole_tumor()
    slices: list[NDArray[np.uint8]] = []
    notices: tuple[Notice, ...] = ()
    for path in paths:
        values, noticed = _read_values(path)
        slices.append(_numbers(values, scheme, path))
        notices += noticed
        if slices[-1].shape != slices[0].shape:
            cause = f"has size {slices[-1].shape} where {paths[0].name} has {slices[0].shape}"
            raise GeometryError(cause, file=path, hint="All masks of a stack have one size.", code="E_GRID")
    labels = np.stack(slices, axis=-1)
    return LabelMap(labels, scheme, Grid(labels.shape), notices=notices)


def write_mask(path: Path, label_map: LabelMap) -> None:
    """Write a mask as an 8-bit gray PNG: white for the one tissue of a binary scheme, else the label numbers.

    Raises:
        UsageError: ``path`` is not named ``.png``.
        GeometryError: The map is a volume.
        MachineError: The disk is full or the folder cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise UsageError("is not named .png", file=path, hint="JPEG would blur the mask.", code="E_FORMAT")
    if label_map.array.ndim != 2:
        cause = f"a mask of shape {label_map.array.shape} is no picture"
        raise GeometryError(cause, file=path, hint="Write volumes as .nii.gz.", code="E_SHAPE")
    labels = label_map.array
    if len(label_map.scheme.tissues) == 1:
        labels = np.where(labels > 0, np.uint8(_WHITE), np.uint8(0))
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(labels.T)).save(buffer, format="PNG")
    write_bytes(path, buffer.getvalue())


def _whole_tumor() -> LabelScheme:
    # A mask without a scheme is black and white; every scheme of one tissue reads it alike, and this is the first.
    return scheme_named("lgg")


def _read_values(path: Path) -> tuple[NDArray[Any], tuple[Notice, ...]]:
    pixels = read_pixels(path)
    if not pixels.is_gray and np.any(pixels.array != pixels.array[:1]):
        raise InputError("is colored where a mask is gray", file=path, hint="Save it as gray PNG.", code="E_CHANNELS")
    return pixels.array[0], pixels.notices


def _numbers(values: NDArray[Any], scheme: LabelScheme, path: Path) -> NDArray[np.uint8]:
    """Turn pixel values into label numbers of the scheme."""
    found = np.unique(values)
    if set(found.tolist()) <= set(scheme.values):
        return values.astype(np.uint8)
    if len(scheme.tissues) == 1 and len(found[found != 0]) == 1:
        (number,) = scheme.tissues
        return np.where(values != 0, np.uint8(number), np.uint8(0))
    shown = ", ".join(f"{value:g}" for value in found[:8]) + (", …" if len(found) > 8 else "")
    cause = f"has {len(found)} values ({shown}) where scheme '{scheme.name}' has {scheme.values}"
    hint = "Save masks as PNG with two values, or with label numbers; JPEG adds gray values."
    raise LabelError(cause, file=path, hint=hint)
