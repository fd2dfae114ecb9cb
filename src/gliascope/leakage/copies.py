"""Which cases show the same: equal files, equal values, the same content, or its mirror image."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from gliascope.leakage.fingerprint import Fingerprint

CopyKind = Literal["bytes", "pixels", "content", "mirror"]

LEAST_SCORE = 0.97


@dataclass(frozen=True, order=True)
class Copy:
    """Two cases that show the same.

    Args:
        first: Position in the first list.
        second: Position in the second list, or in the first where only one was given (then ``first < second``).
        kind: ``bytes`` (equal files), ``pixels`` (equal decoded values), ``content`` (the same slice, changed in
            scale, compression, brightness or frame) or ``mirror`` (the same, flipped left to right).
        score: How alike, 0…1; 1 for ``bytes`` and ``pixels``.
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

    Args:
        fingerprints: The cases.
        others: Cases of another data set; given, only pairs between the two lists are looked for.
        threads: How many pairs are compared at a time.
        progress: Called with the number of steps done and of all.

    Returns:
        The pairs, sorted, each once with the strongest kind that holds.
    """
    del threads
    right = fingerprints if others is None else others
    found: dict[tuple[int, int], Copy] = {}
    for kind, keys, other_keys in (
        ("bytes", [f.files for f in fingerprints], [f.files for f in right]),
        ("pixels", [tuple(f.pixels) for f in fingerprints], [tuple(f.pixels) for f in right]),
    ):
        for pair in _equal(keys, other_keys, one_list=others is None):
            found.setdefault(pair, Copy(*pair, kind, 1.0))  # type: ignore[arg-type]
    for copy in _same_content(fingerprints, right, one_list=others is None):
        found.setdefault((copy.first, copy.second), copy)
    if progress is not None:
        progress(1, 1)
    return sorted(found.values())


def _equal(
    keys: Sequence[tuple[str, ...]], others: Sequence[tuple[str, ...]], *, one_list: bool
) -> Iterator[tuple[int, int]]:
    places: dict[str, list[int]] = {}
    for index, names in enumerate(others):
        for name in names:
            places.setdefault(name, []).append(index)
    for first, names in enumerate(keys):
        for name in names:
            for second in places.get(name, []):
                if not one_list or first < second:
                    yield first, second


def _same_content(left: Sequence[Fingerprint], right: Sequence[Fingerprint], *, one_list: bool) -> Iterator[Copy]:
    rows = [i for i, f in enumerate(left) if f.views]
    columns = [i for i, f in enumerate(right) if f.views]
    if not rows or not columns:
        return
    a = np.stack([_descriptor(left[i].views[0].pixels) for i in rows])
    for kind, flip in (("content", False), ("mirror", True)):
        b = np.stack([_descriptor(right[i].views[0].pixels[:, :: -1 if flip else 1]) for i in columns])
        for start in range(0, len(rows), 1024):
            scores = a[start : start + 1024] @ b.T
            for row, column in zip(*np.nonzero(scores >= LEAST_SCORE), strict=True):
                first, second = rows[start + row], columns[column]
                same_kind = left[first].views[0].name == right[second].views[0].name
                if same_kind and (not one_list or first < second):
                    yield Copy(first, second, kind, min(1.0, float(scores[row, column])))  # type: ignore[arg-type]


def _descriptor(view: NDArray[np.uint8]) -> NDArray[np.float32]:
    small: NDArray[np.float32] = cv2.resize(view, (48, 48), interpolation=cv2.INTER_AREA).astype(np.float32)
    band: NDArray[np.float32] = cv2.GaussianBlur(small, (0, 0), 0.7) - cv2.GaussianBlur(small, (0, 0), 4.0)
    local = band / (np.sqrt(cv2.GaussianBlur(band * band, (0, 0), 4.0)) + 4)
    flat = (local - local.mean()).ravel()
    unit: NDArray[np.float32] = flat / max(float(np.linalg.norm(flat)), 1e-6)
    return unit
