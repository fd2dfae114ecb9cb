"""Scores of masks as plain data: one row per case, and a summary over them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gliascope.errors import GeometryError, InputError, Notice, UsageError, counted
from gliascope.metrics import Protocol, protocol_named, region_pairs, summarize
from gliascope.metrics.intervals import bootstrap_interval
from gliascope.metrics.masks import MaskPair
from gliascope.metrics.pooled import PooledVoxels
from gliascope.scan import SPACING_RANGE_MM, LabelMap
from gliascope.workflow.clusters import clusters_of, interval_facts, lonely_cases
from gliascope.workflow.plain_json import without_nan

NOT_REGIONS = ("case", "patient", "group")
TOLERANCE_MM = 1.0
"""Of ``nsd`` unless one is given: about one voxel of the research scans."""

NO_SPACING = Notice(
    "W_NO_SPACING", "", "The voxel size is not known, so nothing in mm is measured; --spacing gives it."
)
SPACING_UNUSED = Notice("W_SPACING", "", "--spacing is for pictures; NIfTI files carry their own.")


@dataclass
class MaskScores:
    """The scores of one evaluation, gathered case by case.

    Args:
        protocol: A name of ``metrics.PROTOCOLS``.
        tolerance_mm: How far borders may lie apart and still agree; None: 1 mm, where the protocol has a tolerance.
        spacing_mm: Voxel size of masks that carry none, as pictures do.
        with_tumor: Only cases whose reference holds tumor count; ask ``leaves_out`` of each.
    """

    protocol: str = "plain"
    tolerance_mm: float | None = None
    spacing_mm: tuple[float, ...] | None = None
    with_tumor: bool = False
    rows: list[dict[str, Any]] = field(default_factory=list, init=False)
    left_out: int = field(default=0, init=False)
    _pooled: PooledVoxels = field(default_factory=PooledVoxels, init=False)
    _noticed: set[Notice] = field(default_factory=set, init=False)
    _given: tuple[float, ...] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        rules = self.rules
        if self.tolerance_mm is not None and not rules.has_tolerance:
            cause = f"--tolerance does not apply to protocol '{self.protocol}', which sets its own or has none"
            raise UsageError(cause, hint="Leave it out, or use protocol plain.")
        if self.tolerance_mm is not None and not 0 <= self.tolerance_mm < math.inf:
            raise UsageError(f"--tolerance takes mm from 0 on, got {self.tolerance_mm:g}", hint="Try 1 or 2.")
        low, high = SPACING_RANGE_MM
        if self.spacing_mm is not None and not all(low <= size <= high for size in self.spacing_mm):
            cause = f"--spacing is given as {','.join(f'{size:g}' for size in self.spacing_mm)}"
            raise UsageError(cause, hint=f"Voxel sizes lie from {low:g} to {high:g} mm.", code="E_SPACING")

    @property
    def rules(self) -> Protocol:
        """The protocol itself.

        Raises:
            UsageError: There is none of that name.
        """
        return protocol_named(self.protocol)

    @property
    def _tolerance(self) -> float:
        return TOLERANCE_MM if self.tolerance_mm is None else self.tolerance_mm

    def add(
        self,
        case: str,
        prediction: LabelMap,
        reference: LabelMap,
        *,
        patient: str | None = None,
        group: str | None = None,
        regions: Iterable[str] | None = None,
    ) -> dict[str, Any]:
        """Score one case and return its row: its name, whose it is, and per region its outcome and every metric.

        Args:
            case: Name of the case.
            prediction: Predicted labels.
            reference: The expert's labels on the same grid, perhaps in another scheme.
            patient: Whose it is, where known.
            group: Which cases it is like, where known.
            regions: What the model answers; None: every region that both schemes can express.

        Raises:
            InputError: The two have no region in common.
            GeometryError: They do not lie on one grid, the spacing does not fit, or the protocol needs one.
        """
        wanted = prediction.scheme.regions if regions is None else tuple(regions)
        common = tuple(name for name in wanted if name in reference.scheme.expressible)
        if not common:
            cause = f"schemes '{prediction.scheme.name}' and '{reference.scheme.name}' share no region"
            raise InputError(cause, file=case, hint="Compare masks of the same kind.", code="E_LABEL_SCHEME")
        row: dict[str, Any] = {"case": case, "patient": patient, "group": group}
        try:
            measured = replace(reference, grid=replace(reference.grid, spacing_mm=self._spacing(reference)))
            pairs = region_pairs(prediction, measured, common, tolerance_mm=self._tolerance)
            for name, masks in pairs.items():
                row[name] = {"outcome": masks.outcome, **self.rules.score(masks), **_sizes(masks)}
        except GeometryError as fault:
            fault.file = case if fault.file in ("", "prediction") else fault.file
            raise
        self._pooled.add(prediction, reference, pairs, exclusive=regions is None)
        self.rows.append(row)
        return row

    def leaves_out(self, reference: LabelMap) -> bool:
        """Say whether a case does not count, for want of tumor in its reference; it is counted as left out then."""
        without = self.with_tumor and not reference.array.any()
        self.left_out += without
        return without

    def facts(self, split: str, notices: Sequence[Notice]) -> dict[str, Any]:
        """Return the ``evaluate`` JSON of masks; ``counts`` of empty masks are over cases and regions.

        Raises:
            InputError: Every case was left out.
        """
        if self.left_out and not self.rows:
            cause = f"none of {counted(self.left_out, 'reference')} holds tumor"
            raise InputError(cause, hint="Leave --with-tumor out.", code="E_EMPTY")
        regions = list(dict.fromkeys(name for row in self.rows for name in row if name not in NOT_REGIONS))
        outcomes = [row[name]["outcome"] for row in self.rows for name in regions if name in row]
        own = sorted(self._noticed, key=lambda notice: notice.code)
        noticed = [*notices, *lonely_cases(self.rows), *own]
        return {
            "task": "segment",
            "protocol": self.protocol,
            "protocol_facts": {
                **self.rules.facts(self._tolerance),
                "spacing_mm": None if self._given is None else list(self._given),
            },
            "split": f"{split}; cases with tumor only" if self.with_tumor else split,
            "with_tumor": self.with_tumor,
            "left_out": self.left_out,
            "counts": {
                "cases": len(self.rows),
                **{name: outcomes.count(name) for name in ("both_empty", "missed", "false_positive")},
            },
            "intervals": interval_facts(self.rows),
            "summary": {name: self._summary(name) for name in regions},
            "pooled": without_nan(self._pooled.facts(clusters_of(self.rows)[0])),
            "cases": [without_nan(row) for row in self.rows],
            "warnings": [notice.as_json() for notice in dict.fromkeys(noticed)],
        }

    def _spacing(self, reference: LabelMap) -> tuple[float, ...] | None:
        """The voxel size that counts: the file's own, else what the user gave."""
        own, shape = reference.grid.spacing_mm, reference.grid.shape
        if own is not None:
            if self.spacing_mm is not None:
                self._noticed.add(SPACING_UNUSED)
            return own
        if self.spacing_mm is None:
            if any(metric.physical for metric in self.rules.metrics.values()):
                self._noticed.add(NO_SPACING)
        elif len(self.spacing_mm) != len(shape):
            cause = f"--spacing has {counted(len(self.spacing_mm), 'size')} for masks of {len(shape)} axes"
            raise GeometryError(cause, hint=f"Give {counted(len(shape), 'size')}.", code="E_SPACING")
        self._given = self.spacing_mm
        return self.spacing_mm

    def _summary(self, region: str) -> dict[str, dict[str, Any]]:
        """Describe every metric of one region over the cases, with intervals by patient."""
        rows = [row for row in self.rows if region in row]
        clusters, _ = clusters_of(rows)
        found = {}
        for name in (key for key in rows[0][region] if key != "outcome"):
            values = [row[region][name] for row in rows]
            metric = self.rules.metrics.get(name)
            bounds = (metric.low, metric.high) if metric and math.isfinite(metric.high) else None
            figures = {
                **summarize(values),
                "ci95": bootstrap_interval(values, clusters, "mean", bounds=bounds),
                "median_ci95": bootstrap_interval(values, clusters, "median", bounds=bounds),
            }
            found[name] = {k: without_nan(list(v) if isinstance(v, tuple) else v) for k, v in figures.items()}
        return found


def refuse_mask_options(
    protocol: str, tolerance_mm: float | None, spacing_mm: tuple[float, ...] | None, *, with_tumor: bool = False
) -> None:
    """Refuse what only acts on masks, where a classifier is scored.

    Raises:
        UsageError: An option is not as it stands unless given.
    """
    given = {"protocol": protocol != "plain", "tolerance": tolerance_mm is not None, "spacing": spacing_mm is not None}
    given["with-tumor"] = with_tumor
    for name in (name for name, is_given in given.items() if is_given):
        raise UsageError(f"--{name} does not apply to a classifier", hint="See gliascope evaluate --help.")


def _sizes(masks: MaskPair) -> dict[str, float | int]:
    """Size of both masks, in ml (undefined where the voxel size is unknown) and in voxels."""
    known = masks.spacing_mm is not None and len(masks.image_shape) == 3
    voxel_ml = math.prod(masks.known_spacing()) / 1000.0 if known else math.nan
    predicted, wanted = masks.counts.predicted, masks.counts.wanted
    return {
        "prediction_volume_ml": predicted * voxel_ml,
        "reference_volume_ml": wanted * voxel_ml,
        "prediction_voxels": predicted,
        "reference_voxels": wanted,
    }
