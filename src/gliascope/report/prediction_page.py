"""The page of one prediction: what was found, where, how large, and from what."""

from collections.abc import Mapping
from typing import Any, TypedDict

from gliascope.report import wording
from gliascope.report.frame import Section, fragment, page
from gliascope.report.viewer import viewer
from gliascope.scan import LabelMap, Scan


class Classification(TypedDict, total=False):
    """``classification`` of ``prediction.json``; ``label`` is None where the model abstained, with a ``reason``."""

    label: str | None
    probabilities: Mapping[str, float]
    abstained: bool
    reason: str | None


class RegionFigures(TypedDict, total=False):
    """Size of one region; ml and mm are None where the voxel size is unknown."""

    volume_ml: float | None
    voxels: int
    max_diameter_mm: float | None


class Segmentation(TypedDict, total=False):
    """``segmentation`` of ``prediction.json``: file name of the mask, its scheme, figures by region."""

    mask: str
    scheme: str
    regions: Mapping[str, RegionFigures]


class PredictionFacts(TypedDict, total=False):
    """The keys of ``prediction.json``; each may be missing or None."""

    case: str
    inputs: list[Mapping[str, str]]
    task: str
    models: list[Mapping[str, str]]
    gliascope_version: str
    created: str
    intended_use: str
    classification: Classification | None
    segmentation: Segmentation | None
    options: Mapping[str, Any]
    engine: Mapping[str, str]
    warnings: list[Mapping[str, str]]
    timing_s: Mapping[str, float]


def prediction_page(facts: Mapping[str, Any], scan: Scan, label_map: LabelMap | None) -> str:
    """Return the page of one prediction.

    Args:
        facts: The content of ``prediction.json`` (``PredictionFacts``).
        scan: The scan that was read, shown in the viewer.
        label_map: The predicted labels on the scan's grid; None without segmentation.

    Raises:
        GeometryError: The labels have another shape than the scan.
    """
    segmentation = facts.get("segmentation") or {}
    classification = facts.get("classification")
    figures = segmentation.get("regions") or {}
    sections = []
    if classification:
        sections.append(Section("Tumor class", fragment("classification.html.j2", **_answer(classification))))
    sections.append(
        Section(
            "Segmentation" if segmentation else "Image",
            viewer(scan, label_map, figures=figures),
            _size_note(figures),
        )
    )
    models = facts.get("models") or []
    return page(
        str(facts.get("case", "Prediction")),
        sections,
        kind="Prediction",
        subtitle=", ".join(f"{m.get('name', '')} {m.get('version', '')}".strip() for m in models),
        warnings=facts.get("warnings") or (),
        provenance=_provenance(facts, segmentation),
        scripts=("outlines.js", "viewer.js", "tables.js"),
    )


def _answer(classification: Mapping[str, Any]) -> dict[str, Any]:
    label = classification.get("label")
    probabilities = classification.get("probabilities") or {}
    return {
        "label": None if label is None else wording.title(label),
        "is_tumor": label not in (None, "no_tumor"),
        "reason": classification.get("reason") or "",
        "rows": [
            {"title": wording.title(name), "value": f"{p:.3f}", "length": p, "chosen": name == label}
            for name, p in probabilities.items()
        ],
    }


def _size_note(figures: Mapping[str, Any]) -> str:
    if not figures:
        return ""
    if all((own or {}).get("voxels") == 0 for own in figures.values()):
        return "The model marked no voxel as tumor. That is no proof that there is none."
    known = {name for own in figures.values() for name, size in (own or {}).items() if size is not None}
    if "volume_ml" not in known and "max_diameter_mm" in known:
        return "A picture has no thickness, so there are no volumes in ml. Diameter: the longest in the picture."
    if "volume_ml" not in known:
        return "The image carries no voxel size, so there are no volumes in ml and no lengths in mm."
    return "Diameter: the longest in any axial slice."


def _provenance(facts: Mapping[str, Any], segmentation: Mapping[str, Any]) -> dict[str, Any]:
    timing = facts.get("timing_s") or {}
    rows = {
        "Inputs": [
            {wording.title(i.get("channel") or "file"): i.get("path"), "SHA-256": i.get("sha256")}
            for i in facts.get("inputs") or []
        ],
        "Models": [
            {
                m.get("role") or "model": f"{m.get('name', '')} {m.get('version', '')}".strip(),
                "SHA-256": m.get("sha256"),
            }
            for m in facts.get("models") or []
        ],
        "Given by hand": _given_by_hand(facts.get("options") or {}),
        "Computed with": ", ".join(str(part) for part in (facts.get("engine") or {}).values()),
        "Mask": segmentation.get("mask"),
        "Label scheme": segmentation.get("scheme"),
        "Time": " · ".join(
            f"{name} {wording.duration(seconds)}" for name, seconds in timing.items() if seconds is not None
        ),
        "Created": facts.get("created"),
        "Gliascope": facts.get("gliascope_version"),
    }
    return {name: value for name, value in rows.items() if value}


def _given_by_hand(options: Mapping[str, Any]) -> str:
    """Name what the user said about the input: sizes on the page rest on it."""
    given = []
    if options.get("spacing_mm"):
        given.append("voxel size " + " × ".join(f"{size:g}" for size in options["spacing_mm"]) + " mm")
    if options.get("channels"):
        given.append("channels " + ", ".join(map(str, options["channels"])))
    return "; ".join(given)
