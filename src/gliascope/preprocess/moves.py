"""The two ways in which preprocessing changes a grid, each with its way back.

A ``Window`` cuts a box out of a grid or reaches beyond it; a ``Zoom`` changes the voxel size. Crops and pads are
windows, resizing and resampling are zooms; a step decides on the numbers and keeps the move. Every move acts on the
*last* axes of an array, so channels, classes and slices may stand in front.
"""

from dataclasses import dataclass
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import NDArray

IDENTITY_RATIO = 1e-6
"""Voxel sizes that differ by less than this share are the same."""


@dataclass(frozen=True)
class Window:
    """A box of ``after`` voxels whose first voxel is ``start`` of the old grid.

    ``start`` may be negative and the box may end beyond the old grid: that part is filled.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    start: tuple[int, ...]

    def image(self, array: NDArray[Any], *, fill: float = 0.0) -> NDArray[Any]:
        """Move an array of shape ``(..., *before)`` to ``(..., *after)``; a new array unless nothing changes."""
        if self.before == self.after and not any(self.start):
            return array
        lead = array.shape[: array.ndim - len(self.before)]
        source: list[slice | EllipsisType] = [...]
        target: list[slice | EllipsisType] = [...]
        for start, before, after in zip(self.start, self.before, self.after, strict=True):
            first, last = max(start, 0), min(start + after, before)
            source.append(slice(first, max(first, last)))
            target.append(slice(first - start, max(first, last) - start))
        moved = np.full((*lead, *self.after), fill, dtype=array.dtype)
        moved[tuple(target)] = array[tuple(source)]
        return moved

    def labels(self, array: NDArray[Any]) -> NDArray[Any]:
        """Move label numbers or a mask; what lies outside is background."""
        return self.image(array)

    def inverse(self) -> "Window":
        """Return the move back: what was cut off comes back as zeros."""
        return Window(self.after, self.before, tuple(-start for start in self.start))

    def spacing(self, spacing_mm: tuple[float, ...]) -> tuple[float, ...]:
        """Return the voxel size after the move."""
        return spacing_mm


@dataclass(frozen=True)
class Zoom:
    """A grid of ``after`` voxels about the same center, each ``ratio`` old voxels wide.

    Output voxel ``j`` lies at ``(j - (after - 1) / 2) * ratio + (before - 1) / 2`` of the old grid, so the middle of
    the image stays in place and a ratio of ``before / after`` keeps the field of view.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    ratio: tuple[float, ...]

    def image(self, array: NDArray[Any], *, fill: float = 0.0) -> NDArray[np.float32]:
        """Interpolate an array of shape ``(..., *before)`` to ``(..., *after)``, axis by axis.

        Linear where the voxels become smaller; where they become larger, the linear kernel widens with them, so
        that fine detail is averaged and not aliased. Beyond the edge the edge value goes on (``fill`` is not used).
        """
        del fill
        moved = np.asarray(array, dtype=np.float32)
        for number in range(len(self.before)):
            if self._keeps(number):
                continue
            axis = array.ndim - len(self.before) + number
            product = np.tensordot(self._weights(number), moved, axes=(1, axis))
            moved = np.ascontiguousarray(np.moveaxis(product, 0, axis))
        return moved

    def labels(self, array: NDArray[Any]) -> NDArray[Any]:
        """Take the nearest old voxel for each new one."""
        moved = array
        for number in range(len(self.before)):
            if not self._keeps(number):
                nearest = np.floor(self._positions(number) + 0.5).astype(np.intp)
                moved = np.take(moved, nearest, axis=array.ndim - len(self.before) + number)
        return moved

    def inverse(self) -> "Zoom":
        """Return the move back to the old grid."""
        return Zoom(self.after, self.before, tuple(1.0 / ratio for ratio in self.ratio))

    def spacing(self, spacing_mm: tuple[float, ...]) -> tuple[float, ...]:
        """Return the voxel size after the move."""
        return tuple(size * ratio for size, ratio in zip(spacing_mm, self.ratio, strict=True))

    def _keeps(self, number: int) -> bool:
        return self.before[number] == self.after[number] and abs(self.ratio[number] - 1.0) < IDENTITY_RATIO

    def _positions(self, number: int) -> NDArray[np.float64]:
        """Old coordinates of the new voxels of one axis, kept inside the old grid."""
        before, after, ratio = self.before[number], self.after[number], self.ratio[number]
        centered = np.arange(after, dtype=np.float64) - (after - 1) / 2
        return np.clip(centered * ratio + (before - 1) / 2, 0, before - 1)

    def _weights(self, number: int) -> NDArray[np.float32]:
        """Share of every old voxel in every new one, shape ``(after, before)``; rows add up to 1."""
        width = max(self.ratio[number], 1.0)
        distance = np.abs(self._positions(number)[:, None] - np.arange(self.before[number]))
        weights = np.maximum(0.0, 1.0 - distance / width)
        shares: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
        return shares.astype(np.float32)


Move = Window | Zoom
