import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sklearn_metrics

from gliascope.metrics.masks import Counts, MaskPair
from gliascope.metrics.overlap import dice_score, iou_score, precision_score, sensitivity_score, specificity_score
from gliascope.metrics.surface import BoolArray

MASKS = arrays(np.bool_, (4, 3, 2)).filter(lambda mask: mask.any() and not mask.all())


@given(prediction=MASKS, reference=MASKS)
@settings(max_examples=60, deadline=None)
def test_values_agree_with_scikit_learn(prediction: BoolArray, reference: BoolArray) -> None:
    flat, masks = (reference.ravel(), prediction.ravel()), MaskPair.of(prediction, reference)
    assert dice_score(masks) == pytest.approx(sklearn_metrics.f1_score(*flat))
    assert iou_score(masks) == pytest.approx(sklearn_metrics.jaccard_score(*flat))
    assert precision_score(masks) == pytest.approx(sklearn_metrics.precision_score(*flat))
    assert sensitivity_score(masks) == pytest.approx(sklearn_metrics.recall_score(*flat))
    assert specificity_score(masks) == pytest.approx(sklearn_metrics.recall_score(*flat, pos_label=0))


def test_known_values_of_two_cubes() -> None:
    reference = np.zeros((12, 12, 12), dtype=np.bool_)
    reference[1:11, 1:11, 1:11] = True
    prediction = np.roll(reference, 1, axis=0)  # golden vector M: Dice 0.9
    masks = MaskPair.of(prediction, reference)
    assert masks.counts == Counts(900, 100, 100, 628)
    assert dice_score(masks) == 0.9
    assert iou_score(masks) == 900 / 1100
    assert sensitivity_score(masks) == 0.9
    assert precision_score(masks) == 0.9
    assert specificity_score(masks) == 628 / 728


def test_specificity_of_a_reference_that_fills_the_image_is_undefined() -> None:
    full = np.ones((2, 2), dtype=np.bool_)
    assert np.isnan(specificity_score(MaskPair.of(full, full)))
    assert np.isnan(specificity_score(MaskPair.of(~full, full)))


@given(masks=st.tuples(MASKS, MASKS))
@settings(max_examples=30, deadline=None)
def test_dice_follows_from_iou(masks: tuple[BoolArray, BoolArray]) -> None:
    iou = iou_score(MaskPair.of(*masks))
    assert dice_score(MaskPair.of(*masks)) == pytest.approx(2 * iou / (1 + iou))
