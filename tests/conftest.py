"""What every test shares: where the real data is, and no network."""

import os
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest


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
