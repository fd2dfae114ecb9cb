import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import special

from gliascope.inference.postprocess import drop_small_components, suppress_small_components, temper, to_probabilities

Array = NDArray[np.float32]


def test_softmax_adds_up_and_sigmoid_does_not() -> None:
    logits = np.array([[[2.0, 0.0], [0.0, 0.0], [-1.0, 0.0]]], np.float32)
    classes = to_probabilities(logits, exclusive=True)
    regions = to_probabilities(logits, exclusive=False)
    assert classes.dtype == regions.dtype == np.float32
    np.testing.assert_allclose(classes.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(classes[0, :, 0], np.exp([2, 0, -1]) / np.exp([2, 0, -1]).sum(), rtol=1e-6)
    np.testing.assert_allclose(regions[0, :, 0], 1 / (1 + np.exp([-2.0, 0, 1])), rtol=1e-6)


@given(seed=st.integers(0, 50), temperature=st.sampled_from([0.3, 0.8, 1.7, 6.0]))
def test_temperature_divides_the_logits(seed: int, temperature: float) -> None:
    logits = np.random.Generator(np.random.Philox(key=seed)).normal(0, 3, (1, 4, 20)).astype(np.float32)
    for exclusive in (True, False):
        plain = to_probabilities(logits, exclusive=exclusive)[0]
        wanted = to_probabilities(logits / np.float32(temperature), exclusive=exclusive)[0]
        cooled = temper(plain, temperature, exclusive=exclusive)
        assert cooled.dtype == np.float32
        np.testing.assert_allclose(cooled, wanted, rtol=2e-4, atol=1e-6)
        if exclusive:
            np.testing.assert_array_equal(cooled.argmax(axis=0), plain.argmax(axis=0))
        else:
            np.testing.assert_array_equal(cooled > 0.5, plain > 0.5)


def test_each_region_may_have_its_temperature() -> None:
    plain = np.array([[0.9, 0.5], [0.9, 0.1]], np.float32)
    cooled = temper(plain, (1.0, 2.0), exclusive=False)
    np.testing.assert_allclose(cooled, [[0.9, 0.5], [0.75, 0.25]], atol=1e-6)


def test_what_is_impossible_stays_so_and_what_was_rounded_to_certain_does_not() -> None:
    cooled = temper(np.array([0.0, 0.5, 1.0], np.float32), 2.0, exclusive=False)
    assert cooled[0] == 0
    assert cooled[1] == 0.5
    assert 0.999 < cooled[2] < 1
    np.testing.assert_array_equal(temper(np.array([1.0, 0.0], np.float32), 2.0, exclusive=True), [1, 0])
    assert np.isfinite(temper(np.array([0.0, 1e-30, 1.0], np.float32), 0.05, exclusive=False)).all()


def test_extreme_logits_stay_probabilities() -> None:
    logits = np.array([[1e4, -1e4]], np.float32)
    for exclusive in (True, False):
        np.testing.assert_array_equal(to_probabilities(logits, exclusive=exclusive), [[1, 0]])


def test_small_parts_go_and_large_ones_stay() -> None:
    mask = np.zeros((12, 12), dtype=bool)
    mask[0:3, 0:3] = True
    mask[3, 3] = True
    mask[8:10, 8:10] = True
    cleaned = drop_small_components(mask, 5)
    assert cleaned[0:3, 0:3].all()
    assert cleaned[3, 3], "corners connect"
    assert not cleaned[8:10, 8:10].any()
    assert drop_small_components(mask, 4)[8:10, 8:10].all()


@given(seed=st.integers(0, 50), least=st.integers(0, 6))
def test_cleaning_only_removes_and_is_done_once(seed: int, least: int) -> None:
    mask = np.random.Generator(np.random.Philox(key=seed)).random((6, 6, 6)) > 0.8
    cleaned = drop_small_components(mask, least)
    assert not (cleaned & ~mask).any()
    np.testing.assert_array_equal(drop_small_components(cleaned, least), cleaned)


@pytest.fixture
def spots() -> Array:
    """One large and one small spot, probability 0.9, in a map of 0.1."""
    values = np.full((10, 10), 0.1, np.float32)
    values[0:4, 0:4] = 0.9
    values[7, 7] = 0.9
    return values


def test_regions_are_cleaned_one_by_one(spots: Array) -> None:
    other = spots.copy()
    other[7:10, 7:10] = 0.9
    maps = np.stack([spots, other])
    suppress_small_components(maps, 4, exclusive=False, threshold=0.5, empty=(0, 0))
    assert maps[0, 7, 7] == 0
    assert maps[1, 7, 7] == np.float32(0.9)
    assert maps[0, 0, 0] == np.float32(0.9)
    assert maps[0, 9, 9] == np.float32(0.1), "voxels outside the part keep their probability"


def test_classes_are_cleaned_as_one_foreground(spots: Array) -> None:
    core = np.zeros_like(spots)
    core[1, 1] = 0.95
    maps = np.stack([np.full_like(spots, 0.5), spots, core])
    suppress_small_components(maps, 4, exclusive=True, threshold=0.5, empty=(1, 0, 0))
    assert maps[:, 1, 1].argmax() == 2, "a small core inside a large tumor stays"
    assert maps[:, 7, 7].tolist() == [1, 0, 0]


def test_one_voxel_is_never_too_small_by_default(spots: Array) -> None:
    maps = spots[None].copy()
    for least in (0, 1):
        suppress_small_components(maps, least, exclusive=False, threshold=0.5, empty=(0,))
    np.testing.assert_array_equal(maps[0], spots)


@given(seed=st.integers(0, 20), scale=st.sampled_from([1.0, 30.0, 300.0]))
def test_probabilities_are_those_of_scipy(seed: int, scale: float) -> None:
    logits = np.random.Generator(np.random.Philox(key=seed)).normal(0, scale, (2, 3, 5, 4)).astype(np.float32)
    np.testing.assert_allclose(to_probabilities(logits, exclusive=True), special.softmax(logits, axis=1), atol=1e-6)
    np.testing.assert_allclose(to_probabilities(logits, exclusive=False), special.expit(logits), rtol=1e-5, atol=1e-37)


def test_certain_probabilities_stay_certain() -> None:
    certain = np.array([[0.0, 1.0, 0.5]], np.float32)
    cooled = temper(certain, 2.0, exclusive=False)
    assert cooled[0, 0] == 0
    assert 0.999 < cooled[0, 1] <= 1
    assert cooled[0, 2] == 0.5
