"""Scores of runs and of folders."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gliascope.errors import GeometryError, InputError, LabelError, UsageError
from gliascope.files import nifti
from gliascope.labels import SCHEMES
from gliascope.scan import Grid, LabelMap
from gliascope.workflow.case_table import cases_csv
from gliascope.workflow.evaluate import evaluate
from gliascope.workflow.pairs import case_name
from gliascope.workflow.train import TrainedRun


def write(path: Path, cube: slice, *, value: int = 3, scheme: str = "brats2023", spacing: float = 1.0) -> None:
    array = np.zeros((12, 12, 12), dtype=np.uint8)
    array[cube, cube, cube] = value
    grid = Grid.from_affine(array.shape, np.diag([spacing, spacing, spacing, 1.0]))
    path.parent.mkdir(parents=True, exist_ok=True)
    nifti.write_label_map(path, LabelMap(array, SCHEMES[scheme], grid))


def test_folders_are_matched_by_case_name(tmp_path: Path) -> None:
    write(tmp_path / "p" / "b" / "mask.nii.gz", slice(2, 6))
    write(tmp_path / "p" / "a" / "mask.nii.gz", slice(2, 6))
    write(tmp_path / "r" / "a-seg.nii.gz", slice(2, 6))
    write(tmp_path / "r" / "b_seg.nii.gz", slice(4, 8))
    result = evaluate(tmp_path / "p", tmp_path / "r", scheme="brats2023").facts
    dice = {case["case"]: case["ET"]["dice"] for case in result["cases"]}
    assert dice["a"] == 1.0
    # 4³ cubes that share 2³ voxels: 2 * 8 / 128
    assert dice["b"] == pytest.approx(0.125)
    assert result["summary"]["ET"]["dice"]["mean"] == pytest.approx(0.5625)
    assert result["protocol"] == "plain"
    json.dumps(result, allow_nan=False)


def test_reference_without_prediction_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "p" / "a.nii.gz", slice(2, 6))
    write(tmp_path / "r" / "a.nii.gz", slice(2, 6))
    write(tmp_path / "r" / "b.nii.gz", slice(2, 6))
    with pytest.raises(InputError, match="no prediction for 1 of 2 references: b"):
        evaluate(tmp_path / "p", tmp_path / "r", scheme="brats2023")


def test_empty_masks_are_counted_and_left_out(tmp_path: Path) -> None:
    write(tmp_path / "p" / "both.nii.gz", slice(0, 0))
    write(tmp_path / "r" / "both.nii.gz", slice(0, 0))
    write(tmp_path / "p" / "missed.nii.gz", slice(0, 0))
    write(tmp_path / "r" / "missed.nii.gz", slice(2, 6))
    write(tmp_path / "p" / "invented.nii.gz", slice(2, 6))
    write(tmp_path / "r" / "invented.nii.gz", slice(0, 0))
    result = evaluate(tmp_path / "p", tmp_path / "r", scheme="brats2023").facts
    row = result["summary"]["ET"]["dice"]
    assert (row["mean"], row["n"], row["missing"]) == (0.0, 2, 1)
    assert [case["ET"]["dice"] for case in result["cases"]] == [None, 0.0, 0.0]


def test_scheme_must_be_named_where_values_leave_it_open(tmp_path: Path) -> None:
    write(tmp_path / "p" / "a.nii.gz", slice(2, 6))
    write(tmp_path / "r" / "a.nii.gz", slice(2, 6))
    with pytest.raises(LabelError, match="schemes"):
        evaluate(tmp_path / "p", tmp_path / "r")


def test_other_grid_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "p" / "a.nii.gz", slice(2, 6))
    write(tmp_path / "r" / "a.nii.gz", slice(2, 6), spacing=2.0)
    with pytest.raises(GeometryError, match="grid"):
        evaluate(tmp_path / "p", tmp_path / "r", scheme="brats2023")


def test_own_masks_name_their_scheme(tmp_path: Path) -> None:
    """A BraTS 2023 mask of ours is scored against a reference in the numbers of 2017."""
    write(tmp_path / "p" / "a" / "mask.nii.gz", slice(2, 6), value=3, scheme="brats2023")
    facts = {"segmentation": {"mask": "mask.nii.gz", "scheme": "brats2023"}}
    (tmp_path / "p" / "a" / "prediction.json").write_text(json.dumps(facts))
    write(tmp_path / "r" / "a_seg.nii.gz", slice(2, 6), value=4, scheme="brats2017")
    result = evaluate(tmp_path / "p", tmp_path / "r", scheme="brats2017").facts
    assert result["summary"]["ET"]["dice"]["mean"] == 1.0


@pytest.mark.parametrize(
    "option", [{"backend": "torch"}, {"device": "cpu"}, {"threads": 2}, {"split": "train"}, {"data": "x"}]
)
def test_options_of_a_run_are_refused_for_masks(tmp_path: Path, option: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="does not apply"):
        evaluate(tmp_path, tmp_path, **option)


def test_table_holds_the_regions_of_every_case(tmp_path: Path) -> None:
    rows = [{"case": "=1+1", "WT": {"dice": 0.5}}, {"case": "b", "RC": {"dice": 1.0}}]
    lines = cases_csv({"cases": rows}).splitlines()
    assert lines == ["case,WT.dice,RC.dice", "'=1+1,0.5,", "b,,1.0"]


@pytest.mark.parametrize(
    ("path", "case"),
    [("x/a-seg.nii.gz", "a"), ("x/a_MASK.png", "a"), ("x/a/mask.nii.gz", "a"), ("x/segment.nii", "segment")],
)
def test_case_names(path: str, case: str) -> None:
    assert case_name(Path(path)) == case


@pytest.mark.train
def test_run_is_scored_on_its_test_cases(segment_run: TrainedRun, tmp_path: Path) -> None:
    result = evaluate(segment_run.folder)
    assert result.facts["counts"]["cases"] == 1
    assert result.facts["split"].startswith("test of: by patient")
    assert {"dice", "iou", "precision", "sensitivity"} <= set(result.facts["summary"]["WT"])
    result.save(tmp_path / "scores")
    assert (tmp_path / "scores" / "cases.csv").read_text().startswith("case,patient,group,WT.outcome,WT.dice,WT.iou,")
    assert "Not a medical device" in (tmp_path / "scores" / "report.html").read_text()


@pytest.mark.train
def test_changed_test_data_is_noticed(segment_run: TrainedRun, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(segment_run.facts["data"], data)
    unchanged = evaluate(segment_run.folder, data=data).facts
    assert "W_DATA_CHANGED" not in {w["code"] for w in unchanged["warnings"]}
    test_case = unchanged["cases"][0]["case"]
    (folder,) = (path for path in data.rglob(test_case) if path.is_dir())
    t1n, t2w = (next(folder.glob(f"*{name}.nii.gz")) for name in ("t1n", "t2w"))
    t1n.write_bytes(t2w.read_bytes())
    changed = evaluate(segment_run.folder, data=data).facts
    assert "W_DATA_CHANGED" in {w["code"] for w in changed["warnings"]}


@pytest.mark.train
def test_classifier_is_scored(classify_run: TrainedRun) -> None:
    facts = evaluate(classify_run.folder).facts
    confusion = np.array(facts["confusion"])
    assert confusion.sum() == facts["counts"]["cases"]
    assert facts["summary"]["all"]["accuracy"] == pytest.approx(np.trace(confusion) / confusion.sum())
    json.dumps(facts, allow_nan=False)


@pytest.mark.train
def test_unknown_split_lists_the_known(segment_run: TrainedRun) -> None:
    with pytest.raises(UsageError, match="unknown split"):
        evaluate(segment_run.folder, split="tset")


def test_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run folder"):
        evaluate(tmp_path)
