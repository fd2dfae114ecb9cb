"""What earlier calls told of runs that are no longer in the folder: networks are large and may go, figures stay."""

from collections.abc import Mapping
from typing import Any

_OF_THE_SOURCES_SPLIT = ("same_data", "same_split", "score")
"""What an entry tells of its run on the source's split."""


def with_removed_runs(entry: dict[str, Any], earlier: Mapping[str, Any] | None) -> dict[str, Any]:
    """Add to a system's entry the divisions that an earlier one tells of and that have no run now.

    Args:
        entry: As ``entry_of`` made it; where the data is not at hand it stays as it is.
        earlier: The system's entry in the folder's ``reproduce.json``, if any.
    """
    if earlier is None or entry["status"] == "no_data":
        return entry
    there = {run["division"] for run in entry["runs"]}
    removed = [{**run, "folder": None} for run in earlier["runs"] if run["division"] not in there]
    gone = {run["division"] for run in removed}
    if not gone:
        return entry
    told = {_key(figure): figure for figure in earlier["figures"]}
    figures = [_joined(figure, told.get(_key(figure)), gone) for figure in entry["figures"]]
    joined = {
        **entry,
        "parameters": entry["parameters"] or earlier["parameters"],
        "runs": sorted([*entry["runs"], *removed], key=lambda run: run["division"] != "source"),
        "figures": figures if there else list(earlier["figures"]),
    }
    return joined | ({name: earlier[name] for name in _OF_THE_SOURCES_SPLIT} if "source" in gone else {})


def _key(figure: Mapping[str, Any]) -> tuple[str, ...]:
    return figure["metric"], figure["row"], figure["part"], figure["scored"]


def _joined(figure: dict[str, Any], earlier: Mapping[str, Any] | None, gone: set[str]) -> dict[str, Any]:
    """Return a figure with what was told of divisions that are gone."""
    if earlier is None:
        return figure
    kept = {name: {division: earlier[name][division] for division in gone} for name in ("ours", "reached")}
    return {**figure, **{name: {**figure[name], **own} for name, own in kept.items()}}
