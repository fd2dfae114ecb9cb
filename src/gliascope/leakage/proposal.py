"""A split that keeps together what belongs together: copies, patients, groups; balanced by number and by class.

Greedy and seeded: units go from the largest to the smallest, each to the part that it fills most evenly.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gliascope.errors import InputError
from gliascope.leakage.groups import SIDES, DisjointSets

FRACTIONS: Mapping[str, float] = dict(zip(SIDES, (0.7, 0.15, 0.15), strict=True))
"""Shares of the parts."""

VALIDATION = 0.15
"""Share of what a fold leaves to train that validates."""

LARGEST_JOIN = 0.15
"""Copies never join patients or groups into a unit of more than this share of all cases."""


@dataclass(frozen=True)
class Belonging:
    """What one case belongs to.

    Args:
        content: Its content group.
        patient: Who it is, or None.
        group: What else it must stay with, or None.
        stratum: What parts are balanced by: its class.
        pixels: Size of its image; of several copies the largest stays.
    """

    content: str
    patient: str | None = None
    group: str | None = None
    stratum: str = ""
    pixels: int = 0


@dataclass(frozen=True)
class Proposal:
    """A proposed split.

    Args:
        units: Per case the name of what stays together.
        left_out: Per case why it stands in no part; empty: it stands in one. ``unreadable``; ``conflict`` (its copies
            carry another class) and ``copy`` (one of its copies stands there), of unique proposals; ``bridge`` (its
            copies belong to several patients or groups that are too large to become one).
        parts: Per case its part, or an empty text.
        folds: The same for every fold: its cases are the test.
    """

    units: tuple[str, ...]
    left_out: tuple[str, ...]
    parts: tuple[str, ...]
    folds: tuple[tuple[str, ...], ...]


def propose(
    cases: Sequence[Belonging],
    *,
    folds: int = 0,
    unique: bool = False,
    seed: int = 0,
    unusable: Iterable[int] = (),
    contradicting: Iterable[int] = (),
) -> Proposal:
    """Propose a split into 70 % training, 15 % validation and 15 % test, and folds.

    Args:
        cases: What each belongs to, in the order of their paths.
        folds: Number of folds; 0: none.
        unique: Keep one case of each content, and none of contents with several classes.
        seed: Which of the equally good splits.
        unusable: Cases that cannot be read.
        contradicting: Cases of contents with several classes.

    Raises:
        InputError: There are fewer units than parts.
    """
    left_out = [""] * len(cases)
    for index in unusable:
        left_out[index] = "unreadable"
    if unique:
        for index in contradicting:
            left_out[index] = left_out[index] or "conflict"
        _keep_one(cases, left_out)
    roots = _units(cases, left_out)
    names = _names(cases, roots)
    kept = [index for index, reason in enumerate(left_out) if not reason]
    random = np.random.Generator(np.random.Philox(key=seed))
    parts = _placed(cases, roots, kept, FRACTIONS, random)
    found = tuple(f"fold{number}" for number in range(1, folds + 1))
    fold_of = _placed(cases, roots, kept, dict.fromkeys(found, 1 / folds), random) if folds else {}
    tables = []
    for name in found:
        rest = [index for index in kept if fold_of[index] != name]
        others = _placed(cases, roots, rest, {"train": 1 - VALIDATION, "validation": VALIDATION}, random)
        tables.append(tuple("" if left_out[i] else others.get(i, "test") for i in range(len(cases))))
    return Proposal(names, tuple(left_out), tuple(parts.get(i, "") for i in range(len(cases))), tuple(tables))


def _keep_one(cases: Sequence[Belonging], left_out: list[str]) -> None:
    """Leave out all but one readable case of each content: the largest, else the first."""
    best: dict[str, int] = {}
    for index, case in enumerate(cases):
        if not left_out[index] and (case.content not in best or case.pixels > cases[best[case.content]].pixels):
            best[case.content] = index
    for index, case in enumerate(cases):
        if not left_out[index] and best[case.content] != index:
            left_out[index] = "copy"


def _units(cases: Sequence[Belonging], left_out: list[str]) -> list[int]:
    """Return a number per case that says with whom it stays; cases that would join too much are left out."""
    sets = DisjointSets(len(cases))
    for key in ("patient", "group"):
        first: dict[str, int] = {}
        for index, case in enumerate(cases):
            name = getattr(case, key)
            if name is not None:
                sets.join(index, first.setdefault(name, index))
    contents: dict[str, list[int]] = {}
    for index, case in enumerate(cases):
        contents.setdefault(case.content, []).append(index)
    most = LARGEST_JOIN * len(cases)
    for members in contents.values():
        sizes = {sets.find(index): sets.size(index) for index in members}
        if sum(sizes.values()) > most and sum(size > 1 for size in sizes.values()) > 1:
            _leave_out_bridges(cases, members, sets, left_out)
            continue
        for index in members[1:]:
            sets.join(members[0], index)
    return [sets.find(index) for index in range(len(cases))]


def _leave_out_bridges(
    cases: Sequence[Belonging], members: Sequence[int], sets: DisjointSets, left_out: list[str]
) -> None:
    """Join the members that belong to nobody to the first; leave out those of other patients or groups."""
    home = next((i for i in members if cases[i].patient or cases[i].group), members[0])
    for index in members:
        if cases[index].patient is None and cases[index].group is None:
            sets.join(home, index)
        elif sets.find(index) != sets.find(home):
            left_out[index] = left_out[index] or "bridge"


def _names(cases: Sequence[Belonging], roots: Sequence[int]) -> tuple[str, ...]:
    """Name units by their first group, else their first patient, else their content."""
    groups: dict[int, str] = {}
    patients: dict[int, str] = {}
    for case, root in zip(cases, roots, strict=True):
        for name, known in ((case.group, groups), (case.patient, patients)):
            if name is not None:
                known[root] = min(name, known.get(root, name))
    return tuple(groups.get(root) or patients.get(root) or cases[root].content for root in roots)


def _placed(
    cases: Sequence[Belonging],
    roots: Sequence[int],
    kept: Sequence[int],
    shares: Mapping[str, float],
    random: np.random.Generator,
) -> dict[int, str]:
    """Give every kept case a part; a unit goes where, over all classes, the parts come closest to their shares."""
    strata = sorted({cases[index].stratum for index in kept})
    units = sorted({roots[index] for index in kept})
    parts = list(shares)
    if len(units) < len(parts):
        cause = f"{len(units)} units (patients, groups, contents) cannot fill {len(parts)} parts"
        raise InputError(cause, hint="Give more cases, or ask for fewer folds.", code="E_SPLIT")
    place = {root: number for number, root in enumerate(units)}
    counts = np.zeros((len(units), len(strata)))
    for (root, stratum), number in Counter((roots[i], cases[i].stratum) for i in kept).items():
        counts[place[root], strata.index(stratum)] = number
    targets = np.outer(list(shares.values()), counts.sum(axis=0))
    drawn = random.permutation(len(units))
    order = drawn[np.argsort(-counts.sum(axis=1)[drawn], kind="stable")]
    chosen = _filled(counts, targets, order)
    return {index: parts[chosen[place[roots[index]]]] for index in kept}


def _filled(counts: NDArray[np.float64], targets: NDArray[np.float64], order: NDArray[np.intp]) -> NDArray[np.intp]:
    """Place units one by one; the squared distance to the targets, relative to them, grows least."""
    held = np.zeros_like(targets)
    filled = np.zeros(len(targets), dtype=np.bool_)
    chosen = np.zeros(len(counts), dtype=np.intp)
    for number, unit in enumerate(order):
        own = counts[unit]
        growth = ((2 * held * own + own * own) / targets).sum(axis=1)
        empty = int(np.count_nonzero(~filled))
        if len(order) - number == empty:
            growth[filled] = np.inf
        part = int(np.argmin(growth))
        held[part] += own
        filled[part] = True
        chosen[unit] = part
    return chosen
