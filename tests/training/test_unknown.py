"""A region of which nothing is known teaches nothing, is not scored, and stays unknown wherever it is moved."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gliascope.preprocess.targets import UNKNOWN
from gliascope.training.augment import AugmentSettings, augment_batch
from gliascope.training.learner import halved
from gliascope.training.losses import LossTerms, total_loss
from gliascope.training.outputs import Outputs
from gliascope.training.scores import Tally
from gliascope.training.unknown import padded_target

pytestmark = pytest.mark.train

TERMS: list[LossTerms] = [
    {"bce": 1.0},
    {"soft_dice": 1.0},
    {"soft_dice": {"pooled": True}},
    {"soft_dice": {"joined": True}},
    {"soft_dice": {"pooled": True, "joined": True}},
    {"soft_dice": {"squared": True, "absent_costs": True}},
    {"tversky": {"pooled": True}},
    {"tversky": 1.0},
    {"focal_tversky": 1.0},
    {"focal_tversky": {"joined": True}},
]


def example() -> tuple[Tensor, Tensor]:
    """Two samples of three regions; of the second only the first region is known."""
    random = torch.Generator().manual_seed(4)
    logits = torch.randn(2, 3, 4, 6, 4, generator=random, dtype=torch.float32, requires_grad=True)
    target = (torch.rand(logits.shape, generator=random) < 0.3).to(torch.uint8)
    target[1, 1:] = UNKNOWN
    return logits, target


@pytest.mark.parametrize("terms", TERMS, ids=str)
def test_no_gradient_where_nothing_is_known(terms: LossTerms) -> None:
    logits, target = example()
    (gradient,) = torch.autograd.grad(total_loss(terms, logits, target, mode="regions"), logits)
    assert not bool(gradient[1, 1:].any())
    assert bool((gradient[0] != 0).all())
    assert bool((gradient[1, 0] != 0).all())


@pytest.mark.parametrize("terms", TERMS, ids=str)
def test_what_is_said_there_changes_nothing(terms: LossTerms) -> None:
    logits, target = example()
    other = logits.detach().clone()
    other[1, 1:] = 40.0
    assert total_loss(terms, other, target, mode="regions") == total_loss(terms, logits, target, mode="regions")


@pytest.mark.parametrize("terms", TERMS[:2] + TERMS[5:6] + TERMS[7:9], ids=str)
def test_a_loss_is_the_mean_over_the_known_regions_of_all_samples(terms: LossTerms) -> None:
    logits, target = example()
    places = [(0, 0), (0, 1), (0, 2), (1, 0)]
    alone = [total_loss(terms, logits[b, r][None, None], target[b, r][None, None], mode="regions") for b, r in places]
    assert float(total_loss(terms, logits, target, mode="regions").detach()) == pytest.approx(
        float(torch.stack(alone).mean().detach()), rel=1e-6
    )


def test_pooled_parts_are_added_up_over_the_samples_that_know() -> None:
    logits, target = example()
    pooled: LossTerms = {"soft_dice": {"pooled": True}}
    alone = [
        total_loss(pooled, logits[:, :1], target[:, :1], mode="regions"),
        total_loss(pooled, logits[:1, 1:2], target[:1, 1:2], mode="regions"),
        total_loss(pooled, logits[:1, 2:], target[:1, 2:], mode="regions"),
    ]
    assert float(total_loss(pooled, logits, target, mode="regions").detach()) == pytest.approx(
        float(torch.stack(alone).mean().detach()), rel=1e-6
    )


@pytest.mark.parametrize("terms", TERMS, ids=str)
def test_a_batch_of_which_nothing_is_known_costs_nothing(terms: LossTerms) -> None:
    logits, target = example()
    target[:] = UNKNOWN
    assert float(total_loss(terms, logits, target, mode="regions").detach()) == 0.0


def test_half_the_size_keeps_it_and_counts_only_what_is_there() -> None:
    _, target = example()
    target[0, 0] = 0
    target[0, 0, :1, :2, :2] = 1  # half of a new voxel
    image = torch.zeros(2, 1, 4, 6, 4)
    small = halved(image, target, "regions")[1]
    assert small.shape == (2, 3, 2, 3, 2)
    assert bool((small[1, 1:] == UNKNOWN).all())
    assert int(small[0, 0].sum()) == 1
    assert set(small[:, 0].flatten().tolist()) <= {0, 1}


@pytest.mark.parametrize(
    "options", [{"flip": (1.0, 1.0, 1.0)}, {"rotate_degrees": 40.0, "shift": 0.3}, {"scale": (0.5, 0.6)}], ids=str
)
def test_moving_keeps_it_beyond_the_edge_too(options: dict[str, Any]) -> None:
    _, target = example()
    image = torch.rand(2, 1, 4, 6, 4)
    settings = AugmentSettings.model_validate(options)
    moved = augment_batch(image, target, settings, seed=1, variations=[(0, 0), (0, 1)])[1]
    assert moved is not None
    assert bool((moved[1, 1:] == UNKNOWN).all())
    assert set(moved[0].flatten().tolist()) <= {0, 1}
    # One sample alone is resampled apart from the others.
    settings = AugmentSettings(rotate_degrees=40.0, rotate_chance=0.5, scale=(0.5, 0.6), scale_chance=0.5)
    many = [(0, position) for position in range(8)]
    eight = augment_batch(image.repeat(4, 1, 1, 1, 1), target.repeat(4, 1, 1, 1, 1), settings, seed=1, variations=many)
    assert eight[1] is not None
    assert bool((eight[1][1::2, 1:] == UNKNOWN).all())
    assert set(eight[1][0::2].flatten().tolist()) <= {0, 1}


def test_patches_larger_than_the_image_keep_it() -> None:
    target = example()[1][1].numpy()
    padded = padded_target(target, [(0, 0), (1, 2), (0, 1), (3, 0)])
    assert padded.shape == (3, 7, 7, 7)
    assert (padded[1:] == UNKNOWN).all()
    assert padded[0].sum() == target[0].sum()


def test_it_is_not_scored() -> None:
    logits, target = example()
    tally = Tally(Outputs("regions", ("WT", "TC", "ET")), 2, torch.device("cpu"))
    tally.add(
        logits.detach(),
        target,
        case=torch.tensor([0, 1]),
        counted=torch.tensor([True, True]),
        loss=torch.tensor(0.0),
    )
    assert not bool(tally.counts[1, 1:].any())
    both, predicted, truth = np.moveaxis(tally.counts.numpy(), -1, 0)
    assert tally.scores()["dice_TC"] == pytest.approx(2 * both[0, 1] / (predicted[0, 1] + truth[0, 1]))
