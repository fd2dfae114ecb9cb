import copy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.checkpoint import ModelFacts, ModelFolder, load_model, save_model
from gliascope.errors import MachineError, ModelError, UsageError

pytest.importorskip("torch")
pytestmark = pytest.mark.train

from gliascope.inference import conversion, parity  # noqa: E402 - after the check for torch
from gliascope.inference.backends import open_backend  # noqa: E402
from gliascope.inference.openvino_backend import openvino_core  # noqa: E402
from gliascope.models import build_network, load_network_settings  # noqa: E402
from gliascope.workflow import export  # noqa: E402
from gliascope.workflow.export import export_model  # noqa: E402

CLASSES = ("glioma", "meningioma", "pituitary", "no_tumor")
MODELS: dict[str, dict[str, Any]] = {
    "2d": {
        "dimensions": 2,
        "network": {"name": "unet", "dimensions": 2, "width": 4, "depth": 2, "norm": "batch"},
        "target": {"mode": "regions", "scheme": "lgg"},
    },
    "3d": {
        "dimensions": 3,
        "network": {"name": "unet", "dimensions": 3, "width": 4, "depth": 2, "norm": "instance", "up": "nearest"},
        "target": {"mode": "classes", "scheme": "brats2023"},
        "inference": {"window": [16, 16, 16]},
    },
    "classifier": {
        "task": "classify",
        "dimensions": 2,
        "network": {"name": "customcnn"},
        "classes": CLASSES,
        "temperature": 1.5,
    },
}
OUTPUTS = {"2d": 1, "3d": 4, "classifier": 4}


def save_untrained(folder: Path, kind: str) -> ModelFolder:
    facts = ModelFacts(
        **{"name": kind, "task": "segment", "channels": ("t2f",), "plan": {"channels": ["t2f"]}, **MODELS[kind]}
    )
    module = build_network(load_network_settings(facts.network), 1, OUTPUTS[kind], seed=7)
    draw = np.random.Generator(np.random.Philox(key=9))
    weights = {name: tensor.numpy().copy() for name, tensor in module.state_dict().items()}
    for name, array in weights.items():  # running statistics as training leaves them
        if name.endswith("running_mean"):
            np.add(array, draw.normal(0, 0.1, array.shape), out=array, casting="same_kind")
        if name.endswith("running_var"):
            np.multiply(array, draw.uniform(0.5, 2, array.shape), out=array, casting="same_kind")
    return save_model(folder, weights, facts, "# Untrained\n")


