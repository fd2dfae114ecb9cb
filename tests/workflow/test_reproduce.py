"""Systems trained and scored again: figures side by side, nothing done twice, failures listed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gliascope
from gliascope.cli import main
from gliascope.errors import InputError, ModelError, UsageError
from gliascope.report.reproduce_page import reproduce_page
from gliascope.workflow.reproduce import Reproduction, reproduce
from gliascope.workflow.reproduce_variants import overrides_of
from gliascope.workflow.reproduced_figures import is_reached
from gliascope.workflow.train import TrainedRun, train

pytestmark = pytest.mark.train

CLASSIFIER = """
name = "NAME"
source = "s2"
description = "A small classifier"
task = "classify"
allow_leakage = true
differs = "Phantoms are no patients."
reported_cases = { train = 28, validation = 10, test = 10 }
dataset = { name = "phantom", kind = "pictures", patients = 16, size = 32 }
split = { by = "image", method = "random", fractions = [0.6, 0.2, 0.2] }
plan = { channels = ["gray"], steps = [{ name = "min_max" }] }
network = { name = "vit", image = 32, patch = 16, dim = 16, layers = 1, heads = 2, feedforward = 32 }
training = { epochs = 3, batch_size = 16, schedule = { name = "SCHEDULE" } }
variants = { wider = { "network.dim" = 32 } }

[[reported]]
metric = "accuracy"
value = 0.2

[[reported]]
metric = "recall"
row = "glioma"
value = 1.01
"""
SEGMENTER = """
name = "folded"
source = "s3"
description = "A small segmenter"
task = "segment"
allow_leakage = true
dataset = { name = "phantom", kind = "pictures", patients = 16, size = 32 }
split = { by = "image", method = "cross_validation", fractions = [0.6, 0.0, 0.4], folds = 2 }
plan = { channels = ["gray"], steps = [{ name = "min_max" }] }
target = { mode = "regions", scheme = "figshare" }
network = { name = "unet", width = 4, depth = 2 }
training = { epochs = 1, batch_size = 8 }
score = { with_tumor = true, spacing_mm = [1.0, 1.0] }

[[reported]]
metric = "dice"
value = 0.01
sd = 0.005

[[reported]]
metric = "hd"
value = 1.5
part = "validation"
"""
ELSEWHERE = """
name = "elsewhere"
source = "s1"
description = "Volumes that nobody has here"
task = "segment"
dataset = { name = "msd-task01" }
plan = { channels = ["t2f"] }
target = { mode = "classes", scheme = "msd" }
network = { name = "unet", width = 4, depth = 2 }
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes longest and is tested elsewhere: pages of runs and evaluations, the OpenVINO form."""

    def refuse(*_: object, **__: object) -> None:
        raise ModelError("left out", code="E_PARITY")

    monkeypatch.setattr("gliascope.workflow.ship_model.export_model", refuse)
    monkeypatch.setattr("gliascope.workflow.train.run_page", lambda facts: str(facts["name"]))
    monkeypatch.setattr("gliascope.workflow.train.run_insides", lambda *_, **__: {})
    monkeypatch.setattr("gliascope.workflow.evaluate_run.evaluation_page", lambda facts, **_: str(facts["name"]))


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note every training that begins."""
    begun: list[str] = []

    def noted(recipe: Path, data: Path, output: Path, **options: Any) -> TrainedRun:  # noqa: ANN401 - passed on
        begun.append("/".join(output.parts[output.parts.index("runs") + 1 :]))
        return train(recipe, data, output, **options)

    for module in ("runs", "systems"):
        monkeypatch.setattr(f"gliascope.workflow.reproduce_{module}.train", noted)
    return begun


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for the phantoms and what is prepared of them."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "data").mkdir()
    return folder


