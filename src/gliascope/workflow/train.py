"""From recipe and data to a run folder: split, prepare, fit, ship the model."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliascope.datasets.split_table import split_table
from gliascope.datasets.splits import Split, SplitSettings
from gliascope.errors import InputError, Notice, UsageError
from gliascope.files import atomic
from gliascope.preprocess.cache import default_cache_folder
from gliascope.report import run_page
from gliascope.workflow.divide import divide
from gliascope.workflow.extras import require_training
from gliascope.workflow.first_weights import first_weights, tell_first_weights
from gliascope.workflow.leak_gate import check_leaks, kept_verdict
from gliascope.workflow.output_place import check_outside
from gliascope.workflow.progress import ProgressCallback, silent
from gliascope.workflow.provenance import code_version, data_hash, machine
from gliascope.workflow.run_folder import (
    MODEL_FOLDER,
    PAGE_FILE,
    RUN_FILE,
    SPLIT_FILE,
    check_free,
    check_same,
    is_run,
    read_curves,
    start_run,
)
from gliascope.workflow.run_insides import run_insides
from gliascope.workflow.samples import training_samples
from gliascope.workflow.ship_model import ship_model
from gliascope.workflow.system_plan import How
from gliascope.workflow.train_system import train_system
from gliascope.workflow.training_data import TrainingData

if TYPE_CHECKING:
    from gliascope.config import RunConfig
    from gliascope.training.fit import FitResult, Outputs, Preflight


@dataclass(frozen=True)
class TrainedRun:
    """A finished run folder and what stands in its ``run.json``."""

    folder: Path
    facts: dict[str, Any]

    @property
    def model(self) -> Path:
        """The model folder."""
        return self.folder / MODEL_FOLDER


def train(
    recipe: str | Path,
    data: str | Path,
    output: str | Path,
    *,
    fold: int | None = None,
    split: str | Path | None = None,
    overrides: Iterable[str] = (),
    resume: bool = False,
    overwrite: bool = False,
    allow_leakage: bool = False,
    by_patient: bool = False,
    trained: Iterable[str | Path] = (),
    device: str = "auto",
    threads: int | None = None,
    cache: str | Path | None = None,
    progress: ProgressCallback = silent,
    announce: Callable[[str], None] = lambda line: None,
) -> TrainedRun:
    """Train one recipe on one data set and write a run folder; of a system, each member that is not trained yet.

    Args:
        recipe: Name of a shipped recipe, or a TOML file.
        data: The data set's root.
        output: The run folder.
        fold: Which fold of a split with folds, from 1.
        split: A CSV (``path,patient,group,label,split``) instead of the recipe's split.
        overrides: ``a.b=value`` settings on top of the recipe.
        resume: Go on with a run that was interrupted.
        overwrite: Replace a run folder.
        allow_leakage: Train although copies or patients cross the split; every output says so.
        by_patient: Divide by patient although the recipe does not; where the data set knows no patients, by content
            without copies. Leakage is not allowed then, whatever the recipe says.
        trained: Finished runs of a system's members, which are used as they are; see ``train_system``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; None: all cores.
        cache: Where prepared images are kept; None: the user's cache folder.
        progress: Told how far each stage is.
        announce: Told in a sentence what happens: the split, what the training needs, each epoch.

    Raises:
        ConfigError: The recipe or an override is wrong.
        InputError: The split leaks, or the data cannot be used; every file at fault is listed before the first epoch.
        UsageError: The run folder lies in the data, or exists and neither ``resume`` nor ``overwrite`` was given, or
            ``by_patient`` comes with a split or with leave to leak, or ``trained`` with a recipe that is no system.
        MachineError: PyTorch is missing, or memory or disk do not suffice.
    """
    require_training()
    from gliascope.config import is_system, read_recipe
    from gliascope.models import build_network
    from gliascope.training.fit import fit

    if is_system(recipe):
        how = How(
            fold=fold,
            split=split,
            resume=resume,
            allow_leakage=allow_leakage,
            by_patient=by_patient,
            device=device,
            threads=threads,
            cache=cache,
            progress=progress,
            announce=announce,
        )
        return train_system(recipe, data, output, how, overrides=overrides, trained=trained, overwrite=overwrite)
    if list(trained):
        raise UsageError("--trained belongs to a recipe that combines others", hint="Leave it out.")
    config = read_recipe(recipe, overrides)
    config = config.model_copy(update={"allow_leakage": (config.allow_leakage or allow_leakage) and not by_patient})
    output, root = Path(output), Path(data)
    check_outside(output, [root])
    check_free(output, resume=resume, overwrite=overwrite)
    settings = split_settings(config, split, by_patient=by_patient, allow_leakage=allow_leakage)
    material = TrainingData(config, root, Path(cache or default_cache_folder()), threads, progress)
    cases = material.cases()
    earlier = output / SPLIT_FILE if resume and is_run(output) else None
    settings, parts = divide(material, cases, settings, fold=fold, by_patient=by_patient, earlier=earlier)
    _check_parts(config, parts, root)
    resolved = {**config.resolved(), "split": settings.model_dump(mode="json"), "fold": fold}
    resolved |= {"by_patient": True} if by_patient else {}
    table = split_table(parts.listed())
    if earlier is not None:
        check_same(output, resolved, table)
    counts = {name: len(part) for name, part in parts.listed().items()}
    announce(f"{parts.name}: {', '.join(f'{number} {name}' for name, number in counts.items())}")
    network = build_network(config.network, config.in_channels, config.out_channels, seed=config.seed)
    weights = first_weights(network, config.network, output, resume=resume)  # early: a file may be missing
    verdict = (kept_verdict(output, table) if resume else None) or check_leaks(
        parts,
        material.copies(cases),
        dataset=config.dataset.name,
        root=root,
        allowed=config.allow_leakage,
        classify=config.task == "classify",
    )
    for notice in verdict.notices:
        announce(notice.text)
    entries = material.prepare((*parts.train, *parts.validation))
    training, validation = entries[: len(parts.train)], entries[len(parts.train) :]
    announce(
        f"{len(entries)} cases are prepared in {material.folder} "
        f"({sum(entry.path.stat().st_size for entry in entries) / 1e9:.2f} GB)"
    )
    content = {name: data_hash(part) for name, part in parts.listed().items()}
    start_run(output, resolved, table, resume=resume)
    verdict.save(output, table)
    tell_first_weights(output, weights)
    result = fit(
        network,
        training_samples(training, config.slices),
        training_samples(validation, config.slices),
        config.training,
        outputs=_outputs(config),
        run=output,
        seed=config.seed,
        device=device,
        threads=threads,
        resume=resume,
        progress=progress,
        announce=lambda needs: announce(needs_line(needs)),
        epoch_done=lambda row: announce(_epoch_line(row)),
    )
    noticed = dict.fromkeys(
        (*verdict.notices, *parts.notices, *result.notices, *(n for entry in entries for n in entry.notices))
    )
    facts = {**_run_facts(config, root, parts, result, noticed), "leakage": verdict.facts, "parts_sha256": content}
    facts["first_weights"] = weights
    facts["data_sha256"] = hashlib.sha256("".join(content[name] for name in parts.parts()).encode()).hexdigest()
    facts["warnings"] += ship_model(
        output,
        config,
        facts,
        training,
        validation,
        parts=parts,
        device=device,
        threads=threads,
        progress=progress,
    )
    page = {**facts, "curves": read_curves(output), "config": resolved, "files": _files(output)}
    page["inside"] = run_insides(output, parts.validation or parts.train, device=device, threads=threads)
    atomic.write_text(output / PAGE_FILE, run_page(page))
    atomic.write_json(output / RUN_FILE, facts)
    return TrainedRun(output, facts)


def split_settings(
    config: "RunConfig", table: str | Path | None, *, by_patient: bool, allow_leakage: bool
) -> SplitSettings:
    """Return the recipe's split, or that of a table."""
    if by_patient and (table is not None or allow_leakage):
        option = "--split" if table is not None else "--allow-leakage"
        raise UsageError(f"--by-patient and {option} exclude each other", hint="Leave one of them out.")
    if table is None:
        return config.split
    return config.split.model_copy(update={"method": "csv", "path": str(table), "strata": "class"})


