"""Every loss keeps the contract; known values are by hand."""

import math

import pytest
import torch
from torch import Tensor

from gliascope.errors import ConfigError
from gliascope.training.fit import TrainingSettings
from gliascope.training.losses import DEFAULT_TERMS, LOSSES, soft_dice, total_loss
from gliascope.training.outputs import Mode

pytestmark = pytest.mark.train

FITTING: dict[str, list[Mode]] = {
    "cross_entropy": ["label", "classes"],
    "bce": ["regions"],
    "soft_dice": ["classes", "regions"],
}
PAIRS = [(name, mode) for name, modes in FITTING.items() for mode in modes]


def example(mode: Mode, certainty: float) -> tuple[Tensor, Tensor]:
    """Return logits that say the truth with some certainty, and the truth."""
    if mode == "label":
        target = torch.tensor([0, 2])
        return certainty * torch.nn.functional.one_hot(target, 3).float(), target
    mask = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    mask[:, :, 1:3, 1:3] = 1
    if mode == "classes":
        return certainty * torch.cat([1.0 - mask.float(), mask.float()], dim=1), mask
    return certainty * (2.0 * mask - 1.0), mask


def test_every_loss_is_listed_here() -> None:
    assert set(FITTING) == set(LOSSES)


@pytest.mark.parametrize(("name", "mode"), PAIRS)
def test_is_near_zero_when_right_falls_and_has_a_gradient(name: str, mode: Mode) -> None:
    perfect, right, wrong = (LOSSES[name](*example(mode, c), mode=mode) for c in (40.0, 1.0, -1.0))
    assert 0 <= perfect < 1e-5
    assert perfect < right < wrong
    logits, target = example(mode, 0.3)
    logits.requires_grad_(True)
    LOSSES[name](logits, target, mode=mode).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())
    assert bool(logits.grad.any())


@pytest.mark.parametrize(("name", "mode"), [("cross_entropy", "regions"), ("bce", "classes"), ("soft_dice", "label")])
def test_a_mode_that_does_not_fit_is_refused(name: str, mode: Mode) -> None:
    with pytest.raises(ConfigError, match="does not fit outputs") as caught:
        LOSSES[name](*example(mode, 1.0), mode=mode)
    assert "Use " in caught.value.hint


def test_known_values() -> None:
    zeros = torch.zeros(1, 1, 2, 2)
    target = torch.tensor([[[[1, 0], [0, 0]]]])
    # probabilities 1/2 everywhere: overlap 1/2, sizes 2 + 1, or squared 1 + 1
    assert soft_dice(zeros, target, mode="regions", smooth=0.0).item() == pytest.approx(1 - 1 / 3)
    assert soft_dice(zeros, target, mode="regions", smooth=0.0, squared=True).item() == pytest.approx(1 - 1 / 2)
    assert LOSSES["bce"](zeros, target, mode="regions").item() == pytest.approx(math.log(2))
    assert LOSSES["cross_entropy"](torch.zeros(2, 4), torch.tensor([1, 3]), mode="label").item() == pytest.approx(
        math.log(4)
    )


def test_an_absent_region_costs_nothing_unless_asked_to() -> None:
    logits, target = torch.full((1, 1, 4, 4), -40.0), torch.zeros(1, 1, 4, 4)
    assert soft_dice(logits, target, mode="regions").item() == pytest.approx(0.0, abs=1e-6)
    assert soft_dice(logits, target, mode="regions", absent_costs=True).item() == 1.0


def test_pooling_and_background_change_what_is_averaged() -> None:
    logits, target = example("classes", 2.0)
    target = target.clone()
    target[0] = 0
    values = [
        soft_dice(logits, target, mode="classes", **o).item() for o in ({}, {"pooled": True}, {"background": True})
    ]
    assert len(set(values)) == 3


@pytest.mark.parametrize("mode", ["label", "classes", "regions"])
def test_weights_add_up(mode: Mode) -> None:
    logits, target = example(mode, 0.5)
    once = total_loss({}, logits, target, mode=mode)
    twice = total_loss(dict.fromkeys(DEFAULT_TERMS[mode], 2.0), logits, target, mode=mode)
    assert twice.item() == pytest.approx(2 * once.item())


def test_options_reach_the_loss() -> None:
    logits, target = example("regions", 0.5)
    terms = {"soft_dice": {"weight": 0.5, "squared": True}}
    expected = 0.5 * soft_dice(logits, target, mode="regions", squared=True)
    assert total_loss(terms, logits, target, mode="regions").item() == pytest.approx(expected.item())


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"dyce": 1.0}, "unknown loss 'dyce'; known: cross_entropy, bce, soft_dice"),
        ({"soft_dice": {"smoth": 1.0}}, "no option 'smoth'; known: weight, smooth"),
        ({"bce": {"weight": 0.0}}, "must be above 0"),
    ],
)
def test_wrong_terms_are_explained(terms: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingSettings(loss=terms)
