"""One training step and one validation, as Lightning wants them."""

import contextlib
import math
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.nn import functional

from gliascope.errors import GliascopeError, InputError
from gliascope.training.augment import augment_batch
from gliascope.training.data import Batch
from gliascope.training.draws import Purpose, drawn_seed
from gliascope.training.losses import total_loss
from gliascope.training.machine import Setup
from gliascope.training.outputs import Mode, Outputs
from gliascope.training.parts import Parts
from gliascope.training.scores import Scores, Tally
from gliascope.training.settings import TrainingSettings
from gliascope.training.unknown import kept_unknown

_CHECK_EVERY = 16
"""Steps between two looks at the loss on a GPU, which has to wait for each."""

_SHOWN = 5
"""Cases that a message names."""


class Learner(pl.LightningModule):
    """A network, the loss it falls by, and the scores of its validation.

    Args:
        network: Returns logits; its ``divisor``, if any, says what sizes it takes.
        settings: All options.
        outputs: What the logits stand for.
        parts: Names the samples in messages.
        setup: Layout of the image batch, and what is computed in 32 bit.
        seed: The run's seed.
    """

    def __init__(
        self,
        network: nn.Module,
        settings: TrainingSettings,
        outputs: Outputs,
        parts: Parts,
        setup: Setup,
        *,
        seed: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.settings = settings
        self.outputs = outputs
        self.cases = [sample.case_id for sample in parts.training.samples]
        self.validation_cases = len(parts.validation.samples)
        self.seed = seed
        self.machine = setup
        self.rate = settings.optimizer.lr
        self.losses: list[float] = []
        """Validation losses so far, for the schedule; none without validation."""
        self.scores: Scores = {}
        """Of the epoch that has just ended."""
        self._tally: Tally | None = None
        self._sum = torch.zeros(2, dtype=torch.float64)

    @property
    def coarse(self) -> bool:
        """True where the epoch trains on images of half the size."""
        return bool(self.current_epoch < self.settings.coarse_epochs)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer; the learning rate is set at the start of every epoch."""
        return self.settings.optimizer.build(self.network.parameters())

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Shorten the gradient; Lightning itself refuses to beside a fused optimizer, for a scaling that bf16 lacks."""
        del optimizer, gradient_clip_algorithm
        if gradient_clip_val is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), gradient_clip_val)

    def on_train_start(self) -> None:
        """Give restored optimizer state the layout of its weights, so that a resumed step is the same step."""
        for optimizer in self.trainer.optimizers:
            for weight, state in optimizer.state.items():
                for name, value in state.items():
                    if isinstance(value, Tensor) and value.shape == weight.shape:
                        state[name] = torch.empty_like(weight).copy_(value)

    def on_train_epoch_start(self) -> None:
        """Set the epoch's learning rate."""
        base, epochs = self.settings.optimizer.lr, self.settings.epochs
        self.rate = self.settings.schedule.rate(base, self.current_epoch, epochs, self.losses)
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.rate
        self._sum = torch.zeros(2, dtype=torch.float64, device=self.device)
        self.scores = {}

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:  # noqa: ANN401
        """Move a batch; an error that came instead of one is raised.

        Raises:
            GliascopeError: A sample could not be read.
        """
        if isinstance(batch, GliascopeError):
            raise batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Vary a training batch, and lay it out as the network likes it."""
        del dataloader_idx
        image, target = batch["image"], batch["target"]
        if self.trainer.training:
            if self.coarse:
                image, target = halved(image, target, self.outputs.mode)
            moves = None if self.outputs.mode == "label" else target
            image, moved = augment_batch(
                image,
                moves,
                self.settings.augment,
                seed=self.seed,
                variations=[(epoch, position) for epoch, position in batch["variation"].tolist()],
            )
            target = target if moved is None else moved
        image = image.contiguous(memory_format=self.machine.memory_format)
        return Batch(**{**batch, "image": image, "target": target})

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one batch.

        Raises:
            InputError: The batch holds values that are no numbers.
            GliascopeError: The loss is no number.
        """
        device = batch["image"].device
        seed = drawn_seed(self.seed, Purpose.STEP, epoch=self.current_epoch, position=int(batch["position"][0]))
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            precise = self.coarse and self.machine.coarse_in_32
            with torch.autocast(device.type, enabled=False) if precise else contextlib.nullcontext():
                logits = self.network(batch["image"])
        with torch.autocast(device.type, enabled=False):
            loss = total_loss(self.settings.loss, logits, batch["target"], mode=self.outputs.mode)
        count = len(batch["image"])
        self._sum += torch.stack([loss.detach().double() * count, torch.tensor(count, device=device).double()])
        if (device.type != "cuda" or batch_idx % _CHECK_EVERY == 0) and not math.isfinite(float(self._sum[0])):
            raise self._not_finite(batch)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Start counting."""
        self._tally = Tally(self.outputs, self.validation_cases, self.device)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Count one batch."""
        del batch_idx
        if self._tally is None:
            raise GliascopeError("validation has not been started")
        logits = padded_logits(self.network, batch["image"])
        with torch.autocast(logits.device.type, enabled=False):
            loss = total_loss(self.settings.loss, logits, batch["target"], mode=self.outputs.mode)
        self._tally.add(logits, batch["target"], case=batch["case"], counted=batch["counted"], loss=loss)

    def on_validation_epoch_end(self) -> None:
        """Add up all devices' counts."""
        if self._tally is None or self.trainer.sanity_checking:
            return
        self._tally.counts = self._over_devices(self._tally.counts)
        self._tally.loss = self._over_devices(self._tally.loss)
        self.scores = self._tally.scores()

    def on_train_epoch_end(self) -> None:
        """Add the training loss to the scores.

        Raises:
            GliascopeError: Training loss, validation loss or a weight is no number.
        """
        total, count = self._over_devices(self._sum).tolist()
        self.scores = {"train_loss": total / count, **self.scores}
        validation = [self.scores["val_loss"]] if "val_loss" in self.scores else []
        finite = all(bool(torch.isfinite(p).all()) for p in self.network.parameters())
        if not finite or not all(math.isfinite(loss) for loss in (total, *validation)):
            raise _diverged(f"epoch {self.current_epoch + 1} ended with values that are no numbers")
        self.losses += validation

    def _over_devices(self, counts: Tensor) -> Tensor:
        summed: Tensor = self.trainer.strategy.reduce(counts, reduce_op="sum")
        return summed

    def _not_finite(self, batch: Batch) -> GliascopeError:
        names = sorted({self.cases[number] for number in batch["case"].tolist()})
        first, last = int(batch["position"].min()), int(batch["position"].max())
        where = f"epoch {self.current_epoch + 1}, positions {first} to {last}, seed {self.seed}"
        finite = torch.isfinite(batch["image"]).flatten(start_dim=1).all(dim=1)
        if not bool(finite.all()):
            broken = sorted({self.cases[number] for number in batch["case"][~finite].tolist()})
            cause = f"prepared images of {_some(broken)} hold values that are no numbers ({where})"
            return InputError(cause, hint="Check these cases with gliascope check.", code="E_NAN")
        return _diverged(f"the loss is no longer a number ({where}; cases {_some(names)})")


