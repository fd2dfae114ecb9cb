"""How far the borders of two masks lie apart, measured between voxels.

The tools of the field share the distances and differ in how they join the two directions, so the distances are one
result, ``BorderDistances``, and every way to join them a function of it: "HD95" alone names none of them. The distances
that BraTS 2023 takes, between surface elements weighted by area, are in ``surface_area``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import edt
import numpy as np
from numpy.typing import NDArray

from gliascope.errors import GeometryError, LabelError

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

ROUNDING = 1e-6
"""Share of the tolerance by which a distance may exceed it and still count as equal: 3 × 0.1 is not 0.3 in floats."""


@dataclass(frozen=True, eq=False)
class BorderDistances:
    """For every border voxel of one mask, the distance to the nearest border voxel of the other.

    Args:
        to_reference: From each of the n border voxels of the prediction, float64 ``(n,)``, in the unit of the spacing.
        to_prediction: From each of the m border voxels of the reference, float64 ``(m,)``.
    """

    to_reference: FloatArray
    to_prediction: FloatArray


def border_distances(prediction: BoolArray, reference: BoolArray, spacing: Sequence[float]) -> BorderDistances:
    """Measure between the borders of two masks, in both directions.

    The border of a mask are those of its voxels that share a face (in 2-D an edge) with the background; what lies
    outside the image counts as background. Distances run between voxel centers.

    Args:
        prediction: Boolean mask, 2-D or 3-D, with at least one voxel.
        reference: Mask of the same shape, on the same grid, with at least one voxel.
        spacing: Size of a voxel along each axis, usually in mm; ones measure in voxels.

    Returns:
        The distances in the unit of ``spacing``, 0 or more, in the order in which NumPy walks the border voxels. They
        are exact where the squared ratios of the spacings are whole numbers (isotropic voxels), and else right to six
        digits.

    Raises:
        ValueError: A mask is empty (how far nothing is away, a protocol decides), or the spacing does not fit.
        GeometryError: The shapes differ.
        LabelError: An array is not boolean.

    Source:
        Felzenszwalb and Huttenlocher 2012, doi:10.4086/toc.2012.v008a019 (the distance transform of ``edt``).

    Example:
        >>> masks = np.array([[True, False, False, False]]), np.array([[False, False, False, True]])
        >>> border_distances(*masks, spacing=(1.0, 0.5)).to_reference.tolist()
        [1.5]
    """
    check_masks(prediction, reference, spacing)
    box = joint_box(prediction, reference)
    borders = _border(prediction[box]), _border(reference[box])
    return BorderDistances(
        to_reference=distances_between(borders[0], borders[1], spacing),
        to_prediction=distances_between(borders[1], borders[0], spacing),
    )


def hausdorff(distances: BorderDistances) -> float:
    """Hausdorff distance: the largest distance from any border voxel of one mask to the border of the other.

    max(max of one direction, max of the other), over the distances of two masks that both have a voxel.

    Returns:
        0 or more, in the unit of the spacing, lower is better, 0 where the borders are the same. One voxel decides.

    Source:
        Huttenlocher et al. 1993, doi:10.1109/34.232073.
    """
    return max(float(distances.to_reference.max()), float(distances.to_prediction.max()))


def hausdorff_directed_max(distances: BorderDistances, percent: float = 95.0) -> float:
    """Percentile Hausdorff distance, the stricter way: a percentile of each direction, of which the larger counts.

    MONAI and Metrics Reloaded define it so.

    Args:
        distances: Between the two borders.
        percent: 0…100, interpolated linearly between distances; 100 gives ``hausdorff``.

    Returns:
        0 or more, in the unit of the spacing, lower is better.

    Raises:
        ValueError: The percentage is outside 0…100.

    Source:
        Maier-Hein et al. 2024 (Metrics Reloaded), doi:10.1038/s41592-023-02151-z.
    """
    return max(
        float(np.percentile(distances.to_reference, percent)), float(np.percentile(distances.to_prediction, percent))
    )


def hausdorff_pooled(distances: BorderDistances, percent: float = 95.0) -> float:
    """Percentile Hausdorff distance, the lenient way: one percentile over the distances of both directions together.

    A small far lesion vanishes in the pool, as it does not with ``hausdorff_directed_max``. MedPy, panoptica and the
    BraTS challenges until 2022 (there in voxels) define it so. Arguments and errors as ``hausdorff_directed_max``.

    Returns:
        0 or more, in the unit of the spacing, lower is better.

    Source:
        ``medpy.metric.binary.hd95``.
    """
    return float(np.percentile(_pooled(distances), percent))


def average_distance(distances: BorderDistances) -> float:
    """Average symmetric surface distance (ASSD): the mean over the border voxels of both masks together.

    (Σ distances of the prediction + Σ distances of the reference) / (n + m). MONAI and MedPy (0.5.2) compute it.

    Returns:
        0 or more, in the unit of the spacing, lower is better.

    Source:
        Heimann et al. 2009, doi:10.1109/TMI.2009.2013851.
    """
    return float(_pooled(distances).mean())


def average_distance_directed(distances: BorderDistances) -> float:
    """Average symmetric surface distance, the other way: the mean of the two directed means.

    Differs from ``average_distance`` where one border has more voxels than the other. Panoptica computes it, and MedPy
    did until 0.4.

    Returns:
        0 or more, in the unit of the spacing, lower is better.

    Source:
        ``panoptica.metrics.assd``; https://github.com/loli/medpy/issues/108.
    """
    return (float(distances.to_reference.mean()) + float(distances.to_prediction.mean())) / 2.0


def surface_dice(distances: BorderDistances, tolerance: float) -> float:
    """Share of both borders that lies within a tolerance of the other one (normalized surface distance, NSD).

    Counted in border voxels, as MONAI and panoptica do; the original weighs by area.

    Args:
        distances: Between the two borders.
        tolerance: Distance that still counts as right, itself included, in the unit of the spacing; 0 or more.

    Returns:
        0…1, higher is better.

    Raises:
        ValueError: The tolerance is negative or not a number.

    Source:
        Nikolov et al. 2021, doi:10.2196/26151.
    """
    if not tolerance >= 0.0:
        raise ValueError(f"a tolerance is 0 or more, got {tolerance}")
    return float(np.mean(_pooled(distances) <= tolerance * (1.0 + ROUNDING)))


def check_masks(prediction: BoolArray, reference: BoolArray, spacing: Sequence[float]) -> None:
    """Refuse what has no distance.

    Raises:
        ValueError: A mask is empty, is neither 2-D nor 3-D, or the spacing does not fit.
        GeometryError: The shapes differ.
        LabelError: An array is not boolean.
    """
    for array in (prediction, reference):
        if array.dtype != np.bool_:
            hint = "Take LabelMap.region(name), or compare with a threshold."
            raise LabelError(f"distances are measured between boolean masks, got {array.dtype}", hint=hint)
    if prediction.shape != reference.shape:
        cause = f"prediction of shape {prediction.shape} against a reference of {reference.shape}"
        raise GeometryError(cause, code="E_GRID")
    if prediction.ndim not in (2, 3):
        raise ValueError(f"distances are measured in 2-D or 3-D, got {prediction.ndim}-D")
    if len(spacing) != prediction.ndim or not all(0.0 < size < np.inf for size in spacing):
        raise ValueError(f"a spacing has {prediction.ndim} sizes above 0, got {tuple(spacing)}")
    if not (prediction.any() and reference.any()):
        raise ValueError("an empty mask has no border")


def joint_box(first: NDArray[np.generic], second: NDArray[np.generic]) -> tuple[slice, ...]:
    """Return the smallest box that holds whatever is not zero in two arrays of one shape; empty where all is zero.

    Distances between two masks are the same inside it as in the whole image.
    """
    box: list[slice] = []
    for axis in range(first.ndim):
        others = tuple(other for other in range(first.ndim) if other != axis)
        narrowed = tuple(box)  # along the axes already done: the later ones have less to read
        occupied = np.flatnonzero(first[narrowed].any(axis=others) | second[narrowed].any(axis=others))
        box.append(slice(int(occupied[0]), int(occupied[-1]) + 1) if occupied.size else slice(0, 0))
    return tuple(box)


def distances_between(points: BoolArray, targets: BoolArray, spacing: Sequence[float]) -> FloatArray:
    """Distance of each marked point of a grid to the nearest of the target points.

    Args:
        points: The n points to measure from, 2-D or 3-D.
        targets: The points to measure to, at least one; of the same shape.
        spacing: Distance of neighboring points along each axis.

    Returns:
        float64 ``(n,)`` in the unit of ``spacing``, in NumPy's order of the points.
    """
    unit = min(spacing)  # counted in the smallest size, squared distances of isotropic grids are whole numbers: exact
    squared = edt.edtsq(~targets, anisotropy=tuple(size / unit for size in spacing), parallel=2, black_border=False)
    distances: FloatArray = np.sqrt(squared[points], dtype=np.float64) * unit
    return distances


def _border(mask: BoolArray) -> BoolArray:
    """Voxels of the mask with a face neighbor in the background or outside the array."""
    inner = mask.copy()
    for axis in range(mask.ndim):
        along, moved = np.moveaxis(inner, axis, 0), np.moveaxis(mask, axis, 0)
        along[0] = along[-1] = False
        along[1:-1] &= moved[:-2] & moved[2:]
    return mask & ~inner


def _pooled(distances: BorderDistances) -> FloatArray:
    return np.concatenate([distances.to_reference, distances.to_prediction])
