"""Learning rates by epoch; ``ScheduleSettings`` is the table.

A schedule is a function of the epoch and of the validation losses so far; it holds no state, so a resumed training
goes on as if it had never stopped. To add one, write its settings class with ``rate`` and add it to the union.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from gliascope.settings import Settings

Losses = Sequence[float]


class ConstantSchedule(Settings):
    """The same rate throughout."""

    name: Literal["constant"] = "constant"

    def rate(self, base: float, epoch: int, epochs: int, losses: Losses) -> float:
        """Return the rate of an epoch, counted from 0; ``losses`` are the validation losses of those before."""
        del epoch, epochs, losses
        return base


class StepSchedule(Settings):
    """Multiplied by ``gamma`` every ``every`` epochs."""

    name: Literal["step"] = "step"
    every: PositiveInt = 10
    gamma: PositiveFloat = 0.5

    def rate(self, base: float, epoch: int, epochs: int, losses: Losses) -> float:
        """Return the rate of an epoch, counted from 0."""
        del epochs, losses
        return float(base * self.gamma ** (epoch // self.every))


class ExponentialSchedule(Settings):
    """Multiplied by ``gamma`` every epoch."""

    name: Literal["exponential"] = "exponential"
    gamma: PositiveFloat = 0.9

    def rate(self, base: float, epoch: int, epochs: int, losses: Losses) -> float:
        """Return the rate of an epoch, counted from 0."""
        del epochs, losses
        return float(base * self.gamma**epoch)


class CosineSchedule(Settings):
    """Risen linearly over ``warmup`` epochs, then along half a cosine to ``final`` of the base rate."""

    name: Literal["cosine"] = "cosine"
    warmup: NonNegativeInt = 0
    final: NonNegativeFloat = 0.0

    def rate(self, base: float, epoch: int, epochs: int, losses: Losses) -> float:
        """Return the rate of an epoch, counted from 0."""
        del losses
        if epoch < self.warmup:
            return base * (epoch + 1) / (self.warmup + 1)
        share = (epoch - self.warmup) / max(1, epochs - self.warmup)
        return base * (self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * share)))


class PolySchedule(Settings):
    """Falling as ``(1 - epoch / epochs) ** power``."""

    name: Literal["poly"] = "poly"
    power: PositiveFloat = 0.9

    def rate(self, base: float, epoch: int, epochs: int, losses: Losses) -> float:
        """Return the rate of an epoch, counted from 0."""
        del losses
        return float(base * (1 - epoch / epochs) ** self.power)


class PlateauSchedule(Settings):
    """Multiplied by ``factor`` whenever the validation loss has not fallen for more than ``patience`` epochs."""

    name: Literal["plateau"] = "plateau"
    factor: float = Field(default=0.5, gt=0.0, lt=1.0)
    patience: NonNegativeInt = 2
    minimum: NonNegativeFloat = 1e-6
    """The rate never falls below it."""
    threshold: NonNegativeFloat = 1e-4
    """Share by which the loss must fall to count as better."""

    def rate(self, base: float, epoch: int, epochs: int, losses: Losses) -> float:
        """Return the rate of an epoch, counted from 0."""
        del epoch, epochs
        best, waited, rate = math.inf, 0, base
        for loss in losses:
            better = loss < best * (1 - self.threshold) if best < math.inf else True
            best, waited = (loss, 0) if better else (best, waited + 1)
            if waited > self.patience:
                rate, waited = max(rate * self.factor, self.minimum), 0
        return rate


ScheduleSettings = Annotated[
    ConstantSchedule | StepSchedule | ExponentialSchedule | CosineSchedule | PolySchedule | PlateauSchedule,
    Field(discriminator="name"),
]
"""Any schedule; ``name`` selects it."""

FIXED_LENGTH = ("cosine", "poly")
"""Schedules that depend on the number of epochs, so a run cannot be prolonged."""
