"""Dice, 95 % Hausdorff and mean surface distance of one region: Gliascope against other implementations.

    python benchmarks/metric_times.py [-o FILE]

Packages that are not installed are named and left out.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from gliascope.datasets.phantom_study import phantom_study
from gliascope.metrics.masks import MaskPair
from gliascope.metrics.overlap import dice_score
from gliascope.metrics.surface import average_distance, border_distances, hausdorff_directed_max
from timing import Benchmark, arguments, measured, run

Mask = NDArray[np.bool_]
Figures = tuple[float, ...]
"""Dice, 95 % Hausdorff distance, average surface distance; or the two distances alone."""


def main(given: Sequence[str] | None = None) -> None:
    """Measure and tell."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--size", type=int, nargs=3, default=(240, 240, 155), help="voxels of the phantom")
    chosen = parser.parse_args(given)
    reference = phantom_study(1, tuple(chosen.size), tumor="ring").tissues > 0
    prediction = np.roll(reference, 2, axis=0)
    bench = Benchmark("Distances of one region", against="Gliascope: Dice, HD95, ASSD")
    bench.facts = {"voxels": " × ".join(map(str, chosen.size)), "region voxels": int(reference.sum())}
    for name, package, work in WAYS:
        if find_spec(package) is None:
            bench.skip(f"{name}: {package} is not installed.")
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some call what NumPy, SciPy or they themselves have deprecated
            told = ", ".join(f"{value:.4g}" for value in work(prediction, reference))
            bench.add(measured(name, partial(work, prediction, reference), chosen.repeats, note=told))
    bench.deliver(chosen.output)


def _gliascope(prediction: Mask, reference: Mask) -> Figures:
    pair = MaskPair.of(prediction, reference, spacing_mm=(1.0, 1.0, 1.0))
    distances = border_distances(pair.prediction, pair.reference, (1.0, 1.0, 1.0))
    return dice_score(pair), hausdorff_directed_max(distances), average_distance(distances)


def _monai(prediction: Mask, reference: Mask) -> Figures:
    import torch
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance
    from monai.metrics.meandice import compute_dice
    from monai.metrics.surface_distance import compute_average_surface_distance

    ours, theirs = (torch.from_numpy(mask)[None, None].float() for mask in (prediction, reference))
    return (
        float(compute_dice(ours, theirs)),
        float(compute_hausdorff_distance(ours, theirs, percentile=95, include_background=True)),
        float(compute_average_surface_distance(ours, theirs, symmetric=True, include_background=True)),
    )


def _medpy(prediction: Mask, reference: Mask) -> Figures:
    from medpy.metric.binary import assd, dc, hd95

    return float(dc(prediction, reference)), float(hd95(prediction, reference)), float(assd(prediction, reference))


def _surface_distance(prediction: Mask, reference: Mask) -> Figures:
    import surface_distance

    found = surface_distance.compute_surface_distances(reference, prediction, (1.0, 1.0, 1.0))
    both = surface_distance.compute_average_surface_distance(found)
    return float(surface_distance.compute_robust_hausdorff(found, 95)), float(np.mean(both))


WAYS: tuple[tuple[str, str, Callable[[Mask, Mask], Figures]], ...] = (
    ("Gliascope: Dice, HD95, ASSD", "gliascope", _gliascope),
    ("MONAI: Dice, HD95, ASSD", "monai", _monai),
    ("MedPy: Dice, HD95 (pooled), ASSD", "medpy", _medpy),
    ("surface-distance: HD95, mean distance (by area)", "surface_distance", _surface_distance),
)
"""Each way: what it is called, the package it needs, and the function."""

if __name__ == "__main__":
    run(main)
