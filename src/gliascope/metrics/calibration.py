"""Whether probabilities mean what they say: of what gets 0.8, eight in ten should be right.

Everything is computed from sums over ``Answers``: those of two cases add up, so that millions of voxels need no memory
and a bootstrap can draw whole patients. ``temperature`` fits the cure.
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


@dataclass(frozen=True, eq=False)
class Answers:
    """What was said and what was true, one entry per answer, shape ``(N,)``.

    Args:
        confidence: The probability that is judged.
        right: Whether it was so.
        brier: Squared distance between what was said and what was true.
        likelihood: The probability that what was true had been given.
    """

    confidence: FloatArray
    right: NDArray[np.bool_]
    brier: FloatArray
    likelihood: FloatArray

    def total(self) -> Reliability:
        """Sum up all answers, such as the voxels of a case."""
        places, right = _places(self.confidence), self.right
        columns = (
            np.bincount(places, minlength=BINS),
            np.bincount(places, weights=self.confidence, minlength=BINS),
            np.bincount(places[right], minlength=BINS),
            [self.brier.sum(), self._surprise.sum()],
        )
        return Reliability(np.concatenate(columns))

    def each(self) -> Reliability:
        """Keep the answers apart, shape ``(N, SUMS)``: each is a case."""
        inside = np.eye(BINS)[_places(self.confidence)]
        rest = np.stack([self.brier, self._surprise], axis=1)
        sums = [inside, inside * self.confidence[:, None], inside * self.right[:, None], rest]
        return Reliability(np.concatenate(sums, axis=1))

    @property
    def _surprise(self) -> FloatArray:
        return np.asarray(-np.log(np.maximum(self.likelihood, LEAST)))


def yes_no_answers(probabilities: ArrayLike, outcomes: ArrayLike) -> Answers:
    """Judge answers to a yes-or-no question, such as those of voxels to "tumor?".

    Args:
        probabilities: Of yes, any shape.
        outcomes: Whether it was so, the same shape.

    Raises:
        ValueError: The shapes differ.
    """
    p, happened = np.asarray(probabilities, dtype=np.float64), np.asarray(outcomes, dtype=np.bool_)
    if p.shape != happened.shape:
        raise ValueError(f"probabilities of shape {p.shape} for outcomes of shape {happened.shape}")
    p, happened = p.ravel(), happened.ravel()
    likelihood = np.where(happened, p, 1 - p)
    return Answers(p, happened, np.square(1 - likelihood), likelihood)


def class_answers(probabilities: ArrayLike, reference: ArrayLike) -> Answers:
    """Judge answers among several classes: the confidence is that of the most probable one (of equal ones the first).

    Args:
        probabilities: Shape ``(N, C)``.
        reference: The true class of each case as an index, shape ``(N,)``.

    Raises:
        ValueError: The shapes do not fit together.
    """
    p, true = np.asarray(probabilities, dtype=np.float64), np.asarray(reference, dtype=np.intp)
    if p.ndim != 2 or p.shape[:1] != true.shape:
        raise ValueError(f"probabilities of shape {p.shape} for references of shape {true.shape}")
    likelihood = p[np.arange(len(p)), true]
    # sum over classes of (p - wanted)^2
    brier = np.square(p).sum(axis=1) - 2 * likelihood + 1
    return Answers(p.max(axis=1), p.argmax(axis=1) == true, brier, likelihood)


def calibration_error(confidence: ArrayLike, right: ArrayLike) -> float:
    """Expected calibration error of answers with a confidence each; see ``Reliability.ece``.

    Example:
        >>> round(calibration_error([0.9, 0.9, 0.6, 0.6], [True, True, True, False]), 6)  # |1-.9|/2 + |.5-.6|/2
        0.1
    """
    return float(yes_no_answers(confidence, right).total().ece())


def brier_score(probabilities: ArrayLike, reference: ArrayLike) -> float:
    """Brier score of ``(N, C)`` probabilities of classes and the true class of each case; see ``Reliability.brier``.

    Example:
        >>> round(brier_score([[0.8, 0.2], [0.6, 0.4]], [0, 1]), 6)  # (0.04 + 0.04 + 0.36 + 0.36) / 2
        0.4
    """
    return float(class_answers(probabilities, reference).total().brier())


def negative_log_likelihood(probabilities: ArrayLike, reference: ArrayLike) -> float:
    """Negative log-likelihood of ``(N, C)`` probabilities of classes and the true classes; see ``Reliability.nll``.

    Example:
        >>> round(negative_log_likelihood([[0.5, 0.5], [0.25, 0.75]], [0, 0]), 4)  # (ln 2 + ln 4) / 2
        1.0397
    """
    return float(class_answers(probabilities, reference).total().nll())


def reliability_bins(confidence: ArrayLike, right: ArrayLike) -> list[dict[str, Any]]:
    """Return the reliability diagram of answers with a confidence each; see ``Reliability.bins``."""
    return yes_no_answers(confidence, right).total().bins()


def _places(probabilities: NDArray[np.floating]) -> NDArray[np.intp]:
    """Bin of each probability: above the lower edge, up to the upper one."""
    places = np.ceil(probabilities * BINS).astype(np.intp) - 1
    return np.asarray(np.clip(places, 0, BINS - 1, out=places), dtype=np.intp)
