"""A tiny segmentation task and a tiny training, shared by the tests of training."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.models import UNetSettings, build_network
from gliascope.settings import load_settings
from gliascope.training.fit import FitResult, Outputs, TrainingSettings, fit


@dataclass(frozen=True)
class Square:
    """A sample whose bright square is the tumor; its place depends on its number and the slice."""

    number: int
    count: int = 2
    shape: tuple[int, ...] = (1, 8, 8)
    label: str | None = None
    fill: float = 0.0
    dataset: str | None = None

    @property
    def case_id(self) -> str:
        return f"case{self.number}"

    def image(self, index: int | None = None) -> NDArray[np.float32]:
        noise = np.random.default_rng([self.number, index or 0]).random(self.shape).astype(np.float32)
        return (noise + 2 * self.target(index).any(axis=0) + self.fill).astype(np.float32)

    def target(self, index: int | None = None) -> NDArray[np.uint8]:
        mask = np.zeros((1, *self.shape[1:]), np.uint8)
        start = (self.number + (index or 0)) % 4
        window: tuple[slice, ...] = (slice(None), *(slice(start, start + 3),) * (len(self.shape) - 1))
        mask[window] = 1
        return mask


SETTINGS: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 3,
    "precision": "32",
    "augment": {"flip": [0.5, 0.5], "rotate_degrees": 10.0, "noise_sd": 0.05},
    "schedule": {"name": "exponential"},
}

Run = Callable[..., FitResult]


@pytest.fixture
def train_tiny(tmp_path: Path) -> Run:
    """Return a function that trains a tiny U-Net with dropout in ``tmp_path/<name>``."""

    def train(
        name: str = "run",
        *,
        fills: tuple[float, ...] = (0.0,) * 4,
        validating: int = 2,
        **options: Any,  # noqa: ANN401 - any setting
    ) -> FitResult:
        arguments = {"resume", "progress", "epoch_done", "memory_limit", "announce", "seed"}
        given = {key: options.pop(key) for key in arguments & set(options)}
        settings = load_settings(TrainingSettings, {**SETTINGS, **options})
        network = build_network(UNetSettings(width=2, depth=1, dropout=0.2), 1, 1, seed=5)
        return fit(
            network,
            [Square(number, fill=fill) for number, fill in enumerate(fills)],
            [Square(number) for number in range(4, 4 + validating)],
            settings,
            outputs=Outputs("regions", ("tumor",)),
            run=tmp_path / name,
            device="cpu",
            threads=1,
            **{"seed": 1, **given},
        )

    return train
