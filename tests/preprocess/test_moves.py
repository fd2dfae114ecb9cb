import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gliascope.preprocess.moves import Window, Zoom

SIDES = st.integers(min_value=1, max_value=9)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    axes = draw(st.integers(min_value=1, max_value=3))
    sides = st.tuples(*[SIDES] * axes)
    return Window(draw(sides), draw(sides), draw(st.tuples(*[st.integers(min_value=-6, max_value=6)] * axes)))


@given(window=windows())
@settings(max_examples=80, deadline=None)
def test_a_window_there_and_back_keeps_what_it_saw_and_zeros_the_rest(window: Window) -> None:
    array = 1.0 + np.arange(2 * np.prod(window.before), dtype=np.float32).reshape(2, *window.before)
    back = window.inverse().image(window.image(array))
    kept = window.inverse().image(window.image(np.ones(array.shape, dtype=np.bool_)))
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, np.where(kept, array, 0.0))
    seen = 1
    for start, before, after in zip(window.start, window.before, window.after, strict=True):
        seen *= len(set(range(before)) & set(range(start, start + after)))
    assert np.count_nonzero(kept[0]) == seen


def test_a_window_fills_what_lies_outside() -> None:
    moved = Window((3,), (5,), (-1,)).image(np.array([1.0, 2.0, 3.0], dtype=np.float32), fill=-7.0)
    np.testing.assert_array_equal(moved, [-7.0, 1.0, 2.0, 3.0, -7.0])


@pytest.mark.parametrize("margins", [(1, 0), (2, 3), (7, 9)])
def test_a_window_can_mirror_what_lies_outside(margins: tuple[int, int]) -> None:
    array = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    window = Window((3, 4), (3 + sum(margins), 4), (-margins[0], 0), mirrored=True)
    expected = np.pad(array, ((0, 0), margins, (0, 0)), mode="reflect")
    np.testing.assert_array_equal(window.image(array), expected)
    np.testing.assert_array_equal(window.inverse().image(window.image(array)), array)
    np.testing.assert_array_equal(Window((1,), (3,), (-1,), mirrored=True).labels(np.array([4])), [4, 4, 4])


def test_a_window_on_labels_keeps_the_type() -> None:
    moved = Window((2, 2), (3, 3), (0, 0)).labels(np.full((2, 2), 4, dtype=np.uint8))
    assert moved.dtype == np.uint8
    np.testing.assert_array_equal(moved, [[4, 4, 0], [4, 4, 0], [0, 0, 0]])


@given(before=st.tuples(SIDES, SIDES, SIDES), after=st.tuples(SIDES, SIDES, SIDES))
@settings(max_examples=60, deadline=None)
def test_a_zoom_keeps_constants_and_shapes(before: tuple[int, ...], after: tuple[int, ...]) -> None:
    zoom = Zoom(before, after, tuple(b / a for b, a in zip(before, after, strict=True)))
    moved = zoom.image(np.full((2, *before), 3.5, dtype=np.float32))
    assert moved.shape == (2, *after)
    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved, 3.5, rtol=1e-6)
    assert zoom.inverse().image(moved).shape == (2, *before)
    assert zoom.labels(np.ones(before, dtype=np.uint8)).shape == after


@pytest.mark.parametrize("factor", [2, 3])
def test_an_enlargement_is_linear_interpolation(factor: int) -> None:
    picture = np.random.Generator(np.random.Philox(key=1)).random((8, 11), dtype=np.float32)
    ours = Zoom((8, 11), (8 * factor, 11 * factor), (1 / factor, 1 / factor)).image(picture)
    theirs = cv2.resize(picture, (11 * factor, 8 * factor), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_shrinking_averages_and_does_not_alias() -> None:
    checkers = (np.indices((32, 32)).sum(axis=0) % 2).astype(np.float32)
    shrunk = Zoom((32, 32), (8, 8), (4.0, 4.0)).image(checkers)
    np.testing.assert_allclose(shrunk, 0.5, atol=0.02)


def test_a_linear_ramp_stays_one_inside() -> None:
    ramp = np.arange(20, dtype=np.float32)
    zoom = Zoom((20,), (13,), (1.5,))
    expected = (np.arange(13) - 6) * 1.5 + 9.5
    np.testing.assert_allclose(zoom.image(ramp)[1:-1], expected[1:-1], atol=1e-4)


def test_labels_take_the_nearest_voxel() -> None:
    labels = np.array([1, 2, 3], dtype=np.uint8)
    np.testing.assert_array_equal(Zoom((3,), (6,), (0.5,)).labels(labels), [1, 1, 2, 2, 3, 3])
    np.testing.assert_array_equal(Zoom((3,), (1,), (3.0,)).labels(labels), [2])


def test_nothing_to_do_copies_nothing() -> None:
    array = np.ones((1, 4, 4), dtype=np.float32)
    assert Window((4, 4), (4, 4), (0, 0)).image(array) is array
    assert Zoom((4, 4), (4, 4), (1.0, 1.0)).image(array) is array


@pytest.mark.parametrize(("before", "after"), [(7, 16), (40, 9), (512, 160), (5, 5), (1, 4)])
def test_interpolation_is_the_product_with_the_dense_matrix(before: int, after: int) -> None:
    """Wider than a block of columns; the matrix holds a linear kernel that widens with the voxels."""
    zoom = Zoom((before,), (after,), (before / after,))
    rows = np.random.Generator(np.random.Philox(key=3)).random((2500, before), dtype=np.float32)
    centers = np.clip((np.arange(after) - (after - 1) / 2) * before / after + (before - 1) / 2, 0, before - 1)
    matrix = np.maximum(0, 1 - np.abs(centers[:, None] - np.arange(before)) / max(before / after, 1))
    matrix /= matrix.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(zoom.image(rows), rows @ matrix.T, atol=1e-6)
