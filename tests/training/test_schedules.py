"""Schedules equal PyTorch's, computed without state."""

import math
import warnings

import pytest
import torch
from pydantic import TypeAdapter

from gliascope.training.schedules import ScheduleSettings

pytestmark = pytest.mark.train

LOSSES = [1.0, 0.8, 0.9, 0.85, 0.81, 0.7, 0.7, 0.7, 0.7, 0.69, 0.75, 0.75]


def rates(options: dict[str, object], epochs: int = 12, base: float = 0.1) -> list[float]:
    schedule = TypeAdapter(ScheduleSettings).validate_python(options)
    return [schedule.rate(base, epoch, epochs, LOSSES[:epoch]) for epoch in range(epochs)]


def torch_rates(make: object, epochs: int = 12) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = make(optimizer)  # type: ignore[operator]  # a constructor
    found = []
    for epoch in range(epochs):
        found.append(optimizer.param_groups[0]["lr"])
        plateau = isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no step was taken; only the rate matters
            scheduler.step(*([LOSSES[epoch]] if plateau else []))
    return found


S = torch.optim.lr_scheduler


@pytest.mark.parametrize(
    ("options", "make"),
    [
        ({"name": "constant"}, lambda o: S.ConstantLR(o, factor=1.0)),
        ({"name": "step", "every": 5, "gamma": 0.5}, lambda o: S.StepLR(o, 5, 0.5)),
        ({"name": "exponential", "gamma": 0.9}, lambda o: S.ExponentialLR(o, 0.9)),
        ({"name": "cosine"}, lambda o: S.CosineAnnealingLR(o, 12)),
        ({"name": "poly", "power": 0.9}, lambda o: S.PolynomialLR(o, 12, 0.9)),
        ({"name": "plateau", "factor": 0.2, "patience": 1}, lambda o: S.ReduceLROnPlateau(o, factor=0.2, patience=1)),
        ({"name": "plateau", "factor": 0.1, "patience": 0}, lambda o: S.ReduceLROnPlateau(o, patience=0, min_lr=1e-6)),
    ],
)
def test_equals_pytorch(options: dict[str, object], make: object) -> None:
    assert rates(options) == pytest.approx(torch_rates(make), rel=1e-9)


def test_warmup_rises_and_the_end_is_what_was_asked_for() -> None:
    found = rates({"name": "cosine", "warmup": 3, "final": 0.1})
    assert found[:4] == pytest.approx([0.025, 0.05, 0.075, 0.1])
    assert found[3:] == sorted(found[3:], reverse=True)
    assert found[-1] == pytest.approx(0.1 * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * 8 / 9))))