def _check_parts(config: "RunConfig", parts: Split, root: Path) -> None:
    """Refuse parts that a training cannot begin with."""
    if not parts.train or not (parts.validation or config.training.keep == "last"):
        cause = f"split '{parts.name}' leaves {len(parts.train)} cases to train and {len(parts.validation)} to validate"
        hint = "Both need at least one, unless training.keep = 'last'."
        raise InputError(cause, file=root, hint=hint, code="E_SPLIT")
    _check_classes(config, parts)


def _check_classes(config: "RunConfig", parts: Split) -> None:
    """Refuse a training part that lacks a class, or a case of a class that the recipe does not know."""
    if config.task == "segment":
        return
    present = {str(case.label) for case in parts.train}
    others = {str(case.label) for case in (*parts.validation, *parts.test)}
    missing = sorted(set(config.classes) - present)
    foreign = sorted((present | others) - set(config.classes))
    if missing or foreign:
        cause = f"the recipe's classes are {', '.join(config.classes)}; the training cases lack {missing or 'none'}"
        hint = f"Set classes in the recipe; foreign classes: {foreign or 'none'}."
        raise InputError(cause, hint=hint, code="E_CLASS")


def _files(output: Path) -> list[str]:
    """Return what the run's page links to."""
    names = ("config.json", "split.csv", "metrics.csv", "model/README.md", "model/model.json")
    return [name for name in names if (output / name).is_file()]


