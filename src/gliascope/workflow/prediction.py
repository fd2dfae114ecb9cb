"""What a prediction is: the answer, where it came from, and how it is written down."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.checkpoint import ModelFolder
from gliascope.errors import Notice
from gliascope.files import atomic, nifti, picture
from gliascope.inference.predictor import Classification, Segmentation
from gliascope.intended_use import INTENDED_USE
from gliascope.measure import measure
from gliascope.report import prediction_page
from gliascope.scan import Grid, LabelMap, Scan
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
        model: The model folder that answered.
        result: A mask or a class.
        inputs: The files; empty for a scan from memory.
        options: The options that shaped the answer; part of what makes a finished prediction the same.
        engine: What computed it: ``backend``, ``device`` and ``precision``.
        notices: Warnings of reading and predicting.
        timing_s: Seconds per stage.
    """

    case: str
    scan: Scan
    model: ModelFolder
    result: Segmentation | Classification
    inputs: tuple[InputFile, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    engine: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    timing_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def label_map(self) -> LabelMap | None:
        """The mask on the scan's grid, or None for a classification."""
        return self.result.label_map if isinstance(self.result, Segmentation) else None

    @property
    def probabilities(self) -> NDArray[np.float32] | Mapping[str, float]:
        """Per voxel and region ``(K, *spatial)`` for a mask; per class for a classification."""
        return self.result.probabilities

    @property
    def mask_name(self) -> str:
        """The mask's file name: NIfTI for volumes and stacks, PNG for a picture."""
        return MASK_NIFTI if self.scan.is_volume else MASK_PICTURE

    def as_json(self) -> dict[str, Any]:
        """Return ``prediction.json``: plain data without NaN."""
        facts = self.model.facts
        role = "segmenter" if facts.task == "segment" else "classifier"
        return {
            "case": self.case,
            "inputs": [file.as_json() for file in self.inputs],
            "task": facts.task,
            "models": [{"role": role, "name": facts.name, "version": facts.version, "sha256": self.model.fingerprint}],
            "gliascope_version": code_version(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "intended_use": INTENDED_USE,
            "options": dict(self.options),
            "engine": dict(self.engine),
            "classification": self._classification(),
            "segmentation": self._segmentation(),
            "warnings": [notice.as_json() for notice in self.notices],
            "timing_s": {stage: round(seconds, 4) for stage, seconds in self.timing_s.items()},
        }

    def _classification(self) -> dict[str, Any] | None:
        if not isinstance(self.result, Classification):
            return None
        return {
            "label": self.result.label,
            "probabilities": {name: round(float(p), 6) for name, p in self.result.probabilities.items()},
            "abstained": self.result.abstained,
            "reason": self.result.reason,
        }

    def _segmentation(self) -> dict[str, Any] | None:
        if self.label_map is None:
            return None
        target = self.model.facts.target or {}
        answered = target.get("regions") or self.label_map.scheme.regions
        regions = {name: region.as_json() for name, region in measure(self.label_map).items() if name in answered}
        return {"mask": self.mask_name, "scheme": self.label_map.scheme.name, "regions": regions}

    def page(self, facts: dict[str, Any] | None = None) -> str:
        """Return the self-contained HTML page."""
        return prediction_page(facts or self.as_json(), self.scan, self.label_map)

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
            if probabilities and isinstance(self.result, Segmentation):
                self._save_probabilities(part, self.result)
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
    """Return what matters most of a ``prediction.json`` in words: the class, or the size of each region."""
    answer = facts["classification"]
    if answer:
        if answer["abstained"]:
            return {"class": "none given"}
        # A score, not a percentage: softmax values are no calibrated confidence.
        return {"class": answer["label"], "score": f"{answer['probabilities'][answer['label']]:.3f}"}
    sizes = facts["segmentation"]["regions"].items()
    return {
        name: f"{size['volume_ml']:.1f} ml" if size["volume_ml"] is not None else f"{size['voxels']:,} voxels"
        for name, size in sizes
    }
