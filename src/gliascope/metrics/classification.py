"""How well tumor classes are told apart: by the answers (the confusion matrix) and by the probabilities (``ranking``).

The confusion matrix has one row per *reference* class and one column per *predicted* class. The rule for empty classes
is that of masks: undefined (``nan``) where a class neither occurs nor is predicted, 0 where only one of these holds.
The areas under curves need cases of the class, the ROC curve others too; without them they are undefined.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.errors import InputError, LabelError
from gliascope.metrics.ranking import Ranking, rank_cases

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def confusion_matrix(prediction: Sequence[str], reference: Sequence[str], classes: Sequence[str]) -> IntArray:
    """Count the cases by reference class (row) and predicted class (column).

    Args:
        prediction: One class name per case.
        reference: One class name per case, in the same order.
        classes: Every class, in the order of rows and columns.

    Returns:
        Counts, shape ``(C, C)``.

    Raises:
        InputError: The numbers of cases differ.
        LabelError: A name is none of the classes.

    Example:
        >>> confusion_matrix(["a", "b", "b"], ["a", "a", "b"], ["a", "b"]).tolist()
        [[1, 1], [0, 1]]
    """
    if len(prediction) != len(reference):
        raise InputError(f"{len(prediction)} predictions for {len(reference)} references")
    matrix = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(matrix, (_indices(reference, classes), _indices(prediction, classes)), 1)
    return matrix


def accuracy_score(confusion: NDArray[np.number]) -> FloatArray:
    """Share of the cases on the diagonal of ``(..., C, C)`` matrices, 0…1; ``nan`` without cases."""
    return _ratio(_right(confusion).sum(axis=-1), confusion.sum(axis=(-2, -1)))


def balanced_accuracy_score(confusion: NDArray[np.number]) -> FloatArray:
    """Mean recall of the classes that occur in ``(..., C, C)`` matrices, 0…1; ``nan`` without cases."""
    recall = _ratio(_right(confusion), confusion.sum(axis=-1))
    return _mean(recall, np.ones_like(recall))


def class_scores(confusion: NDArray[np.number]) -> dict[str, FloatArray]:
    """Return ``precision``, ``recall``, ``f1``, ``iou`` (0…1) and ``support`` (cases) of each class.

    Of sets of cases, F1 is the Dice score; ``iou`` is the Jaccard index. Matrices of shape ``(..., C, C)`` give scores
    of shape ``(..., C)``.
    """
    right = _right(confusion)
    support, predicted = confusion.sum(axis=-1).astype(np.float64), confusion.sum(axis=-2).astype(np.float64)
    scores = {
        "precision": right / np.maximum(predicted, 1.0),
        "recall": right / np.maximum(support, 1.0),
        "f1": 2.0 * right / np.maximum(predicted + support, 1.0),
        "iou": right / np.maximum(predicted + support - right, 1.0),
    }
    unknown = (predicted + support) == 0
    return {name: np.where(unknown, np.nan, values) for name, values in scores.items()} | {"support": support}


def average_scores(scores: dict[str, FloatArray]) -> dict[str, dict[str, FloatArray]]:
    """Average ``(..., C)`` scores: ``macro`` (each class counts once) and ``weighted`` (each case counts once).

    Classes without a value are left out. ``support`` is the number of cases in both.
    """
    support = scores["support"]
    measures = {name: values for name, values in scores.items() if name != "support"}
    weights = {"macro": np.ones_like(support), "weighted": support}
    return {
        average: {name: _mean(values, own) for name, values in measures.items()} | {"support": support.sum(axis=-1)}
        for average, own in weights.items()
    }


@dataclass(frozen=True, eq=False)
class ClassifiedCases:
    """Cases whose class is known, with the probabilities that a classifier gave.

    Args:
        reference: The class of each case as an index, shape ``(N,)``.
        probabilities: Shape ``(N, C)``, finite.
        classes: Names of the classes.
        answers: The class that was answered for each case as an index, shape ``(N,)``, where that is not the most
            probable one, as in a vote; None: the most probable one, of equal ones the first.
    """

    reference: NDArray[np.intp]
    probabilities: NDArray[np.floating]
    classes: tuple[str, ...]
    answers: NDArray[np.intp] | None = None

    @cached_property
    def predicted(self) -> NDArray[np.intp]:
        """The answer for each case, shape ``(N,)``."""
        if self.answers is not None:
            return self.answers
        return np.asarray(np.argmax(self.probabilities, axis=1), dtype=np.intp)

    @cached_property
    def _confidence(self) -> FloatArray:
        return np.asarray(self.probabilities.max(axis=1), dtype=np.float64)

    @cached_property
    def _rankings(self) -> list[Ranking]:
        """The cases in the order of each class's probability."""
        each = enumerate(np.asarray(self.probabilities, dtype=np.float64).T)
        return [rank_cases(self.reference == index, scores) for index, scores in each]

    @cached_property
    def _cells(self) -> FloatArray:
        """Where each case stands in the flat confusion matrix, as zeros and a one, shape ``(N, C * C)``."""
        size = len(self.classes)
        return np.asarray(np.eye(size * size)[self.reference * size + self.predicted])

    def confusion(self) -> IntArray:
        """Return the confusion matrix, shape ``(C, C)``."""
        size = len(self.classes)
        return np.asarray(self._cells.sum(axis=0).reshape(size, size), dtype=np.int64)

    def summary(self) -> dict[str, dict[str, float]]:
        """Return every figure by row (a class, ``macro``, ``weighted``, ``all``) and name; see ``evaluate_classes``."""
        once = self.figures(np.ones((1, len(self.reference))))
        return {row: {name: float(values[0]) for name, values in own.items()} for row, own in once.items()}

    def figures(self, counts: FloatArray) -> dict[str, dict[str, FloatArray]]:
        """Return the same for many draws of the cases: each figure has shape ``(R,)``.

        Args:
            counts: How often each case counts, whole numbers, shape ``(R, N)``.
        """
        size = len(self.classes)
        confusion = (counts @ self._cells).reshape(-1, size, size)
        curves = [ranking.counted(counts) for ranking in self._rankings]
        scores = class_scores(confusion)
        support = scores.pop("support")
        scores["roc_auc"] = np.stack([curve.roc_auc() for curve in curves], axis=-1)
        scores["pr_auc"] = np.stack([curve.average_precision() for curve in curves], axis=-1)
        scores["support"] = support
        per_class = {
            label: {name: values[:, index] for name, values in scores.items()}
            for index, label in enumerate(self.classes)
        }
        overall = {
            "accuracy": accuracy_score(confusion),
            "balanced_accuracy": balanced_accuracy_score(confusion),
            "mean_confidence": _ratio(counts @ self._confidence, counts.sum(axis=1)),
            "support": support.sum(axis=-1),
        }
        return {**per_class, **average_scores(scores), "all": overall}


