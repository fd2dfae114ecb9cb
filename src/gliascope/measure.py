"""How large the tumor is: voxels, volume and longest diameter of every region of a label map."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gliascope.scan import LabelMap


@dataclass(frozen=True)
class RegionMeasure:
    """The size of one region.

    Args:
        voxels: Number of voxels, or of pixels in a picture.
        volume_ml: Volume in ml; None where the size of the voxels is not known, and for a single picture.
        max_diameter_mm: Longest distance in mm between the centers of two of its voxels in one axial slice; 0 for an
            empty region, None where the size of the pixels is not known.
    """

    voxels: int
    volume_ml: float | None
    max_diameter_mm: float | None

    def as_json(self) -> dict[str, float | int | None]:
        """Return the ``regions`` entry of ``prediction.json``."""
        return {"volume_ml": self.volume_ml, "voxels": self.voxels, "max_diameter_mm": self.max_diameter_mm}


def measure(label_map: LabelMap, regions: Sequence[str] = ()) -> dict[str, RegionMeasure]:
    """Measure regions of a label map; none named: all of its scheme.

    The diameter is exact, lies in an axial slice and runs from voxel center to voxel center; parts of a region that
    do not touch count as one, so a second lesion in the slice lengthens it.

    Returns:
        One entry per region, as named, or outermost first; empty regions included.

    Raises:
        LabelError: The scheme cannot express a region.
    """
    box = _tumor_box(label_map.array)
    labels, grid = label_map.array[box], label_map.grid
    in_plane = None if grid.spacing_mm is None or len(grid.spacing_mm) < 2 else grid.spacing_mm[:2]
    results = {}
    for name in regions or label_map.scheme.regions:
        mask = np.isin(labels, label_map.scheme.region_values(name))
        voxels = int(np.count_nonzero(mask))
        volume_ml = None if grid.voxel_ml is None else voxels * grid.voxel_ml
        diameter_mm = None if in_plane is None else max_diameter_mm(mask, in_plane)
        results[name] = RegionMeasure(voxels, volume_ml, diameter_mm)
    return results


def max_diameter_mm(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> float:
    """Longest distance between two voxel centers of one axial slice.

    Args:
        mask: Shape ``(I, J, K)`` or ``(I, J)``.
        spacing_mm: Voxel size along I and J, in mm.

    Returns:
        Distance in mm; 0 for an empty mask and for a single voxel.

    Example:
        >>> max_diameter_mm(np.ones((4, 5), dtype=bool), (1.0, 1.0))
        5.0
    """
    stack = mask[..., None] if mask.ndim == 2 else mask
    longest = 0.0
    for k in np.flatnonzero(stack.any(axis=(0, 1))):
        corners = _row_ends(stack[:, :, k])
        extent = (np.ptp(corners, axis=0) * spacing_mm[:2]).astype(np.float64)
        if np.hypot(*extent) > longest:  # a slice whose box is too small cannot hold a longer one
            longest = max(longest, _farthest_pair(corners, spacing_mm))
    return longest


def _tumor_box(labels: NDArray[np.uint8]) -> tuple[slice, ...]:
    """The smallest box that holds every label; measuring inside it is many times faster."""
    box = []
    for axis in range(labels.ndim):
        others = tuple(other for other in range(labels.ndim) if other != axis)
        inside = np.flatnonzero(labels.any(axis=others))
        box.append(slice(int(inside[0]), int(inside[-1]) + 1) if inside.size else slice(0, 0))
    return tuple(box)


def _row_ends(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """First and last voxel of every row: all corners of the convex hull are among them. Shape ``(N, 2)``."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = np.argmax(mask[rows], axis=1)
    last = mask.shape[1] - 1 - np.argmax(mask[rows, ::-1], axis=1)
    ends = np.column_stack([np.concatenate([rows, rows]), np.concatenate([first, last])])
    return ends.astype(np.int32)


def _farthest_pair(points: NDArray[np.int32], spacing_mm: tuple[float, ...]) -> float:
    """Longest distance between two points; both are corners of the hull, which are few."""
    corners = cv2.convexHull(points)[:, 0, :].astype(np.float64) * spacing_mm[:2]
    difference = corners[:, None, :] - corners[None, :, :]
    return float(np.sqrt((difference**2).sum(axis=-1).max()))
