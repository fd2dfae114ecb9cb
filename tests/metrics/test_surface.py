from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from gliascope.errors import GeometryError, LabelError
from gliascope.metrics.surface import (
    BorderDistances,
    average_distance,
    average_distance_directed,
    border_distances,
    hausdorff,
    hausdorff_directed_max,
    hausdorff_pooled,
    joint_box,
    surface_dice,
)
from gliascope.metrics.surface_area import hausdorff_area, surface_element_distances

BoolArray = NDArray[np.bool_]
Masks = tuple[BoolArray, BoolArray]
Spacing = tuple[float, ...]

MM = (1.0, 1.0, 1.0)
SIZES = st.sampled_from([0.5, 0.9375, 1.0, 2.2, 6.0])
JOINED = [hausdorff, hausdorff_directed_max, hausdorff_pooled, average_distance, average_distance_directed]


def pairs(shape: tuple[int, ...]) -> st.SearchStrategy[tuple[Masks, Spacing]]:
    masks = st.tuples(arrays(np.bool_, shape), arrays(np.bool_, shape)).filter(lambda both: all(map(np.any, both)))
    return st.tuples(masks, st.tuples(*[SIZES] * len(shape)))


PAIRS = pairs((5, 4, 4)) | pairs((7, 6))


def figures(prediction: BoolArray, reference: BoolArray, spacing: Spacing) -> list[float]:
    """Every distance between two masks."""
    distances = border_distances(prediction, reference, spacing)
    elements = surface_element_distances(prediction, reference, spacing)
    return [*(join(distances) for join in JOINED), hausdorff_area(elements, 94.97), hausdorff_area(elements, 100.0)]


def cube(*corners_and_sizes: tuple[int, int, int, int], shape: tuple[int, ...] = (40, 40, 40)) -> BoolArray:
    mask = np.zeros(shape, dtype=np.bool_)
    for x, y, z, size in corners_and_sizes:
        mask[x : x + size, y : y + size, z : z + size] = True
    return mask


@pytest.mark.parametrize(
    ("far", "pooled", "directed_max"), [(4, 28.562, 30.562), (3, 0.0, 9.699), (2, 0.0, 0.0)], ids=["4", "3", "2"]
)
def test_one_far_cube_gives_three_different_hd95(far: int, pooled: float, directed_max: float) -> None:
    distances = border_distances(cube((5, 5, 5, 10), (30, 30, 30, far)), cube((5, 5, 5, 10)), MM)
    assert hausdorff_pooled(distances) == pytest.approx(pooled, abs=5e-4)
    assert hausdorff_directed_max(distances) == pytest.approx(directed_max, abs=5e-4)
    assert hausdorff(distances) == pytest.approx(np.sqrt(3) * (16 + far - 1))


def test_the_two_averages_of_concentric_cubes_differ() -> None:
    distances = border_distances(cube((10, 10, 10, 12)), cube((11, 11, 11, 10)), MM)
    assert average_distance_directed(distances) == pytest.approx(1.0382, abs=5e-5)
    assert average_distance(distances) == pytest.approx(1.0457, abs=5e-5)


def test_the_two_averages_with_a_far_cube_differ() -> None:
    distances = border_distances(cube((5, 5, 5, 10), (30, 30, 30, 4)), cube((5, 5, 5, 10)), MM)
    assert average_distance_directed(distances) == pytest.approx(1.5625, abs=5e-5)
    assert average_distance(distances) == pytest.approx(1.6473, abs=5e-5)


def test_surface_dice_counts_the_voxels_of_both_borders() -> None:
    distances = BorderDistances(np.array([0.0, 1.0, 2.0]), np.array([0.5]))
    assert [surface_dice(distances, tolerance) for tolerance in (0.0, 0.5, 1.0, 1.5, 2.0)] == [0.25, 0.5, 0.75, 0.75, 1]


def test_a_distance_that_equals_the_tolerance_is_within_it_for_any_spacing() -> None:
    reference = cube((0, 0, 0, 1), shape=(4, 1, 1))
    for size in (0.1, 0.3, 0.7, 0.9375, 1.1):
        distances = border_distances(np.roll(reference, 3, axis=0), reference, (size, 1.0, 1.0))
        assert surface_dice(distances, tolerance=round(3 * size, 6)) == 1.0
        assert surface_dice(distances, tolerance=2.999 * size) == 0.0


def test_a_full_image_has_its_border_at_the_edge() -> None:
    distances = border_distances(np.ones((5, 5), dtype=np.bool_), np.ones((5, 5), dtype=np.bool_), (1.0, 1.0))
    assert distances.to_reference.size == distances.to_prediction.size == 16
    assert hausdorff(distances) == 0.0


def test_the_border_is_what_touches_the_background_by_a_face() -> None:
    reference = np.ones((3, 3, 3), dtype=np.bool_)
    center = cube((1, 1, 1, 1), shape=(3, 3, 3))
    distances = border_distances(center, reference, (1.0, 2.0, 4.0))
    assert distances.to_reference.tolist() == [1.0]  # the center of the reference is none of its border
    assert sorted(distances.to_prediction)[-1] == np.sqrt(1 + 4 + 16)
    assert distances.to_prediction.size == 26


