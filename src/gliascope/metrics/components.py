"""Connected parts of masks, and which of them lie near one another."""

from collections.abc import Iterable

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gliascope.metrics.surface import BoolArray

Labels = NDArray[np.unsignedinteger]
Box = tuple[slice, ...]


def connected(mask: BoolArray) -> Labels:
    """Number the connected parts of a mask from 1; voxels that share a face, edge or corner belong together.

    Args:
        mask: Boolean, 3-D (26 neighbors) or 2-D (8 neighbors).

    Returns:
        The number of each voxel's part, 0 outside, shape as ``mask``.

    Example:
        >>> connected(np.array([[True, False, False], [False, True, False]])).tolist()
        [[1, 0, 0], [0, 1, 0]]
    """
    if not mask.any():
        return np.zeros(mask.shape, dtype=np.uint32)
    labels: Labels = cc3d.connected_components(np.ascontiguousarray(mask), connectivity=26 if mask.ndim == 3 else 8)
    return labels


def connected_by_faces(mask: BoolArray) -> Labels:
    """Number the connected parts of a mask from 1; only voxels that share a face (in 2-D an edge) belong together."""
    labels: Labels = ndimage.label(mask)[0].astype(np.uint32)
    return labels


def boxes(labels: Labels) -> list[Box]:
    """Return the smallest box around each numbered part, the first part first."""
    return list(ndimage.find_objects(labels.astype(np.int64))) if labels.size else []


def dilated(mask: BoolArray, steps: int) -> BoolArray:
    """Grow a mask by its face and edge neighbors (18 of 26; all 8 in 2-D), ``steps`` times, inside the array."""
    grown: BoolArray = ndimage.binary_dilation(mask, ndimage.generate_binary_structure(mask.ndim, 2), iterations=steps)
    return grown


def grown_box(box: Box, steps: int, shape: tuple[int, ...]) -> Box:
    """Return a box with ``steps`` more voxels on each side, as far as the array reaches."""
    return tuple(slice(max(s.start - steps, 0), min(s.stop + steps, n)) for s, n in zip(box, shape, strict=True))


def joined_box(several: Iterable[Box]) -> Box:
    """Return the smallest box around several."""
    axes = zip(*several, strict=True)
    return tuple(slice(min(s.start for s in axis), max(s.stop for s in axis)) for axis in axes)
