"""Every fold of a recipe trained and scored, and the figures as mean and standard deviation over folds."""

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliascope.datasets.split_settings import FOLDED
from gliascope.errors import ConfigError, UsageError
from gliascope.files import atomic
from gliascope.preprocess.cache import default_cache_folder
from gliascope.report.folds_page import folds_page
from gliascope.workflow.extras import require_training
from gliascope.workflow.final_model import ALL, FINAL_FOLDER, check_final, ship_final, write_all_cases
from gliascope.workflow.finished_runs import finished_run
from gliascope.workflow.given_channels import channel_sets
from gliascope.workflow.output_place import check_outside
from gliascope.workflow.pooled_folds import pooled_over_folds, pooled_subsets
from gliascope.workflow.progress import ProgressCallback, silent
from gliascope.workflow.provenance import made
from gliascope.workflow.run_figures import figures_of, spread_over_folds
from gliascope.workflow.run_folder import RUN_FILE, is_run
from gliascope.workflow.run_steps import Means, scored_parts
from gliascope.workflow.subset_scores import subset_scores
from gliascope.workflow.train import train
from gliascope.workflow.training_data import TrainingData

if TYPE_CHECKING:
    from gliascope.config import RunConfig

FOLDS_FILE, PAGE_FILE = "folds.json", "report.html"
PARTS = ("validation", "test")
"""What is scored of every fold."""
MOST_SUBSET_ANSWERS = 200
"""Test cases times sets of channels, beyond which a final model's card has no figures of every set."""


@dataclass(frozen=True)
class CrossValidation:
    """A folder of folds and what stands in its ``folds.json``."""

    folder: Path
    facts: dict[str, Any]


def cross_validate(
    recipe: str | Path,
    data: str | Path,
    output: str | Path,
    folds: Sequence[int] | None = None,
    *,
    by_patient: bool = False,
    overrides: Iterable[str] = (),
    resume: bool = False,
    overwrite: bool = False,
    allow_leakage: bool = False,
    final: str | int | None = None,
    device: str = "auto",
    threads: int | None = None,
    cache: str | Path | None = None,
    progress: ProgressCallback = silent,
    announce: Callable[[str], None] = lambda line: None,
) -> CrossValidation:
    """Train and score the folds of a recipe, one run folder each, and sum them up.

    Args:
        recipe: Name of a shipped recipe, or a TOML file, whose split has folds.
        data: The data set's root.
        output: The folder: ``fold-1`` …, ``folds.json`` and ``report.html``.
        folds: Which, from 1; None: all.
        by_patient: Divide by patient where the recipe does by image.
        overrides: ``a.b=value`` settings on top of the recipe.
        resume: Keep the folds that are finished, and go on with one that was interrupted.
        overwrite: Replace all folds.
        allow_leakage: Train although copies or patients cross the split; every output says so.
        final: Make ``output/model`` with the folds' figures on its card: ``all`` trains once more, on every case; a
            number takes the training of that fold, which has not learned from its test cases.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; None: all cores.
        cache: Where prepared images are kept; None: the user's cache folder.
        progress: Told how far each stage is.
        announce: Told in a sentence what happens.

    Raises:
        ConfigError: The recipe's split has no folds, or not this one; or ``final`` does not fit it.
        UsageError: Folds are there and neither ``resume`` nor ``overwrite`` was given.
        GliascopeError: As ``train`` and ``evaluate`` raise; folds that are done stay.
    """
    require_training()
    from gliascope.config import read_recipe

    overrides, output = tuple(overrides), Path(output)
    config = read_recipe(recipe, overrides)
    if config.split.method not in FOLDED:
        hint = f"Set split.method to one of {', '.join(FOLDED)}, or leave --fold out."
        raise ConfigError(f"split method '{config.split.method}' has no folds to go through", hint=hint, code="E_FOLD")
    wanted = tuple(folds or range(1, config.split.folds + 1))
    if final is not None:
        check_final(config, final, wanted)
    check_outside(output, [Path(data)])
    _check_free(output, resume=resume, overwrite=overwrite)
    means = Means(device, threads, cache, progress, announce)
    options = {**means.to_train(), "overrides": overrides, "allow_leakage": allow_leakage, "by_patient": by_patient}
    runs: dict[int, dict[str, Any]] = {}
    evaluations: dict[str, dict[int, dict[str, Any]]] = {}
    for fold in wanted:
        folder = output / f"fold-{fold}"
        facts = finished_run(folder, config, fold=fold, by_patient=by_patient) if resume else None
        if facts is None or facts["epochs_asked"] < config.training.epochs:
            announce(f"fold {fold} of {config.split.folds}")
            facts = train(recipe, data, folder, fold=fold, resume=resume, **options).facts
        runs[fold] = facts
        masks = config.task == "segment"
        scored = scored_parts(folder, facts, PARTS, config.score, means=means, data=Path(data), masks=masks)
        for name, found in scored.items():
            evaluations.setdefault(name, {})[fold] = found
    done = summed_up(output, runs, evaluations, folds=config.split.folds)
    if final is not None:
        if done.facts["pooled"] is None:
            cause = "its folds test no case, or some more than once, so that they have no figures together"
            raise ConfigError(cause, file=config.name, hint="Use split.method = 'kfold' for --final.", code="E_FOLD")
        if final == ALL:
            _train_on_all(recipe, Path(data), done, means, overrides=overrides, resume=resume)
        done.facts["warnings"] += _final(config, Path(data), done, means, final)
        atomic.write_json(output / FOLDS_FILE, done.facts)
    return done


