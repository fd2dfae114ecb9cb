"""Areas and distances of surface elements, against ``surface-distance`` (DeepMind) and the BraTS 2023 script's values.

The expected values of the golden vectors were obtained by running the official BraTS 2023 script.
"""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from gliascope.errors import GeometryError, LabelError
from gliascope.metrics.surface_area import ElementDistances, element_areas, hausdorff_area, surface_element_distances

BoolArray = NDArray[np.bool_]
Box = tuple[tuple[int, int], ...]

MM = (1.0, 1.0, 1.0)
DEPRECATED = pytest.mark.filterwarnings("ignore:Please (use|import):DeprecationWarning")


def boxes(*ranges: Box, shape: tuple[int, ...] = (40, 40, 40)) -> BoolArray:
    mask = np.zeros(shape, dtype=np.bool_)
    for box in ranges:
        mask[tuple(slice(*bounds) for bounds in box)] = True
    return mask


def cube(x: int, y: int, z: int, size: int) -> Box:
    return (x, x + size), (y, y + size), (z, z + size)


def theirs(prediction: BoolArray, reference: BoolArray, spacing: tuple[float, ...], percent: float) -> float:
    from surface_distance import compute_robust_hausdorff, compute_surface_distances

    return float(compute_robust_hausdorff(compute_surface_distances(reference, prediction, spacing), percent))


BAR: Box = ((2, 36), (10, 16), (10, 16))
BLOCK: Box = ((5, 11), (10, 16), (10, 16))
GOLDEN: dict[str, tuple[list[Box], list[Box], float]] = {
    "A": ([cube(10, 10, 10, 10)], [cube(10, 10, 10, 10)], 0.0),
    "E": ([cube(10, 10, 10, 10)], [cube(10, 10, 10, 10), cube(35, 35, 35, 1)], 0.0),
    "F": ([cube(2, 2, 2, 8), cube(28, 28, 28, 8)], [cube(2, 2, 2, 8)], 42.20189569201838),
    "G2": ([BLOCK, ((15, 21), (10, 16), (10, 16))], [BLOCK], 10.0),
    "G3": ([BLOCK, ((19, 25), (10, 16), (10, 16))], [BLOCK], 14.0),
    "H": ([cube(5, 5, 5, 10), cube(30, 30, 30, 3)], [cube(5, 5, 5, 10)], 27.748873851023216),
    "J": ([cube(30, 30, 30, 3)], [cube(5, 5, 5, 3)], 42.731721238442994),
    "K": ([cube(2, 10, 10, 6), cube(30, 10, 10, 6)], [BAR], 10.0),
    "L": ([cube(10, 10, 10, 6)], [((18, 24), (10, 16), (10, 16))], 8.0),
    "M": ([cube(10, 10, 10, 10)], [cube(11, 10, 10, 10)], 1.0),
    "N": ([cube(10, 10, 10, 10)], [cube(13, 10, 10, 10)], 3.0),
    "far 4": ([cube(5, 5, 5, 10)], [cube(5, 5, 5, 10), cube(30, 30, 30, 4)], 30.0998),
    "far 3": ([cube(5, 5, 5, 10)], [cube(5, 5, 5, 10), cube(30, 30, 30, 3)], 27.748873851023216),
    "far 2": ([cube(5, 5, 5, 10)], [cube(5, 5, 5, 10), cube(30, 30, 30, 2)], 0.0),
}


@pytest.mark.parametrize(("reference", "prediction", "expected"), GOLDEN.values(), ids=GOLDEN)
def test_hd95_is_that_of_the_brats_2023_script(reference: list[Box], prediction: list[Box], expected: float) -> None:
    distances = surface_element_distances(boxes(*prediction), boxes(*reference), MM)
    assert hausdorff_area(distances) == pytest.approx(expected, abs=1e-4)


@DEPRECATED
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.9375, 0.9375, 6.0), (2.0, 0.7, 1.1)], ids=str)
def test_all_256_areas_agree_with_surface_distance(spacing: tuple[float, ...]) -> None:
    from surface_distance import lookup_tables

    table = lookup_tables.create_table_neighbour_code_to_surface_area(spacing)
    np.testing.assert_allclose(element_areas(spacing), in_our_order(table, lookup_tables, 3), atol=1e-9)


@DEPRECATED
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 1.7)], ids=str)
def test_all_16_lengths_agree_with_surface_distance(spacing: tuple[float, ...]) -> None:
    from surface_distance import lookup_tables

    table = lookup_tables.create_table_neighbour_code_to_contour_length(spacing)
    np.testing.assert_allclose(element_areas(spacing), in_our_order(table, lookup_tables, 2), atol=1e-9)


