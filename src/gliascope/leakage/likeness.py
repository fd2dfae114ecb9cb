"""Whether two heads that lie on one another are the same slice, or only alike.

Neighboring slices look much the same, and no measure of gray values tells a sharp neighbor from a coarse copy. But
in a neighbor structures have *moved*: gyri, ventricles and the skull lie a little elsewhere, each in its own direction,
whereas in a copy noise and compression change values without moving anything. So the small displacement
that is left at every place is measured, and how much of the difference it explains.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from gliascope.leakage.alignment import Matrix, laid_over
from gliascope.leakage.detail import Floats, blurred
from gliascope.leakage.views import HEAD_SIDE, Gray

LEAST_OVERLAP = 0.4
"""Part of the first head that the second must cover."""
LEAST_TEXTURE = 0.10
"""Part of it that must show detail; a nearly empty slice is no evidence."""

_FINE, _COARSE = 1.0, 4.0
_STRENGTH_WINDOW, _STRENGTH_FLOOR = 6.0, 4.0
_WINDOW = 4.0
_SIDES = (128, 96, 64, 48, 32)
_PER_PIXEL = 1.4
"""Compared at up to this many pixels per pixel of the coarser file."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """How two heads compare.

    Args:
        correlation: Of the detail, place by place, weighted by its strength; -1…1.
        displacement: Root mean square of what structures have moved, in pixels, times the root of the part of the
            difference that this explains. 0 for a copy.
        better: The map that was given, with the part of the displacement taken in that is affine itself.
    """

    correlation: float
    displacement: float
    better: Matrix


def compare(first: Gray, second: Gray, matrix: Matrix, side: float) -> Comparison | None:
    """Compare two heads.

    Args:
        first: A head, shape ``(HEAD_SIDE, HEAD_SIDE)``.
        second: The other.
        matrix: Where a place of the first lies in the second; see ``alignment``.
        side: Pixels per side of the coarser of the two in its file.

    Returns:
        How alike they are; None where they overlap too little, or show too little.
    """
    size = next((s for s in _SIDES if s <= _PER_PIXEL * side), _SIDES[-1])
    one, other = _at(first, size), laid_over(_at(second, size), matrix)
    covered = (laid_over(np.ones((size, size), np.float32), matrix) > 0.999).astype(np.float32)
    if covered.mean() < LEAST_OVERLAP:
        return None
    one, one_strength = _normalized(one, covered)
    other, other_strength = _normalized(other, covered)
    field = _displacements(one, other, cv2.erode(covered, np.ones((5, 5), np.uint8)).astype(np.float32))
    weights = field.certainty * (np.minimum(one_strength, other_strength) > 1.0)
    if np.count_nonzero(weights) < LEAST_TEXTURE * weights.size:
        return None
    moved = float(((field.x**2 + field.y**2) * weights).sum() / weights.sum())
    inside = weights > 0
    share = float(field.explained[inside].sum()) / max(float(field.total[inside].sum()), 1e-9)
    correlation = _correlation(one * one_strength, other * other_strength, covered)
    return Comparison(correlation, float(np.sqrt(max(moved * share, 0.0))), matrix @ _as_map(field, weights))


def _at(head: Gray, size: int) -> Floats:
    small = head if size == HEAD_SIDE else cv2.resize(head, (size, size), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32)


def _blurred_inside(image: Floats, covered: Floats, sigma: float) -> Floats:
    """Smooth what is covered without letting in what is not."""
    return blurred(image * covered, sigma) / (blurred(covered, sigma) + np.float32(1e-3))


def _normalized(image: Floats, covered: Floats) -> tuple[Floats, Floats]:
    """Return the detail inside the overlap, of equal strength everywhere, and what it was divided by."""
    band = (_blurred_inside(image, covered, _FINE) - _blurred_inside(image, covered, _COARSE)) * covered
    strength = np.sqrt(_blurred_inside(band * band, covered, _STRENGTH_WINDOW))
    divisor = strength + np.float32(_STRENGTH_FLOOR)
    return band / divisor, divisor


@dataclass(frozen=True, eq=False)
class _Field:
    """Per place: what structures moved in pixels, how sure that is, the squared difference, and its explained part."""

    x: Floats
    y: Floats
    certainty: Floats
    total: Floats
    explained: Floats


def _displacements(one: Floats, other: Floats, covered: Floats) -> _Field:
    """Solve for the shift of every neighborhood that turns one into the other (Lucas and Kanade 1981)."""
    both, difference = one + other, other - one
    along = cv2.Sobel(both, cv2.CV_32F, 1, 0, scale=1 / 16).astype(np.float32)
    across = cv2.Sobel(both, cv2.CV_32F, 0, 1, scale=1 / 16).astype(np.float32)

    def near(values: Floats) -> Floats:
        return blurred(values * covered, _WINDOW)

    xx, yy, xy = near(along * along), near(across * across), near(along * across)
    x_part, y_part = near(along * difference), near(across * difference)
    damping = np.float32(0.02) * (xx + yy)[covered > 0].mean() if covered.any() else np.float32(1)
    determinant = (xx + damping) * (yy + damping) - xy * xy
    x = -((yy + damping) * x_part - xy * y_part) / determinant
    y = -((xx + damping) * y_part - xy * x_part) / determinant
    certainty = np.maximum((xx * yy - xy * xy) / (xx + yy + np.float32(1e-6)), 0) * covered
    if covered.any():  # a few very sharp places, such as the scalp, shall not decide alone
        certainty = np.minimum(certainty, np.percentile(certainty[covered > 0], 75)).astype(np.float32)
    return _Field(x, y, certainty, near(difference * difference), -(x * x_part + y * y_part))


def _correlation(one: Floats, other: Floats, covered: Floats) -> float:
    """Correlate neighborhood by neighborhood; the mean counts each by how much detail it holds."""
    own, others, shared = (_blurred_inside(v, covered, _STRENGTH_WINDOW) for v in (one**2, other**2, one * other))
    both = np.maximum(own * others, 0)
    weights = np.sqrt(np.sqrt(both)) * covered
    return float((shared / np.sqrt(both + 1) * weights).sum() / max(float(weights.sum()), 1e-6))


def _as_map(field: _Field, weights: Floats) -> Matrix:
    """Fit an affine map to a field of displacements, in parts of the side and from the middle."""
    size = len(weights)
    places = (np.arange(size) - (size - 1) / 2) / size
    columns, rows = np.meshgrid(places, places)
    inside = weights > 0
    root = np.sqrt(weights[inside])
    design = np.stack([columns[inside], rows[inside], np.ones(int(inside.sum()))], axis=1) * root[:, None]
    moved = np.stack([field.x[inside], field.y[inside]], axis=1) / size * root[:, None]
    solution = np.linalg.lstsq(design, moved, rcond=None)[0].T
    found: Matrix = np.eye(3) + np.vstack([solution, np.zeros(3)])
    return found
