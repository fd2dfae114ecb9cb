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

MOST_DISPLACEMENT = 0.105
LEAST_WORST, FULL_WORST = 0.55, 0.85
LEAST_CORRELATION = 0.955
"""What makes a copy; see ``Comparison.is_copy`` and the figures in ``docs/explanation/copies.md``."""

_FINE, _COARSE = 1.0, 4.0
_STRENGTH_WINDOW, _LEAST_WINDOW, _STRENGTH_FLOOR = 6.0, 3.5, 4.0
_WINDOW = 4.0
_SMALLEST = 24
_PER_PIXEL = 1.4
"""Compared at up to this many pixels per pixel of the coarser file."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """How two heads compare.

    Args:
        correlation: Of the detail, neighborhood by neighborhood, in the mean weighted by how much each holds; -1…1.
        worst: Correlation that nineteen of twenty neighborhoods exceed; -1…1.
        displacement: Root mean square of what structures have moved, in pixels, times the root of the part of the
            difference that this explains. 0 for a copy.
        better: The map that was given, with the part of the displacement taken in that is affine itself.
    """

    correlation: float
    worst: float
    displacement: float
    better: Matrix

    @property
    def is_copy(self) -> bool:
        """True where nothing moved; the less well the worst places agree, the less may have moved."""
        certain = (self.worst - LEAST_WORST) / (FULL_WORST - LEAST_WORST)
        agrees = self.correlation >= LEAST_CORRELATION or self.worst >= FULL_WORST
        return agrees and self.displacement <= MOST_DISPLACEMENT * min(1.0, certain)


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
    size = int(np.clip(_PER_PIXEL * side // 8 * 8, _SMALLEST, HEAD_SIDE))
    overlap = _Overlap((laid_over(np.ones((size, size), np.float32), matrix) > 0.999).astype(np.float32))
    if overlap.covered.mean() < LEAST_OVERLAP:
        return None
    one, one_strength = _normalized(_at(first, size), overlap)
    other, other_strength = _normalized(laid_over(_at(second, size), matrix), overlap)
    field = _displacements(one, other, overlap)
    weights = field.certainty * (np.minimum(one_strength, other_strength) > _STRENGTH_FLOOR + 1)
    inside = weights > 0
    textured = inside & (np.minimum(one_strength, other_strength) > _STRENGTH_FLOOR + 3)
    if np.count_nonzero(textured) < LEAST_TEXTURE * weights.size:
        return None
    moved = float(((field.x**2 + field.y**2) * weights).sum() / weights.sum())
    share = float(field.explained[inside].sum()) / max(float(field.total[inside].sum()), 1e-9)
    displacement = float(np.sqrt(max(moved * share, 0.0)))
    local, held = _correlations(one, other, one_strength * other_strength, overlap)
    correlation = float((local * held).sum() / max(float(held.sum()), 1e-6))
    rank = np.count_nonzero(textured) // 20
    worst = float(np.partition(local[textured], rank)[rank])
    return Comparison(correlation, worst, displacement, matrix @ _as_map(field, weights, size))


def _at(head: Gray, size: int) -> Floats:
    small = head if size == HEAD_SIDE else cv2.resize(head, (size, size), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32)


class _Overlap:
    """Where both heads are; averages inside it do not see what lies outside.

    Wide averages are taken at half the size: they are as good there, and four times as fast.
    """

    def __init__(self, covered: Floats) -> None:
        self.covered = covered
        self.half = _halved(covered)
        self._shares = {sigma: blurred(covered, sigma) + np.float32(1e-3) for sigma in (_FINE, _COARSE)}
        self._window = max(_LEAST_WINDOW, _STRENGTH_WINDOW * len(covered) / HEAD_SIDE) / 2
        self._wide_share = blurred(self.half, self._window) + np.float32(1e-3)

    def narrow(self, image: Floats, sigma: float) -> Floats:
        """Smooth an image that is 0 outside."""
        return blurred(image, sigma) / self._shares[sigma]

    def wide(self, image: Floats) -> Floats:
        """Average an image that is 0 outside over a neighborhood, at half the size."""
        return blurred(_halved(image), self._window) / self._wide_share


def _halved(image: Floats) -> Floats:
    size = len(image) // 2
    half: Floats = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
    return half


def _normalized(image: Floats, overlap: _Overlap) -> tuple[Floats, Floats]:
    """Return the detail inside the overlap, of equal strength everywhere.

    And, at half the size, the strength that it was divided by.
    """
    inside = image * overlap.covered
    band = (overlap.narrow(inside, _FINE) - overlap.narrow(inside, _COARSE)) * overlap.covered
    divisor = np.sqrt(overlap.wide(band * band)) + np.float32(_STRENGTH_FLOOR)
    full: Floats = cv2.resize(divisor, image.shape, interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)
    return band / full, divisor


@dataclass(frozen=True, eq=False)
class _Field:
    """What structures moved, in pixels; how sure that is; the squared difference, and its explained part.

    All at half the size.
    """

    x: Floats
    y: Floats
    certainty: Floats
    total: Floats
    explained: Floats


def _displacements(one: Floats, other: Floats, overlap: _Overlap) -> _Field:
    """Solve for the shift of every neighborhood that turns one into the other (Lucas and Kanade 1981)."""
    both, difference = one + other, other - one
    along = cv2.Sobel(both, cv2.CV_32F, 1, 0, scale=1 / 16).astype(np.float32, copy=False)
    across = cv2.Sobel(both, cv2.CV_32F, 0, 1, scale=1 / 16).astype(np.float32, copy=False)
    covered = cv2.erode(overlap.half, np.ones((3, 3), np.uint8)).astype(np.float32, copy=False)

    def near(values: Floats) -> Floats:
        return blurred(_halved(values) * covered, _WINDOW / 2)

    xx, yy, xy = near(along * along), near(across * across), near(along * across)
    x_part, y_part = near(along * difference), near(across * difference)
    damping = np.float32(0.02 * float((xx + yy).sum()) / max(float(covered.sum()), 1.0) + 1e-6)
    determinant = (xx + damping) * (yy + damping) - xy * xy
    x = -((yy + damping) * x_part - xy * y_part) / determinant
    y = -((xx + damping) * y_part - xy * x_part) / determinant
    certainty = np.maximum((xx * yy - xy * xy) / (xx + yy + np.float32(1e-6)), 0) * (covered == 1)
    sure = certainty[certainty > 0]
    if sure.size:  # a few very sharp places, such as the scalp, shall not decide alone
        certainty = np.minimum(certainty, np.partition(sure, sure.size * 3 // 4)[sure.size * 3 // 4])
    return _Field(x, y, certainty, near(difference * difference), -(x * x_part + y * y_part))


def _correlations(one: Floats, other: Floats, strength: Floats, overlap: _Overlap) -> tuple[Floats, Floats]:
    """Correlate neighborhood by neighborhood, and say how much detail each holds."""
    own, others, shared = overlap.wide(one * one), overlap.wide(other * other), overlap.wide(one * other)
    both = np.sqrt(np.maximum(own * others, 0))
    local: Floats = shared / np.sqrt(both**2 + strength**-2)
    held: Floats = np.sqrt(both * strength) * overlap.half
    return local, held


def _as_map(field: _Field, weights: Floats, size: int) -> Matrix:
    """Fit an affine map to a field of displacements, in parts of the side and from the middle."""
    places = ((np.arange(len(weights)) + 0.5) / len(weights) - 0.5).astype(np.float32)
    columns, rows = np.meshgrid(places, places)
    inside = weights > 0
    design = np.stack([columns[inside], rows[inside], np.ones(int(inside.sum()), np.float32)], axis=1)
    weighted = design * weights[inside][:, None]
    moved = np.stack([field.x[inside], field.y[inside]], axis=1) / size
    solution = np.linalg.solve((weighted.T @ design).astype(np.float64), (weighted.T @ moved).astype(np.float64)).T
    found: Matrix = np.eye(3) + np.vstack([solution, np.zeros(3)])
    return found
