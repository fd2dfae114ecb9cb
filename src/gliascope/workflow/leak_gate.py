"""Whether a split leaks, found out before a training begins; a leaking one needs leave."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliascope.case import Case
from gliascope.datasets.splits import Split
from gliascope.datasets.union import UnionSettings
from gliascope.errors import InputError, Notice
from gliascope.files import atomic
from gliascope.leakage import Copy
from gliascope.leakage.groups import KINDS, Leak, find_leaks, label_conflicts, strongest
from gliascope.workflow.copy_search import CopySearch

LEAK_FILE = "leakage.json"
"""Where a run keeps the verdict, so that going on with it does not look again."""

SHOWN = 3


@dataclass(frozen=True)
class LeakVerdict:
    """What the gate found.

    Args:
        facts: ``leakage`` of ``run.json``; empty where the split does not leak.
        notices: What stands in every output.
    """

    facts: dict[str, Any]
    notices: tuple[Notice, ...] = ()

    def save(self, run: Path, split: str) -> None:
        """Keep the verdict on a split, given as the text of its table, in the run folder."""
        warnings = [notice.as_json() for notice in self.notices]
        tree = {"leakage": self.facts, "warnings": warnings, "split_sha256": _hash(split)}
        atomic.write_json(run / LEAK_FILE, tree)


def kept_verdict(run: Path, split: str) -> LeakVerdict | None:
    """Return the verdict that a run folder holds on this very split, or None where it holds none."""
    try:
        tree = json.loads((run / LEAK_FILE).read_text())
        if tree["split_sha256"] != _hash(split):
            return None
        return LeakVerdict(dict(tree["leakage"]), tuple(Notice(**warning) for warning in tree["warnings"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_leaks(
    parts: Split, search: CopySearch, *, dataset: str, root: Path, allowed: bool, classify: bool
) -> LeakVerdict:
    """Look for copies and patients on several sides of a split.

    Cases that cannot be read are passed over: preparing them names each.

    Args:
        parts: The split.
        search: The copies among its cases, or among more.
        dataset: The adapter's name, for the advice.
        root: The data set's folder, for the advice.
        allowed: A leaking split may be trained on.
        classify: Classes are learned, so copies of several classes are worth a notice.

    Raises:
        InputError: The split leaks and that is not allowed.
    """
    sided = [(side, case) for side, cases in parts.parts().items() for case in cases]
    sides, cases = [side for side, _ in sided], [case for _, case in sided]
    copies = search.among(cases)
    notices = _contradictions(cases, copies, root) if classify else ()
    leaks = find_leaks(sides, copies, [case.patient or case.group for case in cases])
    if not leaks:
        return LeakVerdict({}, notices)
    facts = _facts(leaks, sides)
    said = _said(facts)
    if not allowed:
        shown = "; ".join(_pair(leak, cases, root) for leak in _examples(leaks))
        cause = f"the split leaks: {said}. Such as {shown}"
        raise InputError(cause, file=root, hint=_advice(dataset, root), code="E_LEAK")
    text = f"The split leaks, which was allowed: {said}. Scores on them measure memory as much as skill."
    return LeakVerdict(facts, (Notice("W_LEAKAGE", "", text), *notices))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _facts(leaks: Sequence[Leak], sides: Sequence[str]) -> dict[str, Any]:
    worst = strongest(leaks).values()
    kinds = Counter(leak.kind for leak in worst)
    later = Counter(leak.sides[1] for leak in worst)
    return {
        "allowed": True,
        "test_cases": sides.count("test"),
        "leaking_test_cases": later["test"],
        "validation_cases": sides.count("validation"),
        "leaking_validation_cases": later["validation"],
        "kinds": {kind: kinds[kind] for kind in KINDS if kinds[kind]},
    }


def _said(facts: dict[str, Any]) -> str:
    counts = [
        f"{facts[f'leaking_{side}_cases']} of {facts[f'{side}_cases']} {side} cases"
        for side in ("test", "validation")
        if facts[f"leaking_{side}_cases"]
    ]
    kinds = ", ".join(f"{kind} {number}" for kind, number in facts["kinds"].items())
    return f"{' and '.join(counts)} have a copy, or their patient, on an earlier side ({kinds})"


def _examples(leaks: Sequence[Leak]) -> list[Leak]:
    """Return a few leaks, the surest first, of different cases."""
    ordered = sorted(strongest(leaks).values(), key=lambda leak: (KINDS.index(leak.kind), -leak.score, leak.test))
    return ordered[:SHOWN]


def _pair(leak: Leak, cases: Sequence[Case], root: Path) -> str:
    names = [_shown(cases[index], root) for index in (leak.test, leak.train)]
    owner = cases[leak.test].patient or cases[leak.test].group
    reason = f"patient {owner}" if leak.kind == "patient" else leak.kind
    return f"{names[0]} ({leak.sides[1]}) and {names[1]} ({leak.sides[0]}): {reason}"


def _shown(case: Case, root: Path) -> str:
    path = case.paths[0]
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _advice(dataset: str, root: Path) -> str:
    allow = "add --allow-leakage (it then stands in every output)"
    if dataset == UnionSettings.card.name:
        return f"Give another split with --split, or {allow}."
    command = f"gliascope audit {dataset} {root} -o audit"
    return f"Make one that does not ({command}; then --split audit/groups.csv), or {allow}."


def _contradictions(cases: Sequence[Case], copies: Sequence[Copy], root: Path) -> tuple[Notice, ...]:
    found = label_conflicts([case.label for case in cases], copies)
    if not found:
        return ()
    names = ", ".join(_shown(cases[index], root) for index in found[0].members[:SHOWN])
    text = f"{len(found)} contents stand under several classes, such as {names}."
    return (Notice("W_LABEL_CONFLICT", "", text),)
