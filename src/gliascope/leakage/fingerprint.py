"""What is kept of a case to find its copies later, without reading it again.

Three levels: the bytes of the files, the decoded values, and small views of the content (``views``).
"""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gliascope.case import Case, sha256_of
from gliascope.errors import GliascopeError, Notice
from gliascope.leakage.views import View, views_of
from gliascope.scan import Scan


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What one case looks like.

    Args:
        id: The case's id.
        files: SHA-256 of every image file, sorted; reference masks do not count.
        pixels: SHA-256 of the decoded values: one of all channels together, and one of each channel that shows
            something. Equal channels count once, so a gray picture equals its copy in red, green and blue.
        views: Small pictures of the content; empty where there is too little to say.
        channels: Names of the channels as read.
        shape: Size as read, ``(I, J)`` or ``(I, J, K)``.
        notices: What the reader noticed, such as a file whose name does not say its format.
    """

    id: str
    files: tuple[str, ...]
    pixels: frozenset[str]
    views: tuple[View, ...]
    channels: tuple[str, ...]
    shape: tuple[int, ...]
    notices: tuple[Notice, ...]


def fingerprint(case: Case) -> Fingerprint:
    """Read a case once and keep what tells its copies.

    Raises:
        InputError: A file is missing, damaged, blank or unusable.
        MachineError: A file may not be read.
    """
    scan = case.read()
    files = tuple(sorted({sha256_of(path) for path in case.source.files.values()}))
    return Fingerprint(case.id, files, value_hashes(scan), views_of(scan), scan.channels, scan.grid.shape, scan.notices)


def fingerprint_all(
    cases: Sequence[Case], *, threads: int = 2, progress: Callable[[int, int], None] | None = None
) -> list[Fingerprint | GliascopeError]:
    """Fingerprint many cases.

    Args:
        cases: In any order.
        threads: How many cases are read at a time.
        progress: Called with the number done and the number of all.

    Returns:
        Per case its fingerprint, or the error that says why it cannot be read.
    """
    results: list[Fingerprint | GliascopeError] = []
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for result in pool.map(_fingerprint_or_error, cases):
            results.append(result)
            if progress is not None:
                progress(len(results), len(cases))
    return results


def _fingerprint_or_error(case: Case) -> Fingerprint | GliascopeError:
    try:
        return fingerprint(case)
    except GliascopeError as error:
        return error


def value_hashes(scan: Scan) -> frozenset[str]:
    """Return the hashes of a scan's values; two scans that share one show the same, whatever their files are."""
    distinct: dict[str, bool] = {}
    for channel in scan.array:
        distinct[_hash_of(channel)] = float(channel.max()) > float(channel.min())
    hashes = {digest for digest, shows_something in distinct.items() if shows_something}
    return frozenset({*hashes, hashlib.sha256("".join(distinct).encode()).hexdigest()})


def _hash_of(values: NDArray[np.float32]) -> str:
    """Hash values to five significant digits, so that 16-bit and 8-bit files of the same picture agree."""
    bits = np.ascontiguousarray(values + np.float32(0)).view(np.uint32)  # + 0 turns -0 into 0
    kept = (bits + np.uint32(1 << 6)) >> np.uint32(7)
    return hashlib.sha256(f"{values.shape}".encode() + kept.tobytes()).hexdigest()
