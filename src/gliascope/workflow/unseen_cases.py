"""Which cases no member of a system has learned from: those alone tell how good the system is."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliascope.case import Case
from gliascope.datasets.splits import PARTS, Split
from gliascope.errors import InputError, Notice

RANK = {"train": 2, "validation": 1}
"""How much a member knows of a case; of any other part it knows nothing."""


@dataclass(frozen=True)
class MemberSplit:
    """How one trained or planned member divided its cases.

    Args:
        name: The member's.
        config: Its resolved recipe.
        data: Where its data lies.
        split: Name of the division.
        parts: Cases by part, those dropped included.
    """

    name: str
    config: Mapping[str, Any]
    data: Path
    split: str
    parts: Mapping[str, tuple[Case, ...]]


def system_parts(scored: MemberSplit, members: Sequence[MemberSplit]) -> Split:
    """Divide the cases of one member by what all members together know of them.

    A case trains where any member trained on it, validates where any validated on it, and tests the system where all
    held it back or never met it. Where every member divides by patient, a patient's cases go together.

    Args:
        scored: The member whose cases are scored.
        members: All members of the system that were trained, ``scored`` among them.

    Returns:
        The parts; a notice tells where they differ from those of ``scored``.

    Raises:
        InputError: ``scored`` has test cases, and no case is left that every member held back.
    """
    by_patient = all(member.split.startswith("by patient") for member in members)
    known: dict[Path, int] = {}
    for member in members:
        for part, own in member.parts.items():
            for case in own:
                known[_file(case)] = max(known.get(_file(case), 0), RANK.get(part, 0))
    cases = sorted((case for part in scored.parts.values() for case in part), key=lambda case: case.id)
    worst: dict[Hashable, int] = {}
    for case in cases:
        unit = _unit(case, by_patient=by_patient)
        worst[unit] = max(worst.get(unit, 0), known[_file(case)])
    sides: dict[int, list[Case]] = {0: [], 1: [], 2: []}
    for case in cases:
        sides[worst[_unit(case, by_patient=by_patient)]].append(case)
    unseen = {_file(case) for case in sides[0]}
    tests = scored.parts.get("test", ())
    lost = sum(_file(case) not in unseen for case in tests)
    if tests and not unseen:
        hint = "Give all members one split: the same seed and shares, or --split."
        raise InputError("its members leave no case that none of them learned from", hint=hint, code="E_SPLIT")
    notices: tuple[Notice, ...] = ()
    if lost:
        text = f"{lost} of {len(tests)} test cases of {scored.name} were learned from by another member: no test cases."
        notices = (Notice("W_SEEN_BY_MEMBER", "", text),)
    name = scored.split
    if any(member.split != scored.split for member in members):
        name += "; test cases are those that no member learned from"
    found = dict(zip(PARTS, (tuple(sides[2]), tuple(sides[1]), tuple(sides[0])), strict=True))
    return Split(name, found["train"], found["validation"], found["test"], notices)


def _unit(case: Case, *, by_patient: bool) -> Hashable:
    owner = case.patient or case.group
    return ("patient", owner) if by_patient and owner else _file(case)


def _file(case: Case) -> Path:
    return next(iter(case.source.files.values())).resolve()
