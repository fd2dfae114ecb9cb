"""A run that has a checkpoint goes on without its first weights; before the first one they are needed."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from gliascope.errors import ConfigError
from gliascope.models import BackboneSettings, build_network
from gliascope.workflow.first_weights import FIRST_WEIGHTS_FILE, first_weights, tell_first_weights
from gliascope.workflow.train import TrainedRun

pytestmark = pytest.mark.train

WORDS = "file gone.safetensors (sha256 00)"


def test_a_checkpoint_makes_first_weights_needless(tmp_path: Path) -> None:
    settings = BackboneSettings(backbone="test_resnet", image=64, hidden=8, pretrained="gone.safetensors")
    network = build_network(settings, 3, 2, seed=1)
    tell_first_weights(tmp_path, WORDS)
    with pytest.raises(ConfigError):
        first_weights(network, settings, tmp_path, resume=True)
    checkpoint = tmp_path / "checkpoints" / "last-0001.safetensors"
    checkpoint.parent.mkdir()
    checkpoint.touch()
    assert first_weights(network, settings, tmp_path, resume=True) == WORDS
    with pytest.raises(ConfigError):
        first_weights(network, settings, tmp_path, resume=False)
    (tmp_path / FIRST_WEIGHTS_FILE).write_text("[]")
    with pytest.raises(ConfigError):  # damaged: nobody knows what it was started with
        first_weights(network, settings, tmp_path, resume=True)


def test_every_run_tells_them(segment_run: TrainedRun) -> None:
    told = json.loads((segment_run.folder / FIRST_WEIGHTS_FILE).read_text())
    assert told == {"first_weights": segment_run.facts["first_weights"]}
