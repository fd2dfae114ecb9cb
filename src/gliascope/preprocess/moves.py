"""The two ways in which preprocessing changes a grid, each with its way back.

A ``Window`` cuts a box out of a grid or reaches beyond it; a ``Zoom`` changes the voxel size. Crops and pads are
windows, resizing and resampling are zooms; a step decides on the numbers and keeps the move. Every move acts on the
*last* axes of an array, so channels, classes and slices may stand in front.
"""

from dataclasses import dataclass
from functools import lru_cache
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 2048
"""Columns that are interpolated at once."""

IDENTITY_RATIO = 1e-6
"""Voxel sizes that differ by less than this share are the same."""


@dataclass(frozen=True)
class Window:
    """A box of ``after`` voxels whose first voxel is ``start`` of the old grid.

    ``start`` may be negative and the box may end beyond the old grid: that part is filled, or where ``mirrored`` goes
    on with what lies inside, reflected at the outermost voxels.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    start: tuple[int, ...]
    mirrored: bool = False

    @property
    def kept(self) -> tuple[slice, ...]:
        """The part of the old grid that the box holds, one slice per axis; empty where they do not meet."""
        firsts = [max(start, 0) for start in self.start]
        ends = [min(start + after, n) for start, after, n in zip(self.start, self.after, self.before, strict=True)]
        return tuple(slice(first, max(first, end)) for first, end in zip(firsts, ends, strict=True))

    def image(self, array: NDArray[Any], *, fill: float = 0.0) -> NDArray[Any]:
        """Move an array of shape ``(..., *before)`` to ``(..., *after)``; a new array unless nothing changes."""
        if self.before == self.after and not any(self.start):
            return array
        lead = array.shape[: array.ndim - len(self.before)]
        if self.mirrored:
            places = [
                _reflected(np.arange(start, start + after), before)
                for start, before, after in zip(self.start, self.before, self.after, strict=True)
            ]
            inside: tuple[Any, ...] = (..., *np.ix_(*places))
            return np.asarray(array[inside])
        source: list[slice | EllipsisType] = [..., *self.kept]
        target: list[slice | EllipsisType] = [
            ...,
            *(slice(part.start - start, part.stop - start) for part, start in zip(self.kept, self.start, strict=True)),
        ]
        moved = np.full((*lead, *self.after), fill, dtype=array.dtype)
        moved[tuple(target)] = array[tuple(source)]
        return moved

    def labels(self, array: NDArray[Any]) -> NDArray[Any]:
        """Move label numbers or a mask; what lies outside is background, unless it is mirrored."""
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
        for number, (before, after, ratio) in enumerate(zip(self.before, self.after, self.ratio, strict=True)):
            if not self._keeps(number):
                axis = array.ndim - len(self.before) + number
                front = np.moveaxis(moved, axis, 0)
                rows = _interpolated(front.reshape(before, -1), *_taps(before, after, ratio))
                moved = np.moveaxis(rows.reshape(after, *front.shape[1:]), 0, axis)
        return np.ascontiguousarray(moved)

    def labels(self, array: NDArray[Any]) -> NDArray[Any]:
        """Take the nearest old voxel for each new one."""
        moved = array
        for number in range(len(self.before)):
            if not self._keeps(number):
                positions = _positions(self.before[number], self.after[number], self.ratio[number])
                nearest = np.floor(positions + 0.5).astype(np.intp)
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


Move = Window | Zoom


def _reflected(places: NDArray[np.int_], length: int) -> NDArray[np.int_]:
    """Return where along an axis the voxels at ``places`` are taken from, reflected at both ends as often as needed."""
    period = max(2 * (length - 1), 1)
    turned = np.abs(places) % period
    return np.minimum(turned, period - turned) if length > 1 else np.zeros_like(places)


def _positions(before: int, after: int, ratio: float) -> NDArray[np.float64]:
    """Old coordinates of the new voxels of one axis, kept inside the old grid."""
    centered = np.arange(after, dtype=np.float64) - (after - 1) / 2
    return np.clip(centered * ratio + (before - 1) / 2, 0, before - 1)


@lru_cache(maxsize=64)
def _taps(before: int, after: int, ratio: float) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return which old voxels each new one is made of, and their shares, both ``(after, taps)``; shares add up to 1."""
    positions, reach = _positions(before, after, ratio), max(ratio, 1.0)
    first = np.maximum(np.floor(positions - reach).astype(np.intp) + 1, 0)
    last = np.minimum(np.ceil(positions + reach).astype(np.intp) - 1, before - 1)
    places = first[:, None] + np.arange(int((last - first).max()) + 1)
    shares = np.maximum(0.0, 1.0 - np.abs(positions[:, None] - places) / reach) * (places < before)
    shares /= shares.sum(axis=1, keepdims=True)
    return np.minimum(places, before - 1), shares.astype(np.float32)


def _interpolated(
    rows: NDArray[np.float32], places: NDArray[np.intp], shares: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return weighted sums of rows, ``(after, N)`` from ``(before, N)``; a few columns at a time stay in the cache."""
    made = np.empty((len(places), rows.shape[1]), np.float32)
    for start in range(0, rows.shape[1], BLOCK):
        part, out = rows[:, start : start + BLOCK], made[:, start : start + BLOCK]
        np.multiply(part[places[:, 0]], shares[:, :1], out=out)
        for tap in range(1, places.shape[1]):
            taken = part[places[:, tap]]
            taken *= shares[:, tap : tap + 1]
            out += taken
    return made
