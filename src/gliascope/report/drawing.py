"""Drawing frame of every chart: matplotlib's axes as inline SVG that takes the colors of the page.

Every chart is about 300 units wide and scales with its place, so that its text stays readable on a phone. The same data
give the same bytes.
"""

import hashlib
import io
import re
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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

SERIES = tuple(f"#0102{index + 16:02x}" for index in range(len(palette.SERIES)))
"""Stand for the style sheet's colors of series."""

_TOKENS = {
    INK: "currentColor",
    **{token: f"var(--{name})" for token, name in zip(SERIES, palette.SERIES, strict=True)},
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


def figure(draw: Callable[["Axes"], None], *, title: str, height: float = HEIGHT) -> Markup:
    """Draw one set of axes and return it as an inline SVG element.

    Args:
        draw: Given the axes; uses ``INK`` for the color of text and ``SERIES`` for the colors of series.
        title: Spoken name of the chart.
        height: In inches of 72 units.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with _LOCK, mpl.rc_context(), warnings.catch_warnings():
        # the browser picks the font; matplotlib only measures with its own
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        canvas = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = canvas.add_subplot()
        draw(axes)
        axes.set_facecolor("none")
        axes.grid(visible=True, color=INK, alpha=0.12, linewidth=0.6)
        axes.set_axisbelow(True)
        buffer = io.StringIO()
        empty = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        canvas.savefig(buffer, format="svg", transparent=True, metadata=empty)
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


def row_name(name: str) -> str:
    """Return the words for a row, cut where they are too long."""
    words = wording.clean(wording.title(name))
    return words if len(words) <= LONGEST_NAME else words[: LONGEST_NAME - 1] + "…"


def short_number(value: float, _position: float) -> str:
    """Return an axis number with k or M for its thousands; the signature is that of a tick formatter."""
    for size, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{suffix}"
    return f"{value:g}"
