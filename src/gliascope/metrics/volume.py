"""How much the sizes of two masks differ, wherever they lie."""

import math

from gliascope.metrics.masks import MaskPair

NAN = float("nan")


def volume_error_ml(masks: MaskPair) -> float:
    """Difference of the volumes of the two masks, without sign: |V(prediction) - V(reference)|.

    Returns:
        ml, 0 or more, lower is better. Both empty, voxel size unknown, or a picture: ``nan``. One empty: the volume
        of the other.

    Source:
        Maier-Hein et al. 2024 (Metrics Reloaded), doi:10.1038/s41592-023-02151-z.

    Example:
        >>> import numpy as np
        >>> half = np.arange(20).reshape(1, 4, 5) < 10
        >>> volume_error_ml(MaskPair.of(half | True, half, spacing_mm=(10.0, 10.0, 5.0)))
        5.0
    """
    if masks.both_empty or masks.spacing_mm is None or len(masks.image_shape) != 3:
        return NAN
    return abs(masks.counts.predicted - masks.counts.wanted) * math.prod(masks.spacing_mm) / 1000.0


def relative_volume_error(masks: MaskPair) -> float:
    """Difference of the sizes of the two masks, without sign, as a share of the reference: |V(p) - V(r)| / V(r).

    Returns:
        0 or more, lower is better; 1 where the prediction is empty. Both empty: ``nan``. Reference empty: ``inf``.

    Source:
        Maier-Hein et al. 2024 (Metrics Reloaded), doi:10.1038/s41592-023-02151-z.

    Example:
        >>> import numpy as np
        >>> relative_volume_error(MaskPair.of(np.array([True, True, True]), np.array([True, True, False])))
        0.5
    """
    n = masks.counts
    if n.both_empty:
        return NAN
    return abs(n.predicted - n.wanted) / n.wanted if n.wanted else math.inf
