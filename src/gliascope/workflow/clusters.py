"""Which cases belong together when the uncertainty of a figure is computed: those of one patient."""

from collections.abc import Mapping, Sequence
from typing import Any

from gliascope.metrics.intervals import LEVEL, METHOD, RESAMPLES

ORDER = ("patient", "group", "case")
"""What cases are held together by, the first that is known."""


def clusters_of(rows: Sequence[Mapping[str, Any]]) -> tuple[list[tuple[str, str]], str]:
    """Return the cluster of each case, and what the clusters are, in words.

    A case belongs to its patient; where that is not known to its group of like content; else it stands alone.

    Args:
        rows: Cases with ``case``, and ``patient`` and ``group`` where known.

    Returns:
        One id per case, and ``patient``, ``group`` or ``case``; joined with ``or`` where cases differ in that.

    Example:
        >>> clusters_of([{"case": "a", "patient": "p"}, {"case": "b", "patient": "p"}, {"case": "c", "patient": None}])
        ([('patient', 'p'), ('patient', 'p'), ('case', 'c')], 'patient or case')
    """
    found = [next((name, str(row[name])) for name in ORDER if row.get(name)) for row in rows]
    kinds = {name for name, _ in found}
    return found, " or ".join(name for name in ORDER if name in kinds)


def interval_facts(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how the intervals of these cases are made, as ``evaluate`` tells it."""
    clusters, by = clusters_of(rows)
    return {"method": METHOD, "level": LEVEL, "resamples": RESAMPLES, "clusters": len(set(clusters)), "by": by}
