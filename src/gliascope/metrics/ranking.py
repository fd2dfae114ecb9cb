"""How well scores rank the cases of a class before all others: areas under the ROC and the PR curve.

Both follow from counting, case by case from the highest score down, how many cases of the class and how many others
have come; cases with one score come together. Counts per case let a bootstrap draw cases several times.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ranking:
    """Cases in the order of their scores, sorted once for any number of draws; made by ``rank_cases``.

    Args:
        order: Cases from the highest score to the lowest, shape ``(N,)``.
        positive: Whether the case at that place belongs to the class, shape ``(N,)``.
        starts: Where each of the ``U`` runs of equal scores begins.
    """

    order: NDArray[np.intp]
    positive: NDArray[np.bool_]
    starts: NDArray[np.intp]

    def counted(self, counts: FloatArray) -> "Counted":
        """Count cases of the class and others, run by run.

        Args:
            counts: How often each case was drawn, shape ``(R, N)``: each row is a draw.
        """
        everyone = counts[:, self.order]
        found = everyone * self.positive
        if len(self.starts) < len(self.order):
            everyone, found = (np.add.reduceat(table, self.starts, axis=1) for table in (everyone, found))
        return Counted(found, everyone - found)


@dataclass(frozen=True, eq=False)
class Counted:
    """Cases of the class (``found``) and others in each run of equal scores, highest first, shape ``(R, U)``."""

    found: FloatArray
    others: FloatArray

    def roc_auc(self) -> FloatArray:
        """Area under the ROC curve of the class against all others, shape ``(R,)``.

        The share of the pairs (a case of the class, another case) in which the former has the higher score; equal
        scores count half. No unit, 0…1, up is better, 0.5 is chance. ``nan`` where no case or every case is of the
        class.

        Source:
            Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747; checked against scikit-learn's
            ``roc_auc_score``.
        """
        above = np.cumsum(self.found, axis=1) - self.found / 2
        return _ratio((above * self.others).sum(axis=1), self.found.sum(axis=1) * self.others.sum(axis=1))

    def average_precision(self) -> FloatArray:
        """Area under the precision-recall curve of the class against all others, shape ``(R,)``.

        The sum, over the thresholds from the highest score down, of the precision times the rise of the recall: steps,
        no interpolation. No unit, 0…1, up is better; a ranking by chance has the share of the class. ``nan`` where no
        case is of the class.

        Source:
            Definition of scikit-learn's ``average_precision_score``, against which it is checked.
        """
        right, everyone = np.cumsum(self.found, axis=1), np.cumsum(self.found + self.others, axis=1)
        precision = right / np.maximum(everyone, 1.0)
        return _ratio((precision * self.found).sum(axis=1), self.found.sum(axis=1))


def rank_cases(inside: NDArray[np.bool_], scores: NDArray[np.floating]) -> Ranking:
    """Sort the cases by a score.

    Args:
        inside: Whether each case is of the class, shape ``(N,)``, at least one case.
        scores: How much each case is held for one of the class, shape ``(N,)``; finite.

    Example:
        >>> ranking = rank_cases(np.array([True, False, False]), np.array([0.9, 0.4, 0.9]))
        >>> ranking.counted(np.ones((1, 3))).roc_auc().tolist()
        [0.75]
    """
    order = np.argsort(-scores, kind="stable")
    descending = scores[order]
    first = np.concatenate([[True], descending[1:] != descending[:-1]])
    return Ranking(order, inside[order], np.flatnonzero(first))


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Divide; ``nan`` where there is nothing to divide by."""
    return np.asarray(np.where(whole > 0, part / np.maximum(whole, 1.0), np.nan))
