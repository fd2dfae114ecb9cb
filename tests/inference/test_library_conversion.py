"""Networks of other libraries say the same in ONNX, at the sizes it takes; one is exported for its window."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gliascope.checkpoint import ModelFacts, ModelFolder, save_model

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

from gliascope.inference.conversion import to_onnx  # noqa: E402 - after the check for torch
from gliascope.inference.openvino_backend import openvino_core  # noqa: E402
from gliascope.models import build_network, load_network_settings  # noqa: E402
from gliascope.workflow.export import export_model  # noqa: E402

SMALL: dict[str, tuple[dict[str, Any], list[tuple[int, int]]]] = {
    "backbone": ({"backbone": "test_vit", "image": 64}, [(64, 64)]),
    "deeplabv3plus": ({"encoder": "resnet18", "width": 8}, [(32, 32), (48, 32)]),
}
"""Each network's own contract compares its OpenVINO form."""


@pytest.mark.parametrize("name", SMALL)
def test_onnx_says_the_same_for_any_batch_and_size(name: str, tmp_path: Path) -> None:
    options, sizes = SMALL[name]
    network = build_network(load_network_settings({"name": name, **options}), 3, 2, seed=1).eval()
    to_onnx(network, (1, 3, *sizes[0]), tmp_path / "model.onnx")
    converted = openvino_core().read_model(str(tmp_path / "model.onnx"))
    for number, size in enumerate(sizes, start=1):
        image = np.random.Generator(np.random.Philox(key=3)).random((3 - number, 3, *size), dtype=np.float32)
        fixed = converted.clone()
        fixed.reshape(list(image.shape))
        found = openvino_core().compile_model(fixed, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(image)[0]
        with torch.inference_mode():
            expected = network(torch.from_numpy(image)).numpy()
        assert np.abs(found - expected).max() < 1e-4 * max(1.0, float(np.abs(expected).max()))


def swin(folder: Path, window: list[int]) -> ModelFolder:
    network = {"name": "swin_unetr", "width": 12, "layers": [1, 1, 1, 1]}
    facts = ModelFacts(
        name="swin",
        task="segment",
        dimensions=2,
        channels=("t2f",),
        network=network,
        plan={"channels": ["t2f"]},
        target={"mode": "regions", "scheme": "lgg"},
        inference={"window": window, "divisor": 32},
    )
    weights = build_network(load_network_settings(network), 1, 1, seed=1).state_dict()
    return save_model(folder, {name: value.numpy() for name, value in weights.items()}, facts, "# Swin\n")


def test_swin_unetr_is_exported_for_its_window(tmp_path: Path) -> None:
    result = export_model(swin(tmp_path / "model", [64, 64]))
    assert result["parity"]["fp32"]["passed"]
    assert result["parity"]["fp32"]["max_difference"] < 1e-3
