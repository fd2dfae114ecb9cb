"""A checkpoint comes back as it was, or not at all."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gliascope.errors import GliascopeError, ModelError
from gliascope.training import checkpoint_io
from gliascope.training.checkpoint_io import best_weights, newest_good, read_pair, stem_of, write_pair

pytestmark = pytest.mark.train

TREE: dict[str, Any] = {
    "epoch": 3,
    "flag": True,
    "nothing": None,
    "rate": 0.1 + 0.2,
    "worst": -math.inf,
    "betas": (0.9, (1, "x")),
    "state": {0: {"step": torch.tensor(7.0)}, 1: {"average": torch.arange(6.0).view(2, 3).T}},
    "list": [1, [2.5, {"$": "a key of ours", "deep": torch.zeros(0, dtype=torch.uint8)}]],
}


def test_a_tree_comes_back_equal(tmp_path: Path) -> None:
    shared = torch.ones(4)
    write_pair(tmp_path / "a", {**TREE, "shared": [shared, shared[:2]]})
    tree = read_pair(tmp_path / "a")
    assert {k: tree[k] for k in ("epoch", "flag", "nothing", "rate", "worst", "betas")} == {
        k: TREE[k] for k in ("epoch", "flag", "nothing", "rate", "worst", "betas")
    }
    assert list(tree["state"]) == [0, 1]
    assert torch.equal(tree["state"][1]["average"], TREE["state"][1]["average"])
    assert tree["state"][0]["step"].shape == ()
    assert tree["list"][1][1]["$"] == "a key of ours"
    assert tree["list"][1][1]["deep"].dtype == torch.uint8
    assert tree["shared"][1].tolist() == [1.0, 1.0]


def test_only_plain_data_is_written(tmp_path: Path) -> None:
    with pytest.raises(GliascopeError, match="cannot hold object"):
        write_pair(tmp_path / "a", {"what": object()})
    assert list(tmp_path.iterdir()) == []


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "missing":
        path.unlink()
        return
    if how == "flipped":
        data[len(data) // 2] ^= 1
    new = {"empty": b"", "cut": bytes(data[:-5]), "zeroed tail": bytes(data[:-9]) + bytes(9), "flipped": bytes(data)}
    path.write_bytes(new[how])


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
@pytest.mark.parametrize("how", ["missing", "empty", "cut", "zeroed tail", "flipped"])
def test_any_damage_is_seen_and_the_one_before_is_used(tmp_path: Path, suffix: str, how: str) -> None:
    for epoch in (1, 2):
        write_pair(stem_of(tmp_path, "best", epoch), {"weights": {"w": torch.full((9,), float(epoch))}})
    damage(stem_of(tmp_path, "best", 2).with_suffix(suffix), how)
    found = newest_good(tmp_path, "best")
    assert found is not None
    assert found[0].name == "best-00001"
    assert [notice.code for notice in found[2]] == ["W_CHECKPOINT"]
    assert found[2][0].file == "checkpoints/best-00002"
    assert np.array_equal(best_weights(tmp_path)["w"], np.ones(9))
    damage(stem_of(tmp_path, "best", 1).with_suffix(suffix), how)
    with pytest.raises(ModelError, match="all 2 'best' checkpoints are damaged"):
        best_weights(tmp_path)


def test_no_checkpoint_is_said_plainly(tmp_path: Path) -> None:
    assert newest_good(tmp_path, "last") is None
    with pytest.raises(ModelError, match="holds no best checkpoint"):
        best_weights(tmp_path)


def test_a_failed_write_leaves_the_old_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pair(tmp_path / "a", {"value": 1})

    def full(path: Path, tree: object) -> None:
        raise OSError("full")

    monkeypatch.setattr("gliascope.files.atomic.write_json", full)
    with pytest.raises(OSError, match="full"):
        write_pair(tmp_path / "b", {"value": 2})
    assert read_pair(tmp_path / "a") == {"value": 1}
    with pytest.raises(ModelError):
        read_pair(tmp_path / "b")


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for epoch in range(1, 5):
        write_pair(stem_of(tmp_path, "last", epoch), {"epoch": epoch})
    checkpoint_io.remove_old(tmp_path, "last")
    assert sorted(path.name for path in (tmp_path / "checkpoints").glob("*.json")) == [
        "last-00003.json",
        "last-00004.json",
    ]
