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
        if any(drop):
            there = sample.flatten(1).any(dim=1).tolist()
            changed = _without(changed, dropped(drop, there, draws))
        varied.append(changed)
    return torch.stack(varied)


def dropped(chances: Sequence[float], there: Sequence[bool], draws: np.random.Generator) -> list[int]:
    """Draw which channels are taken away; where all that are there would be, one of these stays.

    Example:
        >>> sorted(dropped((1.0, 0.0, 1.0), (True, True, True), np.random.default_rng(1)))
        [0, 2]
        >>> dropped((1.0, 0.0, 1.0), (True, False, False), np.random.default_rng(1))
        [2]
    """
    channels = len(there)
    chance = [*chances, *(0.0,) * channels][:channels]
    gone = [int(channel) for channel in np.flatnonzero(draws.random(channels) < np.array(chance))]
    present = np.flatnonzero(there)
    if len(present) and set(present.tolist()) <= set(gone):
        gone.remove(int(present[draws.integers(len(present))]))
    return gone


def missing_channels(image: Tensor) -> Tensor | None:
    """Return which channels are 0 throughout where others of the sample are not, ``(B, C, 1 …)`` bool; None: none."""
    there = (image != 0).flatten(2).any(dim=2)
    missing = ~there & there.any(dim=1, keepdim=True)
    return missing.view(*missing.shape, *(1,) * (image.dim() - 2)) if bool(missing.any()) else None


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
