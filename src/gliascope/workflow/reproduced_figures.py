"""A source's figures beside ours: how they compare, and whether ours reach them."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from gliascope.workflow.reproduce_runs import DIVISIONS, Division, DoneRun
from gliascope.workflow.run_figures import POOLED, Figures, direction_of, figures_of

if TYPE_CHECKING:
    from gliascope.config import ReportedFigure, RunConfig, SystemConfig

Found = Mapping[Division, Mapping[str, list[Figures]]]
"""The figures of every run, by division and part."""

LEADING: Mapping[str, Sequence[str]] = {
    "classify": ("accuracy",),
    "segment": ("dice", "iou"),
    "cascade": ("accuracy", "dice"),
}
"""What is shown of ours where the source reports nothing."""


def figure_facts(config: "RunConfig | SystemConfig", runs: Sequence[DoneRun]) -> list[dict[str, Any]]:
    """Return one entry per figure that the source reports, or our leading ones where it reports none.

    Where the source scores only cases with tumor, its figure is compared with ours of those, and stands a second time
    beside ours of all cases, uncompared.
    """
    found = {division: _by_part([run for run in runs if run.division == division]) for division in DIVISIONS}
    with_tumor = any(part.endswith("-with-tumor") for parts in found.values() for part in parts)
    beside = "all_too" if with_tumor else "all"
    entries = []
    for reported in config.reported:
        part = reported.part
        if with_tumor:
            entries.append(_entry(reported, f"{part}-with-tumor", found, scored="with_tumor", compared=True))
        entries.append(_entry(reported, part, found, scored=beside, compared=not with_tumor))
    if config.reported:
        return entries
    ways = [*([("test-with-tumor", "with_tumor")] if with_tumor else []), ("test", beside)]
    for metric in LEADING[config.task]:
        entries += [_bare_entry(metric, part, found, scored) for part, scored in ways]
    return entries


def is_reached(theirs: float, ours: Mapping[str, Any], direction: str | None) -> bool | None:
    """Say whether our figure reaches another: that one lies inside our interval, or ours is better.

    Args:
        theirs: The source's figure.
        ours: ``value``, and either ``ci95`` or, over several folds, ``sd``.
        direction: Which way is better; None: neither, and nothing is said.

    Example:
        >>> ours = {"value": 0.95, "sd": None, "ci95": [0.93, 0.97], "folds": None}
        >>> is_reached(0.965, ours, "up"), is_reached(0.98, ours, "up"), is_reached(0.5, ours, "up")
        (True, False, True)
    """
    if direction is None:
        return None
    low = high = ours["value"]
    if ours["sd"] is not None:
        low, high = low - ours["sd"], high + ours["sd"]
    elif ours["ci95"] is not None:
        low, high = min(low, ours["ci95"][0]), max(high, ours["ci95"][1])
    return bool(theirs <= high if direction == "up" else theirs >= low)


def _by_part(runs: Sequence[DoneRun]) -> dict[str, list[Figures]]:
    """Return the figures of every run by part; of folds, a part that not all have is left out."""
    parts = dict.fromkeys(part for run in runs for part in run.evaluations)
    found = {part: [figures_of(run.evaluations[part]) for run in runs if part in run.evaluations] for part in parts}
    return {part: each for part, each in found.items() if len(each) == len(runs)}


def _entry(
    reported: "ReportedFigure",
    part: str,
    found: Found,
    *,
    scored: str,
    compared: bool,
) -> dict[str, Any]:
    ours = {division: _ours(parts.get(part, []), reported.row, reported.metric) for division, parts in found.items()}
    direction = direction_of(reported.metric)
    reached = {
        division: is_reached(reported.value, own, direction) if own is not None and compared else None
        for division, own in ours.items()
    }
    return {
        "metric": reported.metric,
        "row": reported.row,
        "part": reported.part,
        "scored": scored,
        "direction": direction,
        "theirs": {"value": reported.value, "sd": reported.sd},
        "note": reported.note,
        "ours": ours,
        "reached": reached,
    }


def _bare_entry(metric: str, part: str, found: Found, scored: str) -> dict[str, Any]:
    ours = {division: _ours(parts.get(part, []), "all", metric) for division, parts in found.items()}
    return {
        **{"metric": metric, "row": "all", "part": "test", "scored": scored, "direction": direction_of(metric)},
        **{"theirs": None, "note": "", "ours": ours, "reached": dict.fromkeys(ours)},
    }


def _ours(each: Sequence[Figures], row: str, metric: str) -> dict[str, Any] | None:
    """Return our figure as plain data: of one run with its interval, of several folds as mean and deviation."""
    values = [own for figures in each if (own := _looked_up(figures, row, metric)) is not None]
    if not values or len(values) < len(each):
        return None
    if len(values) == 1:
        (one,) = values
        ends = None if one.ci95 is None else list(one.ci95)
        return {"value": one.value, "sd": None, "ci95": ends, "n": one.n, "infinite": one.infinite, "folds": None}
    plain = [own.value for own in values]
    infinite = sum(own.infinite for own in values)
    n = sum(own.n for own in values)
    return {"value": fmean(plain), "sd": stdev(plain), "ci95": None, "n": n, "infinite": infinite, "folds": len(plain)}


def _looked_up(figures: Figures, row: str, metric: str) -> Any:  # noqa: ANN401 - a figure or None
    """Find a figure; what is only known of all voxels together needs no prefix."""
    own = figures.get(row, {})
    return own.get(metric) or own.get(f"{POOLED}{metric}")
