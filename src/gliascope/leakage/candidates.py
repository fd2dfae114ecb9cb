"""Pairs of views that may show the same: a cheap search over all pairs, which lets through too many.

Every view is described by its detail on a small grid, and so are versions of it that are cut at one or more sides,
or turned. A picture that was cut is then like one of the versions of its original. All products of all
descriptions are matrix products, block by block.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from gliascope.leakage.detail import Floats, detail
from gliascope.leakage.views import View

LEAST_LIKENESS = 0.78
"""Cosine of two descriptions above which a pair is looked at. Copies lie above 0.9 unless several changes meet."""

_GRID = 24
_ROWS = _COLUMNS = 1024
_LEAD = 0.01
"""A later way of laying one view on the other must be this much better, so that chance does not choose."""

_CUT, _TURN = 0.05, 6.5

Matrix = NDArray[np.float64]
Halves = NDArray[np.float16]
Array = TypeVar("Array", bound=NDArray[np.generic])


def _cut(left: float, top: float, right: float, bottom: float) -> Matrix:
    """Map the unit square onto what is left of it when parts of its width and height are cut off."""
    return np.array([[1 - left - right, 0, left], [0, 1 - top - bottom, top], [0, 0, 1]])


def _turned(degrees: float) -> Matrix:
    """Turn the unit square about its middle."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0.5 - 0.5 * c + 0.5 * s], [s, c, 0.5 - 0.5 * s - 0.5 * c], [0, 0, 1]])


_WHOLE = np.eye(3)
_FRAMES: tuple[Matrix, ...] = (
    _WHOLE,
    _cut(_CUT / 2, _CUT / 2, _CUT / 2, _CUT / 2),
    _cut(_CUT, _CUT, _CUT, _CUT),
    *(_cut(*(_CUT * side for side in sides)) for sides in np.eye(4)),
    *(_cut(_CUT * x, _CUT * y, _CUT * (1 - x), _CUT * (1 - y)) for x in (0, 1) for y in (0, 1)),
    _turned(_TURN),
    _turned(-_TURN),
)
_HEADS: tuple[Matrix, ...] = (_WHOLE, _cut(_CUT / 2, _CUT / 2, _CUT / 2, _CUT / 2))
_VERSIONS = len(_FRAMES) + len(_HEADS)
_HEAD = len(_FRAMES)

_WAYS: tuple[tuple[int, int], ...] = (
    *((0, version) for version in range(_HEAD)),
    *((_HEAD, version) for version in range(_HEAD, _VERSIONS)),
    *((_HEAD, version) for version in (0, *range(2, _HEAD - 2))),
)
"""Which version of one view is compared with which version of the other: whole frames, heads, and, for pictures that
were moved within their frame, heads with cut frames."""


@dataclass(frozen=True)
class Flip:
    """Which way the second picture of a pair is read.

    Args:
        rows: From below.
        columns: From the right.
        ways: Which versions are compared, a subset of all.
    """

    rows: bool
    columns: bool
    ways: Sequence[tuple[int, int]] = _WAYS

    @property
    def mirrors(self) -> bool:
        """True for a mirror image; both ways at once is a picture on its head."""
        return self.rows != self.columns

    @property
    def matrix(self) -> Matrix:
        """The flip as a map of places that are counted from the middle."""
        return np.diag([-1.0 if self.columns else 1.0, -1.0 if self.rows else 1.0, 1.0])

    def of_pixels(self, pixels: Array) -> Array:
        """Flip the last two axes of an array."""
        flipped: Array = np.ascontiguousarray(pixels[..., :: -1 if self.rows else 1, :: -1 if self.columns else 1])  # type: ignore[assignment]
        return flipped

    def of_view(self, view: View) -> View:
        """Return where the head lies in the flipped view; its pixels stay."""
        left, top, width, height = view.box
        left = 1 - left - width if self.columns else left
        top = 1 - top - height if self.rows else top
        return replace(view, box=(left, top, width, height))

    def of_descriptions(self, descriptions: Floats) -> Floats:
        """Return the descriptions of the flipped views."""
        return self.of_pixels(descriptions.reshape(-1, _GRID, _GRID)).reshape(descriptions.shape)


FLIPS: tuple[Flip, ...] = (
    Flip(rows=False, columns=False),
    Flip(rows=False, columns=True),
    Flip(rows=True, columns=False, ways=(_WAYS[0], _WAYS[_HEAD])),
    Flip(rows=True, columns=True, ways=(_WAYS[0], _WAYS[_HEAD])),
)
"""As it is and mirrored; upside down only where nothing else is changed much."""


@dataclass(frozen=True)
class Candidate:
    """A pair of views and how the second may lie on the first.

    Args:
        first: Position in the first list.
        second: Position in the second list.
        start: Maps places in the first head, from its middle and in parts of its sides, to such in the second.
    """

    first: int
    second: int
    start: Matrix


