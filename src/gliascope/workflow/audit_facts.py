"""What an audit found as plain data: the ``audit`` JSON."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliascope.case import Case
from gliascope.errors import Notice
from gliascope.leakage.faults import Examined, Fault
from gliascope.leakage.groups import KINDS, SIDES, LabelConflict, Leak, strongest
from gliascope.leakage.proposal import Proposal
from gliascope.leakage.shortcuts import Shortcut
from gliascope.workflow.against import Match
from gliascope.workflow.judged_split import JudgedSplit
from gliascope.workflow.provenance import made


@dataclass(frozen=True)
class Audit:
    """Everything that an audit found, by position of the cases (sorted by path)."""

    dataset: str
    root: Path
    paths: tuple[str, ...]
    split: JudgedSplit
    examined: tuple[Examined, ...]
    contents: tuple[str, ...]
    leaks: tuple[Leak, ...]
    conflicts: tuple[LabelConflict, ...]
    shortcuts: tuple[Shortcut, ...]
    faults: tuple[Fault, ...]
    matches: tuple[Match, ...]
    against: str
    proposal: Proposal | None
    unique: bool
    notices: tuple[Notice, ...]

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases."""
        return self.split.cases


def audit_facts(found: Audit) -> dict[str, Any]:
    """Return the result JSON of ``audit``."""
    paths, cases = found.paths, found.cases
    return {
        "dataset": found.dataset,
        **made(),
        "split": found.split.name,
        "files": sum(len(case.source.files) for case in cases),
        "counts": _counts(found),
        "groups": dict(zip(paths, found.contents, strict=True)),
        "leaks": [
            {
                "test": paths[leak.test],
                "train": paths[leak.train],
                "kind": leak.kind,
                "score": round(leak.score, 4),
                "sides": list(leak.sides),
            }
            for leak in found.leaks
        ],
        "label_conflicts": [
            {
                "paths": [paths[index] for index in conflict.members],
                "labels": list(conflict.labels),
                "kind": conflict.kind,
                "score": round(conflict.score, 4),
            }
            for conflict in found.conflicts
        ],
        "shortcuts": [shortcut.as_json() for shortcut in found.shortcuts],
        "faults": [fault.as_json() for fault in found.faults],
        "against": [match.as_json(paths[match.case], cases[match.case].label) for match in found.matches],
        "proposal": _proposal(found),
        "warnings": [notice.as_json() for notice in (*_patients_unknown(found), *found.notices)],
    }


def leak_counts(leaks: Sequence[Leak], sides: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return for every later side its cases and how many of them leak, in all and by their strongest kind.

    ``leaking`` counts every case with a copy, or with its patient, on an earlier side; ``copied`` those with a copy.
    """
    worst = strongest(leaks)
    later = [side for side in (*SIDES, *sorted(set(sides) - {"", *SIDES})) if side in sides][1:]
    counts = {}
    for side in later:
        own = [leak for leak in worst.values() if leak.sides[1] == side]
        kinds = Counter(leak.kind for leak in own)
        total = sum(name == side for name in sides)
        copied = len(own) - kinds["patient"]
        counts[side] = {
            "cases": total,
            "leaking": len(own),
            "copied": copied,
            "copied_share": round(copied / total, 4),
            "kinds": {kind: kinds[kind] for kind in KINDS if kinds[kind]},
        }
    return counts


def _counts(found: Audit) -> dict[str, Any]:
    often = Counter(found.contents)
    masks = Counter(own.mask for own in found.examined)
    return {
        "cases": len(found.cases),
        "read": sum(own.fingerprint is not None for own in found.examined),
        "patients": len({case.patient for case in found.cases if case.patient is not None}),
        "contents": len(often),
        "copies": sum(number - 1 for number in often.values()),
        "sides": leak_counts(found.leaks, found.split.sides),
        "label_conflicts": len(found.conflicts),
        "faults": dict(sorted(Counter(fault.code for fault in found.faults).items())),
        "masks": {name: masks[name] for name in ("filled", "empty") if masks[name]},
        "against": len({match.case for match in found.matches}),
    }


def _proposal(found: Audit) -> dict[str, Any] | None:
    proposal = found.proposal
    if proposal is None:
        return None
    kept = Counter(unit for unit, reason in zip(proposal.units, proposal.left_out, strict=True) if not reason)
    largest = max(kept, key=lambda unit: (kept[unit], unit))
    return {
        "unique": found.unique,
        "units": len(kept),
        "largest_unit": {"name": largest, "cases": kept[largest]},
        "left_out": dict(sorted(Counter(filter(None, proposal.left_out)).items())),
        "parts": _filling(found, proposal.parts),
        "folds": [_filling(found, parts) for parts in proposal.folds],
    }


def _filling(found: Audit, parts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return cases and classes of each part."""
    filled = {}
    for side in SIDES:
        own = [case.label for case, part in zip(found.cases, parts, strict=True) if part == side]
        classes = Counter(label for label in own if label is not None)
        filled[side] = {"cases": len(own), "classes": dict(sorted(classes.items()))}
    return filled


def _patients_unknown(found: Audit) -> list[Notice]:
    unknown = sum(case.patient is None for case in found.cases)
    if not unknown:
        return []
    text = (
        f"{unknown} of {len(found.cases)} cases say no patient: an audit finds their copies, but not other slices of "
        "one patient."
    )
    return [Notice("W_PATIENTS_UNKNOWN", "", text)]
