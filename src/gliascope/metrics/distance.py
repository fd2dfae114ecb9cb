"""How far apart the borders of two masks lie, in mm: the distances of the ``plain`` protocol.

The empty-mask rule in one place: undefined where both masks are empty or the voxel size is unknown; infinitely far
(and nothing within tolerance) where one is empty.
"""

from collections.abc import Callable

from gliascope.metrics import surface
from gliascope.metrics.masks import MaskPair
from gliascope.metrics.surface import BorderDistances

NAN = float("nan")
INFINITE = float("inf")


def hd_mm(masks: MaskPair) -> float:
    """Largest distance from a border voxel of one mask to the border of the other (Hausdorff distance).

    Returns:
        mm, 0 or more, lower is better. Both empty, or voxel size unknown: ``nan``. One empty: ``inf``.

    Source:
        Huttenlocher et al. 1993, doi:10.1109/34.232073.

    Example:
        >>> import numpy as np
        >>> line = np.array([[True, False, False, False]])
        >>> hd_mm(MaskPair.of(line, line[:, ::-1], spacing_mm=(1.0, 2.0)))
        6.0
    """
    return _figure(masks, surface.hausdorff, INFINITE)


def hd95_mm(masks: MaskPair) -> float:
    """95th percentile of the distances of border voxels to the other border, per direction; the larger one counts.

    One stray voxel cannot decide it, as it decides the maximum. The other protocols differ: see their tables.

    Returns:
        mm, 0 or more, lower is better. Both empty, or voxel size unknown: ``nan``. One empty: ``inf``.

    Source:
        Maier-Hein et al. 2024 (Metrics Reloaded), doi:10.1038/s41592-023-02151-z.

    Example:
        >>> import numpy as np
        >>> line = np.array([[True, False, False, False]])
        >>> hd95_mm(MaskPair.of(line, line[:, ::-1], spacing_mm=(1.0, 2.0)))
        6.0
    """
    return _figure(masks, surface.hausdorff_directed_max, INFINITE)


def assd_mm(masks: MaskPair) -> float:
    """Mean distance of the border voxels of both masks to the other border: the sum over all, by their number.

    Returns:
        mm, 0 or more, lower is better. Both empty, or voxel size unknown: ``nan``. One empty: ``inf``.

    Source:
        Heimann et al. 2009, doi:10.1109/TMI.2009.2013851.

    Example:
        >>> import numpy as np
        >>> line = np.array([[True, False, False, False]])
        >>> assd_mm(MaskPair.of(line, line[:, ::-1], spacing_mm=(1.0, 2.0)))
        6.0
    """
    return _figure(masks, surface.average_distance, INFINITE)


def nsd_score(masks: MaskPair) -> float:
    """Share of the border voxels of both masks that lie within the tolerance of the other border.

    The tolerance (``--tolerance``, 1 mm unless given) is as large as two experts' borders may differ.

    Returns:
        0…1, higher is better. Both empty, or voxel size unknown: ``nan``. One empty: 0.

    Source:
        Nikolov et al. 2021, doi:10.2196/26151; counted by border voxels, not by area.

    Example:
        >>> import numpy as np
        >>> line = np.array([[True, False, False, False]])
        >>> nsd_score(MaskPair.of(line, line[:, ::-1], spacing_mm=(1.0, 2.0), tolerance_mm=6.0))
        1.0
    """
    return _figure(masks, lambda borders: surface.surface_dice(borders, masks.tolerance_mm), 0.0)


def _figure(masks: MaskPair, figure: Callable[[BorderDistances], float], one_empty: float) -> float:
    if masks.spacing_mm is None or masks.both_empty:
        return NAN
    return one_empty if masks.one_empty else figure(masks.borders)
