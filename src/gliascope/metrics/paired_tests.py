"""Whether two systems differ: tests of paired differences that take whole patients, and correction for many tests."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gliascope.metrics.resampling import drawn_signs, every_sign, known_values

ENUMERATED = 16
"""Patients up to which every combination of signs is tried."""

SIGN_DRAWS = 9_999
"""Random sign combinations beyond that; the smallest p-value is one in 10,000."""


def permutation_test(
    differences: ArrayLike, clusters: Sequence[Hashable], *, draws: int = SIGN_DRAWS, seed: int = 0
) -> float:
    """p-value of a paired difference, by turning patients round.

    If two systems are alike, a patient's differences might as well have had the other sign. All differences of one
    patient turn together; the statistic is the mean over cases, as it is shown. Two-sided.

    Args:
        differences: First minus second, one per case; what is not finite is left out.
        clusters: One id per difference.
        draws: Random combinations of signs where there are more than 16 patients with a difference.
        seed: Seed of those.

    Returns:
        Share of the combinations whose mean is at least as far from zero: exact up to 16 patients, else from random
        draws, the observed one among them, so that it is never 0. 1 where all differences are 0, ``nan`` without any.

    Raises:
        ValueError: The numbers of differences and of clusters differ.

    Source:
        Phipson & Smyth 2010, doi:10.2202/1544-6115.1585 (why a p-value from draws is not 0).

    Example:
        >>> permutation_test([1.0, 2.0, 3.0], ["a", "b", "c"])  # 2 of 8 combinations
        0.25
    """
    known, numbers, count = known_values(differences, clusters, finite=True)
    sums = np.bincount(numbers, known, minlength=count).astype(np.float64)
    return _turned(sums, draws, seed)


def wilcoxon_test(differences: ArrayLike, clusters: Sequence[Hashable]) -> float:
    """p-value of Wilcoxon's signed-rank test of paired differences, two-sided.

    The ranks are those of the patients' mean differences, as cases of one patient are no independent witnesses.
    Patients without any difference (to 12 decimals) are left out, as Wilcoxon did.

    Args:
        differences: First minus second, one per case; what is not finite is left out.
        clusters: One id per difference.

    Returns:
        Exact up to 16 patients, ties or not; up to 50 without ties too; else from the normal distribution, with the
        variance corrected for ties and no correction for continuity. 1 where all are 0, ``nan`` without any.

    Raises:
        ValueError: The numbers of differences and of clusters differ.

    Source:
        Wilcoxon 1945, doi:10.2307/3001968; beyond 16 patients SciPy's.

    Example:
        >>> wilcoxon_test([1.0, 2.0, 3.0, -0.5], ["a", "b", "c", "d"])
        0.25
    """
    from scipy.stats import rankdata, wilcoxon

    known, numbers, count = known_values(differences, clusters, finite=True)
    means = np.round(np.bincount(numbers, known, minlength=count) / np.bincount(numbers, minlength=count), 12)
    moved = means[means != 0]
    if len(moved) <= ENUMERATED:
        return _turned(np.sign(moved) * rankdata(np.abs(moved)) if len(moved) else means, 0, 0)
    ties = len(np.unique(np.abs(moved))) < len(moved)
    method = "asymptotic" if ties or len(moved) > 50 else "exact"
    return float(wilcoxon(moved, method=method).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number: the chance of one false finding in the family stays at the level.

    The smallest of ``m`` is multiplied by ``m``, the next by ``m - 1`` and so on; none may fall below one before it,
    nor exceed 1. ``nan`` (no test was possible) stays and does not count.

    Source:
        Holm 1979, Scandinavian Journal of Statistics 6, 65-70.

    Example:
        >>> [round(p, 6) for p in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    corrected = p.copy()
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return [float(value) for value in corrected]


def _turned(amounts: NDArray[np.float64], draws: int, seed: int) -> float:
    """Two-sided p-value of a sum under random signs of its parts."""
    moved = amounts[amounts != 0]
    if not len(moved):
        return 1.0 if len(amounts) else float("nan")
    reached = abs(float(moved.sum())) - 1e-9 * float(np.abs(moved).sum())  # sums differ in their last digits
    if len(moved) <= ENUMERATED:
        return float((np.abs(every_sign(len(moved)) @ moved) >= reached).mean())
    hits = sum(int((np.abs(signs @ moved) >= reached).sum()) for signs in drawn_signs(len(moved), draws, seed))
    return (hits + 1) / (draws + 1)
