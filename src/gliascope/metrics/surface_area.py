"""How far the surfaces of two masks lie apart, each piece of surface weighing as much as its area.

The voxel centers are the corners of small cells, in 3-D of eight voxels, in 2-D of four. A cell whose voxels are not
all inside or all outside is crossed by the surface; its share is one *surface element*, located in the middle of the
cell, where its voxels meet. The area of an element follows from which of the cell's voxels are inside:
``element_areas`` derives all 256 (in 2-D 16) from the geometry. DeepMind's ``surface-distance`` defines distances so,
and through it the BraTS challenges since 2023.

Derivation. Of the cell's voxels, those on the side that has fewer (at four each, those inside) fall into groups joined
by edges. The surface cuts each group off through the middles of the edges that leave it. Two voxels that only share the
diagonal of a face are thus parted, which settles every ambiguous face; a cell and its complement have the same area. In
3-D the middles, linked where their edges bound one face, form a ring of three to six points. A ring need not be flat:
of the fans of triangles that fill it, one of the largest area in a cubic cell counts, as in the tables of
``surface-distance``; fans that tie there tie at every spacing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from gliascope.metrics.surface import BoolArray, FloatArray, check_masks, distances_between, joint_box

Point = tuple[int, ...]

TIE = 1e-9
"""Share of the area below which two sums of areas count as equal, so that rounding decides no percentile."""


@dataclass(frozen=True, eq=False)
class ElementDistances:
    """For every surface element of one mask, the distance to the nearest one of the other, and its own area.

    Args:
        to_reference: From each of the n elements of the prediction, float64 ``(n,)``, in the unit of the spacing.
        to_prediction: From each of the m elements of the reference, float64 ``(m,)``.
        prediction_areas: Areas of the n elements in the squared unit; in 2-D lengths in the unit itself.
        reference_areas: Areas of the m elements.
    """

    to_reference: FloatArray
    to_prediction: FloatArray
    prediction_areas: FloatArray
    reference_areas: FloatArray


def surface_element_distances(
    prediction: BoolArray, reference: BoolArray, spacing: Sequence[float]
) -> ElementDistances:
    """Measure between the surface elements of two masks, in both directions.

    What lies outside the image counts as background. Distances run between the middles of the cells.

    Args:
        prediction: Boolean mask, 2-D or 3-D, with at least one voxel.
        reference: Mask of the same shape, on the same grid, with at least one voxel.
        spacing: Size of a voxel along each axis, usually in mm; ones measure in voxels.

    Returns:
        Distances as exact as those of ``border_distances``, and areas. Exact where both masks are the same: all 0.

    Raises:
        ValueError: A mask is empty (how far nothing is away, a protocol decides), or the spacing does not fit.
        GeometryError: The shapes differ.
        LabelError: An array is not boolean.

    Source:
        Nikolov et al. 2021, doi:10.2196/26151, and the behavior of ``surface-distance``.
    """
    check_masks(prediction, reference, spacing)
    box = joint_box(prediction, reference)
    areas = element_areas(tuple(float(size) for size in spacing))
    cells = _cells(prediction[box]), _cells(reference[box])
    crossed = _crossed(cells[0]), _crossed(cells[1])
    return ElementDistances(
        to_reference=distances_between(crossed[0], crossed[1], spacing),
        to_prediction=distances_between(crossed[1], crossed[0], spacing),
        prediction_areas=areas[cells[0][crossed[0]]],
        reference_areas=areas[cells[1][crossed[1]]],
    )


def hausdorff_area(distances: ElementDistances, percent: float = 95.0) -> float:
    """Percentile Hausdorff distance by area: HD95 as the BraTS challenges take it since 2023.

    For each direction the smallest distance within which at least ``percent`` of the area lies (no interpolation); the
    larger of the two counts.

    Args:
        distances: Between the surface elements of the two masks.
        percent: 0…100; 100 gives the largest distance.

    Returns:
        0 or more, in the unit of the spacing, lower is better.

    Raises:
        ValueError: The percentage is outside 0…100.

    Source:
        Nikolov et al. 2021, doi:10.2196/26151; ``BraTS-2023-Metrics``.
    """
    if not 0.0 <= percent <= 100.0:
        raise ValueError(f"a percentage lies in 0…100, got {percent}")
    return max(
        _weighted_percentile(distances.to_reference, distances.prediction_areas, percent),
        _weighted_percentile(distances.to_prediction, distances.reference_areas, percent),
    )


@cache
def element_areas(spacing: tuple[float, ...]) -> FloatArray:
    """Area of the surface element of every cell, by the cell's number.

    Bit ``4 i + 2 j + k`` of the number (in 2-D ``2 i + j``) tells whether the voxel at the offset ``(i, j, k)``, each 0
    or 1, is inside.

    Args:
        spacing: Two or three voxel sizes.

    Returns:
        float64 ``(256,)`` in the squared unit of the spacing, in 2-D float64 ``(16,)``, lengths in its unit. 0 for the
        two cells without surface. Not writable, since it is shared.

    Example:
        >>> float(element_areas((1.0, 1.0, 3.0))[0b00001111])  # the four voxels at i = 0: a flat face
        3.0
    """
    size = np.asarray(spacing)
    areas = np.array([sum(_measure(piece * size) for piece in pieces) for pieces in _pieces_of_cells(len(spacing))])
    areas.setflags(write=False)
    return areas


@cache
def _pieces_of_cells(dimensions: int) -> list[list[FloatArray]]:
    """For every cell its segments (2-D), shape ``(2, 2)``, or triangles (3-D), shape ``(3, 3)``: corners in voxels."""
    corners = list(product((0, 1), repeat=dimensions))
    cells = []
    for number in range(2 ** len(corners)):
        inside = [corner for bit, corner in enumerate(corners) if number >> bit & 1]
        outside = [corner for corner in corners if corner not in inside]
        fewer = inside if len(inside) <= len(outside) else outside
        cells.append([piece for group in _groups(fewer) for piece in _cut_off(group)])
    return cells


def _groups(corners: list[Point]) -> list[list[Point]]:
    """Split corners of a cell into those that edges join."""
    left = list(corners)
    groups = []
    while left:
        group = [left.pop()]
        for corner in group:  # grows while it is walked
            near = [other for other in left if _steps(corner, other) == 1]
            group += near
            left = [other for other in left if other not in near]
        groups.append(group)
    return groups


def _cut_off(group: list[Point]) -> list[FloatArray]:
    """Segments or triangles through the middles of the edges that leave a group of corners."""
    corners = product((0, 1), repeat=len(group[0]))
    others = [corner for corner in corners if corner not in group]
    # A middle is the sum of its edge's ends: coordinates in half voxels, 1 along the edge, 0 or 2 across.
    middles = [tuple(np.add(a, b).tolist()) for a in group for b in others if _steps(a, b) == 1]
    if not middles or len(group[0]) == 2:
        return [np.array(middles) / 2.0] if middles else []
    return _fill(np.array(_ring(middles)) / 2.0)


def _ring(middles: list[Point]) -> list[Point]:
    """Order the middles of edges so that each and the next, the last and the first, lie on one face of the cell."""
    ring, left = middles[:1], middles[1:]
    while left:
        following = next(point for point in left if any(a == b != 1 for a, b in zip(ring[-1], point, strict=True)))
        ring.append(following)
        left.remove(following)
    return ring


def _fill(ring: FloatArray) -> list[FloatArray]:
    """Triangles of the fan, from one point of the ring to all others, whose area is largest."""
    turned = [np.roll(ring, shift, axis=0) for shift in range(len(ring))]
    fans = [[points[[0, index, index + 1]] for index in range(1, len(ring) - 1)] for points in turned]
    return max(fans, key=lambda fan: sum(map(_measure, fan)))


def _measure(piece: FloatArray) -> float:
    """Length of a segment, area of a triangle."""
    sides = piece[1:] - piece[0]
    if len(sides) == 1:
        return float(np.linalg.norm(sides[0]))
    return float(np.linalg.norm(np.cross(sides[0], sides[1]))) / 2.0


def _steps(corner: Point, other: Point) -> int:
    return sum(a != b for a, b in zip(corner, other, strict=True))


def _cells(mask: BoolArray) -> NDArray[np.uint8]:
    """Number of every cell that touches the mask's array, one more along each axis: bits as in ``element_areas``."""
    numbers: NDArray[np.uint8] = np.pad(mask, 1).view(np.uint8)
    for axis, shift in zip(reversed(range(mask.ndim)), (1, 2, 4), strict=False):
        along = np.moveaxis(numbers, axis, 0)
        numbers = np.moveaxis(along[:-1] | along[1:] << np.uint8(shift), 0, axis)
    return numbers


def _crossed(cells: NDArray[np.uint8]) -> BoolArray:
    crossed: BoolArray = (cells != 0) & (cells != 2**2**cells.ndim - 1)
    return crossed


def _weighted_percentile(distances: FloatArray, areas: FloatArray, percent: float) -> float:
    order = np.argsort(distances)
    within = np.cumsum(areas[order])
    index = np.searchsorted(within, within[-1] * (percent / 100.0 - TIE))
    return float(distances[order[index]])
