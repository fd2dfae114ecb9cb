"""A run scored as if its cases had only some channels: one set by hand, or every set the model can do with."""

import json
import shutil
from pathlib import Path

import pytest

from gliascope.case import Case
from gliascope.checkpoint import extend_model, load_model
from gliascope.errors import UsageError
from gliascope.workflow.evaluate import evaluate, evaluation_folder
from gliascope.workflow.run_folder import LOOKS_FILE, MODEL_FOLDER
from gliascope.workflow.subset_scores import subset_scores
from gliascope.workflow.train import TrainedRun

pytestmark = pytest.mark.train


@pytest.fixture
def run(segment_run: TrainedRun, tmp_path: Path) -> Path:
    """Return a run whose model can do without T1, T2 and FLAIR."""
    folder = tmp_path / "run"
    shutil.copytree(segment_run.folder, folder)
    (folder / LOOKS_FILE).unlink(missing_ok=True)
    model = load_model(folder / MODEL_FOLDER)
    extend_model(model, {}, {"plan": {**model.facts.plan, "optional": ["t1n", "t2w", "t2f"]}})
    return folder


def test_a_run_is_scored_on_some_channels_alone(run: Path) -> None:
    found = evaluate(run, given=("t2f", "t1c"))
    assert found.facts["given"] == ["t1c", "t2f"]
    assert found.facts["name"].endswith("test cases, given t1c, t2f alone")
    assert "<h1>demo-segment: test cases, given t1c, t2f alone</h1>" in found.page
    whole = evaluate(run)
    assert whole.facts["given"] is None
    assert whole.facts["cases"] != found.facts["cases"]
    assert evaluation_folder("test", given=("t2f", "t1c")) == "evaluation-test-t1c-t2f"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("t1c", "gray"), "--given gray: model 'demo-segment' does not read it"),
        (("t2f",), "cannot do without t1c"),
        (("t1c", "t1c"), "--given names t1c, t1c"),
    ],
)
def test_what_the_model_cannot_do_with_is_refused(run: Path, given: tuple[str, ...], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        evaluate(run, given=given)
    with pytest.raises(UsageError, match="--given does not apply to label maps"):
        evaluate(run.parent / "masks", run.parent / "masks", given=("t1c",))


def test_every_set_of_channels_is_scored_and_each_scan_read_once(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    own = Case.read_pair

    def counted(case: Case) -> object:
        read.append(case.id)
        return own(case)

    monkeypatch.setattr(Case, "read_pair", counted)
    scores = subset_scores(run, threads=1)
    cases = sorted(read)
    assert len(set(cases)) == len(cases)
    assert list(scores)[:2] == ["t1c", "t1n+t1c"]
    assert len(scores) == 8
    assert all(set(own) == {"WT", "TC", "ET"} for own in scores.values())
    assert all(sorted(by_case) == cases for own in scores.values() for by_case in own.values())
    json.dumps(scores, allow_nan=False)
    assert len((run / LOOKS_FILE).read_text().splitlines()) == 1
    monkeypatch.undo()
    rows = evaluate(run, given=("t1c", "t2f"), threads=1).facts["cases"]
    assert {row["case"]: row["TC"]["dice"] for row in rows} == scores["t1c+t2f"]["TC"]


def test_models_without_a_choice_are_refused(segment_run: TrainedRun, classify_run: TrainedRun) -> None:
    with pytest.raises(UsageError, match="needs all of its channels"):
        subset_scores(segment_run.folder)
    with pytest.raises(UsageError, match="of a single segmenter"):
        subset_scores(classify_run.folder)