def _train_on_all(
    recipe: str | Path, data: Path, found: CrossValidation, means: Means, *, overrides: tuple[str, ...], resume: bool
) -> None:
    """Train on every case of the folds, unless that is done."""
    place = found.folder / FINAL_FOLDER
    if resume and (place / RUN_FILE).is_file():
        return
    means.announce("all cases")
    table = write_all_cases(found.folder, found.folder / found.facts["runs"][0]["folder"])
    again = resume and is_run(place)
    train(recipe, data, place, split=table, overrides=overrides, resume=again, **means.to_train())


def _final(
    config: "RunConfig", data: Path, found: CrossValidation, means: Means, final: str | int
) -> list[dict[str, str]]:
    """Make the model folder; return warnings."""
    output = found.folder
    folders = {own["fold"]: output / own["folder"] for own in found.facts["runs"]}
    if _subsets_are_few(config, found.facts["runs"]):
        each = [subset_scores(own, data=data, **means.to_predict()) for own in folders.values()]
        found.facts["pooled"]["subsets"] = pooled_subsets(each, _patients(folders.values()))
    material = TrainingData(config, data, Path(means.cache or default_cache_folder()), means.threads, means.progress)
    return ship_final(output, material, folders, found.facts["pooled"], final=final, device=means.device)[1]


def _subsets_are_few(config: "RunConfig", runs: Sequence[dict[str, Any]]) -> bool:
    """Say whether every set of channels is scored; of many cases ``evaluate --given`` scores one when asked to."""
    if not config.plan.optional or config.target is None or config.target.mode != "regions":
        return False
    cases: int = sum(own["cases"]["test"] for own in runs)
    return cases * len(channel_sets(config.plan)) <= MOST_SUBSET_ANSWERS


def _patients(folders: Iterable[Path]) -> dict[str, str | None]:
    """Return whose each scored test case is."""
    scored = [json.loads((own / "evaluation-test" / "evaluation.json").read_text(encoding="utf-8")) for own in folders]
    return {row["case"]: row["patient"] for own in scored for row in own["cases"]}


def summed_up(
    output: Path, runs: dict[int, dict[str, Any]], evaluations: dict[str, dict[int, dict[str, Any]]], *, folds: int
) -> CrossValidation:
    """Write ``folds.json`` and the page of folds whose runs are finished and scored.

    Args:
        output: The folder of the folds.
        runs: ``run.json`` by fold.
        evaluations: What each part scored, by fold; a part that a fold lacks is left out.
        folds: How many the split has.
    """
    whole = {name: own for name, own in evaluations.items() if len(own) == len(runs)}
    first = next(iter(runs.values()))
    tested = [own for name, parts in whole.items() if name == "test" for own in parts.values()]
    warnings = dict.fromkeys(tuple(warning.items()) for own in runs.values() for warning in own["warnings"])
    facts = {
        **{key: first[key] for key in ("name", "recipe", "source", "task", "dataset", "network")},
        **made(),
        "folds": folds,
        "runs": [_run_facts(fold, own) for fold, own in runs.items()],
        "seconds": round(sum(own["seconds"] for own in runs.values()), 1),
        "parts": {
            name: spread_over_folds([figures_of(found) for found in own.values()]) for name, own in whole.items()
        },
        "pooled": _pooled(tested, runs, folds) if _apart(tested) else None,
        "warnings": [dict(items) for items in warnings],
    }
    atomic.write_json(output / FOLDS_FILE, facts)
    atomic.write_text(output / PAGE_FILE, folds_page(facts))
    return CrossValidation(output, facts)


def _apart(evaluations: Sequence[dict[str, Any]]) -> bool:
    """Say whether no case is tested twice, so that all of them can be taken together."""
    names = [row["case"] for own in evaluations for row in own["cases"]]
    return len(names) > 0 and len(set(names)) == len(names)


def _pooled(evaluations: Sequence[dict[str, Any]], runs: dict[int, dict[str, Any]], folds: int) -> dict[str, Any]:
    """Return the figures over all test cases, and what they stand on."""
    split = next(iter(runs.values()))["split"].partition(", fold ")[0]
    return {"folds": f"{len(runs)} of {folds} folds ({split})", **pooled_over_folds(evaluations)}


def _run_facts(fold: int, facts: dict[str, Any]) -> dict[str, Any]:
    names = ("split", "cases", "epochs", "best_epoch", "seconds", "device", "created", "gliascope_version")
    return {"fold": fold, "folder": f"fold-{fold}", **{name: facts[name] for name in names}}


def _check_free(output: Path, *, resume: bool, overwrite: bool) -> None:
    """Make room for the folds; nothing but folds is ever replaced."""
    there = [path for path in sorted(output.iterdir()) if path.is_dir()] if output.is_dir() else []
    folds = [path for path in there if path.name.startswith("fold-")]
    if not any((output / name).exists() for name in (FOLDS_FILE, PAGE_FILE)) and not folds:
        return
    if overwrite:
        for path in folds:
            shutil.rmtree(path)
    elif not resume:
        hint = "Add --resume to go on, --overwrite to start again, or choose another -o."
        raise UsageError("holds folds", file=output, hint=hint, code="E_EXISTS")
