import math

import numpy as np
import pytest

from gliascope.errors import GeometryError, LabelError
from gliascope.labels import scheme_named
from gliascope.metrics import METRICS, dice_score, evaluate_regions
from gliascope.scan import Grid, LabelMap

GRID = Grid.from_affine((6, 5, 4), np.diag([1.0, 2.0, 5.0, 1.0]))


def label_map(scheme: str, *, shift: int = 0, grid: Grid = GRID) -> LabelMap:
    own = scheme_named(scheme)
    array = np.zeros(GRID.shape, dtype=np.uint8)
    for count, tissue in ((4, "ED"), (2, "NCR"), (1, "ET")):
        array[1 + shift : 1 + shift + count, 1:4, 1:3] = next(v for v, t in own.tissues.items() if t == tissue)
    return LabelMap(array, own, grid)


def test_every_region_has_every_metric_and_both_volumes() -> None:
    prediction, reference = label_map("brats2023", shift=1), label_map("brats2023")
    result = evaluate_regions(prediction, reference, ("WT", "TC", "ET"))
    assert list(result) == ["WT", "TC", "ET"]
    for region, values in result.items():
        assert set(values) == {*METRICS, "prediction_volume_ml", "reference_volume_ml"}
        assert values["dice"] == dice_score(prediction.region(region), reference.region(region))
    assert result["WT"]["dice"] == 0.75
    assert result["ET"]["dice"] == 0.0
    assert result["WT"]["reference_volume_ml"] == pytest.approx(24 * 10.0 / 1000)


def test_maps_of_two_schemes_are_compared_by_tissue() -> None:
    result = evaluate_regions(label_map("msd"), label_map("brats2017"), ("WT", "TC", "ET"))
    assert all(values["dice"] == 1.0 for values in result.values())


def test_without_spacing_there_is_no_volume() -> None:
    bare = Grid(GRID.shape)
    result = evaluate_regions(label_map("msd", grid=bare), label_map("msd", grid=bare), ("WT",))
    assert math.isnan(result["WT"]["prediction_volume_ml"])
    assert result["WT"]["dice"] == 1.0


def test_other_grids_and_regions_are_refused() -> None:
    moved = Grid.from_affine(GRID.shape, np.diag([-1.0, 2.0, 5.0, 1.0]))
    with pytest.raises(GeometryError, match="is not on the grid of the reference"):
        evaluate_regions(label_map("msd", grid=moved), label_map("msd"), ("WT",))
    with pytest.raises(LabelError, match=r"no region 'RC'\. Known: WT, TC, ET"):
        evaluate_regions(label_map("msd"), label_map("msd"), ("RC",))
