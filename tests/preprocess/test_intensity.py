import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import preprocessing

from gliascope.errors import ConfigError, GeometryError
from gliascope.preprocess.intensity import ClipPercentile, FixedRange, IntensityStep, MinMax, Replicate, ZScore
from gliascope.preprocess.plan import Plan
from gliascope.preprocess.step import Frame
from gliascope.settings import load_settings

RNG = np.random.Generator(np.random.Philox(key=3))
HEAD = np.zeros((6, 7), dtype=np.bool_)
HEAD[1:5, 2:6] = True


def frame(channels: int = 2) -> Frame:
    return Frame(RNG.uniform(-50.0, 900.0, (channels, 6, 7)).astype(np.float32), None, HEAD.copy())


def applied(step: IntensityStep, given: Frame) -> NDArray[np.float32]:
    copied = Frame(given.array.copy(), given.spacing_mm, given.head)
    after = step.apply(copied)
    assert after.moves == ()
    assert after.array.dtype == np.float32
    return after.array


def test_min_max_agrees_with_scikit_learn() -> None:
    given = frame()
    expected = preprocessing.minmax_scale(given.array.reshape(2, -1), axis=1).reshape(given.array.shape)
    after = applied(MinMax(), given)
    np.testing.assert_allclose(after, expected, atol=1e-6)
    assert after.min() == 0.0
    assert after.max() == 1.0


def test_min_max_with_epsilon_stays_below_one() -> None:
    given = Frame(np.array([[[2.0, 4.0]]], dtype=np.float32), None)
    np.testing.assert_allclose(applied(MinMax(epsilon=0.5), given), [[[0.0, 0.8]]])


def test_z_score_agrees_with_scikit_learn() -> None:
    given = frame()
    expected = preprocessing.scale(given.array.reshape(2, -1).astype(np.float64), axis=1).reshape(given.array.shape)
    np.testing.assert_allclose(applied(ZScore(), given), expected, atol=1e-5)


@pytest.mark.parametrize("step", [MinMax(within="head"), ZScore(within="head")])
def test_within_the_head_the_outside_neither_counts_nor_stays(step: MinMax | ZScore) -> None:
    given = frame()
    given.array[:, ~HEAD] = 1e6
    after = applied(step, given)
    inside = after[:, HEAD]
    np.testing.assert_array_equal(after[:, ~HEAD], 0.0)
    if isinstance(step, MinMax):
        np.testing.assert_allclose([inside.min(axis=1), inside.max(axis=1)], [[0.0, 0.0], [1.0, 1.0]])
    else:
        np.testing.assert_allclose(inside.mean(axis=1), 0.0, atol=1e-5)
        np.testing.assert_allclose(inside.std(axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize(
    "step", [MinMax(), MinMax(epsilon=1e-4), ZScore(), MinMax(within="head"), ZScore(within="head")]
)
@pytest.mark.parametrize("value", [0.0, 7.0, 1e-30, 3e38])
def test_a_constant_channel_becomes_zero(step: MinMax | ZScore, value: float) -> None:
    given = Frame(np.full((1, 6, 7), value, dtype=np.float32), None, HEAD)
    np.testing.assert_array_equal(applied(step, given), 0.0)


@pytest.mark.parametrize("step", [MinMax(within="head"), ZScore(within="head"), ClipPercentile(within="head")])
def test_an_empty_head_gives_no_nan(step: IntensityStep) -> None:
    given = Frame(np.zeros((1, 6, 7), dtype=np.float32), None, np.zeros_like(HEAD))
    np.testing.assert_array_equal(applied(step, given), 0.0)


def test_values_that_hardly_differ_give_no_infinity() -> None:
    tiny = np.zeros((1, 2, 2), dtype=np.float32)
    tiny[0, 0, 0] = 1e-45  # the smallest positive float32; its deviation is smaller still
    assert np.isfinite(applied(ZScore(), Frame(tiny, None))).all()


def test_clip_percentile_limits_to_numpys_percentiles() -> None:
    given = frame(1)
    low, high = np.percentile(given.array[0], (10, 90))
    after = applied(ClipPercentile(lower=10, upper=90), given)
    np.testing.assert_allclose([after.min(), after.max()], [low, high], rtol=1e-5)


def test_clip_percentile_within_the_head_leaves_the_rest() -> None:
    given = frame(1)
    after = applied(ClipPercentile(within="head", lower=10, upper=90), given)
    np.testing.assert_array_equal(after[:, ~HEAD], given.array[:, ~HEAD])
    assert after[:, HEAD].max() < given.array[:, HEAD].max()


def test_fixed_range_of_an_8_bit_picture() -> None:
    given = Frame(np.array([[[0.0, 51.0, 255.0]]], dtype=np.float32), None)
    np.testing.assert_allclose(applied(FixedRange(), given), [[[0.0, 0.2, 1.0]]])
    np.testing.assert_allclose(applied(FixedRange(minimum=-1.0, maximum=1.0), given)[0, 0, 0], 0.5)


def test_replicate_repeats_one_channel_and_refuses_more() -> None:
    given = frame(1)
    after = Replicate(channels=3).apply(given)
    assert after.array.shape == (3, 6, 7)
    np.testing.assert_array_equal(after.array[0], after.array[2])
    assert after.head is given.head
    with pytest.raises(GeometryError, match="replicate needs one channel, got 2"):
        Replicate().apply(frame(2))


def test_settings_in_the_wrong_order_are_refused() -> None:
    for step in ({"name": "clip_percentile", "lower": 99.0, "upper": 1.0}, {"name": "fixed_range", "maximum": -1.0}):
        with pytest.raises(ConfigError, match="is not below"):
            load_settings(Plan, {"channels": ["gray"], "steps": [step]})
