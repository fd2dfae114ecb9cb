"""Steps that change the grid: crops, pads and new voxel sizes.

Sizes and spacings are given as one number for every axis or as one number per axis. To add a step, see ``step.py``.
"""

from typing import Annotated, Literal, TypeVar

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from gliascope.errors import GeometryError
from gliascope.preprocess.contour import CropContour
from gliascope.preprocess.head import bounding_box
from gliascope.preprocess.moves import Window, Zoom
from gliascope.preprocess.step import Frame
from gliascope.settings import Settings

MAX_VOXELS = 2**28
"""Largest grid that a step may make; a larger one means a wrong spacing or size, not a head."""

AXIS_NAMES = "IJK"

Sizes = Annotated[tuple[PositiveInt, ...], Field(min_length=1, max_length=3)]
Indices = Annotated[tuple[NonNegativeInt, ...], Field(min_length=1, max_length=3)]
Spacings = Annotated[tuple[PositiveFloat, ...], Field(min_length=1, max_length=3)]

NumberT = TypeVar("NumberT", int, float)


class CropCenter(Settings):
    """Keep the middle of the grid; where the rest is odd, one voxel more is cut off at the end."""

    name: Literal["crop_center"] = "crop_center"
    size: Sizes
    """Voxels to keep, one number or one per axis."""

    @property
    def needs_head(self) -> bool:
        """False: the middle of the grid is meant, not of the head."""
        return False

    def apply(self, frame: Frame) -> Frame:
        """Cut out the middle.

        Raises:
            GeometryError: The image is smaller than ``size``.
        """
        size = _per_axis(self.size, frame.shape, self.name)
        _check_fits(size, frame.shape, self.name)
        start = tuple((have - keep) // 2 for have, keep in zip(frame.shape, size, strict=True))
        return frame.moved(Window(frame.shape, size, start))


class CropFixed(Settings):
    """Keep voxels ``start`` to ``stop`` (exclusive) of each axis, counted in RAS order."""

    name: Literal["crop_fixed"] = "crop_fixed"
    start: Indices
    """First voxel to keep, one number or one per axis."""
    stop: Sizes
    """First voxel after those to keep, one number or one per axis."""

    @model_validator(mode="after")
    def _check_order(self) -> "CropFixed":
        if len(self.start) != len(self.stop) or any(a >= b for a, b in zip(self.start, self.stop, strict=True)):
            raise ValueError(f"start {self.start} and stop {self.stop} do not enclose a box")
        return self

    @property
    def needs_head(self) -> bool:
        """False: the box is given."""
        return False

    def apply(self, frame: Frame) -> Frame:
        """Cut out the box.

        Raises:
            GeometryError: The box reaches beyond the image.
        """
        start = _per_axis(self.start, frame.shape, self.name)
        stop = _per_axis(self.stop, frame.shape, self.name)
        _check_fits(stop, frame.shape, self.name)
        size = tuple(b - a for a, b in zip(start, stop, strict=True))
        return frame.moved(Window(frame.shape, size, start))


class CropHead(Settings):
    """Keep the box around the head; where nothing stands out, the whole grid.

    The box grows to a size that the network accepts, inside the grid where there is room and beyond it (filled with
    0) where there is none.
    """

    name: Literal["crop_head"] = "crop_head"
    margin: NonNegativeInt = 2
    """Voxels to keep around the head on every side."""
    divisible_by: PositiveInt = 1
    """Every axis of the result is a multiple of this."""

    @property
    def needs_head(self) -> bool:
        """True."""
        return True

    def apply(self, frame: Frame) -> Frame:
        """Cut out the box."""
        starts, sizes = [], []
        head = frame.head if frame.head is not None and frame.head.any() else np.ones(frame.shape, dtype=np.bool_)
        for inside, length in zip(bounding_box(head), frame.shape, strict=True):
            first, stop = max(inside.start - self.margin, 0), min(inside.stop + self.margin, length)
            size = -(-(stop - first) // self.divisible_by) * self.divisible_by
            start = first - (size - (stop - first)) // 2
            # Shift a box that grew over a side back in; one that is larger than the grid goes around its middle.
            start = (length - size) // 2 if size > length else min(max(start, 0), length - size)
            starts.append(start)
            sizes.append(size)
        return frame.moved(Window(frame.shape, tuple(sizes), tuple(starts)))


class Pad(Settings):
    """Grow the grid on both sides, to a multiple of a number or to at least a size."""

    name: Literal["pad"] = "pad"
    multiple_of: PositiveInt | None = None
    """Every axis becomes a multiple of this."""
    size: Sizes | None = None
    """Axes with fewer voxels than this get them; one number or one per axis."""
    border: Literal["fill", "mirror"] = "fill"
    """What the new voxels show: ``fill``, or the image mirrored at its outermost voxels (references likewise)."""
    fill: float = 0.0
    """Value of the new voxels."""

    @model_validator(mode="after")
    def _check_one(self) -> "Pad":
        if (self.multiple_of is None) == (self.size is None):
            raise ValueError("name either multiple_of or size")
        return self

    @property
    def needs_head(self) -> bool:
        """False: the size of the grid decides."""
        return False

    def apply(self, frame: Frame) -> Frame:
        """Pad; where an odd number of voxels is added, one more comes at the end.

        Raises:
            GeometryError: The new grid would be too large, or ``size`` is for another number of axes.
        """
        if self.size is None:
            step = self.multiple_of or 1
            size = tuple(-(-length // step) * step for length in frame.shape)
        else:
            wanted = _per_axis(self.size, frame.shape, self.name)
            size = tuple(max(length, least) for length, least in zip(frame.shape, wanted, strict=True))
        _check_size(size, self.name)
        start = tuple(-((after - before) // 2) for before, after in zip(frame.shape, size, strict=True))
        return frame.moved(Window(frame.shape, size, start, mirrored=self.border == "mirror"), fill=self.fill)


class Resample(Settings):
    """Give the voxels a size in mm; the middle of the image stays where it is in space."""

    name: Literal["resample"] = "resample"
    spacing_mm: Spacings
    """Voxel size afterwards, one number or one per axis."""

    @property
    def needs_head(self) -> bool:
        """False: the spacing decides."""
        return False

    def apply(self, frame: Frame) -> Frame:
        """Interpolate onto the new voxels.

        Raises:
            GeometryError: The voxel size of the image is not known, or the new grid would be too large.
        """
        wanted = _per_axis(self.spacing_mm, frame.shape, self.name)
        if frame.spacing_mm is None:
            cause = f"resample to {self.spacing_mm} mm needs the voxel size, which is not known"
            raise GeometryError(cause, hint="Name it with --spacing.", code="E_SPACING")
        ratio = tuple(new / old for new, old in zip(wanted, frame.spacing_mm, strict=True))
        size = tuple(max(1, round(length / each)) for length, each in zip(frame.shape, ratio, strict=True))
        _check_size(size, self.name)
        return frame.moved(Zoom(frame.shape, size, ratio))


class Resize(Settings):
    """Give the grid a size in voxels; the field of view stays as it is."""

    name: Literal["resize"] = "resize"
    size: Sizes
    """Voxels afterwards, one number or one per axis."""

    @property
    def needs_head(self) -> bool:
        """False: the size decides."""
        return False

    def apply(self, frame: Frame) -> Frame:
        """Interpolate onto the new voxels.

        Raises:
            GeometryError: ``size`` is for another number of axes, or the new grid would be too large.
        """
        size = _per_axis(self.size, frame.shape, self.name)
        _check_size(size, self.name)
        ratio = tuple(before / after for before, after in zip(frame.shape, size, strict=True))
        return frame.moved(Zoom(frame.shape, size, ratio))


SpatialStep = CropCenter | CropContour | CropFixed | CropHead | Pad | Resample | Resize


def _per_axis(numbers: tuple[NumberT, ...], shape: tuple[int, ...], step: str) -> tuple[NumberT, ...]:
    """Give every axis its number."""
    if len(numbers) == 1:
        return numbers * len(shape)
    if len(numbers) == 3 and len(shape) == 2:
        cause = f"{step} names 3 axes, as of a volume, and one picture has 2: {shape}"
        hint = (
            "Give a volume or a stack of slices; in a recipe, one number or two (with per_slice an image has two axes)."
        )
        raise GeometryError(cause, hint=hint, code="E_AXES")
    if len(numbers) != len(shape):
        cause = f"{step} names {len(numbers)} axes, the image has {len(shape)}: {shape}"
        hint = "Give one number, or one per axis."
        raise GeometryError(cause, hint=hint, code="E_AXES")
    return numbers


def _check_fits(least: tuple[int, ...], shape: tuple[int, ...], step: str) -> None:
    for axis, need, have in zip(AXIS_NAMES, least, shape, strict=False):
        if need > have:
            cause = f"{step} needs {need} voxels along axis {axis}, the image has {have}"
            raise GeometryError(cause, hint=f"Put a pad step with size {need} before it.", code="E_TOO_SMALL")


def _check_size(size: tuple[int, ...], step: str) -> None:
    if np.prod(size, dtype=np.float64) > MAX_VOXELS:
        cause = f"{step} would make a grid of {size} voxels, more than {MAX_VOXELS} in all"
        raise GeometryError(cause, hint="Check the voxel size of the image.", code="E_LIMIT")
