"""Score against the number of parameters: what a larger network buys."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from markupsafe import Markup

from gliascope.report.drawing import INK, SERIES, figure, row_name, short_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 3.2


class ParameterPoint(TypedDict):
    """One network: its parameters, its score, and the ends of the score's interval (None: not known)."""

    name: str
    parameters: int
    score: float
    low: float | None
    high: float | None


def parameter_chart(points: Sequence[ParameterPoint], score_name: str) -> Markup:
    """Draw scores over parameters, which are on a logarithmic axis; each point is named and has its interval.

    Args:
        points: At least one, with parameters above 0; those without an interval get none.
        score_name: Words for the axis.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    def draw(axes: "Axes") -> None:
        sizes = np.array([point["parameters"] for point in points], dtype=float)
        axes.set_xscale("log")
        for number, point in enumerate(sorted(points, key=lambda own: (own["parameters"], own["score"]))):
            color, score = SERIES[number % len(SERIES)], point["score"]
            if point["low"] is not None and point["high"] is not None:
                axes.plot([point["parameters"]] * 2, [point["low"], point["high"]], color=color, linewidth=1.2)
            axes.plot([point["parameters"]], [score], color=color, marker="o", markersize=4.5)
            # names alternate above and below, so that neighbors of like size do not cover each other
            side = 1 if number % 2 == 0 else -1
            end = point["high"] if side > 0 else point["low"]
            axes.annotate(
                row_name(point["name"]),
                (point["parameters"], score if end is None else end),
                xytext=(0, 5 * side),
                textcoords="offset points",
                ha="center",
                va="bottom" if side > 0 else "top",
                fontsize=8,
                color=INK,
            )
        axes.set_xlim(sizes.min() / 2.2, sizes.max() * 2.2)
        axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0), numticks=12))
        axes.xaxis.set_major_formatter(short_number)
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(y=0.18)
        axes.set_xlabel("Parameters")
        axes.set_ylabel(score_name)

    return figure(draw, title=f"{score_name} against parameters", height=HEIGHT)
