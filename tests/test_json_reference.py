"""The page of JSON keys holds every key of real results, and the page of Python names every public name."""

import re
from pathlib import Path
from typing import Any

import pytest

import gliascope
from gliascope.errors import InputError
from gliascope.workflow.predict import PredictOptions
from gliascope.workflow.train import TrainedRun

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"

OPEN: dict[str, set[str]] = {
    "evaluate of a segmenter": {"summary"},
    "evaluate of a classifier": {"summary", "ci95"},
    "run.json": {"metrics"},
    "folds.json": {"parts"},
    "model.json": {"network", "metrics", "files", "parity"},
    "audit": {"groups"},
    "explore": {
        *("classes", "classes_by_split", "patients_by_class", "cases_per_patient"),
        *("tissues", "tissue_cases", "tissue_shares", "volumes_ml", "region_voxels", "region_voxels_by_class"),
        *("slice_profile", "shapes", "spacings", "channels", "blank_channels", "repeated_channels"),
        *("histograms", "histograms_by"),
    },
}
"""Objects whose names the data chooses: the page names them ``key.<…>`` once."""


def section(title: str) -> set[str]:
    """Return the keys that one section of the page describes."""
    text = (REFERENCE / "json.md").read_text()
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"json.md has no section '{title}'"
    return set(re.findall(r"^\| `([^`]+)` \|", found[1], re.MULTILINE))


def undescribed(title: str, result: dict[str, Any], *others: str) -> list[str]:
    """Return the top-level and second-level keys of a result that the section (or the others it names) lacks."""
    known = section(title).union(*(section(other) for other in others))
    return sorted(key for key in keys(result, OPEN.get(title, set())) if not described(key, known))


def keys(result: dict[str, Any], free: set[str]) -> set[str]:
    """Return ``a``, ``a.b`` and ``a[].b``; below a free object ``a.<>``."""
    found = set(result)
    for name, value in result.items():
        if isinstance(value, dict):
            found |= {f"{name}.<>"} if name in free else {f"{name}.{inner}" for inner in value}
        if isinstance(value, list):
            found |= {f"{name}[].{inner}" for item in value if isinstance(item, dict) for inner in item}
    return found


def described(key: str, known: set[str]) -> bool:
    if key.endswith(".<>"):
        return any(name.startswith(key[:-1]) for name in known)
    warning = re.fullmatch(r"warnings\[\]\.(code|file|text)", key)
    region = re.fullmatch(r"cases\[\]\.(WT|TC|ET|RC|tumor)", key)
    return key in known or warning is not None or (region is not None and "cases[].<region>" in known)


def test_an_undescribed_key_is_found() -> None:
    error = InputError("is empty", file="a.nii", hint="Copy it again.").as_json()
    assert undescribed("Error object", error) == []
    assert undescribed("Error object", {**error, "colour": 1}) == ["colour"]
    assert undescribed("Error object", {"error": {**error["error"], "line": 1}}) == ["error.line"]


@pytest.mark.train
def test_prediction_keys(segment_run: TrainedRun, classify_run: TrainedRun, study: Path, tmp_path: Path) -> None:
    from gliascope.datasets.phantom_layouts import write_layout

    write_layout("kaggle-4class", tmp_path / "pictures", patients=1, size=64)
    (tmp_path / "pictures" / "broken.png").write_bytes(b"no picture")
    for run, where in ((segment_run, study), (classify_run, tmp_path / "pictures")):
        options = PredictOptions(model=run.model, stack=False)
        result = gliascope.predict_batch([where], tmp_path / run.facts["task"], options=options).as_json()
        for facts in result["cases"]:
            assert undescribed("prediction.json", facts) == []
        described_there = {f"cases[].{key}" for key in section("prediction.json")}
        missing = set(undescribed("predict", result)) - described_there
        assert not missing
    assert result["failed"]


