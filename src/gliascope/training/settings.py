"""All options of a training."""

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, field_validator

from gliascope.settings import Settings
from gliascope.training.augment import AugmentSettings
from gliascope.training.losses import check_terms
from gliascope.training.optimizers import AdamSettings, OptimizerSettings
from gliascope.training.sampling import SamplingSettings
from gliascope.training.schedules import ConstantSchedule, ScheduleSettings

LossTerm = PositiveFloat | dict[str, float | bool]


class EarlyStopping(Settings):
    """When to end before the last epoch."""

    patience: PositiveInt = 10
    """Epochs in a row without a better score."""
    least_gain: NonNegativeFloat = 0.0
    """What a score must gain to count as better."""


class TrainingSettings(Settings):
    """How a network is trained."""

    epochs: PositiveInt = 50
    batch_size: PositiveInt = 8
    """Items per step on each device."""
    optimizer: OptimizerSettings = AdamSettings()
    schedule: ScheduleSettings = ConstantSchedule()
    loss: dict[str, LossTerm] = Field(default_factory=dict)
    """Weight by name, or a table of options with ``weight``; empty: cross-entropy, with soft Dice for segmenters."""
    gradient_clip: PositiveFloat | None = None
    """Largest norm of the gradient; longer ones are shortened to it."""
    augment: AugmentSettings = AugmentSettings()
    sampling: SamplingSettings = SamplingSettings()
    coarse_epochs: NonNegativeInt = 0
    """First epochs that train on images of half the size along every axis, which is four or eight times as fast; for
    segmenters, which take any size."""
    patch_size: tuple[PositiveInt, ...] | None = None
    """Size of random patches, for volumes; none: whole prepared images."""
    keep: Literal["best", "last"] = "best"
    """Which epoch's weights are kept; ``last`` needs no validation cases."""
    monitor: str = "auto"
    """The validation score that decides which epoch is best; ``auto``: ``dice_mean``, or ``val_loss`` of classifiers.
    Losses should fall, every other score rise."""
    early_stopping: EarlyStopping | None = None
    precision: Literal["auto", "32", "bf16"] = "auto"
    """``auto``: bf16 where the processor computes in it, else 32 bit; of small volumes on a CPU, 32 bit too."""
    channels_last: Literal["auto", "on", "off"] = "auto"
    """Memory layout; ``auto``: on, except with instance or group normalization, which it slows down."""
    workers: NonNegativeInt = 0
    """Processes that read ahead; results do not depend on it. With none, prepared items of up to 1 GiB together stay in
    memory."""
    devices: PositiveInt = 1
    """GPUs, or processes on a CPU."""
    whole_volume_voxels: NonNegativeInt = 2**23
    """Validation sees whole volumes up to this many voxels; larger ones are scored on a patch from their middle."""

    @field_validator("loss")
    @classmethod
    def _known_losses(cls, terms: dict[str, LossTerm]) -> dict[str, LossTerm]:
        check_terms(terms)
        return terms

    def without_length(self) -> Self:
        """Return the settings that must stay the same when a training is resumed."""
        return self.model_copy(update={"epochs": 1, "workers": 0})
