"""Where the head is: the voxels that intensity statistics and crops should look at."""

import cc3d
import numpy as np
from numpy.typing import NDArray

ZERO_SHARE = 0.25
"""Where the background has been removed (skull-stripped), at least this share of the voxels is exactly 0."""

FAINT_LEVEL, FAINT_SHARE = 0.02, 0.025
"""And fewer than 2.5 % of the others lie within 2 % of 0. BraTS volumes and slices have at most 1.3 % there, JPEG
pictures with a black background, whose zeros are noisy, 3 to 46 %."""

SPECK_SHARE = 0.01
"""Components below this share of the largest one are noise (JPEG ringing, stray voxels)."""

OTSU_BINS = 256
BRIGHT_PERCENTILE = 99.5


def head_mask(array: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Find the head, or the brain where the skull has been stripped.

    Where the background has been set to exactly 0, the head is what is not 0 in any channel, without specks. Elsewhere
    it is what lies above Otsu's threshold of the channels' mean: the largest component, with what it encloses in each
    slice along the last axis. Dark parts of a brain are often no holes in three dimensions: a volume that ends at the
    neck, or at a slice through the skull, opens them to the outside.

    Args:
        array: Intensities as read, shape ``(C, I, J, K)`` or ``(C, I, J)``; the channel order does not matter.

    Returns:
        Mask of shape ``(I, J, K)`` or ``(I, J)``; empty where nothing stands out (a constant image).

    Source:
        Otsu 1979, doi:10.1109/TSMC.1979.4310076.
    """
    signal: NDArray[np.bool_] = array[0] != 0
    for channel in array[1:]:
        signal |= channel != 0
    if not signal.any():
        return signal
    box = bounding_box(signal)
    if _background_removed(array[(slice(None), *box)], signal[box], signal.size):
        mask = np.zeros_like(signal)
        mask[box] = _without_specks(signal[box])
        return mask
    gray = _mean_channel(array)
    bright = gray > _otsu_threshold(gray)
    return _filled(_largest(bright))


def is_stripped(array: NDArray[np.float32]) -> bool:
    """Say whether the background has been set to exactly 0, as around a brain whose skull was removed.

    Args:
        array: Intensities as read, shape ``(C, *S)``.
    """
    signal: NDArray[np.bool_] = (array != 0).any(axis=0)
    if not signal.any():
        return False
    box = bounding_box(signal)
    return _background_removed(array[(slice(None), *box)], signal[box], signal.size)


def bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Return the smallest box that holds a mask; empty slices for an empty mask."""
    box = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        inside = np.flatnonzero(mask.any(axis=others))
        box.append(slice(int(inside[0]), int(inside[-1]) + 1) if inside.size else slice(0, 0))
    return tuple(box)


def _background_removed(array: NDArray[np.float32], signal: NDArray[np.bool_], voxels: int) -> bool:
    """True where zeros are frequent among all voxels, and values that are nearly zero are not."""
    faint = signal[signal]
    if len(faint) > (1.0 - ZERO_SHARE) * voxels:
        return False
    for channel in array:
        size = np.abs(channel[signal])
        faint &= size <= FAINT_LEVEL * np.percentile(size, BRIGHT_PERCENTILE)
    return int(np.count_nonzero(faint)) <= FAINT_SHARE * len(faint)


def _mean_channel(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the channels, each scaled so that its bright end is 1."""
    total = np.zeros(array.shape[1:], dtype=np.float32)
    for channel in array:
        low, high = float(channel.min()), float(np.percentile(channel, BRIGHT_PERCENTILE))
        if high > low:
            total += np.minimum((channel - low) / (high - low), 1.0)
    total /= len(array)
    return total


def _otsu_threshold(gray: NDArray[np.float32]) -> float:
    """Threshold that parts the histogram into two classes with the largest variance between them."""
    counts, edges = np.histogram(gray, bins=OTSU_BINS)
    centers = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    moment = np.cumsum(counts * centers)
    valid = (below > 0) & (above > 0)
    if not valid.any():
        return float(gray.max())
    mean_below = moment[valid] / below[valid]
    mean_above = (moment[-1] - moment[valid]) / above[valid]
    between = below[valid] * above[valid] * (mean_below - mean_above) ** 2
    return float(edges[1:][valid][np.argmax(between)])


def _component_sizes(mask: NDArray[np.bool_]) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Component numbers (diagonal neighbors count) and their sizes; component 0 is the background, of size 0."""
    components = cc3d.connected_components(np.ascontiguousarray(mask), connectivity=26 if mask.ndim == 3 else 8)
    sizes = np.bincount(components.ravel())
    sizes[0] = 0
    return components, sizes


def _without_specks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    components, sizes = _component_sizes(mask)
    kept: NDArray[np.bool_] = (sizes >= max(1.0, SPECK_SHARE * sizes.max()))[components]
    return kept


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    components, sizes = _component_sizes(mask)
    found: NDArray[np.bool_] = (components == np.argmax(sizes)) & mask
    return found


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Add what a picture, or each slice of a volume along the last axis, encloses."""
    if mask.ndim == 2:
        return _filled_picture(mask)
    return np.stack([_filled_picture(mask[..., k]) for k in range(mask.shape[-1])], axis=-1)


def _filled_picture(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Add the background components that touch no side of the picture (cc3d finds them: prediction loads no SciPy)."""
    components = cc3d.connected_components(np.ascontiguousarray(~mask), connectivity=4)
    outside = np.zeros(int(components.max()) + 1, dtype=np.bool_)
    for side in (components[0], components[-1], components[:, 0], components[:, -1]):
        outside[side] = True
    outside[0] = False  # component 0 is the mask itself
    found: NDArray[np.bool_] = ~outside[components]
    return found
