"""The page of one prediction: what was found, where, how large, and from what."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from gliascope.report import wording
from gliascope.report.frame import Section, fragment, page
from gliascope.report.tables import Cell, Column, figure_cell, table
from gliascope.report.viewer import viewer
from gliascope.scan import LabelMap, Scan


class Vote(TypedDict, total=False):
    """What one member of a vote answered; ``label`` is None where it abstained."""

    model: str
    label: str | None
    probabilities: Mapping[str, float]


class Classification(TypedDict, total=False):
    """``classification`` of ``prediction.json``; ``label`` is None where the model abstained, with a ``reason``."""

    label: str | None
    probabilities: Mapping[str, float]
    abstained: bool
    reason: str | None
    votes: list[Vote]


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


class Cascade(TypedDict, total=False):
    """``cascade`` of ``prediction.json``: whether the image was segmented, and the class of every slice."""

    segmented: bool
    slices: list[str | None]


class PredictionFacts(TypedDict, total=False):
    """The keys of ``prediction.json``; each may be missing or None."""

    case: str
    inputs: list[Mapping[str, str]]
    task: str
    models: list[Mapping[str, str]]
    choice: Mapping[str, str] | None
    gliascope_version: str
    created: str
    intended_use: str
    classification: Classification | None
    segmentation: Segmentation | None
    cascade: Cascade | None
    options: Mapping[str, Any]
    engine: Mapping[str, str]
    warnings: list[Mapping[str, str]]
    timing_s: Mapping[str, float]


NOT_SEGMENTED = "The classifier found no tumor, so nothing was segmented. That is no proof that there is none."


def prediction_page(facts: Mapping[str, Any], scan: Scan, label_map: LabelMap | None) -> str:
    """Return the page of one prediction.

    Args:
        facts: The content of ``prediction.json`` (``PredictionFacts``).
        scan: The scan that was read, shown in the viewer.
        label_map: The predicted labels on the scan's grid; None where nothing was segmented.

    Raises:
        GeometryError: The labels have another shape than the scan.
    """
    cascade = facts.get("cascade")
    skipped = bool(cascade) and not (cascade or {}).get("segmented")
    segmentation = {} if skipped else facts.get("segmentation") or {}
    classification = facts.get("classification")
    figures = segmentation.get("regions") or {}
    sections = []
    if classification:
        slices = (cascade or {}).get("slices") or ()
        body = fragment("classification.html.j2", **_answer(classification))
        sections.append(Section("Tumor class", body, _slices_note(slices)))
        sections += _votes(classification.get("votes") or ())
    sections.append(
        Section(
            "Segmentation" if segmentation or skipped else "Image",
            viewer(scan, label_map, figures=figures),
            NOT_SEGMENTED if skipped else _size_note(figures),
        )
    )
    models = facts.get("models") or []
    return page(
        str(facts.get("case", "Prediction")),
        sections,
        kind="Prediction",
        subtitle=", ".join(_name(model) for model in models),
        warnings=facts.get("warnings") or (),
        provenance=_provenance(facts, segmentation),
        scripts=("outlines.js", "viewer.js", "tables.js"),
    )


def _votes(votes: Sequence[Mapping[str, Any]]) -> list[Section]:
    """What each member of a vote said; nothing for a single model."""
    if not votes:
        return []
    classes = list(votes[0].get("probabilities") or {})
    rows = []
    for vote in votes:
        named, scores = vote.get("label"), vote.get("probabilities") or {}
        answer = Cell(wording.title(named) if named else "none given")
        rows.append([Cell(vote.get("model") or ""), answer, *(figure_cell(scores.get(name), name) for name in classes)])
    columns = [Column("Model"), Column("Answer"), *(Column(wording.title(name), numeric=True) for name in classes)]
    note = "The class that most models name is the answer; its scores are the mean of theirs."
    return [Section("Votes", table(columns, rows, caption="Votes by model"), note)]


def _answer(classification: Mapping[str, Any]) -> dict[str, Any]:
    label = classification.get("label")
    probabilities = classification.get("probabilities") or {}
    votes = classification.get("votes") or ()
    agree = sum(vote.get("label") == label for vote in votes)
    told = f"{agree} of {len(votes)} models say so." if votes and label is not None else ""
    return {
        "label": None if label is None else wording.title(label),
        "reason": classification.get("reason") or told,
        "rows": [
            {"title": wording.title(name), "value": f"{p:.3f}", "length": p, "chosen": name == label}
            for name, p in probabilities.items()
        ],
    }


def _slices_note(slices: Sequence[str | None]) -> str:
    """Say which slices may hold tumor, where each was classified alone; counted from 1."""
    if not slices:
        return ""
    positive = [number for number, label in enumerate(slices, start=1) if label != "no_tumor"]
    if not positive:
        return f"Each of the {len(slices)} axial slices was classified alone; none shows tumor."
    return (
        f"Each of the {len(slices)} axial slices was classified alone; {len(positive)} may show tumor: "
        f"{_runs(positive)}, counted from the first. The class is that of most of these."
    )


def _runs(numbers: Sequence[int]) -> str:
    """Return rising numbers with runs drawn together: ``3, 5–9``."""
    starts = [n for n in numbers if n - 1 not in numbers]
    ends = [n for n in numbers if n + 1 not in numbers]
    return ", ".join(f"{a}" if a == b else f"{a}–{b}" for a, b in zip(starts, ends, strict=True))


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
        "Models": [_model(m) for m in facts.get("models") or []],
        "Chosen because": (facts.get("choice") or {}).get("why"),
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


def _model(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model as the page's last section shows it; a system with its members."""
    members = ", ".join(_name(member) for member in model.get("members") or ())
    shown = {model.get("role") or "model": _name(model), "Members": members, "SHA-256": model.get("sha256")}
    return {name: value for name, value in shown.items() if name != "Members" or value}


def _name(model: Mapping[str, Any]) -> str:
    return f"{model.get('name', '')} {model.get('version', '')}".strip()


def _given_by_hand(options: Mapping[str, Any]) -> str:
    """Name what the user said about the input: sizes on the page rest on it."""
    given = []
    if options.get("spacing_mm"):
        given.append("voxel size " + " × ".join(f"{size:g}" for size in options["spacing_mm"]) + " mm")
    if options.get("channels"):
        given.append("channels " + ", ".join(map(str, options["channels"])))
    if options.get("segment_all"):
        given.append("segment whatever the class")
    return "; ".join(given)
