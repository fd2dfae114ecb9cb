"""How far two masks overlap: ratios of the four counts of voxels.

What an empty mask means is decided in one table, ``METRICS``; every function here obeys it (a test checks it).
"""

from gliascope.metrics.masks import Counts, MaskPair

NAN = float("nan")


def dice_score(masks: MaskPair) -> float:
    """Shared voxels, as a share of the mean size of the two masks: 2 TP / (2 TP + FP + FN).

    Returns:
        0…1, higher is better. Both empty: ``nan``. One empty: 0.

    Source:
        Dice 1945, doi:10.2307/1932409.

    Example:
        >>> import numpy as np
        >>> dice_score(MaskPair.of(np.array([True, True, False]), np.array([True, False, False])))
        0.6666666666666666
    """
    n = masks.counts
    return _ratio(2 * n.true_positive, n.predicted + n.wanted, n)


def iou_score(masks: MaskPair) -> float:
    """Shared voxels, as a share of the union (Jaccard index): TP / (TP + FP + FN).

    Returns:
        0…1, higher is better. Both empty: ``nan``. One empty: 0.

    Source:
        Jaccard 1912, doi:10.1111/j.1469-8137.1912.tb05611.x.

    Example:
        >>> import numpy as np
        >>> iou_score(MaskPair.of(np.array([True, True, False]), np.array([True, False, False])))
        0.5
    """
    n = masks.counts
    return _ratio(n.true_positive, n.predicted + n.false_negative, n)


def sensitivity_score(masks: MaskPair) -> float:
    """Share of the reference that was found (recall): TP / (TP + FN).

    Returns:
        0…1, higher is better. Both empty: ``nan``. One empty: 0, also where the reference is the empty one.

    Source:
        Yerushalmy 1947, doi:10.2307/4586294.

    Example:
        >>> import numpy as np
        >>> sensitivity_score(MaskPair.of(np.array([True, False, True]), np.array([True, True, False])))
        0.5
    """
    n = masks.counts
    return _ratio(n.true_positive, n.wanted, n)


def precision_score(masks: MaskPair) -> float:
    """Share of the prediction that is right (positive predictive value): TP / (TP + FP).

    Returns:
        0…1, higher is better. Both empty: ``nan``. One empty: 0, also where the prediction is the empty one.

    Source:
        Maier-Hein et al. 2024 (Metrics Reloaded), doi:10.1038/s41592-023-02151-z.

    Example:
        >>> import numpy as np
        >>> precision_score(MaskPair.of(np.array([True, True, True, True]), np.array([True, False, False, False])))
        0.25
    """
    n = masks.counts
    return _ratio(n.true_positive, n.predicted, n)


def specificity_score(masks: MaskPair) -> float:
    """Share of the background that was left alone: TN / (TN + FP), over the whole image.

    Close to 1 for any small tumor in a large image, so it tells little alone.

    Returns:
        0…1, higher is better. Both empty: 1. ``nan`` where the reference fills the image.

    Source:
        Yerushalmy 1947, doi:10.2307/4586294.

    Example:
        >>> import numpy as np
        >>> specificity_score(MaskPair.of(np.array([True, True, False]), np.array([True, False, False])))
        0.5
    """
    n = masks.counts
    background = n.true_negative + n.false_positive
    return n.true_negative / background if background else NAN


def _ratio(numerator: int, denominator: int, counts: Counts) -> float:
    """A ratio of voxels; undefined only where both masks are empty, else an empty denominator means nothing right."""
    if counts.both_empty:
        return NAN
    return numerator / denominator if denominator else 0.0
