"""From recipe and data to a run folder: split, prepare, fit, ship the model."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliascope.case import Case
from gliascope.datasets.split_table import split_table
from gliascope.datasets.splits import Split, SplitSettings, split_cases
from gliascope.errors import InputError, Notice
from gliascope.files import atomic
from gliascope.preprocess.cache import CacheEntry, build_cache, default_cache_folder
from gliascope.report import run_page
from gliascope.workflow.extras import require_training
from gliascope.workflow.leak_gate import check_leaks, kept_verdict
from gliascope.workflow.output_place import check_outside
from gliascope.workflow.progress import ProgressCallback, silent
from gliascope.workflow.provenance import code_version, data_hash, machine
from gliascope.workflow.run_folder import MODEL_FOLDER, PAGE_FILE, RUN_FILE, check_free, read_curves, start_run
from gliascope.workflow.samples import training_samples
from gliascope.workflow.ship_model import ship_model

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
    device: str = "auto",
    threads: int | None = None,
    cache: str | Path | None = None,
    progress: ProgressCallback = silent,
    announce: Callable[[str], None] = lambda line: None,
) -> TrainedRun:
    """Train one recipe on one data set and write a run folder.

    Args:
        recipe: Name of a shipped recipe, or a TOML file.
        data: The data set's root.
        output: The run folder.
        fold: Which fold of a k-fold split, from 1.
        split: A CSV (``path,patient,group,label,split``) instead of the recipe's split.
        overrides: ``a.b=value`` settings on top of the recipe.
        resume: Go on with a run that was interrupted.
        overwrite: Replace a run folder.
        allow_leakage: Train although copies or patients cross the split; every output says so.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; None: all cores.
        cache: Where prepared images are kept; None: the user's cache folder.
        progress: Told how far each stage is.
        announce: Told in a sentence what happens: the split, what the training needs, each epoch.

    Raises:
        ConfigError: The recipe or an override is wrong.
        InputError: The split leaks, or the data cannot be used; every file at fault is listed before the first epoch.
        UsageError: The run folder lies in the data, or exists and neither ``resume`` nor ``overwrite`` was given.
        MachineError: PyTorch is missing, or memory or disk do not suffice.
    """
    require_training()
    from gliascope.config import read_recipe
    from gliascope.models import build_network, load_first_weights
    from gliascope.training.fit import fit

    config = read_recipe(recipe, overrides)
    config = config.model_copy(update={"allow_leakage": config.allow_leakage or allow_leakage})
    output, root = Path(output), Path(data)
    check_outside(output, [root])
    settings = config.split
    if split is not None:
        settings = config.split.model_copy(update={"method": "csv", "path": str(split)})
    settings, parts = _divided(config, _usable(config, config.dataset.cases(root), root), settings, fold)
    if not parts.train or not (parts.validation or config.training.keep == "last"):
        cause = f"split '{parts.name}' leaves {len(parts.train)} cases to train and {len(parts.validation)} to validate"
        raise InputError(cause, file=root, hint="Both need at least one, unless training.keep = 'last'.", code="E_SPLIT")
    _check_classes(config, parts)
    resolved = {**config.resolved(), "split": settings.model_dump(mode="json"), "fold": fold}
    table = split_table(parts.parts())
    check_free(output, resolved, table, resume=resume, overwrite=overwrite)
    announce(f"{parts.name}: {len(parts.train)} train, {len(parts.validation)} validation, {len(parts.test)} test")
    network = build_network(config.network, config.in_channels, config.out_channels, seed=config.seed)
    first_weights = load_first_weights(network, config.network)  # early: a file may be missing
    verdict = (kept_verdict(output) if resume else None) or check_leaks(
        parts,
        dataset=config.dataset.name,
        root=root,
        allowed=config.allow_leakage,
        classify=config.task == "classify",
        threads=threads,
        progress=progress,
    )
    for notice in verdict.notices:
        announce(notice.text)
    folder = default_cache_folder() if cache is None else Path(cache)
    entries = _prepare(config, (*parts.train, *parts.validation), folder, threads, progress)
    training, validation = entries[: len(parts.train)], entries[len(parts.train) :]
    announce(
        f"{len(entries)} cases are prepared in {folder} ({sum(e.path.stat().st_size for e in entries) / 1e9:.2f} GB)"
    )
    content = {name: data_hash(cases) for name, cases in parts.parts().items()}
    start_run(output, resolved, table, resume=resume)
    verdict.save(output)
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
    facts["first_weights"] = first_weights
    facts["data_sha256"] = hashlib.sha256("".join(content.values()).encode()).hexdigest()
    facts["warnings"] += ship_model(
        output, config, facts, training, validation, device=device, threads=threads, progress=progress
    )
    page = {**facts, "curves": read_curves(output), "config": resolved, "files": _files(output)}
    atomic.write_text(output / PAGE_FILE, run_page(page))
    atomic.write_json(output / RUN_FILE, facts)
    return TrainedRun(output, facts)


def _divided(
    config: "RunConfig", cases: list[Case], settings: SplitSettings, fold: int | None
) -> tuple[SplitSettings, Split]:
    """Divide the cases; a split that tears patients apart is named by image, and needs leave."""
    try:
        return settings, split_cases(cases, settings, fold=fold)
    except InputError as fault:
        if fault.code != "E_LEAK" or not config.allow_leakage:
            raise
    settings = settings.model_copy(update={"by": "image"})
    return settings, split_cases(cases, settings, fold=fold)


def _usable(config: "RunConfig", cases: list[Case], root: Path) -> list[Case]:
    """Return the cases the task can learn from: those with a class, or with a reference mask."""
    usable = [c for c in cases if (c.label if config.task == "classify" else c.has_reference)]
    if not usable:
        wanted = "a tumor class" if config.task == "classify" else "a reference mask"
        raise InputError(f"none of {len(cases)} cases has {wanted}", file=root, code="E_REFERENCE")
    return usable


def _prepare(
    config: "RunConfig", cases: Sequence[Case], folder: Path, threads: int | None, progress: ProgressCallback
) -> tuple[CacheEntry, ...]:
    return build_cache(
        cases,
        config.plan,
        config.target,
        folder,
        layout="slices" if config.network.dimensions == 2 else "volume",
        workers=threads,
        progress=lambda done, total: progress("prepare cases", done, total),
    )


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
        "licence": card.licence,
        "data": str(root.resolve()),
        "split": parts.name,
        "cases": {"train": len(parts.train), "validation": len(parts.validation), "test": len(parts.test)},
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
