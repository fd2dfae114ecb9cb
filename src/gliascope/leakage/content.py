"""Pairs of cases that show the same content: candidates of all views, laid on one another and compared."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gliascope.leakage.alignment import COARSE, LEVELS, fitted, level
from gliascope.leakage.candidates import FLIPS, Candidate, Flip, Halves, candidates, describe
from gliascope.leakage.detail import Floats
from gliascope.leakage.fingerprint import Fingerprint
from gliascope.leakage.likeness import compare

LEAST_VIEWS = 0.5
"""Part of the views that two volumes share which must be the same."""

STEPS = 1000
"""What ``progress`` is told as the number of all steps."""

LEAST_SIDE = 36.0
"""Two heads that both have fewer pixels per side (geometric mean) show too little to tell copies from look-alikes: of
180 invented pictures some of different patients agreed at 32 and 40 pixels per side of the frame, none at 48."""

_CHUNK = 128
_KEPT = 32_000_000
"""Pixels of each level that are kept for the next pair."""
_PER_PIXEL = 1.75
"""A level has up to this many pixels per pixel of the coarser file; more would compare what interpolation made up."""
_REFINEMENTS = 3
_HOPELESS = 0.6
"""Displacement in pixels that no refinement brings down."""


@dataclass(frozen=True)
class Same:
    """Two cases that show the same, and whether one of them is flipped."""

    first: int
    second: int
    mirrored: bool
    score: float


def same_content(
    left: Sequence[Fingerprint],
    others: Sequence[Fingerprint] | None,
    known: Iterable[tuple[int, int]],
    *,
    threads: int,
    progress: Callable[[int, int], None] | None,
) -> list[Same]:
    """Find the pairs that show the same content.

    Args:
        left: The cases.
        others: Those of another data set, or None.
        known: Pairs that need not be looked at.
        threads: How many pairs are compared at a time.
        progress: Called with steps done and all.

    Returns:
        The pairs, each once; positions as in the two lists.
    """
    report = progress or (lambda done, total: None)
    done = set(known)
    result: list[Same] = []
    names = sorted({view.name for case in left for view in case.views})
    with ThreadPoolExecutor(max(1, threads)) as pool:
        lists = {name: _Views.of(name, left, others, pool) for name in names}
        for number, flip in enumerate(FLIPS):
            found: dict[tuple[int, int], list[float]] = defaultdict(list)
            for place, name in enumerate(names):
                share = STEPS / len(FLIPS) / len(names)
                begun = STEPS * number / len(FLIPS) + share * place

                def step(part: float, begun: float = begun, share: float = share) -> None:
                    report(int(begun + part * share), STEPS)

                for pair, score in _same_views(lists[name], flip, done, pool, step):
                    found[pair].append(score)
            for (first, second), scores in found.items():
                right = left if others is None else others
                shared = {v.name for v in left[first].views} & {v.name for v in right[second].views}
                if len(scores) >= LEAST_VIEWS * len(shared):
                    result.append(Same(first, second, flip.mirrors, float(np.mean(scores))))
                    done.add((first, second))
    report(STEPS, STEPS)
    return result


@dataclass(frozen=True, eq=False)
class _Views:
    """The views of one name in both lists, the cases they belong to, and what is computed of them when asked."""

    left: "_Side"
    right: "_Side"
    one_list: bool

    @classmethod
    def of(
        cls, name: str, left: Sequence[Fingerprint], others: Sequence[Fingerprint] | None, pool: ThreadPoolExecutor
    ) -> "_Views":
        first = _Side(name, left, pool)
        return cls(first, first if others is None else _Side(name, others, pool), others is None)


class _Side:
    """Views of one list."""

    def __init__(self, name: str, cases: Sequence[Fingerprint], pool: ThreadPoolExecutor) -> None:
        placed = [(index, view) for index, case in enumerate(cases) for view in case.views if view.name == name]
        self.cases = [index for index, _ in placed]
        self.views = [view for _, view in placed]
        self.keys = [min(cases[index].pixels) for index in self.cases]
        described = list(pool.map(describe, self.views, chunksize=_CHUNK))
        self.descriptions: Halves = np.stack(described) if described else np.zeros((0, 1, 1), np.float16)
        self.levels = {side: lru_cache(_KEPT // side**2)(self._level(side)) for side in LEVELS}

    def _level(self, side: int) -> Callable[[int], Floats]:
        return lambda place: level(self.views[place].head, side)


def _same_views(
    views: _Views, flip: Flip, done: set[tuple[int, int]], pool: ThreadPoolExecutor, progress: Callable[[float], None]
) -> Iterator[tuple[tuple[int, int], float]]:
    """Yield the pairs of cases whose views of one name are the same, with their correlation."""
    left, right = views.left, views.right
    maybe = [
        candidate
        for candidate in candidates(
            left.views,
            right.views,
            left.descriptions,
            right.descriptions,
            flip=flip,
            one_list=views.one_list,
            progress=lambda part: progress(0.3 * part),
        )
        if (left.cases[candidate.first], right.cases[candidate.second]) not in done
    ]
    compared = 0
    chunks = [maybe[start : start + _CHUNK] for start in range(0, len(maybe), _CHUNK)]
    for chunk, scores in zip(chunks, pool.map(lambda c: [_score(views, flip, one) for one in c], chunks), strict=True):
        for candidate, score in zip(chunk, scores, strict=True):
            if score is not None:
                yield (left.cases[candidate.first], right.cases[candidate.second]), score
        compared += len(chunk)
        progress(0.3 + 0.7 * compared / len(maybe))


def _score(views: _Views, flip: Flip, candidate: Candidate) -> float | None:
    """Return the correlation of two views that are the same, else None; it does not matter which comes first."""
    one, other, matrix = (views.left, candidate.first), (views.right, candidate.second), candidate.start
    if one[0].keys[one[1]] > other[0].keys[other[1]]:
        one, other, matrix = other, one, flip.matrix @ np.linalg.inv(matrix) @ flip.matrix
    head, flipped = one[0].views[one[1]], other[0].views[other[1]]
    side = min(head.side, flipped.side)
    if max(head.side, flipped.side) < LEAST_SIDE:
        return None
    for level_side in (level_side for level_side in LEVELS if level_side <= max(COARSE, _PER_PIXEL * side)):
        first, second = one[0].levels[level_side](one[1]), other[0].levels[level_side](other[1])
        better = fitted(first, flip.of_pixels(second), matrix)
        if better is None:
            return None
        matrix = better
    turned = flip.of_pixels(flipped.head)
    for _ in range(1 + _REFINEMENTS):
        comparison = compare(head.head, turned, matrix, side)
        if comparison is None or comparison.displacement > _HOPELESS:
            return None
        if comparison.is_copy:
            return min(1.0, comparison.correlation)
        matrix = comparison.better
    return None
