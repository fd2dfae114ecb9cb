"""Variation of how an image looks where it is: gamma, resolution, missing channels. Shapes stay as they are."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gliascope.training.draws import Purpose, Variation, generator

_LEAST_RANGE = 1e-6
"""A channel that varies less is constant."""


def vary_appearance(
    image: Tensor,
    *,
    gamma: tuple[float, float],
    coarsen: tuple[float, float],
    drop: Sequence[float],
    seed: int,
    variations: Sequence[Variation],
) -> Tensor:
    """Vary every sample by its own draws.

    Args:
        image: ``(B, C, *S)`` float.
        gamma: Strength and chance; see ``AugmentSettings.gamma``.
        coarsen: Least share of the resolution, and chance.
        drop: Chance of each channel to become 0; fewer numbers than channels: the others stay.
        seed: The run's seed.
        variations: What each sample's draws depend on, length B.

    Returns:
        The same shape; the argument is not changed.
    """
    if not (gamma[0] or coarsen[0] < 1.0 or any(drop)):
        return image
    varied = []
    for sample, (epoch, position) in zip(image, variations, strict=True):
        draws = generator(seed, Purpose.APPEARANCE, epoch=epoch, position=position)
        first = draws.random(4)
        # Every draw is made, whatever is switched on, so that one option does not change another's.
        changed = sample
        if gamma[0] and first[0] < gamma[1]:
            changed = _bent(changed, math.exp(math.log1p(gamma[0]) * (2 * first[1] - 1)))
        if coarsen[0] < 1.0 and first[2] < coarsen[1]:
            changed = _coarse(changed, coarsen[0] + (1 - coarsen[0]) * float(first[3]))
        varied.append(_without(changed, dropped(drop, len(sample), draws)) if any(drop) else changed)
    return torch.stack(varied)


def dropped(chances: Sequence[float], channels: int, draws: np.random.Generator) -> list[int]:
    """Draw which channels are missing; where all would be, one of them stays.

    Example:
        >>> sorted(dropped((1.0, 0.0, 1.0), 3, np.random.default_rng(1)))
        [0, 2]
    """
    chance = [*chances, *(0.0,) * channels][:channels]
    gone = np.flatnonzero(draws.random(channels) < np.array(chance)).tolist()
    kept = int(draws.integers(channels))
    if len(gone) == channels:
        gone.remove(kept)
    return [int(channel) for channel in gone]


def _bent(sample: Tensor, power: float) -> Tensor:
    """Raise each channel to a power within its own range."""
    axes = tuple(range(1, sample.dim()))
    low, high = sample.amin(axes, keepdim=True), sample.amax(axes, keepdim=True)
    width = high - low
    bent = ((sample - low) / width.clamp_min(_LEAST_RANGE)).clamp(0.0, 1.0) ** power
    return torch.where(width > _LEAST_RANGE, bent * width + low, sample)


def _coarse(sample: Tensor, share: float) -> Tensor:
    """Make a sample smaller by averaging and larger again by interpolation."""
    size = sample.shape[1:]
    small = [max(1, round(length * share)) for length in size]
    smaller = functional.interpolate(sample[None], size=small, mode="area")
    mode = "bilinear" if len(size) == 2 else "trilinear"
    return functional.interpolate(smaller, size=size, mode=mode, align_corners=False)[0]


def _without(sample: Tensor, channels: list[int]) -> Tensor:
    if not channels:
        return sample
    left = sample.clone()
    left[channels] = 0.0
    return left
