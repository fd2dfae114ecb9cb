import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliascope.metrics import summarize

NAN = float("nan")


@given(st.lists(st.floats(min_value=-1e3, max_value=1e3), min_size=2, max_size=20))
def test_values_agree_with_the_standard_library(values: list[float]) -> None:
    summary = summarize(values)
    assert summary["mean"] == pytest.approx(statistics.fmean(values), abs=1e-9)
    assert summary["median"] == pytest.approx(statistics.median(values), abs=1e-9)
    assert summary["sd"] == pytest.approx(statistics.stdev(values), abs=1e-6)
    assert (summary["n"], summary["missing"]) == (len(values), 0)


def test_undefined_values_are_counted_and_left_out() -> None:
    assert summarize([NAN, 0.25, 0.75, NAN]) == {
        "mean": 0.5,
        "median": 0.5,
        "sd": pytest.approx(0.3535533905932738),
        "n": 2,
        "missing": 2,
    }


@pytest.mark.parametrize(("values", "missing"), [([], 0), ([NAN, NAN], 2)])
def test_nothing_to_summarize(values: list[float], missing: int) -> None:
    summary = summarize(values)
    assert all(math.isnan(summary[name]) for name in ("mean", "median", "sd"))
    assert (summary["n"], summary["missing"]) == (0, missing)


def test_one_value_has_no_spread() -> None:
    assert math.isnan(summarize([0.5])["sd"])


def test_an_infinite_value_makes_the_mean_infinite_and_the_spread_undefined() -> None:
    summary = summarize([1.0, 2.0, math.inf])
    assert summary["mean"] == math.inf
    assert summary["median"] == 2.0
    assert math.isnan(summary["sd"])
