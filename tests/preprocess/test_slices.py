import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliascope.errors import ConfigError
from gliascope.preprocess.slices import SliceSettings, select_slices
from gliascope.settings import load_settings


def test_every_slice_by_default() -> None:
    assert select_slices(5, None, SliceSettings()) == (0, 1, 2, 3, 4)


def test_the_central_half_of_155_slices_is_the_published_one() -> None:
    kept = select_slices(155, None, SliceSettings(central_fraction=0.5))
    assert kept == tuple(range(39, 116))


def test_range_and_stride() -> None:
    assert select_slices(20, None, SliceSettings(first=3, last=12, stride=4)) == (3, 7, 11)
    assert select_slices(6, None, SliceSettings(first=4, last=40)) == (4, 5)
    assert select_slices(6, None, SliceSettings(first=9)) == ()


def test_share_of_tumor() -> None:
    labels = np.zeros((10, 10, 4), dtype=np.uint8)
    labels[:1, :1, 1] = 4
    labels[:2, :, 2] = 1
    assert select_slices(4, labels, SliceSettings(minimum_tumor_share=0.01)) == (1, 2)
    assert select_slices(4, labels, SliceSettings(minimum_tumor_share=0.02)) == (2,)


def test_a_share_of_tumor_needs_a_reference() -> None:
    with pytest.raises(ConfigError, match="minimum_tumor_share needs a reference"):
        select_slices(4, None, SliceSettings(minimum_tumor_share=0.1))


@given(
    count=st.integers(1, 200),
    fraction=st.floats(min_value=0.001, max_value=1.0),
    first=st.integers(0, 50),
    stride=st.integers(1, 9),
)
def test_slices_are_rising_unique_and_inside(count: int, fraction: float, first: int, stride: int) -> None:
    chosen = select_slices(count, None, SliceSettings(central_fraction=fraction, first=first, stride=stride))
    assert list(chosen) == sorted(set(chosen))
    assert all(first <= k < count for k in chosen)


def test_an_impossible_range_is_refused() -> None:
    with pytest.raises(ConfigError, match="last 2 lies before first 3"):
        load_settings(SliceSettings, {"first": 3, "last": 2})
