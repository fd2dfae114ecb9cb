"""Tumor classes, tissues, label schemes and the regions derived from them.

The numbers of every data set live here and nowhere else. To add a scheme, add one row to ``SCHEMES``.

Source: ``BraTS`` label conventions by year (Synapse syn51156910; Medical Segmentation Decathlon Task01).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gliascope.errors import LabelError

TUMOR_CLASSES: tuple[str, ...] = ("glioma", "meningioma", "pituitary", "no_tumor")
"""The classification answer, always in this order."""


class Tissue(StrEnum):
    """What one label number stands for."""

    NCR = "NCR"
    """Necrotic and non-enhancing tumor core."""
    ED = "ED"
    """Peritumoral edema, or FLAIR hyperintensity."""
    ET = "ET"
    """Enhancing tumor."""
    RC = "RC"
    """Resection cavity."""
    TUMOR = "TUMOR"
    """A tumor that is not divided further."""


REGIONS: Mapping[str, frozenset[Tissue]] = {
    "WT": frozenset({Tissue.NCR, Tissue.ED, Tissue.ET}),
    "TC": frozenset({Tissue.NCR, Tissue.ET}),
    "ET": frozenset({Tissue.ET}),
    "RC": frozenset({Tissue.RC}),
    "tumor": frozenset({Tissue.TUMOR}),
}
"""Named unions of tissues; ``WT`` contains ``TC`` contains ``ET``."""


def tissues_of(region: str) -> frozenset[Tissue]:
    """Return what a region is made of; a tissue's own name is a region too.

    Example:
        >>> sorted(tissues_of("TC")), sorted(tissues_of("ED"))
        ([<Tissue.ET: 'ET'>, <Tissue.NCR: 'NCR'>], [<Tissue.ED: 'ED'>])
    """
    return REGIONS[region] if region in REGIONS else frozenset({Tissue(region)})


@dataclass(frozen=True)
class LabelScheme:
    """What the numbers of one family of label maps mean.

    ``tissues`` maps a label number to its tissue; 0 is background and is not listed.
    """

    name: str
    tissues: Mapping[int, Tissue]

    @property
    def values(self) -> tuple[int, ...]:
        """Label numbers in rising order, background 0 first."""
        return (0, *sorted(self.tissues))

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the regions this scheme can express, outermost first."""
        have = set(self.tissues.values())
        return tuple(name for name, tissues in REGIONS.items() if tissues <= have)

    @property
    def expressible(self) -> tuple[str, ...]:
        """All that may be asked for by name: the regions, and those tissues alone that are none.

        Example:
            >>> SCHEMES["msd"].expressible, SCHEMES["lgg"].expressible
            (('WT', 'TC', 'ET', 'ED', 'NCR'), ('tumor',))
        """
        regions = self.regions
        told = {REGIONS[name] for name in regions}
        tissues = (self.tissues[value] for value in sorted(self.tissues))
        return (*regions, *(tissue.value for tissue in tissues if frozenset({tissue}) not in told))

    def value_of(self, tissue: Tissue) -> int:
        """Return the number of one tissue.

        Raises:
            LabelError: The scheme does not have it.
        """
        for value, own in self.tissues.items():
            if own == tissue:
                return value
        raise LabelError(f"scheme '{self.name}' has no tissue {tissue}")

    def region_values(self, region: str) -> tuple[int, ...]:
        """Return the label numbers whose union is ``region``, one of ``expressible``.

        Raises:
            LabelError: The scheme cannot express the region.

        Example:
            >>> SCHEMES["brats2017"].region_values("TC")
            (1, 4)
            >>> SCHEMES["msd"].region_values("TC")
            (2, 3)
        """
        if region not in self.expressible:
            raise LabelError(
                f"scheme '{self.name}' has no region '{region}'", hint=f"Known: {', '.join(self.expressible)}."
            )
        return tuple(v for v in sorted(self.tissues) if self.tissues[v] in tissues_of(region))


MOST_LISTED = 12
"""Label values that a message lists one by one."""

