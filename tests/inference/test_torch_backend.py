from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.checkpoint import ModelFacts, ModelFolder, save_model
from gliascope.errors import MachineError, ModelError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

from gliascope.inference.backends import open_backend  # noqa: E402 - after the check for torch
from gliascope.inference.torch_backend import TorchBackend, load_network  # noqa: E402
from gliascope.models import build_network, load_network_settings  # noqa: E402

NETWORK = {"name": "unet", "dimensions": 2, "width": 2, "depth": 1}
Weights = dict[str, NDArray[Any]]
SaveModel = Callable[..., ModelFolder]


@pytest.fixture
def weights() -> Weights:
    module = build_network(load_network_settings(NETWORK), 1, 1, seed=4)
    return {name: tensor.numpy().copy() for name, tensor in module.state_dict().items()}


@pytest.fixture
def save(tmp_path: Path) -> SaveModel:
    def write(weights: Weights, **changes: Any) -> ModelFolder:  # noqa: ANN401 - any fact
        known: dict[str, Any] = {
            "name": "tiny",
            "task": "segment",
            "dimensions": 2,
            "channels": ("t2f",),
            "network": NETWORK,
            "plan": {"channels": ["t2f"]},
            "target": {"mode": "regions", "scheme": "lgg"},
        }
        return save_model(tmp_path / "model", weights, ModelFacts(**(known | changes)), "# Tiny\n")

    return write


def batch_of(*shape: int) -> NDArray[np.float32]:
    return np.random.Generator(np.random.Philox(key=2)).random(shape, dtype=np.float32)


def test_it_says_what_the_network_says(weights: Weights, save: SaveModel) -> None:
    module = build_network(load_network_settings(NETWORK), 1, 1, seed=4).eval()
    batch = batch_of(3, 1, 8, 6)
    with torch.inference_mode():
        expected = module(torch.from_numpy(batch)).numpy()
    backend = open_backend(save(weights), device="cpu")
    assert (backend.name, backend.device, backend.precision) == ("torch", "cpu", "fp32")
    np.testing.assert_array_equal(backend.run(batch), expected)


def test_bf16_is_coarser(weights: Weights, save: SaveModel) -> None:
    model, batch = save(weights), batch_of(1, 1, 16, 16)
    fine = TorchBackend(model, device="cpu").run(batch)
    coarse = TorchBackend(model, device="cpu", precision="bf16").run(batch)
    assert coarse.dtype == np.float32
    assert 0 < np.abs(fine - coarse).max() < 0.05


def test_threads_are_set(weights: Weights, save: SaveModel) -> None:
    before = torch.get_num_threads()
    try:
        TorchBackend(save(weights), device="cpu", threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_loading_leaves_the_random_state(weights: Weights, save: SaveModel) -> None:
    before = torch.random.get_rng_state()
    network = load_network(save(weights))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not network.training


FIRST = "encoder.0.0.weight"
WEIGHT_CHANGES: dict[str, tuple[Callable[[Weights], Any], str]] = {
    "missing": (lambda w: w.pop(FIRST), f"'{FIRST}' is missing"),
    "extra": (lambda w: w.update(extra=np.ones(1, np.float32)), "'extra' is not part of it"),
    "renamed": (lambda w: w.update(other=w.pop(FIRST)), "is missing; 'other' is not part of it"),
    "other shape": (
        lambda w: w.update({FIRST: w[FIRST][:1]}),
        r"has shape \(1, 1, 3, 3\) instead of \(2, 1, 3, 3\)",
    ),
}


@pytest.mark.parametrize("change", WEIGHT_CHANGES)
def test_p6_weights_that_do_not_fit_are_listed(weights: Weights, save: SaveModel, change: str) -> None:
    edit, cause = WEIGHT_CHANGES[change]
    edit(weights)
    with pytest.raises(ModelError, match=cause) as caught:
        load_network(save(weights))
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"network": {"name": "vnet"}}, "vnet"),
        ({"network": {**NETWORK, "widht": 3}}, "widht"),
        ({"network": {**NETWORK, "width": 100_000}}, "instead of"),
        ({"channels": ("t1n", "t2f"), "plan": {"channels": ["t1n", "t2f"]}}, "instead of"),
        ({"target": {"mode": "classes", "scheme": "brats2023"}}, r"'head.bias' has shape \(1,\) instead of \(4,\)"),
    ],
)
def test_p6_another_architecture_is_refused(
    weights: Weights, save: SaveModel, changes: dict[str, Any], cause: str
) -> None:
    with pytest.raises(ModelError, match=cause) as caught:
        load_network(save(weights, **changes))
    assert caught.value.exit_code == 4


def test_a_size_that_does_not_fit_names_one_that_does(weights: Weights, save: SaveModel) -> None:
    with pytest.raises(ModelError, match="not a multiple of 2") as caught:
        TorchBackend(save(weights), device="cpu").run(batch_of(1, 1, 7, 8))
    assert "8x8" in caught.value.hint


def test_a_gpu_that_is_not_there(weights: Weights, save: SaveModel) -> None:
    with pytest.raises(MachineError, match="no usable device 'cuda:99'") as caught:
        TorchBackend(save(weights), device="cuda:99")
    assert caught.value.exit_code == 5
