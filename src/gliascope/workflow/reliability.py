"""Calibration of an evaluation as plain data: gathered case by case, with intervals by patient, before and after."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.inference.parts import ModelParts
from gliascope.inference.predictor import Segmentation
from gliascope.labels import REGIONS, Tissue
from gliascope.metrics.calibration import SUMS, Reliability, class_answers, yes_no_answers
from gliascope.metrics.intervals import bootstrap_intervals
from gliascope.preprocess.head import head_mask
from gliascope.scan import LabelMap, Scan
from gliascope.workflow.plain_json import without_nan

FloatArray = NDArray[np.float64]
FIGURES = ("ece", "brier", "nll")


@dataclass(frozen=True, eq=False)
class CaseSums:
    """What a reliability diagram needs of each case, by row of the result; shape ``(N, SUMS)`` each."""

    unit: str
    rows: Mapping[str, FloatArray]
    raw: Mapping[str, FloatArray]

    def facts(self, clusters: Sequence[Hashable], temperature: float | tuple[float, ...] | None) -> dict[str, Any]:
        """Return ``calibration`` of the ``evaluate`` JSON.

        Args:
            clusters: One id per case: cases of one patient are drawn together.
            temperature: The model's; without one nothing is ``raw``.
        """
        given: Any = list(temperature) if isinstance(temperature, tuple) else temperature
        return {
            "unit": self.unit,
            "temperature": given,
            "rows": _rows(self.rows, clusters),
            "raw": None if temperature is None else _rows(self.raw, clusters),
        }


def class_sums(honest: FloatArray, raw: FloatArray, reference: NDArray[np.intp], classes: Sequence[str]) -> CaseSums:
    """Judge a classifier: ``all`` by its answers, and each class against all others.

    Args:
        honest: Probabilities ``(N, C)`` with the temperature.
        raw: The same without.
        reference: The class of each case as an index.
        classes: Their names.
    """

    def rows(table: FloatArray) -> dict[str, FloatArray]:
        each = {name: yes_no_answers(table[:, k], reference == k).each().sums for k, name in enumerate(classes)}
        return {"all": class_answers(table, reference).each().sums, **each}

    return CaseSums("case", rows(honest), rows(raw))


@dataclass
class RegionSums:
    """Judges a segmenter region by region, voxel by voxel inside the head; holds a few numbers per case.

    Args:
        parts: What the model's outputs mean. Classes that exclude each other add up to the regions they make.
    """

    parts: ModelParts
    _honest: dict[str, list[FloatArray]] = field(default_factory=dict)
    _raw: dict[str, list[FloatArray]] = field(default_factory=dict)

    def add(self, scan: Scan, result: Segmentation, reference: LabelMap) -> None:
        """Take in one case; a region that its reference cannot express has no voxels in it."""
        inside = head_mask(scan.array)
        for name, outputs in self._regions.items():
            honest: FloatArray = np.zeros(SUMS)
            raw = honest
            if name in reference.scheme.expressible:
                true = reference.region(name)[inside]
                honest = _sums(result.probabilities, outputs, inside, true)
                same = result.raw is result.probabilities
                raw = honest if same else _sums(result.raw, outputs, inside, true)
            self._honest.setdefault(name, []).append(honest)
            self._raw.setdefault(name, []).append(raw)

    def gathered(self) -> CaseSums:
        """Return what has been taken in; regions that no reference could express are left out."""
        kept = [name for name, sums in self._honest.items() if np.any(sums)]
        honest, raw = ({name: np.array(each[name]) for name in kept} for each in (self._honest, self._raw))
        return CaseSums("voxel", honest, raw)

    @property
    def _regions(self) -> dict[str, list[int]]:
        """The outputs that make up each region."""
        outputs = self.parts.outputs
        if not self.parts.exclusive or self.parts.target is None:
            return {name: [index] for index, name in enumerate(outputs)}
        tissues = [None, *(Tissue(name) for name in outputs[1:])]
        regions = self.parts.target.label_scheme.regions
        return {name: [index for index, tissue in enumerate(tissues) if tissue in REGIONS[name]] for name in regions}


def _sums(
    maps: NDArray[np.float32], outputs: Sequence[int], inside: NDArray[np.bool_], true: NDArray[np.bool_]
) -> FloatArray:
    """Sum up the voxels of one case: the outputs that make up a region exclude each other and add up."""
    probabilities = np.sum([maps[index][inside] for index in outputs], axis=0, dtype=np.float32)
    return yes_no_answers(np.minimum(probabilities, 1.0), true).total().sums


def _rows(sums: Mapping[str, FloatArray], clusters: Sequence[Hashable]) -> dict[str, Any]:
    """Describe each row with intervals; all rows come from the same resamples."""
    if not sums:
        return {}
    cube = np.stack(list(sums.values()), axis=1)
    flat = cube.reshape(len(cube), -1)

    def figures(counts: FloatArray) -> FloatArray:
        drawn = Reliability((counts @ flat).reshape(len(counts), *cube.shape[1:]))
        return drawn.figures().reshape(len(counts), -1)

    intervals = iter(bootstrap_intervals(figures, clusters))
    found = {}
    for name, each in sums.items():
        whole = Reliability(each.sum(axis=0))
        row: dict[str, Any] = dict(zip(FIGURES, map(float, whole.figures()), strict=True))
        row["ci95"] = {figure: None if (ends := next(intervals)) is None else list(ends) for figure in FIGURES}
        found[name] = without_nan({**row, "n": int(whole.n), "bins": whole.bins()})
    return found
