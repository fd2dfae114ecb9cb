import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from gliascope.errors import InputError, LabelError
from gliascope.labels import TUMOR_CLASSES
from gliascope.metrics.classification import (
    accuracy_score,
    average_scores,
    balanced_accuracy_score,
    class_scores,
    confusion_matrix,
    evaluate_classes,
)

PAIRS = st.lists(st.tuples(st.sampled_from(TUMOR_CLASSES), st.sampled_from(TUMOR_CLASSES)), min_size=1, max_size=40)


@given(pairs=PAIRS)
@settings(max_examples=60, deadline=None)
def test_values_agree_with_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    prediction, reference = [p for p, _ in pairs], [r for _, r in pairs]
    present = sorted(set(prediction) | set(reference), key=TUMOR_CLASSES.index)
    confusion = confusion_matrix(prediction, reference, TUMOR_CLASSES)
    np.testing.assert_array_equal(
        confusion, sklearn_metrics.confusion_matrix(reference, prediction, labels=list(TUMOR_CLASSES))
    )
    assert accuracy_score(confusion) == pytest.approx(sklearn_metrics.accuracy_score(reference, prediction))
    assert balanced_accuracy_score(confusion) == pytest.approx(
        sklearn_metrics.recall_score(
            reference, prediction, labels=sorted(set(reference)), average="macro", zero_division=0
        )
    )
    scores = class_scores(confusion)
    rows = [TUMOR_CLASSES.index(name) for name in present]
    theirs = sklearn_metrics.precision_recall_fscore_support(reference, prediction, labels=present, zero_division=0)
    for name, values in zip(("precision", "recall", "f1", "support"), theirs, strict=True):
        np.testing.assert_allclose(scores[name][rows], values)
    for average in ("macro", "weighted"):
        precision, recall, f1, _ = sklearn_metrics.precision_recall_fscore_support(
            reference, prediction, labels=present, average=average, zero_division=0
        )
        ours = average_scores(scores)[average]
        assert (ours["precision"], ours["recall"], ours["f1"]) == pytest.approx((precision, recall, f1))
        assert ours["support"] == len(pairs)


def test_a_class_that_neither_occurs_nor_is_predicted_is_undefined_and_left_out() -> None:
    scores = class_scores(confusion_matrix(["a", "b"], ["a", "a"], ["a", "b", "c"]))
    assert [math.isnan(value) for value in scores["f1"]] == [False, False, True]
    assert scores["recall"][1] == 0.0  # predicted once, never right
    assert average_scores(scores)["macro"]["recall"] == pytest.approx((0.5 + 0.0) / 2)


def test_no_cases_give_undefined_values() -> None:
    empty = confusion_matrix([], [], ["a", "b"])
    assert math.isnan(accuracy_score(empty))
    assert math.isnan(balanced_accuracy_score(empty))
    assert math.isnan(average_scores(class_scores(empty))["weighted"]["f1"])


def test_evaluate_classes_gives_the_shape_of_the_results_file() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.3, 0.3, 0.4]])
    result = evaluate_classes(["a", "c", "c"], probabilities, ("a", "b", "c"))
    assert result["classes"] == ["a", "b", "c"]
    assert result["confusion"] == [[1, 0, 0], [0, 0, 0], [0, 1, 1]]
    assert list(result["summary"]) == ["a", "b", "c", "macro", "weighted", "all"]
    wanted = {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "iou": 0.5, "support": 2.0}
    assert result["summary"]["c"] == wanted | {"roc_auc": 1.0, "pr_auc": 1.0}
    assert all(type(row["support"]) is int for row in result["summary"].values())
    overall = result["summary"]["all"]
    assert overall["accuracy"] == pytest.approx(2 / 3)
    assert overall["balanced_accuracy"] == 0.75
    assert overall["mean_confidence"] == pytest.approx((0.7 + 0.5 + 0.4) / 3)


def test_averages_leave_out_classes_without_an_area() -> None:
    """Class b does not occur: only a and c have areas, and only a and c weigh."""
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.3, 0.3, 0.4]])
    summary = evaluate_classes(["a", "a", "c"], probabilities, ("a", "b", "c"))["summary"]
    assert math.isnan(summary["b"]["roc_auc"])
    assert math.isnan(summary["b"]["pr_auc"])
    areas = [summary[name]["roc_auc"] for name in ("a", "c")]
    assert areas == [0.5, 0.75]
    assert summary["macro"]["roc_auc"] == pytest.approx(np.mean(areas))
    assert summary["weighted"]["roc_auc"] == pytest.approx((2 * areas[0] + areas[1]) / 3)


def test_one_class_alone_has_no_roc_curve() -> None:
    summary = evaluate_classes(["a", "a"], np.array([[0.7, 0.3], [0.4, 0.6]]), ("a", "b"))["summary"]
    assert math.isnan(summary["a"]["roc_auc"])
    assert math.isnan(summary["weighted"]["roc_auc"])
    assert summary["a"]["pr_auc"] == 1.0


def test_averages_agree_with_scikit_learn() -> None:
    draws = np.random.Generator(np.random.Philox(key=5))
    reference = draws.integers(0, 4, 60)
    probabilities = draws.dirichlet(np.ones(4), 60)
    summary = evaluate_classes([TUMOR_CLASSES[index] for index in reference], probabilities, TUMOR_CLASSES)["summary"]
    for average in ("macro", "weighted"):
        wanted = sklearn_metrics.roc_auc_score(reference, probabilities, multi_class="ovr", average=average)
        assert summary[average]["roc_auc"] == pytest.approx(wanted)
        wanted = sklearn_metrics.average_precision_score(np.eye(4)[reference], probabilities, average=average)
        assert summary[average]["pr_auc"] == pytest.approx(wanted)


def test_of_equal_probabilities_the_first_class_counts() -> None:
    assert evaluate_classes(["b"], np.array([[0.5, 0.5]]), ("a", "b"))["confusion"] == [[0, 0], [1, 0]]


def test_faults_are_named() -> None:
    with pytest.raises(LabelError, match=r"unknown class notumor\. Known: glioma, meningioma, pituitary, no_tumor"):
        confusion_matrix(["glioma"], ["notumor"], TUMOR_CLASSES)
    with pytest.raises(InputError, match="1 predictions for 2 references"):
        confusion_matrix(["a"], ["a", "a"], ["a"])
    with pytest.raises(InputError, match=r"shape \(1, 2\) for 1 cases and 3 classes"):
        evaluate_classes(["a"], np.ones((1, 2)), ("a", "b", "c"))
    with pytest.raises(InputError, match="no cases to score"):
        evaluate_classes([], np.ones((0, 2)), ("a", "b"))
    with pytest.raises(InputError, match="1 probabilities are not finite"):
        evaluate_classes(["a"], np.array([[np.nan, 1.0]]), ("a", "b"))
