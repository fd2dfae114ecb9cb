"""Every loss keeps the contract; known values are by hand."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor

from gliascope.errors import ConfigError
from gliascope.training.fit import TrainingSettings
from gliascope.training.losses import DEFAULT_TERMS, LOSSES, LossTerms, total_loss
from gliascope.training.outputs import Mode

pytestmark = pytest.mark.train

FITTING: dict[str, list[Mode]] = {
    "cross_entropy": ["label", "classes"],
    "focal_cross_entropy": ["label", "classes"],
    "bce": ["regions"],
    "soft_dice": ["classes", "regions"],
    "tversky": ["classes", "regions"],
    "focal_tversky": ["classes", "regions"],
}
PAIRS = [(name, mode) for name, modes in FITTING.items() for mode in modes]

SOURCES: dict[str, tuple[Mode, LossTerms]] = {
    "s0": ("classes", {"focal_cross_entropy": {"alpha": 0.25, "gamma": 2.0}}),
    "s1": (
        "classes",
        {"cross_entropy": 0.5, "soft_dice": {"weight": 0.5, "background": True, "absent_costs": True, "smooth": 1e-7}},
    ),
    "s3": ("regions", {"soft_dice": {"pooled": True}}),
    "s4": ("classes", {"soft_dice": {"joined": True, "background": True}, "tversky": {"alpha": 0.3, "beta": 0.7}}),
    "s4 v-net": ("regions", {"soft_dice": {"squared": True}}),
    "focal tversky": ("classes", {"focal_tversky": {"gamma": 0.75, "joined": True, "pooled": True}}),
    "bce": ("regions", {"bce": 1.0}),
}
"""What the sources train with."""


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


def drawn(mode: Mode, *, classes: int = 4) -> tuple[Tensor, Tensor]:
    """Return arbitrary logits in double precision and an arbitrary truth."""
    random = torch.Generator().manual_seed(3)
    shape = (2, classes) if mode == "label" else (2, classes, 3, 2)
    logits = 2 * torch.randn(shape, generator=random, dtype=torch.float64)
    if mode == "regions":
        return logits, (torch.rand(shape, generator=random) < 0.4).to(torch.uint8)
    return logits, torch.randint(classes, (2,) if mode == "label" else (2, 1, 3, 2), generator=random)


def value(name: str, logits: Tensor, target: Tensor, mode: Mode, **options: float | bool) -> float:
    return LOSSES[name](logits, target, mode=mode, **options).item()


def test_every_loss_is_listed_here() -> None:
    assert set(FITTING) == set(LOSSES)


@pytest.mark.parametrize(("name", "mode"), PAIRS)
def test_is_near_zero_when_right_falls_and_has_a_gradient(name: str, mode: Mode) -> None:
    perfect, right, wrong = (LOSSES[name](*example(mode, c), mode=mode) for c in (40.0, 1.0, -1.0))
    assert 0 <= perfect < 1e-5
    assert perfect < right < wrong
    for certainty in (0.3, 40.0):
        logits, target = example(mode, certainty)
        logits.requires_grad_(True)
        LOSSES[name](logits, target, mode=mode).backward()  # type: ignore[no-untyped-call]
        assert logits.grad is not None
        assert bool(torch.isfinite(logits.grad).all())
        assert bool(logits.grad.any()) or certainty > 1


@pytest.mark.parametrize(("name", "mode"), PAIRS)
def test_gradients_are_those_of_the_values(name: str, mode: Mode) -> None:
    logits, target = drawn(mode)
    assert torch.autograd.gradcheck(partial(LOSSES[name], target=target, mode=mode), logits.requires_grad_(True))


@pytest.mark.parametrize(("mode", "terms"), SOURCES.values(), ids=list(SOURCES))
def test_gradients_hold_with_the_options_of_the_sources(mode: Mode, terms: LossTerms) -> None:
    TrainingSettings.model_validate({"loss": terms})
    logits, target = drawn(mode)
    for name, term in terms.items():
        options = {} if isinstance(term, float) else {k: v for k, v in term.items() if k != "weight"}
        loss = partial(LOSSES[name], target=target, mode=mode, **options)
        assert torch.autograd.gradcheck(loss, logits.requires_grad_(True))


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("cross_entropy", "regions"),
        ("focal_cross_entropy", "regions"),
        ("bce", "classes"),
        ("soft_dice", "label"),
        ("tversky", "label"),
    ],
)
def test_a_mode_that_does_not_fit_is_refused(name: str, mode: Mode) -> None:
    with pytest.raises(ConfigError, match="does not fit outputs") as caught:
        LOSSES[name](*example(mode, 1.0), mode=mode)
    assert "Use " in caught.value.hint


def test_known_values() -> None:
    zeros = torch.zeros(1, 1, 2, 2)
    target = torch.tensor([[[[1, 0], [0, 0]]]])
    # probabilities 1/2 everywhere: overlap 1/2, sizes 2 + 1, or squared 1 + 1
    assert value("soft_dice", zeros, target, "regions", smooth=0.0) == pytest.approx(1 - 1 / 3)
    assert value("soft_dice", zeros, target, "regions", smooth=0.0, squared=True) == pytest.approx(1 - 1 / 2)
    # claimed 3/2, missed 1/2: 0.5 / (0.5 + 0.3 * 1.5 + 0.7 * 0.5)
    assert value("tversky", zeros, target, "regions", smooth=0.0) == pytest.approx(1 - 0.5 / 1.3)
    assert value("focal_tversky", zeros, target, "regions", smooth=0.0) == pytest.approx((0.8 / 1.3) ** 0.75)
    assert value("bce", zeros, target, "regions") == pytest.approx(math.log(2))
    four, label = torch.zeros(2, 4), torch.tensor([1, 3])
    assert value("cross_entropy", four, label, "label") == pytest.approx(math.log(4))
    assert value("focal_cross_entropy", four, label, "label") == pytest.approx(0.25 * 0.75**2 * math.log(4))
    assert value("focal_cross_entropy", four, label, "label", alpha=1.0, gamma=0.0) == pytest.approx(math.log(4))


def test_an_absent_region_costs_nothing_unless_asked_to() -> None:
    logits, target = torch.full((1, 1, 4, 4), -40.0), torch.zeros(1, 1, 4, 4)
    assert value("soft_dice", logits, target, "regions") == pytest.approx(0.0, abs=1e-6)
    assert value("tversky", logits, target, "regions") == pytest.approx(0.0, abs=1e-6)
    assert value("soft_dice", logits, target, "regions", absent_costs=True) == 1.0


def test_the_four_parts_differ_in_what_is_added_up_before_dividing() -> None:
    # Two samples of two regions of one voxel each, certain answers: right, missed, claimed, right.
    logits = torch.tensor([[[40.0], [-40.0]], [[40.0], [40.0]]])
    target = torch.tensor([[[1], [1]], [[0], [1]]])
    parts = [(pooled, joined) for pooled in (False, True) for joined in (False, True)]
    found = [
        value("soft_dice", logits, target, "regions", smooth=1e-6, pooled=pooled, joined=joined)
        for pooled, joined in parts
    ]
    alone, by_sample, by_region, all_at_once = 2 / 4, 1 - 2 / 3, 1 - 2 / 3, 1 - 4 / 6
    assert found == pytest.approx([alone, by_sample, by_region, all_at_once], abs=1e-5)


def test_pooling_joining_and_background_change_the_value() -> None:
    logits, target = drawn("classes")
    for name in ("soft_dice", "tversky", "focal_tversky"):
        given: list[dict[str, bool]] = [{}, {"pooled": True}, {"joined": True}, {"background": True}]
        assert len({value(name, logits, target, "classes", **options) for options in given}) == 4


def test_tversky_with_equal_weights_is_dice() -> None:
    logits, target = drawn("regions")
    half = {"alpha": 0.5, "beta": 0.5, "smooth": 0.5}
    assert value("tversky", logits, target, "regions", **half) == pytest.approx(
        value("soft_dice", logits, target, "regions", smooth=1.0)
    )


@pytest.mark.parametrize("mode", ["label", "classes", "regions"])
def test_weights_add_up(mode: Mode) -> None:
    logits, target = example(mode, 0.5)
    once = total_loss({}, logits, target, mode=mode)
    twice = total_loss(dict.fromkeys(DEFAULT_TERMS[mode], 2.0), logits, target, mode=mode)
    assert twice.item() == pytest.approx(2 * once.item())


def test_options_reach_the_loss() -> None:
    logits, target = example("regions", 0.5)
    terms: LossTerms = {"soft_dice": {"weight": 0.5, "squared": True}, "tversky": 1.0}
    expected = 0.5 * value("soft_dice", logits, target, "regions", squared=True)
    expected += value("tversky", logits, target, "regions")
    assert total_loss(terms, logits, target, mode="regions").item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"dyce": 1.0}, "unknown loss 'dyce'; known: cross_entropy, focal_cross_entropy, bce, soft_dice"),
        ({"soft_dice": {"smoth": 1.0}}, "no option 'smoth'; known: weight, smooth"),
        ({"soft_dice": {"pooled": 2.0}}, "'pooled' of loss 'soft_dice' takes true or false, got 2"),
        ({"soft_dice": {"smooth": True}}, "'smooth' of loss 'soft_dice' takes a number, got True"),
        ({"tversky": {"alpha": -0.1}}, "'alpha' of loss 'tversky' must be at least 0, got -0.1"),
        ({"bce": {"weight": 0.0}}, "must be above 0"),
    ],
)
def test_wrong_terms_are_explained(terms: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingSettings(loss=terms)


PEERS: list[tuple[str, Mode, dict[str, float | bool], str, dict[str, float | bool]]] = [
    ("soft_dice", "classes", {}, "DiceLoss", {"include_background": False}),
    ("soft_dice", "classes", {"background": True, "pooled": True}, "DiceLoss", {"batch": True}),
    ("soft_dice", "regions", {"squared": True, "smooth": 0.1}, "DiceLoss", {"squared_pred": True, "smooth_nr": 0.1}),
    ("soft_dice", "regions", {"absent_costs": True}, "DiceLoss", {"smooth_nr": 0.0}),
    ("tversky", "classes", {"pooled": True}, "TverskyLoss", {"include_background": False, "batch": True}),
    ("tversky", "regions", {"alpha": 0.2}, "TverskyLoss", {"alpha": 0.2}),
    ("focal_cross_entropy", "classes", {"alpha": 1.0}, "FocalLoss", {"use_softmax": True, "gamma": 2.0}),
]
"""Our loss, its mode and options; MONAI's, and its options."""


