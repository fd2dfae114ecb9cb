"""Two masks of one region on one grid, and what every metric shares: their counts and their distances."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from gliascope.errors import GeometryError, LabelError
from gliascope.metrics.surface import BoolArray, BorderDistances, border_distances, joint_box
from gliascope.metrics.surface_area import ElementDistances, surface_element_distances
from gliascope.scan import LabelMap, check_same_grid

Outcome = Literal["scored", "both_empty", "missed", "false_positive"]


@dataclass(frozen=True)
class Counts:
    """Voxels by what the two masks say of them."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def both_empty(self) -> bool:
        """True where neither mask has a voxel."""
        return self.true_positive + self.false_positive + self.false_negative == 0

    @property
    def predicted(self) -> int:
        """Voxels of the prediction."""
        return self.true_positive + self.false_positive

    @property
    def wanted(self) -> int:
        """Voxels of the reference."""
        return self.true_positive + self.false_negative


@dataclass(frozen=True, eq=False)
class MaskPair:
    """A prediction and its reference, cut to a box that holds both; counts and distances are computed once.

    Make one with ``MaskPair.of``, or for the regions of label maps with ``region_pairs``.

    Args:
        prediction: Boolean mask inside the box.
        reference: Boolean mask of the same shape.
        image_shape: Voxels per axis of the whole image, for what is counted outside the box.
        spacing_mm: Size of a voxel per axis in mm; None: unknown.
        tolerance_mm: How far borders may lie apart and still agree, for ``nsd``.
    """

    prediction: BoolArray
    reference: BoolArray
    image_shape: tuple[int, ...]
    spacing_mm: tuple[float, ...] | None = None
    tolerance_mm: float = 1.0

    @classmethod
    def of(
        cls,
        prediction: BoolArray,
        reference: BoolArray,
        *,
        spacing_mm: tuple[float, ...] | None = None,
        tolerance_mm: float = 1.0,
    ) -> "MaskPair":
        """Check two masks of a whole image and cut them to their joint box.

        Raises:
            GeometryError: The shapes differ, or the spacing does not have one positive size per axis.
            LabelError: An array is not boolean; probabilities and label numbers are never guessed at.
        """
        for array in (prediction, reference):
            if array.dtype != np.bool_:
                hint = "Take LabelMap.region(name), or compare with a threshold."
                raise LabelError(f"metrics are taken of boolean masks, got {array.dtype}", hint=hint)
        if prediction.shape != reference.shape:
            cause = f"prediction of shape {prediction.shape} against a reference of {reference.shape}"
            raise GeometryError(cause, code="E_GRID")
        if spacing_mm is not None and (len(spacing_mm) != prediction.ndim or not all(s > 0 for s in spacing_mm)):
            cause = f"the spacing {','.join(f'{s:g}' for s in spacing_mm)} is not one size for each of the masks' axes"
            raise GeometryError(cause, hint=f"Give {prediction.ndim} sizes above 0.", code="E_SPACING")
        box = joint_box(prediction, reference)
        return cls(prediction[box], reference[box], prediction.shape, spacing_mm, tolerance_mm)

    @cached_property
    def counts(self) -> Counts:
        """Voxels of the whole image that the masks share and do not share."""
        both = int(np.count_nonzero(self.prediction & self.reference))
        predicted, wanted = int(np.count_nonzero(self.prediction)), int(np.count_nonzero(self.reference))
        image = int(np.prod(self.image_shape, dtype=np.int64))
        return Counts(both, predicted - both, wanted - both, image - predicted - wanted + both)

    @property
    def both_empty(self) -> bool:
        """True where neither mask has a voxel."""
        return self.outcome == "both_empty"

    @property
    def one_empty(self) -> bool:
        """True where exactly one of the masks has a voxel."""
        return self.outcome in ("missed", "false_positive")

    @property
    def outcome(self) -> Outcome:
        """``scored`` where both masks have a voxel; else which of them has none."""
        if self.counts.both_empty:
            return "both_empty"
        if self.counts.predicted and self.counts.wanted:
            return "scored"
        return "missed" if self.counts.wanted else "false_positive"

    @cached_property
    def borders(self) -> BorderDistances:
        """Distances in mm between the border voxels of the masks, of which neither is empty.

        Raises:
            GeometryError: The voxel size is unknown.
        """
        return border_distances(self.prediction, self.reference, self.known_spacing())

    @cached_property
    def elements(self) -> ElementDistances:
        """Distances in mm between the surface elements of the masks, of which neither is empty.

        Raises:
            GeometryError: The voxel size is unknown.
        """
        return surface_element_distances(self.prediction, self.reference, self.known_spacing())

    def known_spacing(self) -> tuple[float, ...]:
        """Return the spacing.

        Raises:
            GeometryError: It is unknown.
        """
        if self.spacing_mm is None:
            hint = "Give it with --spacing."
            raise GeometryError("the voxel size is not known, and the metric is in mm", hint=hint, code="E_SPACING")
        return self.spacing_mm

    def in_voxels(self) -> "MaskPair":
        """Return the same masks with voxels of size 1, so that distances count voxels."""
        return replace(self, spacing_mm=(1.0,) * len(self.image_shape))


def region_pairs(
    prediction: LabelMap, reference: LabelMap, regions: Iterable[str], *, tolerance_mm: float = 1.0
) -> dict[str, MaskPair]:
    """Return the masks of each region of two label maps.

    Args:
        prediction: Label map on the grid of the reference; its scheme may be another.
        reference: The expert's label map; its voxel size counts.
        regions: Names that both schemes can express.
        tolerance_mm: As in ``MaskPair``.

    Raises:
        GeometryError: The maps do not lie on one grid.
        LabelError: A scheme cannot express a region.
    """
    check_same_grid(reference.grid, prediction.grid, file="prediction", against="the reference")
    box = joint_box(prediction.array, reference.array)
    grid = reference.grid
    return {
        name: MaskPair(
            _region(prediction, name, box), _region(reference, name, box), grid.shape, grid.spacing_mm, tolerance_mm
        )
        for name in regions
    }


def _region(label_map: LabelMap, name: str, box: tuple[slice, ...]) -> BoolArray:
    """One region inside a box; as ``LabelMap.region``, without touching the voxels outside."""
    return np.isin(label_map.array[box], label_map.scheme.region_values(name))
