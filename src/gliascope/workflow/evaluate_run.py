"""Score a trained run on one part of its own split."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gliascope.case import Case
from gliascope.checkpoint import load_any
from gliascope.datasets.splits import SplitSettings, split_cases
from gliascope.errors import InputError, Notice, UsageError
from gliascope.inference.cascade import Cascade, CascadeAnswer
from gliascope.inference.predictor import Classification, Predictor, Segmentation
from gliascope.inference.vote import Vote
from gliascope.report import Tile, evaluation_page, tile
from gliascope.report.wording import title
from gliascope.scan import Scan
from gliascope.workflow.class_scores import classification_facts, classification_row
from gliascope.workflow.clusters import clusters_of, lonely_cases
from gliascope.workflow.gate_scores import GateScores
from gliascope.workflow.given_channels import check_given, only_given
from gliascope.workflow.looks import record_look
from gliascope.workflow.mask_scores import MaskScores, refuse_mask_options
from gliascope.workflow.mistake_gallery import MistakeGallery
from gliascope.workflow.open_model import AnyPredictor, open_predictor
from gliascope.workflow.progress import ProgressCallback
from gliascope.workflow.provenance import data_hash, made
from gliascope.workflow.reliability import RegionSums
from gliascope.workflow.run_folder import (
    CONFIG_FILE,
    MODEL_FOLDER,
    SPLIT_FILE,
    dataset_of,
    read_config,
    read_curves,
    read_run,
)

GALLERY = 8
"""Cases shown on the page: the lowest Dice of the first region, or the surest mistakes."""


def evaluate_run(
    run: Path,
    split: str,
    data: str | Path | None,
    predictor_options: dict[str, Any],
    progress: ProgressCallback,
    *,
    protocol: str = "plain",
    tolerance_mm: float | None = None,
    spacing_mm: tuple[float, ...] | None = None,
    with_tumor: bool = False,
    given: tuple[str, ...] | None = None,
) -> tuple[dict[str, Any], str]:
    """Predict and score one part of a run's split; return the ``evaluate`` JSON and the page.

    The arguments are those of ``evaluate``.
    """
    facts = read_run(run)
    model = load_any(run / MODEL_FOLDER)
    cases, part_notices = cases_of_run(run, facts, split, data)
    predictor = open_predictor(model, **predictor_options)
    given = None if given is None else check_given(predictor, given)
    part = f"{split} of: {facts['split']}"
    mistakes = MistakeGallery()
    if isinstance(predictor, Vote) or (isinstance(predictor, Predictor) and predictor.folder.facts.task == "classify"):
        refuse_mask_options(protocol, tolerance_mm, spacing_mm, with_tumor=with_tumor)
        scored, gallery = _classify_cases(predictor, cases, part, part_notices, progress, given=given)
    else:
        cases, partly = told_in_full(cases, run, split)
        part_notices += partly
        scores = MaskScores(protocol, tolerance_mm, spacing_mm or _spacing_of_recipe(run), with_tumor)
        scored, gallery = _segment_cases(
            *(predictor, cases, part, part_notices, progress), scores=scores, mistakes=mistakes, given=given
        )
    looks, unrecorded = record_look(run, split, protocol)
    scored["warnings"] += [notice.as_json() for notice in unrecorded]
    result = {
        "name": f"{facts['name']}: {split} cases{' with tumor' if with_tumor else ''}{_limit(given)}",
        "model": model.facts.name,
        "model_sha256": model.fingerprint,
        "dataset": facts["dataset"],
        **made(),
        "given": None if given is None else list(given),
        "leakage": facts.get("leakage"),
        "test_looks": looks,
        **scored,
    }
    return result, evaluation_page(result, curves=read_curves(run), gallery=gallery, mistakes=mistakes.tiles())


def _limit(given: tuple[str, ...] | None) -> str:
    return "" if given is None else f", given {', '.join(given)} alone"


def _spacing_of_recipe(run: Path) -> tuple[float, ...] | None:
    """Return the voxel size that the recipe gives its pictures, which carry none."""
    given = (read_config(run).get("score") or {}).get("spacing_mm")
    return None if given is None else tuple(map(float, given))


def cases_of_run(
    run: Path, facts: dict[str, Any], split: str, data: str | Path | None
) -> tuple[tuple[Case, ...], tuple[Notice, ...]]:
    """Return the cases of one part of a run, and what is to be said of them.

    Raises:
        InputError: The data is not there, or the run has no such cases.
        UsageError: There is no such part.
    """
    dataset = dataset_of(read_config(run), str(run / CONFIG_FILE))
    root = Path(facts["data"] if data is None else data)
    if not root.is_dir():
        hint = "Name where the data is now with --data ROOT."
        raise InputError("the data set of this run is not there", file=root, hint=hint, code="E_MISSING")
    parts = split_cases(
        dataset.cases(root), SplitSettings(by="image", method="csv", path=str(run / SPLIT_FILE), validation=0)
    )
    known = parts.listed()
    if split not in known:
        raise UsageError(f"unknown split '{split}'", hint=f"This run has: {', '.join(known)}.")
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


def told_in_full(cases: tuple[Case, ...], run: Path, split: str) -> tuple[tuple[Case, ...], tuple[Notice, ...]]:
    """Leave out cases whose masks tell of some regions only, for those of the others are neither right nor wrong.

    Raises:
        InputError: None is left.
    """
    whole = tuple(case for case in cases if case.known is None)
    partly = len(cases) - len(whole)
    if not whole:
        cause = f"masks of all {split} cases tell of some regions only"
        raise InputError(cause, file=run, hint="Choose another part with --split.", code="E_PARTIAL_LABELS")
    text = f"{partly} of {len(cases)} {split} cases are left out: their masks tell of some regions only."
    return whole, (Notice("W_PARTIAL_LABELS", "", text),) if partly else ()


def _predicted(predictor: AnyPredictor, case: Case, scan: Scan) -> Segmentation | Classification | CascadeAnswer:
    """Predict; an error without a file names the case."""
    try:
        return predictor.predict(scan)
    except InputError as fault:
        fault.file = fault.file or case.id
        raise


def _segment_cases(
    predictor: Predictor | Cascade,
    cases: Sequence[Case],
    split: str,
    notices: Sequence[Notice],
    progress: ProgressCallback,
    *,
    scores: MaskScores,
    mistakes: MistakeGallery,
    given: tuple[str, ...] | None,
) -> tuple[dict[str, Any], list[Tile]]:
    noticed = list(notices)
    segmenter = predictor.segmenter if isinstance(predictor, Cascade) else predictor
    gate = GateScores(predictor.classifier.outputs) if isinstance(predictor, Cascade) else None
    parts = segmenter.parts
    answers = parts.outputs if parts.target and parts.target.mode == "regions" else None
    leading = next(iter(scores.rules.metrics))
    reliability = RegionSums(parts)
    worst: list[tuple[float, Tile]] = []
    for number, case in enumerate(cases):
        progress("evaluate", number, len(cases))
        scan, reference = case.read_pair()
        if scores.leaves_out(reference):
            continue
        scan = scan if given is None else only_given(scan, given, case=case.id)
        answer = _predicted(predictor, case, scan)
        result = answer.segmentation if isinstance(answer, CascadeAnswer) else answer
        if not isinstance(result, Segmentation):
            raise InputError("the model gives classes, not masks", file=case.id)
        noticed += [*scan.notices, *reference.notices, *answer.notices]
        if gate is not None and isinstance(answer, CascadeAnswer):
            gate.add(case, answer, reference)
        row = scores.add(
            *(case.id, result.label_map, reference), patient=case.patient, group=case.group, regions=answers
        )
        mistakes.add(case.id, scan, result.label_map, reference)
        if gate is None:
            reliability.add(scan, result, reference)
        region, dice = next((name, each[leading]) for name, each in row.items() if isinstance(each, dict))
        if np.isfinite(dice):
            picture = tile(scan, result.label_map, reference=reference)
            caption = f"{case.id}: {title(leading)} {region} {dice:.3f}"
            worst.append((dice, {"image": picture, "caption": caption}))
            worst = sorted(worst, key=lambda pair: pair[0])[:GALLERY]
    progress("evaluate", len(cases), len(cases))
    facts, pictures = scores.facts(split, noticed), [picture for _, picture in worst]
    if gate is not None:
        facts["counts"]["not_segmented"] = gate.skipped
        return {**facts, "calibration": None, "classification": gate.facts()}, pictures
    calibration = reliability.gathered().facts(clusters_of(scores.rows)[0], segmenter.folder.facts.temperature)
    return {**facts, "calibration": calibration}, pictures


def _classify_cases(
    predictor: Predictor | Vote,
    cases: Sequence[Case],
    split: str,
    notices: Sequence[Notice],
    progress: ProgressCallback,
    *,
    given: tuple[str, ...] | None,
) -> tuple[dict[str, Any], list[Tile]]:
    rows: list[dict[str, Any]] = []
    raw: list[dict[str, float]] = []
    noticed = list(notices)
    wrong: list[tuple[float, Tile]] = []
    for number, case in enumerate(cases):
        progress("evaluate", number, len(cases))
        scan = case.read() if given is None else only_given(case.read(), given, case=case.id)
        result = _predicted(predictor, case, scan)
        if not isinstance(result, Classification):
            raise InputError("the model gives masks, not classes", file=case.id)
        noticed += [*scan.notices, *result.notices]
        row = classification_row(case, result)
        rows.append(row)
        raw.append(dict(result.raw))
        if not row["correct"]:
            sure = row["probabilities"][row["prediction"]]
            caption = f"{case.id}: {row['prediction']} ({sure:.0%}) for {case.label}"
            wrong.append((-sure, {"image": tile(scan), "caption": caption}))
            wrong = sorted(wrong, key=lambda pair: pair[0])[:GALLERY]
    progress("evaluate", len(cases), len(cases))
    temperature = predictor.folder.facts.temperature if isinstance(predictor, Predictor) else None
    facts = classification_facts(rows, raw, predictor.outputs, temperature)
    warnings = [notice.as_json() for notice in dict.fromkeys((*noticed, *lonely_cases(rows)))]
    return {**facts, "split": split, "warnings": warnings}, [picture for _, picture in wrong]
