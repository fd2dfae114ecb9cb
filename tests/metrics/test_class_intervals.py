import time

import numpy as np
import pytest

from gliascope.metrics.class_intervals import class_intervals
from gliascope.metrics.classification import ClassifiedCases, classified_cases
from gliascope.metrics.intervals import bootstrap_interval

CLASSES = ("a", "b", "c", "d")


def cases(count: int, *, seed: int = 0, classes: int = 4, reach: float = 2.0) -> ClassifiedCases:
    draw = np.random.Generator(np.random.Philox(key=seed))
    reference = draw.integers(0, classes, count)
    logits = draw.normal(0, 1, (count, classes)) + reach * np.eye(classes)[reference]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = CLASSES[:classes]
    return classified_cases([names[index] for index in reference], probabilities, names)


@pytest.mark.parametrize(("count", "per_patient"), [(300, 1), (1311, 3)])
def test_every_figure_has_an_interval_around_it_in_time(count: int, per_patient: int) -> None:
    known = cases(count)
    start = time.process_time()
    found = class_intervals(known, [index // per_patient for index in range(count)])
    assert time.process_time() - start < 6, "about a second on a free machine"
    for row, figures in known.summary().items():
        assert set(found[row]) == set(figures) - {"support"}
        for name, interval in found[row].items():
            assert interval is not None
            assert interval[0] < figures[name] < interval[1]
            assert interval[1] - interval[0] < 0.3


@pytest.mark.parametrize("per_patient", [1, 4])
def test_accuracy_has_the_interval_of_a_mean(per_patient: int) -> None:
    known = cases(120)
    clusters = [index // per_patient for index in range(120)]
    right = known.predicted == known.reference
    wanted = bootstrap_interval(right, clusters)
    found = class_intervals(known, clusters)["all"]["accuracy"]
    assert found is not None
    assert wanted is not None
    assert found == pytest.approx(wanted, abs=1e-12)


def test_copies_of_one_patient_are_no_evidence() -> None:
    """Each case ten times: by case the interval shrinks, by patient it stays."""
    once = cases(40)
    ten = classified_cases(
        [CLASSES[index] for index in np.repeat(once.reference, 10)], np.repeat(once.probabilities, 10, axis=0), CLASSES
    )
    alone = class_intervals(once, range(40))["all"]["accuracy"]
    together = class_intervals(ten, [index // 10 for index in range(400)])["all"]["accuracy"]
    apart = class_intervals(ten, range(400))["all"]["accuracy"]
    assert alone is not None
    assert together is not None
    assert apart is not None
    assert together == pytest.approx(alone)
    assert apart[1] - apart[0] < 0.5 * (alone[1] - alone[0])


def test_a_perfect_share_gets_its_exact_limit_and_no_certainty() -> None:
    known = cases(30, classes=2, reach=50.0)
    found = class_intervals(known, range(30))
    assert found["all"]["accuracy"] == pytest.approx((0.025 ** (1 / 30), 1.0))
    size = int((known.reference == 0).sum())
    assert found["a"]["recall"] == pytest.approx((0.025 ** (1 / size), 1.0))
    assert found["a"]["roc_auc"] is None
    assert found["all"]["mean_confidence"] is None


def test_two_patients_allow_no_interval() -> None:
    found = class_intervals(cases(20), [index % 2 for index in range(20)])
    assert all(interval is None for row in found.values() for interval in row.values())


def test_every_case_needs_a_cluster() -> None:
    with pytest.raises(ValueError, match="2 clusters for 20 cases"):
        class_intervals(cases(20), ["a", "b"])
