"""Loss functions; ``LOSSES`` is their table.

A loss takes logits and returns one number, lower is better. To add one, write the function in ``losses_point`` or
``losses_overlap``, its options keyword-only with defaults, and add it to the table: recipes can name it at once.

Shapes by mode: ``label`` logits ``(B, K)``, target ``(B,)`` class index; ``classes`` logits ``(B, K, *S)``, target
``(B, 1, *S)`` class index; ``regions`` logits ``(B, R, *S)``, target ``(B, R, *S)`` 0 or 1. A region of a sample whose
target is ``UNKNOWN`` takes part in no loss: its gradient is 0, and means run over all that is known.
"""

import inspect
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from gliascope.training.losses_overlap import focal_tversky, soft_dice, tversky
from gliascope.training.losses_point import bce, cross_entropy, focal_cross_entropy
from gliascope.training.outputs import Mode

Options = Mapping[str, float | bool]
LossTerms = Mapping[str, float | Options]
"""Weight by name (``{soft_dice = 1.0, bce = 0.5}``), or options by name, ``weight`` among them."""

Loss = Callable[..., Tensor]

LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "focal_cross_entropy": focal_cross_entropy,
    "bce": bce,
    "soft_dice": soft_dice,
    "tversky": tversky,
    "focal_tversky": focal_tversky,
}
"""Every loss by the name recipes use."""

DEFAULT_TERMS: Mapping[Mode, LossTerms] = {
    "label": {"cross_entropy": 1.0},
    "classes": {"soft_dice": 1.0, "cross_entropy": 1.0},
    "regions": {"soft_dice": 1.0, "bce": 1.0},
}
"""What is used where a recipe names no loss."""


def total_loss(terms: LossTerms, logits: Tensor, target: Tensor, *, mode: Mode) -> Tensor:
    """Return the weighted sum of the named losses; no terms: those of ``DEFAULT_TERMS``."""
    parts = []
    for name, term in (terms or DEFAULT_TERMS[mode]).items():
        options = {"weight": term} if isinstance(term, float | int) else dict(term)
        weight = options.pop("weight", 1.0)
        parts.append(weight * LOSSES[name](logits.float(), target, mode=mode, **options))
    return torch.stack(parts).sum()


def check_terms(terms: LossTerms) -> None:
    """Refuse unknown losses and options, and values that make no sense.

    Raises:
        ValueError: A name is unknown, a weight is not positive, a switch is no switch, or an option is negative; the
            message lists what is known.
    """
    for name, term in terms.items():
        if name not in LOSSES:
            raise ValueError(f"unknown loss '{name}'; known: {', '.join(LOSSES)}")
        options = {"weight": term} if isinstance(term, float | int) else term
        parameters = inspect.signature(LOSSES[name]).parameters
        defaults = {p: parameters[p].default for p in parameters if p not in ("logits", "target", "mode")}
        known = {"weight": 1.0, **defaults}
        for option, value in options.items():
            if option not in known:
                raise ValueError(f"loss '{name}' has no option '{option}'; known: {', '.join(known)}")
            if isinstance(value, bool) != isinstance(known[option], bool):
                wanted = "true or false" if isinstance(known[option], bool) else "a number"
                raise ValueError(f"option '{option}' of loss '{name}' takes {wanted}, got {value}")
            if value < 0:
                raise ValueError(f"option '{option}' of loss '{name}' must be at least 0, got {value}")
        if not options.get("weight", 1.0) > 0:
            raise ValueError(f"the weight of loss '{name}' must be above 0")
