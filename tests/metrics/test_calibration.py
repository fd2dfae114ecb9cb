import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from gliascope.metrics.calibration import (
    BINS,
    LEAST,
    Reliability,
    brier_score,
    calibration_error,
    class_answers,
    negative_log_likelihood,
    reliability_bins,
    yes_no_answers,
)

SEEDS = st.integers(0, 10_000)


def draws(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed))


@given(seed=SEEDS, cases=st.integers(4, 60), classes=st.integers(2, 5))
@settings(max_examples=40, deadline=None)
def test_brier_and_likelihood_agree_with_scikit_learn(seed: int, cases: int, classes: int) -> None:
    draw = draws(seed)
    probabilities = draw.dirichlet(np.ones(classes), cases)
    reference = draw.integers(0, classes, cases)
    labels = list(range(classes))
    wanted = sklearn_metrics.log_loss(reference, probabilities, labels=labels)
    assert negative_log_likelihood(probabilities, reference) == pytest.approx(wanted)
    squares = classes * sklearn_metrics.mean_squared_error(np.eye(classes)[reference], probabilities)
    assert brier_score(probabilities, reference) == pytest.approx(squares)
    inside = reference == 0
    one = yes_no_answers(probabilities[:, 0], inside).total()
    if inside.any() and not inside.all():
        assert one.brier() == pytest.approx(sklearn_metrics.brier_score_loss(inside, probabilities[:, 0]))
    wanted = sklearn_metrics.log_loss(inside, probabilities[:, 0], labels=[False, True])
    assert one.nll() == pytest.approx(wanted)


@given(seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_sums_of_parts_are_those_of_the_whole(seed: int) -> None:
    draw = draws(seed)
    p = draw.random(300).astype(np.float32)
    happened = draw.random(300) < p
    whole = yes_no_answers(p, happened).total()
    parts = [yes_no_answers(p[part], happened[part]).total().sums for part in (slice(100), slice(100, None))]
    np.testing.assert_allclose(np.sum(parts, axis=0), whole.sums, rtol=1e-12)
    np.testing.assert_allclose(yes_no_answers(p, happened).each().sums.sum(axis=0), whole.sums, rtol=1e-12)
    np.testing.assert_allclose(Reliability(np.stack([whole.sums] * 2)).figures(), [whole.figures()] * 2)


def test_error_by_the_definition() -> None:
    """One loop over the bins, as the source writes it."""
    draw = draws(1)
    confidence = draw.random(500)
    right = draw.random(500) < confidence**2
    total = 0.0
    for index in range(BINS):
        inside = (confidence > index / BINS) & (confidence <= (index + 1) / BINS)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert calibration_error(confidence, right) == pytest.approx(total)


def test_edges_belong_to_the_lower_bin() -> None:
    edges = np.arange(BINS + 1) / BINS
    counted = [row["n"] for row in reliability_bins(edges, np.ones(BINS + 1))]
    assert counted == [2, *[1] * (BINS - 1)]


def test_diagram_of_hand_made_values() -> None:
    rows = reliability_bins([0.95, 0.99, 0.5], [True, False, True])
    assert rows[-1] == {"low": pytest.approx(14 / 15), "high": 1.0, "confidence": 0.97, "observed": 0.5, "n": 2}
    assert (rows[7]["confidence"], rows[7]["observed"], rows[7]["n"]) == (0.5, 1.0, 1)
    assert math.isnan(rows[0]["observed"])
    assert rows[0]["n"] == 0


def test_honest_probabilities_have_little_error_and_a_boast_much() -> None:
    draw = draws(2)
    p = draw.random(200_000)
    happened = draw.random(200_000) < p
    assert calibration_error(p, happened) < 0.005
    # All said with certainty, half of it true.
    assert calibration_error(np.ones(1000), np.arange(1000) % 2 == 0) == pytest.approx(0.5)


def test_a_sure_mistake_costs_a_finite_amount() -> None:
    assert negative_log_likelihood([[1.0, 0.0]], [1]) == pytest.approx(-math.log(LEAST))
    assert brier_score([[1.0, 0.0]], [1]) == 2.0


def test_top_label_of_classes() -> None:
    """The confidence is that of the answer, right where the answer is: 0.7 right, 0.6 wrong."""
    answers = class_answers([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1]], [0, 2])
    assert answers.each().sums.shape == (2, 3 * BINS + 2)
    found = answers.total()
    np.testing.assert_allclose(answers.each().sums.sum(axis=0), found.sums)
    assert found.ece() == pytest.approx((0.3 + 0.6) / 2)
    assert found.brier() == pytest.approx((0.09 + 0.04 + 0.01 + 0.09 + 0.36 + 0.81) / 2)
    assert found.nll() == pytest.approx(-(math.log(0.7) + math.log(0.1)) / 2)


def test_without_answers_nothing_is_known() -> None:
    assert np.isnan(yes_no_answers([], []).total().figures()).all()
    with pytest.raises(ValueError, match="shape"):
        yes_no_answers(np.zeros(2), np.zeros(3, dtype=bool))
    with pytest.raises(ValueError, match="shape"):
        class_answers(np.zeros((2, 2)), np.zeros(3, dtype=int))
