"""Reliability diagram: how often answers of each confidence were right."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from gliascope.report.drawing import INK, SERIES, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Bin = Mapping[str, float | None]

STRIP = 0.22
"""Height of the fullest bin's bar of counts."""


def reliability_chart(bins: Sequence[Bin], before: Sequence[Bin] | None, *, title: str) -> Markup:
    """Draw the share of right answers against confidence, with the diagonal; full bins have larger points.

    Args:
        bins: ``{low, high, confidence, observed, n}``; empty bins are left out.
        before: The same without the temperature, drawn dashed, or None.
        title: Spoken name of the chart.
    """

    def draw(axes: "Axes") -> None:
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=(0, (1, 2)))
        counts = np.array([each.get("n") or 0 for each in bins], dtype=float)
        if counts.any():
            low, high = (np.array([each[end] for each in bins], dtype=float) for end in ("low", "high"))
            axes.bar(low, STRIP * counts / counts.max(), high - low, align="edge", color=INK, alpha=0.14, linewidth=0)
        if before is not None:
            said, seen = _points(before)
            axes.plot(said, seen, color=SERIES[0], linewidth=1.2, linestyle=(0, (3, 2)), alpha=0.8)
        said, seen = _points(bins)
        axes.vlines(said, np.minimum(said, seen), np.maximum(said, seen), color=SERIES[1], linewidth=1.4, alpha=0.7)
        axes.plot(said, seen, color=SERIES[0], linewidth=1.2)
        weight = counts[counts > 0] / max(counts.max(initial=0), 1)
        axes.scatter(said, seen, s=5 + 30 * weight, color=SERIES[0], linewidths=0, zorder=3)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("Confidence")
        axes.set_ylabel("Share that was right")

    return figure(draw, title=title, height=3.2)


def _points(bins: Sequence[Bin]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean confidence and share of right answers of the bins that are not empty."""
    full = [each for each in bins if each.get("n")]
    said, seen = ([each[name] for each in full] for name in ("confidence", "observed"))
    return np.array(said, dtype=np.float64), np.array(seen, dtype=np.float64)
