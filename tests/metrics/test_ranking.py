import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from gliascope.metrics.ranking import Counted, rank_cases

CASES = st.lists(st.tuples(st.integers(0, 2), *[st.integers(0, 4)] * 3), min_size=2, max_size=40)
"""A class and three scores from few values each, so that ties abound."""


def once(inside: NDArray[np.bool_], scores: NDArray[np.float64]) -> Counted:
    return rank_cases(inside, scores).counted(np.ones((1, len(scores))))


@given(cases=CASES)
@settings(max_examples=80, deadline=None)
def test_areas_agree_with_scikit_learn(cases: list[tuple[int, int, int, int]]) -> None:
    reference = np.array([case[0] for case in cases])
    scores = np.array([case[1:] for case in cases]) / 4
    for index in range(3):
        inside = reference == index
        counted = once(inside, scores[:, index])
        (roc,), (precision,) = counted.roc_auc(), counted.average_precision()
        if inside.any():
            wanted = sklearn_metrics.average_precision_score(inside, scores[:, index])
            assert precision == pytest.approx(wanted)
        else:
            assert math.isnan(precision)
        if inside.any() and not inside.all():
            assert roc == pytest.approx(sklearn_metrics.roc_auc_score(inside, scores[:, index]))
        else:
            assert math.isnan(roc)


@given(cases=CASES, seed=st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_counting_a_case_twice_is_having_it_twice(cases: list[tuple[int, int, int, int]], seed: int) -> None:
    inside = np.array([case[0] for case in cases]) == 1
    scores = np.array([case[2] for case in cases]) / 4
    drawn = np.random.Generator(np.random.Philox(key=seed)).integers(0, len(cases), (3, len(cases)))
    counts = np.stack([np.bincount(rows, minlength=len(cases)) for rows in drawn]).astype(float)
    counted = rank_cases(inside, scores).counted(counts)
    for number, rows in enumerate(drawn):
        repeated = once(inside[rows], scores[rows])
        np.testing.assert_allclose(counted.roc_auc()[number], repeated.roc_auc()[0], rtol=1e-12)
        np.testing.assert_allclose(counted.average_precision()[number], repeated.average_precision()[0], rtol=1e-12)


def test_hand_made_values() -> None:
    """Ranks 1 0 1 0 from the top: 3 of 4 pairs in order; precision 1 at the first, 2/3 at the second."""
    counted = once(np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.6]))
    assert counted.roc_auc().tolist() == [0.75]
    assert counted.average_precision()[0] == pytest.approx((1 + 2 / 3) / 2)


def test_one_score_for_all_is_chance() -> None:
    counted = once(np.array([True, False, False, False]), np.full(4, 0.5))
    assert counted.roc_auc().tolist() == [0.5]
    assert counted.average_precision().tolist() == [0.25]
