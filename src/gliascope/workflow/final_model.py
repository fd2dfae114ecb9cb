"""After the folds: one model with their figures on its card, trained on every case or in one of the folds.

The folds say how good such a training is, each on cases that it never saw. A model that has seen them all has nothing
left to be scored on. Its temperature is the geometric mean of those that fit each fold's model on its own test cases.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from gliascope.checkpoint import ModelFolder, load_model, save_model
from gliascope.errors import ConfigError, Notice
from gliascope.files import atomic
from gliascope.inference.predictor import Predictor
from gliascope.preprocess.cache import CacheEntry
from gliascope.workflow.calibrate import calibrate
from gliascope.workflow.evaluate_run import cases_of_run
from gliascope.workflow.model_card import model_card
from gliascope.workflow.run_folder import MODEL_FOLDER, SPLIT_FILE, read_run
from gliascope.workflow.ship_model import PARITY_CASES, export_or_say
from gliascope.workflow.training_data import TrainingData

if TYPE_CHECKING:
    from gliascope.config import RunConfig

ALL, ALL_FILE, FINAL_FOLDER = "all", "all-cases.csv", "final"


def check_final(config: "RunConfig", final: str | int, folds: Sequence[int]) -> None:
    """Refuse what cannot be: to train on every case where some must validate, or to take a fold that is not trained.

    Raises:
        ConfigError: The recipe keeps the best epoch, or the fold is none of ``folds``.
    """
    if final != ALL and final not in folds:
        cause = f"--final {final} is none of the folds that are trained: {', '.join(map(str, folds))}"
        raise ConfigError(cause, hint="Name one of them, or all.", code="E_FOLD")
    if final == ALL and config.training.keep != "last":
        cause = f"--final all trains on every case, and training.keep = '{config.training.keep}' needs some to validate"
        raise ConfigError(cause, file=config.name, hint="Set training.keep = 'last'.", code="E_SPLIT")


def write_all_cases(output: Path, fold: Path) -> Path:
    """Write the split in which every case of a fold trains; return its path."""
    rows = list(csv.DictReader(io.StringIO((fold / SPLIT_FILE).read_text(encoding="utf-8"))))
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows({**row, "split": "train"} for row in rows if row["split"] != "dropped")
    atomic.write_text(output / ALL_FILE, text.getvalue())
    return output / ALL_FILE


def ship_final(
    output: Path,
    data: TrainingData,
    folds: Mapping[int, Path],
    figures: dict[str, Any],
    *,
    final: str | int,
    device: str = "auto",
) -> tuple[ModelFolder, list[dict[str, str]]]:
    """Make ``output/model`` of one run: weights in 16 bit, the folds' figures and temperature, the fast form.

    Args:
        output: The folder of the folds, and of the run on all cases where that is wanted.
        data: The recipe and its data.
        folds: Run folders by fold.
        figures: What the card tells, as ``pooled_over_folds`` gives it and what was added.
        final: ``all``, or the fold whose training is taken.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Returns:
        The model, and warnings.

    Raises:
        ModelError: A model is damaged.
    """
    source = output / FINAL_FOLDER if final == ALL else folds[int(final)]
    trained = load_model(source / MODEL_FOLDER)
    temperature, calibration, notices = _temperature(data, folds, device=device)
    run = read_run(source)
    seen = "all cases" if final == ALL else f"all but the test cases of fold {final}"
    changes = {
        "metrics": {"cross_validation": {**figures, "trained_on": seen}},
        "temperature": temperature,
        "calibration": calibration,
        "parity": None,
        "training": {**trained.facts.training, "split": f"{seen}; figures by {figures['folds']}"},
    }
    facts = trained.facts.model_copy(update=changes)
    folder = output / MODEL_FOLDER
    save_model(folder, trained.weights(), facts, model_card(facts), half=True, overwrite=True)
    warnings = [notice.as_json() for notice in notices]
    cases, _ = cases_of_run(source, run, "train", data.root)
    chosen = cases[:: max(1, len(cases) // PARITY_CASES)][:PARITY_CASES]
    warnings += [notice.as_json() for notice in export_or_say(folder, data.prepare(chosen))]
    return load_model(folder), warnings


def _temperature(
    data: TrainingData, folds: Mapping[int, Path], *, device: str
) -> tuple[float | tuple[float, ...] | None, dict[str, Any], tuple[Notice, ...]]:
    """Return the mean temperature over folds, what it was fitted on, and which folds had none."""
    found, notices = [], []
    for folder in folds.values():
        predictor = Predictor(folder / MODEL_FOLDER, device=device)
        cases, _ = cases_of_run(folder, read_run(folder), "test", data.root)
        entries: Sequence[CacheEntry] = data.prepare(cases)
        fit = calibrate(predictor, entries, seed=data.config.seed, progress=data.progress)
        found.append(fit.facts or {})
        notices += list(fit.notices)
    rows = _mean_rows([own["rows"] for own in found if own.get("rows")])
    facts = {
        "part": "test cases of the folds",
        "cases": sum(own.get("cases", 0) for own in found),
        "unit": found[0].get("unit", "case"),
        "n": sum(own.get("n", 0) for own in found),
        "rows": rows,
    }
    if not rows:
        return None, facts, tuple(notices)
    each = tuple(row["temperature"] for row in rows.values())
    return (each[0] if list(rows) == ["all"] else each), facts, tuple(notices)


def _mean_rows(folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the geometric mean of each row's temperature, and the mean of its figures, over folds."""
    if not folds:
        return {}
    rows: dict[str, Any] = {}
    for name in folds[0]:
        own = [fold[name] for fold in folds]
        temperature = float(np.exp(np.mean([np.log(row["temperature"]) for row in own])))
        sides = {
            side: {figure: fmean(row[side][figure] for row in own) for figure in own[0][side]}
            for side in ("before", "after")
        }
        rows[name] = {"temperature": float(f"{temperature:.4g}"), **sides}
    return rows
