"""Colors of regions and series, chosen so that they stay apart for color-blind readers and on gray images.

The four region colors were compared under simulated protanopia, deuteranopia and tritanopia (Machado 2009,
doi:10.1109/TVCG.2009.113, severity 1): the nested ones differ by at least 30 CIELAB units in each; the cavity, which
comes closer to the whole tumor, is dashed as well.
"""

from collections.abc import Mapping

REGION_COLORS: Mapping[str, str] = {
    "WT": "#4aa8ff",
    "TC": "#ffe14d",
    "ET": "#ff4f3d",
    "RC": "#ff8fd6",
    "tumor": "#ffb000",
}

DASHED_REGIONS = frozenset({"RC"})

OTHER_COLOR = "#9be37a"
"""For a region without a color of its own."""

REFERENCE_COLOR = "#ffffff"
"""The outline of a reference mask."""

SERIES = ("series-1", "series-2", "series-3", "series-4", "series-5")
"""Names of the style sheet's colors for lines and bars; light and dark mode have their own values."""


def region_color(name: str) -> str:
    """Return the color of a region as ``#rrggbb``."""
    return REGION_COLORS.get(name, OTHER_COLOR)


def rgb(color: str) -> tuple[int, int, int]:
    """Return ``#rrggbb`` as three numbers from 0 to 255.

    Example:
        >>> rgb("#ff8000")
        (255, 128, 0)
    """
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
