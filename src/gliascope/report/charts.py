"""Charts of scores: values per epoch, values per case.

To add a chart, draw on the axes that ``drawing.figure`` hands out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from gliascope.report import palette
from gliascope.report.drawing import INK, SERIES, figure, row_name, short_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    from matplotlib.ticker import MaxNLocator

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
            axes.yaxis.set_major_formatter(lambda value, _position: f"{value:g}")
            axes.yaxis.set_minor_formatter("")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("Epoch")
        axes.margins(x=0.02)

    return figure(draw, title=title)


def histogram_chart(histograms: Mapping[str, Mapping[str, Sequence[float]]], *, title: str) -> Markup:
    """Draw counts between edges, one filled outline per name (``{"edges": n + 1 numbers, "counts": n}``)."""

    def draw(axes: "Axes") -> None:
        for index, histogram in enumerate(histograms.values()):
            color = SERIES[index % len(SERIES)]
            counts = np.asarray(histogram["counts"], dtype=float)
            axes.stairs(counts, histogram["edges"], color=color, fill=True, alpha=0.25, linewidth=0)
            axes.stairs(counts, histogram["edges"], color=color, linewidth=1.2)
        axes.set_ylabel("Voxels")
        axes.set_xlabel("Intensity")
        axes.margins(x=0)
        axes.yaxis.set_major_formatter(short_number)

    return figure(draw, title=title, height=2.1)


def spread_chart(values: Mapping[str, Sequence[float]], *, title: str, axis: str, unit_range: bool = False) -> Markup:
    """Draw every value as a point, with quartiles and median, one row per name.

    Args:
        values: Finite numbers by name; a name without any gets an empty row.
        title: Spoken name of the chart.
        axis: Words below the axis, or empty where the title says it.
        unit_range: The values lie between 0 and 1 and the axis shows all of it.
    """

    def draw(axes: "Axes") -> None:
        names = list(values)
        for row, name in enumerate(names):
            own = np.sort(np.asarray(values[name], dtype=float))
            if not len(own):
                continue
            color = SERIES[row % len(SERIES)]
            # a low-discrepancy offset spreads the points without a random generator
            offset = (np.arange(len(own)) * 0.6180339887 % 1 - 0.5) * 0.5
            axes.scatter(own, row + offset, s=9, color=color, alpha=0.55, linewidths=0)
            low, middle, high = np.percentile(own, (25, 50, 75))
            axes.plot([low, high], [row, row], color=INK, linewidth=1.1)
            axes.plot([middle, middle], [row - 0.3, row + 0.3], color=INK, linewidth=1.6)
        axes.set_yticks(range(len(names)), [row_name(name) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(axis)
        if unit_range:
            axes.set_xlim(-0.02, 1.02)

    return figure(draw, title=title, height=0.75 + 0.48 * max(len(values), 1))


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
