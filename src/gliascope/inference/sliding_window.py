"""A large image through a network in overlapping windows, blended into one result.

Memory, besides the image itself: ``4 * (K + 1)`` bytes per voxel of the padded image (K sums and one weight, float32),
one more copy of the image where it is smaller than the window, and one batch of windows with their outputs.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gliascope.errors import ModelError

Array = NDArray[np.float32]
Network = Callable[[Array], Array]
"""A batch of windows ``(B, C, *W)`` to probabilities ``(B, K, *W)``."""
Progress = Callable[[int, int], None]
"""Called with the windows done and the windows in all."""

SIGMA_SHARE = 1 / 8
"""Width of the blending weight, in window sizes."""


def sliding_window(
    network: Network,
    image: Array,
    *,
    window: tuple[int, ...],
    empty: Sequence[float],
    overlap: float = 0.25,
    batch_size: int = 1,
    progress: Progress | None = None,
) -> Array:
    """Return the probabilities of a whole image.

    Windows are spread evenly and blended with a Gaussian weight, so that a voxel is decided by the windows that see it
    near their middle. An image smaller than the window is padded with zeros on both sides. Windows in which every
    channel is exactly 0 hold no head: they are skipped, and voxels that no other window covers get ``empty``.

    Args:
        network: Turns windows ``(B, C, *window)`` into probabilities ``(B, K, *window)``.
        image: Shape ``(C, I, J)`` or ``(C, I, J, K)``.
        window: Window size; two numbers for a volume mean axial slices, each on its own.
        empty: The K probabilities of a voxel without head.
        overlap: Share of a window that its neighbor covers again, 0 to below 1.
        batch_size: Windows per pass.
        progress: Told after every pass.

    Returns:
        Shape ``(K, *S)`` with the image's ``S``.

    Raises:
        ModelError: The network returns another shape than announced.
    """
    by_slice = len(window) < image.ndim - 1
    size = (*window, 1) if by_slice else window
    padded, margin = _pad(image, size)
    spatial = padded.shape[1:]
    starts = [window_starts(n, w, overlap) for n, w in zip(spatial, size, strict=True)]
    tiles = [_box(corner, size) for corner in _corners(starts)]
    tiles = [box for box in tiles if np.any(padded[box])]
    alone = all(len(s) == 1 for s, w in zip(starts, size, strict=True) if w > 1)
    weight = np.ones(size, np.float32) if alone else gaussian_weight(size)
    total = np.zeros((len(empty), *spatial), np.float32)
    weights = np.zeros(spatial, np.float32)
    for first in range(0, len(tiles), batch_size):
        boxes = tiles[first : first + batch_size]
        batch = np.stack([padded[box] for box in boxes])
        probabilities = network(batch[..., 0] if by_slice else batch)
        expected = (len(boxes), len(empty), *window)
        if probabilities.shape != expected:
            raise ModelError(f"the network returns shape {probabilities.shape}, and {expected} was announced")
        for box, values in zip(boxes, probabilities, strict=True):
            total[box] += (values[..., np.newaxis] if by_slice else values) * weight
            weights[box[1:]] += weight
        if progress is not None:
            progress(first + len(boxes), len(tiles))
    covered = weights > 0
    np.divide(total, weights, out=total, where=covered)
    for values, nothing in zip(total, empty, strict=True):
        values[~covered] = nothing
    inner = tuple(slice(m, m + n) for m, n in zip(margin, image.shape[1:], strict=True))
    return total[(slice(None), *inner)]


def window_starts(size: int, window: int, overlap: float) -> tuple[int, ...]:
    """Return the first voxels of the windows along one axis, evenly spread from edge to edge.

    Example:
        >>> window_starts(10, 4, 0.25)
        (0, 3, 6)
        >>> window_starts(3, 4, 0.25)
        (0,)
    """
    if size <= window:
        return (0,)
    step = max(1, int(window * (1 - overlap)))
    count = math.ceil((size - window) / step) + 1
    return tuple(round(index * (size - window) / (count - 1)) for index in range(count))


def gaussian_weight(window: tuple[int, ...]) -> Array:
    """Return the blending weight: highest in the middle, positive everywhere, shape ``window``."""
    weight = np.ones((), dtype=np.float64)
    for size in window:
        offset = np.arange(size) - (size - 1) / 2
        weight = np.multiply.outer(weight, np.exp(-0.5 * (offset / (size * SIGMA_SHARE)) ** 2))
    return weight.astype(np.float32)


def _corners(starts: list[tuple[int, ...]]) -> Iterator[tuple[int, ...]]:
    """Yield every corner, the last axis slowest: neighbors of one slice share a batch."""
    for corner in itertools.product(*reversed(starts)):
        yield corner[::-1]


def _box(corner: tuple[int, ...], size: tuple[int, ...]) -> tuple[slice, ...]:
    return (slice(None), *(slice(start, start + n) for start, n in zip(corner, size, strict=True)))


def _pad(image: Array, size: tuple[int, ...]) -> tuple[Array, tuple[int, ...]]:
    """Pad to at least the window; return the voxels added in front, too."""
    missing = [max(0, w - n) for n, w in zip(image.shape[1:], size, strict=True)]
    margin = tuple(m // 2 for m in missing)
    if not any(missing):
        return image, margin
    return np.pad(image, [(0, 0), *((front, m - front) for front, m in zip(margin, missing, strict=True))]), margin
