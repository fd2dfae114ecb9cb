"""Charts of a data set: intensities, tumor sizes, and which slices hold tumor."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from gliascope.report.drawing import INK, SERIES, figure, short_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 2.1

MOST_BARS = 24
"""Bars of a histogram of sizes."""


def histogram_chart(edges: Sequence[float], counts: Sequence[float], *, title: str, axis: str, what: str) -> Markup:
    """Draw counts between edges as one filled outline.

    Args:
        edges: One number more than there are counts.
        counts: How many lie between two edges.
        title: Spoken name of the chart.
        axis: Words below the axis.
        what: What is counted.
    """

    def draw(axes: "Axes") -> None:
        own = np.asarray(counts, dtype=float)
        axes.stairs(own, np.asarray(edges), color=SERIES[0], fill=True, alpha=0.25, linewidth=0)
        axes.stairs(own, np.asarray(edges), color=SERIES[0], linewidth=1.2)
        axes.set_ylabel(what)
        axes.set_xlabel(axis)
        axes.margins(x=0)
        axes.yaxis.set_major_formatter(short_number)
        axes.xaxis.set_major_formatter(short_number)

    return figure(draw, title=title, height=HEIGHT)


def share_histogram_chart(
    edges: Sequence[float], counts: Mapping[str, Sequence[float]], *, title: str, axis: str
) -> Markup:
    """Draw several histograms over one axis, each scaled to the same area, so that rare groups can be compared.

    Args:
        edges: One number more than each list of counts.
        counts: How many lie between two edges, by group; the groups take the colors of the series in order.
        title: Spoken name of the chart.
        axis: Words below the axis.
    """

    def draw(axes: "Axes") -> None:
        for index, own in enumerate(counts.values()):
            shares = np.asarray(own, dtype=float) / max(float(np.sum(own)), 1.0)
            color = SERIES[index % len(SERIES)]
            axes.stairs(shares, np.asarray(edges), color=color, linewidth=1.4)
        axes.set_ylabel("Share")
        axes.set_xlabel(axis)
        axes.set_yticks([])
        axes.set_ylim(bottom=0)
        axes.margins(x=0)

    return figure(draw, title=title, height=HEIGHT)


def size_histogram_chart(values: Sequence[float], *, title: str, axis: str, what: str) -> Markup:
    """Draw how many cases have which size; the number of bars follows the number of values.

    Args:
        values: Sizes from 0 on, at least one.
        title: Spoken name of the chart.
        axis: Words below the axis, with the unit.
        what: What is counted.
    """
    bars = int(np.clip(np.sqrt(len(values)) * 1.5, 5, MOST_BARS))
    counts, edges = np.histogram(
        values, bins=bars, range=(0, max(*values, 1e-6) if len(values) > 1 else values[0] or 1)
    )
    return histogram_chart(edges.tolist(), counts.tolist(), title=title, axis=axis, what=what)


def slice_chart(slices: Sequence[int], with_tumor: Sequence[int], *, title: str, what: str) -> Markup:
    """Draw one column per head, from fewest to most slices with tumor: all slices, and those with tumor.

    Args:
        slices: Slices of each head.
        with_tumor: Those with tumor, in the same order.
        title: Spoken name of the chart.
        what: What a column stands for.
    """
    order = np.lexsort((slices, with_tumor))
    every, own = np.asarray(slices)[order], np.asarray(with_tumor)[order]
    edges = np.arange(len(every) + 1)

    def draw(axes: "Axes") -> None:
        axes.stairs(every, edges, fill=True, color=INK, alpha=0.13, linewidth=0)
        axes.stairs(own, edges, fill=True, color=SERIES[0], alpha=0.75, linewidth=0)
        axes.set_xlabel(what)
        axes.set_ylabel("Slices")
        axes.set_xticks([])
        axes.margins(x=0)

    return figure(draw, title=title, height=HEIGHT)


def profile_chart(profiles: Mapping[str, Sequence[float]], *, title: str, axis: str, what: str) -> Markup:
    """Draw shares from the first to the last slice, one line per name.

    Args:
        profiles: Shares from 0 to 1, evenly spaced over the range of slices.
        title: Spoken name of the chart.
        axis: Words below the axis.
        what: Words beside it.
    """

    def draw(axes: "Axes") -> None:
        for index, values in enumerate(profiles.values()):
            places = (np.arange(len(values)) + 0.5) / len(values) * 100
            axes.plot(places, np.asarray(values) * 100, color=SERIES[index % len(SERIES)], linewidth=1.5)
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 102)
        axes.set_xlabel(axis)
        axes.set_ylabel(what)

    return figure(draw, title=title, height=HEIGHT)
