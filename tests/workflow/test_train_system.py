"""Systems from recipe to scores: members trained on one split, combined, scored on what none of them learned from."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import gliascope
from gliascope.checkpoint import SystemFolder, load_any
from gliascope.cli.score_lines import score_lines
from gliascope.errors import ConfigError, ModelError, UsageError
from gliascope.workflow.train import TrainedRun, train

pytestmark = pytest.mark.train

MEMBER = """
name = "{name}"
source = "gliascope"
description = "a tiny member"
task = "{task}"
seed = {seed}

[dataset]
name = "phantom"
kind = "pictures"
patients = 16
size = 32

[split]
method = "{method}"
fractions = [0.5, 0.25, 0.25]
folds = 2
seed = {split}

[plan]
channels = ["gray"]
steps = [{{ name = "resize", size = [{size}, {size}] }}, {{ name = "min_max" }}{more}]

{rest}

[training]
epochs = 1
batch_size = 16
loss = {{ {loss} = 1.0 }}
"""

SEGMENT = (
    '[target]\nmode = "regions"\nscheme = "figshare"\n\n[network]\nname = "unet"\ndimensions = 2\nwidth = 2\ndepth = 1'
)
CLASSIFY = '[network]\nname = "vit"\nimage = 32\npatch = 16\ndim = 8\nlayers = 1\nheads = 2\nfeedforward = 8'
SYSTEM = (
    'name = "{name}"\nsource = "gliascope"\ndescription = "a tiny system"\ncombine = "{combine}"\nmembers = {members}\n'
)


def classifier(folder: Path, name: str, seed: int, *, split: int = 3, method: str = "random") -> Path:
    text = MEMBER.format(
        **{"name": name, "task": "classify", "seed": seed, "split": split, "size": 32, "loss": "cross_entropy"},
        **{"more": "", "rest": CLASSIFY, "method": method},
    )
    (folder / f"{name}.toml").write_text(text)
    return folder / f"{name}.toml"


def segmenter(folder: Path, name: str, *, split: int = 3, method: str = "cross_validation") -> Path:
    text = MEMBER.format(
        **{"name": name, "task": "segment", "seed": 1, "split": split, "size": 32, "loss": "soft_dice"},
        **{"more": "", "rest": SEGMENT, "method": method},
    )
    (folder / f"{name}.toml").write_text(text)
    return folder / f"{name}.toml"


def system(folder: Path, name: str, combine: str, *members: str) -> Path:
    listed = json.dumps([f"{member}.toml" for member in members])
    (folder / f"{name}.toml").write_text(SYSTEM.format(name=name, combine=combine, members=listed))
    return folder / f"{name}.toml"


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipes")
    for seed, name in enumerate(("one", "two")):
        classifier(folder, name, seed)
    segmenter(folder, "net")
    system(folder, "vote", "vote", "one", "two")
    system(folder, "cascade", "cascade", "vote", "net")
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the runs of this module and their data lie."""
    return tmp_path_factory.mktemp("systems")


def refuse_export(*_: object, **__: object) -> None:
    raise ModelError("is not exported here")


@pytest.fixture(scope="module")
def cascade_run(recipes: Path, place: Path) -> TrainedRun:
    said: list[str] = []
    options: dict[str, Any] = {"cache": place / "cache", "announce": said.append, "device": "cpu", "threads": 1}
    with pytest.MonkeyPatch.context() as patch:  # one test exports all members; once is enough
        patch.setattr("gliascope.workflow.ship_model.export_model", refuse_export)
        run = train(recipes / "cascade.toml", place / "data", place / "run", **options)
    assert [line for line in said if line.endswith(":")] == ["vote:", "one:", "two:", "net:"]
    return run


