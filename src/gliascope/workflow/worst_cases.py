"""The cases to look at: those that went worst, and those on which systems disagree most."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.case import Case
from gliascope.errors import GliascopeError
from gliascope.report import tile
from gliascope.workflow.paired_scores import Kind
from gliascope.workflow.plain_json import without_nan
from gliascope.workflow.progress import ProgressCallback
from gliascope.workflow.run_folder import dataset_of
from gliascope.workflow.scored_runs import ScoredRun
from gliascope.workflow.systems import System

SHOWN = 6
"""Cases of each kind."""


def leading_metric(kinds: Mapping[str, Kind]) -> str:
    """Return the metric by which cases are ranked: the protocol's first; ``nll`` where that is only right or wrong."""
    return "nll" if "nll" in kinds else next(iter(kinds))


def worst_cases(systems: Sequence[System], kinds: Mapping[str, Kind]) -> list[dict[str, Any]]:
    """Return the cases with the worst score and those with the widest gap between two systems.

    A case is represented by the row (region) of its worst mean score over the systems, or of its widest gap; what is
    undefined is passed over. A case that is both comes once.
    """
    metric = leading_metric(kinds)
    tables = {system.name: system.pooled for system in systems}
    scores: dict[tuple[str, str], dict[str, float]] = {}
    for name, table in tables.items():
        for case, scored in table.items():
            for (row, own_metric), value in scored.values.items():
                if own_metric == metric and not math.isnan(value):
                    scores.setdefault((case, row), {})[name] = value
    up = kinds[metric].direction == "up"
    bad = {key: (1 if up else -1) * float(np.mean(list(own.values()))) for key, own in scores.items()}
    gaps = {key: max(own.values()) - min(own.values()) for key, own in scores.items() if len(own) > 1}
    wide = {key: -gap for key, gap in gaps.items() if gap > 0 and not math.isnan(gap)}
    found: dict[tuple[str, str], list[str]] = {}
    for why, ranked in (("worst", bad), ("disagreement", wide)):
        for key in _first_per_case(ranked):
            found.setdefault(key, []).append(why)
    entries = []
    for (case, row), reasons in found.items():
        who = next(table[case].who for table in tables.values() if case in table)
        told = [{"system": name, "value": value} for name, value in scores[case, row].items()]
        about = {"case": case, "patient": who.get("patient"), "row": row, "metric": metric, "why": reasons}
        about["reference"] = who.get("reference")
        entries.append(without_nan({**about, "scores": told, "gap": gaps.get((case, row))}))
    return entries


def case_pictures(
    cases: Sequence[str], runs: Sequence[ScoredRun], data: str | Path | None, progress: ProgressCallback
) -> dict[str, NDArray[np.uint8]]:
    """Return a picture of each case that can be read from the data of a run; the reference is outlined in white.

    Evaluations keep no predictions, so none are drawn. What cannot be read is left out: a comparison needs no data.
    """
    pictures: dict[str, NDArray[np.uint8]] = {}
    for run in runs:
        missing = [name for name in cases if name not in pictures]
        known = _cases_of(run, data) if missing else {}
        for name in missing:
            if name in known:
                progress("pictures", len(pictures), len(cases))
                picture = _picture(known[name])
                if picture is not None:
                    pictures[name] = picture
    return pictures


def _first_per_case(ranked: Mapping[tuple[str, str], float]) -> list[tuple[str, str]]:
    """Return the keys with the smallest numbers, one per case; equal ones in order of their names."""
    best: dict[str, tuple[str, str]] = {}
    for key in sorted(ranked, key=lambda key: (ranked[key], key)):
        best.setdefault(key[0], key)
    return list(best.values())[:SHOWN]


def _cases_of(run: ScoredRun, data: str | Path | None) -> dict[str, Case]:
    root = data or run.facts.get("data")
    if not root or not run.config or not Path(root).is_dir():
        return {}
    try:
        return {case.id: case for case in dataset_of(run.config, run.name).cases(Path(root))}
    except GliascopeError:
        return {}


def _picture(case: Case) -> NDArray[np.uint8] | None:
    try:
        if case.has_reference:
            scan, reference = case.read_pair()
            return tile(scan, reference=reference)
        return tile(case.read())
    except GliascopeError:
        return None