@pytest.fixture(autouse=True)
def _compiled_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Export every kind of model once."""
    root = tmp_path_factory.mktemp("exported")
    return {kind: export_model(save_untrained(root / kind, kind)) for kind in MODELS}


def batch_for(kind: str) -> NDArray[np.float32]:
    shape = {"2d": (3, 1, 32, 24), "3d": (1, 1, 16, 16, 16), "classifier": (2, 1, 128, 128)}[kind]
    return np.random.Generator(np.random.Philox(key=2)).random(shape, dtype=np.float32)


@pytest.mark.parametrize("kind", MODELS)
def test_the_exported_model_says_the_same(exported: dict[str, dict[str, Any]], kind: str) -> None:
    model = load_model(Path(exported[kind]["model"]))
    batch = batch_for(kind)
    trained = open_backend(model, backend="torch", device="cpu").run(batch)
    free = open_backend(model, backend="openvino", precision="fp32").run(batch)
    assert free.shape == trained.shape
    assert np.abs(free - trained).max() < 5e-3 * max(1, np.abs(trained).max())


@pytest.mark.parametrize("kind", MODELS)
def test_p6_parity_is_measured_and_kept(exported: dict[str, dict[str, Any]], kind: str) -> None:
    result = exported[kind]
    model = load_model(Path(result["model"]))
    assert result["files"] == ["openvino/model.bin", "openvino/model.xml"]
    assert set(result["files"]) <= set(model.facts.files)
    assert model.facts.parity == {"openvino": result["parity"]}
    fp32 = result["parity"]["fp32"]
    assert fp32["passed"] is True
    assert 0 <= fp32["high_difference"] <= fp32["max_difference"] <= 5e-3
    assert (fp32["mask_dice"] is None) == (kind == "classifier")
    conversion_alone = result["parity"]["conversion"]["max_difference"]
    assert conversion_alone <= (1e-3 if kind == "3d" else 1e-4), "before the weights are rounded"
    assert result["parity"]["weights"] == "fp16"
    size = (model.path / "openvino" / "model.bin").stat().st_size
    assert size < 0.6 * (model.path / "model.safetensors").stat().st_size


@pytest.mark.parametrize("kind", ["2d", "classifier"])
def test_onnx_holds_everything_and_says_the_same(kind: str, tmp_path: Path) -> None:
    model = save_untrained(tmp_path / "model", kind)
    result = export_model(model, to="onnx", output=tmp_path / "out")
    assert result["files"] == ["onnx/model.onnx"]
    assert result["parity"]["fp32"]["max_difference"] <= 1e-4
    assert load_model(tmp_path / "model") == model, "the first folder is untouched"
    network = openvino_core().read_model(str(tmp_path / "out" / "onnx" / "model.onnx"))
    assert network.input(0).get_any_name() == "image"
    assert network.output(0).get_any_name() == "logits"
    batch = batch_for(kind)
    logits = openvino_core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(batch)[0]
    trained = open_backend(model, backend="torch", device="cpu").run(batch)
    np.testing.assert_allclose(logits, trained, atol=1e-3)


def test_onnx_says_which_package_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = save_untrained(tmp_path / "model", "2d")
    monkeypatch.setattr(conversion, "find_spec", lambda name: None)
    with pytest.raises(MachineError, match="onnx is not installed") as caught:
        export_model(model, to="onnx")
    assert caught.value.hint == "Install it: pip install onnx."
    assert load_model(model.path) == model


def test_both_forms_stand_side_by_side(tmp_path: Path) -> None:
    model = save_untrained(tmp_path / "model", "2d")
    export_model(model.path, to="onnx")
    export_model(model.path, to="openvino")
    facts = load_model(model.path).facts
    assert facts.parity is not None
    assert sorted(facts.parity) == ["onnx", "openvino"]
    assert {"onnx/model.onnx", "openvino/model.xml", "openvino/model.bin"} <= set(facts.files)


def test_p6_an_export_that_says_something_else_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = save_untrained(tmp_path / "model", "2d")
    right = conversion.to_openvino

    def wrong(network: Any, shape: tuple[int, ...]) -> Any:  # noqa: ANN401 - as the function it replaces
        other = copy.deepcopy(network)
        other.head.bias.data += 0.05
        return right(other, shape)

    monkeypatch.setattr(conversion, "to_openvino", wrong)
    with pytest.raises(ModelError, match=r"changes a probability by 0\.\d+ .* 0\.0001 is allowed") as caught:
        export_model(model)
    assert caught.value.code == "E_PARITY"
    assert caught.value.exit_code == 4
    assert load_model(model.path) == model
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_a_form_for_one_size_needs_a_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fixed(network: object, shape: tuple[int, ...]) -> Any:  # noqa: ANN401 - an OpenVINO model
        del network
        from openvino import Model
        from openvino import opset15 as ops

        image = ops.parameter([-1, -1, -1, -1], np.float32)
        return Model([ops.add(image, np.zeros(shape, np.float32))], [image])

    monkeypatch.setattr(conversion, "to_openvino", fixed)
    model = save_untrained(tmp_path / "model", "2d")
    with pytest.raises(ModelError, match=r"only the size it was made with\. Set inference\.window"):
        export_model(model)


def test_weights_that_rounding_would_move_stay_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "ROUNDING_TOLERANCE", 0.0)
    model = save_untrained(tmp_path / "model", "2d")
    result = export_model(model)
    assert result["parity"]["weights"] == "fp32"
    assert result["parity"]["fp32"]["max_difference"] <= 1e-3
    assert (model.path / "openvino" / "model.bin").stat().st_size > 0.8 * (
        model.path / "model.safetensors"
    ).stat().st_size


def test_weights_of_16_bit_stay_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "ROUNDING_TOLERANCE", 1e-6)
    model = save_untrained(tmp_path / "model", "2d")
    rounded = save_model(tmp_path / "half", model.weights(), model.facts, "# Untrained\n", half=True)
    parity = export_model(rounded)["parity"]
    assert parity["weights"] == "fp16"
    assert parity["fp32"]["max_difference"] <= 1e-6


def test_own_images_are_compared_too(tmp_path: Path) -> None:
    images = [np.ones((1, 20, 100), np.float32), np.zeros((1, 64, 64), np.float32)]
    plain = export_model(save_untrained(tmp_path / "a", "2d"))
    more = export_model(save_untrained(tmp_path / "b", "2d"), inputs=images)
    assert more["parity"]["inputs"] == plain["parity"]["inputs"] + 2


def test_wrong_calls_are_refused(tmp_path: Path) -> None:
    model = save_untrained(tmp_path / "model", "2d")
    with pytest.raises(UsageError, match="unknown form 'tflite'") as caught:
        export_model(model, to="tflite")
    assert "openvino, onnx" in caught.value.hint
    shutil.copytree(model.path, tmp_path / "out")
    with pytest.raises(UsageError, match="exists already"):
        export_model(model, output=tmp_path / "out")
    with pytest.raises(ModelError):
        export_model(tmp_path / "nowhere")


def test_exporting_tells_nobody(tmp_path: Path) -> None:
    model = save_untrained(tmp_path / "model", "2d")
    script = f"""
import sys
events = []
sys.addaudithook(lambda event, args: events.append(event) if event in ("socket.connect", "os.fork") else None)
from gliascope.workflow.export import export_model
export_model({str(model.path)!r})
assert not events, events
print("quiet")
"""
    home = {"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=home)
    assert done.stdout.strip() == "quiet", done.stderr
    assert not (tmp_path / "home" / "intel").exists()


# --- the comparison itself ---------------------------------------------------------------------------------------


def test_parity_counts_every_input() -> None:
    same = np.full((1, 2, 4, 4), 0.7, np.float32)
    other = same.copy()
    other[0, 1, 0, :2] = 0.45
    answers = iter([same, other])
    found = parity.compare(lambda _: same, lambda _: next(answers), [same, same], exclusive=False, threshold=0.5)
    assert found.max_difference == pytest.approx(0.25)
    assert found.high_difference == pytest.approx(0.25)
    assert found.mask_dice == pytest.approx(2 * (32 + 30) / (64 + 62))


def test_fixed_inputs_are_the_same_every_time() -> None:
    first, second = parity.fixed_inputs((2, 3, 16, 12)), parity.fixed_inputs((2, 3, 16, 12))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.shape == (2, 3, 16, 12)
        assert a.dtype == np.float32
    assert (first[0][:, :, 0, 0] == 0).all(), "dark outside the head"
