from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.metrics.calibration import LEAST, class_answers
from gliascope.metrics.class_table import CALIBRATION_METRICS, CLASS_METRICS, OVERALL_METRICS, ClassMetric
from gliascope.metrics.classification import evaluate_classes

EVERY = {**CLASS_METRICS, **OVERALL_METRICS, **CALIBRATION_METRICS}
REFERENCE = ["a", "a", "b", "b", "b"]
PERFECT = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])


def figures(probabilities: NDArray[Any]) -> dict[str, float]:
    summary = evaluate_classes(REFERENCE, probabilities, ("a", "b"))["summary"]
    total = class_answers(probabilities, [0, 0, 1, 1, 1]).total()
    calibration = {"ece": float(total.ece()), "brier": float(total.brier()), "nll": float(total.nll())}
    return {**summary["a"], **summary["all"], **calibration}


def test_every_figure_has_a_row() -> None:
    assert set(figures(PERFECT)) - {"support"} == set(EVERY)
    summary = evaluate_classes(REFERENCE, PERFECT, ("a", "b"))["summary"]
    assert set(summary["macro"]) == set(summary["weighted"]) == set(summary["b"]) == {*CLASS_METRICS, "support"}


@pytest.mark.parametrize(("name", "metric"), EVERY.items(), ids=str)
def test_the_row_says_what_is_best_and_what_is_possible(name: str, metric: ClassMetric) -> None:
    best = {"up": metric.high, "down": metric.low, None: 1.0}[metric.direction]
    assert figures(PERFECT)[name] == pytest.approx(best, abs=1e-6)
    for probabilities in (1 - PERFECT, np.full((5, 2), 0.5), np.linspace(0, 1, 10).reshape(5, 2)):
        assert metric.low <= figures(probabilities)[name] <= metric.high + 1e-9
    assert figures(1 - PERFECT)["nll"] == pytest.approx(-np.log(LEAST))