def test_members_are_trained_and_combined(cascade_run: TrainedRun) -> None:
    run, facts = cascade_run.folder, cascade_run.facts
    model = load_any(cascade_run.model)
    assert isinstance(model, SystemFolder)
    assert [(m.role, m.name) for m in model.facts.members] == [("classifier", "vote"), ("segmenter", "net")]
    assert (facts["task"], facts["combine"]) == ("cascade", "cascade")
    assert [(own["name"], own["run"]) for own in facts["members"]] == [("vote", "members/vote"), ("net", "members/net")]
    assert facts["network"]["parameters"] == sum(own["parameters"] for own in facts["members"])
    assert facts["cases"] == {"train": 30, "validation": 6, "test": 12}, (
        "one member trained on what another validated on"
    )
    assert (run / "members" / "vote" / "members" / "one" / "metrics.csv").is_file()
    assert model.facts.training["recipe"] == "cascade"
    page = (run / "report.html").read_text()
    assert "members/net/report.html" in page
    assert facts["warnings"] == json.loads((run / "run.json").read_text())["warnings"]


def described(title: str) -> set[str]:
    """Return the keys that one section of the page of JSON keys describes."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "json.md").read_text()
    return set(
        re.findall(r"^\| `([^`]+)` \|", text.partition(f"\n## {title}\n")[2].partition("\n## ")[0], re.MULTILINE)
    )


def test_what_is_written_is_described(cascade_run: TrainedRun) -> None:
    own = described("run.json of a system")
    assert set(cascade_run.facts) <= own | described("run.json")
    assert {f"members[].{key}" for key in cascade_run.facts["members"][0]} <= own
    system = json.loads((cascade_run.model / "system.json").read_text())
    names = {*system, *(f"members[].{key}" for key in system["members"][0])}
    assert names == described("system.json")


def test_every_fold_of_one_split_has_one_test(cascade_run: TrainedRun) -> None:
    tables = [path.read_text() for path in sorted(cascade_run.folder.rglob("split.csv"))]
    tests = [{line for line in table.splitlines() if line.endswith(",test")} for table in tables]
    assert len(tests) == 5
    assert all(own == tests[0] for own in tests), "the draws of random and cross_validation agree"


def test_a_cascade_is_scored_by_class_and_mask(cascade_run: TrainedRun) -> None:
    evaluation = gliascope.evaluate(cascade_run.folder)
    facts = evaluation.facts
    json.dumps(facts, allow_nan=False)
    assert facts["task"] == "segment"
    assert facts["counts"]["cases"] == facts["classification"]["counts"]["cases"] == 12
    gate = {row["case"]: row for row in facts["classification"]["cases"]}
    skipped = [case for case, row in gate.items() if row["prediction"] == "no_tumor"]
    assert facts["counts"]["not_segmented"] == len(skipped)
    for row in facts["cases"]:
        if row["case"] in skipped:
            assert row["tumor"]["prediction_voxels"] == 0
            assert row["tumor"]["outcome"] in ("missed", "both_empty")
    assert facts["classification"]["classes"] == ["glioma", "meningioma", "pituitary", "no_tumor"]
    assert facts["calibration"] is None
    assert "Classification in figures" in evaluation.page
    assert any("decides what is segmented" in line for line in score_lines(facts, None))
    assert facts["model_sha256"] == load_any(cascade_run.model).fingerprint


def test_a_vote_is_scored_by_its_answers(cascade_run: TrainedRun) -> None:
    facts = gliascope.evaluate(cascade_run.folder / "members" / "vote").facts
    assert facts["task"] == "classify"
    assert sum(row["correct"] for row in facts["cases"]) == sum(facts["confusion"][k][k] for k in range(4))
    assert facts["calibration"]["temperature"] is None


def test_going_on_trains_nothing_again(cascade_run: TrainedRun, recipes: Path, place: Path) -> None:
    weights = {path: path.stat().st_mtime_ns for path in cascade_run.folder.glob("members/**/checkpoints/*")}
    assert weights
    (cascade_run.folder / "run.json").unlink()
    said: list[str] = []
    options: dict[str, Any] = {"resume": True, "cache": place / "cache", "announce": said.append}
    again = train(recipes / "cascade.toml", place / "data", cascade_run.folder, **options)
    assert sum("trained already" in line for line in said) == 2
    assert {path: path.stat().st_mtime_ns for path in weights} == weights
    assert again.facts["members"] == cascade_run.facts["members"]
    with pytest.raises(ConfigError, match="other settings: overrides"):
        train(recipes / "cascade.toml", place / "data", cascade_run.folder, overrides=["seed=2"], **options)
    with pytest.raises(UsageError, match="holds a run"):
        train(recipes / "cascade.toml", place / "data", cascade_run.folder)


def test_trained_members_are_used_as_they_are(cascade_run: TrainedRun, recipes: Path, place: Path) -> None:
    members = [cascade_run.folder / "members" / name for name in ("vote", "net")]
    run = train(recipes / "cascade.toml", place / "data", place / "other", trained=members)
    assert [own["run"] for own in run.facts["members"]] == [str(member.resolve()) for member in members]
    assert not (run.folder / "members").exists()
    assert run.facts["cases"] == cascade_run.facts["cases"]
    inner = members[0] / "members" / "one"
    with pytest.raises(UsageError, match="second run of member 'one'"):
        train(recipes / "vote.toml", place / "data", place / "x", trained=[inner, inner])
    with pytest.raises(UsageError, match="no member of vote"):
        train(recipes / "vote.toml", place / "data", place / "x", trained=[members[1]])
    with pytest.raises(UsageError, match="lies in the run folder"):
        train(recipes / "cascade.toml", place / "data", cascade_run.folder, trained=members, overwrite=True)
    with pytest.raises(UsageError, match="belongs to a recipe that combines"):
        train(recipes / "net.toml", place / "data", place / "x", trained=members)
    assert not (place / "x").exists()


def test_every_member_is_exported(cascade_run: TrainedRun, place: Path) -> None:
    before = load_any(cascade_run.model)
    found = gliascope.export(cascade_run.model, output=place / "exported")
    after = load_any(place / "exported")
    assert set(found["parity"]) == {"vote", "net"}
    assert set(found["parity"]["vote"]) == {"one", "two"}
    assert "members/vote/members/one/openvino/model.xml" in found["files"]
    assert isinstance(after, SystemFolder)
    assert after.facts.members[0].name == "vote"
    assert load_any(cascade_run.model) == before
    with pytest.raises(UsageError, match="inputs belong to a single model"):
        gliascope.export(cascade_run.model, inputs=[0])


def test_settings_go_to_every_member_or_to_one(recipes: Path, tmp_path: Path) -> None:
    from gliascope.config import SystemConfig, read_experiment
    from gliascope.workflow.system_plan import plan_members

    config = read_experiment(recipes / "cascade.toml")
    assert isinstance(config, SystemConfig)
    overrides = ["training.epochs=3", "two.seed=9", "net.training.epochs=5", "vote.one.training.batch_size=2"]
    vote, net = plan_members(recipes / "cascade.toml", config, tmp_path, tmp_path / "run", overrides=overrides)
    one, two = (member.config for member in vote.members)
    assert (one.training.epochs, two.training.epochs, net.config.training.epochs) == (3, 3, 5)  # type: ignore[union-attr]
    assert (one.seed, two.seed) == (0, 9)  # type: ignore[union-attr]
    assert (one.training.batch_size, two.training.batch_size) == (2, 16)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("combine", "members", "match"),
    [
        ("vote", ("one", "one"), "names a member twice"),
        ("vote", ("one", "net"), "is a vote of members that can classify, segment"),
        ("cascade", ("net", "one"), "one classifier, then one segmenter"),
        ("cascade", ("one", "vote"), "one classifier, then one segmenter"),
    ],
)
def test_what_cannot_answer_together_is_not_trained(
    recipes: Path, tmp_path: Path, combine: str, members: tuple[str, ...], match: str
) -> None:
    recipe = system(recipes, f"wrong-{combine}", combine, *members)
    with pytest.raises(ConfigError, match=match):
        train(recipe, tmp_path / "data", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_fold_needs_a_member_with_folds(recipes: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no member's split has folds"):
        train(recipes / "vote.toml", tmp_path / "data", tmp_path / "run", fold=2)


def test_the_folder_of_a_run_can_be_moved(cascade_run: TrainedRun, place: Path) -> None:
    moved = place / "moved"
    shutil.copytree(cascade_run.folder, moved)
    prediction = gliascope.predict(next((place / "data").rglob("images/*.png")), model=moved)
    assert prediction.task == "cascade"
