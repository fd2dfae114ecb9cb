"""What one case scored, as numbers that can be paired: read back from the JSON of an evaluation."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gliascope.errors import InputError
from gliascope.metrics import protocol_named
from gliascope.metrics.calibration import LEAST
from gliascope.workflow.scored_runs import ScoredRun

Figure = tuple[str, str]
"""A row (a region, or ``all``) and a metric."""


@dataclass(frozen=True)
class Kind:
    """What a comparison needs to know of a metric: which way is better, its range, its unit."""

    direction: str
    low: float
    high: float
    unit: str


CLASS_KINDS: dict[str, Kind] = {
    "accuracy": Kind("up", 0, 1, ""),
    "nll": Kind("down", 0, math.inf, ""),
    "brier": Kind("down", 0, 2, ""),
}
"""What a classifier's case scores: whether it is right; -ln of the probability of what is true (nats); the squared
distance of the probabilities from the truth, summed over the classes."""


@dataclass(frozen=True)
class CaseScores:
    """One case of one evaluation.

    Args:
        who: The evaluation's row, for ``case``, ``patient`` and ``group``.
        reference: What it was compared with, by row: the class, or the reference's voxels.
        values: By figure; ``nan`` undefined, ``inf`` infinitely far.
    """

    who: Mapping[str, Any]
    reference: Mapping[str, Any]
    values: Mapping[Figure, float]


def metric_kinds(task: str, protocol: str) -> dict[str, Kind]:
    """Return the metrics of an evaluation in their order; the first is the leading one."""
    if task == "classify":
        return CLASS_KINDS
    metrics = protocol_named(protocol).metrics
    return {name: Kind(m.direction, m.low, m.high, m.unit) for name, m in metrics.items()}


def case_scores(run: ScoredRun) -> dict[str, CaseScores]:
    """Return every case of an evaluation by name.

    Raises:
        InputError: Two cases have one name, or a row lacks what an evaluation holds.
    """
    evaluation = run.evaluation
    kinds = metric_kinds(evaluation["task"], evaluation["protocol"])
    found: dict[str, CaseScores] = {}
    try:
        read = _class_scores if evaluation["task"] == "classify" else _region_reader(evaluation, kinds)
        for row in evaluation["cases"]:
            if row["case"] in found:
                raise InputError(f"two cases are named '{row['case']}'", file=run.file, code="E_AMBIGUOUS")
            found[row["case"]] = read(row)
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        hint = "Evaluate the run again."
        raise InputError(
            f"holds a case without what is compared ({fault!r})", file=run.file, hint=hint, code="E_FORMAT"
        ) from None
    return found


def _class_scores(row: Mapping[str, Any]) -> CaseScores:
    truth, probabilities = row["reference"], row["probabilities"]
    distance = sum((float(p) - (name == truth)) ** 2 for name, p in probabilities.items())
    values = {
        ("all", "accuracy"): float(row["prediction"] == truth),
        ("all", "nll"): -math.log(max(float(probabilities[truth]), LEAST)),
        ("all", "brier"): distance,
    }
    return CaseScores(row, {"all": truth}, values)


def _region_reader(evaluation: Mapping[str, Any], kinds: Mapping[str, Kind]) -> Any:  # noqa: ANN401 - a function
    """Return the function that reads one case of masks.

    JSON holds null for undefined and for infinite values alike. A null is infinite where one mask is empty and the
    metric has no largest value, unless the evaluation could not measure that metric at all.
    """
    rows = [scores for case in evaluation["cases"] for scores in case.values() if isinstance(scores, dict)]
    measured = {name for name in kinds if any(scores.get(name) is not None for scores in rows)}

    def value(scores: Mapping[str, Any], name: str) -> float:
        number = scores[name]
        if number is not None:
            return float(number)
        far = (
            name in measured and math.isinf(kinds[name].high) and scores.get("outcome") in ("missed", "false_positive")
        )
        return math.inf if far else math.nan

    def read(row: Mapping[str, Any]) -> CaseScores:
        regions = {name: scores for name, scores in row.items() if isinstance(scores, dict)}
        values = {(r, name): value(scores, name) for r, scores in regions.items() for name in kinds if name in scores}
        return CaseScores(row, {r: scores.get("reference_voxels") for r, scores in regions.items()}, values)

    return read
