"""How much tumor prepared cases hold, and of which tissues: to leave poor cases out, and to balance parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gliascope.preprocess.cache import CacheEntry
from gliascope.preprocess.targets import TargetSettings, marked
from gliascope.workflow.progress import ProgressCallback


@dataclass(frozen=True)
class TumorSize:
    """The tumor of one prepared case.

    Args:
        voxels: Labeled voxels.
        share: The same as a share of all voxels.
        present: Names of the outputs that occur, background left out.
    """

    voxels: int
    share: float
    present: tuple[str, ...]


def tumor_sizes(entries: Sequence[CacheEntry], target: TargetSettings, progress: ProgressCallback) -> list[TumorSize]:
    """Count the tumor in prepared references."""
    found = []
    for number, entry in enumerate(entries):
        progress("measure tumors", number, len(entries))
        stored = entry.target()
        encoded = np.moveaxis(stored, 1, 0) if entry.layout == "slices" else stored
        if target.mode == "classes":
            names = target.channels[1:]
            counts = np.bincount(encoded.ravel(), minlength=1 + len(names))[1:].tolist()
            voxels = sum(counts)
        else:
            names = target.channels
            there = marked(encoded)
            counts = [int(np.count_nonzero(region)) for region in there]
            voxels = int(np.count_nonzero(there.any(axis=0)))
        present = tuple(name for name, count in zip(names, counts, strict=True) if count)
        found.append(TumorSize(voxels, voxels / encoded[0].size, present))
    progress("measure tumors", len(entries), len(entries))
    return found


def tumor_strata(sizes: Sequence[TumorSize]) -> list[str]:
    """Name the stratum of each case: the quarter that its tumor's size falls into, and the tissues that are there.

    Example:
        >>> tumor_strata([TumorSize(4, 0.1, ("ED",)), TumorSize(9, 0.2, ("ED", "ET"))])
        ['quarter 1, ED', 'quarter 4, ED+ET']
    """
    voxels = [size.voxels for size in sizes]
    limits = np.quantile(voxels, (0.25, 0.5, 0.75))
    quarters = np.searchsorted(limits, voxels, side="left") + 1
    return [f"quarter {q}, {'+'.join(size.present) or 'none'}" for q, size in zip(quarters, sizes, strict=True)]
