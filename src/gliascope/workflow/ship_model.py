"""From a finished training to a model folder: weights of the kept epoch, temperature, card, fast form with parity."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliascope.checkpoint import ModelFacts, ModelFolder, save_model
from gliascope.datasets.splits import Split
from gliascope.errors import MachineError, ModelError, Notice
from gliascope.inference.known_inputs import INPUTS
from gliascope.inference.predictor import Predictor
from gliascope.preprocess.cache import CacheEntry
from gliascope.workflow.calibrate import Calibration, calibrate
from gliascope.workflow.export import export_model
from gliascope.workflow.fit_gate import fitted_gate
from gliascope.workflow.input_statistics import input_statistics
from gliascope.workflow.model_card import model_card
from gliascope.workflow.progress import ProgressCallback, silent
from gliascope.workflow.run_folder import MODEL_FOLDER

if TYPE_CHECKING:
    from gliascope.config import RunConfig

Array = NDArray[np.float32]
PARITY_CASES = 4
"""Real inputs on which the exported form is compared with the trained network."""
STATISTICS_CASES = 200
"""At most so many training cases give the reference statistics; more would change little and cost minutes."""


def ship_model(
    output: Path,
    config: "RunConfig",
    run: dict[str, Any],
    training: Sequence[CacheEntry],
    validation: Sequence[CacheEntry],
    *,
    parts: Split,
    device: str = "auto",
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> list[dict[str, str]]:
    """Write the model folder from the kept epoch, with its temperature, OpenVINO form and parity; return warnings.

    Without validation cases the temperature stays 1, and training cases show the parity. Of the split's
    ``parts`` the training cases are read once more as they come: what they look like is kept, so that prediction can
    tell what is unlike them, and where the recipe asks for a gate it is fitted on them.
    """
    from gliascope.training.fit import best_weights

    kept = (
        "dataset",
        "licence",
        "data_sha256",
        "split",
        "cases",
        "first_weights",
        "recipe",
        "seed",
        "epochs",
        "best_epoch",
        "keep",
        "gliascope_version",
        "created",
    )
    facts = ModelFacts(
        name=config.name,
        task=config.task,
        dimensions=config.network.dimensions,
        channels=config.plan.channels,
        network=config.network.model_dump(mode="json"),
        plan=(config.prediction_plan or config.plan).model_dump(mode="json"),
        target=None if config.target is None else config.target.model_dump(mode="json"),
        classes=config.classes if config.task == "classify" else None,
        inference={**config.inference.model_dump(mode="json"), "divisor": config.network.divisor},
        training={key: run[key] for key in kept} | ({"leakage": run["leakage"]} if run.get("leakage") else {}),
        metrics=run["metrics"],
        gate=fitted_gate(config, parts, threads=threads, progress=progress),
        statistics={**_statistics(training), INPUTS: input_statistics(parts.train, progress)},
        limits=config.limits,
    )
    folder, weights = output / MODEL_FOLDER, best_weights(output)
    model = save_model(folder, weights, facts, model_card(facts), overwrite=True)
    machine = {"device": device, "threads": threads}
    found = _calibrated(model, validation, machine, seed=config.seed, progress=progress)
    facts = facts.model_copy(update={"temperature": found.temperature, "calibration": found.facts})
    save_model(folder, weights, facts, model_card(facts), overwrite=True)
    warnings = [notice.as_json() for notice in found.notices]
    warnings += [notice.as_json() for notice in export_or_say(folder, (validation or training)[:PARITY_CASES])]
    return warnings


def export_or_say(folder: Path, entries: Sequence[CacheEntry]) -> tuple[Notice, ...]:
    """Add the OpenVINO form, compared on prepared cases; where it cannot be made, say so.

    The training is worth keeping: the PyTorch form is there and right.
    """
    try:
        export_model(folder, to="openvino", inputs=[_probe(entry) for entry in entries])
    except ModelError as fault:
        text = f"The OpenVINO form was not made: {fault.cause}. Predict with --backend torch."
        return (Notice("W_NOT_EXPORTED", MODEL_FOLDER, text),)
    return ()


def _calibrated(
    model: ModelFolder,
    validation: Sequence[CacheEntry],
    machine: dict[str, Any],
    *,
    seed: int,
    progress: ProgressCallback,
) -> Calibration:
    """Fit the temperature with the PyTorch form, the only one there is yet."""
    try:
        predictor = Predictor(model, backend="torch", precision="fp32", **machine)
        return calibrate(predictor, validation, seed=seed, progress=progress)
    except MachineError as fault:
        # As with the export: the training is worth more than its last step.
        text = f"The temperature stays 1: {fault.cause}."
        return Calibration(None, None, (Notice("W_NOT_CALIBRATED", MODEL_FOLDER, text),))


def _probe(entry: CacheEntry) -> Array:
    """Return one prepared image for the parity measurement: a volume, or its middle slice."""
    return entry.image(entry.count // 2)


def _statistics(entries: Sequence[CacheEntry]) -> dict[str, Any]:
    """Return mean, sd and outer percentiles per prepared channel over evenly chosen training cases."""
    step = max(1, math.ceil(len(entries) / STATISTICS_CASES))
    chosen = entries[::step]
    images = [entry.image(entry.count // 2) for entry in chosen]
    rows = []
    for channel in range(images[0].shape[0]):
        values = np.concatenate([image[channel].ravel()[::7] for image in images])
        low, high = np.percentile(values, [1, 99])
        rows.append({"mean": float(values.mean()), "sd": float(values.std()), "p01": float(low), "p99": float(high)})
    return {"cases": len(chosen), "prepared_channels": rows}
