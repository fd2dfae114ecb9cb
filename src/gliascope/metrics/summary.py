"""One line for many values."""

from collections.abc import Iterable

import numpy as np


def summarize(values: Iterable[float]) -> dict[str, float | int]:
    """Describe values, leaving out the undefined ones and saying how many there were.

    Args:
        values: One per case, in any unit; ``nan`` where the metric is undefined.

    Returns:
        ``mean``, ``median``, ``sd`` (sample, n - 1) in the same unit, ``n`` values and ``missing`` ones. Without
        values ``mean``, ``median`` and ``sd`` are ``nan``; with one, or with an infinite one, ``sd`` is.

    Example:
        >>> summarize([1.0, 3.0, 5.0, float("nan")])
        {'mean': 3.0, 'median': 3.0, 'sd': 2.0, 'n': 3, 'missing': 1}
    """
    everything = np.asarray(list(values), dtype=np.float64)
    known = everything[~np.isnan(everything)]
    nan = float("nan")
    if not known.size:
        return {"mean": nan, "median": nan, "sd": nan, "n": 0, "missing": everything.size}
    return {
        "mean": float(known.mean()),
        "median": float(np.median(known)),
        "sd": float(known.std(ddof=1)) if known.size > 1 and np.isfinite(known).all() else nan,
        "n": known.size,
        "missing": everything.size - known.size,
    }
