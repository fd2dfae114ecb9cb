"""Paired tests and Holm's correction against hand-made values, SciPy and simulation."""

import numpy as np
import pytest
from scipy import stats

from gliascope.metrics.paired_tests import holm, permutation_test, wilcoxon_test


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_numbers_of_differences_and_clusters_must_agree() -> None:
    for function in (permutation_test, wilcoxon_test):
        with pytest.raises(ValueError, match="for 2 clusters"):
            function([1.0, 2.0, 3.0], ["a", "b"])


def test_permutation_by_hand() -> None:
    assert permutation_test([1.0, 2.0, 3.0], list("abc")) == 2 / 8
    # sums of -1, 2, 4 reach 5 in absolute value: ±(−1+2+4), ±(1+2+4)
    assert permutation_test([-1.0, 2.0, 4.0], list("abc")) == 4 / 8
    # one patient's differences turn together: sums 3 and 3
    assert permutation_test([1.0, 2.0, 3.0], list("aab")) == 2 / 4
    assert permutation_test([0.0, 0.0], list("ab")) == 1.0
    assert np.isnan(permutation_test([float("nan")], ["a"]))


def test_permutation_agrees_with_scipy() -> None:
    differences = generator(5).normal(0.4, 1.0, 12)
    found = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert permutation_test(differences, range(12)) == pytest.approx(found.pvalue)


def test_permutation_draws_come_near_the_exact_value_and_are_never_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = generator(6).normal(0.5, 1.0, 14)
    exact = permutation_test(differences, range(14))
    monkeypatch.setattr("gliascope.metrics.paired_tests.ENUMERATED", 5)
    assert permutation_test(differences, range(14)) == pytest.approx(exact, abs=0.01)
    assert permutation_test([1.0] * 200, range(200)) == 1 / 10_000


def test_permutation_p_is_uniform_without_a_difference() -> None:
    draw = generator(7)
    small = [permutation_test(draw.normal(size=20), range(20), draws=499) <= 0.05 for _ in range(1000)]
    assert 0.03 <= np.mean(small) <= 0.07


@pytest.mark.parametrize("patients", [7, 16, 30, 80])
def test_wilcoxon_agrees_with_scipy(patients: int) -> None:
    differences = generator(8).normal(0.3, 1.0, patients)
    assert wilcoxon_test(differences, range(patients)) == pytest.approx(stats.wilcoxon(differences).pvalue)


def test_wilcoxon_leaves_zeros_out_and_takes_patients() -> None:
    differences = [0.0, 0.0, 1.0, -2.0, 3.0, 4.0]
    expected = stats.wilcoxon([1.0, -2.0, 3.0, 4.0]).pvalue
    assert wilcoxon_test(differences, range(6)) == pytest.approx(expected)
    assert wilcoxon_test([0.5, 1.5, -2.0, 3.0, 4.0], list("aabcd")) == pytest.approx(expected)
    tied = np.array([1.0, 1.0, -1.0, 2.0, 2.0] * 8)
    assert wilcoxon_test(tied, range(40)) == pytest.approx(stats.wilcoxon(tied, method="asymptotic").pvalue)
    assert wilcoxon_test([0.0, 0.0], list("ab")) == 1.0
    assert np.isnan(wilcoxon_test([], []))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []
    first, unknown, last = holm([0.01, float("nan"), 0.02])
    assert (first, last) == pytest.approx((0.02, 0.02))
    assert np.isnan(unknown)
