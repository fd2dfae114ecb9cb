"""The slices beside a slice as further channels, so that a 2-D network sees where a tumor begins and ends."""

import numpy as np
from numpy.typing import NDArray


def offsets(neighbors: int) -> tuple[int, ...]:
    """Return the slices that are seen, counted from a slice's own: itself first, then in pairs below and above.

    Example:
        >>> offsets(2)
        (0, -1, 1, -2, 2)
    """
    return (0, *(sign * step for step in range(1, neighbors + 1) for sign in (-1, 1)))


def with_neighbors(array: NDArray[np.float32], neighbors: int) -> NDArray[np.float32]:
    """Set the slices beside each axial slice behind its own channels.

    Beyond the first and the last slice these are repeated. A picture has no slices beside it: it is repeated itself.

    Args:
        array: Shape ``(C, I, J, K)`` or ``(C, I, J)``.
        neighbors: Slices on either side, N.

    Returns:
        Shape ``((2 N + 1) C, *S)``: all channels of each of ``offsets(neighbors)``, one after the other.
    """
    if array.ndim == 3:
        return np.tile(array, (len(offsets(neighbors)), 1, 1))
    places = np.arange(array.shape[-1])
    return np.concatenate([array[..., np.clip(places + by, 0, places[-1])] for by in offsets(neighbors)])
