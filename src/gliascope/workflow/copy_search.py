"""The search for copies among the cases of a data set, done once and kept beside the prepared cases.

Its file is named by all that it depends on: the version of the search, and every case's content and reading. So a
second training on the same cases, by whatever split of them, knows the copies at once.
"""

import hashlib
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from gliascope.case import Case
from gliascope.files import atomic
from gliascope.leakage import SEARCH_VERSION, Copy, CopyKind, Fingerprint, find_copies, fingerprint_all
from gliascope.workflow.progress import ProgressCallback


@dataclass(frozen=True)
class CopySearch:
    """What was found.

    Args:
        ids: The cases, sorted.
        pixels: Pixels or voxels of each; 0: it cannot be read.
        copies: Pairs of positions in ``ids``.
    """

    ids: tuple[str, ...]
    pixels: tuple[int, ...]
    copies: tuple[Copy, ...]

    def among(self, cases: Sequence[Case]) -> list[Copy]:
        """Return the pairs of which both are among some of the cases, by position there; sorted."""
        place = {case.id: index for index, case in enumerate(cases)}
        found = []
        for copy in self.copies:
            ends = place.get(self.ids[copy.first]), place.get(self.ids[copy.second])
            if ends[0] is not None and ends[1] is not None:
                found.append(Copy(min(ends[0], ends[1]), max(ends[0], ends[1]), copy.kind, copy.score))
        return sorted(found)

    def sizes(self, cases: Sequence[Case]) -> list[int]:
        """Return the pixels of some of the cases; 0: it cannot be read."""
        known = dict(zip(self.ids, self.pixels, strict=True))
        return [known[case.id] for case in cases]


def search_copies(
    cases: Sequence[Case], folder: Path, *, threads: int | None, progress: ProgressCallback
) -> CopySearch:
    """Find all copies among cases, from the folder where they are known there.

    Args:
        cases: In any order; those that cannot be read have no copies.
        folder: Where the result is kept; that of the prepared cases.
        threads: Cases at a time; None: one per core.
        progress: Told how far it is.

    Raises:
        MachineError: The folder cannot be written.
    """
    ordered = sorted(cases, key=lambda case: case.id)
    name = _name(ordered)
    path = folder / f"copies-{name}.json"
    known = None if name is None else _stored(path, name, ordered)
    if known is None:
        known = _searched(ordered, threads or os.cpu_count() or 1, progress)
        if name is not None:
            copies = [[copy.first, copy.second, copy.kind, copy.score] for copy in known.copies]
            atomic.write_json(path, {"name": name, "pixels": known.pixels, "copies": copies})
    return known


def _name(cases: Sequence[Case]) -> str | None:
    """Return what the result depends on as 64 hex digits; None where a file cannot be read."""
    digest = hashlib.sha256(f"{SEARCH_VERSION}\n".encode())
    try:
        for case in cases:
            reading = (type(case.source).__name__, getattr(case.source, "channels", None))
            digest.update(f"{case.id} {case.content_hash()} {reading}\n".encode())
    except OSError:
        return None
    return digest.hexdigest()


def _stored(path: Path, name: str, cases: Sequence[Case]) -> CopySearch | None:
    """Return the result in a file if it is whole and the one its name says, else None."""
    try:
        tree = json.loads(path.read_text())
        found = CopySearch(
            tuple(case.id for case in cases),
            tuple(int(pixels) for pixels in tree["pixels"]),
            tuple(Copy(int(first), int(second), kind, float(score)) for first, second, kind, score in tree["copies"]),
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    whole = len(found.pixels) == len(cases) and all(_is_possible(copy, len(cases)) for copy in found.copies)
    return found if whole and tree["name"] == name else None


def _is_possible(copy: Copy, cases: int) -> bool:
    """Say whether a pair that was read can be one of so many cases."""
    return 0 <= copy.first < copy.second < cases and copy.kind in get_args(CopyKind) and 0 <= copy.score <= 1


def _searched(cases: Sequence[Case], threads: int, progress: ProgressCallback) -> CopySearch:
    read = fingerprint_all(
        cases, threads=threads, progress=lambda done, total: progress("look for copies", done, total)
    )
    known = [(index, own) for index, own in enumerate(read) if isinstance(own, Fingerprint)]
    found = find_copies(
        [own for _, own in known], threads=threads, progress=lambda done, total: progress("compare", done, total)
    )
    pixels = [math.prod(own.shape) if isinstance(own, Fingerprint) else 0 for own in read]
    copies = (Copy(known[copy.first][0], known[copy.second][0], copy.kind, copy.score) for copy in found)
    return CopySearch(tuple(case.id for case in cases), tuple(pixels), tuple(copies))
