"""The last epoch can be kept instead of the best, with validation cases or without any."""

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gliascope.training.checkpoint_io import read_pair, stem_of
from gliascope.training.fit import FitResult, best_weights

pytestmark = pytest.mark.train

Run = Callable[..., FitResult]


def hashes(run: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (run / "checkpoints").glob("*.safetensors")}


def header(run: Path) -> list[str]:
    return next(csv.reader((run / "metrics.csv").read_text().splitlines()))


def test_the_last_weights_are_kept_though_an_earlier_epoch_was_better(train_tiny: Run, tmp_path: Path) -> None:
    unreachable = {"early_stopping": {"patience": 9, "least_gain": 1.0}, "epochs": 3}
    best, last = train_tiny("best", **unreachable), train_tiny("last", keep="last", **unreachable)
    assert [row["val_loss"] for row in best.history] == [row["val_loss"] for row in last.history]
    assert (best.best_epoch, last.best_epoch) == (1, 3)
    assert last.metrics == last.history[-1]
    state = read_pair(stem_of(tmp_path / "last", "last", 3))["state_dict"]
    for name, value in best_weights(tmp_path / "last").items():
        assert np.array_equal(value, state[f"network.{name}"].numpy())


def test_without_validation_the_same_steps_are_taken_and_resumed(train_tiny: Run, tmp_path: Path) -> None:
    alone = {"keep": "last", "validating": 0}
    straight = train_tiny("straight", epochs=3, **alone)
    train_tiny("halves", epochs=1, **alone)
    again = train_tiny("halves", epochs=3, resume=True, **alone)
    assert hashes(tmp_path / "halves") == hashes(tmp_path / "straight")
    assert [row["train_loss"] for row in again.history] == [row["train_loss"] for row in straight.history]
    assert header(tmp_path / "straight") == ["epoch", "lr", "seconds", "train_loss"]
    assert straight.metrics["train_loss"] == straight.history[-1]["train_loss"]
    assert len({row["train_loss"] for row in straight.history}) == 3
    validated = train_tiny("validated", epochs=3, keep="last")
    assert [row["train_loss"] for row in validated.history] == [row["train_loss"] for row in straight.history]


def test_a_setting_that_is_new_since_the_start_does_not_hinder_resuming(train_tiny: Run, tmp_path: Path) -> None:
    train_tiny(epochs=1)
    path = stem_of(tmp_path / "run", "last", 1).with_suffix(".json")
    body = json.loads(path.read_text())
    del body["sha256"]
    del body["tree"]["callbacks"]["keeper"]["facts"]["settings"]["keep"]
    body["sha256"] = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps(body))
    assert train_tiny(epochs=2, resume=True).epochs == 2
