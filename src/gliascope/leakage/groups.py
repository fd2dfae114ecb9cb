"""What belongs together, and where a split tears it apart: content groups, leaks, contradicting labels."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from gliascope.leakage.copies import Copy

KINDS: tuple[str, ...] = ("bytes", "pixels", "content", "mirror", "patient")
"""From the surest to the weakest reason why two cases are one."""

SIDES: tuple[str, ...] = ("train", "validation", "test")
"""Sides of a split, the earliest first: a later side must not know an earlier one."""

MOST_PER_CASE = 5
"""Copies listed per case and earlier side, the strongest first; groups of near-empty slices would fill books."""


class DisjointSets:
    """Numbers ``0 … n-1`` in sets that can be joined."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))
        self._size = [1] * size

    def find(self, item: int) -> int:
        """Return the number that stands for the item's set."""
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def size(self, item: int) -> int:
        """Return how many items the item's set holds."""
        return self._size[self.find(item)]

    def join(self, one: int, other: int) -> None:
        """Make one set of two; the smallest item stands for it."""
        low, high = sorted((self.find(one), self.find(other)))
        if low != high:
            self._parent[high] = low
            self._size[low] += self._size[high]


def joined(count: int, copies: Sequence[Copy]) -> DisjointSets:
    """Return ``count`` cases with all copies joined."""
    sets = DisjointSets(count)
    for copy in copies:
        sets.join(copy.first, copy.second)
    return sets


@dataclass(frozen=True)
class Leak:
    """A case of a later side whose copy, or whose patient, stands on an earlier side.

    Args:
        test: Position of the case on the later side.
        train: Position of the other one.
        kind: One of ``KINDS``.
        score: How alike, 0…1; 1 for ``patient``.
        sides: The earlier and the later side.
    """

    test: int
    train: int
    kind: str
    score: float
    sides: tuple[str, str]


@dataclass(frozen=True)
class LabelConflict:
    """One content under several classes: positions and labels of its cases, and the strongest contradicting pair."""

    members: tuple[int, ...]
    labels: tuple[str | None, ...]
    kind: str
    score: float


def content_groups(count: int, copies: Sequence[Copy]) -> list[str]:
    """Name the content of each of ``count`` cases: copies, and copies of copies, share a name.

    Names run in the order of the cases (``g0001`` …); a case without a copy has a name of its own.
    """
    sets = joined(count, copies)
    digits = max(4, len(str(count)))
    names: dict[int, str] = {}
    for index in range(count):
        names.setdefault(sets.find(index), f"g{len(names) + 1:0{digits}d}")
    return [names[sets.find(index)] for index in range(count)]


def find_leaks(sides: Sequence[str], copies: Sequence[Copy], owners: Sequence[str | None]) -> list[Leak]:
    """Find what stands on several sides of a split.

    Copies: for each case the ``MOST_PER_CASE`` strongest on each earlier side; where only a copy of a copy stands
    there, that one. Patients: for each case its patient's first case on each earlier side.

    Args:
        sides: Side of each case; empty: in no part. Names outside ``SIDES`` (folds) follow in alphabetical order.
        copies: Pairs of these cases.
        owners: Patient of each case, else the group it must stay with, or None.
    """
    order = {side: rank for rank, side in enumerate((*SIDES, *sorted(set(sides) - {"", *SIDES})))}
    leaks = [*_direct(sides, copies, order)]
    leaks += _chained(sides, copies, order, {(leak.test, leak.sides[0]) for leak in leaks})
    kept = []
    for _, group in groupby(sorted(leaks, key=lambda leak: (leak.test, leak.sides, *_strength(leak))), _place):
        kept += list(group)[:MOST_PER_CASE]
    return sorted([*kept, *_shared_owners(sides, owners, order)], key=lambda leak: (leak.test, *_strength(leak)))


def strongest(leaks: Sequence[Leak]) -> dict[int, Leak]:
    """Return the strongest leak of each case on a later side."""
    best: dict[int, Leak] = {}
    for leak in sorted(leaks, key=_strength):
        best.setdefault(leak.test, leak)
    return best


def label_conflicts(labels: Sequence[str | None], copies: Sequence[Copy]) -> list[LabelConflict]:
    """Find contents whose copies carry different classes; cases without a class do not contradict."""
    sets, near = joined(len(labels), copies), _neighbors(copies)
    members: dict[int, list[int]] = {}
    for index in sorted(near):
        members.setdefault(sets.find(index), []).append(index)
    found = []
    for group in members.values():
        if len({labels[i] for i in group} - {None}) > 1:
            kind, score = _contradiction(group, labels, near)
            found.append(LabelConflict(tuple(group), tuple(labels[i] for i in group), kind, score))
    return sorted(found, key=lambda conflict: conflict.members)


