"""Losses of whole masks: one minus how far probabilities and reference overlap.

An overlap is a ratio of sums over voxels, and the mean of the ratios is the score. What is added up before dividing,
the *part*, is the same choice for all of them: each region of each sample (the default), each region of the whole
batch (``pooled``), each sample with all its regions (``joined``), or everything at once (both). Regions that are
unknown in a sample are left out of the sums, and a part of which nothing is known out of the mean.
"""

import torch
from torch import Tensor

from gliascope.training.losses_point import unfit
from gliascope.training.outputs import Mode
from gliascope.training.unknown import mean_of_known, over_voxels, unknown_regions

_LEAST = 1e-7
"""Below this, what is missing to a perfect overlap has no gradient: that of a root grows without bound there."""


def soft_dice(
    logits: Tensor,
    target: Tensor,
    *,
    mode: Mode,
    smooth: float = 1.0,
    background: bool = False,
    pooled: bool = False,
    joined: bool = False,
    squared: bool = False,
    absent_costs: bool = False,
) -> Tensor:
    """One minus the Dice overlap of probabilities and reference, mean over the parts, 0 … 1.

    The same as MONAI's ``DiceLoss`` (``batch`` is ``pooled``, ``squared_pred`` is ``squared``, ``include_background``
    is ``background``; it has no ``joined``), written out so that no training need import MONAI.

    Args:
        logits: See ``losses``.
        target: See ``losses``.
        mode: ``classes`` or ``regions``.
        smooth: Voxels added to numerator and denominator, so that a region absent from both costs nothing.
        background: Count the background as a class (``classes`` only).
        pooled: Add up the voxels of the whole batch before dividing.
        joined: Add up the voxels of all regions before dividing.
        squared: Sum squares in the denominator.
        absent_costs: Leave the numerator bare: an absent region costs 1 whatever is predicted.

    Raises:
        ConfigError: The target has no voxels.

    Source:
        Milletari 2016, doi:10.1109/3DV.2016.79 (squared).
    """
    probabilities, truth, unknown = _compared("soft_dice", logits, target, mode, background=background)
    axes = _axes(logits, pooled=pooled, joined=joined)
    overlap = (probabilities * truth).sum(axes)
    sizes = probabilities.square().sum(axes) if squared else probabilities.sum(axes)
    added = 0.0 if absent_costs else smooth
    scores: Tensor = (2 * overlap + added) / (sizes + truth.sum(axes) + smooth)
    return _mean(1 - scores, unknown, axes) if unknown is not None else 1 - scores.mean()


def tversky(
    logits: Tensor,
    target: Tensor,
    *,
    mode: Mode,
    alpha: float = 0.3,
    beta: float = 0.7,
    smooth: float = 1.0,
    background: bool = False,
    pooled: bool = False,
    joined: bool = False,
) -> Tensor:
    """One minus ``TP / (TP + alpha FP + beta FN)`` of the probabilities, mean over the parts, 0 … 1.

    With both weights 0.5 it is ``soft_dice`` of twice the ``smooth``. The same as MONAI's ``TverskyLoss``, written out
    so that no training need import MONAI.

    Args:
        logits: See ``losses``.
        target: See ``losses``.
        mode: ``classes`` or ``regions``.
        alpha: Weight of voxels that are wrongly claimed.
        beta: Weight of voxels that are missed.
        smooth: Voxels added to numerator and denominator, so that a region absent from both costs nothing.
        background: Count the background as a class (``classes`` only).
        pooled: Add up the voxels of the whole batch before dividing.
        joined: Add up the voxels of all regions before dividing.

    Raises:
        ConfigError: The target has no voxels.

    Source:
        Salehi 2017, arXiv:1706.05721.
    """
    probabilities, truth, unknown = _compared("tversky", logits, target, mode, background=background)
    axes = _axes(logits, pooled=pooled, joined=joined)
    scores = _tversky_scores(probabilities, truth, axes, alpha=alpha, beta=beta, smooth=smooth)
    return _mean(1 - scores, unknown, axes) if unknown is not None else 1 - scores.mean()


def focal_tversky(
    logits: Tensor,
    target: Tensor,
    *,
    mode: Mode,
    gamma: float = 0.75,
    alpha: float = 0.3,
    beta: float = 0.7,
    smooth: float = 1.0,
    background: bool = False,
    pooled: bool = False,
    joined: bool = False,
) -> Tensor:
    """``tversky`` of each part raised to a power before the mean, 0 … 1.

    Below 1 the power lets parts that are almost right keep a gradient; above 1 those that are far off count for more.

    Args:
        logits: See ``losses``.
        target: See ``losses``.
        mode: ``classes`` or ``regions``.
        gamma: The power; its source writes ``1 / gamma``, with 4 / 3.
        alpha: Weight of voxels that are wrongly claimed.
        beta: Weight of voxels that are missed.
        smooth: Voxels added to numerator and denominator, so that a region absent from both costs nothing.
        background: Count the background as a class (``classes`` only).
        pooled: Add up the voxels of the whole batch before dividing.
        joined: Add up the voxels of all regions before dividing.

    Raises:
        ConfigError: The target has no voxels.

    Source:
        Abraham 2019, doi:10.1109/ISBI.2019.8759329.
    """
    probabilities, truth, unknown = _compared("focal_tversky", logits, target, mode, background=background)
    axes = _axes(logits, pooled=pooled, joined=joined)
    missing = 1 - _tversky_scores(probabilities, truth, axes, alpha=alpha, beta=beta, smooth=smooth)
    costs = missing.clamp_min(_LEAST) ** gamma
    return costs.mean() if unknown is None else _mean(costs, unknown, axes)


def _compared(
    name: str, logits: Tensor, target: Tensor, mode: Mode, *, background: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return probabilities and the reference as 0 or 1, both ``(B, R, *S)``, and which regions are unknown, ``(B, R)``.

    Unknown regions are 0 in both; None: all are known.
    """
    if mode == "label":
        raise unfit(name, mode, "cross_entropy")
    if mode == "regions":
        unknown = unknown_regions(target)
        if not bool(unknown.any()):
            return logits.sigmoid(), target.to(logits.dtype), None
        return logits.sigmoid().masked_fill(over_voxels(unknown, logits), 0.0), (target == 1).to(logits.dtype), unknown
    probabilities = logits.softmax(dim=1)
    truth = torch.zeros_like(probabilities).scatter_(1, target.long(), 1.0)
    return (probabilities, truth, None) if background else (probabilities[:, 1:], truth[:, 1:], None)


def _mean(costs: Tensor, unknown: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return the mean over the parts of which something is known."""
    over = tuple(axis for axis in axes if axis < 2)
    return mean_of_known(costs, (~unknown).any(dim=over) if over else ~unknown)


def _axes(logits: Tensor, *, pooled: bool, joined: bool) -> tuple[int, ...]:
    """Return the axes that are added up: the voxels, and those of the batch and the regions where asked."""
    return (*((0,) if pooled else ()), *((1,) if joined else ()), *range(2, logits.dim()))


def _tversky_scores(
    probabilities: Tensor, truth: Tensor, axes: tuple[int, ...], *, alpha: float, beta: float, smooth: float
) -> Tensor:
    """Return the index of each part."""
    overlap = (probabilities * truth).sum(axes)
    # Rounding may bring the differences below 0, where nothing is wrong.
    claimed, missed = ((own.sum(axes) - overlap).clamp_min(0.0) for own in (probabilities, truth))
    scores: Tensor = (overlap + smooth) / (overlap + alpha * claimed + beta * missed + smooth)
    return scores
