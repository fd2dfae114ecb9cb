"""One line for many values."""

from collections.abc import Iterable

import numpy as np


def summarize(values: Iterable[float]) -> dict[str, float | int]:
    """Describe values, leaving out the undefined ones and saying how many there were.

    An infinite value (a distance to a tumor that was missed) would make every mean infinite. So mean and spread are
    taken of the finite ones, which are counted apart from the infinite ones, and the median of all.

    Args:
        values: One per case, in any unit; ``nan`` where the metric is undefined.

    Returns:
        ``mean``, ``median``, ``sd`` (sample, n - 1) in the same unit, ``n`` values, of which ``infinite`` are infinite,
        and ``missing`` ones besides. Without values ``median`` is ``nan``, without finite ones ``mean`` too; with fewer
        than two of these ``sd`` is.

    Example:
        >>> summarize([1.0, 3.0, 5.0, float("nan")])
        {'mean': 3.0, 'median': 3.0, 'sd': 2.0, 'n': 3, 'missing': 1, 'infinite': 0}
        >>> summarize([1.0, 3.0, float("inf")])["median"]
        3.0
    """
    everything = np.asarray(list(values), dtype=np.float64)
    known = everything[~np.isnan(everything)]
    finite = known[np.isfinite(known)]
    nan = float("nan")
    return {
        "mean": float(finite.mean()) if finite.size else nan,
        "median": float(np.median(known)) if known.size else nan,
        "sd": float(finite.std(ddof=1)) if finite.size > 1 else nan,
        "n": known.size,
        "missing": everything.size - known.size,
        "infinite": known.size - finite.size,
    }
