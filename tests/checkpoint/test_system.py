"""System folders: written whole, checked whole, members never changed unnoticed."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from gliascope.checkpoint import (
    MODEL_FILE,
    SYSTEM_FILE,
    ModelFacts,
    ModelFolder,
    load_any,
    load_model,
    load_system,
    save_model,
    save_system,
)
from gliascope.errors import ModelError, UsageError

WEIGHTS = {"weight": np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)}
CLASSES = ("glioma", "no_tumor")


def model(folder: Path, name: str, task: str = "classify") -> ModelFolder:
    answers: dict[str, object] = {"classes": CLASSES}
    if task == "segment":
        answers = {"target": {"mode": "regions", "scheme": "lgg"}}
    facts = ModelFacts.model_validate(
        {
            **{"name": name, "task": task, "dimensions": 2, "channels": ("gray",), "network": {"name": "unet"}},
            **{"plan": {"channels": ["gray"]}, **answers},
        }
    )
    return save_model(folder / name, WEIGHTS, facts, f"# {name}\n")


@pytest.fixture
def voters(tmp_path: Path) -> list[ModelFolder]:
    return [model(tmp_path, name) for name in ("one", "two", "three")]


def test_a_system_is_written_and_read_with_systems_as_members(voters: list[ModelFolder], tmp_path: Path) -> None:
    vote = save_system(tmp_path / "vote", "tiny-vote", "vote", [("voter", each) for each in voters])
    assert [member.facts.name for member in vote.members] == ["one", "two", "three"]
    assert vote.facts.task == "classify"
    segmenter = model(tmp_path, "net", "segment")
    parts = [("classifier", vote), ("segmenter", segmenter)]
    cascade = save_system(tmp_path / "cascade", "tiny-cascade", "cascade", parts, training={"split": "random"})  # type: ignore[arg-type]
    again = load_any(tmp_path / "cascade")
    assert again == cascade
    assert cascade.facts.task == "cascade"
    assert cascade.facts.training == {"split": "random"}
    assert cascade.member("classifier").fingerprint == vote.fingerprint
    assert cascade.member("segmenter").fingerprint == segmenter.fingerprint
    with pytest.raises(ModelError, match="has no voter"):
        cascade.member("voter")
    assert load_any(segmenter.path) == load_model(segmenter.path)


def test_members_take_no_room_twice(voters: list[ModelFolder], tmp_path: Path) -> None:
    vote = save_system(tmp_path / "vote", "tiny-vote", "vote", [("voter", each) for each in voters])
    for before, after in zip(voters, vote.members, strict=True):
        assert os.path.samefile(before.path / "model.safetensors", after.path / "model.safetensors")
    for each in voters:  # what is linked outlives where it came from
        for path in each.path.iterdir():
            path.unlink()
    assert load_system(vote.path).fingerprint == vote.fingerprint


def test_an_existing_system_is_replaced_only_when_asked(voters: list[ModelFolder], tmp_path: Path) -> None:
    members = [("voter", each) for each in voters]
    save_system(tmp_path / "vote", "first", "vote", members)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="exists already"):
        save_system(tmp_path / "vote", "second", "vote", members)  # type: ignore[arg-type]
    assert save_system(tmp_path / "vote", "second", "vote", members, overwrite=True).facts.name == "second"  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no earlier result"):
        save_system(voters[0].path, "second", "vote", members, overwrite=True)  # type: ignore[arg-type]


def test_what_cannot_answer_together_is_refused(voters: list[ModelFolder], tmp_path: Path) -> None:
    net = model(tmp_path, "net", "segment")
    with pytest.raises(ModelError, match="two members named 'one'"):
        save_system(tmp_path / "out", "x", "vote", [("voter", voters[0]), ("voter", voters[0])])
    with pytest.raises(ModelError, match="takes 'net' as voter of a vote, and it can segment"):
        save_system(tmp_path / "out", "x", "vote", [("voter", voters[0]), ("voter", net)])
    with pytest.raises(ModelError, match="takes 'two' as segmenter"):
        save_system(tmp_path / "out", "x", "cascade", [("classifier", voters[0]), ("segmenter", voters[1])])
    with pytest.raises(ModelError, match="one classifier and one segmenter"):
        save_system(
            tmp_path / "out", "x", "cascade", [("segmenter", net), ("segmenter", model(tmp_path, "b", "segment"))]
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda folder: (folder / "members/one" / MODEL_FILE).write_text("{}"), "E_MODEL_HASH"),
        (lambda folder: (folder / "members/one" / MODEL_FILE).unlink(), "E_MODEL_HASH"),
        (lambda folder: (folder / "members/one").rename(folder / "members/other"), "E_MODEL_FILE"),
        (lambda folder: (folder / SYSTEM_FILE).write_text("{"), "E_MODEL_JSON"),
        (lambda folder: edit(folder, format=99), "E_MODEL_FORMAT"),
        (lambda folder: edit(folder, combine="sum"), "E_MODEL_JSON"),
        (lambda folder: edit(folder, task="cascade"), "E_MODEL_JSON"),
        (lambda folder: edit(folder, 0, folder="members/../.."), "E_MODEL_JSON"),
        (lambda folder: edit(folder, 0, folder="members/two"), "E_MODEL_JSON"),
        (lambda folder: edit(folder, 0, name="another"), "E_MODEL_JSON"),
        (lambda folder: edit(folder, 0, role="segmenter"), "E_MODEL_JSON"),
    ],
)
def test_a_changed_system_is_refused(voters: list[ModelFolder], tmp_path: Path, change: object, code: str) -> None:
    vote = save_system(tmp_path / "vote", "tiny-vote", "vote", [("voter", each) for each in voters])
    for path in vote.path.rglob("*"):  # the change must not reach what the members were linked from
        if path.is_file():
            path.write_bytes(path.read_bytes())
    change(vote.path)  # type: ignore[operator]
    with pytest.raises(ModelError) as caught:
        load_system(vote.path)
    assert caught.value.code == code


def edit(system: Path, member: int | None = None, /, **changes: object) -> None:
    tree = json.loads((system / SYSTEM_FILE).read_text())
    (tree if member is None else tree["members"][member]).update(changes)
    (system / SYSTEM_FILE).write_text(json.dumps(tree))


def test_a_damaged_weight_deep_inside_is_found(voters: list[ModelFolder], tmp_path: Path) -> None:
    vote = save_system(tmp_path / "vote", "tiny-vote", "vote", [("voter", each) for each in voters])
    weights = vote.path / "members/three/model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.unlink()
    weights.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load_system(vote.path)
    assert caught.value.code == "E_MODEL_HASH"


def test_what_is_no_system_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no"):
        load_system(tmp_path)
