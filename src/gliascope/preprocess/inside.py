"""Values in a box of a scan, while all voxels outside of it have the same: what leading back a crop leaves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Inside:
    """Maps that vary in a box only.

    Args:
        values: Shape ``(K, *B)``.
        box: Where ``B`` lies in the scan, one slice per axis.
        shape: Voxels per axis of the scan, ``S``.
        empty: The K values of every voxel outside the box.

    Example:
        >>> part = Inside(np.ones((1, 2)), (slice(1, 3),), (4,), (0.0,))
        >>> part.whole()
        array([[0., 1., 1., 0.]])
    """

    values: NDArray[Any]
    box: tuple[slice, ...]
    shape: tuple[int, ...]
    empty: Sequence[float]

    @classmethod
    def everywhere(cls, values: NDArray[Any]) -> "Inside":
        """Return maps of shape ``(K, *S)`` whose box is the scan."""
        shape = values.shape[1:]
        return cls(values, tuple(slice(0, size) for size in shape), shape, (0.0,) * len(values))

    def half_turned(self) -> "Inside":
        """Return maps of a volume with every axial slice turned by half; see ``Scan.half_turned``.

        Example:
            >>> part = Inside(np.array([[[[1], [2]]]]), (slice(0, 1), slice(0, 2), slice(0, 1)), (3, 2, 1), (0.0,))
            >>> part.half_turned().whole()[0, :, :, 0].tolist()
            [[0, 0], [0, 0], [2, 1]]
        """
        turned = [slice(n - part.stop, n - part.start) for part, n in zip(self.box[:2], self.shape[:2], strict=True)]
        return replace(self, values=np.ascontiguousarray(self.values[:, ::-1, ::-1]), box=(*turned, *self.box[2:]))

    def whole(self) -> NDArray[Any]:
        """Return the maps over the whole scan, ``(K, *S)``; the values themselves where the box is the scan."""
        if self.values.shape[1:] == self.shape:
            return self.values
        maps = np.zeros((len(self.values), *self.shape), dtype=self.values.dtype)
        for own, nothing in zip(maps, self.empty, strict=True):
            if nothing:
                own.fill(nothing)
        maps[(slice(None), *self.box)] = self.values
        return maps
