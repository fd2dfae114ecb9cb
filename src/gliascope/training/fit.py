"""A whole training, from samples to a run folder with checkpoints and curves."""

import contextlib
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from gliascope.errors import ConfigError, Notice, UsageError
from gliascope.settings import load_settings
from gliascope.training.checkpoint_io import best_weights, newest_good, stems
from gliascope.training.data import Sample
from gliascope.training.guards import locked, machine_faults, quiet_and_restored
from gliascope.training.keeper import EpochCallback, Keeper, Row, monitored
from gliascope.training.learner import Learner
from gliascope.training.machine import choose_setup, free_memory
from gliascope.training.outputs import Outputs
from gliascope.training.parts import changed_facts, gather_parts, run_facts
from gliascope.training.preflight import Preflight, preflight
from gliascope.training.progress import ProgressCallback, shown
from gliascope.training.schedules import FIXED_LENGTH
from gliascope.training.settings import TrainingSettings
from gliascope.training.trainer import run_training

__all__ = ["FitResult", "Outputs", "Preflight", "Sample", "TrainingSettings", "best_weights", "fit"]


HELD_BYTES = 2**30
"""Prepared items stay in memory if they take no more than this, and no more than half of what is left free."""


@dataclass(frozen=True)
class FitResult:
    """What a training has come to.

    Args:
        best_epoch: The epoch whose weights are kept, from 1: the best, or with ``training.keep = "last"`` the last.
        epochs: Epochs done.
        stopped_early: The score did not rise any more.
        metrics: That epoch's scores.
        history: Every epoch's row, as in ``metrics.csv``.
        seconds: Spent in all epochs, those of interrupted parts included.
        parameters: Trained values of the network.
        device: In words.
        precision: ``32-true`` or ``bf16-mixed``.
        preflight: What was foreseen; None where nothing was left to do.
        notices: Damaged checkpoints that were passed over, patches scored for want of whole volumes.
    """

    best_epoch: int
    epochs: int
    stopped_early: bool
    metrics: Row
    history: tuple[Row, ...]
    seconds: float
    parameters: int
    device: str
    precision: str
    preflight: Preflight | None
    notices: tuple[Notice, ...]


