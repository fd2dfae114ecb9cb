"""What the evaluation of a run tells besides its scores: intervals, calibration, leakage, looks."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gliascope.checkpoint import extend_model, load_model
from gliascope.workflow.evaluate import evaluate
from gliascope.workflow.run_folder import LOOKS_FILE, MODEL_FOLDER, RUN_FILE
from gliascope.workflow.train import TrainedRun

pytestmark = pytest.mark.train


def copy_of(run: TrainedRun, folder: Path, **facts: Any) -> Path:  # noqa: ANN401 - facts of the model
    """Return a copy of a run whose model has other facts."""
    shutil.copytree(run.folder, folder)
    (folder / LOOKS_FILE).unlink(missing_ok=True)
    extend_model(load_model(folder / MODEL_FOLDER), {}, facts)
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def test_a_classifier_has_intervals_and_calibration(classify_run: TrainedRun, tmp_path: Path) -> None:
    facts = evaluate(copy_of(classify_run, tmp_path / "run", temperature=2.0)).facts
    json.dumps(facts, allow_nan=False)
    patients = {row["patient"] for row in facts["cases"]}
    assert None not in patients
    assert facts["intervals"]["by"] == "patient"
    assert facts["intervals"]["clusters"] == len(patients) < facts["counts"]["cases"]
    for row, figures in facts["summary"].items():
        assert set(facts["ci95"][row]) == set(figures) - {"support"}
    low, high = facts["ci95"]["all"]["accuracy"]
    assert low <= facts["summary"]["all"]["accuracy"] <= high
    calibration = facts["calibration"]
    assert (calibration["unit"], calibration["temperature"]) == ("case", 2.0)
    assert list(calibration["rows"]) == list(calibration["raw"]) == ["all", *facts["classes"]]
    given = np.array([[row["probabilities"][name] for name in facts["classes"]] for row in facts["cases"]])
    truth = np.array([facts["classes"].index(row["reference"]) for row in facts["cases"]])
    assert calibration["rows"]["all"]["nll"] == pytest.approx(-np.log(given[np.arange(len(truth)), truth]).mean())
    undone = given**2 / (given**2).sum(axis=1, keepdims=True)
    assert calibration["raw"]["all"]["nll"] == pytest.approx(-np.log(undone[np.arange(len(truth)), truth]).mean())


def test_a_temperature_changes_no_answer(classify_run: TrainedRun, segment_run: TrainedRun, tmp_path: Path) -> None:
    for run, temperature in ((classify_run, 3.0), (segment_run, (0.5, 2.0, 4.0))):
        name = run.facts["task"]
        plain, tempered = (
            evaluate(copy_of(run, tmp_path / f"{name}{index}", temperature=one), split="validation").facts
            for index, one in enumerate((None, temperature))
        )
        for row in (*plain["cases"], *tempered["cases"]):
            row.pop("probabilities", None)
        assert plain["cases"] == tempered["cases"]
        assert plain["calibration"]["raw"] is None
        assert tempered["calibration"]["raw"] == plain["calibration"]["rows"]
        assert tempered["calibration"]["rows"] != plain["calibration"]["rows"]


def test_a_segmenter_is_judged_by_region_inside_the_head(segment_run: TrainedRun, tmp_path: Path) -> None:
    facts = evaluate(copy_of(segment_run, tmp_path / "run", temperature=(2.0, 1.5, 1.0)), split="train").facts
    json.dumps(facts, allow_nan=False)
    calibration = facts["calibration"]
    assert (calibration["unit"], calibration["temperature"]) == ("voxel", [2.0, 1.5, 1.0])
    assert list(calibration["rows"]) == ["WT", "TC", "ET"]
    for row in calibration["rows"].values():
        assert 0 < row["n"] < 3 * 24**3
        assert row["ci95"]["ece"][0] <= row["ci95"]["ece"][1]
    assert calibration["rows"]["ET"] == calibration["raw"]["ET"], "its temperature is 1"


def test_looks_are_counted_and_leakage_is_told(segment_run: TrainedRun, tmp_path: Path) -> None:
    run = copy_of(segment_run, tmp_path / "run")
    model = contents(run / MODEL_FOLDER)
    assert evaluate(run).facts["test_looks"] == 1
    tree = json.loads((run / RUN_FILE).read_text())
    leakage = {
        **{"allowed": True, "test_cases": 1, "leaking_test_cases": 1, "kinds": {"bytes": 1}},
        **{"validation_cases": 1, "leaking_validation_cases": 0},
    }
    (run / RUN_FILE).write_text(json.dumps({**tree, "leakage": leakage}))
    again = evaluate(run, protocol="legacy").facts
    assert (again["test_looks"], again["leakage"]) == (2, leakage)
    assert evaluate(run, split="validation").facts["test_looks"] == 1
    lines = [json.loads(line) for line in (run / LOOKS_FILE).read_text().splitlines()]
    assert [(line["split"], line["protocol"]) for line in lines] == [
        ("test", "plain"),
        ("test", "legacy"),
        ("validation", "plain"),
    ]
    assert contents(run / MODEL_FOLDER) == model, "what the test cases show never enters the model"
    del tree["leakage"]
    (run / RUN_FILE).write_text(json.dumps(tree))
    assert evaluate(run).facts["leakage"] is None, "a run of an older version"
