"""Differences between systems, case by case: how large, how sure, and corrected for how many were looked at."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from gliascope.errors import InputError, Notice, counted
from gliascope.metrics.intervals import bootstrap_interval
from gliascope.metrics.paired_tests import holm, permutation_test, wilcoxon_test
from gliascope.workflow.clusters import clusters_of
from gliascope.workflow.paired_scores import CaseScores, Figure, Kind
from gliascope.workflow.plain_json import without_nan
from gliascope.workflow.systems import System

TESTS = ("permutation", "wilcoxon")
DECIMALS = 12
"""Beyond these a difference is what floating point leaves of none, and no finding."""


def pair_facts(systems: Sequence[System]) -> tuple[list[dict[str, Any]], list[Notice]]:
    """Return how many cases each pair of systems has in common, and a notice for every pair that lacks some.

    Raises:
        InputError: A pair has no case or no region in common.
    """
    pairs, notices = [], []
    for first, second in combinations(systems, 2):
        one, two = first.pooled, second.pooled
        common = one.keys() & two.keys()
        if not common:
            cause = f"{first.name} and {second.name} have no case in common"
            hint = "Compare runs that were scored on the same cases, matched by name."
            raise InputError(cause, hint=hint, code="E_NO_COMMON_CASE")
        pair = {"first": first.name, "second": second.name, "common": len(common)}
        pairs.append({**pair, "only_first": len(one) - len(common), "only_second": len(two) - len(common)})
        rows = [list(dict.fromkeys(row for case in own.values() for row in case.reference)) for own in (one, two)]
        if not set(rows[0]) & set(rows[1]):
            cause = (
                f"{first.name} and {second.name} have no region in common: {_listed(rows[0])} and {_listed(rows[1])}"
            )
            hint = "Compare masks whose label schemes share a region."
            raise InputError(cause, hint=hint, code="E_NO_COMMON_REGION")
        alone = [row for row in (*rows[0], *rows[1]) if not (row in rows[0] and row in rows[1])]
        if alone:
            text = f"Only one of {first.name} and {second.name} has {_listed(alone)}; no difference is computed."
            notices.append(Notice("W_UNMATCHED", "", text))
        if set(one) != set(two):
            left = f"{len(one) - len(common)} only in the first, {len(two) - len(common)} only in the second"
            shared = counted(len(common), "case")
            text = f"{first.name} and {second.name} share {shared}; left out of their differences: {left}."
            notices.append(Notice("W_UNMATCHED", "", text))
    return pairs, notices


def _listed(rows: Sequence[str]) -> str:
    return ", ".join(rows)


def difference_facts(
    systems: Sequence[System], figures: Sequence[Figure], kinds: Mapping[str, Kind]
) -> list[dict[str, Any]]:
    """Return the paired differences of every pair of systems and every figure that both have.

    All tests that are shown are one family: Holm's correction is over all of them, for each kind of test.
    """
    found = []
    tables = {system.name: system.pooled for system in systems}
    for first, second in combinations(systems, 2):
        one, two = tables[first.name], tables[second.name]
        common = [name for name in one if name in two]
        for figure in figures:
            pairs = [(one[name], two[name]) for name in common]
            pairs = [pair for pair in pairs if all(figure in case.values for case in pair)]
            if pairs:
                about = {"first": first.name, "second": second.name, "row": figure[0], "metric": figure[1]}
                found.append({**about, "direction": kinds[figure[1]].direction, **_difference(pairs, figure)})
    for test in TESTS:
        corrected = holm([facts[f"p_{test}"] for facts in found])
        for facts, p in zip(found, corrected, strict=True):
            facts[f"p_{test}_holm"] = p
    return [without_nan(facts) for facts in found]


def _difference(pairs: Sequence[tuple[CaseScores, CaseScores]], figure: Figure) -> dict[str, Any]:
    values = np.array([[case.values[figure] for case in pair] for pair in pairs])
    kept = np.isfinite(values).all(axis=1)
    clusters = [cluster for cluster, keep in zip(clusters_of([p[0].who for p in pairs])[0], kept, strict=True) if keep]
    differences = np.round(values[kept, 0] - values[kept, 1], DECIMALS)
    interval = bootstrap_interval(differences, clusters)
    means = values[kept].mean(axis=0) if kept.any() else (math.nan, math.nan)
    return {
        "n": int(kept.sum()),
        "clusters": len(set(clusters)),
        "undefined": int(np.isnan(values).any(axis=1).sum()),
        "infinite_first": int(np.isinf(values[:, 0]).sum()),
        "infinite_second": int(np.isinf(values[:, 1]).sum()),
        "mean_first": float(means[0]),
        "mean_second": float(means[1]),
        "mean": float(differences.mean()) if kept.any() else math.nan,
        "ci95": list(interval) if interval else None,
        "p_permutation": permutation_test(differences, clusters),
        "p_wilcoxon": wilcoxon_test(differences, clusters),
    }
