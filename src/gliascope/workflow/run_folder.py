"""The run folder of a training: opened before it, filled after it, read by everything that follows.

It holds::

    config.json     the resolved recipe
    split.csv       which case went where
    first_weights.json  where the first weights came from
    run.json        what was run: data, split, cost, versions, best epoch (written last)
    metrics.csv     one line per epoch; tensorboard/ holds the same for TensorBoard
    checkpoints/    last and best (safetensors + JSON)
    model/          the model folder, ready for ``gliascope predict``
    report.html     curves and settings
    evaluations.jsonl   one line each time a part was scored
"""

import csv
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gliascope.datasets import DatasetSettings
from gliascope.errors import ConfigError, InputError, UsageError
from gliascope.files import atomic
from gliascope.settings import Settings, load_settings

CONFIG_FILE, SPLIT_FILE, RUN_FILE, METRICS_FILE = "config.json", "split.csv", "run.json", "metrics.csv"
MODEL_FOLDER, PAGE_FILE, LOOKS_FILE = "model", "report.html", "evaluations.jsonl"


LENGTH = ("training.epochs", "training.workers")
"""Settings that a resumed run may change; ``training`` refuses more epochs where a schedule counts on the number."""


OUTSIDE = ("fold", "by_patient")
"""Stands in ``config.json`` beside the recipe's settings: options of the command."""


def check_free(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Check that a run may be written here; nothing is touched yet.

    Args:
        folder: The run folder.
        resume: An interrupted run may go on; see ``check_same``.
        overwrite: A run that is there may be replaced.

    Raises:
        UsageError: A run is there and neither flag was given, or something else than a run is there.
    """
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not is_run(folder):
        raise UsageError("is not empty and no run folder", file=folder, hint="Choose another -o.", code="E_EXISTS")
    if not (resume or overwrite):
        hint = "Add --resume to go on, --overwrite to start again, or choose another -o."
        raise UsageError("holds a run", file=folder, hint=hint, code="E_EXISTS")


def start_run(folder: Path, config: dict[str, Any], split: str, *, resume: bool) -> None:
    """Write what a run starts from; without ``resume``, a run that is there goes first."""
    if not resume and folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    atomic.write_text(folder / SPLIT_FILE, split)
    atomic.write_json(folder / CONFIG_FILE, config)


def is_run(folder: Path) -> bool:
    """Say whether a training has begun here."""
    return (folder / CONFIG_FILE).is_file() and (folder / SPLIT_FILE).is_file()


def read_config(folder: Path) -> dict[str, Any]:
    """Return the resolved recipe of a run as plain data.

    Raises:
        ConfigError: The file is missing or no JSON object.
    """
    try:
        tree = json.loads((folder / CONFIG_FILE).read_text())
    except (OSError, ValueError) as fault:
        hint = "Is this the -o of gliascope train?"
        raise ConfigError(f"cannot be read ({fault})", file=folder / CONFIG_FILE, hint=hint) from None
    if not isinstance(tree, dict):
        raise ConfigError("holds no JSON object", file=folder / CONFIG_FILE)
    return tree


def read_run(folder: Path) -> dict[str, Any]:
    """Return ``run.json`` of a finished run.

    Raises:
        InputError: The folder is no run, or its training has not finished.
    """
    if not (folder / CONFIG_FILE).is_file():
        raise InputError("is no run folder", file=folder, hint="Give the -o of gliascope train.", code="E_RUN")
    try:
        facts: dict[str, Any] = json.loads((folder / RUN_FILE).read_text())
    except (OSError, ValueError):
        hint = "Finish it: run gliascope train again with --resume."
        raise InputError("holds a training that has not finished", file=folder, hint=hint, code="E_RUN") from None
    return facts


def dataset_of(config: Mapping[str, Any], file: str) -> DatasetSettings:
    """Return the data set that a resolved recipe names.

    Args:
        config: As ``read_config`` returns it.
        file: What an error names.

    Raises:
        ConfigError: It names none that is known.
    """
    return load_settings(_RunData, {"dataset": config.get("dataset")}, file=file).dataset


class _RunData(Settings):
    dataset: DatasetSettings


def read_curves(folder: Path) -> dict[str, list[float | None]]:
    """Return the columns of ``metrics.csv``, one value per epoch; None where an epoch has none."""
    path = folder / METRICS_FILE
    if not path.is_file():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = list(rows[0]) if rows else []
    return {name: [float(row[name]) if row[name] else None for row in rows] for name in names}


def check_same(folder: Path, config: dict[str, Any], split: str) -> None:
    """Check that a run goes on as it was started.

    Args:
        folder: The run folder.
        config: The resolved recipe as plain data.
        split: The text of ``split.csv``.

    Raises:
        ConfigError: It was started with other settings or another split.
    """
    before = _with_defaults(read_config(folder))
    changed = [name for name in sorted(_differences(before, config)) if name not in LENGTH]
    if changed:
        hint = "Resume with the settings it was started with, or start another run."
        raise ConfigError(f"was started with other settings: {', '.join(changed)}", file=folder, hint=hint)
    if (folder / SPLIT_FILE).read_text() != split:
        hint = "The data has changed; start another run."
        raise ConfigError("was started with another split of the cases", file=folder, hint=hint)


def _with_defaults(config: dict[str, Any]) -> dict[str, Any]:
    """Add the settings that did not exist yet when a run was started: it had what is their default now."""
    from gliascope.config import RunConfig  # with PyTorch, which only a training has

    recipe = {name: value for name, value in config.items() if name not in OUTSIDE}
    try:
        return {**config, **load_settings(RunConfig, recipe, file=CONFIG_FILE).resolved()}
    except ConfigError:
        return config  # it names what is gone; the comparison says which


def _differences(before: Any, now: Any, path: str = "") -> list[str]:  # noqa: ANN401 - any plain data
    if isinstance(before, dict) and isinstance(now, dict):
        keys = set(before) | set(now)
        return [d for k in keys for d in _differences(before.get(k), now.get(k), f"{path}.{k}" if path else k)]
    return [] if before == now else [path]
