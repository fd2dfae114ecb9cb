"""The training loop: Lightning, told to be quiet, to write nothing itself, and to run on any number of devices."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.exceptions import SIGTERMException

from gliascope.training.checkpoint_io import SafetensorsIO
from gliascope.training.data import loader
from gliascope.training.keeper import Keeper
from gliascope.training.learner import Learner
from gliascope.training.machine import Setup
from gliascope.training.parts import Parts
from gliascope.training.progress import ProgressCallback, Teller
from gliascope.training.settings import TrainingSettings

_TERMINATED = 143
"""Exit code after SIGTERM, where no handler of the caller says otherwise."""


class _Share(Callback):
    """Gives every device its part of the items."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Tell the samplers which device this is, and of how many."""
        del pl_module, stage
        for sampler in (self.parts.sampler, self.parts.validation_sampler):
            sampler.share(trainer.global_rank, trainer.world_size)


def run_training(
    learner: Learner,
    parts: Parts,
    settings: TrainingSettings,
    setup: Setup,
    keeper: Keeper,
    *,
    tell: ProgressCallback | None,
    resume: Path | None,
) -> None:
    """Train until the last epoch, early stopping or an interruption.

    Args:
        learner: What is trained.
        parts: From what.
        settings: How.
        setup: On what.
        keeper: What is kept; it knows afterwards whether the user interrupted.
        tell: Told the steps done, or None.
        resume: The checkpoint to go on from, without suffix.
    """
    teller = [] if tell is None else [Teller(tell, settings.epochs)]
    # On a cluster Lightning would save its own files when a job is requeued; the last epoch is on disk anyway.
    cluster: list[Any] = [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []
    first = setup.device.index or 0
    trainer = pl.Trainer(
        accelerator="gpu" if setup.device.type == "cuda" else "cpu",
        devices=list(range(first, first + setup.devices)) if setup.device.type == "cuda" else setup.devices,
        precision=setup.precision,
        max_epochs=settings.epochs,
        gradient_clip_val=settings.gradient_clip,
        callbacks=[_Share(parts), *teller, keeper],
        plugins=[SafetensorsIO(), *cluster],
        default_root_dir=keeper.run,
        logger=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        inference_mode=False,
    )
    pin = setup.device.type == "cuda"
    training = loader(parts.training, parts.sampler, batch_size=settings.batch_size, workers=settings.workers, pin=pin)
    scoring = None
    if len(parts.validation):
        scoring = loader(
            parts.validation,
            parts.validation_sampler,
            batch_size=parts.validation_batch,
            workers=settings.workers,
            pin=pin,
        )
    # Lightning opens the training data before it says which epoch it is, and worker processes read ahead at once.
    parts.sampler.set_epoch(len(keeper.history))
    try:
        trainer.fit(learner, training, scoring, ckpt_path=None if resume is None else str(resume))
    except SIGTERMException:
        raise SystemExit(_TERMINATED) from None  # Lightning's own would end the process as if all were well
    except SystemExit:
        if not keeper.interrupted:
            raise
