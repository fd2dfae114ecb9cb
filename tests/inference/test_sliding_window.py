from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gliascope.errors import ModelError
from gliascope.inference.sliding_window import gaussian_weight, sliding_window, window_starts

Array = NDArray[np.float32]
DRAW = np.random.Generator(np.random.Philox(key=5))


def image_of(shape: tuple[int, ...]) -> Array:
    return DRAW.uniform(0.1, 0.9, shape).astype(np.float32)


class Identity:
    """Returns its input and remembers the shapes it saw."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, batch: Array) -> Array:
        self.shapes.append(batch.shape)
        return batch


@given(size=st.integers(1, 80), window=st.integers(1, 40), overlap=st.sampled_from([0.0, 0.25, 0.5, 0.9]))
def test_windows_cover_the_axis_and_stay_inside(size: int, window: int, overlap: float) -> None:
    starts = window_starts(size, window, overlap)
    covered = np.zeros(max(size, window), dtype=bool)
    for start in starts:
        covered[start : start + window] = True
    assert covered.all()
    assert starts[0] == 0
    assert size <= window or starts[-1] + window == size
    assert all(b - a <= max(1, int(window * (1 - overlap))) for a, b in pairwise(starts))


def test_gaussian_has_an_eighth_of_the_window_as_sigma() -> None:
    weight = gaussian_weight((17, 1))
    assert weight.shape == (17, 1)
    assert weight[8, 0] == 1.0
    assert weight[10, 0] == pytest.approx(np.exp(-0.5 * (2 / (17 / 8)) ** 2))
    assert gaussian_weight((64, 64, 64)).min() > 0


@pytest.mark.parametrize(
    ("shape", "window"),
    [((2, 20, 13), (8, 8)), ((2, 9, 10, 11), (8, 6, 4)), ((2, 20, 13, 5), (8, 8)), ((2, 3, 4, 2), (8, 8, 8))],
)
def test_identity_stays_identity(shape: tuple[int, ...], window: tuple[int, ...]) -> None:
    image = image_of(shape)
    result = sliding_window(Identity(), image, window=window, empty=(0, 0), batch_size=3)
    assert result.shape == shape
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, image, atol=1e-6)


def test_blending_is_the_weighted_mean_by_hand() -> None:
    counter = iter([1.0, 3.0])
    result = sliding_window(
        lambda batch: np.full(batch.shape, next(counter), np.float32),
        np.ones((1, 6, 1), np.float32),
        window=(4, 1),
        overlap=0.5,
        empty=(0.0,),
    )
    w = gaussian_weight((4, 1))[:, 0]
    mean = [1, 1, (w[2] + 3 * w[0]) / (w[2] + w[0]), (w[3] + 3 * w[1]) / (w[3] + w[1]), 3, 3]
    np.testing.assert_allclose(result[0, :, 0], mean, rtol=1e-6)


def test_slices_of_a_volume_share_batches() -> None:
    network = Identity()
    sliding_window(network, image_of((1, 8, 8, 7)), window=(8, 8), empty=(0,), batch_size=3)
    assert network.shapes == [(3, 1, 8, 8), (3, 1, 8, 8), (1, 1, 8, 8)]


def test_windows_without_head_are_skipped() -> None:
    image = np.zeros((1, 40, 8), np.float32)
    image[0, 0:4] = 0.7
    network = Identity()

    def classes(batch: Array) -> Array:
        network(batch)
        return np.concatenate([np.zeros_like(batch), np.ones_like(batch)], axis=1)

    result = sliding_window(classes, image, window=(8, 8), overlap=0, empty=(1.0, 0.0))
    assert network.shapes == [(1, 1, 8, 8)]
    assert (result[1, :8] == 1).all()
    assert (result[0, 8:] == 1).all()
    assert (result[1, 8:] == 0).all()


def test_an_image_without_head_runs_nothing() -> None:
    network = Identity()
    result = sliding_window(network, np.zeros((1, 9, 9), np.float32), window=(8, 8), empty=(0.25,))
    assert network.shapes == []
    assert (result == 0.25).all()


def test_small_images_are_padded_on_both_sides() -> None:
    seen: list[Array] = []

    def keep(batch: Array) -> Array:
        seen.append(batch.copy())
        return batch

    image = np.ones((1, 3, 4), np.float32)
    np.testing.assert_array_equal(sliding_window(keep, image, window=(8, 4), empty=(0,)), image)
    np.testing.assert_array_equal(seen[0][0, 0, :, 0], [0, 0, 1, 1, 1, 0, 0, 0])


def test_progress_counts_the_windows_that_run() -> None:
    told: list[tuple[int, int]] = []
    image = image_of((1, 8, 8, 5))
    image[..., 4] = 0
    sliding_window(
        Identity(),
        image,
        window=(8, 8),
        empty=(0,),
        batch_size=3,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(3, 4), (4, 4)]


def test_another_shape_than_announced_is_refused() -> None:
    with pytest.raises(ModelError, match=r"returns shape \(1, 1, 8, 8\), and \(1, 3, 8, 8\)"):
        sliding_window(Identity(), image_of((1, 8, 8)), window=(8, 8), empty=(0, 0, 0))
