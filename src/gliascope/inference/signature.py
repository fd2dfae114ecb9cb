"""What a scan looks like, in a few numbers: head, skull, spacing, and a signature of every contrast.

The numbers do not change with the scale of the intensities. They come from every third millimeter or so of the
scan as read, before any plan, so that models with different plans see the same thing.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gliascope.preprocess.head import head_mask, is_stripped
from gliascope.preprocess.plan import LUMINANCE
from gliascope.scan import Scan

FEATURES = ("rim", "middle", "low", "high", "top", "peak", "range", "dark_depth", "bright_depth")
"""What the signature of a contrast holds: the medians of the outermost and the middle layer, percentiles 5, 95, 99 and
99.8, each as a distance from the median in ranges (percentile 90 less 10); the range over the median, as a logarithm;
how deep in the brain the darkest tenth and the brightest twentieth lie."""

SCALP_FEATURES = ("scalp_median", "scalp_bright", "scalp_brightest")
"""Beside them where the skull is on: percentiles 50, 90 and 98 outside the brain over its median, as logarithms."""

STEP_MM, STEP_PIXELS = 3.0, 85
"""Voxels are this far apart when they are looked at; without a voxel size about so many pixels lie along a side."""

RIM, MIDDLE = 0.12, (0.3, 0.6)
"""Layers of the brain, as depths below its border in radii of a circle of equal area."""

SKULL_DEPTH = 0.25
"""Where the skull is on, the brain is taken to begin this deep below the skin."""

FULL_SLICE = 0.4
"""Slices count whose head has at least this share of the largest one's area; the others hold little brain."""

LARGEST_BRAIN_ML = 2300.0
"""More than this inside a background of 0 is a head whose air was set to 0, and no brain without skull."""

FEWEST_VOXELS = 200
"""Below, percentiles say nothing."""


@dataclass(frozen=True)
class Look:
    """What a scan looks like.

    Args:
        kind: ``picture``, ``stack`` or ``volume``.
        shape: Voxels per axis of the scan.
        spacing_mm: Voxel size, or None where unknown.
        stripped: True where the skull has been removed.
        head_share: Share of the voxels that belong to the head, 0…1.
        zero_share: Share of the voxels that are exactly 0 in every channel, 0…1.
        contrasts: The signature of each channel that has one, as ``feature_names`` lists it.
        pairs: For two channels that lie on one grid: how skewed their difference is, -1…1.
    """

    kind: str
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...] | None
    stripped: bool
    head_share: float
    zero_share: float
    contrasts: Mapping[str, tuple[float, ...]]
    pairs: Mapping[tuple[str, str], float]

    @property
    def state(self) -> str:
        """``stripped`` or ``whole``."""
        return "stripped" if self.stripped else "whole"


def feature_names(state: str) -> tuple[str, ...]:
    """Return what a signature of a ``stripped`` or a ``whole`` head holds, in order."""
    return FEATURES if state == "stripped" else (*FEATURES, *SCALP_FEATURES)


def kind_of(scan: Scan) -> str:
    """Return ``picture``, ``stack`` (of pictures) or ``volume``.

    Example:
        >>> from gliascope.scan import Grid
        >>> kind_of(Scan(np.zeros((1, 4, 4), np.float32), ("gray",), Grid((4, 4))))
        'picture'
    """
    if not scan.is_volume:
        return "picture"
    return "stack" if scan.grid.affine is None else "volume"


def skull_on(scan: Scan) -> bool:
    """Say whether a head still has its skull; a volume takes a few hundredths of a second."""
    array, _ = _coarse(scan)
    return not _stripped(scan, array, float(head_mask(array).mean()))


def look_at(scan: Scan) -> Look:
    """Look at a scan as it was read; a volume takes about 0.1 s, a picture a few ms.

    Colors without names of contrasts become gray. A channel without content, or with too little, has no signature.
    """
    array, channels = _coarse(scan)
    head = head_mask(array)
    share = float(head.mean())
    stripped = _stripped(scan, array, share)
    if array.ndim == 3:
        array, head = array[..., None], head[..., None]
    outline = head if stripped else np.stack([_hull(head[..., k]) for k in range(head.shape[-1])], axis=-1)
    depth = _depth(outline, stripped=stripped)
    contrasts = {}
    for name, image in zip(channels, array, strict=True):
        if (found := _signature(image, depth, None if stripped else outline)) is not None:
            contrasts[name] = found
    inside = {name: image[depth > 0] for name, image in zip(channels, array, strict=True) if name in contrasts}
    pairs = {(a, b): _skew(inside[a], inside[b]) for a, b in itertools.combinations(sorted(inside), 2)}
    zeros = float((array == 0).all(axis=0).mean())
    return Look(kind_of(scan), scan.grid.shape, scan.grid.spacing_mm, stripped, share, zeros, contrasts, pairs)


