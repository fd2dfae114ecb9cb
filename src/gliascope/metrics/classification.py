"""How well tumor classes are told apart: everything follows from the confusion matrix.

The confusion matrix has one row per *reference* class and one column per *predicted* class. The rule for empty classes
is that of masks: undefined (``nan``) where a class neither occurs nor is predicted, 0 where only one of these holds.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.errors import InputError, LabelError

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


def accuracy_score(confusion: IntArray) -> float:
    """Share of the cases on the diagonal, 0…1; ``nan`` without cases."""
    total = int(confusion.sum())
    return int(np.trace(confusion)) / total if total else float("nan")


def balanced_accuracy_score(confusion: IntArray) -> float:
    """Mean recall of the classes that occur, 0…1; ``nan`` without cases."""
    occurs = confusion.sum(axis=1) > 0
    return _mean(np.diag(confusion)[occurs] / confusion.sum(axis=1)[occurs])


def class_scores(confusion: IntArray) -> dict[str, FloatArray]:
    """Return ``precision``, ``recall``, ``f1``, ``iou`` (0…1) and ``support`` (cases) of each class, shape ``(C,)``.

    Of sets of cases, F1 is the Dice score; ``iou`` is the Jaccard index.
    """
    right = np.diag(confusion).astype(np.float64)
    support = confusion.sum(axis=1).astype(np.float64)
    predicted = confusion.sum(axis=0).astype(np.float64)
    scores = {
        "precision": right / np.maximum(predicted, 1.0),
        "recall": right / np.maximum(support, 1.0),
        "f1": 2.0 * right / np.maximum(predicted + support, 1.0),
        "iou": right / np.maximum(predicted + support - right, 1.0),
    }
    unknown = (predicted + support) == 0
    return {name: np.where(unknown, np.nan, values) for name, values in scores.items()} | {"support": support}


def average_scores(scores: dict[str, FloatArray]) -> dict[str, dict[str, float]]:
    """Average class scores: ``macro`` (each class counts once) and ``weighted`` (each case counts once).

    Classes without a value are left out. ``support`` is the number of cases in both.
    """
    support = scores["support"]
    total = float(support.sum())
    averages: dict[str, dict[str, float]] = {"macro": {}, "weighted": {}}
    for name in ("precision", "recall", "f1", "iou"):
        values, known = scores[name], ~np.isnan(scores[name])
        averages["macro"][name] = _mean(values[known])
        averages["weighted"][name] = float(values[known] @ support[known]) / total if total else float("nan")
    for average in averages.values():
        average["support"] = total
    return averages


def evaluate_classes(
    labels: Sequence[str], probabilities: NDArray[np.floating], classes: Sequence[str]
) -> dict[str, Any]:
    """Score a classifier on cases whose class is known.

    The predicted class is the most probable one; of equal ones the first.

    Args:
        labels: Reference class of each case.
        probabilities: Shape ``(N, C)``, in the order of ``classes``.
        classes: Names of the classes.

    Returns:
        ``classes``, ``confusion`` (rows are references) and ``summary``: per class and for ``macro`` and ``weighted``
        precision, recall, f1 (Dice), iou and support; for ``all`` accuracy, balanced accuracy, mean confidence (the
        mean of the largest probability) and support. Undefined values are ``nan``.

    Raises:
        InputError: The number of labels, of probabilities or of classes differ, or a probability is not finite.
        LabelError: A label is none of the classes.
    """
    if probabilities.shape != (len(labels), len(classes)):
        cause = f"probabilities of shape {probabilities.shape} for {len(labels)} cases and {len(classes)} classes"
        raise InputError(cause)
    if not np.isfinite(probabilities).all():
        raise InputError(f"{np.count_nonzero(~np.isfinite(probabilities))} probabilities are not finite")
    predicted = [classes[index] for index in np.argmax(probabilities, axis=1)]
    confusion = confusion_matrix(predicted, labels, classes)
    scores = class_scores(confusion)
    per_class = {
        label: {name: float(values[index]) for name, values in scores.items()} for index, label in enumerate(classes)
    }
    overall = {
        "accuracy": accuracy_score(confusion),
        "balanced_accuracy": balanced_accuracy_score(confusion),
        "mean_confidence": _mean(probabilities.max(axis=1)),
        "support": float(len(labels)),
    }
    summary = {**per_class, **average_scores(scores), "all": overall}
    for row in summary.values():
        row["support"] = int(row["support"])  # a number of cases, not a measure
    return {"classes": list(classes), "confusion": confusion.tolist(), "summary": summary}


def _indices(names: Sequence[str], classes: Sequence[str]) -> NDArray[np.intp]:
    """Positions of names among the classes."""
    unknown = sorted(set(names) - set(classes))
    if unknown:
        raise LabelError(f"unknown class {', '.join(unknown)}", hint=f"Known: {', '.join(classes)}.")
    order = {name: index for index, name in enumerate(classes)}
    return np.array([order[name] for name in names], dtype=np.intp)


def _mean(values: NDArray[np.floating]) -> float:
    return float(values.mean(dtype=np.float64)) if values.size else float("nan")
