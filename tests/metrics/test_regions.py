import math

import numpy as np
import pytest

from gliascope.errors import GeometryError, LabelError
from gliascope.labels import scheme_named
from gliascope.metrics import METRICS, PROTOCOLS, MaskPair, evaluate_regions
from gliascope.scan import Grid, LabelMap

GRID = Grid.from_affine((6, 5, 4), np.diag([1.0, 2.0, 5.0, 1.0]))


def label_map(scheme: str, *, shift: int = 0, grid: Grid = GRID) -> LabelMap:
    own = scheme_named(scheme)
    array = np.zeros(GRID.shape, dtype=np.uint8)
    for count, tissue in ((4, "ED"), (2, "NCR"), (1, "ET")):
        array[1 + shift : 1 + shift + count, 1:4, 1:3] = next(v for v, t in own.tissues.items() if t == tissue)
    return LabelMap(array, own, grid)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_region_is_scored_as_its_masks_are(protocol: str) -> None:
    prediction, reference = label_map("brats2023", shift=1), label_map("brats2023")
    result = evaluate_regions(prediction, reference, ("WT", "TC", "ET"), protocol)
    assert list(result) == ["WT", "TC", "ET"]
    for region, values in result.items():
        masks = MaskPair.of(prediction.region(region), reference.region(region), spacing_mm=(1.0, 2.0, 5.0))
        assert values == PROTOCOLS[protocol].score(masks)


def test_values_of_the_plain_protocol() -> None:
    result = evaluate_regions(label_map("brats2023", shift=1), label_map("brats2023"), ("WT", "ET"))
    assert list(result["WT"]) == list(METRICS)
    assert result["WT"]["dice"] == 0.75
    assert result["WT"]["hd"] == 1.0
    assert result["ET"]["dice"] == 0.0
    assert result["ET"]["volume_error_ml"] == 0.0


def test_the_tolerance_decides_which_borders_agree() -> None:
    maps = label_map("brats2023", shift=1), label_map("brats2023")
    within = [evaluate_regions(*maps, ("ET",), tolerance_mm=mm)["ET"]["nsd"] for mm in (0.5, 1.0)]
    assert within == [0.0, 1.0]


@pytest.mark.parametrize("scheme", ["msd", "brats2017", "brats2024", "lgg"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_any_scheme_is_scored_by_any_protocol(protocol: str, scheme: str) -> None:
    own = scheme_named(scheme)
    array = np.zeros((8, 8, 8), dtype=np.uint8)
    for place, value in enumerate(own.tissues):
        array[1:7, 1:7, 1 + place] = value
    both = LabelMap(array, own, Grid.from_affine(array.shape, np.diag([1.0, 1.0, 2.5, 1.0])))
    result = evaluate_regions(both, both, own.regions, protocol)
    assert list(result) == list(own.regions)
    for values in result.values():
        best = {name: metric.best for name, metric in PROTOCOLS[protocol].metrics.items() if metric.best is not None}
        assert best.items() <= values.items()


def test_maps_of_two_schemes_are_compared_by_tissue() -> None:
    result = evaluate_regions(label_map("msd"), label_map("brats2017"), ("WT", "TC", "ET"))
    assert all(values["dice"] == 1.0 for values in result.values())


def test_without_spacing_nothing_is_in_mm() -> None:
    bare = Grid(GRID.shape)
    result = evaluate_regions(label_map("msd", grid=bare), label_map("msd", grid=bare), ("WT",))
    assert math.isnan(result["WT"]["volume_error_ml"])
    assert math.isnan(result["WT"]["hd95"])
    assert result["WT"]["dice"] == 1.0


def test_other_grids_and_regions_are_refused() -> None:
    moved = Grid.from_affine(GRID.shape, np.diag([-1.0, 2.0, 5.0, 1.0]))
    with pytest.raises(GeometryError, match="is not on the grid of the reference"):
        evaluate_regions(label_map("msd", grid=moved), label_map("msd"), ("WT",))
    with pytest.raises(LabelError, match=r"no region 'RC'\. Known: WT, TC, ET"):
        evaluate_regions(label_map("msd"), label_map("msd"), ("RC",))
