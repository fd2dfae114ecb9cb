"""Copies between two data sets, and what the other one knows of the patients."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliascope.case import Case
from gliascope.datasets import dataset_named
from gliascope.errors import GliascopeError, Notice
from gliascope.leakage import Fingerprint, find_copies, fingerprint_all
from gliascope.leakage.faults import relative_path
from gliascope.leakage.groups import KINDS
from gliascope.workflow.progress import ProgressCallback


@dataclass(frozen=True)
class Match:
    """One case, its copy in the other data set, and that one's class and owner.

    ``owner`` is the other case's patient, else its group, with the other data set's name before it; None where it
    says neither.
    """

    case: int
    other: Case
    path: str
    kind: str
    score: float
    owner: str | None

    def as_json(self, path: str, label: str | None) -> dict[str, Any]:
        """Return one entry of ``against``; ``path`` and ``label`` are those of the own case."""
        found = {"path": path, "other": self.path, "kind": self.kind, "score": round(self.score, 4)}
        return {**found, "labels": [label, self.other.label]}


def find_matches(
    fingerprints: Sequence[Fingerprint | None],
    dataset: str,
    root: Path,
    *,
    threads: int,
    progress: ProgressCallback,
) -> tuple[list[Match], list[Notice]]:
    """Find the cases that another data set holds too.

    Args:
        fingerprints: Those of the own cases; None where one cannot be read.
        dataset: The other one's adapter.
        root: Its folder.
        threads: Cases at a time.
        progress: Told how far it is.

    Returns:
        The matches, sorted by own case and strength, and a notice for each case of the other set that cannot be read.
    """
    cases = dataset_named(dataset).cases(root)
    read = fingerprint_all(
        cases, threads=threads, progress=lambda done, total: progress(f"read {dataset}", done, total)
    )
    notices = [
        Notice("W_UNREADABLE", case.id, f"{error.cause} [{error.code}]")
        for case, error in zip(cases, read, strict=True)
        if isinstance(error, GliascopeError)
    ]
    own = [index for index, known in enumerate(fingerprints) if known is not None]
    there = [(case, known) for case, known in zip(cases, read, strict=True) if isinstance(known, Fingerprint)]
    found = find_copies(
        [known for known in fingerprints if known is not None],
        [known for _, known in there],
        threads=threads,
        progress=lambda done, total: progress(f"compare with {dataset}", done, total),
    )
    matches = []
    for copy in found:
        other = there[copy.second][0]
        path = relative_path(next(iter(other.source.files.values())), root)
        owner = other.patient or other.group
        named = None if owner is None else f"{dataset}:{owner}"
        matches.append(Match(own[copy.first], other, path, copy.kind, copy.score, named))
    return sorted(matches, key=lambda m: (m.case, KINDS.index(m.kind), -m.score, m.path)), notices
