"""Regions of which nothing is known in a sample: ``UNKNOWN`` throughout the region's target, never in a part of it.

They stay unknown whatever moves the target, teach nothing, and are not scored.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gliascope.preprocess.targets import UNKNOWN


def unknown_regions(target: Tensor) -> Tensor:
    """Return which regions of each sample are unknown, ``(B, R)`` bool.

    Args:
        target: ``(B, R, *S)`` uint8, with at least one voxel.
    """
    return target.flatten(2)[..., 0] == UNKNOWN


def kept_unknown(before: Tensor, after: Tensor) -> Tensor:
    """Return a moved target in which all that was unknown before is so again, whatever came in from beyond the edge.

    Args:
        before: ``(B, T, *S)``.
        after: ``(B, T, *S')``.
    """
    unknown = unknown_regions(before)
    return after.masked_fill(over_voxels(unknown, after), UNKNOWN) if bool(unknown.any()) else after


def padded_target(target: NDArray[Any], margins: Sequence[tuple[int, int]]) -> NDArray[Any]:
    """Pad one sample's target ``(T, *S)`` with background, and what is unknown with the same.

    Args:
        target: The target.
        margins: Voxels before and after, for each axis of the array.
    """
    padded = np.pad(target, margins)
    padded[target.reshape(len(target), -1)[:, 0] == UNKNOWN] = UNKNOWN
    return padded


def over_voxels(regions: Tensor, like: Tensor) -> Tensor:
    """Give ``(B, R)`` the axes of ``(B, R, *S)``, each of length 1."""
    return regions.view(*regions.shape, *(1,) * (like.dim() - 2))


def mean_of_known(values: Tensor, known: Tensor) -> Tensor:
    """Return the mean of the values that are known; 0, without a gradient, where none is."""
    own = values[known]
    return own.mean() if len(own) else torch.zeros((), dtype=values.dtype, device=values.device)
