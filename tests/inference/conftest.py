"""Tiny model folders that the tests of this part share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from gliascope.checkpoint import ModelFacts, ModelFolder, extend_model, save_model
from gliascope.inference.backends import IR_FILE, IR_WEIGHTS_FILE
from gliascope.inference.openvino_backend import load_openvino

SLOPE = 20.0


def threshold_facts(dimensions: int, **changes: object) -> ModelFacts:
    """Describe a model that calls a voxel tumor where FLAIR is above 0.5."""
    known: dict[str, Any] = {
        "name": "threshold",
        "task": "segment",
        "dimensions": dimensions,
        "channels": ("t2f",),
        "network": {"name": "unet", "dimensions": dimensions},
        "plan": {"channels": ["t2f"]},
        "target": {"mode": "regions", "scheme": "lgg"},
    }
    return ModelFacts(**(known | changes))


def threshold_model(folder: Path, facts: ModelFacts, *, outputs: int = 1, only: int = 1) -> ModelFolder:
    """Write a model folder whose OpenVINO network returns ``20 * (x - 0.5)``, once per output with falling weight.

    ``only`` is the one spatial size it takes; 1: any.
    """
    openvino = load_openvino()
    from openvino import opset15 as ops

    image = ops.parameter([-1, 1, *[-1] * facts.dimensions], np.float32, name="image")
    half = np.full((1, 1, *[only] * facts.dimensions), 0.5, np.float32)
    logits = ops.multiply(ops.subtract(image, half), np.float32(SLOPE))
    parts = [ops.multiply(logits, np.float32(1.0 / (1 + index))) for index in range(outputs)]
    if facts.task == "classify":
        axes = np.array([*range(2, facts.dimensions + 2)])
        parts = [ops.reduce_mean(part, axes, keep_dims=False) for part in parts]
    network = openvino.Model([ops.concat(parts, 1)], [image], "threshold")
    made = folder.parent / f"{folder.name}-made.xml"
    openvino.save_model(network, str(made))
    model = save_model(folder, {"slope": np.array([SLOPE], np.float32)}, facts, "# Threshold\n")
    return extend_model(model, {IR_FILE: made, IR_WEIGHTS_FILE: made.with_suffix(".bin")}, {})


@pytest.fixture(scope="session", autouse=True)
def compiled_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep compiled models out of the home folder."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


class MakeModel(Protocol):
    """Writes a threshold model; keywords go into its facts."""

    def __call__(self, dimensions: int, *, outputs: int = 1, only: int = 1, **changes: object) -> ModelFolder:
        """Return the folder."""


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> MakeModel:
    """Return the function that writes threshold models."""

    def make(dimensions: int, *, outputs: int = 1, only: int = 1, **changes: object) -> ModelFolder:
        folder = tmp_path_factory.mktemp("models") / "model"
        return threshold_model(folder, threshold_facts(dimensions, **changes), outputs=outputs, only=only)

    return make


@pytest.fixture(scope="session")
def threshold_3d(make_model: MakeModel) -> ModelFolder:
    """Return a 3-D threshold model without window."""
    return make_model(3)
