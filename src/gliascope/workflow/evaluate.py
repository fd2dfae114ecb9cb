"""Score predictions against references: a trained run on its own split, or two folders of label maps."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.case import Case
from gliascope.checkpoint import load_model
from gliascope.datasets import DatasetSettings
from gliascope.datasets.splits import SplitSettings, split_cases
from gliascope.errors import InputError, Notice, UsageError
from gliascope.files import atomic
from gliascope.inference.predictor import Classification, Predictor, Segmentation
from gliascope.labels import scheme_named
from gliascope.metrics import evaluate_classes, evaluate_regions, summarize
from gliascope.report import evaluation_page
from gliascope.scan import LabelMap, check_same_grid
from gliascope.settings import Settings, load_settings
from gliascope.workflow.pairs import pair_masks, read_mask
from gliascope.workflow.progress import ProgressCallback, silent
from gliascope.workflow.provenance import code_version
from gliascope.workflow.run_folder import CONFIG_FILE, MODEL_FOLDER, SPLIT_FILE, read_curves, read_run

PROTOCOL = "plain"
"""Ours: per case and region on the image's own grid; both empty is undefined, one empty is 0."""


@dataclass(frozen=True)
class Evaluation:
    """The scores: plain data as in ``evaluate --json``, and the page of a run or of two folders."""

    facts: dict[str, Any]
    page: str

    def save(self, folder: Path, *, overwrite: bool = False) -> None:
        """Write ``evaluation.json``, ``cases.csv`` and ``report.html`` into a folder that appears whole."""
        with atomic.new_folder(folder, overwrite=overwrite) as part:
            atomic.write_json(part / "evaluation.json", self.facts)
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
        scheme: What the label numbers mean, where the values leave it open.
        backend: ``auto``, ``openvino`` or ``torch``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; None: all cores.
        progress: Told how far it is.

    Raises:
        InputError: A reference has no prediction, grids differ, or a file cannot be used.
        LabelError: The label values fit several schemes and none was named.
    """
    if references is None:
        predictor_options = {"backend": backend, "device": device, "threads": threads}
        return _evaluate_run(Path(run_or_predictions), split, data, predictor_options, progress)
    return _evaluate_folders(Path(run_or_predictions), Path(references), scheme, progress)


def _evaluate_folders(
    predictions: Path, references: Path, scheme: str | None, progress: ProgressCallback
) -> Evaluation:
    pairs, notices = pair_masks(predictions, references)
    named = None if scheme is None else scheme_named(scheme)
    rows = []
    for number, pair in enumerate(pairs):
        progress("evaluate", number, len(pairs))
        reference, prediction = read_mask(pair.reference, named), read_mask(pair.prediction, named)
        check_same_grid(reference.grid, prediction.grid, file=pair.prediction.name, against=pair.reference.name)
        rows.append(_score_masks(pair.case, None, prediction, reference))
    progress("evaluate", len(pairs), len(pairs))
    facts = {"name": "Evaluation", **_made(), **_segmentation_facts(rows, "given", notices)}
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
    scored = score(predictor, cases, f"{split} of: {facts['split']}", part_notices, progress)
    result = {
        "name": f"{facts['name']}: {split} cases",
        "model": model.facts.name,
        "model_sha256": model.fingerprint,
        "dataset": facts["dataset"],
        **_made(),
        **scored,
    }
    return Evaluation(result, evaluation_page(result, curves=read_curves(run)))


def _made() -> dict[str, str]:
    return {"created": datetime.now(UTC).isoformat(timespec="seconds"), "gliascope_version": code_version()}


def _cases_of_run(
    run: Path, facts: dict[str, Any], split: str, data: str | Path | None
) -> tuple[tuple[Case, ...], tuple[Notice, ...]]:
    tree = json.loads((run / CONFIG_FILE).read_text())
    dataset = load_settings(_RunData, {"dataset": tree["dataset"]}, file=str(run / CONFIG_FILE)).dataset
    root = Path(facts["data"] if data is None else data)
    if not root.is_dir():
        hint = "Name where the data is now with --data ROOT."
        raise InputError("the data set of this run is not there", file=root, hint=hint, code="E_MISSING")
    parts = split_cases(dataset.cases(root), SplitSettings(method="csv", path=str(run / SPLIT_FILE)))
    known = parts.parts()
    if split not in known:
        raise UsageError(f"unknown split '{split}'", hint=f"Known: {', '.join(known)}.")
    if not known[split]:
        filled = ", ".join(f"{name} ({len(cases)})" for name, cases in known.items() if cases)
        raise InputError(
            f"the run has no {split} cases", file=run, hint=f"It has: {filled}; use --split.", code="E_SPLIT"
        )
    notices = tuple(Notice(w["code"], w["file"], w["text"]) for w in facts["warnings"])
    return known[split], notices


def _segment_cases(
    predictor: Predictor, cases: Sequence[Case], split: str, notices: Sequence[Notice], progress: ProgressCallback
) -> dict[str, Any]:
    rows = []
    for number, case in enumerate(cases):
        progress("evaluate", number, len(cases))
        scan, reference = case.read_pair()
        result = predictor.predict(scan)
        if not isinstance(result, Segmentation):
            raise InputError("the model gives classes, not masks", file=case.id)
        rows.append(_score_masks(case.id, case.patient, result.label_map, reference))
    progress("evaluate", len(cases), len(cases))
    return _segmentation_facts(rows, split, notices)


def _score_masks(case: str, patient: str | None, prediction: LabelMap, reference: LabelMap) -> dict[str, Any]:
    """Return one row: every region that both schemes can express."""
    regions = tuple(name for name in prediction.scheme.regions if name in reference.scheme.regions)
    if not regions:
        cause = f"schemes '{prediction.scheme.name}' and '{reference.scheme.name}' share no region"
        raise InputError(cause, file=case, hint="Compare masks of the same kind.", code="E_LABEL_SCHEME")
    scores = evaluate_regions(prediction, reference, regions)
    voxels = {
        region: {
            "prediction_voxels": int(prediction.region(region).sum()),
            "reference_voxels": int(reference.region(region).sum()),
        }
        for region in regions
    }
    return {"case": case, "patient": patient, **{name: {**scores[name], **voxels[name]} for name in regions}}


def _segmentation_facts(rows: list[dict[str, Any]], split: str, notices: Sequence[Notice]) -> dict[str, Any]:
    regions = [name for name in rows[0] if name not in ("case", "patient")]
    metrics = list(rows[0][regions[0]])
    volumes = [
        (row[region]["prediction_voxels"], row[region]["reference_voxels"]) for row in rows for region in regions
    ]
    return {
        "task": "segment",
        "protocol": PROTOCOL,
        "split": split,
        "counts": {
            "cases": len(rows),
            "both_empty": sum(p == 0 and r == 0 for p, r in volumes),
            "missed": sum(p == 0 and r > 0 for p, r in volumes),
            "false_positive": sum(p > 0 and r == 0 for p, r in volumes),
        },
        "summary": {
            region: {metric: _summary([row[region][metric] for row in rows]) for metric in metrics}
            for region in regions
        },
        "cases": [_without_nan(row) for row in rows],
        "warnings": [notice.as_json() for notice in notices],
    }


def _summary(values: list[float]) -> dict[str, Any]:
    """Describe one metric over the cases; the interval stays empty until it can be computed by patient."""
    figures: dict[str, Any] = _without_nan(summarize(values))
    return {**figures, "ci95": None}


def _classify_cases(
    predictor: Predictor, cases: Sequence[Case], split: str, notices: Sequence[Notice], progress: ProgressCallback
) -> dict[str, Any]:
    classes = predictor.folder.facts.classes or ()
    rows: list[dict[str, Any]] = []
    for number, case in enumerate(cases):
        progress("evaluate", number, len(cases))
        result = predictor.predict(case.read())
        if not isinstance(result, Classification):
            raise InputError("the model gives masks, not classes", file=case.id)
        probabilities = {name: float(result.probabilities[name]) for name in classes}
        best = max(probabilities, key=lambda name: probabilities[name])
        rows.append(
            {"case": case.id, "patient": case.patient, "reference": case.label, "prediction": best}
            | {"correct": best == case.label, "probabilities": probabilities}
        )
    progress("evaluate", len(cases), len(cases))
    labels = [row["reference"] for row in rows]
    table: NDArray[np.float64] = np.array([[row["probabilities"][name] for name in classes] for row in rows])
    return {
        "task": "classify",
        "protocol": PROTOCOL,
        "split": split,
        "counts": {"cases": len(rows), "wrong": sum(not row["correct"] for row in rows)},
        **_without_nan(evaluate_classes(labels, table, classes)),
        "cases": rows,
        "warnings": [notice.as_json() for notice in notices],
    }


def _without_nan(tree: Any) -> Any:  # noqa: ANN401 - any plain data
    """Return the tree with NaN and Infinity as None: JSON has neither."""
    if isinstance(tree, dict):
        return {key: _without_nan(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_without_nan(value) for value in tree]
    return None if isinstance(tree, float) and not np.isfinite(tree) else tree


def cases_csv(facts: dict[str, Any]) -> str:
    """Return the per-case table: one line per case, one column per region and metric."""
    lines = [_flat(row) for row in facts["cases"]]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _spreadsheet_safe(value) for key, value in line.items()} for line in lines)
    return text.getvalue()


def _flat(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _spreadsheet_safe(value: Any) -> Any:  # noqa: ANN401 - a cell
    """Keep a spreadsheet from taking a name for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value
