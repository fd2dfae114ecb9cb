"""Score predictions against references: a trained run on its own split, or two folders of label maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from gliascope.case import Case
from gliascope.checkpoint import load_model
from gliascope.datasets import DatasetSettings
from gliascope.datasets.splits import SplitSettings, split_cases
from gliascope.errors import InputError, Notice, UsageError
from gliascope.files import atomic
from gliascope.inference.predictor import Classification, Predictor, Segmentation
from gliascope.labels import scheme_named
from gliascope.report import Tile, evaluation_page, tile
from gliascope.scan import Scan, check_same_grid
from gliascope.settings import Settings, load_settings
from gliascope.workflow.pairs import pair_masks, predicted_scheme, read_mask
from gliascope.workflow.progress import ProgressCallback, silent
from gliascope.workflow.provenance import code_version, data_hash
from gliascope.workflow.run_folder import CONFIG_FILE, MODEL_FOLDER, SPLIT_FILE, read_config, read_curves, read_run
from gliascope.workflow.scoring import (
    cases_csv,
    classification_facts,
    classification_row,
    score_masks,
    segmentation_facts,
)

FACTS_FILE = "evaluation.json"
GALLERY = 8
"""Cases shown on the page: the lowest Dice, or the surest mistakes."""


@dataclass(frozen=True)
class Evaluation:
    """The scores: plain data as in ``evaluate --json``, and the page of a run or of two folders."""

    facts: dict[str, Any]
    page: str

    def save(self, folder: Path, *, overwrite: bool = False) -> None:
        """Write ``evaluation.json``, ``cases.csv`` and ``report.html`` into a folder that appears whole."""
        with atomic.new_folder(folder, overwrite=overwrite, mark=FACTS_FILE) as part:
            atomic.write_json(part / FACTS_FILE, self.facts)
            atomic.write_text(part / "cases.csv", cases_csv(self.facts))
            atomic.write_text(part / "report.html", self.page)


def evaluate(
    run_or_predictions: str | Path,
    references: str | Path | None = None,
    *,
    split: str = "test",
    data: str | Path | None = None,
    scheme: str | None = None,
    backend: str = "auto",
    device: str = "auto",
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> Evaluation:
    """Score a trained run on one part of its split, or label maps against references.

    Args:
        run_or_predictions: A run folder, or label maps (a folder or a file) when ``references`` is given.
        references: Label maps to score against, matched by case name.
        split: ``test``, ``validation`` or ``train``: the part of a run's split.
        data: The data set's root, where it has moved since the training.
        scheme: What the label numbers mean, where the values leave it open; masks that ``predict`` wrote say it
            themselves.
        backend: ``auto``, ``openvino`` or ``torch``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; None: all cores.
        progress: Told how far it is.

    Raises:
        UsageError: An option belongs to the other kind of evaluation.
        InputError: A reference has no prediction, grids differ, or a file cannot be used.
        LabelError: The label values fit several schemes and none was named.
    """
    if references is None:
        _refuse({"scheme": scheme}, "a run, whose model and data set name their schemes")
        predictor_options = {"backend": backend, "device": device, "threads": threads}
        return _evaluate_run(Path(run_or_predictions), split, data, predictor_options, progress)
    run_options = {"data": data, "backend": backend, "device": device, "threads": threads, "split": split}
    defaults = {"backend": "auto", "device": "auto", "split": "test"}
    _refuse({k: v for k, v in run_options.items() if v != defaults.get(k)}, "label maps, where nothing is computed")
    return _evaluate_folders(Path(run_or_predictions), Path(references), scheme, progress)


def _refuse(given: dict[str, Any], what: str) -> None:
    """Refuse options that would have no effect."""
    named = [name for name, value in given.items() if value is not None]
    if named:
        hint = "See gliascope evaluate --help."
        raise UsageError(f"--{named[0]} does not apply to {what}", hint=hint)


def _evaluate_folders(
    predictions: Path, references: Path, scheme: str | None, progress: ProgressCallback
) -> Evaluation:
    pairs, notices = pair_masks(predictions, references)
    noticed = list(notices)
    named = None if scheme is None else scheme_named(scheme)
    rows = []
    for number, pair in enumerate(pairs):
        progress("evaluate", number, len(pairs))
        reference = read_mask(pair.reference, named)
        prediction = read_mask(pair.prediction, predicted_scheme(pair.prediction) or named)
        noticed += [*reference.notices, *prediction.notices]
        check_same_grid(reference.grid, prediction.grid, file=pair.prediction.name, against=pair.reference.name)
        rows.append(score_masks(pair.case, None, prediction, reference))
    progress("evaluate", len(pairs), len(pairs))
    facts = {"name": "Evaluation", **_made(), **segmentation_facts(rows, "given", noticed)}
    return Evaluation(facts, evaluation_page(facts))


class _RunData(Settings):
    dataset: DatasetSettings


def _evaluate_run(
    run: Path, split: str, data: str | Path | None, predictor_options: dict[str, Any], progress: ProgressCallback
) -> Evaluation:
    facts = read_run(run)
    model = load_model(run / MODEL_FOLDER)
    cases, part_notices = _cases_of_run(run, facts, split, data)
    predictor = Predictor(model, **predictor_options)
    score = _classify_cases if model.facts.task == "classify" else _segment_cases
    scored, gallery = score(predictor, cases, f"{split} of: {facts['split']}", part_notices, progress)
    result = {
        "name": f"{facts['name']}: {split} cases",
        "model": model.facts.name,
        "model_sha256": model.fingerprint,
        "dataset": facts["dataset"],
        **_made(),
        **scored,
    }
    return Evaluation(result, evaluation_page(result, curves=read_curves(run), gallery=gallery))


def _made() -> dict[str, str]:
    return {"created": datetime.now(UTC).isoformat(timespec="seconds"), "gliascope_version": code_version()}


def _cases_of_run(
    run: Path, facts: dict[str, Any], split: str, data: str | Path | None
) -> tuple[tuple[Case, ...], tuple[Notice, ...]]:
    tree = {"dataset": read_config(run).get("dataset")}
    dataset = load_settings(_RunData, tree, file=str(run / CONFIG_FILE)).dataset
    root = Path(facts["data"] if data is None else data)
    if not root.is_dir():
        hint = "Name where the data is now with --data ROOT."
        raise InputError("the data set of this run is not there", file=root, hint=hint, code="E_MISSING")
    parts = split_cases(dataset.cases(root), SplitSettings(by="image", method="csv", path=str(run / SPLIT_FILE)))
    known = parts.parts()
    if split not in known:
        raise UsageError(f"unknown split '{split}'", hint=f"Known: {', '.join(known)}.")
    if not known[split]:
        filled = ", ".join(f"{name} ({len(cases)})" for name, cases in known.items() if cases)
        raise InputError(
            f"the run has no {split} cases", file=run, hint=f"It has: {filled}; use --split.", code="E_SPLIT"
        )
    notices = [Notice(w["code"], w["file"], w["text"]) for w in facts["warnings"]]
    if data_hash(known[split]) != facts.get("parts_sha256", {}).get(split):
        text = f"The {split} cases are not the files that stood here when the run was trained."
        notices.append(Notice("W_DATA_CHANGED", "", text))
    return known[split], tuple(notices)


def _predicted(predictor: Predictor, case: Case, scan: Scan) -> Segmentation | Classification:
    """Predict; an error without a file names the case."""
    try:
        return predictor.predict(scan)
    except InputError as fault:
        fault.file = fault.file or case.id
        raise


def _segment_cases(
    predictor: Predictor, cases: Sequence[Case], split: str, notices: Sequence[Notice], progress: ProgressCallback
) -> tuple[dict[str, Any], list[Tile]]:
    noticed = list(notices)
    answers = predictor.parts.outputs if predictor.parts.target and predictor.parts.target.mode == "regions" else None
    rows = []
    worst: list[tuple[float, Tile]] = []
    for number, case in enumerate(cases):
        progress("evaluate", number, len(cases))
        scan, reference = case.read_pair()
        result = _predicted(predictor, case, scan)
        if not isinstance(result, Segmentation):
            raise InputError("the model gives classes, not masks", file=case.id)
        noticed += [*scan.notices, *reference.notices, *result.notices]
        row = score_masks(case.id, case.patient, result.label_map, reference, regions=answers)
        rows.append(row)
        region, dice = next((name, scores["dice"]) for name, scores in row.items() if isinstance(scores, dict))
        if np.isfinite(dice):
            picture = tile(scan, result.label_map, reference=reference)
            worst.append((dice, {"image": picture, "caption": f"{case.id}: Dice {region} {dice:.3f}"}))
            worst = sorted(worst, key=lambda pair: pair[0])[:GALLERY]
    progress("evaluate", len(cases), len(cases))
    return segmentation_facts(rows, split, noticed), [picture for _, picture in worst]


def _classify_cases(
    predictor: Predictor, cases: Sequence[Case], split: str, notices: Sequence[Notice], progress: ProgressCallback
) -> tuple[dict[str, Any], list[Tile]]:
    rows: list[dict[str, Any]] = []
    noticed = list(notices)
    wrong: list[tuple[float, Tile]] = []
    for number, case in enumerate(cases):
        progress("evaluate", number, len(cases))
        scan = case.read()
        result = _predicted(predictor, case, scan)
        if not isinstance(result, Classification):
            raise InputError("the model gives masks, not classes", file=case.id)
        noticed += [*scan.notices, *result.notices]
        row = classification_row(case.id, case.patient, case.label, dict(result.probabilities))
        rows.append(row)
        if not row["correct"]:
            sure = row["probabilities"][row["prediction"]]
            caption = f"{case.id}: {row['prediction']} ({sure:.0%}) for {case.label}"
            wrong.append((-sure, {"image": tile(scan), "caption": caption}))
            wrong = sorted(wrong, key=lambda pair: pair[0])[:GALLERY]
    progress("evaluate", len(cases), len(cases))
    facts = classification_facts(rows, predictor.parts.outputs, split, noticed)
    return facts, [picture for _, picture in wrong]
