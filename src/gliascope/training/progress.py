"""How far a training is: told to a caller, or shown as a bar with the time left where stderr is a terminal."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Literal

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

ProgressCallback = Callable[[str, int, int], None]
"""Called with the stage, the steps done and the steps in all."""

STAGE = "train"


@contextlib.contextmanager
def shown(progress: ProgressCallback | Literal["auto", "off"]) -> Iterator[ProgressCallback | None]:
    """Yield whom to tell; ``auto``: a bar on a terminal, nobody elsewhere."""
    if callable(progress):
        yield progress
        return
    if progress == "off" or not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True)) as bars:
        task = bars.add_task(STAGE, total=None)

        def tell(stage: str, done: int, total: int) -> None:
            bars.update(task, description=stage, completed=done, total=total)

        yield tell


class Teller(Callback):
    """Tells after every training step how many are done.

    Args:
        tell: Whom.
        epochs: Epochs in all.
    """

    def __init__(self, tell: ProgressCallback, epochs: int) -> None:
        self.tell = tell
        self.epochs = epochs

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Tell."""
        del pl_module, outputs, batch
        steps = int(trainer.num_training_batches)
        if trainer.is_global_zero:
            self.tell(STAGE, trainer.current_epoch * steps + batch_idx + 1, self.epochs * steps)
