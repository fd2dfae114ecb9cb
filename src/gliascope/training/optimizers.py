"""Optimizers; ``OptimizerSettings`` is the table. To add one, write its settings class and add it to the union."""

from collections.abc import Iterable
from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat

from gliascope.settings import Settings

Beta = Annotated[float, Field(ge=0.0, lt=1.0)]


class AdamSettings(Settings):
    """Adam; ``weight_decay`` is added to the gradient (coupled L2).

    Source:
        Kingma 2015, arXiv:1412.6980.
    """

    name: Literal["adam"] = "adam"
    lr: PositiveFloat = 1e-3
    """Learning rate at the start; the schedule changes it."""
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    epsilon: PositiveFloat = 1e-8
    """Keras uses 1e-7."""
    weight_decay: NonNegativeFloat = 0.0

    def build(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimizer of these parameters."""
        decay = self.weight_decay
        return torch.optim.Adam(
            parameters, lr=self.lr, betas=self.betas, eps=self.epsilon, weight_decay=decay, fused=True
        )


class AdamWSettings(Settings):
    """Adam with decoupled weight decay.

    Source:
        Loshchilov 2019, arXiv:1711.05101.
    """

    name: Literal["adamw"] = "adamw"
    lr: PositiveFloat = 1e-3
    """Learning rate at the start; the schedule changes it."""
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    epsilon: PositiveFloat = 1e-8
    weight_decay: NonNegativeFloat = 0.01
    """Share of each weight taken away per step, times the learning rate."""

    def build(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimizer of these parameters."""
        decay = self.weight_decay
        return torch.optim.AdamW(
            parameters, lr=self.lr, betas=self.betas, eps=self.epsilon, weight_decay=decay, fused=True
        )


OptimizerSettings = Annotated[AdamSettings | AdamWSettings, Field(discriminator="name")]
"""Any optimizer; ``name`` selects it."""
