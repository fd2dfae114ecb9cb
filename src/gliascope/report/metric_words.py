"""Metrics as a reader sees them: title with unit, value with fitting digits, infinite ones as such."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gliascope.report import wording

INFINITE = "∞"

PLAIN_RATIOS = ("relative_volume_error",)
"""Ratios that are no score from 0 to 1."""


@dataclass(frozen=True)
class MetricWords:
    """Words and digits of the metrics of one evaluation.

    Args:
        units: Unit by metric, as its protocol tells; a metric that is not listed has its unit in its name or none.
        endless: Metrics that are infinite where one mask is empty, by region.
    """

    units: Mapping[str, str] = field(default_factory=dict)
    endless: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "MetricWords":
        """Read units and infinite values from the facts of an evaluation; older ones have neither."""
        metrics = (facts.get("protocol_facts") or {}).get("metrics") or {}
        units = {name: each.get("unit") or "" for name, each in metrics.items()}
        endless = {
            region: frozenset(n for n, value in row.items() if isinstance(value, Mapping) and value.get("infinite"))
            for region, row in (facts.get("summary") or {}).items()
        }
        return cls(units, endless)

    def unit(self, metric: str) -> str:
        """Return ``mm``, ``ml``, ``voxels``, ``lesions`` or nothing."""
        return self.units.get(metric) or ("voxels" if metric.endswith("_voxels") else wording.unit_of(metric))

    def title(self, metric: str) -> str:
        """Return the metric's name with its unit."""
        words, unit = wording.title(metric), self.unit(metric)
        return f"{words} ({unit})" if unit in ("mm", "voxels") and unit not in words else words

    def figure(self, value: object, metric: str) -> str:
        """Return a value: three decimals of a score, two of what has a unit, none of what is large."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return str(wording.shown(value))
        if isinstance(value, int) or not math.isfinite(value):
            return str(wording.shown(value))
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.{2 if self.unit(metric) else 3}f}"

    def level(self, value: object, metric: str) -> float | None:
        """Return how full the bar behind a score is; None where it is no score from 0 to 1."""
        is_score = isinstance(value, float) and not self.unit(metric) and metric not in PLAIN_RATIOS
        return value if is_score and isinstance(value, float) and 0 <= value <= 1 else None

    def interval(self, ends: object, metric: str) -> str:
        """Return ``low to high``; an end that is None is infinite. Nothing where there is no interval."""
        if not isinstance(ends, list | tuple) or len(ends) != 2:
            return ""
        low, high = (INFINITE if end is None else self.figure(float(end), metric) for end in ends)
        return "" if low == high == INFINITE else f"{low} to {high}"

    def is_infinite(self, case: Mapping[str, Any], region: str, metric: str) -> bool:
        """Say whether a missing value of a case is an infinite distance: one mask is empty, the other is not."""
        own = case.get(region)
        return (
            isinstance(own, Mapping)
            and own.get(metric, 0) is None
            and own.get("outcome") in ("missed", "false_positive")
            and metric in self.endless.get(region, ())
        )