def _contradiction(
    group: Sequence[int], labels: Sequence[str | None], near: dict[int, list[tuple[int, Copy]]]
) -> tuple[str, float]:
    """Return kind and score of the strongest link between two classes of one content."""
    direct = [
        (KINDS.index(copy.kind), -copy.score)
        for i in group
        for other, copy in near[i]
        if labels[i] is not None and labels[other] not in (None, labels[i])
    ]
    if direct:
        rank, score = min(direct)
        return KINDS[rank], -score
    first = next(i for i in group if labels[i] is not None)
    _, kind, score = _way(first, {i for i in group if labels[i] not in (None, labels[first])}, near)
    return kind, score


def _direct(sides: Sequence[str], copies: Sequence[Copy], order: dict[str, int]) -> list[Leak]:
    leaks = []
    for copy in copies:
        earlier, later = sorted((copy.first, copy.second), key=lambda i: order.get(sides[i], -1))
        if sides[earlier] and sides[later] and sides[earlier] != sides[later]:
            leaks.append(Leak(later, earlier, copy.kind, copy.score, (sides[earlier], sides[later])))
    return leaks


def _chained(
    sides: Sequence[str], copies: Sequence[Copy], order: dict[str, int], known: set[tuple[int, str]]
) -> list[Leak]:
    """Find cases linked to an earlier side by copies of copies alone."""
    near = _neighbors(copies)
    sets = joined(len(sides), copies)
    present: dict[int, dict[str, set[int]]] = {}
    for index in near:
        present.setdefault(sets.find(index), {}).setdefault(sides[index], set()).add(index)
    leaks = []
    for index in near:
        side = sides[index]
        for earlier, goals in present[sets.find(index)].items():
            if earlier and side and order[earlier] < order[side] and (index, earlier) not in known:
                leaks.append(Leak(index, *_way(index, goals, near), (earlier, side)))
    return leaks


def _way(start: int, goals: set[int], near: dict[int, list[tuple[int, Copy]]]) -> tuple[int, str, float]:
    """Walk from copy to copy to the nearest goal; return it with the kind and the score of the whole way.

    Two mirrorings undo each other; else a way is as weak as its weakest step.
    """
    seen = {start}
    queue = deque([(start, 0, 1.0, False, False)])
    while queue[0][0] not in goals:
        place, weakest, score, flipped, any_flip = queue.popleft()
        for other, copy in near[place]:
            if other not in seen:
                seen.add(other)
                flip = copy.kind == "mirror"
                step = (max(weakest, KINDS.index(copy.kind)), min(score, copy.score), flipped != flip, any_flip or flip)
                queue.append((other, *step))
    place, weakest, score, flipped, any_flip = queue[0]
    return place, "mirror" if flipped else "content" if any_flip else KINDS[weakest], score


def _neighbors(copies: Sequence[Copy]) -> dict[int, list[tuple[int, Copy]]]:
    near: dict[int, list[tuple[int, Copy]]] = {}
    for copy in copies:
        near.setdefault(copy.first, []).append((copy.second, copy))
        near.setdefault(copy.second, []).append((copy.first, copy))
    return near


def _shared_owners(sides: Sequence[str], owners: Sequence[str | None], order: dict[str, int]) -> list[Leak]:
    first: dict[tuple[str, str], int] = {}
    for index, (side, owner) in enumerate(zip(sides, owners, strict=True)):
        if side and owner is not None:
            first.setdefault((owner, side), index)
    sides_of: dict[str, list[str]] = {}
    for owner, side in first:
        sides_of.setdefault(owner, []).append(side)
    return [
        Leak(index, first[owner, earlier], "patient", 1.0, (earlier, side))
        for index, (side, owner) in enumerate(zip(sides, owners, strict=True))
        if side and owner is not None
        for earlier in sides_of[owner]
        if order[earlier] < order[side]
    ]


def _strength(leak: Leak) -> tuple[int, float, int]:
    return (KINDS.index(leak.kind), -leak.score, leak.train)


def _place(leak: Leak) -> tuple[int, tuple[str, str]]:
    return (leak.test, leak.sides)
