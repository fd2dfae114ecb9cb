"""What a training leaves behind after every epoch: its curves, the last state and the weights that are kept."""

import csv
import io
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint
from torch.utils.tensorboard import SummaryWriter

from gliascope.errors import ConfigError
from gliascope.files import atomic
from gliascope.training import checkpoint_io
from gliascope.training.learner import Learner
from gliascope.training.outputs import Outputs
from gliascope.training.scores import score_names
from gliascope.training.settings import EarlyStopping

Row = dict[str, float | None]
"""One epoch: ``epoch`` (from 1), ``lr``, ``seconds``, ``train_loss`` and, where there is validation, ``val_loss`` and
the scores; None: undefined."""

EpochCallback = Callable[[Mapping[str, float | None]], None]

METRICS_FILE = "metrics.csv"
TENSORBOARD_FOLDER = "tensorboard"


def monitored(name: str, outputs: Outputs) -> str:
    """Return the score that decides, ``auto`` resolved.

    Raises:
        ConfigError: There is no such score; the message lists the known ones.
    """
    if name == "auto":
        return "val_loss" if outputs.mode == "label" else "dice_mean"
    known = ("train_loss", *score_names(outputs))
    if name not in known:
        raise ConfigError(f"training.monitor: unknown score '{name}'", hint=f"Known: {', '.join(known)}.")
    return name


class Keeper(Checkpoint):
    """Writes curves and checkpoints at the end of every epoch, and ends the training early where asked to.

    Args:
        run: The run folder.
        keep: Which epoch's weights are kept.
        monitor: The score that decides which epoch is best; used only to keep that one or to stop early.
        stopping: When to end early, or None.
        facts: What must be the same when the training is resumed; stored with every checkpoint.
        epochs: Epochs asked for, stored too.
        epoch_done: Told each epoch's row.
    """

    def __init__(
        self,
        run: Path,
        *,
        keep: Literal["best", "last"],
        monitor: str,
        stopping: EarlyStopping | None,
        facts: dict[str, Any],
        epochs: int,
        epoch_done: EpochCallback | None,
    ) -> None:
        self.run = run
        self.keep = keep
        self.monitor = monitor
        self.stopping = stopping
        self.facts = facts
        self.epochs = epochs
        self.epoch_done = epoch_done
        self.history: list[Row] = []
        self.interrupted = False
        self._began = time.monotonic()
        self._board: SummaryWriter | None = None

    @property
    def state_key(self) -> str:
        """The name of its state in a checkpoint."""
        return "keeper"

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint holds of it."""
        return {"facts": self.facts, "epochs": self.epochs, "history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the curves of an earlier part of the training."""
        self.history = list(state_dict["history"])

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Hand the losses of the epochs before to the schedule, and open the curves."""
        if isinstance(pl_module, Learner):
            pl_module.losses = [row["val_loss"] or 0.0 for row in self.history if "val_loss" in row]
        if trainer.is_global_zero:
            folder = self.run / TENSORBOARD_FOLDER
            self._board = SummaryWriter(str(folder), purge_step=len(self.history) + 1)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        del trainer, pl_module
        self._began = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the epoch: its weights if they are wanted, then the state that names them, then the curves."""
        if not isinstance(pl_module, Learner):
            return
        row = self._row(trainer, pl_module)
        self.history.append(row)
        if self.kept_epoch() == len(self.history) and trainer.is_global_zero:
            weights = pl_module.network.state_dict()
            stem = checkpoint_io.stem_of(self.run, "best", len(self.history))
            checkpoint_io.write_pair(stem, {"weights": weights, "row": row, "facts": self.facts})
            checkpoint_io.remove_old(self.run, "best")
        trainer.save_checkpoint(checkpoint_io.stem_of(self.run, "last", len(self.history)))
        if trainer.is_global_zero:
            checkpoint_io.remove_old(self.run, "last")
            self._write_curves(row)
        if self.stopped_early():
            trainer.should_stop = True
        if self.epoch_done is not None and trainer.is_global_zero:
            self.epoch_done(row)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Remember an interruption; Lightning would turn it into an exit of the process."""
        del trainer, pl_module
        self.interrupted = isinstance(exception, KeyboardInterrupt)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Close the curves."""
        del trainer, pl_module, stage
        if self._board is not None:
            self._board.close()
            self._board = None

    def kept_epoch(self) -> int:
        """Return the epoch whose weights are kept so far, from 1; 0 before the first."""
        return len(self.history) if self.keep == "last" else self.best_epoch()

    def best_epoch(self) -> int:
        """Return the best epoch so far, from 1; 0 before the first."""
        best, epoch = -math.inf, 0
        sign = -1.0 if self.monitor.endswith("loss") else 1.0
        gain = self.stopping.least_gain if self.stopping is not None else 0.0
        for number, row in enumerate(self.history, start=1):
            value = row[self.monitor]
            if epoch == 0 or (value is not None and sign * value > best + gain):
                best, epoch = -math.inf if value is None else sign * value, number
        return epoch

    def waited(self) -> int:
        """Return how many epochs have passed since the best one."""
        return len(self.history) - self.best_epoch()

    def stopped_early(self) -> bool:
        """Return True once too many epochs have passed without a better score."""
        return self.stopping is not None and self.waited() >= self.stopping.patience

    def _row(self, trainer: pl.Trainer, learner: Learner) -> Row:
        scores = {name: None if math.isnan(value) else value for name, value in learner.scores.items()}
        seconds = time.monotonic() - self._began
        return {"epoch": trainer.current_epoch + 1, "lr": learner.rate, "seconds": round(seconds, 3), **scores}

    def _write_curves(self, row: Row) -> None:
        text = io.StringIO()
        table = csv.DictWriter(text, fieldnames=list(row), lineterminator="\n")
        table.writeheader()
        table.writerows({k: "" if v is None else v for k, v in line.items()} for line in self.history)
        atomic.write_text(self.run / METRICS_FILE, text.getvalue())
        if self._board is not None:
            for name, value in row.items():
                if value is not None and name != "epoch":
                    self._board.add_scalar(name, value, len(self.history))
            self._board.flush()
