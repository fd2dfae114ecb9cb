"""Every channel of a sample through a rising curve of its own: the same head, as another scanner would show it.

Source:
    Zhou 2019, doi:10.1007/978-3-030-32251-9_42 (random monotonic curves; the straight pieces are ours).
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gliascope.training.draws import Purpose, Variation, generator

PIECES = 8
"""Straight pieces of a curve, of equal length along the old values."""

_LEAST_SPREAD = 1e-6
"""A channel that varies less is constant."""


def vary_gray_curves(
    image: Tensor, strength: float, chance: float, *, seed: int, variations: Sequence[Variation]
) -> Tensor:
    """Give the channels of every sample new values.

    Args:
        image: ``(B, C, *S)`` float; 0 where there is no head.
        strength: See ``AugmentSettings.gray_curves``.
        chance: Chance of each channel.
        seed: The run's seed.
        variations: What each sample's draws depend on, length B.

    Returns:
        The same shape; the argument is not changed. What is 0 stays 0; of the rest of each channel, order, mean and
        standard deviation stay.
    """
    if not strength:
        return image
    varied = image.clone()
    for sample, (epoch, position) in zip(varied, variations, strict=True):
        draws = generator(seed, Purpose.GRAY_CURVE, epoch=epoch, position=position)
        chosen = draws.random(len(sample)) < chance
        slopes = np.exp(np.log1p(strength) * draws.uniform(-1.0, 1.0, (len(sample), PIECES)))
        for number in np.flatnonzero(chosen):
            head = sample[number] != 0
            if bool(head.any()):
                sample[number][head] = _through_curve(sample[number][head], slopes[number])
    return varied


def _through_curve(values: Tensor, slopes: NDArray[np.float64]) -> Tensor:
    low, spread = values.min(), values.std(correction=0)
    width = values.max() - low
    if not float(spread) > _LEAST_SPREAD:
        return values
    knots = torch.as_tensor(np.append(0.0, np.cumsum(slopes)), dtype=values.dtype, device=values.device)
    place = (values - low) / width * PIECES
    piece = place.long().clamp(0, PIECES - 1)
    bent = knots[piece] + (place - piece) * (knots[piece + 1] - knots[piece])
    return (bent - bent.mean()) / bent.std(correction=0) * spread + values.mean()
