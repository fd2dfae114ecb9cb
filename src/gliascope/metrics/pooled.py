"""Figures of all voxels of all cases together: one confusion matrix of a whole data set.

Sources that score this way let large tumors count for more than small ones, and a voxel's class for more than a
patient's tumor; the figures stand beside the means over cases and do not compare with them.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.metrics.intervals import bootstrap_intervals
from gliascope.metrics.masks import MaskPair
from gliascope.metrics.surface import joint_box
from gliascope.scan import LabelMap

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

MEASURES: tuple[str, ...] = ("accuracy", "dice", "iou", "precision", "sensitivity")
"""Of each class or region against the rest, and as their mean (``all``)."""

BACKGROUND = "background"


def voxel_confusion(prediction: LabelMap, reference: LabelMap) -> IntArray:
    """Count the voxels by reference class (row) and predicted class (column), background first.

    Args:
        prediction: Predicted labels.
        reference: The expert's labels on the same grid; its scheme has no tissue that the prediction's lacks.

    Returns:
        Shape ``(C, C)``, classes in the order of the numbers of the prediction's scheme.

    Raises:
        LabelError: The reference holds a tissue foreign to the prediction's scheme.

    Example:
        >>> from gliascope.labels import SCHEMES
        >>> from gliascope.scan import Grid
        >>> label_map = LabelMap(np.eye(3, dtype=np.uint8), SCHEMES["lgg"], Grid((3, 3)))
        >>> voxel_confusion(label_map, label_map).tolist()
        [[6, 0], [0, 3]]
    """
    values = prediction.scheme.values
    index = np.zeros(256, dtype=np.intp)
    index[list(values)] = range(len(values))
    box = joint_box(prediction.array, reference.array)
    wanted = index[reference.converted(prediction.scheme).array[box]]
    counts = np.bincount((wanted * len(values) + index[prediction.array[box]]).ravel(), minlength=len(values) ** 2)
    confusion = counts.reshape(len(values), len(values)).astype(np.int64)
    confusion[0, 0] += prediction.array.size - int(counts.sum())  # outside the box both are background
    return confusion


@dataclass
class PooledVoxels:
    """Voxels of all cases, gathered case by case."""

    _regions: list[dict[str, IntArray]] = field(default_factory=list, init=False)
    _confusions: list[IntArray | None] = field(default_factory=list, init=False)
    _classes: tuple[str, ...] = field(default=(), init=False)

    def add(self, prediction: LabelMap, reference: LabelMap, pairs: Mapping[str, MaskPair], *, exclusive: bool) -> None:
        """Count the voxels of one case.

        Args:
            prediction: Predicted labels.
            reference: The expert's labels on the same grid.
            pairs: The masks of every region that is scored.
            exclusive: The prediction's classes exclude each other, so that one matrix can hold them all.
        """
        tables = {}
        for name, masks in pairs.items():
            n = masks.counts
            tables[name] = np.array([n.true_positive, n.false_positive, n.false_negative, n.true_negative])
        self._regions.append(tables)
        own, theirs = prediction.scheme.tissues, reference.scheme.tissues
        classes = (BACKGROUND, *(own[value].value for value in sorted(own)))
        fits = set(theirs.values()) <= set(own.values()) and self._classes in ((), classes)
        self._confusions.append(voxel_confusion(prediction, reference) if exclusive and fits else None)
        self._classes = self._classes or classes

    def facts(self, clusters: Sequence[Hashable]) -> dict[str, Any]:
        """Return the pooled figures as plain data, undefined ones as ``nan``.

        Args:
            clusters: One id per case: intervals draw the cases of one patient together.

        Returns:
            ``classes`` and ``confusion`` (rows: reference; both empty where the answers nest, or schemes differ),
            ``rows`` with the ``MEASURES`` of every class and region and, as ``all``, the mean over the classes,
            background included, or over the regions where there are no classes; and ``ci95`` at the same places. A
            class that neither occurs nor is predicted is undefined and left out of the mean. The accuracy of ``all``
            is the share of voxels with the right class.
        """
        confusions = [matrix for matrix in self._confusions if matrix is not None]
        exclusive = len(confusions) == len(self._confusions) > 0
        stack = np.stack(confusions) if exclusive else np.zeros((len(self._regions), 0, 0), dtype=np.int64)
        names = list(self._classes) if exclusive else []
        regions = [name for name in dict.fromkeys(n for tables in self._regions for n in tables) if name not in names]
        absent = np.zeros(4, dtype=np.int64)
        of_regions = [np.stack([tables.get(name, absent) for tables in self._regions]) for name in regions]
        tables = np.stack([*np.moveaxis(_against_the_rest(stack), 1, 0), *of_regions], axis=1)
        averaged = len(names) or len(regions)
        rows = [*names, *regions, "all"]

        def figures(counts: FloatArray) -> FloatArray:
            drawn = np.tensordot(counts, tables, axes=1)
            measures = _measures(drawn)
            mean = _mean(measures[:, :averaged])
            if exclusive:
                right, total = (counts @ each for each in (np.trace(stack, axis1=1, axis2=2), stack.sum(axis=(1, 2))))
                mean[:, 0] = right / np.maximum(total, 1)
            return np.concatenate([measures, mean[:, None]], axis=1).reshape(len(counts), -1)

        once = figures(np.ones((1, len(self._regions))))[0].reshape(len(rows), -1)
        intervals = bootstrap_intervals(figures, clusters)
        places = [(row, measure) for row in rows for measure in MEASURES]
        ci95: dict[str, dict[str, list[float] | None]] = {row: {} for row in rows}
        for (row, measure), interval in zip(places, intervals, strict=True):
            ci95[row][measure] = None if interval is None else list(interval)
        return {
            "classes": names,
            "confusion": stack.sum(axis=0).tolist(),
            "rows": {
                row: dict(zip(MEASURES, map(float, own), strict=True)) for row, own in zip(rows, once, strict=True)
            },
            "ci95": ci95,
        }


def _against_the_rest(confusions: IntArray) -> IntArray:
    """Return TP, FP, FN and TN of every class: ``(N, C, C)`` to ``(N, C, 4)``."""
    right = np.diagonal(confusions, axis1=1, axis2=2)
    false_positive, false_negative = confusions.sum(axis=1) - right, confusions.sum(axis=2) - right
    rest = confusions.sum(axis=(1, 2))[:, None] - right - false_positive - false_negative
    return np.stack([right, false_positive, false_negative, rest], axis=-1)


def _measures(tables: FloatArray) -> FloatArray:
    """Return the ``MEASURES`` of tables ``(..., 4)`` as ``(..., 5)``; ``nan`` where a class is nowhere."""
    right, wrong, missed, rest = np.moveaxis(np.asarray(tables, dtype=np.float64), -1, 0)
    shares = [
        (right + rest, right + wrong + missed + rest),
        (2 * right, 2 * right + wrong + missed),
        (right, right + wrong + missed),
        (right, right + wrong),
        (right, right + missed),
    ]
    nowhere = right + wrong + missed == 0
    return np.stack([np.where(nowhere, np.nan, part / np.maximum(whole, 1)) for part, whole in shares], axis=-1)


def _mean(measures: FloatArray) -> FloatArray:
    """Mean over the rows that are defined: ``(R, K, M)`` to ``(R, M)``."""
    known = ~np.isnan(measures)
    mean: FloatArray = np.where(known, measures, 0.0).sum(axis=1) / np.where(known.any(1), known.sum(1), np.nan)
    return mean
