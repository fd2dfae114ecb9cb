"""Scores of masks as plain data: one row per case, and a summary over them."""

from collections.abc import Iterable, Sequence
from typing import Any

from gliascope.errors import InputError, Notice
from gliascope.metrics import evaluate_regions, summarize
from gliascope.scan import LabelMap
from gliascope.workflow.plain_json import without_nan

PROTOCOL = "plain"
"""Ours: per case and region on the image's own grid; both empty is undefined, one empty is 0."""


def score_masks(
    case: str,
    patient: str | None,
    prediction: LabelMap,
    reference: LabelMap,
    *,
    regions: Iterable[str] | None = None,
) -> dict[str, Any]:
    """Return one case's row: its name, its patient, and every metric per region.

    Args:
        case: Name of the case.
        patient: Who it is, or None.
        prediction: Predicted labels.
        reference: The expert's labels on the same grid, perhaps in another scheme.
        regions: What the model answers; None: every region that both schemes can express.

    Raises:
        InputError: The two have no region in common.
    """
    wanted = prediction.scheme.regions if regions is None else tuple(regions)
    common = tuple(name for name in wanted if name in reference.scheme.regions)
    if not common:
        cause = f"schemes '{prediction.scheme.name}' and '{reference.scheme.name}' share no region"
        raise InputError(cause, file=case, hint="Compare masks of the same kind.", code="E_LABEL_SCHEME")
    row: dict[str, Any] = {"case": case, "patient": patient}
    for name, scores in evaluate_regions(prediction, reference, common).items():
        voxels = int(prediction.region(name).sum()), int(reference.region(name).sum())
        row[name] = {**scores, "prediction_voxels": voxels[0], "reference_voxels": voxels[1]}
    return row


def segmentation_facts(rows: Sequence[dict[str, Any]], split: str, notices: Sequence[Notice]) -> dict[str, Any]:
    """Return the ``evaluate`` JSON of masks; ``counts`` of empty masks are over cases and regions."""
    regions = list(dict.fromkeys(name for row in rows for name in row if name not in ("case", "patient")))
    scored = [row[name] for row in rows for name in regions if name in row]
    volumes = [(each["prediction_voxels"], each["reference_voxels"]) for each in scored]
    return {
        "task": "segment",
        "protocol": PROTOCOL,
        "split": split,
        "counts": {
            "cases": len(rows),
            "both_empty": sum(p == 0 and r == 0 for p, r in volumes),
            "missed": sum(p == 0 and r > 0 for p, r in volumes),
            "false_positive": sum(p > 0 and r == 0 for p, r in volumes),
        },
        "summary": {
            name: {metric: _summary(row[name][metric] for row in rows if name in row) for metric in scored[0]}
            for name in regions
        },
        "cases": [without_nan(row) for row in rows],
        "warnings": [notice.as_json() for notice in dict.fromkeys(notices)],
    }


def _summary(values: Iterable[float]) -> dict[str, Any]:
    """Describe one metric over the cases; the interval stays empty until it can be computed by patient."""
    figures: dict[str, Any] = without_nan(summarize(values))
    return {**figures, "ci95": None}
