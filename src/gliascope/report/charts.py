"""Charts of scores: values per epoch, values per case.

To add a chart, draw on the axes that ``drawing.figure`` hands out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from gliascope.report import palette
from gliascope.report.drawing import INK, SERIES, figure, row_name, short_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_POINTS = 400
"""Points of one row; more say no more and make the page heavy."""


@dataclass(frozen=True)
class Line:
    """One series of a line chart: a value per epoch, None where there is none."""

    name: str
    values: Sequence[float | None]
    dashed: bool = False


def line_chart(
    lines: Sequence[Line], *, title: str, unit_range: bool = False, logarithmic: bool = False, mark: int | None = None
) -> Markup:
    """Draw values per epoch.

    Args:
        lines: One to ten series of any length.
        title: Spoken name of the chart.
        unit_range: The values lie between 0 and 1 and the axis shows all of it.
        logarithmic: The axis is logarithmic (learning rates).
        mark: An epoch, from 1, to mark (the one that was kept), or None.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator

    def draw(axes: "Axes") -> None:
        names = list(dict.fromkeys(line.name for line in lines))
        for line in lines:
            color = SERIES[names.index(line.name) % len(SERIES)]
            values = np.array([np.nan if v is None else v for v in line.values], dtype=float)
            epochs = np.arange(1, len(values) + 1)
            style = (0, (3, 2)) if line.dashed else "-"
            marker = "o" if np.count_nonzero(np.isfinite(values)) < 3 else ""
            axes.plot(epochs, values, color=color, linestyle=style, linewidth=1.4, marker=marker, markersize=3)
        if mark is not None:
            axes.axvline(mark, color=INK, linewidth=0.7, linestyle=(0, (1, 2)))
        if unit_range:
            axes.set_ylim(-0.02, 1.02)
        if logarithmic:
            axes.set_yscale("log")
            low, high = axes.get_ylim()
            if high < 100 * low:  # powers of ten alone might leave the axis without any number
                axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.yaxis.set_major_formatter(lambda value, _position: f"{value:g}")
            axes.yaxis.set_minor_formatter("")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("Epoch")
        axes.margins(x=0.02)

    return figure(draw, title=title)


def spread_chart(
    values: Mapping[str, Sequence[float]],
    *,
    title: str,
    axis: str,
    unit_range: bool = False,
    logarithmic: bool = False,
    infinite: Mapping[str, int] | None = None,
) -> Markup:
    """Draw every value as a point, with quartiles and median, one row per name.

    Args:
        values: Finite numbers by name; a name without any gets an empty row. Of more than 400, as many are
            drawn, evenly from the lowest to the highest; quartiles and median take all.
        title: Spoken name of the chart.
        axis: Words below the axis, or empty where the title says it.
        unit_range: The values lie between 0 and 1 and the axis shows all of it.
        logarithmic: The axis is logarithmic; all values are above 0.
        infinite: How many further values are infinite, by name; told at the right end of the row. Quartiles and
            median count them in.
    """
    endless = infinite or {}

    def draw(axes: "Axes") -> None:
        names = list(values)
        for row, name in enumerate(names):
            own = np.sort(np.asarray(values[name], dtype=float))
            if endless.get(name):
                text = f"∞ × {endless[name]}"
                axes.text(1.0, row, text, transform=axes.get_yaxis_transform(), ha="right", va="center", weight="bold")
            if len(own):
                _draw_row(axes, row, own, endless.get(name, 0))
        axes.set_yticks(range(len(names)), [row_name(name) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(axis)
        if unit_range:
            axes.set_xlim(-0.02, 1.02)
        if logarithmic:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(short_number)
            axes.xaxis.set_minor_formatter("")
        else:
            axes.xaxis.set_major_formatter(short_number)
        if any(endless.values()):
            low, high = axes.get_xlim()
            axes.set_xlim(low, high + 0.22 * (high - low))

    return figure(draw, title=title, height=0.75 + 0.48 * max(len(values), 1))


def _draw_row(axes: "Axes", row: int, own: NDArray[np.float64], infinite: int) -> None:
    """Draw the points, the bar from quartile to quartile and the tick of the median of one row."""
    points = own[np.unique(np.linspace(0, len(own) - 1, MOST_POINTS).round().astype(int))]
    # a low-discrepancy offset spreads the points without a random generator
    offset = (np.arange(len(points)) * 0.6180339887 % 1 - 0.5) * 0.5
    axes.scatter(points, row + offset, s=9, color=SERIES[row % len(SERIES)], alpha=0.55, linewidths=0)
    every = np.concatenate([own, np.full(infinite, np.inf)])
    low, middle, high = (_quantile(every, share) for share in (0.25, 0.5, 0.75))
    if np.isfinite(low):
        axes.plot([low, high if np.isfinite(high) else own[-1]], [row, row], color=INK, linewidth=1.1)
    if np.isfinite(middle):
        axes.plot([middle, middle], [row - 0.3, row + 0.3], color=INK, linewidth=1.6)


def _quantile(rising: NDArray[np.float64], share: float) -> float:
    """Linear between neighbors, and infinite where one of them is."""
    place = share * (len(rising) - 1)
    below, above = float(rising[int(place)]), float(rising[int(np.ceil(place))])
    return below if below == above else below + (place % 1) * (above - below)


def legend(names: Sequence[str], *, dashed: str = "", solid: str = "") -> list[dict[str, str]]:
    """Return the rows of a chart's key; ``solid`` and ``dashed`` say what the two kinds of line mean."""
    rows = [
        {"text": name, "color": f"var(--{palette.SERIES[i % len(palette.SERIES)]})", "line": "solid"}
        for i, name in enumerate(names)
    ]
    kinds = [
        {"text": text, "color": "currentColor", "line": kind}
        for text, kind in ((solid, "solid"), (dashed, "dashed"))
        if text
    ]
    return [*rows, *kinds] if len(rows) + len(kinds) > 1 else []
