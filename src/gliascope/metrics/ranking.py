"""How well probabilities rank the cases of each class before all others: areas under the ROC and the PR curve.

Both follow from counting, case by case from the highest score down, how many cases of the class and how many others
have come; cases with one score come together. Counts per case let a bootstrap draw cases several times.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ranking:
    """The cases in the order of each class's score, sorted once for any number of draws.

    Args:
        order: Cases from the highest score to the lowest, shape ``(C, N)``.
        positive: Whether the case at that place belongs to the class, shape ``(C, N)``.
        starts: Where in the flat ``(C * N)`` order each run of equal scores begins.
        row: The class of each run.
    """

    order: NDArray[np.intp]
    positive: NDArray[np.bool_]
    starts: NDArray[np.intp]
    row: NDArray[np.intp]

    def counted(self, counts: FloatArray | None = None) -> "Counted":
        """Count cases of the class and others, run by run.

        Args:
            counts: How often each case was drawn, shape ``(N,)``; None: each once.
        """
        drawn = np.ones(self.order.shape) if counts is None else counts[self.order]
        inside = np.where(self.positive, drawn, 0.0)
        found = np.add.reduceat(inside.ravel(), self.starts)
        others = np.add.reduceat((drawn - inside).ravel(), self.starts)
        return Counted(found, others, self.row, len(self.order))


@dataclass(frozen=True, eq=False)
class Counted:
    """Cases of the class (``found``) and others in each run of equal scores, highest first, class after class."""

    found: FloatArray
    others: FloatArray
    row: NDArray[np.intp]
    classes: int

    def roc_auc(self) -> FloatArray:
        """Area under the ROC curve of each class against all others, shape ``(C,)``.

        The share of the pairs (a case of the class, another case) in which the former has the higher score; equal
        scores count half. No unit, 0…1, up is better, 0.5 is chance. ``nan`` where no case or every case is of the
        class.

        Source:
            Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747; checked against scikit-learn's
            ``roc_auc_score``.
        """
        positives, negatives = self._sum(self.found), self._sum(self.others)
        above = self._so_far(self.found) - self.found / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self._sum(above * self.others) / (positives * negatives))

    def average_precision(self) -> FloatArray:
        """Area under the precision-recall curve of each class against all others, shape ``(C,)``.

        The sum, over the thresholds from the highest score down, of the precision times the rise of the recall: steps,
        no interpolation. No unit, 0…1, up is better; a ranking by chance has the share of the class. ``nan`` where no
        case is of the class.

        Source:
            Definition of scikit-learn's ``average_precision_score``, against which it is checked.
        """
        right, all_of_them = self._so_far(self.found), self._so_far(self.found + self.others)
        precision = right / np.maximum(all_of_them, np.finfo(np.float64).tiny)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self._sum(precision * self.found) / self._sum(self.found))

    def _sum(self, values: FloatArray) -> FloatArray:
        return np.bincount(self.row, weights=values, minlength=self.classes).astype(np.float64)

    def _so_far(self, values: FloatArray) -> FloatArray:
        """Cumulative sum within each class, the run itself included."""
        sums = np.cumsum(values)
        before = np.concatenate([[0.0], np.cumsum(self._sum(values))[:-1]])
        return np.asarray(sums - before[self.row])


def rank_classes(reference: NDArray[np.intp], scores: NDArray[np.floating]) -> Ranking:
    """Sort the cases by the score of each class.

    Args:
        reference: The class of each case as an index, shape ``(N,)``, at least one case.
        scores: One score per case and class, shape ``(N, C)``; finite.

    Example:
        >>> ranking = rank_classes(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.9, 0.1]]))
        >>> ranking.counted().roc_auc().tolist()
        [0.75, 0.75]
    """
    descending = np.argsort(-scores, axis=0, kind="stable").T
    sorted_scores = np.take_along_axis(scores.T, descending, axis=1)
    first = np.ones(descending.shape, dtype=np.bool_)
    first[:, 1:] = sorted_scores[:, 1:] != sorted_scores[:, :-1]
    starts = np.flatnonzero(first)
    positive = reference[descending] == np.arange(scores.shape[1])[:, None]
    return Ranking(descending, positive, starts, starts // len(scores))
