"""Charts as inline SVG: text and axes take the page's color, series take the style sheet's.

Every chart is about 300 units wide and scales with its place, so that its text stays readable on a phone. The same data
give the same bytes.
"""

import hashlib
import io
import re
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup, escape

from gliascope.report import palette, wording

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 4.2, 2.6
"""Size in inches; 72 units each."""

LONGEST_NAME = 20
"""Letters of a row's name; longer ones are cut, as they would leave no room for the points."""

INK = "#010203"
"""Stands for the page's text color while matplotlib draws."""

_SERIES = tuple(f"#0102{index + 16:02x}" for index in range(len(palette.SERIES)))
_TOKENS = {
    INK: "currentColor",
    **{token: f"var(--{name})" for token, name in zip(_SERIES, palette.SERIES, strict=True)},
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "gliascope",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "text.parse_math": False,
}
_LOCK = threading.Lock()
"""matplotlib's settings belong to the whole process."""


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
            color = _SERIES[names.index(line.name) % len(_SERIES)]
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

    return _figure(draw, title=title)


def histogram_chart(histograms: Mapping[str, Mapping[str, Sequence[float]]], *, title: str) -> Markup:
    """Draw counts between edges, one filled outline per name (``{"edges": n + 1 numbers, "counts": n}``)."""

    def draw(axes: "Axes") -> None:
        for index, histogram in enumerate(histograms.values()):
            color = _SERIES[index % len(_SERIES)]
            counts = np.asarray(histogram["counts"], dtype=float)
            axes.stairs(counts, histogram["edges"], color=color, fill=True, alpha=0.25, linewidth=0)
            axes.stairs(counts, histogram["edges"], color=color, linewidth=1.2)
        axes.set_ylabel("Voxels")
        axes.set_xlabel("Intensity")
        axes.margins(x=0)
        axes.yaxis.set_major_formatter(_short)

    return _figure(draw, title=title, height=2.1)


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
            color = _SERIES[row % len(_SERIES)]
            # a low-discrepancy offset spreads the points without a random generator
            offset = (np.arange(len(own)) * 0.6180339887 % 1 - 0.5) * 0.5
            axes.scatter(own, row + offset, s=9, color=color, alpha=0.55, linewidths=0)
            low, middle, high = np.percentile(own, (25, 50, 75))
            axes.plot([low, high], [row, row], color=INK, linewidth=1.1)
            axes.plot([middle, middle], [row - 0.3, row + 0.3], color=INK, linewidth=1.6)
        axes.set_yticks(range(len(names)), [_row_name(name) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(axis)
        if unit_range:
            axes.set_xlim(-0.02, 1.02)

    return _figure(draw, title=title, height=0.75 + 0.48 * max(len(values), 1))


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


def _figure(draw: Callable[["Axes"], None], *, title: str, height: float = HEIGHT) -> Markup:
    """Draw one set of axes and return it as an inline SVG element."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with _LOCK, mpl.rc_context(), warnings.catch_warnings():
        # the browser picks the font; matplotlib only measures with its own
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        axes.set_facecolor("none")
        axes.grid(visible=True, color=INK, alpha=0.12, linewidth=0.6)
        axes.set_axisbelow(True)
        buffer = io.StringIO()
        empty = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=empty)
    return _inline(buffer.getvalue(), title)


def _inline(svg: str, title: str) -> Markup:
    """Make a stand-alone SVG part of a page: no prolog, no fixed size, the page's colors, ids of its own."""
    svg = svg[svg.index("<svg") :]
    name = wording.clean(title)
    mark = "c" + hashlib.sha256(f"{name}\n{svg}".encode()).hexdigest()[:8]
    box = re.search(r'viewBox="([^"]+)"', svg)
    view = box.group(1) if box else ""
    opening = f'<svg class="chart" viewBox="{view}" role="img" aria-label="{escape(name)}">'
    svg = opening + svg[svg.index(">") + 1 :]
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r' id="([^"]+)"', rf' id="{mark}-\1"', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{mark}-", svg)
    svg = re.sub(r"font-family: [^;\"]+; ", "", svg)
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)  # would hold for the whole page
    for token, color in _TOKENS.items():
        svg = svg.replace(token, color)
    return Markup(svg)  # matplotlib escapes its texts; the title is escaped above


def _row_name(name: str) -> str:
    words = wording.clean(wording.title(name))
    return words if len(words) <= LONGEST_NAME else words[: LONGEST_NAME - 1] + "…"


def _short(value: float, _position: float) -> str:
    for size, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{suffix}"
    return f"{value:g}"