@pytest.fixture
def again(tmp_path: Path, shared: Path) -> Callable[..., Reproduction]:
    """Return a function that writes small recipes and reproduces some of them."""
    texts = {
        "small": CLASSIFIER.replace("NAME", "small").replace("SCHEDULE", "constant"),
        "other": CLASSIFIER.replace("NAME", "other").replace("SCHEDULE", "cosine"),
        **{"folded": SEGMENTER, "elsewhere": ELSEWHERE},
        "broken": SEGMENTER.replace("folded", "broken").replace("depth = 2", "depth = 7"),
        "vote": 'name = "vote"\nsource = "s2"\ndescription = "Both"\ncombine = "vote"\n'
        'members = ["small.toml", "other.toml"]\n',
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.toml").write_text(text)

    def run(*names: str, **options: Any) -> Reproduction:  # noqa: ANN401 - passed on
        recipes = [tmp_path / f"{name}.toml" for name in names]
        places: dict[str, Any] = {"data": shared / "data", "output": tmp_path / "out", "cache": shared / "cache"}
        return reproduce(recipes, **places, threads=1, **options)

    return run


def entry(found: Reproduction, name: str) -> dict[str, Any]:
    own: dict[str, Any] = next(own for own in found.facts["systems"] if own["name"] == name)
    return own


def test_figures_stand_side_by_side_and_nothing_is_done_twice(
    again: Callable[..., Reproduction], trained: list[str], tmp_path: Path
) -> None:
    said: list[str] = []
    found = again("vote", "small", "elsewhere", split="both", variants=True, announce=said.append)
    small = entry(found, "small")
    assert small["status"] == "done"
    assert (small["data"], small["same_data"], small["same_split"]) == (".", True, False)
    accuracy, recall = small["figures"]
    assert set(accuracy["ours"]) == set(accuracy["reached"]) == {"source", "patient"}
    assert accuracy["theirs"] == {"value": 0.2, "sd": None}
    low, high = accuracy["ours"]["source"]["ci95"]
    assert accuracy["reached"]["source"] == (high >= 0.2)
    assert low <= accuracy["ours"]["source"]["value"] <= high
    assert recall["reached"]["source"] is False, "more than all cannot be found"
    assert [run["split"].split(",")[0] for run in small["runs"]] == ["by image", "by patient"]
    assert [own["name"] for own in small["variants"]] == ["wider"]
    assert small["variants"][0]["score"]["metric"] == "accuracy"
    vote = entry(found, "vote")
    assert vote["parameters"] == 2 * small["parameters"] < 2 * small["variants"][0]["parameters"]
    assert vote["figures"][0]["theirs"] is None
    assert {(run["epochs"], run["epochs_asked"], run["cut"]) for run in vote["runs"]} == {(3, 3, False)}
    assert (vote["same_data"], vote["same_split"]) == (True, False), "its members agree in that"
    assert entry(found, "elsewhere")["status"] == "no_data"
    places = ["small/source", "small/patient", "small/variants/wider/source"]
    places += ["other/source", "vote/source", "other/patient", "vote/patient"]
    assert trained == places
    assert any(line.startswith("elsewhere: no data at hand") for line in said)
    assert json.loads((tmp_path / "out" / "reproduce.json").read_text()) == found.facts
    table, page = ((tmp_path / "out" / name).read_text() for name in ("table.md", "report.html"))
    assert "| `small` | Accuracy | 0.200 |" in table
    assert "`elsewhere`: no data at hand" in table
    assert str(tmp_path.parent) not in table + (tmp_path / "out" / "reproduce.json").read_text()
    assert 'href="./runs/small/source/report.html"' in page
    assert "Score against parameters" in page

    described = (Path(__file__).parents[2] / "docs" / "reference" / "json.md").read_text().split("## reproduce\n")[1]
    keys = {*found.facts, *(f"systems[].{key}" for own in found.facts["systems"] for key in own)}
    keys |= {f"systems[].{name}[].{key}" for name in ("runs", "figures") for key in small[name][0]}
    assert [key for key in sorted(keys) if f"| `{key}` |" not in described.split("\n## ")[0]] == []

    trained.clear()
    more = again("folded", folds=[1])
    assert trained == ["folded/source/fold-1"]
    assert {own["name"] for own in more.facts["systems"]} == {"small", "vote", "elsewhere", "folded"}
    assert entry(more, "small")["figures"] == small["figures"], "what was asked before is still told"


def test_figures_of_a_removed_run_stay_beside_those_of_another_split(
    again: Callable[..., Reproduction], trained: list[str], tmp_path: Path
) -> None:
    before = entry(again("small"), "small")
    shutil.rmtree(tmp_path / "out" / "runs" / "small")
    after = entry(again("small", split="patient"), "small")
    assert trained == ["small/source", "small/patient"]
    for old, new in zip(before["figures"], after["figures"], strict=True):
        assert (new["ours"]["source"], new["reached"]["source"]) == (old["ours"]["source"], old["reached"]["source"])
        assert new["ours"]["patient"] is not None
    source, patient = after["runs"]
    assert source == {**before["runs"][0], "folder": None}, "there is nothing to open any more"
    assert patient["folder"] == "runs/small/patient"
    assert (after["same_data"], after["score"]) == (before["same_data"], before["score"])
    assert 'href="./runs/small/source' not in (tmp_path / "out" / "report.html").read_text()

    shutil.rmtree(tmp_path / "out" / "runs" / "small")
    other_way = entry(again("small"), "small")
    assert trained[2:] == ["small/source"]
    assert [run["folder"] for run in other_way["runs"]] == ["runs/small/source", None]
    assert other_way["figures"][0]["ours"]["patient"] == after["figures"][0]["ours"]["patient"]


def test_a_failure_does_not_take_the_figures_of_a_removed_run(
    again: Callable[..., Reproduction], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = entry(again("small"), "small")
    shutil.rmtree(tmp_path / "out" / "runs" / "small")

    def refuse(*_: object, **__: object) -> None:
        raise InputError("is damaged", file="one.png")

    monkeypatch.setattr("gliascope.workflow.reproduce_runs.train", refuse)
    with pytest.raises(InputError, match="is damaged"):
        again("small", split="patient")
    (after,) = json.loads((tmp_path / "out" / "reproduce.json").read_text())["systems"]
    assert (after["status"], after["error"]["cause"]) == ("failed", "is damaged")
    assert after["figures"] == before["figures"]


def test_folds_are_compared_by_their_spread(again: Callable[..., Reproduction], trained: list[str]) -> None:
    found = entry(again("folded"), "folded")
    assert trained == ["folded/source/fold-1", "folded/source/fold-2"]
    dice, everyone, distance, _ = found["figures"]
    assert [own["scored"] for own in found["figures"]] == ["with_tumor", "all_too"] * 2
    assert (dice["ours"]["source"]["folds"], dice["ours"]["source"]["ci95"]) == (2, None)
    assert everyone["reached"]["source"] is None, "its source scores cases with tumor alone"
    ours = distance["ours"]["source"]
    assert distance["reached"]["source"] == (ours is not None and ours["value"] - ours["sd"] <= 1.5)


def test_a_budget_cuts_epochs_and_more_time_goes_on(again: Callable[..., Reproduction], trained: list[str]) -> None:
    runs = {name: entry(again(name, budget_min=1e-4), name)["runs"][0] for name in ("small", "other")}
    assert [(run["epochs"], run["epochs_asked"], run["cut"]) for run in runs.values()] == [(1, 3, True)] * 2
    assert trained == ["small/source", "other/source"]
    again("small", budget_min=1e-4)
    assert len(trained) == 2, "no more fits"
    whole = entry(again("small", budget_min=100), "small")["runs"][0]
    assert (whole["epochs"], whole["cut"]) == (3, False)
    rest = entry(again("other"), "other")["runs"][0]
    assert (rest["epochs"], rest["cut"]) == (3, False), "a schedule of fixed length begins again"


def test_an_interruption_leaves_what_is_done(
    again: Callable[..., Reproduction], trained: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("gliascope.workflow.run_steps.evaluate", stop)
        with pytest.raises(KeyboardInterrupt):
            again("small")
    assert (tmp_path / "out" / "runs" / "small" / "source" / "run.json").is_file()
    assert entry(again("small"), "small")["status"] == "done"
    assert trained == ["small/source"]


def test_failures_are_listed_and_the_rest_is_done(
    again: Callable[..., Reproduction], shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again("small")
    recipes = [str(tmp_path / f"{name}.toml") for name in ("broken", "small")]
    places = ["--data", str(shared / "data"), "-o", str(tmp_path / "out"), "--cache", str(shared / "cache")]
    with pytest.raises(SystemExit) as leave:
        main(["reproduce", *recipes, *places, "--threads", "1", "--json", "-"])
    assert leave.value.code == 6
    said = capsys.readouterr()
    facts = json.loads(said.out)
    assert [(own["name"], own["status"]) for own in facts["systems"]] == [("small", "done"), ("broken", "failed")]
    assert facts["systems"][1]["error"]["cause"] in said.err
    assert "broken: failed" in said.err
    with pytest.raises(InputError, match="none of these systems"):
        again("elsewhere")


def test_finished_runs_from_elsewhere_are_taken(
    again: Callable[..., Reproduction], trained: list[str], shared: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine" / "deep" / "run"
    gliascope.train(tmp_path / "small.toml", shared / "data", mine, cache=shared / "cache", threads=1)
    found = entry(again("small", runs=tmp_path / "mine"), "small")
    assert trained == []
    assert found["runs"][0]["folder"] is None
    assert found["figures"][0]["ours"]["source"] is not None
    assert (mine / "evaluation-test" / "evaluation.json").is_file()


def test_a_foreign_folder_is_left_alone(again: Callable[..., Reproduction], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.docx").write_text("years of work")
    with pytest.raises(UsageError, match="no reproduction"):
        again("small")


def test_reached_means_inside_the_interval_or_better() -> None:
    one = {"value": 10.0, "sd": None, "ci95": [8.0, 12.0], "folds": None}
    assert [is_reached(theirs, one, "down") for theirs in (7.9, 8.0, 20.0)] == [False, True, True]
    folds = {"value": 0.8, "sd": 0.02, "ci95": None, "folds": 5}
    assert [is_reached(theirs, folds, "up") for theirs in (0.5, 0.82, 0.83)] == [True, True, False]
    assert is_reached(1.0, folds, None) is None


def test_variants_become_overrides() -> None:
    assert overrides_of({"a.b": {"name": "x", "sizes": [1, 2.5], "on": True}}) == (
        'a.b={"name"="x", "sizes"=[1, 2.5], "on"=true}',
    )


def test_an_empty_page_holds() -> None:
    counts = dict.fromkeys(("done", "failed", "no_data", "compared", "reached"), 0)
    facts = {"systems": [], "counts": counts, "budget_min": 5.0, "created": "", "gliascope_version": "", "machine": ""}
    assert "5 min of training" in reproduce_page(facts)
