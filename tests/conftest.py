"""What every test shares: where the real data is, no network, and two tiny trained runs."""

import os
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest

from gliascope.workflow.train import TrainedRun, train


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
CLASSIFY = ("dataset.patients=24", "dataset.size=32", "training.epochs=1", "training.batch_size=16")


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