def classified_cases(
    labels: Sequence[str],
    probabilities: NDArray[np.floating],
    classes: Sequence[str],
    answers: Sequence[str] | None = None,
) -> ClassifiedCases:
    """Check what a classifier said of cases whose class is known.

    Args:
        labels: Reference class of each case.
        probabilities: Shape ``(N, C)``, in the order of ``classes``.
        classes: Names of the classes.
        answers: The class that was answered for each case; None: the most probable one.

    Raises:
        InputError: There are no cases, the number of labels, of probabilities or of classes differ, or a probability
            is not finite.
        LabelError: A label or an answer is none of the classes.
    """
    if not len(labels):
        raise InputError("there are no cases to score")
    if probabilities.shape != (len(labels), len(classes)):
        cause = f"probabilities of shape {probabilities.shape} for {len(labels)} cases and {len(classes)} classes"
        raise InputError(cause)
    if not np.isfinite(probabilities).all():
        raise InputError(f"{np.count_nonzero(~np.isfinite(probabilities))} probabilities are not finite")
    given = None if answers is None else _indices(answers, classes)
    return ClassifiedCases(_indices(labels, classes), probabilities, tuple(classes), given)


def evaluate_classes(
    labels: Sequence[str],
    probabilities: NDArray[np.floating],
    classes: Sequence[str],
    answers: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Score a classifier on cases whose class is known.

    Args:
        labels: Reference class of each case.
        probabilities: Shape ``(N, C)``, in the order of ``classes``.
        classes: Names of the classes.
        answers: The class that was answered for each case, as by a vote; None: the most probable one, of equal ones
            the first.

    Returns:
        ``classes``, ``confusion`` (rows are references) and ``summary``: per class and for ``macro`` and ``weighted``
        precision, recall, f1 (Dice), iou, roc_auc and pr_auc (each class against all others) and support; for ``all``
        accuracy, balanced accuracy, mean confidence (the mean of the largest probability) and support. Undefined
        values are ``nan``; averages leave them out.

    Raises:
        InputError: There are no cases, the number of labels, of probabilities or of classes differ, or a probability
            is not finite.
        LabelError: A label or an answer is none of the classes.
    """
    cases = classified_cases(labels, probabilities, classes, answers)
    summary: dict[str, dict[str, Any]] = {name: dict(row) for name, row in cases.summary().items()}
    for row in summary.values():
        row["support"] = int(row["support"])  # a number of cases, not a measure
    return {"classes": list(classes), "confusion": cases.confusion().tolist(), "summary": summary}


def _indices(names: Sequence[str], classes: Sequence[str]) -> NDArray[np.intp]:
    """Positions of names among the classes."""
    unknown = sorted(set(names) - set(classes))
    if unknown:
        raise LabelError(f"unknown class {', '.join(unknown)}", hint=f"Known: {', '.join(classes)}.")
    order = {name: index for index, name in enumerate(classes)}
    return np.array([order[name] for name in names], dtype=np.intp)


def _right(confusion: NDArray[np.number]) -> FloatArray:
    """Cases on the diagonal, shape ``(..., C)``."""
    return np.asarray(np.diagonal(confusion, axis1=-2, axis2=-1), dtype=np.float64)


def _mean(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted mean over the last axis of what is defined; ``nan`` without any weight."""
    known = ~np.isnan(values)
    return _ratio((np.where(known, values, 0.0) * weights).sum(axis=-1), (known * weights).sum(axis=-1))


def _ratio(part: NDArray[np.number], whole: NDArray[np.number]) -> FloatArray:
    """Divide by whole numbers; ``nan`` where there is nothing to divide by."""
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
