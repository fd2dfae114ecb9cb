"""Confidence intervals of every figure of a classifier, from resamples of whole patients."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from gliascope.metrics.classification import ClassifiedCases
from gliascope.metrics.intervals import Interval, bootstrap_interval, bootstrap_intervals

Intervals = dict[str, dict[str, Interval | None]]
COUNTS = ("support",)
"""Names of the summary that count cases and are no estimates."""


def class_intervals(cases: ClassifiedCases, clusters: Sequence[Hashable]) -> Intervals:
    """Return the interval of each figure of ``cases.summary``, by row and name; ``support`` is a count and has none.

    All figures come from the same resamples. Where a share is 0 or 1 in the cases, no resample can differ: accuracy,
    precision and recall then get the exact limit that so many patients allow (``bootstrap_interval``), other figures
    None.

    Args:
        cases: The cases with their probabilities.
        clusters: One id per case: cases of one patient are drawn together.

    Returns:
        Level 95 %; None where too few patients, or too few resamples in which the figure exists, allow none.

    Raises:
        ValueError: The numbers of cases and of clusters differ.
    """
    if len(clusters) != len(cases.reference):
        raise ValueError(f"{len(clusters)} clusters for {len(cases.reference)} cases")
    keys = [(row, name) for row, figures in cases.summary().items() for name in figures if name not in COUNTS]

    def figures(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        drawn = cases.figures(counts)
        return np.stack([drawn[row][name] for row, name in keys], axis=1)

    found: Intervals = {}
    for (row, name), interval in zip(keys, bootstrap_intervals(figures, clusters), strict=True):
        found.setdefault(row, {})[name] = interval or _exact(cases, clusters, row, name)
    return found


def _exact(cases: ClassifiedCases, clusters: Sequence[Hashable], row: str, name: str) -> Interval | None:
    """Interval of a share that is 0 or 1; None for any other figure."""
    if name == "accuracy":
        among = np.ones(len(cases.reference), dtype=np.bool_)
    elif row in cases.classes and name in ("precision", "recall"):
        answers = cases.predicted if name == "precision" else cases.reference
        among = answers == cases.classes.index(row)
    else:
        return None
    right = (cases.predicted == cases.reference)[among]
    if not len(right) or right.min() != right.max():
        return None
    return bootstrap_interval(right, [clusters[index] for index in np.flatnonzero(among)], bounds=(0.0, 1.0))
