"""Training curves: which series share a chart, and how their names read.

Names are ``[train|validation]_metric[_part]``; ``/`` and ``_`` both divide. ``val`` means validation; a part is a
region, a tissue, ``background`` or ``mean``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from gliascope.labels import REGIONS, Tissue
from gliascope.report import wording
from gliascope.report.charts import Line, legend, line_chart
from gliascope.report.frame import fragment

_STAGE = re.compile(r"^(train|training|val|validation)[/_.]|[/_.](train|training|val|validation)$")
_PARTS = frozenset({*REGIONS, *Tissue, "background", "mean"})
_UNIT_METRICS = ("dice", "iou", "accuracy", "f1", "precision", "recall", "sensitivity", "specificity", "auc", "nsd")


@dataclass(frozen=True)
class CurveName:
    """A series name in its parts: ``metric`` groups charts, ``part`` and ``stage`` may be empty."""

    metric: str
    part: str
    stage: str


def parse_curve(name: str) -> CurveName:
    """Split a series name.

    Example:
        >>> parse_curve("validation_dice_WT")
        CurveName(metric='dice', part='WT', stage='validation')
        >>> parse_curve("train/loss")
        CurveName(metric='loss', part='', stage='train')
    """
    found = _STAGE.search(name)
    stage = next((g for g in found.groups() if g), "") if found else ""
    rest = _STAGE.sub("", name, count=1)
    metric, _, last = rest.replace("/", "_").rpartition("_")
    is_part = metric and last in _PARTS
    stage = {"val": "validation", "training": "train"}.get(stage, stage)
    return CurveName(metric if is_part else rest, last if is_part else "", stage)


def curve_charts(curves: Mapping[str, Sequence[float | None]], *, best_epoch: int | None = None) -> Markup:
    """Return one chart per metric; training is dashed where validation stands beside it.

    The mean of a single part would hide it, so it is left out.

    Args:
        curves: A value per epoch by series name; None where an epoch has none.
        best_epoch: The epoch that was kept, from 1, marked by a dotted line.
    """
    groups: dict[str, list[tuple[CurveName, Sequence[float | None]]]] = {}
    for name, values in curves.items():
        if name not in ("epoch", "step") and any(v is not None for v in values):
            parsed = parse_curve(name)
            groups.setdefault(parsed.metric, []).append((parsed, values))
    charts: list[dict[str, Any]] = []
    for metric, found in groups.items():
        parts = [pair for pair in found if pair[0].part != "mean"]
        series = parts if len(parts) == 1 else found
        stages = {parsed.stage for parsed, _ in series}
        both = {"train", "validation"} <= stages
        lines = [
            Line(wording.title(parsed.part or metric), values, dashed=both and parsed.stage == "train")
            for parsed, values in series
        ]
        names = list(dict.fromkeys(line.name for line in lines))
        charts.append(
            {
                "title": wording.title(metric),
                "note": "" if both or "" in stages else wording.title(next(iter(stages))).lower(),
                "svg": line_chart(
                    lines,
                    title=f"{wording.title(metric)} per epoch",
                    unit_range=metric.startswith(_UNIT_METRICS),
                    logarithmic=metric in ("lr", "learning_rate")
                    and all(v is None or v > 0 for line in lines for v in line.values),
                    mark=best_epoch,
                ),
                "legend": legend(
                    names if len(names) > 1 else [],
                    solid="validation" if both else "",
                    dashed="training" if both else "",
                ),
            }
        )
    return fragment("charts.html.j2", charts=charts)
