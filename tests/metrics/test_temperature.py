import numpy as np
import pytest
from scipy.special import expit, softmax

from gliascope.metrics.temperature import HIGHEST, LOWEST, fit_temperature, is_limit, separated


def draws(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed))


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_the_temperature_that_was_planted_is_found(true: float) -> None:
    draw = draws(3)
    honest = draw.normal(0, 2, (20_000, 4))
    targets = (softmax(honest, axis=1).cumsum(axis=1) < draw.random((20_000, 1))).sum(axis=1)
    assert fit_temperature(honest * true, targets, exclusive=True) == pytest.approx(true, rel=0.04)
    happened = draw.random(20_000) < expit(honest[:, 0])
    assert fit_temperature(honest[:, 0] * true, happened, exclusive=False) == pytest.approx(true, rel=0.04)


def test_no_other_temperature_is_better() -> None:
    draw = draws(4)
    targets = draw.integers(0, 3, 200)
    logits = draw.normal(0, 3, (200, 3)) + 2 * np.eye(3)[targets]
    best = fit_temperature(logits, targets, exclusive=True)

    def loss(temperature: float) -> float:
        return float(-np.log(softmax(logits / temperature, axis=1)[np.arange(200), targets]).mean())

    assert all(loss(best) <= loss(other) + 1e-9 for other in np.geomspace(LOWEST, HIGHEST, 200))


def test_hand_made_value() -> None:
    """Said with logit 4, right in 3 of 4: honest is ln 3."""
    sure = np.array([4.0, 4.0, 4.0, -4.0])
    assert fit_temperature(sure, np.array([1, 1, 0, 0]), exclusive=False) == pytest.approx(4 / np.log(3), rel=1e-3)


def test_ends_of_the_range_are_told_apart_from_a_fit() -> None:
    logits = np.array([[2.0, -2.0], [-1.0, 1.0]])
    assert separated(logits, np.array([0, 1]), exclusive=True)
    assert is_limit(fit_temperature(logits, np.array([0, 1]), exclusive=True))
    assert separated(logits[:, 0], np.array([True, False]), exclusive=False)
    upside_down = fit_temperature(logits, np.array([1, 0]), exclusive=True)
    assert upside_down > 1
    assert is_limit(upside_down)
    assert not is_limit(1.0)


def test_huge_logits_are_no_trouble() -> None:
    logits = np.array([[1e4, -1e4], [1e4, -1e4]])
    assert fit_temperature(logits, np.array([0, 1]), exclusive=True) == pytest.approx(HIGHEST, rel=1e-2)


def test_what_does_not_fit_together_is_refused() -> None:
    for logits, targets, exclusive in (
        (np.zeros((3, 2)), np.zeros(2, int), True),
        (np.zeros((0, 2)), np.zeros(0, int), True),
        (np.zeros(3), np.zeros(3, int), True),
        (np.zeros((3, 2)), np.zeros(3, bool), False),
    ):
        with pytest.raises(ValueError, match="shape"):
            fit_temperature(logits, targets, exclusive=exclusive)
