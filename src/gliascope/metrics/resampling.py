"""Random draws for statistics: whole patients with replacement, and random signs.

All come from a counter-based generator's raw bits, so that a seed gives the same figures with every version of NumPy
and in whatever order the figures are computed.
"""

from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

BLOCK = 2**20
"""Numbers that are held at once; larger tables are worked off in blocks of rows."""

KEPT = 2**23
"""Tables of counts up to this size are kept for the next figure of the same patients."""

_CLUSTERS, _SIGNS = 1, 2
"""Purposes, part of the generator's key: draws for one never repeat in the other."""


def known_values(
    values: ArrayLike, clusters: Sequence[Hashable], *, finite: bool
) -> tuple[NDArray[np.float64], NDArray[np.intp], int]:
    """Return the values that are defined (and ``finite``), the number of each one's cluster, and how many these are.

    Raises:
        ValueError: The numbers of values and of clusters differ.
    """
    everything = np.asarray(values, dtype=np.float64)
    if everything.shape != (len(clusters),):
        raise ValueError(f"values of shape {everything.shape} for {len(clusters)} clusters")
    kept = np.isfinite(everything) if finite else ~np.isnan(everything)
    return everything[kept], *cluster_numbers([clusters[row] for row in np.flatnonzero(kept)])


def cluster_numbers(clusters: Sequence[Hashable]) -> tuple[NDArray[np.intp], int]:
    """Number the clusters 0, 1, 2 … in order of appearance; return the number of each entry and how many there are."""
    numbers: dict[Hashable, int] = {}
    each = np.array([numbers.setdefault(name, len(numbers)) for name in clusters], dtype=np.intp)
    return each, len(numbers)


def drawn_clusters(count: int, resamples: int, seed: int) -> Iterator[NDArray[np.intp]]:
    """Yield blocks of draws with replacement, shape ``(rows, count)``; ``resamples`` rows in all.

    Source:
        Salmon 2011, doi:10.1145/2063384.2063405 (Philox); Lemire 2019, doi:10.1145/3230636 (multiply and shift; the
        bias of at most ``count / 2**32`` is left).
    """
    bits = _bits(seed, _CLUSTERS)
    rows = max(1, BLOCK // count)
    for start in range(0, resamples, rows):
        shape = min(rows, resamples - start), count
        raw = bits.random_raw(shape[0] * count) >> np.uint64(32)
        yield ((raw * np.uint64(count)) >> np.uint64(32)).astype(np.intp).reshape(shape)


def drawn_counts(count: int, resamples: int, seed: int) -> Iterator[NDArray[np.uint16]]:
    """Yield how often each cluster was drawn: the draws of ``drawn_clusters``, counted; shape ``(rows, count)``."""
    return iter(_kept_counts(count, resamples, seed)) if count * resamples <= KEPT else _counts(count, resamples, seed)


def drawn_cases(clusters: NDArray[np.intp], count: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yield how often each case was drawn, shape ``(rows, N)``: as often as its cluster.

    Args:
        clusters: Number of the cluster of each of the ``N`` cases.
        count: How many clusters there are.
        resamples: How many rows there are in all.
        seed: As in ``drawn_clusters``.
    """
    rows = max(1, BLOCK // len(clusters))
    for block in drawn_counts(count, resamples, seed):
        for start in range(0, len(block), rows):
            yield block[start : start + rows, clusters].astype(np.float64)


def drawn_signs(count: int, draws: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yield blocks of fair signs, -1 or 1, of shape ``(rows, count)``; ``draws`` rows in all."""
    bits = _bits(seed, _SIGNS)
    rows = max(1, BLOCK // count)
    for start in range(0, draws, rows):
        shape = min(rows, draws - start), count
        words = bits.random_raw(-(-shape[0] * count // 64)).astype("<u8")
        yield _as_signs(np.unpackbits(words.view(np.uint8))[: shape[0] * count].reshape(shape))


def every_sign(count: int) -> NDArray[np.float64]:
    """Return every way to give ``count`` signs, shape ``(2 ** count, count)``."""
    numbers = np.arange(2**count, dtype=np.uint64)[:, None]
    return _as_signs((numbers >> np.arange(count, dtype=np.uint64)) & np.uint64(1))


def _as_signs(bits: NDArray[np.integer]) -> NDArray[np.float64]:
    return bits.astype(np.float64) * 2.0 - 1.0


def _bits(seed: int, purpose: int) -> np.random.Philox:
    return np.random.Philox(key=np.array([seed % 2**64, purpose], dtype=np.uint64))


@lru_cache(maxsize=4)
def _kept_counts(count: int, resamples: int, seed: int) -> tuple[NDArray[np.uint16], ...]:
    return tuple(_counts(count, resamples, seed))


def _counts(count: int, resamples: int, seed: int) -> Iterator[NDArray[np.uint16]]:
    for block in drawn_clusters(count, resamples, seed):
        rows = len(block)
        flat = (np.arange(rows)[:, None] * count + block).ravel()
        yield np.bincount(flat, minlength=rows * count).reshape(rows, count).astype(np.uint16)
