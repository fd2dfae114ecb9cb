"""How far a trained network's confidence must be taken back: its temperature, from validation cases alone.

**When the temperature stays 1** (and a notice says why): a classifier with fewer than 30 validation pictures or a
segmenter with fewer than 5 validation patients; where every answer is right, or none differs, so that any temperature
would do or none is low enough; where the best one lies at the end of the range, so that the cases do not limit it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from gliascope.errors import Notice, counted
from gliascope.inference.postprocess import LARGEST, temper
from gliascope.inference.predictor import Predictor
from gliascope.metrics.calibration import Answers, class_answers, yes_no_answers
from gliascope.metrics.temperature import fit_temperature, is_limit, separated
from gliascope.preprocess.cache import CacheEntry
from gliascope.preprocess.targets import UNKNOWN
from gliascope.workflow.plain_json import without_nan
from gliascope.workflow.progress import ProgressCallback, silent

Array = NDArray[np.float32]

FEWEST_PICTURES, FEWEST_PATIENTS = 30, 5
"""Fewer validation pictures of a classifier, or patients of a segmenter, say too little."""
PICTURES, SLICES, VOLUMES = 2000, 400, 40
"""At most so many are looked at; more would change little and cost minutes."""
VOXELS = 1_000_000
"""Voxels looked at, spread evenly over slices or volumes."""
TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Calibration:
    """What came of it.

    Args:
        temperature: One number for classes, one per output for regions; None: 1.
        facts: What it was fitted on and what it changed there, as it stands in ``model.json``; None: nothing was tried.
        notices: Why a temperature stays 1.
    """

    temperature: float | tuple[float, ...] | None
    facts: dict[str, Any] | None
    notices: tuple[Notice, ...]


@dataclass(frozen=True, eq=False)
class _Looked:
    """Probabilities ``(K, N)`` and what was true: ``(1, N)`` class indices or ``(K, N)`` zeros and ones."""

    probabilities: Array
    targets: NDArray[np.integer]


def calibrate(
    predictor: Predictor, validation: Sequence[CacheEntry], *, seed: int, progress: ProgressCallback = silent
) -> Calibration:
    """Fit the temperature of a model whose facts have none yet.

    Args:
        predictor: The model, ready to run.
        validation: Prepared validation cases, with their class or reference.
        seed: Which pictures, slices and voxels are looked at depends on it.
        progress: Told how many are done.

    Raises:
        ModelError: The network does not fit its own description.
        MachineError: Memory runs out.
    """
    facts: dict[str, Any] = {
        "part": "validation",
        "cases": len(validation),
        "unit": "voxel" if predictor.parts.target else "case",
    }
    missing = _missing(predictor, validation)
    if missing:
        return Calibration(None, {**facts, "n": 0, "rows": {}}, (_notice("", missing),))
    draws = np.random.Generator(np.random.Philox(key=seed))
    items = _items(predictor, validation, draws)
    looked = (
        _voxels(predictor, items, draws, progress) if predictor.parts.target else _pictures(predictor, items, progress)
    )
    fits = _fits(predictor, looked)
    facts |= {"n": looked.probabilities.shape[1], "rows": {name: fit.row for name, fit in fits.items()}}
    notices = [_notice("" if name == "all" else f" of {name}", fit.reason) for name, fit in fits.items() if fit.reason]
    found = tuple(fit.row["temperature"] for fit in fits.values())
    if len(notices) == len(fits):
        return Calibration(None, facts, tuple(notices))
    return Calibration(found[0] if predictor.parts.exclusive else found, facts, tuple(notices))


def _missing(predictor: Predictor, validation: Sequence[CacheEntry]) -> str:
    """Say what too few cases lack; empty where they suffice."""
    if predictor.parts.target is None:
        seen, fewest, noun = len(validation), FEWEST_PICTURES, "validation picture"
    else:
        seen, fewest = len({entry.patient or entry.case_id for entry in validation}), FEWEST_PATIENTS
        noun = "validation patient"
    return f"{counted(seen, noun)} of the {fewest} that are needed" if seen < fewest else ""


def _notice(of: str, reason: str) -> Notice:
    return Notice("W_NOT_CALIBRATED", "", f"The temperature{of} stays 1: {reason}.")


def _items(
    predictor: Predictor, validation: Sequence[CacheEntry], draws: np.random.Generator
) -> list[tuple[CacheEntry, int]]:
    """Choose what is looked at: pictures, slices or volumes, in the order of the cases."""
    items = [(entry, index) for entry in validation for index in range(entry.count)]
    most = PICTURES if predictor.parts.target is None else SLICES if items[0][0].layout == "slices" else VOLUMES
    chosen = np.sort(draws.permutation(len(items))[:most])
    return [items[number] for number in chosen]


def _pictures(predictor: Predictor, items: Sequence[tuple[CacheEntry, int]], progress: ProgressCallback) -> _Looked:
    """Classify the pictures."""
    order = {name: index for index, name in enumerate(predictor.parts.outputs)}
    found = []
    for number, (entry, index) in enumerate(items):
        progress("calibrate", number, len(items))
        found.append(predictor.answer(entry.image(index)))
    progress("calibrate", len(items), len(items))
    targets = np.array([[order[str(entry.label)] for entry, _ in items]])
    return _Looked(np.stack(found, axis=1), targets)


def _voxels(
    predictor: Predictor,
    items: Sequence[tuple[CacheEntry, int]],
    draws: np.random.Generator,
    progress: ProgressCallback,
) -> _Looked:
    """Segment slices or volumes, and keep voxels where any channel is not 0: inside the head, where it was cut out."""
    share = VOXELS // len(items)
    outputs = len(predictor.parts.outputs)
    found: list[Array] = [np.zeros((outputs, 0), np.float32)]
    wanted: list[NDArray[np.uint8]] = [np.zeros((1 if predictor.parts.exclusive else outputs, 0), np.uint8)]
    for number, (entry, index) in enumerate(items):
        progress("calibrate", number, len(items))
        image = entry.image(index)
        places = np.flatnonzero((image != 0).any(axis=0))
        if len(places) > share:
            places = places[draws.integers(0, len(places), share)]
        if not len(places):
            continue
        answer, reference = predictor.answer(image), entry.target(index)
        found.append(answer.reshape(len(answer), -1)[:, places])
        wanted.append(reference.reshape(len(reference), -1)[:, places])
    progress("calibrate", len(items), len(items))
    return _Looked(np.concatenate(found, axis=1), np.concatenate(wanted, axis=1))


class _Fit(NamedTuple):
    """A row of the facts and, where its temperature stays 1, why."""

    row: dict[str, Any]
    reason: str


def _fits(predictor: Predictor, looked: _Looked) -> dict[str, _Fit]:
    """Fit one temperature for classes that exclude each other (``all``), or one per region."""
    if predictor.parts.exclusive:
        return {"all": _fit_classes(looked.probabilities, looked.targets[0].astype(np.intp))}
    rows = zip(predictor.parts.outputs, looked.probabilities, looked.targets, strict=True)
    return {name: _fit_region(own[known := wanted != UNKNOWN], wanted[known] == 1) for name, own, wanted in rows}


def _fit_classes(probabilities: Array, targets: NDArray[np.intp]) -> _Fit:
    logits = np.log(np.maximum(probabilities.T, TINY))
    temperature, reason = _fit(logits, targets, exclusive=True)
    cooled = temper(probabilities, temperature, exclusive=True)
    return _Fit(_row(temperature, *(class_answers(values.T, targets) for values in (probabilities, cooled))), reason)


def _fit_region(probabilities: Array, targets: NDArray[np.bool_]) -> _Fit:
    logits = logit(np.clip(probabilities.astype(np.float64), TINY, LARGEST))
    temperature, reason = _fit(logits, targets, exclusive=False)
    cooled = temper(probabilities[np.newaxis], temperature, exclusive=False)[0]
    return _Fit(_row(temperature, *(yes_no_answers(values, targets) for values in (probabilities, cooled))), reason)


def _fit(logits: NDArray[np.floating], targets: NDArray[Any], *, exclusive: bool) -> tuple[float, str]:
    """Return the temperature, or 1 and why."""
    if len(np.unique(targets)) < 2:
        return 1.0, "all that was looked at is of one kind"
    if separated(logits, targets, exclusive=exclusive):
        return 1.0, "every answer is right, so that none is low enough"
    temperature = fit_temperature(logits, targets, exclusive=exclusive)
    if is_limit(temperature):
        return 1.0, f"the best one lies beyond {temperature:.3g}, so that the cases do not limit it"
    return float(f"{temperature:.4g}"), ""


def _row(temperature: float, before: Answers, after: Answers) -> dict[str, Any]:
    totals = {"before": before.total(), "after": after.total()}
    figures = {
        name: without_nan({"ece": float(total.ece()), "nll": float(total.nll())}) for name, total in totals.items()
    }
    return {"temperature": temperature, **figures}
