import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from gliascope.labels import scheme_named
from gliascope.measure import RegionMeasure, max_diameter_mm, measure
from gliascope.scan import Grid, LabelMap

BoolArray = NDArray[np.bool_]


def longest_by_brute_force(mask: BoolArray, spacing_mm: tuple[float, float]) -> float:
    longest = 0.0
    for k in range(mask.shape[2]):
        points = np.argwhere(mask[:, :, k]) * spacing_mm
        longest = max([longest, *(math.dist(a, b) for a, b in itertools.combinations(points, 2))])
    return longest


@given(
    mask=arrays(np.bool_, (6, 7, 2)),
    spacing=st.tuples(st.floats(min_value=0.3, max_value=5.0), st.floats(min_value=0.3, max_value=5.0)),
)
@settings(max_examples=60, deadline=None)
def test_diameter_is_exact(mask: BoolArray, spacing: tuple[float, float]) -> None:
    assert max_diameter_mm(mask, (*spacing, 9.0)) == pytest.approx(longest_by_brute_force(mask, spacing))


def test_diameter_of_a_disk_in_anisotropic_pixels() -> None:
    i, j = np.mgrid[:81, :41]
    disk = (i - 40) ** 2 * 0.5**2 + (j - 20) ** 2 * 1.0**2 <= 18.0**2
    assert max_diameter_mm(disk, (0.5, 1.0)) == 36.0


def test_a_diameter_does_not_leave_its_slice() -> None:
    mask = np.zeros((9, 9, 9), dtype=np.bool_)
    mask[4, 2:5, :] = True
    assert max_diameter_mm(mask, (1.0, 1.0, 1.0)) == 2.0


def test_large_masks_are_fast() -> None:
    mask = np.ones((240, 240, 155), dtype=np.bool_)
    started = time.process_time()
    assert max_diameter_mm(mask, (1.0, 1.0)) == pytest.approx(239 * math.sqrt(2))
    assert time.process_time() - started < 2.0


def volume(spacing: tuple[float, float, float] | None) -> LabelMap:
    array = np.zeros((10, 10, 6), dtype=np.uint8)
    array[2:8, 2:6, 1:4] = 2
    array[3:5, 3:5, 2] = 1
    grid = Grid(array.shape) if spacing is None else Grid.from_affine(array.shape, np.diag([*spacing, 1.0]))
    return LabelMap(array, scheme_named("brats2023"), grid)


def test_known_block() -> None:
    measured = measure(volume((1.0, 2.0, 5.0)))
    assert list(measured) == ["WT", "TC", "ET"]
    assert measured["WT"].voxels == 72
    assert measured["WT"].volume_ml == pytest.approx(0.72)
    assert measured["WT"].max_diameter_mm == pytest.approx(math.hypot(5 * 1.0, 3 * 2.0))
    assert measured["TC"].max_diameter_mm == pytest.approx(math.hypot(1.0, 2.0))
    assert measured["ET"] == RegionMeasure(0, 0.0, 0.0)


def test_without_spacing_only_voxels_are_given() -> None:
    assert measure(volume(None))["WT"] == RegionMeasure(72, None, None)
    assert measure(volume(None))["WT"].as_json() == {"volume_ml": None, "voxels": 72, "max_diameter_mm": None}


def test_a_picture_has_a_diameter_but_no_volume() -> None:
    array = np.zeros((8, 8), dtype=np.uint8)
    array[1:4, 2] = 1
    picture = LabelMap(array, scheme_named("lgg"), Grid(array.shape, spacing_mm=(0.5, 0.5)))
    assert measure(picture) == {"tumor": RegionMeasure(3, None, 1.0)}


def test_an_empty_map_has_no_size() -> None:
    empty = LabelMap(np.zeros((4, 4, 4), dtype=np.uint8), scheme_named("lgg"), Grid.from_affine((4, 4, 4), np.eye(4)))
    assert measure(empty) == {"tumor": RegionMeasure(0, 0.0, 0.0)}


@given(axis=st.sampled_from([(), (0,), (1,), (2,), (0, 1, 2)]))
def test_flipping_the_image_changes_nothing(axis: tuple[int, ...]) -> None:
    label_map = volume((1.0, 2.0, 5.0))
    flipped = LabelMap(np.flip(label_map.array, axis), label_map.scheme, label_map.grid)
    assert measure(flipped) == measure(label_map)


def test_single_tissues_are_measured_where_they_are_named() -> None:
    measured = measure(volume((1.0, 1.0, 1.0)), ("ED", "WT"))
    assert list(measured) == ["ED", "WT"]
    assert 0 < measured["ED"].voxels < measured["WT"].voxels
