"""Whether probabilities mean what they say: of what gets 0.8, eight in ten should be right.

Everything is computed from sums over answers (``binary_sums``, ``class_sums``): those of two cases add up, so that
millions of voxels need no memory and a bootstrap can draw whole patients. ``temperature`` fits the cure.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

BINS = 15
"""Bins of equal width between 0 and 1, as the source of the error has them."""
LEAST = float(np.finfo(np.float32).eps)
"""No probability of what happened counts as less, 1.2e-7: what single precision just tells from 0 beside 1. One sure
mistake thus costs 15.9, not infinity."""
SUMS = 3 * BINS + 2


@dataclass(frozen=True, eq=False)
class Reliability:
    """Calibration of a number of answers, from their sums.

    Args:
        sums: Shape ``(..., SUMS)``: per bin the answers, their summed confidence and how often they were right; then
            the summed Brier score and negative log-likelihood. Sums of several sets add up to those of all.
    """

    sums: FloatArray

    @property
    def n(self) -> FloatArray:
        """Answers, shape ``(...)``."""
        return np.asarray(self._bins[0].sum(axis=-1))

    @property
    def _bins(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        return self.sums[..., :BINS], self.sums[..., BINS : 2 * BINS], self.sums[..., 2 * BINS : 3 * BINS]

    def ece(self) -> FloatArray:
        """Expected calibration error: mean distance between confidence and share of right answers over the bins.

        ``sum over bins of n_bin / n * |right_bin / n_bin - mean confidence_bin|``. No unit, 0…1, down is better;
        ``nan`` without answers. It is never below 0, so chance alone raises it in few answers.

        Source:
            Guo et al. 2017, arXiv:1706.04599 (15 bins); Naeini et al. 2015.
        """
        _, confidence, right = self._bins
        return self._share(np.abs(right - confidence).sum(axis=-1))

    def brier(self) -> FloatArray:
        """Mean squared distance between probabilities and what happened (1 or 0); ``nan`` without answers.

        Of one outcome 0…1, of several classes (summed over them) 0…2; down is better.

        Source:
            Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
        """
        return self._share(self.sums[..., 3 * BINS])

    def nll(self) -> FloatArray:
        """Mean negative logarithm of the probability that what happened had; nat, 0 to 15.9, down is better.

        Probabilities below ``LEAST`` count as ``LEAST``; ``nan`` without answers.
        """
        return self._share(self.sums[..., 3 * BINS + 1])

    def figures(self) -> FloatArray:
        """``ece``, ``brier`` and ``nll``, shape ``(..., 3)``."""
        return np.stack([self.ece(), self.brier(), self.nll()], axis=-1)

    def bins(self) -> list[dict[str, Any]]:
        """Return the reliability diagram of one set: per bin ``low``, ``high``, ``confidence``, ``observed``, ``n``.

        ``confidence`` and ``observed`` (share of right answers) are ``nan`` in an empty bin. A bin holds what lies
        above its lower edge up to its upper one; the first holds 0 too.
        """
        rows = []
        for index, (n, confidence, right) in enumerate(zip(*self._bins, strict=True)):
            means = (float(confidence / n), float(right / n)) if n else (float("nan"), float("nan"))
            edges = {"low": index / BINS, "high": (index + 1) / BINS}
            rows.append({**edges, "confidence": means[0], "observed": means[1], "n": int(n)})
        return rows

    def _share(self, total: FloatArray) -> FloatArray:
        n = self.n
        return np.asarray(np.where(n > 0, total / np.maximum(n, 1.0), np.nan))


def binary_sums(probabilities: NDArray[np.floating], outcomes: NDArray[np.bool_]) -> FloatArray:
    """Sum up one case's answers to a yes-or-no question, such as its voxels' to "tumor?".

    Args:
        probabilities: Of yes, any shape.
        outcomes: Whether it was so, the same shape.

    Returns:
        Shape ``(SUMS,)``: confidence is the probability of yes, right means that it was so.

    Raises:
        ValueError: The shapes differ.
    """
    if probabilities.shape != outcomes.shape:
        raise ValueError(f"probabilities of shape {probabilities.shape} for outcomes of shape {outcomes.shape}")
    p, happened = probabilities.ravel(), outcomes.ravel()
    places = _places(p)
    given = np.where(happened, p, 1 - p)
    return np.concatenate(
        [
            np.bincount(places, minlength=BINS),
            np.bincount(places, weights=p, minlength=BINS),
            np.bincount(places[happened], minlength=BINS),
            [
                np.sum(np.square(1 - given), dtype=np.float64),
                -np.sum(np.log(np.maximum(given, LEAST)), dtype=np.float64),
            ],
        ]
    )


def yes_no_sums(probabilities: NDArray[np.floating], outcomes: NDArray[np.bool_]) -> FloatArray:
    """Sum up one answer per case, shape ``(N, SUMS)``; see ``binary_sums``."""
    p = np.asarray(probabilities, dtype=np.float64)
    given = np.where(outcomes, p, 1 - p)
    return _one_each(p, outcomes, np.square(1 - given), given)


def class_sums(probabilities: NDArray[np.floating], reference: NDArray[np.intp]) -> FloatArray:
    """Sum up one answer per case among several classes: the confidence is that of the most probable class.

    Args:
        probabilities: Shape ``(N, C)``.
        reference: The class of each case as an index, shape ``(N,)``.

    Returns:
        Shape ``(N, SUMS)``; right means that the most probable class (of equal ones the first) was the true one.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    wanted = np.eye(p.shape[1])[reference]
    squares = np.square(p - wanted).sum(axis=1)
    return _one_each(p.max(axis=1), p.argmax(axis=1) == reference, squares, p[np.arange(len(p)), reference])


