"""What the evaluation of a run tells besides its scores: intervals, calibration, leakage, looks."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gliascope.case import Case, Picture
from gliascope.checkpoint import ModelFolder, extend_model, load_model
from gliascope.datasets.lgg import LggSettings
from gliascope.datasets.phantom_layouts import write_layout
from gliascope.datasets.split_table import split_table
from gliascope.errors import InputError, UsageError
from gliascope.workflow.evaluate import evaluate
from gliascope.workflow.evaluate_run import told_in_full
from gliascope.workflow.run_folder import LOOKS_FILE, MODEL_FOLDER, RUN_FILE
from gliascope.workflow.train import TrainedRun

pytestmark = pytest.mark.train

MakeModel = Callable[..., ModelFolder]


@pytest.fixture(autouse=True)
def _without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the page to its own tests: here its facts are looked at."""
    monkeypatch.setattr("gliascope.workflow.evaluate_run.evaluation_page", lambda facts, **_: facts["name"])


def copy_of(run: TrainedRun, folder: Path, **facts: Any) -> Path:  # noqa: ANN401 - facts of the model
    """Return a copy of a run whose model has other facts."""
    shutil.copytree(run.folder, folder)
    (folder / LOOKS_FILE).unlink(missing_ok=True)
    extend_model(load_model(folder / MODEL_FOLDER), {}, facts)
    return folder


def picture_run(folder: Path, make_model: MakeModel, **config: Any) -> Path:  # noqa: ANN401 - settings
    """Return a finished run of a threshold model on slices, of which one holds no tumor."""
    if not (folder / "data").is_dir():
        write_layout("lgg", folder / "data", patients=1, shape=(64, 64, 8), size=64)
        masks = sorted((folder / "data").rglob("*_mask.tif"))
        Image.new("L", (64, 64)).save(masks[0])
        for place, mask in enumerate(masks[1:], start=20):
            Image.fromarray(np.pad(np.full((9, 9), 255, np.uint8), ((place, 55 - place), (9, 46)))).save(mask)
    run = folder / f"run-{len(list(folder.glob('run-*')))}"
    shutil.copytree(make_model(2).path, run / MODEL_FOLDER)
    cases = LggSettings().cases(folder / "data")
    (run / "split.csv").write_text(split_table({"train": cases[-1:], "test": cases[:-1]}))
    (run / "config.json").write_text(json.dumps({"dataset": {"name": "lgg"}, **config}))
    facts = {"name": "threshold", "dataset": "lgg", "data": str(folder / "data"), "split": "by patient", "warnings": []}
    (run / RUN_FILE).write_text(json.dumps(facts))
    return run


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


def test_cases_without_tumor_are_left_out_on_demand(
    classify_run: TrainedRun, tmp_path: Path, make_model: MakeModel
) -> None:
    run = picture_run(tmp_path, make_model)
    everyone, narrowed = (evaluate(run, with_tumor=chosen).facts for chosen in (False, True))
    assert (everyone["counts"]["cases"], everyone["left_out"]) == (7, 0)
    assert (narrowed["counts"]["cases"], narrowed["left_out"], narrowed["with_tumor"]) == (6, 1, True)
    assert narrowed["split"].endswith("; cases with tumor only")
    assert narrowed["counts"]["both_empty"] == narrowed["counts"]["false_positive"] == 0
    with pytest.raises(UsageError, match="--with-tumor does not apply to a classifier"):
        evaluate(copy_of(classify_run, tmp_path / "c"), split="validation", with_tumor=True)


def test_the_recipe_says_the_size_of_its_pixels(tmp_path: Path, make_model: MakeModel) -> None:
    run = picture_run(tmp_path, make_model, score={"spacing_mm": [1.0, 1.0]})
    facts = evaluate(run).facts
    assert facts["protocol_facts"]["spacing_mm"] == [1.0, 1.0]
    assert facts["summary"]["tumor"]["hd"]["n"] > 0
    given = evaluate(run, spacing_mm=(2.0, 2.0)).facts
    assert given["summary"]["tumor"]["hd"]["mean"] == 2 * facts["summary"]["tumor"]["hd"]["mean"]


def test_cases_with_partial_labels_are_left_out(tmp_path: Path) -> None:
    whole = Case("a", Picture(tmp_path / "a.png"))
    part = Case("b", Picture(tmp_path / "b.png"), known={"WT": "tumor"})
    assert told_in_full((whole,), tmp_path, "train") == ((whole,), ())
    kept, (notice,) = told_in_full((part, whole, part), tmp_path, "train")
    assert kept == (whole,)
    assert (notice.code, notice.text.split(":")[0]) == ("W_PARTIAL_LABELS", "2 of 3 train cases are left out")
    with pytest.raises(InputError, match="all train cases") as caught:
        told_in_full((part,), tmp_path, "train")
    assert caught.value.code == "E_PARTIAL_LABELS"
