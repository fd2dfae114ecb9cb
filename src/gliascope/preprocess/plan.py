"""The ordered, invertible preparation of a scan for a network, saved with the model.

A ``Plan`` names the channels and lists the steps; ``apply`` returns the network's input with the trace of what was
done, and the trace leads labels the same way and probabilities back. How to add a step: see ``step.py``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from gliascope.errors import GeometryError, Notice
from gliascope.preprocess.contour import CropContour
from gliascope.preprocess.head import head_mask
from gliascope.preprocess.inside import Inside
from gliascope.preprocess.intensity import FixedRange, IntensityStep, MinMax, Replicate, ZScore
from gliascope.preprocess.moves import Move, Window
from gliascope.preprocess.spatial import SpatialStep
from gliascope.preprocess.step import Frame
from gliascope.scan import Grid, Scan
from gliascope.settings import Settings

Step = Annotated[IntensityStep | SpatialStep, Field(discriminator="name")]
"""Every step; the ``name`` in a recipe selects it."""

COLOR_SHARE = 0.1
"""Where red, green and blue differ by more than this share of the brightness, a picture is colored."""

LUMINANCE = {"red": 0.299, "green": 0.587, "blue": 0.114}
"""How bright each color looks (ITU-R BT.601); how a color picture becomes gray."""


@dataclass(frozen=True)
class Trace:
    """What a plan did to one scan.

    Args:
        shape: Voxels per axis of the scan.
        runs: The moves in order: one run for the whole image, or one per slice.
        per_slice: True where every slice has its own run.
    """

    shape: tuple[int, ...]
    runs: tuple[tuple[Move, ...], ...]
    per_slice: bool

    @property
    def prepared_shape(self) -> tuple[int, ...]:
        """Voxels per axis of the prepared image."""
        first = self.runs[0]
        inner = first[-1].after if first else self.shape[:2] if self.per_slice else self.shape
        return (*inner, len(self.runs)) if self.per_slice else inner


@dataclass(frozen=True, eq=False)
class Prepared:
    """A scan as the network gets it.

    Args:
        array: Float32, shape ``(C, I, J, K)`` or ``(C, I, J)``.
        spacing_mm: Voxel size in mm after the plan, or None where unknown.
        trace: The way back.
        notices: What the reader and the plan noticed.
    """

    array: NDArray[np.float32]
    spacing_mm: tuple[float, ...] | None
    trace: Trace
    notices: tuple[Notice, ...] = ()


class Plan(Settings):
    """Which channels a network gets, and what is done to them, in order.

    Example:
        >>> from gliascope.preprocess.intensity import MinMax
        >>> from gliascope.preprocess.spatial import Pad
        >>> plan = Plan(channels=("t2f",), steps=(MinMax(), Pad(multiple_of=4)))
        >>> scan = Scan(np.arange(12, dtype=np.float32).reshape(1, 4, 3), ("t2f",), Grid((4, 3)))
        >>> prepared = plan.apply(scan)
        >>> prepared.array.shape, plan.invert(prepared.array, prepared.trace).shape
        ((1, 4, 4), (1, 4, 3))
    """

    channels: tuple[str, ...] = Field(min_length=1)
    """The network's channels by name, in its order. ``gray`` also takes color pictures, and one contrast."""
    steps: tuple[Step, ...] = ()
    """What is done, in order."""
    per_slice: bool = False
    """Every axial slice goes through the steps alone (2-D networks on volumes and stacks)."""
    gray_as_all: bool = False
    """A picture that has none of the channels but is gray, or becomes so by its luminance, stands for each of them."""
    optional: tuple[str, ...] = ()
    """Channels that a scan may lack: each is 0 in the prepared image then. One of the plan's channels must be there."""

    @field_validator("channels")
    @classmethod
    def _check_channels(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(channels)) != len(channels):
            raise ValueError(f"a channel is named twice in {channels}")
        return channels

    @model_validator(mode="after")
    def _check_optional(self) -> "Plan":
        if self.optional and self.in_channels != len(self.channels):
            raise ValueError("a plan that replicates its channel has no optional ones")
        unknown = [name for name in self.optional if name not in self.channels]
        if unknown:
            raise ValueError(f"optional channel '{unknown[0]}' is none of the plan's: {', '.join(self.channels)}")
        return self

    @field_validator("steps")
    @classmethod
    def _check_contour(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        scaled = None
        for step in steps:
            if isinstance(step, CropContour) and scaled is not None:
                raise ValueError(f"crop_contour needs the values of 8-bit pictures: put it before {scaled.name}")
            scaled = step if isinstance(step, MinMax | ZScore | FixedRange) else scaled
        return steps

    @property
    def in_channels(self) -> int:
        """Channels that the network gets."""
        repeats = [step.channels for step in self.steps if isinstance(step, Replicate)]
        return repeats[-1] if repeats else len(self.channels)

    def apply(self, scan: Scan) -> Prepared:
        """Prepare a scan.

        Raises:
            GeometryError: A channel is missing, a step does not fit the image (its number of axes, its size, a
                spacing that is not known), or slices leave the steps in different sizes.
        """
        array, notices = self._selected(scan)
        shape = scan.grid.shape
        if not (self.per_slice and scan.is_volume):
            frame = self._run(array, _spacing(scan.grid, len(shape)))
            trace = Trace(shape, (frame.moves,), per_slice=False)
            return Prepared(self._blank(frame.array, scan), frame.spacing_mm, trace, notices)
        in_plane = _spacing(scan.grid, 2)
        frames = [self._run(np.ascontiguousarray(array[..., k]), in_plane) for k in range(shape[2])]
        _check_same_shape(frames)
        stacked = np.stack([frame.array for frame in frames], axis=-1)
        spacing_mm = _stacked_spacing(frames[0].spacing_mm, _spacing(scan.grid, len(shape)))
        trace = Trace(shape, tuple(frame.moves for frame in frames), per_slice=True)
        return Prepared(self._blank(stacked, scan), spacing_mm, trace, notices)

    def apply_labels(self, labels: NDArray[np.uint8], trace: Trace) -> NDArray[np.uint8]:
        """Lead label numbers of shape ``(*S)`` the same way as the scan (nearest voxel; outside: 0).

        Raises:
            GeometryError: The labels do not have the shape of the scan.
        """
        if labels.shape != trace.shape:
            raise GeometryError(f"labels of shape {labels.shape} for a scan of {trace.shape}", code="E_GRID")
        return _replay(labels, trace, _lead_labels)

    def invert(self, probabilities: NDArray[np.float32], trace: Trace) -> NDArray[np.float32]:
        """Lead probabilities of shape ``(K, *S')`` back to the scan, shape ``(K, *S)``.

        What a crop cut off comes back as 0; new voxel sizes are undone by linear interpolation.

        Raises:
            GeometryError: The probabilities do not have the shape of the prepared image.
        """
        return self.invert_inside(probabilities, trace).whole()

    def invert_inside(self, probabilities: NDArray[np.float32], trace: Trace) -> Inside:
        """Lead probabilities back like ``invert``, but only to the box that the first crop kept.

        Raises:
            GeometryError: The probabilities do not have the shape of the prepared image.
        """
        if probabilities.shape[1:] != trace.prepared_shape:
            cause = f"probabilities of shape {probabilities.shape[1:]} for an image of {trace.prepared_shape}"
            raise GeometryError(cause, code="E_GRID")
        first = trace.runs[0][0] if trace.runs[0] and not trace.per_slice else None
        if not isinstance(first, Window):
            return Inside.everywhere(_replay(probabilities, trace, _lead_back))
        box = first.kept
        cropped = _lead_back(probabilities, trace.runs[0][1:])
        seen = tuple(slice(b.start - s, b.stop - s) for b, s in zip(box, first.start, strict=True))
        return Inside(cropped[(slice(None), *seen)], box, trace.shape, (0.0,) * len(cropped))

    def _selected(self, scan: Scan) -> tuple[NDArray[np.float32], tuple[Notice, ...]]:
        """Return the plan's channels; the scan's own array where it holds just these."""
        for_all = self.gray_as_all and not set(self.channels) & set(scan.channels)
        if for_all and "gray" in scan.channels:
            return np.repeat(scan.select(("gray",)).array, len(self.channels), axis=0), scan.notices
        if (for_all or self.channels == ("gray",)) and _is_color_picture(scan):
            colors = scan.select(tuple(LUMINANCE)).array
            weights = np.array(tuple(LUMINANCE.values()), dtype=np.float32)
            gray = np.tensordot(weights, colors, axes=1)[None]
            return np.repeat(gray, len(self.channels), axis=0), (*scan.notices, *_look_at_colors(colors))
        if self.channels == ("gray",) and len(scan.channels) == 1 and not scan.is_volume:
            return scan.array.astype(np.float32, copy=False), scan.notices  # a picture of one contrast is gray
        if missing := self._missing(scan):
            filled = np.zeros((len(self.channels), *scan.grid.shape), dtype=np.float32)
            there = tuple(name for name in self.channels if name not in missing)
            filled[[self.channels.index(name) for name in there]] = scan.select(there).array
            return filled, scan.notices
        picked = scan if scan.channels == self.channels else scan.select(self.channels)
        return picked.array.astype(np.float32, copy=False), scan.notices

    def _missing(self, scan: Scan) -> tuple[str, ...]:
        """Return the channels that the scan lacks and may lack; none where one that it needs is missing."""
        lacking = tuple(name for name in self.channels if name not in scan.channels)
        return lacking if set(lacking) <= set(self.optional) and len(lacking) < len(self.channels) else ()

    def _blank(self, prepared: NDArray[np.float32], scan: Scan) -> NDArray[np.float32]:
        """Set what stands for missing channels to 0, whatever the steps made of it, in place."""
        prepared[[self.channels.index(name) for name in self._missing(scan)]] = 0.0
        return prepared

    def _run(self, array: NDArray[np.float32], spacing_mm: tuple[float, ...] | None) -> Frame:
        """Run the steps; the array belongs to the scan and is copied before anyone writes into it."""
        head = head_mask(array) if any(step.needs_head for step in self.steps) else None
        frame = Frame(array, spacing_mm, head)
        for step in self.steps:
            # A crop that comes first has left the scan behind, and only the head needs to be copied.
            frame = step.apply(frame if isinstance(step, SpatialStep) else _own(frame, array))
        return _own(frame, array)


def _is_color_picture(scan: Scan) -> bool:
    """True where there are colors and no gray channel beside them."""
    return "gray" not in scan.channels and set(LUMINANCE) <= set(scan.channels)


def _look_at_colors(colors: NDArray[np.float32]) -> tuple[Notice, ...]:
    """Notice what was done to colors, and whether there are any: MRI is gray, a photo is not."""
    notices = (Notice("W_GRAY", "", "A color picture was read as gray, by its luminance."),)
    brightest = colors.max(axis=0)
    if float((brightest - colors.min(axis=0)).sum()) <= COLOR_SHARE * float(brightest.sum()):
        return notices
    text = "The picture is colored, so it does not look like MRI; the answer may mean nothing."
    return (*notices, Notice("W_COLORED", "", text))


def _own(frame: Frame, array: NDArray[np.float32]) -> Frame:
    """Return the frame with an array that is not the given one."""
    return replace(frame, array=frame.array.copy()) if np.may_share_memory(frame.array, array) else frame


def _spacing(grid: Grid, axes: int) -> tuple[float, ...] | None:
    """Voxel size of the first ``axes`` axes; None where one of them is not known."""
    spacing_mm = grid.spacing_mm
    return None if spacing_mm is None or len(spacing_mm) < axes else spacing_mm[:axes]


def _stacked_spacing(
    in_plane: tuple[float, ...] | None, scan_spacing: tuple[float, ...] | None
) -> tuple[float, ...] | None:
    """Voxel size of prepared slices once they are stacked again."""
    return None if in_plane is None or scan_spacing is None else (*in_plane, scan_spacing[-1])


def _check_same_shape(frames: list[Frame]) -> None:
    shapes = sorted({frame.shape for frame in frames})
    if len(shapes) > 1:
        cause = f"the slices leave the plan in {len(shapes)} sizes, from {shapes[0]} to {shapes[-1]}"
        raise GeometryError(
            cause, hint="End the plan with a resize step, or crop the volume as a whole.", code="E_SIZE"
        )


def _replay(
    array: NDArray[Any], trace: Trace, lead: Callable[[NDArray[Any], tuple[Move, ...]], NDArray[Any]]
) -> NDArray[Any]:
    """Lead an array ``(..., *S)`` along the trace, slice by slice where the plan went so."""
    if not trace.per_slice:
        return lead(array, trace.runs[0])
    if all(moves == trace.runs[0] for moves in trace.runs):
        # Moves act on the last axes, so slices that went the same way go back together.
        return np.ascontiguousarray(np.moveaxis(lead(np.moveaxis(array, -1, 0), trace.runs[0]), 0, -1))
    return np.stack([lead(array[..., k], moves) for k, moves in enumerate(trace.runs)], axis=-1)


def _lead_labels(labels: NDArray[Any], moves: tuple[Move, ...]) -> NDArray[Any]:
    for move in moves:
        labels = move.labels(labels)
    return labels


def _lead_back(probabilities: NDArray[Any], moves: tuple[Move, ...]) -> NDArray[Any]:
    for move in reversed(moves):
        probabilities = move.inverse().image(probabilities)
    return probabilities