@pytest.mark.parametrize("measure", JOINED)
def test_a_shift_by_one_slice_is_one_slice_thickness(measure: Callable[[BorderDistances], float]) -> None:
    prediction, reference = cube((0, 0, 3, 1), shape=(1, 1, 9)), cube((0, 0, 4, 1), shape=(1, 1, 9))
    assert measure(border_distances(prediction, reference, (0.9, 0.9, 6.0))) == pytest.approx(6.0)


def test_the_joint_box_holds_both_arrays_and_no_more() -> None:
    labels, mask = np.zeros((9, 8, 7), dtype=np.uint8), np.zeros((9, 8, 7), dtype=np.bool_)
    assert joint_box(labels, mask) == (slice(0, 0),) * 3
    labels[2, 7, 3] = 4
    mask[5, 1:3, 3] = True
    assert joint_box(labels, mask) == joint_box(mask, labels) == (slice(2, 6), slice(1, 8), slice(3, 4))


def test_what_has_no_distance_is_refused() -> None:
    mask = cube((1, 1, 1, 2), shape=(4, 4, 4))
    with pytest.raises(ValueError, match="empty mask has no border"):
        border_distances(mask, np.zeros_like(mask), MM)
    with pytest.raises(ValueError, match="empty mask has no border"):
        border_distances(np.zeros_like(mask), mask, MM)
    with pytest.raises(GeometryError, match="against a reference"):
        border_distances(mask, mask[:3], MM)
    with pytest.raises(LabelError, match="got uint8"):
        border_distances(mask, np.asarray(mask, dtype=np.uint8), MM)
    with pytest.raises(ValueError, match="3 sizes above 0"):
        border_distances(mask, mask, (1.0, 1.0))
    with pytest.raises(ValueError, match="3 sizes above 0"):
        border_distances(mask, mask, (1.0, 0.0, 1.0))
    with pytest.raises(ValueError, match="2-D or 3-D"):
        border_distances(mask[0, 0], mask[0, 0], (1.0,))
    for percentile in (hausdorff_pooled, hausdorff_directed_max):
        with pytest.raises(ValueError, match="Percentiles must be"):
            percentile(border_distances(mask, mask, MM), 101.0)
    with pytest.raises(ValueError, match="tolerance is 0 or more"):
        surface_dice(border_distances(mask, mask, MM), tolerance=-1.0)


@given(pair=PAIRS)
@settings(max_examples=40, deadline=None)
def test_the_masks_may_be_swapped(pair: tuple[Masks, Spacing]) -> None:
    (prediction, reference), spacing = pair
    assert figures(prediction, reference, spacing) == pytest.approx(figures(reference, prediction, spacing))


@given(pair=PAIRS)
@settings(max_examples=30, deadline=None)
def test_identical_masks_are_nowhere_apart(pair: tuple[Masks, Spacing]) -> None:
    (mask, _), spacing = pair
    assert figures(mask, mask.copy(), spacing) == [0.0] * 7
    assert surface_dice(border_distances(mask, mask, spacing), 0.0) == 1.0


@given(pair=PAIRS, before=st.integers(0, 3), after=st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_the_image_around_the_masks_does_not_count(pair: tuple[Masks, Spacing], before: int, after: int) -> None:
    (prediction, reference), spacing = pair
    padded = np.pad(prediction, (before, after)), np.pad(reference, (before, after))
    assert figures(*padded, spacing) == figures(prediction, reference, spacing)


@given(pair=PAIRS, factor=st.sampled_from([0.1, 0.7, 3.0]))
@settings(max_examples=40, deadline=None)
def test_distances_grow_with_the_voxels(pair: tuple[Masks, Spacing], factor: float) -> None:
    masks, spacing = pair
    larger = tuple(size * factor for size in spacing)
    assert figures(*masks, larger) == pytest.approx([factor * figure for figure in figures(*masks, spacing)], rel=1e-6)


@given(pair=PAIRS)
@settings(max_examples=40, deadline=None)
def test_axes_may_be_mirrored_and_exchanged(pair: tuple[Masks, Spacing]) -> None:
    masks, spacing = pair
    turned = [np.flip(mask).T for mask in masks]
    assert figures(turned[0], turned[1], spacing[::-1]) == pytest.approx(figures(*masks, spacing), rel=1e-6)


@given(pair=PAIRS)
@settings(max_examples=30, deadline=None)
def test_no_percentile_exceeds_the_largest_distance(pair: tuple[Masks, Spacing]) -> None:
    distances = border_distances(*pair[0], pair[1])
    assert hausdorff_directed_max(distances, 100.0) == hausdorff_pooled(distances, 100.0) == hausdorff(distances)
    assert max(hausdorff_directed_max(distances), hausdorff_pooled(distances)) <= hausdorff(distances)
    assert surface_dice(distances, hausdorff(distances)) == 1.0
