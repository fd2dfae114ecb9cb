"""Intervals against simulation, SciPy and hand-made values."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from gliascope.metrics.intervals import _drawn_medians, bootstrap_interval, bootstrap_intervals
from gliascope.metrics.resampling import drawn_cases

Floats = NDArray[np.float64]
Sample = tuple[Floats, NDArray[np.int64]]


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def one_each(values: Floats) -> Sample:
    return values, np.arange(len(values))


def normal(draw: np.random.Generator, patients: int) -> Sample:
    return one_each(draw.normal(0.0, 1.0, patients))


def dice_like(draw: np.random.Generator, patients: int) -> Sample:
    return one_each(draw.beta(5.0, 0.8, patients))


def hits(draw: np.random.Generator, patients: int) -> Sample:
    return one_each((draw.random(patients) < 0.9).astype(float))


def slices(draw: np.random.Generator, patients: int) -> Sample:
    owner = np.repeat(np.arange(patients), draw.integers(1, 9, patients))
    return draw.normal(0.0, 1.0, patients)[owner] + draw.normal(0.0, 1.0, len(owner)), owner


def slice_hits(draw: np.random.Generator, patients: int) -> Sample:
    owner = np.repeat(np.arange(patients), draw.integers(1, 9, patients))
    return (draw.random(len(owner)) < draw.beta(4.25, 0.75, patients)[owner]).astype(float), owner


@pytest.mark.parametrize(
    ("sample", "truth"),
    [(normal, 0.0), (dice_like, 5 / 5.8), (hits, 0.9), (slices, 0.0), (slice_hits, 0.85)],
    ids=["normal", "dice", "accuracy", "clustered", "clustered accuracy"],
)
def test_simulated_coverage(sample: Callable[[np.random.Generator, int], Sample], truth: float) -> None:
    draw, held, number = generator(20), 0, 2000
    for trial in range(number):
        values, owner = sample(draw, (25, 30, 40, 50, 60)[trial % 5])
        found = bootstrap_interval(values, owner.tolist(), resamples=1000, seed=trial % 3, bounds=(0, 1))
        assert found is not None
        held += found[0] <= truth <= found[1]
    assert 0.93 <= held / number <= 0.97


def test_ignoring_patients_would_promise_too_much() -> None:
    draw, held, number = generator(21), 0, 300
    for _ in range(number):
        values, _owner = slices(draw, 40)
        low, high = bootstrap_interval(values, range(len(values)), resamples=500) or (0.0, 0.0)
        held += low <= 0.0 <= high
    assert held / number < 0.85


def test_median_coverage() -> None:
    truth, draw, held, number = float(stats.beta.median(5.0, 0.8)), generator(22), 0, 1000
    for trial in range(number):
        values, owner = dice_like(draw, (25, 30, 40, 50, 60)[trial % 5])
        low, high = bootstrap_interval(values, owner.tolist(), "median", resamples=1000) or (0.0, 0.0)
        held += low <= truth <= high
    assert 0.93 <= held / number <= 0.97


def test_same_seed_same_interval_whatever_was_asked_before() -> None:
    values, owner = generator(1).normal(size=90), (np.arange(90) // 3).tolist()
    first = bootstrap_interval(values, owner, seed=4)
    bootstrap_interval(values, owner, "median", seed=9)
    assert bootstrap_interval(values, owner, seed=4) == first
    assert bootstrap_interval(values, owner, seed=5) != first


def test_general_form_draws_the_same_patients() -> None:
    values = generator(2).beta(5, 1, size=77)
    owner = [f"p{number // 4}" for number in range(77)]

    def figures(counts: Floats) -> Floats:
        drawn = [np.repeat(values, row.astype(int)) for row in counts]
        return np.array([[own.mean(), np.median(own)] for own in drawn])

    for found, name in zip(bootstrap_intervals(figures, owner), ("mean", "median"), strict=True):
        assert found == pytest.approx(bootstrap_interval(values, owner, "mean" if name == "mean" else "median"))


def test_large_tables_are_worked_off_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    values, owner = generator(3).normal(size=60), (np.arange(60) // 2).tolist()
    whole = [bootstrap_interval(values, owner, name, seed=77) for name in ("mean", "median")]
    monkeypatch.setattr("gliascope.metrics.resampling.BLOCK", 100)
    monkeypatch.setattr("gliascope.metrics.resampling.KEPT", 0)
    for name, expected in zip(("mean", "median"), whole, strict=True):
        found = bootstrap_interval(values, owner, name, seed=77)  # type: ignore[arg-type]
        assert found == pytest.approx(expected, rel=1e-12), "but for the order of additions"


def test_undefined_values_are_left_out() -> None:
    values = [0.2, 0.4, float("nan"), 0.6, 0.7]
    assert bootstrap_interval(values, list("abcde")) == bootstrap_interval([0.2, 0.4, 0.6, 0.7], list("abde"))
    assert bootstrap_interval([1.0, 2.0, float("nan")], list("abc")) is None


def test_infinite_distances_leave_the_mean_and_open_the_median() -> None:
    values = [3.0, 4.0, 5.0, float("inf"), float("inf"), float("inf")]
    mean = bootstrap_interval(values, list("abcdef"))
    assert mean == bootstrap_interval(values[:3], list("abc"))
    low, high = bootstrap_interval(values, list("abcdef"), "median") or (0.0, 0.0)
    assert 3.0 <= low <= 4.5
    assert high == float("inf")


def test_equal_values_are_no_certainty() -> None:
    assert bootstrap_interval([0.7] * 20, range(20)) is None
    assert bootstrap_interval([1.0] * 20, range(20)) is None
    assert bootstrap_interval([0.7] * 20, range(20), bounds=(0, 1)) is None
    assert bootstrap_interval([1.0] * 20, range(20), "median", bounds=(0, 1)) is None
    exact = stats.binomtest(20, 20).proportion_ci(0.95, method="exact")
    assert bootstrap_interval([1.0] * 20, range(20), bounds=(0, 1)) == pytest.approx((exact.low, exact.high))
    exact = stats.binomtest(0, 20).proportion_ci(0.95, method="exact")
    assert bootstrap_interval([0.0] * 20, range(20), bounds=(0, 1)) == pytest.approx((exact.low, exact.high))
    assert bootstrap_interval([1.0] * 40, (np.arange(40) // 2).tolist(), bounds=(0, 1)) == pytest.approx(
        (0.8316, 1.0), abs=1e-4
    )
    assert bootstrap_interval([0.0, 1.0] * 6, (np.arange(12) // 2).tolist()) is None  # every patient alike


def test_general_form_without_enough_to_go_by() -> None:
    assert bootstrap_intervals(lambda counts: counts[:, :2], list("aabb")) == [None, None]

    def figures(counts: Floats) -> Floats:
        drawn = np.where(counts[:, 0] > 0, 1.0, np.nan)  # defined in two thirds of the resamples
        return np.stack([drawn, np.ones(len(counts)), counts @ np.arange(20.0)], axis=1)

    undefined, constant, found = bootstrap_intervals(figures, [str(n) for n in range(20)], resamples=200)
    assert undefined is None
    assert constant is None
    assert found is not None


def test_numbers_of_values_and_clusters_must_agree() -> None:
    with pytest.raises(ValueError, match="for 2 clusters"):
        bootstrap_interval([1.0, 2.0, 3.0], ["a", "b"])


@pytest.mark.parametrize(("count", "per_patient"), [(1, 1), (31, 1), (33, 2), (400, 7)])
def test_medians_are_those_of_the_drawn_values(count: int, per_patient: int) -> None:
    """Also where values tie, or are fewer than the runs in which they are sought."""
    values = np.round(generator(9).normal(size=max(count, 3)), 1)
    numbers = np.arange(len(values)) // per_patient
    clusters = int(numbers.max()) + 1
    found = _drawn_medians(values, numbers, clusters, 50, 3)
    drawn = np.concatenate(list(drawn_cases(numbers, clusters, 50, 3))).astype(int)
    assert found.tolist() == [float(np.median(np.repeat(values, row))) for row in drawn]