@pytest.mark.train
def test_explanation_keys(segment_run: TrainedRun, study: Path, tmp_path: Path) -> None:
    mask = next(study.glob("*seg*"))
    found = gliascope.explain(segment_run.folder, study, tmp_path / "out", reference=mask, scheme="brats2023")
    assert undescribed("explain", found.facts) == []


@pytest.mark.train
def test_run_and_model_keys(segment_run: TrainedRun, classify_run: TrainedRun) -> None:
    from gliascope.checkpoint import load_model

    for run in (segment_run, classify_run):
        assert undescribed("run.json", run.facts) == []
        assert undescribed("model.json", load_model(run.model).facts.model_dump(mode="json")) == []


@pytest.mark.train
def test_evaluation_keys(segment_run: TrainedRun, classify_run: TrainedRun) -> None:
    for run, title in ((segment_run, "evaluate of a segmenter"), (classify_run, "evaluate of a classifier")):
        facts = gliascope.evaluate(run.folder, split="validation").facts
        assert undescribed(title, facts) == []
        metrics = {metric for row in facts["summary"].values() for metric in row}
        page = (REFERENCE / "json.md").read_text() + (REFERENCE / "metrics.md").read_text()
        assert [metric for metric in metrics if f"`{metric}`" not in page] == []


def test_audit_keys(tmp_path: Path) -> None:
    from gliascope.datasets.phantom_layouts import write_layout

    write_layout("kaggle-4class", tmp_path / "in", patients=4, size=64)
    picture = next((tmp_path / "in" / "Training" / "glioma").iterdir())
    for name in ("Testing/glioma/copy.jpg", "Training/pituitary/copy.jpg"):
        (tmp_path / "in" / name).write_bytes(picture.read_bytes())
    (tmp_path / "in" / "Testing" / "glioma" / "bad.jpg").write_bytes(b"")
    result = gliascope.audit("kaggle-4class", tmp_path / "in", folds=2, against=("kaggle-4class", tmp_path / "in"))
    assert all(result[key] for key in ("leaks", "label_conflicts", "faults", "against", "proposal", "warnings"))
    assert undescribed("audit", result) == []


@pytest.mark.train
def test_comparison_keys(segment_run: TrainedRun, tmp_path: Path) -> None:
    scored = gliascope.evaluate(segment_run.folder, split="validation")
    for name in ("a", "b"):
        scored.save(tmp_path / name)
    facts = gliascope.compare(tmp_path / "a", tmp_path / "b").facts
    assert undescribed("compare", facts, "evaluate of a segmenter") == []
    assert facts["checklist"]
    assert {row["p_permutation"] for row in facts["differences"]} <= {1.0, None}
    for row in facts["figures"]:
        assert row["ci95"] == scored.facts["summary"][row["row"]][row["metric"]]["ci95"]
        assert row["mean"] == pytest.approx(scored.facts["summary"][row["row"]][row["metric"]]["mean"])


def test_check_and_explore_keys(study: Path, tmp_path: Path) -> None:
    result = gliascope.check([study, tmp_path / "absent.png"]).as_json()
    assert [entry["ok"] for entry in result["checked"]] == [True, False]
    assert undescribed("check", result) == []
    assert undescribed("explore", gliascope.explore("brats2023", study.parent)) == []


@pytest.mark.train
def test_train_json_keys(segment_run: TrainedRun) -> None:
    facts = {"run": "", "model": "", **segment_run.facts}
    free = {key: value for key, value in facts.items() if key != "metrics"}
    assert undescribed("train", free, "run.json") == []


def test_every_public_name_has_a_heading_and_an_example() -> None:
    text = (REFERENCE / "python.md").read_text()
    parts = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert sorted(parts) == sorted(gliascope.__all__)
    for name, part in parts.items():
        code = "\n".join(line[4:] for line in part.splitlines() if line.startswith("    ") or not line.strip())
        signature, _, example = code.partition("import gliascope")
        assert name in signature
        assert f"gliascope.{name}" in example or name in ("Prediction",), f"{name} has no example"
        compile("import gliascope" + example, name, "exec")