def fit(
    network: nn.Module,
    train: Sequence[Sample],
    validation: Sequence[Sample],
    settings: TrainingSettings,
    *,
    outputs: Outputs,
    run: Path,
    seed: int,
    device: str = "auto",
    threads: int | None = None,
    resume: bool = False,
    progress: ProgressCallback | Literal["auto", "off"] = "auto",
    announce: Callable[[Preflight], None] | None = None,
    epoch_done: EpochCallback | None = None,
    memory_limit: int | None = None,
) -> FitResult:
    """Train a network and keep its last state and its best (or last) weights in a run folder.

    On a CPU, with the same number of threads, the result depends on the arguments alone: not on workers, nor on
    whether the training was interrupted and resumed between or within epochs (an unfinished epoch is done again).

    Args:
        network: Returns logits; its first weights are those it comes with. It is trained in place; the weights to
            keep are in the run folder.
        train: Prepared training samples.
        validation: Prepared validation samples, at least one unless the last epoch is kept.
        settings: How.
        outputs: What the network's outputs stand for.
        run: The run folder: ``checkpoints/``, ``metrics.csv``, ``tensorboard/``.
        seed: Every random draw depends on it.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; None: PyTorch's choice.
        resume: Go on after the last finished epoch; with none, start.
        progress: Told the steps done; ``auto``: a bar on a terminal.
        announce: Told what the training will need before it starts.
        epoch_done: Told each epoch's row.
        memory_limit: Bytes that may be used; None: what is free.

    Raises:
        UsageError: The folder holds a training and ``resume`` is False.
        ConfigError: Settings contradict each other or those the training was started with.
        InputError: There is nothing to train on, or a sample cannot be used.
        ModelError: All checkpoints are damaged.
        MachineError: Memory, disk or device do not suffice, or another process trains there.
        GliascopeError: The loss is no longer a number; the last good epoch is kept.
        SystemExit: With 143, after SIGTERM; the last finished epoch is kept.
        KeyboardInterrupt: The user stopped it; the last finished epoch is kept.
    """
    run.mkdir(parents=True, exist_ok=True)
    # Lightning starts the further processes of several devices itself; the first one holds the folder for all.
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    with locked(run) if first else contextlib.nullcontext():
        parts = gather_parts(network, train, validation, settings, outputs, seed=seed)
        setup = choose_setup(network, settings, device=device, shape=settings.patch_size or train[0].shape[1:])
        keeper = Keeper(
            run,
            keep=settings.keep,
            monitor=monitored(settings.monitor, outputs),
            stopping=settings.early_stopping,
            facts=run_facts(network, parts, settings, outputs, seed=seed),
            epochs=settings.epochs,
            epoch_done=epoch_done,
        )
        stem, notices = _resume_from(run, keeper, settings, resume=resume)
        foreseen = None
        with quiet_and_restored(threads, setup.device), machine_faults(settings), shown(progress) as tell:
            if len(keeper.history) < settings.epochs and not keeper.stopped_early():
                left = settings.epochs - len(keeper.history)
                foreseen = preflight(network, settings, outputs, setup, parts, epochs=left, run=run, limit=memory_limit)
                if announce is not None:
                    announce(foreseen)
                if settings.workers == 0:  # each worker process would hold its own
                    room = (free_memory(torch.device("cpu")) - foreseen.memory) // 2
                    parts.hold(min(HELD_BYTES, room) // setup.devices)
                network.to(memory_format=setup.memory_format)
                learner = Learner(network, settings, outputs, parts, setup, seed=seed)
                run_training(learner, parts, settings, setup, keeper, tell=tell, resume=stem)
        if keeper.interrupted:
            raise KeyboardInterrupt
    kept = keeper.kept_epoch()
    return FitResult(
        best_epoch=kept,
        epochs=len(keeper.history),
        stopped_early=keeper.stopped_early(),
        metrics=keeper.history[kept - 1],
        history=tuple(keeper.history),
        seconds=math.fsum(row["seconds"] or 0.0 for row in keeper.history),
        parameters=sum(p.numel() for p in network.parameters()),
        device=setup.words,
        precision=setup.precision,
        preflight=foreseen,
        notices=(*notices, *parts.notices),
    )


def _resume_from(
    run: Path, keeper: Keeper, settings: TrainingSettings, *, resume: bool
) -> tuple[Path | None, tuple[Notice, ...]]:
    """Return the checkpoint to go on from and its notices, its curves taken up; None: start from the beginning."""
    found = newest_good(run, "last") if resume else None
    if not resume and stems(run, "last"):
        hint = "Resume it, or choose another folder."
        raise UsageError("holds a training already", file=run, hint=hint, code="E_EXISTS")
    if found is None:
        return None, ()
    stem, tree, notices = found
    state = tree["callbacks"][keeper.state_key]
    changed = changed_facts(_with_defaults(state["facts"]), keeper.facts)
    prolonged = settings.schedule.name in FIXED_LENGTH and state["epochs"] != settings.epochs
    changed += ["settings.epochs (the schedule depends on it)"] if prolonged else []
    if changed:
        hint = "Resume with what it was started with, or start another run."
        raise ConfigError(f"was started with other {', '.join(changed)}", file=run, hint=hint, code="E_CHANGED")
    keeper.load_state_dict(state)
    return stem, notices


def _with_defaults(facts: dict[str, Any]) -> dict[str, Any]:
    """Add the settings that did not exist yet when a training was started: it had what is their default now."""
    try:
        settings = load_settings(TrainingSettings, facts["settings"], file="")
    except ConfigError:
        return facts  # it names a setting that is gone; the comparison says which
    return {**facts, "settings": settings.without_length().model_dump(mode="json")}
