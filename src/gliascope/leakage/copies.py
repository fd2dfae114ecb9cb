"""Which cases show the same: equal files, equal values, the same content, or its mirror image."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from gliascope.leakage.content import same_content
from gliascope.leakage.fingerprint import Fingerprint

SEARCH_VERSION = 1
"""Raise it when a reader, the fingerprints or the comparison change: results that are kept then no longer count."""

CopyKind = Literal["bytes", "pixels", "content", "mirror"]


@dataclass(frozen=True, order=True)
class Copy:
    """Two cases that show the same.

    Args:
        first: Position in the first list.
        second: Position in the second list, or in the first where only one was given (then ``first < second``).
        kind: ``bytes`` (equal files), ``pixels`` (equal decoded values), ``content`` (the same slice, changed in
            scale, compression, brightness, sharpness or frame, or turned) or ``mirror`` (the same, flipped).
        score: How alike, 0…1; 1 for ``bytes`` and ``pixels``, else the correlation of their detail when one lies on
            the other.
    """

    first: int
    second: int
    kind: CopyKind
    score: float


def find_copies(
    fingerprints: Sequence[Fingerprint],
    others: Sequence[Fingerprint] | None = None,
    *,
    threads: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> list[Copy]:
    """Find every pair of cases that show the same.

    Pictures are compared with pictures, and volumes with volumes that share a channel.

    Args:
        fingerprints: The cases.
        others: Cases of another data set; given, only pairs between the two lists are looked for.
        threads: How many pairs are compared at a time.
        progress: Called with the number of steps done and of all.

    Returns:
        The pairs, sorted, each once with the surest kind that holds.
    """
    right = fingerprints if others is None else others
    one_list = others is None
    found: dict[tuple[int, int], Copy] = {}
    for first, second in _sharing([f.files for f in fingerprints], [f.files for f in right], one_list=one_list):
        if fingerprints[first].files == right[second].files:
            found[first, second] = Copy(first, second, "bytes", 1.0)
    pixels = [sorted(f.pixels) for f in fingerprints], [sorted(f.pixels) for f in right]
    for first, second in _sharing(*pixels, one_list=one_list):
        found.setdefault((first, second), Copy(first, second, "pixels", 1.0))
    for same in same_content(fingerprints, others, found, threads=threads, progress=progress):
        kind: CopyKind = "mirror" if same.mirrored else "content"
        found[same.first, same.second] = Copy(same.first, same.second, kind, same.score)
    return sorted(found.values())


def _sharing(
    keys: Sequence[Sequence[str]], others: Sequence[Sequence[str]], *, one_list: bool
) -> Iterator[tuple[int, int]]:
    """Yield the pairs that have a key in common."""
    places: dict[str, list[int]] = {}
    for index, names in enumerate(others):
        for name in names:
            places.setdefault(name, []).append(index)
    for first, names in enumerate(keys):
        for name in names:
            for second in places.get(name, ()):
                if not one_list or first < second:
                    yield first, second
