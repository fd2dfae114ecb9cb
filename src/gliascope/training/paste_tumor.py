"""The tumor of one sample in the head of another: tumors come to lie where the few patients of a set have none.

Source:
    Zhang 2021, doi:10.1007/978-3-030-87193-2_19 (CarveMix); here the tumor moves too, so that no place is learned.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gliascope.preprocess.targets import UNKNOWN
from gliascope.training.draws import Purpose, Variation, generator
from gliascope.training.unknown import unknown_regions


def paste_tumors(
    image: Tensor, target: Tensor, chance: float, *, seed: int, variations: Sequence[Variation]
) -> tuple[Tensor, Tensor]:
    """Give samples the tumor of another one of their batch, mirrored at random, at a random place of the head.

    Only samples that have the same channels and know the same regions exchange tumors.

    Args:
        image: ``(B, C, *S)`` float; 0 where there is no head.
        target: ``(B, T, *S)`` uint8, regions; the tumor is where any of them is.
        chance: Chance of each sample.
        seed: The run's seed.
        variations: What each sample's draws depend on, besides the batch it lies in; length B.

    Returns:
        The same shapes; the arguments are not changed.
    """
    if not chance:
        return image, target
    tumor = ((target > 0) & (target != UNKNOWN)).any(dim=1)
    there = [bool(own.any()) for own in tumor]
    kinds = torch.cat([(image != 0).flatten(2).any(2), unknown_regions(target)], dim=1).tolist()
    pasted, marked = image.clone(), target.clone()
    for number, (epoch, position) in enumerate(variations):
        draws = generator(seed, Purpose.PASTE, epoch=epoch, position=position)
        givers = [n for n, kind in enumerate(kinds) if n != number and there[n] and kind == kinds[number]]
        if draws.random() >= chance or not givers:
            continue
        giver = givers[int(draws.integers(len(givers)))]
        axes = range(-tumor[giver].dim(), 0)
        mirrored = [axis for axis in axes if draws.random() < 0.5]
        head = (image[number] != 0).any(dim=0)
        places = torch.nonzero(head)
        if not len(places):
            continue
        source = _box(tumor[giver])
        size = [part.stop - part.start for part in source]
        here, cut = _placed(size, places[int(draws.integers(len(places)))].tolist(), image.shape[2:])
        mask, values, labels = (
            _at(_at(whole, source).flip(mirrored), cut) for whole in (tumor[giver], image[giver], target[giver])
        )
        mask = mask & head[here]
        _at(pasted[number], here).copy_(torch.where(mask, values, _at(image[number], here)))
        _at(marked[number], here).copy_(torch.where(mask, labels, _at(target[number], here)))
    return pasted, marked


def _at(whole: Tensor, box: tuple[slice, ...]) -> Tensor:
    """Return a view of a box along the last axes."""
    index: tuple[Any, ...] = (..., *box)
    return whole[index]


def _box(mask: Tensor) -> tuple[slice, ...]:
    """Return the least box around a mask."""
    found = torch.nonzero(mask)
    ends = zip(found.amin(0).tolist(), found.amax(0).tolist(), strict=True)
    return tuple(slice(low, high + 1) for low, high in ends)


def _placed(
    size: Sequence[int], center: Sequence[int], shape: Sequence[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return where a box of a size lies around a center, and which part of it is inside.

    Example:
        >>> _placed([4], [1], [10])
        ((slice(0, 3, None),), (slice(1, 4, None),))
    """
    starts = np.array(center) - np.array(size) // 2
    low, high = np.maximum(starts, 0), np.minimum(starts + np.array(size), np.array(shape))
    here = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    cut = tuple(slice(int(a - s), int(b - s)) for a, b, s in zip(low, high, starts, strict=True))
    return here, cut
