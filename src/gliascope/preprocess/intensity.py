"""Steps that change values, channel by channel; the grid stays as it is.

To add one, see ``step.py``.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from gliascope.errors import GeometryError
from gliascope.preprocess.step import Frame
from gliascope.settings import Settings

Within = Literal["image", "head"]
"""Which voxels a statistic is taken from."""


class MinMax(Settings):
    """Bring each channel to 0…1 by its own smallest and largest value; a constant channel becomes 0."""

    name: Literal["min_max"] = "min_max"
    within: Within = "image"
    """``image``: all voxels. ``head``: those of the head; the voxels outside become 0."""
    epsilon: NonNegativeFloat = 0.0
    """Added to the range before dividing by it."""

    @property
    def needs_head(self) -> bool:
        """True where the statistics come from the head."""
        return self.within == "head"

    def apply(self, frame: Frame) -> Frame:
        """Rescale in place."""
        for channel in frame.array:
            values = _values(channel, frame.head, self.within)
            low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
            scale = high - low + self.epsilon
            _standardize(channel, frame.head, self.within, shift=low, scale=scale if high > low else 0.0)
        return frame


class ZScore(Settings):
    """Bring each channel to mean 0 and standard deviation 1; a constant channel becomes 0."""

    name: Literal["z_score"] = "z_score"
    within: Within = "image"
    """``image``: all voxels. ``head``: those of the head; the voxels outside become 0."""

    @property
    def needs_head(self) -> bool:
        """True where the statistics come from the head."""
        return self.within == "head"

    def apply(self, frame: Frame) -> Frame:
        """Standardize in place."""
        for channel in frame.array:
            values = _values(channel, frame.head, self.within)
            varies = values.size > 0 and float(values.min()) < float(values.max())
            mean, deviation = _mean_and_deviation(values) if varies else (0.0, 0.0)
            _standardize(channel, frame.head, self.within, shift=mean, scale=deviation)
        return frame


class ClipPercentile(Settings):
    """Limit each channel to two of its percentiles, so that a few extreme voxels do not set the range."""

    name: Literal["clip_percentile"] = "clip_percentile"
    within: Within = "image"
    """``image``: all voxels. ``head``: percentiles of the head; only its voxels are limited."""
    lower: float = Field(default=0.5, ge=0.0, le=100.0)
    """Lower percentile, 0…100."""
    upper: float = Field(default=99.5, ge=0.0, le=100.0)
    """Upper percentile, 0…100."""

    @model_validator(mode="after")
    def _check_order(self) -> "ClipPercentile":
        if self.lower >= self.upper:
            raise ValueError(f"lower {self.lower:g} is not below upper {self.upper:g}")
        return self

    @property
    def needs_head(self) -> bool:
        """True where the statistics come from the head."""
        return self.within == "head"

    def apply(self, frame: Frame) -> Frame:
        """Clip in place."""
        for channel in frame.array:
            values = _values(channel, frame.head, self.within)
            if not values.size:
                continue
            low, high = np.percentile(values, (self.lower, self.upper))
            if self.within == "image":
                np.clip(channel, low, high, out=channel)
            else:
                channel[frame.head] = np.clip(values, low, high)
        return frame


class FixedRange(Settings):
    """Bring a range known beforehand to 0…1 (8-bit pictures: 0…255); values outside are not clipped."""

    name: Literal["fixed_range"] = "fixed_range"
    minimum: float = 0.0
    """The value that becomes 0."""
    maximum: float = 255.0
    """The value that becomes 1."""

    @model_validator(mode="after")
    def _check_order(self) -> "FixedRange":
        if self.minimum >= self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is not below maximum {self.maximum:g}")
        return self

    @property
    def needs_head(self) -> bool:
        """False: no statistic is taken."""
        return False

    def apply(self, frame: Frame) -> Frame:
        """Rescale in place."""
        array = frame.array
        array -= np.float32(self.minimum)
        array /= np.float32(self.maximum - self.minimum)
        return frame


class Replicate(Settings):
    """Repeat the only channel, for networks that were made for three."""

    name: Literal["replicate"] = "replicate"
    channels: PositiveInt = 3
    """Channels afterwards."""

    @property
    def needs_head(self) -> bool:
        """False: no statistic is taken."""
        return False

    def apply(self, frame: Frame) -> Frame:
        """Repeat the channel.

        Raises:
            GeometryError: There is more than one channel.
        """
        if len(frame.array) != 1:
            cause = f"replicate needs one channel, got {len(frame.array)}"
            raise GeometryError(cause, hint="Name one channel in the plan.", code="E_CHANNEL")
        return Frame(np.repeat(frame.array, self.channels, axis=0), frame.spacing_mm, frame.head, frame.moves)


IntensityStep = MinMax | ZScore | ClipPercentile | FixedRange | Replicate


def _values(channel: NDArray[np.float32], head: NDArray[np.bool_] | None, within: Within) -> NDArray[np.float32]:
    """Return the voxels that a statistic is taken from, as one axis."""
    return channel.ravel() if within == "image" or head is None else channel[head]


def _mean_and_deviation(values: NDArray[np.float32]) -> tuple[float, float]:
    """In float64: nine million float32 values do not add up otherwise."""
    return float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))


def _standardize(
    channel: NDArray[np.float32], head: NDArray[np.bool_] | None, within: Within, *, shift: float, scale: float
) -> None:
    """Subtract and divide in place; a scale of 0 (a constant channel) gives 0, and so does the outside of the head."""
    if np.float32(scale) == 0.0:
        channel.fill(0.0)
        return
    channel -= np.float32(shift)
    channel /= np.float32(scale)
    if within == "head" and head is not None:
        channel[~head] = 0.0
