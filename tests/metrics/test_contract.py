"""Every row of METRICS keeps what the table says."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gliascope.errors import GeometryError, LabelError
from gliascope.metrics import METRICS
from gliascope.metrics.overlap import BoolArray

EMPTY = np.zeros((4, 5, 3), dtype=np.bool_)
PART = EMPTY.copy()
PART[1:3, 2:4, :2] = True


def same(value: float, expected: float) -> bool:
    return value == expected or (math.isnan(value) and math.isnan(expected))


@pytest.mark.parametrize("name", METRICS)
def test_perfect_is_best(name: str) -> None:
    assert METRICS[name].function(PART, PART.copy()) == METRICS[name].best


@pytest.mark.parametrize("name", METRICS)
def test_worse_is_on_the_other_side_of_best(name: str) -> None:
    metric = METRICS[name]
    shifted = np.roll(PART, 1, axis=0)
    assert not same(metric.function(shifted, PART), metric.best)
    assert (metric.function(shifted, PART) < metric.best) == (metric.direction == "up")


@pytest.mark.parametrize("name", METRICS)
def test_empty_masks_give_the_value_of_the_table(name: str) -> None:
    metric = METRICS[name]
    assert same(metric.function(EMPTY, EMPTY), metric.empty_both)
    if metric.empty_one is not None:
        assert metric.function(PART, EMPTY) == metric.empty_one
        assert metric.function(EMPTY, PART) == metric.empty_one
    else:
        assert not math.isnan(metric.function(PART, EMPTY))
        assert not math.isnan(metric.function(EMPTY, PART))


PAIRS = array_shapes(min_dims=1, max_dims=3, max_side=5).flatmap(
    lambda shape: st.tuples(arrays(np.bool_, shape), arrays(np.bool_, shape))
)


@pytest.mark.parametrize("name", METRICS)
@given(masks=PAIRS)
@settings(max_examples=60, deadline=None)
def test_values_lie_in_range_and_symmetry_is_as_claimed(name: str, masks: tuple[BoolArray, BoolArray]) -> None:
    metric = METRICS[name]
    value, swapped = metric.function(*masks), metric.function(*masks[::-1])
    if metric.unit == "":
        assert math.isnan(value) or 0.0 <= value <= 1.0
    if metric.symmetric:
        assert same(value, swapped)


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if not metric.symmetric])
def test_a_metric_without_the_claim_is_not_symmetric(name: str) -> None:
    more = PART.copy()
    more[0] = True
    assert METRICS[name].function(PART, more) != METRICS[name].function(more, PART)


@pytest.mark.parametrize("name", METRICS)
def test_other_shapes_and_types_are_refused(name: str) -> None:
    with pytest.raises(GeometryError, match=r"\(4, 5, 2\) against a reference of \(4, 5, 3\)"):
        METRICS[name].function(EMPTY[..., :2], EMPTY)
    with pytest.raises(LabelError, match="boolean masks, got uint8"):
        METRICS[name].function(PART.astype(np.uint8), PART)
