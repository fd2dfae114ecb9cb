"""The part of a model card that tells what the folds found."""

from collections.abc import Mapping
from typing import Any


def folds_section(figures: Mapping[str, Any]) -> list[str]:
    """Return the figures of a cross-validation as Markdown.

    Args:
        figures: As ``pooled_over_folds`` gives them, with ``folds`` and ``trained_on`` in words, and ``subsets`` where
            channels may lack.
    """
    by = figures["intervals"]["by"]
    lines = [
        f"{figures['folds']}: each of {figures['cases']:,} cases was answered by a model of the same recipe that never "
        f"saw it or its like. {_final(figures['trained_on'])} Intervals are 95 %, by {by}.",
        "",
        "| of | figure | value | 95 % interval | median | cases |",
        "|---|---|---|---|---|---|",
        *(_row(row, metric, own) for row, metrics in figures["rows"].items() for metric, own in metrics.items()),
        "",
    ]
    return lines + (_subsets(figures["subsets"]) if figures.get("subsets") else [])


def _final(trained_on: str) -> str:
    """Say what the model itself learned from."""
    if trained_on == "all cases":
        return "This model was then trained on every case, these included, so that none is left to score it on."
    return f"This model learned from {trained_on}."


def _row(row: str, metric: str, own: Mapping[str, Any]) -> str:
    ends = "–" if own["ci95"] is None else f"{own['ci95'][0]:.3f} to {own['ci95'][1]:.3f}"
    median = f"{own['median']:.3f}" if own.get("median") is not None else "–"
    return f"| {row} | {metric.replace('_', ' ')} | {own['value']:.3f} | {ends} | {median} | {own['n']:,} |"


def _subsets(subsets: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """One line per subset of channels: mean Dice per region, with its interval."""
    regions = list(next(iter(subsets.values())))
    return [
        "Mean Dice by what is given:",
        "",
        f"| given | {' | '.join(regions)} |",
        "|---|" + "---|" * len(regions),
        *(
            f"| {given} | {' | '.join(_cell(own.get(region)) for region in regions)} |"
            for given, own in subsets.items()
        ),
        "",
    ]


def _cell(own: Mapping[str, Any] | None) -> str:
    if own is None:
        return "–"
    ends = "" if own["ci95"] is None else f" ({own['ci95'][0]:.2f} to {own['ci95'][1]:.2f})"
    return f"{own['value']:.2f}{ends}"
