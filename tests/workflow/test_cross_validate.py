"""Every fold trained and scored, and the figures over folds."""

import json
from pathlib import Path
from statistics import fmean, stdev

import pytest

import gliascope
from gliascope.checkpoint import load_model
from gliascope.cli import main
from gliascope.errors import ConfigError, ModelError, UsageError
from gliascope.workflow.cross_validate import CrossValidation

pytestmark = pytest.mark.train

SMALL = (
    *("dataset.kind='pictures'", "dataset.patients=18", "dataset.size=32", "training.epochs=1", "network.width=4"),
    *("network.dimensions=2", "network.depth=2", "training.batch_size=8", "split.by='patient'", "split.folds=2"),
    *("split.method='cross_validation'", "split.fractions=[0.6, 0.0, 0.4]", "target.scheme='figshare'"),
    *("target.regions=['tumor']", "plan.channels=['gray']", "plan.steps=[{name='min_max'}]"),
    *("score.with_tumor=true", "score.spacing_mm=[1.0, 1.0]", "training.patch_size=[32, 32]"),
)


def without_pages(patch: pytest.MonkeyPatch) -> None:
    """Leave out what takes longest and is tested elsewhere: charts of runs and evaluations, the OpenVINO form."""

    def refuse(*_: object, **__: object) -> None:
        raise ModelError("left out", code="E_PARITY")

    patch.setattr("gliascope.workflow.ship_model.export_model", refuse)
    patch.setattr("gliascope.workflow.train.run_page", lambda facts: str(facts["name"]))
    patch.setattr("gliascope.workflow.evaluate_run.evaluation_page", lambda facts, **_: str(facts["name"]))


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CrossValidation]:
    root = tmp_path_factory.mktemp("folds")
    with pytest.MonkeyPatch.context() as patch:
        without_pages(patch)
        made = gliascope.cross_validate(
            "demo-segment", root / "data", root / "out", overrides=SMALL, cache=root / "cache", threads=1
        )
    return root, made


def test_figures_are_means_over_folds(folds: tuple[Path, CrossValidation]) -> None:
    _, found = folds
    facts = json.loads((found.folder / "folds.json").read_text())
    assert facts == found.facts
    assert list(facts["parts"]) == ["validation", "validation-with-tumor", "test", "test-with-tumor"]
    each = [
        json.loads((found.folder / f"fold-{k}" / "evaluation-test-with-tumor" / "evaluation.json").read_text())
        for k in (1, 2)
    ]
    values = [evaluation["summary"]["tumor"]["dice"]["mean"] for evaluation in each]
    own = facts["parts"]["test-with-tumor"]["all"]["dice"]
    assert (own["mean"], own["sd"], own["values"]) == (fmean(values), stdev(values), values)
    assert facts["parts"]["test"]["all"]["pooled_dice"]["values"]
    assert [run["cases"]["test"] for run in facts["runs"]] == [21, 21], "one test set beside the folds"
    page = (found.folder / "report.html").read_text()
    assert 'href="./fold-2/report.html"' in page


def test_folds_are_kept_when_asked_to_go_on(folds: tuple[Path, CrossValidation]) -> None:
    root, found = folds
    before = {path: path.stat().st_mtime_ns for path in found.folder.glob("fold-*/run.json")}
    (found.folder / "folds.json").unlink()
    options = {"overrides": SMALL, "cache": root / "cache"}
    with pytest.raises(UsageError, match="holds folds"):
        gliascope.cross_validate("demo-segment", root / "data", found.folder, **options)
    again = gliascope.cross_validate("demo-segment", root / "data", found.folder, resume=True, **options)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert again.facts["parts"] == found.facts["parts"]
    assert {run["fold"] for run in again.facts["runs"]} == {1, 2}


def test_a_split_without_folds_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="has no folds to go through"):
        gliascope.cross_validate("demo-segment", tmp_path / "data", tmp_path / "out")
    for fold, code in (("all", 4), ("none", 2), ("0", 2)):
        with pytest.raises(SystemExit) as leave:
            main(["train", "demo-segment", "--data", str(tmp_path), "-o", str(tmp_path / "out"), "--fold", fold])
        assert leave.value.code == code
    assert "--fold takes numbers" in capsys.readouterr().err


