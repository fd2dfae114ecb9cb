"""Gray curves change how a channel looks and keep what makes it the same head."""

import pytest
import torch
from torch import Tensor

from gliascope.training.augment import AugmentSettings, augment_batch
from gliascope.training.gray_curves import vary_gray_curves

pytestmark = pytest.mark.train

VARIATIONS = [(3, 0), (3, 1)]


@pytest.fixture
def image() -> Tensor:
    drawn = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(2))
    drawn[:, :, :4] = 0.0
    return drawn


def curved(image: Tensor, strength: float = 2.0, chance: float = 1.0, seed: int = 1) -> Tensor:
    return vary_gray_curves(image, strength, chance, seed=seed, variations=VARIATIONS)


def test_order_mean_spread_and_background_stay(image: Tensor) -> None:
    given = image.clone()
    varied = curved(image)
    assert torch.equal(image, given)
    assert torch.equal(varied[:, :, :4], image[:, :, :4])
    for before, after in zip(image[:, :, 4:].flatten(0, 1), varied[:, :, 4:].flatten(0, 1), strict=True):
        assert not torch.allclose(before, after, atol=0.05)
        assert torch.equal(before.flatten().argsort(), after.flatten().argsort())
        assert float(after.mean()) == pytest.approx(float(before.mean()), abs=1e-5)
        assert float(after.std()) == pytest.approx(float(before.std()), rel=1e-4)


def test_each_channel_of_each_sample_has_its_own_curve() -> None:
    ramp = torch.linspace(0.1, 1.0, 64).expand(2, 3, 64).reshape(2, 3, 8, 8)
    curves = curved(ramp).reshape(6, 64)
    assert all(not torch.allclose(a, b, atol=1e-3) for i, a in enumerate(curves) for b in curves[:i])


def test_slopes_stay_within_the_strength() -> None:
    ramp = torch.linspace(0.1, 1.0, 81).expand(2, 3, 81).reshape(2, 3, 9, 9)
    steps = curved(ramp, strength=1.0).reshape(6, 81).diff(dim=1)
    assert bool((steps > 0).all())
    assert bool((steps.amax(1) / steps.amin(1) <= 4.01).all()), "from 1 / 2 to 2"
    assert bool((steps.amax(1) / steps.amin(1) > 1.5).all())


def test_chance_and_missing_or_constant_channels(image: Tensor) -> None:
    assert torch.equal(curved(image, chance=0.0), image)
    assert curved(image, strength=0.0) is image
    image[0, 1], image[1, 2] = 0.0, 0.7
    varied = curved(image)
    assert not varied[0, 1].any()
    assert torch.equal(varied[1, 2], image[1, 2])


def test_the_setting_varies_a_batch_and_depends_on_the_draws_alone(image: Tensor) -> None:
    settings = AugmentSettings(gray_curves=1.0)
    assert settings.varies
    both = augment_batch(image, None, settings, seed=1, variations=VARIATIONS)[0]
    second = augment_batch(image[1:], None, settings, seed=1, variations=VARIATIONS[1:])[0]
    assert torch.equal(both[1:], second)
    assert not torch.allclose(both, curved(image, strength=1.0, seed=2))
