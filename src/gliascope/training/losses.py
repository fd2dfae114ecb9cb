"""Loss functions; ``LOSSES`` is their table.

A loss takes logits and returns one number, lower is better. To add one, write the function, its options keyword-only
with defaults, and add it to the table: recipes can name it at once.

Shapes by mode: ``label`` logits ``(B, K)``, target ``(B,)`` class index; ``classes`` logits ``(B, K, *S)``, target
``(B, 1, *S)`` class index; ``regions`` logits ``(B, R, *S)``, target ``(B, R, *S)`` 0 or 1.
"""

import inspect
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from gliascope.errors import ConfigError
from gliascope.training.outputs import Mode

Options = Mapping[str, float | bool]
LossTerms = Mapping[str, float | Options]
"""Weight by name (``{soft_dice = 1.0, bce = 0.5}``), or options by name, ``weight`` among them."""

DEFAULT_TERMS: Mapping[Mode, LossTerms] = {
    "label": {"cross_entropy": 1.0},
    "classes": {"soft_dice": 1.0, "cross_entropy": 1.0},
    "regions": {"soft_dice": 1.0, "bce": 1.0},
}
"""What is used where a recipe names no loss."""


def cross_entropy(logits: Tensor, target: Tensor, *, mode: Mode, smoothing: float = 0.0) -> Tensor:
    """Mean negative log-likelihood of the right class, in nats.

    Args:
        logits: See the module.
        target: See the module.
        mode: ``label`` or ``classes``.
        smoothing: Share of certainty given to all classes alike.

    Raises:
        ConfigError: Regions may overlap, so they have no one right class.
    """
    if mode == "regions":
        raise _unfit("cross_entropy", mode, "bce")
    index = target.long() if mode == "label" else target[:, 0].long()
    return functional.cross_entropy(logits, index, label_smoothing=smoothing)


def bce(logits: Tensor, target: Tensor, *, mode: Mode) -> Tensor:
    """Mean binary cross-entropy over voxels and regions, in nats.

    Raises:
        ConfigError: The outputs exclude each other.
    """
    if mode != "regions":
        raise _unfit("bce", mode, "cross_entropy")
    return functional.binary_cross_entropy_with_logits(logits, target.to(logits.dtype))


def soft_dice(
    logits: Tensor,
    target: Tensor,
    *,
    mode: Mode,
    smooth: float = 1.0,
    background: bool = False,
    pooled: bool = False,
    squared: bool = False,
    absent_costs: bool = False,
) -> Tensor:
    """One minus the Dice overlap of probabilities and reference, mean over regions (and samples), 0 … 1.

    Args:
        logits: See the module.
        target: See the module.
        mode: ``classes`` or ``regions``.
        smooth: Voxels added to numerator and denominator, so that a region absent from both costs nothing.
        background: Count the background as a class (``classes`` only).
        pooled: Add up the voxels of the whole batch before dividing.
        squared: Sum squares in the denominator.
        absent_costs: Leave the numerator bare: an absent region costs 1 whatever is predicted.

    Raises:
        ConfigError: The target has no voxels.

    Source:
        Milletari 2016, doi:10.1109/3DV.2016.79 (squared).
    """
    if mode == "label":
        raise _unfit("soft_dice", mode, "cross_entropy")
    if mode == "classes":
        probabilities = logits.softmax(dim=1)
        truth = torch.zeros_like(probabilities).scatter_(1, target.long(), 1.0)
        if not background:
            probabilities, truth = probabilities[:, 1:], truth[:, 1:]
    else:
        probabilities, truth = logits.sigmoid(), target.to(logits.dtype)
    axes = (0, *range(2, logits.dim())) if pooled else tuple(range(2, logits.dim()))
    overlap = (probabilities * truth).sum(axes)
    sizes = probabilities.square().sum(axes) if squared else probabilities.sum(axes)
    added = 0.0 if absent_costs else smooth
    scores: Tensor = (2 * overlap + added) / (sizes + truth.sum(axes) + smooth)
    return 1 - scores.mean()


Loss = Callable[..., Tensor]

LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "bce": bce, "soft_dice": soft_dice}
"""Every loss by the name recipes use."""


def total_loss(terms: LossTerms, logits: Tensor, target: Tensor, *, mode: Mode) -> Tensor:
    """Return the weighted sum of the named losses; no terms: those of ``DEFAULT_TERMS``."""
    parts = []
    for name, term in (terms or DEFAULT_TERMS[mode]).items():
        options = {"weight": term} if isinstance(term, float | int) else dict(term)
        weight = options.pop("weight", 1.0)
        parts.append(weight * LOSSES[name](logits.float(), target, mode=mode, **options))
    return torch.stack(parts).sum()


def check_terms(terms: LossTerms) -> None:
    """Refuse unknown losses and options.

    Raises:
        ValueError: A name is unknown or a weight is not positive; the message lists what is known.
    """
    for name, term in terms.items():
        if name not in LOSSES:
            raise ValueError(f"unknown loss '{name}'; known: {', '.join(LOSSES)}")
        options = {"weight": term} if isinstance(term, float | int) else term
        parameters = inspect.signature(LOSSES[name]).parameters
        known = ["weight", *(p for p in parameters if p not in ("logits", "target", "mode"))]
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise ValueError(f"loss '{name}' has no option '{unknown[0]}'; known: {', '.join(known)}")
        if not options.get("weight", 1.0) > 0:
            raise ValueError(f"the weight of loss '{name}' must be above 0")


def _unfit(name: str, mode: Mode, instead: str) -> ConfigError:
    cause = f"loss '{name}' does not fit outputs of mode '{mode}'"
    return ConfigError(cause, hint=f"Use {instead}.", code="E_LOSS")
