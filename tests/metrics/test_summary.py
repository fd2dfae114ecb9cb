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
        "infinite": 0,
    }


@pytest.mark.parametrize(("values", "missing"), [([], 0), ([NAN, NAN], 2)])
def test_nothing_to_summarize(values: list[float], missing: int) -> None:
    summary = summarize(values)
    assert all(math.isnan(summary[name]) for name in ("mean", "median", "sd"))
    assert (summary["n"], summary["missing"]) == (0, missing)


def test_one_value_has_no_spread() -> None:
    assert math.isnan(summarize([0.5])["sd"])


def test_infinite_values_are_counted_and_left_out_of_the_mean_but_not_of_the_median() -> None:
    assert summarize([1.0, 3.0, math.inf, NAN]) == {
        "mean": 2.0,
        "median": 3.0,
        "sd": pytest.approx(math.sqrt(2)),
        "n": 3,
        "missing": 1,
        "infinite": 1,
    }


def test_where_most_are_infinite_the_median_is() -> None:
    summary = summarize([1.0, math.inf, math.inf])
    assert (summary["mean"], summary["median"], summary["infinite"]) == (1.0, math.inf, 2)
    nothing_finite = summarize([math.inf])
    assert math.isnan(nothing_finite["mean"])
    assert nothing_finite["n"] == nothing_finite["infinite"] == 1
