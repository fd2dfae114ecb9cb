"""Histograms of a whole data set from a sample of each case, so that memory stays bounded."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.labels import TUMOR_CLASSES, Tissue
from gliascope.preprocess.head import head_mask
from gliascope.scan import LabelMap, Scan

BINS = 64
MOST_PER_CASE = 20_000
MOST_TOGETHER = 1_000_000
"""Voxels sampled per channel and group: of one case, and of all cases together."""
LEAST_PER_CASE = 50

REST = "rest"
"""The head without its tumor, beside the tissues."""

_ORDER = (*TUMOR_CLASSES, REST, *(str(tissue) for tissue in Tissue))

Samples = dict[str, dict[str, list[NDArray[np.float32]]]]


class IntensitySamples:
    """Voxels inside the head, sampled evenly; every case weighs the same.

    Contrasts of MRI files have no unit: their values are scaled per case, so that 0 and 1 are the 0.5th and the 99.5th
    percentile inside the head. Pictures of 8 bits keep their gray values. The first case decides for the data set.

    Args:
        cases: How many cases will come.
    """

    def __init__(self, cases: int) -> None:
        self._quota = min(MOST_PER_CASE, max(LEAST_PER_CASE, MOST_TOGETHER // max(cases, 1)))
        self._stored: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
        self._groups: dict[str, Samples] = {
            name: defaultdict(lambda: defaultdict(list)) for name in ("class", "tissue")
        }
        self.relative: bool | None = None

    def add(self, scan: Scan, label: str | None, labels: LabelMap | None) -> None:
        """Take a sample of one case.

        Args:
            scan: Its images.
            label: Its class, or None.
            labels: Its reference on the same grid, or None.
        """
        if self.relative is None:
            self.relative = scan.grid.affine is not None or not _is_8_bit(scan.array)
        head = head_mask(scan.array)
        if not head.any():
            return
        parts = dict(_tissues(head, labels)) if labels is not None else {}
        for name, values in zip(scan.channels, scan.array, strict=True):
            inside = self._thinned(values[head])
            self._stored[name].append(inside)
            low, high = (float(v) for v in np.percentile(inside, (0.5, 99.5))) if self.relative else (0.0, 1.0)
            width = np.float32(max(high - low, 1e-6))
            if label is not None:
                self._groups["class"][name][label].append((inside - np.float32(low)) / width)
            for tissue, mask in parts.items():
                own = self._thinned(values[mask])
                self._groups["tissue"][name][tissue].append((own - np.float32(low)) / width)

    def histograms(self) -> dict[str, dict[str, list[float]]]:
        """Return ``{edges, counts}`` by channel, in the units of the files."""
        return {name: _histogram(np.concatenate(parts)) for name, parts in self._stored.items()}

    def grouped(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return ``{edges, counts: {group: […]}}`` by channel, for classes and for tissues; groups share the edges."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for kind, channels in self._groups.items():
            several = {name: own for name, own in channels.items() if len(own) > 1}
            if several:
                found[kind] = {
                    name: _grouped_histogram(own, relative=bool(self.relative)) for name, own in several.items()
                }
        return found

    def _thinned(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        step = -(-values.size // self._quota)
        return values[step // 2 :: step].copy()  # a view would keep all of the case in memory


def _tissues(head: NDArray[np.bool_], labels: LabelMap) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield the parts of the head that are not empty: without tumor, then each tissue."""
    rest = head & (labels.array == 0)
    if rest.any():
        yield REST, rest
    for value in np.unique(labels.array):
        if value:
            yield str(labels.scheme.tissues[int(value)]), labels.array == value


def _is_8_bit(array: NDArray[np.float32]) -> bool:
    """Say whether all values are gray values from 0 to 255."""
    low, high = float(array.min()), float(array.max())
    return low >= 0 and 1 < high <= 255


def _histogram(values: NDArray[np.float32]) -> dict[str, list[float]]:
    low, high = (float(v) for v in np.percentile(values, (0.0, 99.5)))
    edges = _edges(low, high, whole=_is_whole(values))
    return {"edges": edges.round(4).tolist(), "counts": np.histogram(values, bins=edges)[0].tolist()}


def _grouped_histogram(groups: dict[str, list[NDArray[np.float32]]], *, relative: bool) -> dict[str, Any]:
    joined = {name: np.concatenate(parts) for name, parts in groups.items()}
    ends = [np.percentile(own, (0.5, 99.5)) for own in joined.values()]
    low, high = float(min(e[0] for e in ends)), float(max(e[1] for e in ends))
    edges = _edges(low, high, whole=not relative and all(_is_whole(own) for own in joined.values()))
    names = sorted(joined, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))
    counts = {name: np.histogram(joined[name], bins=edges)[0].tolist() for name in names}
    return {"edges": edges.round(4).tolist(), "counts": counts}


def _edges(low: float, high: float, *, whole: bool) -> NDArray[np.float64]:
    """Return at most 65 edges; where all values are whole, each bin holds equally many of them (no comb)."""
    if whole:
        width = max(1, int(np.ceil((high - low + 1) / BINS)))
        return np.arange(np.floor(low) - 0.5, high + width, width, dtype=np.float64)
    return np.linspace(low, max(high, low + 1e-6), BINS + 1, dtype=np.float64)


def _is_whole(values: NDArray[np.float32]) -> bool:
    return bool(np.all(values == np.round(values)))
