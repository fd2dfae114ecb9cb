"""What every test shares: where the real data is, no network, two tiny trained runs, and tiny OpenVINO models."""

import gc
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn, Protocol

import numpy as np
import pytest

from gliascope.checkpoint import IR_FILE, IR_WEIGHTS_FILE, ModelFacts, ModelFolder, extend_model, save_model
from gliascope.inference.gate import GateFacts
from gliascope.inference.openvino_backend import load_openvino
from gliascope.workflow.train import TrainedRun, train

gc.set_threshold(50_000, 20, 100)  # torch's many objects stay; to walk them again and again costs a tenth of the time


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Return the folder of real images; skip where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(os.environ.get("GLIASCOPE_DATA", default))
    if not root.is_dir():
        pytest.skip(f"no real images at {root} (set GLIASCOPE_DATA)")
    return root


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves the machine."""
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: Any) -> None:  # noqa: ANN401 - any address family
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            _refuse(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local_only)


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """Undo the handler of a command line that ran in this process; take Ctrl-C also where a shell set it to nothing."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def _refuse(address: object) -> NoReturn:
    raise AssertionError(f"a test tried to reach {address}")


SEGMENT = (
    "dataset.patients=5",
    "dataset.size=24",
    "training.epochs=2",
    "training.batch_size=2",
    "training.patch_size=[16, 16, 16]",
    "training.sampling.per_epoch=4",
    "network.width=4",
)
CLASSIFY = (
    *("dataset.patients=36", "dataset.size=64", "training.epochs=1", "training.batch_size=16"),
    "split.fractions=[0.5, 0.3, 0.2]",  # enough pictures to fit a temperature
)


@pytest.fixture(scope="session")
def segment_run(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    pytest.importorskip("torch")
    root = tmp_path_factory.mktemp("segment")
    return train("demo-segment", root / "data", root / "run", overrides=SEGMENT, cache=root / "cache")


@pytest.fixture(scope="session")
def classify_run(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    pytest.importorskip("torch")
    root = tmp_path_factory.mktemp("classify")
    return train("demo-classify", root / "data", root / "run", overrides=CLASSIFY, cache=root / "cache")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Return a BraTS-2023 study folder of a phantom."""
    from gliascope.datasets.phantom_layouts import write_layout

    write_layout("brats2023", tmp_path / "input", patients=1, shape=(24, 24, 24), seed=3)
    return next(path.parent for path in sorted((tmp_path / "input").rglob("*-t1c.nii.gz")))


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

    ``x`` is the mean of the channels.

    ``only`` is the one spatial size it takes; 1: any.
    """
    openvino = load_openvino()
    from openvino import opset15 as ops

    image = ops.parameter([-1, len(facts.channels), *[-1] * facts.dimensions], np.float32, name="image")
    gray = ops.reduce_mean(image, np.array([1]), keep_dims=True)
    half = np.full((1, 1, *[only] * facts.dimensions), 0.5, np.float32)
    logits = ops.multiply(ops.subtract(gray, half), np.float32(SLOPE))
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


@pytest.fixture(scope="session")
def phantom_gate() -> GateFacts:
    """Return a small gate that takes phantom pictures for brain MRI."""
    from gliascope.datasets.phantom_picture import phantom_picture
    from gliascope.training.gate_fit import GateSettings, fit_gate

    kinds = ("glioma", "no_tumor", "pituitary", "meningioma")
    pictures = [phantom_picture(seed, kinds[seed % 4], 96)[0].astype(np.float32) for seed in range(1000, 1080)]
    settings = GateSettings(invented_per_kind=20, networks=2, hidden=16, doubtful_share=0.0, steps=100)
    return fit_gate(pictures[:60], pictures[60:], settings, seed=1)


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
def gated(make_model: MakeModel, phantom_gate: GateFacts) -> ModelFolder:
    """Return a classifier of two classes with that gate."""
    return make_model(
        2,
        outputs=2,
        task="classify",
        target=None,
        classes=("glioma", "no_tumor"),
        channels=("gray",),
        plan={"channels": ["gray"], "steps": [{"name": "min_max"}]},
        gate=phantom_gate.model_dump(mode="json"),
    )