FINAL = (
    *(setting for setting in SMALL if not setting.startswith(("split.", "score."))),
    *("split.by='patient'", "split.method='kfold'", "split.folds=2", "split.validation=0.0", "training.keep='last'"),
)


def test_the_final_model_learns_from_all_cases_and_tells_the_folds_figures(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gliascope.workflow.train.run_page", lambda facts: str(facts["name"]))
        patch.setattr("gliascope.workflow.evaluate_run.evaluation_page", lambda facts, **_: str(facts["name"]))
        options = {"overrides": (*FINAL, "plan.optional=['gray']"), "cache": tmp_path / "cache", "threads": 1}
        out = tmp_path / "out"
        made = gliascope.cross_validate("demo-segment", tmp_path / "data", out, final="all", **options)
    folds = made.facts["pooled"]
    tested = [run["cases"]["test"] for run in made.facts["runs"]]
    assert folds["cases"] == sum(tested)
    every = folds["subsets"]["gray"]["tumor"]
    assert every["value"] == pytest.approx(folds["rows"]["tumor"]["dice"]["value"]), "the only set has all channels"
    final = json.loads((out / "final" / "run.json").read_text())
    assert final["cases"] == {"train": sum(tested), "validation": 0, "test": 0}
    model = load_model(out / "model")
    assert model.facts.metrics == {"cross_validation": {**folds, "trained_on": "all cases"}}
    assert model.facts.training["split"] == "all cases; figures by 2 of 2 folds (by patient, 2 folds)"
    assert folds["rows"]["tumor"]["dice"]["ci95"] is not None
    assert (
        f"| tumor | dice | {folds['rows']['tumor']['dice']['value']:.3f} |" in (out / "model" / "README.md").read_text()
    )
    assert (
        model.weights()["head.weight"].astype("float16").astype("float32").tolist()
        == model.weights()["head.weight"].tolist()
    )
    assert (out / "model" / "openvino" / "model.bin").is_file()
    assert model.facts.calibration is not None
    assert model.facts.calibration["part"] == "test cases of the folds"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gliascope.workflow.final_model.export_or_say", lambda *_: ())
        patch.setattr("gliascope.workflow.cross_validate.MOST_SUBSET_ANSWERS", sum(tested) - 1)
        gliascope.cross_validate("demo-segment", tmp_path / "data", out, final=2, resume=True, **options)
    taken = load_model(out / "model").facts
    assert "subsets" not in taken.metrics["cross_validation"]
    assert taken.training["split"].startswith("all but the test cases of fold 2; figures by 2 of 2 folds")
    assert "learned from all but the test cases of fold 2." in (out / "model" / "README.md").read_text()
    with pytest.raises(ConfigError, match="none of the folds that are trained: 1"):
        gliascope.cross_validate("demo-segment", tmp_path / "data", out, (1,), final=2, resume=True, **options)


def test_a_final_model_needs_a_recipe_that_keeps_the_last_epoch(tmp_path: Path) -> None:
    wanting = (*FINAL[:-1], "training.keep='best'", "split.validation=0.3")
    with pytest.raises(ConfigError, match="needs some to validate"):
        gliascope.cross_validate("demo-segment", tmp_path / "data", tmp_path / "out", final="all", overrides=wanting)
    with pytest.raises(SystemExit, match="2"):
        main(["train", "demo-segment", "--data", str(tmp_path), "-o", str(tmp_path / "run"), "--final", "all"])


def test_a_final_model_needs_figures_over_all_folds(folds: tuple[Path, CrossValidation]) -> None:
    root, found = folds
    options = {"overrides": SMALL, "cache": root / "cache", "resume": True}
    with pytest.raises(ConfigError, match="some more than once"):
        gliascope.cross_validate("demo-segment", root / "data", found.folder, final=1, **options)