def calibration_error(confidence: ArrayLike, right: ArrayLike) -> float:
    """Expected calibration error of answers with a confidence each; see ``Reliability.ece``.

    Example:
        >>> round(calibration_error([0.9, 0.9, 0.6, 0.6], [True, True, True, False]), 6)  # |1-.9|/2 + |.5-.6|/2
        0.1
    """
    return float(Reliability(binary_sums(np.asarray(confidence, np.float64), np.asarray(right, np.bool_))).ece())


def brier_score(probabilities: ArrayLike, reference: ArrayLike) -> float:
    """Brier score of ``(N, C)`` probabilities of classes and the true class of each case; see ``Reliability.brier``.

    Example:
        >>> round(brier_score([[0.8, 0.2], [0.6, 0.4]], [0, 1]), 6)  # (0.04 + 0.04 + 0.36 + 0.36) / 2
        0.4
    """
    return float(_of_classes(probabilities, reference).brier())


def negative_log_likelihood(probabilities: ArrayLike, reference: ArrayLike) -> float:
    """Negative log-likelihood of ``(N, C)`` probabilities of classes and the true classes; see ``Reliability.nll``.

    Example:
        >>> round(negative_log_likelihood([[0.5, 0.5], [0.25, 0.75]], [0, 0]), 4)  # (ln 2 + ln 4) / 2
        1.0397
    """
    return float(_of_classes(probabilities, reference).nll())


def reliability_bins(confidence: ArrayLike, right: ArrayLike) -> list[dict[str, Any]]:
    """Return the reliability diagram of answers with a confidence each; see ``Reliability.bins``."""
    return Reliability(binary_sums(np.asarray(confidence, np.float64), np.asarray(right, np.bool_))).bins()


def _of_classes(probabilities: ArrayLike, reference: ArrayLike) -> Reliability:
    return Reliability(class_sums(np.asarray(probabilities, np.float64), np.asarray(reference, np.intp)).sum(axis=0))


def _one_each(
    confidence: FloatArray, right: NDArray[np.bool_], brier: FloatArray, likelihood: FloatArray
) -> FloatArray:
    """One row of sums per answer."""
    inside = np.eye(BINS)[_places(confidence)]
    rest = np.stack([brier, -np.log(np.maximum(likelihood, LEAST))], axis=1)
    return np.concatenate([inside, inside * confidence[:, None], inside * right[:, None], rest], axis=1)


def _places(probabilities: NDArray[np.floating]) -> NDArray[np.intp]:
    """Bin of each probability: above the lower edge, up to the upper one."""
    places = np.ceil(probabilities * BINS).astype(np.intp) - 1
    return np.asarray(np.clip(places, 0, BINS - 1, out=places), dtype=np.intp)
