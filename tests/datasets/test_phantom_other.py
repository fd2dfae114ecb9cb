"""Invented pictures that show no brain MRI: the same from the same seed, never flat, each of its own kind."""

import numpy as np
import pytest

from gliascope.datasets.phantom_other import OTHER_KINDS, other_picture


@pytest.mark.parametrize("kind", list(OTHER_KINDS))
def test_each_kind_is_made(kind: str) -> None:
    first, again, other = (other_picture(seed, kind, 96) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.uint8
    assert 32 <= min(first.shape) <= max(first.shape) <= 96 * 1.7
    assert first.shape != other.shape or (first != other).any()
    for seed in range(8):
        made = other_picture(seed, kind, 64)
        assert made.min() < made.max()


def test_the_skull_of_a_ct_is_its_brightest_part() -> None:
    for seed in range(6):
        made = other_picture(seed, "ct_head", 96)
        assert np.percentile(made, 99.5) > 1.4 * np.median(made[made > 20])
