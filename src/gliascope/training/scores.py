"""Validation scores from counts, so that slices add up to cases and devices add up to one result.

Counts are tensors on the device; they are summed there and divided once per epoch.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gliascope.training.outputs import Outputs
from gliascope.training.unknown import over_voxels, unknown_regions

Scores = dict[str, float]
"""Name to value; ``nan`` where nothing could be scored."""


class Tally:
    """Counts of one validation.

    Args:
        outputs: What is scored.
        cases: Number of validation samples.
        device: Where the counts live.
    """

    def __init__(self, outputs: Outputs, cases: int, device: torch.device) -> None:
        self.outputs = outputs
        size = (len(outputs.names),) * 2 if outputs.mode == "label" else (cases, len(outputs.names), 3)
        self.counts = torch.zeros(size, dtype=torch.float64, device=device)
        self.loss = torch.zeros(2, dtype=torch.float64, device=device)
        """Sum of the losses, and of their weights."""

    def add(self, logits: Tensor, target: Tensor, *, case: Tensor, counted: Tensor, loss: Tensor) -> None:
        """Count one batch; see ``losses`` for the shapes."""
        number = counted.sum()
        self.loss += torch.stack([loss.detach().double() * number, number.double()])
        if self.outputs.mode == "label":
            pairs = target[counted] * len(self.outputs.names) + logits[counted].argmax(dim=1)
            self.counts += torch.bincount(pairs, minlength=self.counts.numel()).view_as(self.counts)
            return
        predicted, truth = _masks(logits, target, self.outputs)
        axes = tuple(range(2, predicted.dim()))
        found = torch.stack([(predicted & truth).sum(axes), predicted.sum(axes), truth.sum(axes)], dim=-1)
        self.counts.index_add_(0, case[counted], found[counted].double())

    def scores(self) -> Scores:
        """Return ``val_loss`` and, by mode, accuracy and macro F1, or Dice per region and IoU per class with means."""
        total, weight = self.loss.tolist()
        return {"val_loss": total / weight if weight else math.nan, **self._own(self.counts.cpu().numpy())}

    def _own(self, counts: NDArray[np.float64]) -> Scores:
        if self.outputs.mode == "label":
            return label_scores(counts)
        if self.outputs.mode == "regions":
            return dice_scores(counts, self.outputs.names)
        return {**dice_scores(counts[:, 1:], self.outputs.foreground), **iou_scores(counts, self.outputs.names)}


def score_names(outputs: Outputs) -> tuple[str, ...]:
    """Return the names that a validation's scores have."""
    if outputs.mode == "label":
        return ("val_loss", "accuracy", "f1_macro")
    dice = (*(f"dice_{name}" for name in outputs.foreground), "dice_mean")
    if outputs.mode == "regions":
        return ("val_loss", *dice)
    return ("val_loss", *dice, *(f"iou_{name}" for name in outputs.names), "iou_mean")


def dice_scores(counts: NDArray[np.float64], names: tuple[str, ...]) -> Scores:
    """Return the mean Dice over cases per region, and the mean over regions.

    Args:
        counts: ``(cases, regions, 3)``: voxels in both masks, in the prediction, in the reference. The voxels of all
            slices of a case are added up first.
        names: Names of the regions.

    Returns:
        A case where a region is empty in both masks does not count; with none left the region is ``nan``.
    """
    both, predicted, truth = np.moveaxis(counts, -1, 0)
    size = predicted + truth
    dice = np.divide(2 * both, size, out=np.full(size.shape, np.nan), where=size > 0)
    means = [_mean(column) for column in dice.T]
    return {**{f"dice_{name}": mean for name, mean in zip(names, means, strict=True)}, "dice_mean": _mean(means)}


def iou_scores(counts: NDArray[np.float64], names: tuple[str, ...]) -> Scores:
    """Return the IoU per class over all voxels of all cases together, and its mean.

    Args:
        counts: As in ``dice_scores``, the background among the classes.
        names: Names of the classes.

    Returns:
        A class that no voxel is or is called has ``nan``; the mean is that of the others.
    """
    both, predicted, truth = counts.sum(axis=0).T
    union = predicted + truth - both
    iou = np.divide(both, union, out=np.full(union.shape, np.nan), where=union > 0)
    scores = {f"iou_{name}": float(value) for name, value in zip(names, iou, strict=True)}
    return {**scores, "iou_mean": _mean(iou)}


def label_scores(confusion: NDArray[np.float64]) -> Scores:
    """Return accuracy and macro F1.

    Args:
        confusion: ``(K, K)``, rows the reference class, columns the predicted one.

    Returns:
        Macro F1 is the mean over the classes that occur in either; with no case both are ``nan``.
    """
    right, size = np.diag(confusion), confusion.sum(axis=0) + confusion.sum(axis=1)
    total = float(confusion.sum())
    scores = [2 * r / s for r, s in zip(right, size, strict=True) if s > 0]
    return {"accuracy": float(right.sum()) / total if total else math.nan, "f1_macro": _mean(scores)}


def _masks(logits: Tensor, target: Tensor, outputs: Outputs) -> tuple[Tensor, Tensor]:
    """Return predicted and true masks of the regions, or of the classes with the background, ``(B, R, *S)`` bool."""
    if outputs.mode == "regions":
        told = ~over_voxels(unknown_regions(target), target)  # what is empty in both masks is not counted
        return (logits > 0) & told, (target > 0) & told  # a logit of 0 is a probability of one half
    classes = torch.arange(len(outputs.names), device=logits.device).view(1, -1, *(1,) * (logits.dim() - 2))
    return logits.argmax(dim=1, keepdim=True) == classes, target == classes


def _mean(values: NDArray[np.float64] | list[float]) -> float:
    """Mean of the values that are numbers; ``nan`` without any."""
    known = [float(v) for v in values if not math.isnan(v)]
    return sum(known) / len(known) if known else math.nan
