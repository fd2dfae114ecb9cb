"""Which axial slices of a volume a 2-D network is trained on."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from gliascope.errors import ConfigError
from gliascope.settings import Settings


class SliceSettings(Settings):
    """A range, a stride and a least share of tumor; the defaults keep every slice."""

    central_fraction: float = Field(default=1.0, gt=0.0, le=1.0)
    """Share of the slices to keep around the middle one; 0.5 keeps 39…115 of 155."""
    first: NonNegativeInt = 0
    """First slice to keep."""
    last: NonNegativeInt | None = None
    """Last slice to keep; None: to the end."""
    stride: PositiveInt = 1
    """Keep every n-th of what is left, from its first."""
    minimum_tumor_share: float = Field(default=0.0, ge=0.0, le=1.0)
    """Keep slices with at least this share of labeled voxels; needs the reference."""

    @model_validator(mode="after")
    def _check_range(self) -> "SliceSettings":
        if self.last is not None and self.last < self.first:
            raise ValueError(f"last {self.last} lies before first {self.first}")
        return self


def select_slices(count: int, labels: NDArray[np.uint8] | None, settings: SliceSettings) -> tuple[int, ...]:
    """Choose slices.

    Args:
        count: Slices of the volume.
        labels: Label numbers, shape ``(I, J, K)`` with ``K = count``, or None.
        settings: What to keep. The stride counts before the share of tumor is looked at.

    Returns:
        Indices along K, rising; possibly none.

    Raises:
        ConfigError: A share of tumor is asked for and there are no labels.

    Example:
        >>> kept = select_slices(155, None, SliceSettings(central_fraction=0.5))
        >>> kept[0], kept[-1], len(kept)
        (39, 115, 77)
    """
    width = max(1, int(count * settings.central_fraction))
    start = (count - width) // 2
    first = max(start, settings.first)
    last = min(start + width, count) - 1
    if settings.last is not None:
        last = min(last, settings.last)
    chosen = range(first, last + 1, settings.stride)
    if settings.minimum_tumor_share == 0.0:
        return tuple(chosen)
    if labels is None:
        hint = "Use a data set with reference masks, or set minimum_tumor_share to 0."
        raise ConfigError("minimum_tumor_share needs a reference, and there is none", hint=hint)
    shares = np.count_nonzero(labels, axis=(0, 1)) / (labels.shape[0] * labels.shape[1])
    return tuple(k for k in chosen if shares[k] >= settings.minimum_tumor_share)
