"""What one case of a data set holds, in a few hundred bytes: sizes, contrasts, tumor voxels, tumor slices."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.case import Case
from gliascope.scan import LabelMap, Scan

REPEATED_SHARE = 0.002
"""Channels whose mean difference is below this share of the brightest value are one picture stored twice. In the LGG
set, where FLAIR stands in for a missing contrast, it is exactly 0; between real contrasts it is 0.02 and more."""


@dataclass(frozen=True)
class CaseLook:
    """One case, looked at.

    Args:
        case: Its name, patient, class and files.
        shape: Voxels per axis.
        spacing_mm: Voxel size per axis, or None.
        channels: The contrasts it has.
        blank: Those that hold one value everywhere.
        repeated: Groups of channels that show the same picture.
        voxels: Number of voxels of one channel.
        tissue_voxels: By tissue of its scheme, 0 included; None without a reference.
        region_voxels: By region; empty without a reference.
        region_ml: By region; empty where the size of a voxel is unknown.
        presence: By region, one truth value per slice (a picture is one slice).
    """

    case: Case
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...] | None
    channels: tuple[str, ...]
    blank: tuple[str, ...]
    repeated: tuple[tuple[str, ...], ...]
    voxels: int
    tissue_voxels: dict[str, int] | None = None
    region_voxels: dict[str, int] = field(default_factory=dict)
    region_ml: dict[str, float] = field(default_factory=dict)
    presence: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def is_volume(self) -> bool:
        """True where it has slices of its own."""
        return len(self.shape) == 3

    @property
    def tumor_voxels(self) -> int:
        """Voxels of the outermost region; 0 without a reference."""
        return next(iter(self.region_voxels.values()), 0)

    @property
    def tumor_slices(self) -> NDArray[np.bool_]:
        """Whether the outermost region is in each slice; empty without a reference."""
        return next(iter(self.presence.values()), np.zeros(0, dtype=np.bool_))


def look_at(case: Case, scan: Scan, labels: LabelMap | None) -> CaseLook:
    """Measure one case.

    Args:
        case: Where it comes from.
        scan: Its images.
        labels: Its reference on the same grid, or None.
    """
    constant = tuple(n for n, values in zip(scan.channels, scan.array, strict=True) if values.min() == values.max())
    return CaseLook(
        case,
        scan.grid.shape,
        scan.grid.spacing_mm,
        scan.channels,
        constant,
        repeated_channels(scan, constant),
        int(np.prod(scan.grid.shape)),
        **({} if labels is None else _counted(labels)),
    )


def repeated_channels(scan: Scan, leave_out: Sequence[str] = ()) -> tuple[tuple[str, ...], ...]:
    """Return groups of two or more channels that show the same picture.

    Args:
        scan: Any scan.
        leave_out: Channels that are not compared, as those without any content.
    """
    every = tuple(slice(None, None, 2 if size >= 64 else 1) for size in scan.grid.shape)
    bright = float(scan.array.max())
    groups: list[list[int]] = []
    for index, name in enumerate(scan.channels):
        if name in leave_out:
            continue
        own = scan.array[index][every]
        for group in groups:
            if float(np.abs(own - scan.array[group[0]][every]).mean()) <= REPEATED_SHARE * bright:
                group.append(index)
                break
        else:
            groups.append([index])
    return tuple(tuple(scan.channels[i] for i in group) for group in groups if len(group) > 1)


def _counted(labels: LabelMap) -> dict[str, Any]:
    """Return the fields that a reference fills."""
    scheme, voxel_ml = labels.scheme, labels.grid.voxel_ml
    counts = np.bincount(labels.array.ravel(), minlength=256)
    slices = labels.array if labels.array.ndim == 3 else labels.array[..., np.newaxis]
    absent = np.zeros(slices.shape[2], dtype=np.bool_)
    present = {v: (slices == v).any(axis=(0, 1)) if counts[v] else absent for v in scheme.tissues}
    values = {region: scheme.region_values(region) for region in scheme.regions}
    voxels = {region: int(counts[list(own)].sum()) for region, own in values.items()}
    return {
        "tissue_voxels": {str(tissue): int(counts[v]) for v, tissue in sorted(scheme.tissues.items())},
        "region_voxels": voxels,
        "region_ml": {} if voxel_ml is None else {region: n * voxel_ml for region, n in voxels.items()},
        "presence": {region: np.logical_or.reduce([present[v] for v in own]) for region, own in values.items()},
    }
