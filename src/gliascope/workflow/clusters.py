"""Which cases belong together when the uncertainty of a figure is computed: those of one patient."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gliascope.errors import Notice, counted
from gliascope.metrics.intervals import FEWEST, LEVEL, METHOD, RESAMPLES

ORDER = ("patient", "group", "case")
"""What cases are held together by, the first that is known."""

LARGE_GROUP, LARGE_SHARE = 30, 0.1
"""A group beyond both, in cases and as a share of all, holds many patients, as a whole fold of figshare does: it says
who must not be parted by a split, not who is one witness."""


def clusters_of(rows: Sequence[Mapping[str, Any]]) -> tuple[list[tuple[str, str]], str]:
    """Return the cluster of each case, and what the clusters are, in words.

    A case belongs to its patient; where that is not known to its group of like content; else, and in a group too large
    to be one patient's, it stands alone.

    Args:
        rows: Cases with ``case``, and ``patient`` and ``group`` where known.

    Returns:
        One id per case, and ``patient``, ``group`` or ``case``; joined with ``or`` where cases differ in that.

    Example:
        >>> clusters_of([{"case": "a", "patient": "p"}, {"case": "b", "patient": "p"}, {"case": "c", "patient": None}])
        ([('patient', 'p'), ('patient', 'p'), ('case', 'c')], 'patient or case')
    """
    sizes = Counter(row["group"] for row in rows if row.get("group") and not row.get("patient"))
    large = {group for group, size in sizes.items() if size > max(LARGE_GROUP, LARGE_SHARE * len(rows))}
    found = [
        next((name, str(row[name])) for name in ORDER if row.get(name) and not (name == "group" and row[name] in large))
        for row in rows
    ]
    kinds = {name for name, _ in found}
    return found, " or ".join(name for name in ORDER if name in kinds)


def interval_facts(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how the intervals of these cases are made, as ``evaluate`` tells it."""
    clusters, by = clusters_of(rows)
    return {"method": METHOD, "level": LEVEL, "resamples": RESAMPLES, "clusters": len(set(clusters)), "by": by}


def lonely_cases(rows: Sequence[Mapping[str, Any]]) -> tuple[Notice, ...]:
    """Return a notice where intervals stand on cases of which nothing says whose they are."""
    alone = sum(kind == "case" for kind, _ in clusters_of(rows)[0])
    if not alone or len(rows) < FEWEST:
        return ()
    text = f"The patient of {counted(alone, 'case')} is not known; intervals take each as a patient."
    return (Notice("W_NO_PATIENT", "", text),)
