"""Everything a training draws from, checked before anything runs."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from gliascope.errors import ConfigError, GeometryError, InputError, Notice
from gliascope.training.data import Items, Sample, training_items
from gliascope.training.outputs import Outputs
from gliascope.training.sampling import EpochSampler, ValidationSampler
from gliascope.training.settings import TrainingSettings


@dataclass(frozen=True)
class Parts:
    """Training and validation items with what draws from them.

    Args:
        training: What is trained on.
        sampler: How it is drawn.
        validation: What is scored; whole items, or the middle patch of volumes that are too large. It may be empty.
        validation_sampler: How it is drawn.
        validation_batch: Items scored at once; whole volumes go one by one.
        image: Shape of one training image, ``(C, *S)``.
        validation_image: Shape of the largest validation image.
        notices: What the caller should pass on.
        batch_size: Items per training step.
    """

    training: Items
    sampler: EpochSampler
    validation: Items
    validation_sampler: ValidationSampler
    validation_batch: int
    image: tuple[int, ...]
    validation_image: tuple[int, ...]
    notices: tuple[Notice, ...]
    batch_size: int

    @property
    def steps(self) -> int:
        """Training steps per epoch on one device."""
        return math.ceil(len(self.sampler) / self.batch_size)

    def hold(self, room: int) -> None:
        """Let all items stay in memory once they are read, if they take no more than ``room`` bytes."""
        if self.training.bytes_needed + self.validation.bytes_needed <= room:
            self.training.hold()
            self.validation.hold()


def gather_parts(
    network: nn.Module,
    train: Sequence[Sample],
    validation: Sequence[Sample],
    settings: TrainingSettings,
    outputs: Outputs,
    *,
    seed: int,
) -> Parts:
    """Check samples against settings and network, and return what a training draws from.

    Raises:
        InputError: There is nothing to train on, or nothing to validate with where that is needed.
        ConfigError: Sampling or patch size do not fit the task, or a setting needs validation samples and there are
            none.
        GeometryError: Images do not fit the network.
    """
    if not train or (not validation and settings.keep == "best"):
        cause = f"there are {len(train)} samples to train and {len(validation)} to validate"
        hint = "Both need at least one; check the split. With training.keep = 'last' none need validate."
        raise InputError(cause, hint=hint, code="E_EMPTY")
    if not validation:
        _check_unvalidated(settings)
    _check_sampling(settings, outputs)
    if settings.coarse_epochs and outputs.mode == "label":
        raise ConfigError("training.coarse_epochs: classifiers take images of one size", hint="Leave it out.")
    patch = _checked_patch(network, train[0].shape, settings)
    training, sampler = training_items(train, outputs, settings.sampling, patch=patch, seed=seed)
    image = (train[0].shape[0], *patch) if patch is not None else train[0].shape
    if settings.coarse_epochs and any(length // 2 % getattr(network, "divisor", 1) for length in image[1:]):
        cause = f"training.coarse_epochs: half of {'x'.join(map(str, image[1:]))} does not fit the network"
        hint = f"Use sizes that are multiples of {2 * getattr(network, 'divisor', 1)}."
        raise ConfigError(cause, hint=hint)
    largest = max((sample.shape for sample in validation), key=math.prod, default=image)
    whole = patch is None or math.prod(largest[1:]) <= settings.whole_volume_voxels
    scored = Items(validation, outputs, seed=seed, patch=None if whole else patch)
    if validation and not len(scored):
        raise InputError("there is nothing to validate with", hint="Check the slice selection.", code="E_EMPTY")
    shape = "x".join(map(str, largest[1:]))
    text = f"Validation volumes up to {shape} are scored on the patch in their middle (training.whole_volume_voxels)."
    return Parts(
        training=training,
        sampler=sampler,
        validation=scored,
        validation_sampler=ValidationSampler(len(scored)),
        validation_batch=1 if whole and len(largest) == 4 else settings.batch_size,
        image=image,
        validation_image=largest if whole or patch is None else (largest[0], *patch),
        notices=() if whole else (Notice("W_VALIDATION_PATCH", "", text),),
        batch_size=settings.batch_size,
    )


def run_facts(
    network: nn.Module, parts: Parts, settings: TrainingSettings, outputs: Outputs, *, seed: int
) -> dict[str, Any]:
    """Return what must be the same when a training is resumed, as plain data."""
    weights = {name: list(value.shape) for name, value in network.state_dict().items()}
    return {
        "settings": settings.without_length().model_dump(mode="json"),
        "outputs": {"mode": outputs.mode, "names": list(outputs.names)},
        "seed": seed,
        "network": _hash(weights),
        "train": _hash(_identities(parts.training.samples)),
        "validation": _hash(_identities(parts.validation.samples)),
    }


def changed_facts(before: Any, now: Any, path: str = "") -> list[str]:  # noqa: ANN401 - any plain data
    """Return the paths of all values that differ, sorted."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted(set(before) | set(now))
        return [p for k in keys for p in changed_facts(before.get(k), now.get(k), f"{path}.{k}" if path else k)]
    return [] if before == now else [path]