def _outputs(config: "RunConfig") -> "Outputs":
    from gliascope.training.fit import Outputs

    if config.target is None:
        return Outputs("label", config.classes)
    return Outputs(config.target.mode, config.target.channels)


def needs_line(needs: "Preflight") -> str:
    """Say in one line what a training will need."""
    return (
        f"{needs.parameters:,} parameters on {needs.device} ({needs.precision}); {needs.steps} steps per epoch, "
        f"about {needs.epoch_s:.0f} s per epoch, {needs.total_s / 60:.1f} min in all; "
        f"memory {needs.memory / 1e9:.1f} of {needs.memory_free / 1e9:.1f} GB free, "
        f"disk {needs.disk / 1e9:.2f} of {needs.disk_free / 1e9:.0f} GB free"
    )


def _run_facts(
    config: "RunConfig", root: Path, parts: Split, result: "FitResult", notices: Iterable[Notice]
) -> dict[str, Any]:
    card = config.dataset.card
    return {
        "name": config.name,
        "recipe": config.name,
        "source": config.source,
        "task": config.task,
        "dataset": card.name,
        "licence": getattr(config.dataset, "licence", card.licence),
        "data": str(root.resolve()),
        "split": parts.name,
        "cases": {name: len(part) for name, part in parts.listed().items()},
        "network": {"name": config.network.name, "parameters": result.parameters},
        "precision": result.precision,
        "seed": config.seed,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "keep": config.training.keep,
        "metrics": {k: v for k, v in result.metrics.items() if k not in ("epoch", "seconds", "lr")},
        "seconds": round(result.seconds, 1),
        "device": result.device,
        "machine": machine(),
        "gliascope_version": code_version(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "warnings": [notice.as_json() for notice in notices],
    }


def _epoch_line(row: Mapping[str, float | int | None]) -> str:
    """Say in one line how an epoch went."""
    shown = (f"{name} {value:.4g}" for name, value in row.items() if value is not None)
    return ", ".join(shown)