def describe(view: View) -> Halves:
    """Describe a view and its versions, shape ``(versions, length)``, each of length 1."""
    frames = [_description(view.frame, version) for version in _FRAMES]
    heads = [_description(view.head, version) for version in _HEADS]
    return np.stack(frames + heads).astype(np.float16)


def _description(pixels: NDArray[np.uint8], version: Matrix) -> Floats:
    side = len(pixels)
    if version[0, 1]:
        to_pixels = np.array([[side, 0, -0.5], [0, side, -0.5], [0, 0, 1]])
        matrix = to_pixels @ version @ np.linalg.inv(to_pixels)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        part = cv2.warpAffine(pixels, matrix[:2], (side, side), flags=flags)
    else:
        left, top = np.rint(version[:2, 2] * side).astype(int)
        right, bottom = np.rint((version[:2, 2] + version.diagonal()[:2]) * side).astype(int)
        part = pixels[top:bottom, left:right]
    small = cv2.resize(part, (_GRID, _GRID), interpolation=cv2.INTER_AREA)
    values = detail(small.astype(np.float32), 0.4, 1.8, 2.6, 6.0)
    flat = (values - values.mean()).ravel()
    unit: Floats = flat / max(float(np.linalg.norm(flat)), 1e-6)
    return unit


def candidates(
    left: Sequence[View],
    right: Sequence[View],
    left_descriptions: Halves,
    right_descriptions: Halves,
    *,
    flip: Flip,
    one_list: bool,
    progress: Callable[[float], None],
) -> Iterator[Candidate]:
    """Yield the pairs that may show the same.

    Args:
        left: Views of the first list.
        right: Views of the second.
        left_descriptions: Their descriptions, shape ``(views, versions, length)``.
        right_descriptions: Likewise.
        flip: Which way the second picture of a pair is read.
        one_list: Both are the same cases: each pair once, ``first < second``.
        progress: Told which part is done, 0…1.
    """
    flipped = [flip.of_view(view) for view in right]
    for column in range(0, len(right), _COLUMNS):
        others = flip.of_descriptions(_by_version(right_descriptions[column : column + _COLUMNS]))
        for row in range(0, min(len(left), column + _COLUMNS) if one_list else len(left), _ROWS):
            way = _best_ways(_by_version(left_descriptions[row : row + _ROWS]), others, flip.ways)
            for i, j in zip(*(side.tolist() for side in np.nonzero(way >= 0)), strict=True):
                first, second = row + i, column + j
                if not one_list or first < second:
                    start = _start(left[first], flipped[second], flip.ways, int(way[i, j]))
                    yield Candidate(first, second, start)
            progress((column + others.shape[1] * min(1.0, (row + _ROWS) / len(left))) / len(right))


def _by_version(descriptions: Halves) -> Floats:
    """Return descriptions ready for products, shape ``(versions, views, length)``."""
    return np.ascontiguousarray(descriptions.transpose(1, 0, 2), dtype=np.float32)


def _best_ways(left: Floats, right: Floats, ways: Sequence[tuple[int, int]]) -> NDArray[np.int8]:
    """Return the number of the way in which each pair is most alike, -1 where it is not like enough.

    Odd numbers are ways in which the versions change sides.
    """
    best = np.full(left.shape[1] * right.shape[1], LEAST_LIKENESS - _LEAD, dtype=np.float32)
    way = np.full(best.shape, -1, dtype=np.int8)
    for number, (one, other) in enumerate(ways):
        for swapped in (False, True) if one != other else (False,):
            a, b = (other, one) if swapped else (one, other)
            likeness = (left[a] @ right[b].T).ravel()
            places = np.flatnonzero(likeness > LEAST_LIKENESS)
            places = places[likeness[places] > best[places] + np.float32(_LEAD)]
            best[places] = likeness[places]
            way[places] = 2 * number + swapped
    return way.reshape(left.shape[1], right.shape[1])


def _start(first: View, second: View, ways: Sequence[tuple[int, int]], way: int) -> Matrix:
    one, other = ways[way // 2]
    if way % 2:
        one, other = other, one
    across = _place(second, other) @ np.linalg.inv(_place(first, one))  # frame of the first to that of the second
    middle = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    inner = np.linalg.inv(_place(second, _HEAD)) @ across @ _place(first, _HEAD)
    start: Matrix = np.linalg.inv(middle) @ inner @ middle
    return start


def _place(view: View, version: int) -> Matrix:
    """Map the unit square of a version into the frame."""
    if version < _HEAD:
        return _FRAMES[version]
    left, top, width, height = view.box
    head = np.array([[width, 0, left], [0, height, top], [0, 0, 1]])
    placed: Matrix = head @ _HEADS[version - _HEAD]
    return placed