def in_our_order(table: NDArray[np.float64], lookup_tables: object, dimensions: int) -> NDArray[np.float64]:
    weights = np.ravel(getattr(lookup_tables, f"ENCODE_NEIGHBOURHOOD_{dimensions}D_KERNEL")).astype(np.int64)
    numbers = np.arange(len(table))[:, None] >> np.arange(weights.size) & 1
    ordered: NDArray[np.float64] = table[numbers @ weights]
    return ordered


def test_areas_known_by_hand() -> None:
    areas = element_areas((1.0, 2.0, 3.0))
    assert areas[0] == areas[255] == 0.0
    assert areas[0b00001111] == 6.0  # flat face across the first axis
    assert areas[0b00110011] == 3.0
    assert areas[0b01010101] == 2.0
    assert areas[0b00000001] == pytest.approx(np.sqrt(1.0**2 * 2**2 + 2**2 * 3**2 + 3**2 * 1**2) / 8)  # one corner
    assert areas[0b10000001] == pytest.approx(2 * areas[0b00000001])  # two corners that no face joins
    assert areas[0b00000011] == pytest.approx(3.0 * np.hypot(1.0, 2.0) / 2)  # an edge along the last axis


def test_an_area_does_not_depend_on_the_side_nor_on_the_cell_s_orientation() -> None:
    areas = element_areas(MM)
    assert np.array_equal(areas, areas[::-1])  # the complement
    corners = np.array(list(product((0, 1), repeat=3)))
    for axes in ((1, 0, 2), (2, 1, 0), (1, 2, 0)):
        for mirror in product((0, 1), repeat=3):
            moved = (corners[:, axes] ^ np.array(mirror)) @ (4, 2, 1)
            turned = [sum(1 << int(moved[bit]) for bit in range(8) if number >> bit & 1) for number in range(256)]
            np.testing.assert_allclose(areas[turned], areas, atol=1e-12)


def test_a_percentile_is_reached_when_the_area_is() -> None:
    distances = ElementDistances(
        to_reference=np.array([3.0, 1.0, 2.0]),
        to_prediction=np.array([0.0]),
        prediction_areas=np.array([0.1, 0.7, 0.2]),
        reference_areas=np.array([5.0]),
    )
    percents = [0.0, 69.0, 70.0, 71.0, 90.0, 90.1, 100.0]
    assert [hausdorff_area(distances, percent) for percent in percents] == [1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
    with pytest.raises(ValueError, match="lies in 0…100"):
        hausdorff_area(distances, 101.0)


def test_a_cube_in_the_corner_of_the_image_has_its_whole_surface() -> None:
    corner = surface_element_distances(boxes(cube(0, 0, 0, 6)), boxes(cube(0, 0, 0, 6)), MM)
    inside = surface_element_distances(boxes(cube(9, 9, 9, 6)), boxes(cube(9, 9, 9, 6)), MM)
    assert np.array_equal(corner.prediction_areas, inside.prediction_areas)
    assert corner.prediction_areas.size == 7**3 - 5**3
    assert not corner.to_reference.any()


def test_what_has_no_distance_is_refused() -> None:
    mask = boxes(cube(1, 1, 1, 2), shape=(4, 4, 4))
    with pytest.raises(ValueError, match="empty mask"):
        surface_element_distances(mask, np.zeros_like(mask), MM)
    with pytest.raises(GeometryError, match="against a reference"):
        surface_element_distances(mask, mask[:3], MM)
    with pytest.raises(LabelError, match="got uint8"):
        surface_element_distances(mask, np.asarray(mask, dtype=np.uint8), MM)


SPACINGS = st.sampled_from([0.5, 0.9375, 1.0, 2.2])


@DEPRECATED
@given(
    masks=st.tuples(arrays(np.bool_, (7, 6, 5)), arrays(np.bool_, (7, 6, 5))).filter(lambda m: all(map(np.any, m))),
    spacing=st.tuples(SPACINGS, SPACINGS, SPACINGS),
    percent=st.sampled_from([50.03, 94.97, 100.0]),  # at round ones the rounding of their sums decides ties
)
@settings(max_examples=60, deadline=None)
def test_values_agree_with_surface_distance(
    masks: tuple[BoolArray, BoolArray], spacing: tuple[float, ...], percent: float
) -> None:
    ours = hausdorff_area(surface_element_distances(*masks, spacing), percent)
    assert ours == pytest.approx(theirs(*masks, spacing, percent), rel=1e-6)


@DEPRECATED
@given(
    masks=st.tuples(arrays(np.bool_, (9, 8)), arrays(np.bool_, (9, 8))).filter(lambda m: all(map(np.any, m))),
    spacing=st.tuples(SPACINGS, SPACINGS),
)
@settings(max_examples=40, deadline=None)
def test_values_in_2d_agree_with_surface_distance(
    masks: tuple[BoolArray, BoolArray], spacing: tuple[float, ...]
) -> None:
    ours = hausdorff_area(surface_element_distances(*masks, spacing), 94.97)
    assert ours == pytest.approx(theirs(*masks, spacing, 94.97), rel=1e-6)
