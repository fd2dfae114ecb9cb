"""Repeats of one experiment as one system: folds pooled, seeds averaged, and how far they spread."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gliascope.errors import InputError
from gliascope.metrics import summarize
from gliascope.metrics.intervals import bootstrap_interval
from gliascope.workflow.clusters import clusters_of
from gliascope.workflow.paired_scores import CaseScores, Figure, Kind, case_scores
from gliascope.workflow.plain_json import without_nan
from gliascope.workflow.scored_runs import ScoredRun

SHOWN_SETTINGS = 2
"""Settings that tell two systems of one recipe apart by name; more would be no name."""


@dataclass(frozen=True)
class System:
    """Runs that differ in nothing but seed, fold and the draw of the split.

    Args:
        name: The recipe's, with what else tells it from the others.
        runs: At least one.
        scores: The cases of each run, in the order of the runs.
    """

    name: str
    runs: tuple[ScoredRun, ...]
    scores: tuple[Mapping[str, CaseScores], ...]

    @cached_property
    def pooled(self) -> dict[str, CaseScores]:
        """Every case once; one that several runs scored has the mean of its scores."""
        return _pooled(self.scores)

    def facts(self) -> dict[str, Any]:
        """Return the system as ``compare`` tells it."""
        cases = self.pooled
        clusters, by = clusters_of([case.who for case in cases.values()])
        return {
            "name": self.name,
            "runs": [run.name for run in self.runs],
            "cases": len(cases),
            "clusters": len(set(clusters)),
            "by": by,
            "folds": len({run.part for run in self.runs}),
            "seeds": len({run.seed for run in self.runs}),
        }


def group_systems(runs: Sequence[ScoredRun]) -> list[System]:
    """Group runs of one experiment, in order of appearance.

    Raises:
        InputError: A case was compared with one reference in one run and with another in another.
    """
    groups: dict[str, list[ScoredRun]] = {}
    for run in runs:
        groups.setdefault(run.system, []).append(run)
    names = _names(list(groups.values()))
    systems = [
        System(name, tuple(own), tuple(case_scores(run) for run in own))
        for name, own in zip(names, groups.values(), strict=True)
    ]
    _check_references(systems)
    return systems


def figure_facts(system: System, figures: Iterable[Figure], kinds: Mapping[str, Kind]) -> list[dict[str, Any]]:
    """Return the pooled figures of a system, as ``summarize`` describes them, each with its interval by patient."""
    cases = list(system.pooled.values())
    found = []
    for row, metric in figures:
        own = [(case.who, case.values[row, metric]) for case in cases if (row, metric) in case.values]
        if not own:
            continue
        values = [value for _, value in own]
        kind = kinds[metric]
        bounds = (kind.low, kind.high) if math.isfinite(kind.high) else None
        interval = bootstrap_interval(values, clusters_of([who for who, _ in own])[0], bounds=bounds)
        facts = {
            "system": system.name,
            "row": row,
            "metric": metric,
            "direction": kind.direction,
            "unit": kind.unit,
            **summarize(values),
            "ci95": list(interval) if interval else None,
        }
        found.append(without_nan(facts))
    return found


def spread_facts(system: System, figures: Iterable[Figure]) -> list[dict[str, Any]]:
    """Return how far the figures of a system spread over its folds, and over its seeds.

    A fold's figure is the mean of its runs' figures. A seed's figure is that of all its folds pooled; seeds that do not
    stand for the same folds are not compared, as the folds would be mixed in.
    """
    parts: dict[str, list[int]] = {}
    seeds: dict[str, list[int]] = {}
    for number, run in enumerate(system.runs):
        parts.setdefault(run.part, []).append(number)
        seeds.setdefault(str(run.seed), []).append(number)
    covered = {frozenset(system.runs[n].part for n in own) for own in seeds.values()}
    found = []
    for figure in figures:
        folds = [float(np.mean([_mean([system.scores[n]], figure) for n in own])) for own in parts.values()]
        repeats = [_mean([system.scores[n] for n in own], figure) for own in seeds.values()]
        for over, values in (("folds", folds), ("seeds", repeats if len(covered) == 1 else [])):
            if len(values) > 1 and np.isfinite(values).all():
                row, metric = figure
                spread = {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1))}
                ends = {"min": float(min(values)), "max": float(max(values))}
                about = {"system": system.name, "row": row, "metric": metric, "over": over, "n": len(values)}
                found.append({**about, **spread, **ends})
    return found


def _mean(tables: Sequence[Mapping[str, CaseScores]], figure: Figure) -> float:
    """Mean over the cases with a finite value; ``nan`` without any."""
    values = [case.values.get(figure, math.nan) for case in _pooled(tables).values()]
    finite = [value for value in values if math.isfinite(value)]
    return float(np.mean(finite)) if finite else math.nan


def _pooled(tables: Sequence[Mapping[str, CaseScores]]) -> dict[str, CaseScores]:
    several: dict[str, list[CaseScores]] = {}
    for table in tables:
        for name, case in table.items():
            several.setdefault(name, []).append(case)
    return {name: own[0] if len(own) == 1 else _averaged(own) for name, own in several.items()}


def _averaged(several: Sequence[CaseScores]) -> CaseScores:
    """One case scored by several runs: the mean of the values that are defined; infinite where one is."""
    figures = dict.fromkeys(figure for case in several for figure in case.values)
    values = {}
    for figure in figures:
        known = [v for case in several if not math.isnan(v := case.values.get(figure, math.nan))]
        values[figure] = sum(known) / len(known) if known else math.nan
    references = {row: known for case in several for row, known in case.reference.items()}
    return CaseScores(several[0].who, references, values)


def _check_references(systems: Sequence[System]) -> None:
    """Refuse figures of one case against two references: they would differ without any difference of the systems."""
    seen: dict[tuple[str, str], tuple[Any, str]] = {}
    for system in systems:
        for run, table in zip(system.runs, system.scores, strict=True):
            for name, case in table.items():
                for row, known in case.reference.items():
                    before, where = seen.setdefault((name, row), (known, run.name))
                    if None not in (before, known) and before != known:
                        what = "reference" if row == "all" else f"reference of {row}"
                        cause = f"case '{name}' has another {what} in {run.name} ({known}) than in {where} ({before})"
                        hint = "Compare runs that were scored against the same references."
                        raise InputError(cause, hint=hint, code="E_OTHER_REFERENCE")


def _names(groups: Sequence[Sequence[ScoredRun]]) -> list[str]:
    """Name each system by its recipe; of several from one recipe, by the settings that differ, else by a run."""
    recipes = [str(own[0].config.get("name") or own[0].name) for own in groups]
    flat = [_flat(own[0].settings) for own in groups]
    names = []
    for index, recipe in enumerate(recipes):
        twins = [flat[other] for other, name in enumerate(recipes) if name == recipe and other != index]
        differ = [key for key in flat[index] if any(twin.get(key) != flat[index][key] for twin in twins)]
        told = ", ".join(f"{key}={flat[index][key]}" for key in differ[:SHOWN_SETTINGS])
        names.append(f"{recipe} ({told})" if told and len(differ) <= SHOWN_SETTINGS else recipe)
    return [
        name if names.count(name) == 1 else f"{name} [{own[0].name}]" for name, own in zip(names, groups, strict=True)
    ]


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, str) else json.dumps(value)
    return flat
