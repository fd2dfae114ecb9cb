"""Losses of single answers: each picture or voxel counts for itself."""

import torch
from torch import Tensor
from torch.nn import functional

from gliascope.errors import ConfigError
from gliascope.training.outputs import Mode
from gliascope.training.unknown import mean_of_known, unknown_regions


def cross_entropy(logits: Tensor, target: Tensor, *, mode: Mode, smoothing: float = 0.0) -> Tensor:
    """Mean negative log-likelihood of the right class, in nats.

    Args:
        logits: See ``losses``.
        target: See ``losses``.
        mode: ``label`` or ``classes``.
        smoothing: Share of certainty given to all classes alike.

    Raises:
        ConfigError: Regions may overlap, so they have no one right class.
    """
    if mode == "regions":
        raise unfit("cross_entropy", mode, "bce")
    return functional.cross_entropy(logits, _index(target, mode), label_smoothing=smoothing)


def focal_cross_entropy(
    logits: Tensor, target: Tensor, *, mode: Mode, alpha: float = 0.25, gamma: float = 2.0
) -> Tensor:
    """Mean of ``-alpha (1 - p)^gamma log p`` over pictures or voxels, ``p`` being the right class's probability.

    What is right already counts little. MONAI's ``FocalLoss`` with softmax computes the same, but for its mean, which
    also runs over the classes: it is ours divided by their number.

    Args:
        logits: See ``losses``.
        target: See ``losses``.
        mode: ``label`` or ``classes``.
        alpha: Factor of the whole.
        gamma: How fast the weight of what is right falls; 0: not at all.

    Raises:
        ConfigError: Regions may overlap, so they have no one right class.

    Source:
        Lin 2017, arXiv:1708.02002, over classes.
    """
    if mode == "regions":
        raise unfit("focal_cross_entropy", mode, "bce")
    minus_log = functional.cross_entropy(logits, _index(target, mode), reduction="none")
    weight = (-torch.expm1(-minus_log)).clamp_min(0.0) ** gamma  # 1 - p, exact where p is almost 1
    return alpha * (weight * minus_log).mean()


def bce(logits: Tensor, target: Tensor, *, mode: Mode) -> Tensor:
    """Mean binary cross-entropy over the voxels of all regions that are known, in nats.

    Raises:
        ConfigError: The outputs exclude each other.
    """
    if mode != "regions":
        raise unfit("bce", mode, "cross_entropy")
    unknown = unknown_regions(target)
    if not bool(unknown.any()):
        return functional.binary_cross_entropy_with_logits(logits, target.to(logits.dtype))
    wanted = (target == 1).to(logits.dtype)
    each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").flatten(2).mean(dim=2)
    return mean_of_known(each, ~unknown)


def unfit(name: str, mode: Mode, instead: str) -> ConfigError:
    """Return what to raise where a loss makes no sense for what the outputs stand for."""
    cause = f"loss '{name}' does not fit outputs of mode '{mode}'"
    return ConfigError(cause, hint=f"Use {instead}.", code="E_LOSS")


def _index(target: Tensor, mode: Mode) -> Tensor:
    """Return the right class of each picture or voxel."""
    return target.long() if mode == "label" else target[:, 0].long()
