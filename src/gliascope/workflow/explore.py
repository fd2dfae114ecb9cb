"""What a data set holds: classes, tissues, contrasts, sizes, intensities, as JSON and a page."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.case import Case
from gliascope.datasets import dataset_named
from gliascope.errors import GliascopeError, InputError, Notice
from gliascope.files import atomic
from gliascope.measure import measure
from gliascope.preprocess.head import head_mask
from gliascope.report import explore_page, tile
from gliascope.scan import LabelMap, Scan
from gliascope.workflow.output_place import check_outside
from gliascope.workflow.progress import ProgressCallback, silent
from gliascope.workflow.provenance import code_version

FACTS_FILE = "exploration.json"

MOSAIC_CASES = 8
HISTOGRAM_BINS = 64
SAMPLED_VOXELS = 20_000
"""Voxels of the head per case and channel that go into the histograms."""


@dataclass
class _Tally:
    """What is counted while the cases go by, one at a time."""

    shapes: Counter[str] = field(default_factory=Counter)
    channels: Counter[str] = field(default_factory=Counter)
    tissues: Counter[str] = field(default_factory=Counter)
    background: int = 0
    volumes_ml: dict[str, list[float]] = field(default_factory=dict)
    voxels: dict[str, list[int]] = field(default_factory=dict)
    samples: dict[str, list[NDArray[np.float32]]] = field(default_factory=dict)
    mosaic: list[dict[str, Any]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def add_scan(self, scan: Scan) -> None:
        self.shapes["×".join(map(str, scan.grid.shape))] += 1
        self.notices += scan.notices
        head = head_mask(scan.array)
        for name, values in zip(scan.channels, scan.array, strict=True):
            self.channels[name] += 1
            inside = values[head]
            step = max(1, inside.size // SAMPLED_VOXELS)
            self.samples.setdefault(name, []).append(inside[::step])

    def add_reference(self, labels: LabelMap) -> None:
        values, counts = np.unique(labels.array, return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            if value == 0:
                self.background += count
            else:
                self.tissues[str(labels.scheme.tissues[value])] += count
        for region, size in measure(labels).items():
            self.voxels.setdefault(region, []).append(size.voxels)
            if size.volume_ml is not None:
                self.volumes_ml.setdefault(region, []).append(size.volume_ml)


def explore(
    dataset: str,
    root: str | Path,
    output: str | Path | None = None,
    *,
    overwrite: bool = False,
    progress: ProgressCallback = silent,
) -> dict[str, Any]:
    """Read every case of a data set once and describe what is there.

    Cases that cannot be read are listed as warnings and not counted.

    Args:
        dataset: An adapter's name.
        root: The data set's folder.
        output: A folder for ``report.html`` and ``exploration.json``; None: nothing is written.
        overwrite: Replace the folder.
        progress: Told how far it is.

    Raises:
        InputError: The folder does not hold this data set, or no case can be read.
        UsageError: ``output`` lies in ``root``, or something is there that may not be replaced.
    """
    if output is not None:
        check_outside(Path(output), [Path(root)])
        atomic.check_place(Path(output), overwrite=overwrite, mark=FACTS_FILE)
    settings = dataset_named(dataset)
    cases = settings.cases(Path(root))
    tally = _Tally()
    shown = set(np.linspace(0, len(cases) - 1, min(MOSAIC_CASES, len(cases))).astype(int).tolist())
    for number, case in enumerate(cases):
        progress("explore", number, len(cases))
        try:
            _look_at(case, tally, show=number in shown)
        except GliascopeError as fault:
            tally.notices.append(Notice("W_UNREADABLE", case.id, f"{fault.cause} [{fault.code}]"))
    progress("explore", len(cases), len(cases))
    if not tally.shapes:
        raise InputError(f"none of {len(cases)} cases can be read", file=root, hint="Run gliascope check.")
    facts = _facts(dataset, asdict(settings.card), cases, tally)
    if output is not None:
        with atomic.new_folder(Path(output), overwrite=overwrite, mark=FACTS_FILE) as part:
            atomic.write_text(part / "report.html", explore_page({**facts, "mosaic": tally.mosaic}))
            atomic.write_json(part / FACTS_FILE, facts)
    return facts


def _look_at(case: Case, tally: _Tally, *, show: bool) -> None:
    scan, labels = case.read_pair() if case.has_reference else (case.read(), None)
    tally.add_scan(scan)
    if labels is not None:
        tally.add_reference(labels)
    if show:
        tally.mosaic += [
            {"image": tile(scan, reference=labels, channel=name), "caption": f"{case.id} {name}"}
            for name in scan.channels
        ]


def _facts(dataset: str, card: dict[str, Any], cases: list[Case], tally: _Tally) -> dict[str, Any]:
    labels = Counter(case.label for case in cases if case.label is not None)
    patients = {case.patient for case in cases if case.patient is not None}
    return {
        "dataset": dataset,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "gliascope_version": code_version(),
        "card": card,
        "counts": {
            "cases": len(cases),
            "read": sum(tally.shapes.values()),
            "patients": len(patients),
            "references": sum(case.has_reference for case in cases),
        },
        "classes": dict(sorted(labels.items())),
        "tissues": dict(tally.tissues),
        "background_voxels": tally.background,
        "volumes_ml": tally.volumes_ml,
        "region_voxels": tally.voxels,
        "shapes": dict(tally.shapes.most_common()),
        "channels": dict(tally.channels),
        "histograms": {name: _histogram(np.concatenate(parts)) for name, parts in tally.samples.items()},
        "warnings": [notice.as_json() for notice in dict.fromkeys(tally.notices)],
    }


def _histogram(values: NDArray[np.float32]) -> dict[str, list[float]]:
    if values.size == 0:
        return {"edges": [0.0, 1.0], "counts": [0.0]}
    low, high = (float(v) for v in np.percentile(values, [0.0, 99.5]))
    counts, edges = np.histogram(values, bins=HISTOGRAM_BINS, range=(low, max(high, low + 1e-6)))
    return {"edges": edges.round(4).tolist(), "counts": counts.tolist()}
