import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sklearn_metrics

from gliascope.metrics.overlap import (
    BoolArray,
    Counts,
    count_voxels,
    dice_score,
    iou_score,
    precision_score,
    sensitivity_score,
    specificity_score,
)

MASKS = arrays(np.bool_, (4, 3, 2)).filter(lambda mask: mask.any() and not mask.all())


@given(prediction=MASKS, reference=MASKS)
@settings(max_examples=60, deadline=None)
def test_values_agree_with_scikit_learn(prediction: BoolArray, reference: BoolArray) -> None:
    flat = reference.ravel(), prediction.ravel()
    assert dice_score(prediction, reference) == pytest.approx(sklearn_metrics.f1_score(*flat))
    assert iou_score(prediction, reference) == pytest.approx(sklearn_metrics.jaccard_score(*flat))
    assert precision_score(prediction, reference) == pytest.approx(sklearn_metrics.precision_score(*flat))
    assert sensitivity_score(prediction, reference) == pytest.approx(sklearn_metrics.recall_score(*flat))
    assert specificity_score(prediction, reference) == pytest.approx(sklearn_metrics.recall_score(*flat, pos_label=0))


def test_known_values_of_two_cubes() -> None:
    reference = np.zeros((12, 12, 12), dtype=np.bool_)
    reference[1:11, 1:11, 1:11] = True
    prediction = np.roll(reference, 1, axis=0)  # golden vector M: Dice 0.9
    assert count_voxels(prediction, reference) == Counts(900, 100, 100, 628)
    assert dice_score(prediction, reference) == 0.9
    assert iou_score(prediction, reference) == 900 / 1100
    assert sensitivity_score(prediction, reference) == 0.9
    assert precision_score(prediction, reference) == 0.9
    assert specificity_score(prediction, reference) == 628 / 728


def test_specificity_of_a_reference_that_fills_the_image_is_undefined() -> None:
    full = np.ones((2, 2), dtype=np.bool_)
    assert np.isnan(specificity_score(full, full))
    assert np.isnan(specificity_score(~full, full))


@given(masks=st.tuples(MASKS, MASKS))
@settings(max_examples=30, deadline=None)
def test_dice_follows_from_iou(masks: tuple[BoolArray, BoolArray]) -> None:
    iou = iou_score(*masks)
    assert dice_score(*masks) == pytest.approx(2 * iou / (1 + iou))
