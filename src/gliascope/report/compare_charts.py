"""Charts of a comparison: differences with their intervals, and two systems case by case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from gliascope.report.drawing import INK, SERIES, figure, row_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_POINTS = 1500
"""Points of one chart; more say no more and make the page heavy."""


@dataclass(frozen=True)
class Difference:
    """One row of a forest chart: a mean difference and its interval, which may be unknown."""

    name: str
    mean: float
    interval: tuple[float, float] | None
    sure: bool = False


def forest_chart(rows: Sequence[Difference], *, title: str, axis: str) -> Markup:
    """Draw differences with intervals around the line of no difference; those that hold after correction are filled.

    Args:
        rows: From top to bottom.
        title: Spoken name of the chart.
        axis: Words below the axis.
    """
    from matplotlib.ticker import MaxNLocator

    def draw(axes: "Axes") -> None:
        axes.axvline(0, color=INK, linewidth=0.9)
        for place, row in enumerate(rows):
            if row.interval is not None:
                axes.plot(row.interval, [place, place], color=SERIES[0], linewidth=1.6, solid_capstyle="butt")
            fill = SERIES[0] if row.sure else "none"
            axes.plot(row.mean, place, marker="o", markersize=5.5, color=SERIES[0], markerfacecolor=fill)
        axes.set_yticks(range(len(rows)), [row_name(row.name) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.set_xlabel(axis)
        axes.margins(x=0.08)

    return figure(draw, title=title, height=0.8 + 0.32 * max(len(rows), 1))


def pair_chart(
    pairs: Mapping[str, Sequence[tuple[float, float]]], *, title: str, first: str, second: str, unit_range: bool
) -> Markup:
    """Draw every case as a point: what one system scored against what the other did, one color per name.

    Args:
        pairs: Finite values of the first and the second system, by name (a region).
        title: Spoken name of the chart.
        first: Words of the horizontal axis.
        second: Words of the vertical axis.
        unit_range: The values lie between 0 and 1 and the axes show all of it.
    """

    def draw(axes: "Axes") -> None:
        for index, own in enumerate(pairs.values()):
            points = np.asarray(own[:: max(1, -(-len(own) * len(pairs) // MOST_POINTS))], dtype=float).reshape(-1, 2)
            axes.scatter(points[:, 0], points[:, 1], s=13, color=SERIES[index % len(SERIES)], alpha=0.6, linewidths=0)
        low, high = (
            (0.0, 1.0) if unit_range else _ends([value for own in pairs.values() for pair in own for value in pair])
        )
        axes.plot([low, high], [low, high], color=INK, linewidth=0.8, linestyle=(0, (3, 2)))
        room = 0.03 * (high - low)
        axes.set_xlim(low - room, high + room)
        axes.set_ylim(low - room, high + room)
        axes.set_aspect("equal")
        axes.set_xlabel(first)
        axes.set_ylabel(second)

    return figure(draw, title=title, height=3.9)


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    return (low, high) if low < high else (low - 0.5, high + 0.5)
