"""How an image looks varies by its own draws; where things are does not."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gliascope.training.appearance import dropped
from gliascope.training.augment import AugmentSettings, augment_batch
from gliascope.training.learner import halved

pytestmark = pytest.mark.train


def varied(image: Tensor, **options: Any) -> Tensor:  # noqa: ANN401 - any setting
    variations = [(2, position) for position in range(len(image))]
    return augment_batch(image, None, AugmentSettings(**options), seed=1, variations=variations)[0]


@pytest.fixture
def image() -> Tensor:
    return torch.linspace(-2.0, 3.0, 4 * 3 * 16 * 16).reshape(4, 3, 16, 16)


def test_gamma_keeps_range_and_order_and_leaves_a_constant_channel(image: Tensor) -> None:
    image[0, 1] = 0.5
    bent = varied(image, gamma=1.0)
    assert not torch.allclose(bent, image)
    for before, after in zip(image, bent, strict=True):
        assert torch.allclose(before.amin((1, 2)), after.amin((1, 2)), atol=1e-5)
        assert torch.allclose(before.amax((1, 2)), after.amax((1, 2)), atol=1e-5)
        assert bool((after.flatten(1).diff() >= -1e-5).all())
    assert torch.equal(bent[0, 1], image[0, 1])


@pytest.mark.parametrize("size", [(16, 16), (8, 8, 8)])
def test_coarsening_keeps_size_and_mean_and_takes_detail(size: tuple[int, ...]) -> None:
    noise = torch.randn(3, 2, *size, generator=torch.Generator().manual_seed(1))
    coarse = varied(noise, coarsen=0.3)
    assert coarse.shape == noise.shape
    assert coarse.std() < 0.9 * noise.std()
    assert abs(float(coarse.mean() - noise.mean())) < 0.1


def test_dropped_channels_are_zero_and_one_always_stays(image: Tensor) -> None:
    one_left = varied(image, drop_channel=(1.0, 1.0, 1.0))
    assert [(sample.abs().sum((1, 2)) > 0).sum().item() for sample in one_left] == [1, 1, 1, 1]
    named = varied(image, drop_channel=(1.0, 0.0))
    assert torch.equal(named[:, 1:], image[:, 1:])
    assert not named[:, 0].any()


def test_channels_are_dropped_as_often_as_asked() -> None:
    draws = np.random.default_rng(1)
    counts = np.zeros(4)
    for _ in range(4000):
        counts[dropped((0.25, 0.0, 0.5, 0.1), (True,) * 4, draws)] += 1
    assert counts / 4000 == pytest.approx([0.25, 0.0, 0.5, 0.1], abs=0.03)


@pytest.mark.parametrize("mode", ["regions", "classes"])
def test_half_the_size_keeps_what_fills_half_a_voxel(mode: Any) -> None:  # noqa: ANN401 - parametrized
    target = torch.zeros(1, 1, 5, 4, dtype=torch.uint8)
    target[0, 0, 0:2, 0:2] = 1
    target[0, 0, 2, 2:4] = 1
    target[0, 0, 1, 3] = 1
    small, halved_target = halved(target.float(), target, mode)
    assert small.shape == (1, 1, 2, 2)
    assert halved_target.tolist() == [[[[1, 0], [0, 1]]]]
    assert small[0, 0, 0, 1] == pytest.approx(0.25)


def test_a_missing_channel_stays_missing() -> None:
    image = torch.rand(6, 3, 12, 12) + 0.5
    image[:3, 1] = 0.0
    image[5] = 0.0  # nothing is there: no channel is missing beside others
    options = {"noise_sd": 0.2, "brightness": 0.3, "contrast": 0.5, "gamma": 1.0, "coarsen": 0.5, "clamp": (0.2, 0.9)}
    changed = varied(image, **options)
    assert not bool(changed[:3, 1].any())
    assert bool((changed[:3, ::2] != image[:3, ::2]).flatten(2).any(2).all())
    assert bool((changed[3:] >= 0.2).all())


def test_one_of_the_channels_that_are_there_always_stays() -> None:
    image = torch.zeros(200, 4, 4, 4)
    image[:, 1:3] = 1.0
    left = varied(image, drop_channel=(0.9, 0.9, 0.9, 0.9)).flatten(2).any(2)
    assert bool(left[:, 1:3].any(1).all())
    assert not bool(left[:, ::3].any())
    assert 60 < int(left[:, 1].sum()) < 140
