"""How far an exported network is from the trained one, in probabilities and masks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Array = NDArray[np.float32]
Network = Callable[[Array], Array]
"""A batch ``(B, C, *S)`` to probabilities ``(B, K, *S)`` or ``(B, K)``."""


@dataclass(frozen=True)
class Parity:
    """How far two networks are apart over some inputs.

    Args:
        max_difference: Largest absolute difference of one probability.
        high_difference: The difference that 99.9 % of the probabilities stay below; the worst input.
        mask_dice: Dice of the masks of all outputs and inputs together; None for classifiers.
    """

    max_difference: float
    high_difference: float
    mask_dice: float | None

    def as_json(self, *, passed: bool) -> dict[str, Any]:
        """Return the entry of ``model.json``."""
        return {
            "max_difference": float(f"{self.max_difference:.3g}"),
            "high_difference": float(f"{self.high_difference:.3g}"),
            "mask_dice": None if self.mask_dice is None else round(self.mask_dice, 6),
            "passed": passed,
        }


def compare(
    trained: Network, exported: Network, inputs: Sequence[Array], *, exclusive: bool, threshold: float
) -> Parity:
    """Run both networks on the same inputs.

    Args:
        trained: The network as it was trained.
        exported: The network as it was exported.
        inputs: Batches ``(B, C, *S)``.
        exclusive: True where the most probable output wins, False for regions with a threshold.
        threshold: Probability above which a voxel belongs to a region.
    """
    largest, high, shared, total = [], [], 0, 0
    classifier = False
    for batch in inputs:
        ours, theirs = trained(batch), exported(batch)
        difference = np.abs(ours - theirs)
        largest.append(float(difference.max()))
        high.append(float(np.quantile(difference, 0.999)))
        classifier = ours.ndim == 2
        if not classifier:
            mine, other = _masks(ours, exclusive, threshold), _masks(theirs, exclusive, threshold)
            shared += int((mine & other).sum())
            total += int(mine.sum()) + int(other.sum())
    dice = None if classifier else 1.0 if total == 0 else 2.0 * shared / total
    return Parity(float(np.max(largest)), float(np.max(high)), dice)


def fixed_inputs(shape: tuple[int, ...]) -> list[Array]:
    """Return two batches that are the same in every run: smooth heads in the dark, z-scored and from 0 to 1.

    Args:
        shape: ``(B, C, *S)``.
    """
    draw = np.random.Generator(np.random.Philox(key=20261120))
    noise = draw.standard_normal(shape, dtype=np.float32)
    smooth = gaussian_filter(noise, sigma=(0, 0, *(max(1.0, n / 16) for n in shape[2:])))
    smooth = (smooth / smooth.std()).astype(np.float32)
    axes = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in shape[2:]), indexing="ij")
    head = np.sum(np.square(axes), axis=0) < 0.8
    scaled = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    return [smooth * head, scaled * head]


def _masks(probabilities: Array, exclusive: bool, threshold: float) -> NDArray[np.bool_]:
    if not exclusive:
        return probabilities > threshold
    winner = probabilities.argmax(axis=1)
    return np.stack([winner == index for index in range(1, probabilities.shape[1])], axis=1)
