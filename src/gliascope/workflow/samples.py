"""Prepared cases as training samples: the slices that are used."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gliascope.errors import InputError
from gliascope.preprocess.cache import CacheEntry
from gliascope.preprocess.slices import SliceSettings, select_slices
from gliascope.preprocess.targets import marked


@dataclass(frozen=True)
class TrainingSample:
    """One prepared case as the training sees it.

    Args:
        entry: The prepared case.
        kept: Slices to use, or None for all (and for volumes).
    """

    entry: CacheEntry
    kept: tuple[int, ...] | None = None

    @property
    def case_id(self) -> str:
        """Name of the case."""
        return self.entry.case_id

    @property
    def label(self) -> str | None:
        """Its tumor class, or None."""
        return self.entry.label

    @property
    def dataset(self) -> str | None:
        """The data set of a union that it comes from, or None."""
        return self.entry.dataset

    @property
    def count(self) -> int:
        """Number of items: slices, or 1."""
        return self.entry.count if self.kept is None else len(self.kept)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one item's image, channels first."""
        return self.entry.shape

    def image(self, index: int | None = None) -> NDArray[np.float32]:
        """Read one item, float32 ``(C, *S)``."""
        return self.entry.image(self._stored(index))

    def target(self, index: int | None = None) -> NDArray[np.uint8]:
        """Read one item's reference, ``(T, *S)``."""
        return self.entry.target(self._stored(index))

    def _stored(self, index: int | None) -> int | None:
        return index if index is None or self.kept is None else self.kept[index]


def training_samples(entries: Sequence[CacheEntry], slices: SliceSettings | None) -> list[TrainingSample]:
    """Choose the slices of each case; cases without a slice are left out.

    Raises:
        InputError: There are cases, and no slice of any is kept.
    """
    samples = []
    for entry in entries:
        kept = None if slices is None or entry.layout == "volume" else _kept(entry, slices)
        if kept is None or kept:
            samples.append(TrainingSample(entry, kept))
    if entries and not samples:
        raise InputError("no slice of any case is kept", hint="Widen [slices] in the recipe.", code="E_SLICES")
    return samples


def _kept(entry: CacheEntry, slices: SliceSettings) -> tuple[int, ...]:
    labels = None
    if slices.minimum_tumor_share > 0:
        # Stored (K, T, I, J); any output above background counts as tumor.
        labels = np.moveaxis(marked(entry.target()).astype(np.uint8).max(axis=1), 0, -1)
    return select_slices(entry.count, labels, slices)