@pytest.mark.parametrize(("name", "mode", "options", "theirs", "their_options"), PEERS)
def test_values_agree_with_monai(
    name: str, mode: Mode, options: dict[str, float | bool], theirs: str, their_options: dict[str, float | bool]
) -> None:
    """MONAI's focal loss averages over the classes too, so ours is as many times as large."""
    from monai import losses

    logits, target = drawn(mode)
    given: dict[str, float | bool] = {"to_onehot_y": mode == "classes", **their_options}
    if theirs != "FocalLoss":
        given |= {"softmax" if mode == "classes" else "sigmoid": True, "smooth_dr": options.get("smooth", 1.0)}
        given = {"smooth_nr": 1.0, **given}
    if theirs == "TverskyLoss":
        given = {"alpha": 0.3, **given, "beta": 0.7}
    expected = getattr(losses, theirs)(**given)(logits, target.double()).item()
    factor = logits.shape[1] if theirs == "FocalLoss" else 1
    assert value(name, logits, target, mode, **options) == pytest.approx(factor * expected, rel=1e-6)


def test_cross_entropy_with_dice_agrees_with_monai() -> None:
    from monai.losses.dice import DiceCELoss

    logits, target = drawn("classes")
    terms: LossTerms = {"cross_entropy": 0.5, "soft_dice": {"weight": 0.5, "background": True, "smooth": 1e-5}}
    theirs = DiceCELoss(to_onehot_y=True, softmax=True, lambda_dice=0.5, lambda_ce=0.5)
    expected = theirs(logits.float(), target).item()
    assert total_loss(terms, logits, target, mode="classes").item() == pytest.approx(expected, rel=1e-5)
