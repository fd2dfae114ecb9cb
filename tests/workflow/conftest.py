"""Model folders of untrained networks, for what does not depend on a training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gliascope.checkpoint import ModelFacts, ModelFolder, save_model


@pytest.fixture
def save_network(tmp_path: Path) -> Callable[..., ModelFolder]:
    """Return the function that writes a model folder of an untrained network."""
    pytest.importorskip("torch")
    from gliascope.models import build_network, load_network_settings

    def write(place: str, network: dict[str, Any], *, task: str = "segment", **facts: Any) -> ModelFolder:  # noqa: ANN401 - any fact
        settings = load_network_settings(network)
        channels = facts.get("channels", ("t2f",))
        known: dict[str, Any] = {
            "dimensions": settings.dimensions,
            "channels": channels,
            "plan": {"channels": list(channels)},
            "target": {"mode": "regions", "scheme": "brats2023"} if task == "segment" else None,
            "classes": None if task == "segment" else ("glioma", "no_tumor"),
            "inference": {"divisor": settings.divisor},
        }
        built = build_network(settings, len(channels), 3 if task == "segment" else 2, seed=2)
        weights = {key: tensor.numpy() for key, tensor in built.state_dict().items()}
        model = ModelFacts(name=Path(place).name, task=task, network=network, **(known | facts))
        return save_model(tmp_path / place, weights, model, "# Untrained\n")

    return write