def halved(image: Tensor, target: Tensor, mode: Mode) -> tuple[Tensor, Tensor]:
    """Return a batch at half the size along every axis; an odd last row is left out.

    Args:
        image: ``(B, C, *S)``; means of two voxels per axis.
        target: ``(B, T, *S)``; regions keep what fills at least half of a new voxel (unknown ones stay unknown),
            classes every second voxel.
        mode: ``regions`` or ``classes``.
    """
    pool = functional.avg_pool2d if image.dim() == 4 else functional.avg_pool3d
    small = pool(image, 2)
    if mode == "regions":
        return small, kept_unknown(target, (pool((target == 1).float(), 2) >= 0.5).to(target.dtype))
    every_second = (slice(None), slice(None), *(slice(0, 2 * n, 2) for n in small.shape[2:]))
    return small, target[every_second]


def padded_logits(network: nn.Module, image: Tensor) -> Tensor:
    """Return the logits of a batch of any size: padded with zeros to what the network takes, and cut back."""
    divisor = getattr(network, "divisor", 1)
    size = image.shape[2:]
    margins = [margin for length in reversed(size) for margin in (0, -length % divisor)]
    logits: Tensor = network(functional.pad(image, margins) if any(margins) else image)
    if not any(margins):
        return logits
    for axis, length in enumerate(size, start=2):
        logits = logits.narrow(axis, 0, length)
    return logits


def _some(names: list[str]) -> str:
    """Name a few; a batch may hold hundreds."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _diverged(cause: str) -> GliascopeError:
    hint = "The last good epoch is kept. Lower training.optimizer.lr or set training.gradient_clip."
    return GliascopeError(cause, hint=hint, code="E_DIVERGED")
