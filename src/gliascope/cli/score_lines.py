"""The scores of an evaluation as lines for the terminal."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

NAMED = 4
"""Cases of one kind that are named one by one."""

SIZES = ("prediction_volume_ml", "reference_volume_ml", "prediction_voxels", "reference_voxels")
"""What a summary holds besides the metrics; the page and the table show it."""


def score_lines(facts: Mapping[str, Any], folder: Path | None) -> Iterator[str]:
    """Say how it was scored, what could not be, and the figures per region or class."""
    yield f"protocol {facts['protocol']}; {facts['split']}"
    yield from _mask_lines(facts) if facts["task"] == "segment" else _class_lines(facts)
    if folder is not None:
        yield f"open {folder / 'report.html'}"


def _mask_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    rules, counts, intervals = facts["protocol_facts"], facts["counts"], facts["intervals"]
    yield f"  HD95: {rules['hausdorff']}"
    if rules["tolerance_mm"] is not None:
        yield f"  nsd: within {rules['tolerance_mm']:g} mm"
    if rules["spacing_mm"] is not None:
        yield f"  voxel size: as given, {' x '.join(f'{size:g}' for size in rules['spacing_mm'])} mm"
    yield f"  cases {counts['cases']}; in brackets: {intervals['level']:.0%} interval by {intervals['by']}"
    for outcome in ("both_empty", "missed", "false_positive"):
        yield f"  {outcome.replace('_', ' ')} {counts[outcome]}{_named(facts, outcome)}"
    for region, row in facts["summary"].items():
        yield f"  {region}:"
        width = max(len(name) for name in row)
        for name, figures in row.items():
            if name not in SIZES:
                yield f"    {name:{width}} {_figures(figures, rules['metrics'][name]['unit'])}"
    if "classification" in facts:
        yield "  classification, which decides what is segmented:"
        yield from _class_lines(facts["classification"])


def _named(facts: Mapping[str, Any], outcome: str) -> str:
    found = [
        f"{region} of {case['case']}"
        for region in facts["summary"]
        for case in facts["cases"]
        if region in case and case[region]["outcome"] == outcome
    ]
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f": {', '.join(found[:NAMED])}{more}" if found else ""


def _figures(figures: Mapping[str, Any], unit: str) -> str:
    """Mean with interval, median, and what the mean leaves out."""
    if not figures["n"]:
        return "undefined"
    words = f" {unit}" if unit else ""
    interval = figures["ci95"]
    within = "" if interval is None else f" [{_number(interval[0])}, {_number(interval[1])}]"
    text = f"{_number(figures['mean'])}{words}{within}, median {_number(figures['median'], 'infinite')}"
    left_out = [f"{figures[name]} {words}" for name, words in (("infinite", "infinite"), ("missing", "undefined"))]
    return ", ".join([text, *(part for part in left_out if not part.startswith("0 "))])


def _number(value: float | None, missing: str = "–") -> str:
    return missing if value is None else f"{value:.3f}"


def _class_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    yield "  " + ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in facts["counts"].items())
    for name, row in facts["summary"].items():
        yield f"  {name}: {', '.join(f'{metric} {_class_figure(value)}' for metric, value in row.items())}"


def _class_figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