def _check_unvalidated(settings: TrainingSettings) -> None:
    """Refuse what cannot be without validation samples."""
    needing = {
        "training.early_stopping": settings.early_stopping is not None,
        "training.schedule 'plateau'": settings.schedule.name == "plateau",
        f"training.monitor '{settings.monitor}'": settings.monitor != "auto",
    }
    for name, needs in needing.items():
        if needs:
            hint = "Leave it out, or let the split validate."
            raise ConfigError(f"{name} needs validation cases, and there are none", hint=hint)


def _check_sampling(settings: TrainingSettings, outputs: Outputs) -> None:
    if settings.sampling.repeat_augmented > 1 and not settings.augment.varies:
        hint = "Say in training.augment how the repetitions vary."
        raise ConfigError("training.sampling.repeat_augmented: the repetitions would all be alike", hint=hint)
    if settings.sampling.repeat_augmented > 1 and settings.patch_size is not None:
        hint = "Leave training.patch_size out, or use training.augment alone, which varies every epoch anew."
        raise ConfigError("training.sampling.repeat_augmented: random patches are never the same twice", hint=hint)
    if settings.sampling.balance == "class" and outputs.mode != "label":
        hint = "Segmenters use training.sampling.foreground."
        raise ConfigError("training.sampling.balance: only classifiers have classes to balance", hint=hint)
    if settings.sampling.balance == "dataset" and settings.sampling.foreground > 0 and settings.patch_size is None:
        hint = "Choose one of both."
        raise ConfigError("training.sampling: balance = 'dataset' and foreground both say which to draw", hint=hint)
    if settings.sampling.foreground > 0 and outputs.mode == "label":
        hint = "Classifiers use training.sampling.balance."
        raise ConfigError("training.sampling.foreground: only segmenters have foreground", hint=hint)


def _checked_patch(network: nn.Module, shape: tuple[int, ...], settings: TrainingSettings) -> tuple[int, ...] | None:
    divisor = getattr(network, "divisor", 1)
    patch = settings.patch_size
    size = shape[1:] if patch is None else patch
    if len(size) != len(shape) - 1:
        cause = f"training.patch_size: {len(size)} values for images of {len(shape) - 1} axes"
        raise ConfigError(cause, hint="Give one size per axis.")
    if all(length % divisor == 0 for length in size):
        return patch
    works = "x".join(str(math.ceil(length / divisor) * divisor) for length in size)
    given = "x".join(map(str, size))
    if patch is not None:
        cause = f"training.patch_size: {given} is not a multiple of {divisor} along every axis"
        raise ConfigError(cause, hint=f"Use {works}.")
    cause = f"prepared images are {given}, the network needs multiples of {divisor}"
    raise GeometryError(cause, hint=f"Pad, crop or resize to {works} in the plan.", code="E_NETWORK_INPUT")


def _identities(samples: Sequence[Sample]) -> list[list[Any]]:
    return [[sample.case_id, sample.label, sample.count, list(sample.shape)] for sample in samples]


def _hash(tree: Any) -> str:  # noqa: ANN401 - any plain data
    return hashlib.sha256(json.dumps(tree).encode()).hexdigest()
