"""Validation scores by hand, pooled by case, and against scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, jaccard_score

from gliascope.training.outputs import Outputs
from gliascope.training.scores import Tally, score_names

pytestmark = pytest.mark.train

CPU = torch.device("cpu")


def test_slices_of_a_case_are_pooled_before_dividing() -> None:
    tally = Tally(Outputs("regions", ("WT",)), 2, CPU)
    target = torch.zeros(3, 1, 2, 2)
    target[0, 0] = 1  # case 0: 4 voxels, all found, in its first slice
    logits = torch.where(target > 0, 1.0, -1.0)
    logits[1, 0, 0] = 1.0  # and 2 false ones in its second: 2*4 / (6+4)
    logits[2, 0, 0, 0] = 1.0  # case 1: one false voxel
    everything = torch.ones(3, dtype=torch.bool)
    tally.add(logits, target, case=torch.tensor([0, 0, 1]), counted=everything, loss=torch.tensor(0.5))
    assert tally.scores() == {"val_loss": 0.5, "dice_WT": pytest.approx(0.4), "dice_mean": pytest.approx(0.4)}


def test_a_region_empty_in_both_does_not_count_and_alone_is_undefined() -> None:
    tally = Tally(Outputs("classes", ("background", "ED", "ET")), 2, CPU)
    target = torch.zeros(2, 1, 2, 2, dtype=torch.uint8)
    target[0, 0, 0, 0] = 1
    logits = torch.nn.functional.one_hot(target[:, 0].long(), 3).movedim(-1, 1).float()
    tally.add(logits, target, case=torch.tensor([0, 1]), counted=torch.tensor([True, True]), loss=torch.tensor(0.1))
    scores = tally.scores()
    assert scores["dice_ED"] == 1.0
    assert math.isnan(scores["dice_ET"])
    assert scores["dice_mean"] == 1.0
    assert tuple(scores) == score_names(tally.outputs)


def test_iou_of_classes_is_pooled_over_all_voxels_and_equals_scikit_learn() -> None:
    draws = np.random.default_rng(2)
    truth, predicted = draws.integers(3, size=(3, 1, 5, 5)), draws.integers(3, size=(3, 1, 5, 5))
    tally = Tally(Outputs("classes", ("background", "ED", "ET", "NCR")), 2, CPU)
    logits = torch.nn.functional.one_hot(torch.from_numpy(predicted[:, 0]), 4).movedim(-1, 1).float()
    counted = torch.tensor([True, True, False])
    case, loss = torch.tensor([0, 1, 1]), torch.tensor(0.1)
    tally.add(logits, torch.from_numpy(truth).to(torch.uint8), case=case, counted=counted, loss=loss)
    scores = tally.scores()
    expected = jaccard_score(truth[:2].ravel(), predicted[:2].ravel(), average=None)
    assert [scores[f"iou_{name}"] for name in ("background", "ED", "ET")] == pytest.approx(list(expected))
    assert math.isnan(scores["iou_NCR"])
    assert scores["iou_mean"] == pytest.approx(expected.mean())
    assert tuple(scores) == score_names(tally.outputs)


def test_repetitions_are_not_counted() -> None:
    tally = Tally(Outputs("label", ("a", "b")), 1, CPU)
    logits, target = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1])
    tally.add(logits, target, case=torch.tensor([0, 0]), counted=torch.tensor([True, False]), loss=torch.tensor(0.3))
    assert tally.scores()["accuracy"] == 1.0
    assert tally.loss.tolist() == pytest.approx([0.3, 1.0])


def test_classification_equals_scikit_learn() -> None:
    draws = np.random.default_rng(1)
    truth, predicted = draws.integers(3, size=200), draws.integers(3, size=200)
    tally = Tally(Outputs("label", ("a", "b", "c", "never")), 1, CPU)
    logits = torch.nn.functional.one_hot(torch.from_numpy(predicted), 4).float()
    every = torch.ones(100, dtype=torch.bool)
    for part in (slice(0, 100), slice(100, 200)):
        tally.add(
            logits[part], torch.from_numpy(truth)[part], case=torch.zeros(100), counted=every, loss=torch.tensor(1.0)
        )
    scores = tally.scores()
    assert tuple(scores) == score_names(tally.outputs)
    assert scores["accuracy"] == pytest.approx(accuracy_score(truth, predicted))
    assert scores["f1_macro"] == pytest.approx(f1_score(truth, predicted, average="macro"))
