"""What a prediction is: the answer, where it came from, and how it is written down."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.checkpoint import AnyModel, ModelFolder, SystemFolder
from gliascope.errors import Notice
from gliascope.files import atomic, nifti, picture
from gliascope.inference.cascade import CascadeAnswer
from gliascope.inference.predictor import Classification, Segmentation
from gliascope.intended_use import INTENDED_USE
from gliascope.measure import measure
from gliascope.report import prediction_page
from gliascope.scan import Grid, LabelMap, Scan
from gliascope.workflow.automatic import Choice
from gliascope.workflow.provenance import code_version

MASK_NIFTI, MASK_PICTURE, FACTS_FILE = "mask.nii.gz", "mask.png", "prediction.json"


@dataclass(frozen=True)
class InputFile:
    """One file that went in: path relative to the INPUT, its SHA-256, and the channel it holds."""

    path: str
    sha256: str
    channel: str

    def as_json(self) -> dict[str, str]:
        """Return the ``inputs`` entry of ``prediction.json``."""
        return {"path": self.path, "sha256": self.sha256, "channel": self.channel}


@dataclass(frozen=True, eq=False)
class Prediction:
    """The answer for one scan.

    Args:
        case: Name of the case.
        scan: The images as read, in RAS order.
        models: What answered, each with its role, ``classifier`` or ``segmenter``.
        result: A mask, a class, or both from a cascade.
        inputs: The files; empty for a scan from memory.
        options: The options that shaped the answer; part of what makes a finished prediction the same.
        engine: What computed it: ``backend``, ``device`` and ``precision``.
        notices: Warnings of reading and predicting.
        timing_s: Seconds per stage.
        choice: How the models were chosen; None where the user named them.
    """

    case: str
    scan: Scan
    models: tuple[tuple[str, AnyModel], ...]
    result: Segmentation | Classification | CascadeAnswer
    inputs: tuple[InputFile, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    engine: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    timing_s: Mapping[str, float] = field(default_factory=dict)
    choice: Choice | None = None

    @property
    def model(self) -> AnyModel:
        """The model or system that answered; of a cascade the classifier."""
        return self.models[0][1]

    @property
    def classification(self) -> Classification | None:
        """The class, or None where only a mask was asked for."""
        if isinstance(self.result, CascadeAnswer):
            return self.result.classification
        return self.result if isinstance(self.result, Classification) else None

    @property
    def segmentation(self) -> Segmentation | None:
        """The mask with its probabilities, or None where only a class was asked for."""
        if isinstance(self.result, CascadeAnswer):
            return self.result.segmentation
        return self.result if isinstance(self.result, Segmentation) else None

    @property
    def label_map(self) -> LabelMap | None:
        """The mask on the scan's grid, or None for a classification."""
        return None if self.segmentation is None else self.segmentation.label_map

    @property
    def probabilities(self) -> NDArray[np.float32] | Mapping[str, float]:
        """Per voxel and region ``(K, *spatial)`` where there is a mask; else per class."""
        if isinstance(self.result, CascadeAnswer):
            return self.result.segmentation.probabilities
        return self.result.probabilities

    @property
    def task(self) -> str:
        """``classify``, ``segment`` or ``cascade``: both."""
        return "cascade" if isinstance(self.result, CascadeAnswer) else self.model.facts.task

    @property
    def mask_name(self) -> str:
        """The mask's file name: NIfTI for volumes and stacks, PNG for a picture."""
        return MASK_NIFTI if self.scan.is_volume else MASK_PICTURE

    def as_json(self) -> dict[str, Any]:
        """Return ``prediction.json``: plain data without NaN."""
        return {
            "case": self.case,
            "inputs": [file.as_json() for file in self.inputs],
            "task": self.task,
            "models": [_model_entry(role, model) for role, model in self.models],
            "choice": None if self.choice is None else self.choice.as_json(),
            "gliascope_version": code_version(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "intended_use": INTENDED_USE,
            "options": dict(self.options),
            "engine": dict(self.engine),
            "classification": self._classification(),
            "segmentation": self._segmentation(),
            "cascade": self._cascade(),
            "warnings": [notice.as_json() for notice in self.notices],
            "timing_s": {stage: round(seconds, 4) for stage, seconds in self.timing_s.items()},
        }

    def _classification(self) -> dict[str, Any] | None:
        found = self.classification
        if found is None:
            return None
        return {
            "label": found.label,
            "probabilities": _rounded(found.probabilities),
            "abstained": found.abstained,
            "reason": found.reason,
            "votes": [
                {"model": vote.model, "label": vote.label, "probabilities": _rounded(vote.probabilities)}
                for vote in found.votes
            ],
        }

    def _segmentation(self) -> dict[str, Any] | None:
        if self.label_map is None:
            return None
        regions = {name: region.as_json() for name, region in measure(self.label_map, self._answered).items()}
        return {"mask": self.mask_name, "scheme": self.label_map.scheme.name, "regions": regions}

    @property
    def _answered(self) -> tuple[str, ...]:
        """The regions that the segmenter names; empty: all that its scheme can express."""
        targets = (model.facts.target for _, model in self.models if isinstance(model, ModelFolder))
        return tuple(next((target.get("regions") or () for target in targets if target), ()))

    def _cascade(self) -> dict[str, Any] | None:
        if not isinstance(self.result, CascadeAnswer):
            return None
        return {"segmented": self.result.segmented, "slices": list(self.result.slices)}

    def page(self, facts: dict[str, Any] | None = None) -> str:
        """Return the self-contained HTML page."""
        shown = None if isinstance(self.result, CascadeAnswer) and not self.result.segmented else self.label_map
        return prediction_page(facts or self.as_json(), self.scan, shown)

    def save(self, folder: Path, *, overwrite: bool = False, probabilities: bool = False) -> dict[str, Any]:
        """Write mask, page and ``prediction.json`` into a new folder that appears whole; return the JSON.

        Raises:
            UsageError: The folder exists and ``overwrite`` is False.
            MachineError: It cannot be written.
        """
        facts = self.as_json()
        start = time.perf_counter()
        with atomic.new_folder(folder, overwrite=overwrite, mark=FACTS_FILE) as part:
            if self.label_map is not None:
                self._save_mask(part / self.mask_name)
            if probabilities and self.segmentation is not None:
                self._save_probabilities(part, self.segmentation)
            atomic.write_text(part / "report.html", self.page(facts))
            written = time.perf_counter() - start
            timing = facts["timing_s"]
            facts["timing_s"] = {**timing, "write": round(written, 4)}
            facts["timing_s"]["total"] = round(timing.get("total", 0.0) + written, 4)
            atomic.write_json(part / FACTS_FILE, facts)
        return facts

    def _save_mask(self, path: Path) -> None:
        if self.label_map is None:
            return
        if self.scan.is_volume:
            nifti.write_label_map(path, self.label_map)
        else:
            picture.write_mask(path, self.label_map)

    def _save_probabilities(self, folder: Path, result: Segmentation) -> None:
        grid, stored = self.scan.grid, self.scan.stored
        if not self.scan.is_volume:
            # NIfTI has three axes at least: a picture is one slice of unknown thickness.
            grid, stored = Grid((*grid.shape, 1)), None
        for name, values in zip(result.channels, result.probabilities, strict=True):
            path = folder / f"probability_{name}.nii.gz"
            nifti.write_volume(path, values.reshape(grid.shape), grid=grid, stored=stored)


def key_figures(facts: dict[str, Any]) -> dict[str, str]:
    """Return what matters most of a ``prediction.json`` in words: the class, the size of each region, or both."""
    figures: dict[str, str] = {}
    if answer := facts["classification"]:
        figures["class"] = "none given" if answer["abstained"] else answer["label"]
        if not answer["abstained"]:
            # A score, not a percentage: softmax values are no calibrated confidence.
            figures["score"] = f"{answer['probabilities'][answer['label']]:.3f}"
    if (facts.get("cascade") or {}).get("segmented") is False:
        return {**figures, "mask": "not segmented"}
    for name, size in (facts["segmentation"] or {"regions": {}})["regions"].items():
        known = size["volume_ml"] is not None
        figures[name] = f"{size['volume_ml']:.1f} ml" if known else f"{size['voxels']:,} voxels"
    return figures


def _model_entry(role: str, model: AnyModel) -> dict[str, Any]:
    """Return one entry of ``models``; a system names its members."""
    members = model.members if isinstance(model, SystemFolder) else ()
    return {
        "role": role,
        "name": model.facts.name,
        "version": model.facts.version,
        "sha256": model.fingerprint,
        "members": [{"name": own.facts.name, "version": own.facts.version} for own in members],
    }


def _rounded(probabilities: Mapping[str, float]) -> dict[str, float]:
    return {name: round(float(value), 6) for name, value in probabilities.items()}