SCHEMES: Mapping[str, LabelScheme] = {
    scheme.name: scheme
    for scheme in (
        LabelScheme("msd", {1: Tissue.ED, 2: Tissue.NCR, 3: Tissue.ET}),
        LabelScheme("brats2017", {1: Tissue.NCR, 2: Tissue.ED, 4: Tissue.ET}),
        LabelScheme("brats2023", {1: Tissue.NCR, 2: Tissue.ED, 3: Tissue.ET}),
        LabelScheme("brats2024", {1: Tissue.NCR, 2: Tissue.ED, 3: Tissue.ET, 4: Tissue.RC}),
        LabelScheme("lgg", {1: Tissue.TUMOR}),
        LabelScheme("figshare", {1: Tissue.TUMOR}),
    )
}


def scheme_named(name: str) -> LabelScheme:
    """Return a scheme by name.

    Raises:
        LabelError: No such scheme; the message lists the known ones.
    """
    if name not in SCHEMES:
        raise LabelError(f"unknown label scheme '{name}'", hint=f"Known: {', '.join(SCHEMES)}.", code="E_LABEL_SCHEME")
    return SCHEMES[name]


def schemes_fitting(values: Iterable[int]) -> list[LabelScheme]:
    """Return every scheme that allows all of ``values``."""
    present = set(values)
    return [scheme for scheme in SCHEMES.values() if present <= set(scheme.values)]


def check_labels(
    labels: NDArray[np.number], scheme: LabelScheme | None, *, file: str | Path = "", named_by_user: bool = False
) -> LabelScheme:
    """Check that a label array fits its scheme, and name the scheme where only one fits.

    Args:
        labels: Label numbers of any shape and number type.
        scheme: The scheme the data set or the user names, or None to decide from the values.
        file: Shown in messages.
        named_by_user: The scheme was named for this file, so a value that is merely suspicious is accepted.

    Returns:
        The scheme.

    Raises:
        LabelError: A value is fractional, negative or outside the scheme (values and counts are listed), the
            values fit several schemes and none was named, or a ``brats2024`` map has 4 without any 3
            (it may be enhancing tumor in the older numbering).
    """
    values, counts = np.unique(labels, return_counts=True)
    table = (
        ", ".join(f"{value:g} ({count})" for value, count in zip(values, counts, strict=True)) + " (value and voxels)"
    )
    if len(values) > MOST_LISTED:
        table = f"{values[0]:g}…{values[-1]:g} ({len(values)} different values)"
    if not np.all(np.isfinite(values)) or np.any(values != np.round(values)) or np.any(values < 0):
        hint = "A label map holds whole numbers; was it interpolated?"
        raise LabelError(f"label values are not whole numbers from 0: {table}", file=file, hint=hint)
    present = {int(value) for value in values}
    if scheme is None:
        return _only_scheme(present, table, file)
    if not present <= set(scheme.values):
        fits = [s.name for s in schemes_fitting(present)]
        hint = f"These values fit: {', '.join(fits)}; name it with --scheme." if fits else "No known scheme has them."
        cause = f"label values {table} do not fit scheme '{scheme.name}' {scheme.values}"
        raise LabelError(cause, file=file, hint=hint)
    if scheme.name == "brats2024" and 4 in present and 3 not in present and not named_by_user:
        hint = "Name it: --scheme brats2017 if 4 is enhancing tumor, --scheme brats2024 if it is a resection cavity."
        raise LabelError("label 4 without any 3 may be enhancing tumor or a resection cavity", file=file, hint=hint)
    return scheme


def _only_scheme(present: set[int], table: str, file: str | Path) -> LabelScheme:
    fits = schemes_fitting(present)
    if not fits:
        hint = "Is it an image, or a label map of another kind?"
        raise LabelError(f"label values {table} fit no known scheme", file=file, hint=hint)
    if len(fits) > 1:
        names = ", ".join(s.name for s in fits)
        hint = f"Name it with --scheme; these fit: {names}."
        raise LabelError(f"label values {table} fit {len(fits)} schemes", file=file, hint=hint, code="E_LABEL_SCHEME")
    return fits[0]
