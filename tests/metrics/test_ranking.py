import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from gliascope.metrics.ranking import rank_classes

CASES = st.lists(st.tuples(st.integers(0, 2), *[st.integers(0, 4)] * 3), min_size=2, max_size=40)
"""A class and three scores from few values each, so that ties abound."""


@given(cases=CASES)
@settings(max_examples=80, deadline=None)
def test_areas_agree_with_scikit_learn(cases: list[tuple[int, int, int, int]]) -> None:
    reference = np.array([case[0] for case in cases])
    scores = np.array([case[1:] for case in cases]) / 4
    counted = rank_classes(reference, scores).counted()
    for index, (roc, precision) in enumerate(zip(counted.roc_auc(), counted.average_precision(), strict=True)):
        inside = reference == index
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
    reference = np.array([case[0] for case in cases])
    scores = np.array([case[1:] for case in cases]) / 4
    drawn = np.random.Generator(np.random.Philox(key=seed)).integers(0, len(cases), len(cases))
    counted = rank_classes(reference, scores).counted(np.bincount(drawn, minlength=len(cases)).astype(float))
    repeated = rank_classes(reference[drawn], scores[drawn]).counted()
    np.testing.assert_allclose(counted.roc_auc(), repeated.roc_auc(), rtol=1e-12)
    np.testing.assert_allclose(counted.average_precision(), repeated.average_precision(), rtol=1e-12)


def test_hand_made_values() -> None:
    """Ranks 1 0 1 0 from the top: 3 of 4 pairs in order; precision 1 at the first, 2/3 at the second."""
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    counted = rank_classes(np.array([0, 1, 0, 1]), scores).counted()
    assert counted.roc_auc().tolist() == [0.75, 0.75]
    assert counted.average_precision()[0] == pytest.approx((1 + 2 / 3) / 2)


def test_one_score_for_all_is_chance() -> None:
    counted = rank_classes(np.array([0, 1, 1, 1]), np.full((4, 2), 0.5)).counted()
    assert counted.roc_auc().tolist() == [0.5, 0.5]
    assert counted.average_precision().tolist() == [0.25, 0.75]