def _coarse(scan: Scan) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return every few voxels of the scan, and the names of its channels; colors as gray."""
    spacing_mm, shape = scan.grid.spacing_mm, scan.grid.shape
    if scan.is_volume and spacing_mm is not None:
        steps = [max(1, round(STEP_MM / size)) for size in spacing_mm]
    else:
        steps = [max(1, round(size / STEP_PIXELS)) for size in shape[:2]] + [1] * (len(shape) - 2)
    array = scan.array[(slice(None), *(slice(None, None, step) for step in steps))]
    if set(scan.channels) == set(LUMINANCE):
        weights = np.array([LUMINANCE[name] for name in scan.channels], dtype=np.float32)
        return np.tensordot(weights, array, axes=1)[None], ("gray",)
    return np.ascontiguousarray(array), scan.channels


def _stripped(scan: Scan, array: NDArray[np.float32], head_share: float) -> bool:
    return is_stripped(array) and not _too_large(scan, head_share)


def _too_large(scan: Scan, share: float) -> bool:
    """True where what is not background is larger than any brain; False where sizes are unknown."""
    voxel_ml = scan.grid.voxel_ml
    return voxel_ml is not None and share * float(np.prod(scan.grid.shape)) * voxel_ml > LARGEST_BRAIN_ML


def _hull(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the convex hull of a mask of one slice: the head, also where the skull around it is dark and open."""
    filled = np.zeros(mask.shape, dtype=np.uint8)
    points = np.argwhere(mask)[:, ::-1].astype(np.int32)
    if len(points):
        cv2.fillConvexPoly(filled, cv2.convexHull(points), 1)
    return filled.astype(np.bool_)


def _depth(outline: NDArray[np.bool_], *, stripped: bool) -> NDArray[np.float32]:
    """Return how deep each voxel lies in the brain of its slice, in radii; 0 outside and where there is little."""
    depth = np.zeros(outline.shape, dtype=np.float32)
    areas = np.count_nonzero(outline, axis=(0, 1))
    for k in np.flatnonzero(areas >= max(FULL_SLICE * areas.max(), 1)):
        plane = np.pad(outline[..., k].astype(np.uint8), 1)
        inward = cv2.distanceTransform(plane, cv2.DIST_L2, 5)[1:-1, 1:-1] / np.sqrt(areas[k] / np.pi)
        depth[..., k] = inward if stripped else np.maximum((inward - SKULL_DEPTH) / (1.0 - SKULL_DEPTH), 0.0)
    return depth


def _signature(
    image: NDArray[np.float32], depth: NDArray[np.float32], head: NDArray[np.bool_] | None
) -> tuple[float, ...] | None:
    """Return the features of one channel, from slices where it has content; None where that is too little."""
    filled = image.max(axis=(0, 1)) > image.min(axis=(0, 1))
    brain = (depth > 0) & filled
    values, deep = image[brain].astype(np.float64), depth[brain]
    if len(values) < max(FEWEST_VOXELS, 0.5 * np.count_nonzero(depth)):
        return None
    p5, p10, p50, p90, p95, p99, p998 = np.percentile(values, (5, 10, 50, 90, 95, 99, 99.8))
    layers = (deep < RIM, (deep >= MIDDLE[0]) & (deep < MIDDLE[1]))
    wide = p90 - p10
    if wide <= 0 or not all(layer.any() for layer in layers):
        return None
    rim, middle = ((float(np.median(values[layer])) - p50) / wide for layer in layers)
    tails = ((p50 - p5) / wide, (p95 - p50) / wide, (p99 - p50) / wide, (p998 - p50) / wide)
    depths = (float(deep[values <= p10].mean()), float(deep[values >= p95].mean()))
    found = (rim, middle, *tails, _log_ratio(wide, p50), *depths)
    if head is not None:
        scalp = np.percentile(image[head & filled & (depth <= 0)], (50, 90, 98))
        found = (*found, *(_log_ratio(float(level), p50) for level in scalp))
    return tuple(float(value) for value in found)


def _log_ratio(value: float, base: float) -> float:
    """Return the logarithm of a ratio, limited to 0.02 … 50; a base that is not positive counts as very small."""
    return float(np.log(np.clip(value / base if base > 0 else np.inf, 0.02, 50.0)))


def _skew(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Return how skewed the difference of two channels is, each in its own range: 0 even, 1 a long bright tail."""
    low, middle, high = np.percentile(_standard(first) - _standard(second), (5, 50, 95))
    return float((high + low - 2.0 * middle) / max(high - low, 1e-6))


def _standard(values: NDArray[np.float32]) -> NDArray[np.float64]:
    p10, p50, p90 = np.percentile(values.astype(np.float64), (10, 50, 90))
    standard: NDArray[np.float64] = (values - p50) / max(p90 - p10, 1e-6)
    return standard
