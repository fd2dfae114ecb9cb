"""Which steps of an experiment are done already: finished trainings of the same settings, and their evaluations."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliascope.checkpoint import load_any
from gliascope.datasets.listing import walk
from gliascope.errors import GliascopeError
from gliascope.settings import load_settings
from gliascope.workflow.evaluate import FACTS_FILE, evaluation_folder
from gliascope.workflow.run_folder import (
    CONFIG_FILE,
    MODEL_FOLDER,
    OUTSIDE,
    RUN_FILE,
    is_run,
    read_config,
    read_run,
)

if TYPE_CHECKING:
    from gliascope.config import RunConfig

TELLING = ("description", "source", "score")
"""Settings on which no answer depends."""

NOT_SETTLED = ("allow_leakage", "split", "fold")
"""What a training changes of its recipe; compared apart."""


def finished_run(folder: Path, config: "RunConfig", *, fold: int | None, by_patient: bool) -> dict[str, Any] | None:
    """Return ``run.json`` where a folder holds a finished training of an experiment, whatever its number of epochs.

    ``epochs_asked`` is added: the number it was started for, which is more than ``epochs`` where it stopped early.

    Args:
        folder: A run folder, or anything else.
        config: The experiment's settings.
        fold: Which fold.
        by_patient: The patient-level or duplicate-free counterpart of the recipe's own split.

    Returns:
        None where there is no such training, or it has not finished.
    """
    if not (is_run(folder) and (folder / RUN_FILE).is_file()):
        return None
    try:
        found, facts = read_config(folder), read_run(folder)
        own = without_epochs(_settings(found))
    except GliascopeError:
        return None
    same = own == without_epochs(config.resolved()) and found.get("fold") == fold
    if not same or _by_patient(found, facts, config) is not by_patient:
        return None
    return {**facts, "epochs_asked": int(found["training"]["epochs"])}


def runs_below(folder: Path, config: "RunConfig", *, fold: int | None, by_patient: bool) -> Path | None:
    """Return the longest finished training of an experiment at most three folders down, or None."""
    found = [
        (facts["epochs"], str(place), place)
        for place in walk(folder, depth=3)
        if (facts := finished_run(place, config, fold=fold, by_patient=by_patient)) is not None
    ]
    return max(found)[2] if found else None


def without_epochs(resolved: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resolved recipe without what may differ between two trainings of one experiment."""
    kept = {key: value for key, value in resolved.items() if key not in (*TELLING, *NOT_SETTLED)}
    training = {key: value for key, value in resolved["training"].items() if key not in ("epochs", "workers")}
    return {**kept, "training": training}


def _settings(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's settings with today's defaults where an older version knew fewer."""
    from gliascope.config import RunConfig

    recipe = {name: value for name, value in found.items() if name not in OUTSIDE}
    return load_settings(RunConfig, recipe, file=CONFIG_FILE).resolved()


def _by_patient(found: Mapping[str, Any], facts: Mapping[str, Any], config: "RunConfig") -> bool | None:
    """Say whether a run is the honest counterpart of a recipe: None where its split is neither that nor the recipe's.

    So is a run on a table in place of the recipe's split, if nothing leaks. A split that a recipe claims to be by
    patient, and that the data set tears apart, is trained on by image.
    """
    if found.get("by_patient"):
        return True
    split, wanted = (
        {key: value for key, value in own.items() if key != "by"}
        for own in (_settings(found)["split"], config.split.model_dump(mode="json"))
    )
    if split == wanted:
        return False
    return True if split["method"] == "csv" and facts.get("leakage") == {} else None


def kept_evaluation(
    run: Path, part: str, *, with_tumor: bool, spacing_mm: tuple[float, ...] | None
) -> dict[str, Any] | None:
    """Return the evaluation that a run keeps of one part, or None where it is of another model, spacing or version."""
    file = run / evaluation_folder(part, with_tumor=with_tumor) / FACTS_FILE
    try:
        facts: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        fingerprint = load_any(run / MODEL_FOLDER).fingerprint
    except (OSError, ValueError, GliascopeError):
        return None
    given = (facts.get("protocol_facts") or {}).get("spacing_mm")
    same = spacing_mm is None or given in (None, list(spacing_mm))
    complete = facts.get("task") != "segment" or "pooled" in facts
    return facts if facts.get("model_sha256") == fingerprint and same and complete else None
