"""What a named protocol is: its metrics, and in words and data what other protocols decide otherwise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gliascope.errors import GeometryError
from gliascope.metrics.masks import MaskPair


@dataclass(frozen=True)
class Metric:
    """One row of a protocol's table.

    Args:
        function: Takes what the protocol prepares of two masks; its docstring says what it measures.
        unit: ``mm``, ``ml``, ``voxels``, ``lesions``, or empty for a ratio.
        direction: Whether ``up`` or ``down`` is better.
        low: Smallest possible value.
        high: Largest possible value.
        best: Value of a perfect prediction; None: it depends on the case, as a number of lesions does.
        empty_both: Value where neither mask has a voxel.
        empty_one: Value where exactly one of them has none; None: the formula holds as it stands.
        symmetric: True where the two masks may be swapped.
        source: Who defines it: a DOI, or a script.
        physical: True where it needs the size of a voxel.
    """

    function: Callable[[Any], float]
    unit: str
    direction: Literal["up", "down"]
    low: float
    high: float
    best: float | None
    empty_both: float
    empty_one: float | None
    symmetric: bool
    source: str
    physical: bool = False


@dataclass(frozen=True)
class Protocol:
    """A way to score masks that a community agreed on; numbers of two protocols are never compared.

    Args:
        name: What ``--protocol`` takes.
        title: Its name for people.
        source: Where it is defined.
        hausdorff: What "HD95" means in it.
        pooling: What is scored in a case, and how a case's value comes about.
        spacing: Whether distances count ``mm`` or ``voxels``.
        empty: What an empty mask gives.
        infinite: What stands for an infinite distance; None: it stays infinite, is counted and left out of means.
        metrics: By the name they have in results; the first is the leading one.
        prepare: Turns two masks into what the metrics' functions take; done once per region.
        needs_spacing: True where nothing can be scored without the size of a voxel.
        has_tolerance: True where ``--tolerance`` acts.
        scheme: Label scheme of NIfTI label maps that do not name theirs; None: it must be named where values leave it
            open.
    """

    name: str
    title: str
    source: str
    hausdorff: str
    pooling: str
    spacing: Literal["mm", "voxels"]
    empty: str
    infinite: float | None
    metrics: Mapping[str, Metric]
    prepare: Callable[[MaskPair], Any]
    needs_spacing: bool
    has_tolerance: bool = False
    scheme: str | None = None

    def score(self, masks: MaskPair) -> dict[str, float]:
        """Return every metric of one region of one case.

        Raises:
            GeometryError: The protocol needs the size of a voxel and it is not known.
        """
        if self.needs_spacing and masks.spacing_mm is None:
            cause = f"the voxel size is not known, and protocol '{self.name}' measures in mm"
            hint = "Give it with --spacing, or use protocol plain or legacy."
            raise GeometryError(cause, hint=hint, code="E_SPACING")
        prepared = self.prepare(masks)
        return {name: metric.function(prepared) for name, metric in self.metrics.items()}

    def facts(self, tolerance_mm: float) -> dict[str, Any]:
        """Return what a result says of its protocol, as plain data."""
        return {
            "title": self.title,
            "source": self.source,
            "hausdorff": self.hausdorff,
            "pooling": self.pooling,
            "spacing": self.spacing,
            "empty": self.empty,
            "infinite": self.infinite,
            "tolerance_mm": tolerance_mm if self.has_tolerance else None,
            "metrics": {
                name: {"unit": metric.unit, "direction": metric.direction, "best": metric.best}
                for name, metric in self.metrics.items()
            },
        }
