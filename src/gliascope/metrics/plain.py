"""Protocol ``plain``, ours: whole regions, nothing replaced, nothing hidden.

To add a metric: a function ``(MaskPair) -> float`` in its family's file, a row in ``METRICS``, a test of known values;
results, reports and the contract test pick the row up.
"""

import math

from gliascope.metrics import distance, overlap, volume
from gliascope.metrics.protocol import Metric, Protocol

NAN = math.nan
RELOADED = "Maier-Hein et al. 2024, doi:10.1038/s41592-023-02151-z"
YERUSHALMY = "Yerushalmy 1947, doi:10.2307/4586294"

METRICS: dict[str, Metric] = {
    "dice": Metric(overlap.dice_score, "", "up", 0, 1, 1, NAN, 0.0, True, "Dice 1945, doi:10.2307/1932409"),
    "iou": Metric(
        overlap.iou_score, "", "up", 0, 1, 1, NAN, 0.0, True, "Jaccard 1912, doi:10.1111/j.1469-8137.1912.tb05611.x"
    ),
    "sensitivity": Metric(overlap.sensitivity_score, "", "up", 0, 1, 1, NAN, 0.0, False, YERUSHALMY),
    "specificity": Metric(overlap.specificity_score, "", "up", 0, 1, 1, 1.0, None, False, YERUSHALMY),
    "precision": Metric(overlap.precision_score, "", "up", 0, 1, 1, NAN, 0.0, False, RELOADED),
    "hd": Metric(
        *(distance.hd_mm, "mm", "down", 0, math.inf, 0, NAN, math.inf, True),
        source="Huttenlocher et al. 1993, doi:10.1109/34.232073",
        physical=True,
    ),
    "hd95": Metric(
        *(distance.hd95_mm, "mm", "down", 0, math.inf, 0, NAN, math.inf, True), source=RELOADED, physical=True
    ),
    "assd": Metric(
        *(distance.assd_mm, "mm", "down", 0, math.inf, 0, NAN, math.inf, True),
        source="Heimann et al. 2009, doi:10.1109/TMI.2009.2013851",
        physical=True,
    ),
    "nsd": Metric(
        *(distance.nsd_score, "", "up", 0, 1, 1, NAN, 0.0, True),
        source="Nikolov et al. 2021, doi:10.2196/26151",
        physical=True,
    ),
    "volume_error_ml": Metric(
        *(volume.volume_error_ml, "ml", "down", 0, math.inf, 0, NAN, None, True), source=RELOADED, physical=True
    ),
    "relative_volume_error": Metric(
        volume.relative_volume_error, "", "down", 0, math.inf, 0, NAN, None, False, RELOADED
    ),
}
"""The mask metrics by the name they have in results. A region that is rightly found empty has no overlap and no
distance to speak of: ``nan``, left out of means and counted. A region missed or invented scores 0 and lies infinitely
far. Only specificity, which looks at the background, has a value without any tumor."""

PLAIN = Protocol(
    name="plain",
    title="Plain (Gliascope's own)",
    source="Metrics Reloaded, doi:10.1038/s41592-023-02151-z, with the missing values made visible",
    hausdorff="95th percentile of border-voxel distances per direction; the larger of the two",
    pooling="One value per region of a case: everything of the region together, however many lesions it has.",
    spacing="mm",
    empty="Both empty: undefined, counted and left out of means. One empty: overlap 0, distance infinite, counted.",
    infinite=None,
    metrics=METRICS,
    prepare=lambda masks: masks,
    needs_spacing=False,
    has_tolerance=True,
)
