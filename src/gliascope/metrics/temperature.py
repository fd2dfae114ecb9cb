"""One number that makes a network's probabilities honest: its logits are divided by it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

LOWEST, HIGHEST = 0.05, 20.0
"""Temperatures that are looked at. A better one beyond is none: the data do not limit it."""


def fit_temperature(logits: NDArray[np.floating], targets: NDArray[Any], *, exclusive: bool) -> float:
    """Find the temperature under which what happened is most probable (least negative log-likelihood).

    Above 1 the network was too sure of itself. The likelihood has one peak, since it is concave in ``1 / T``. Where
    every answer is right (``separated``) it rises forever as ``T`` falls, and where the logits say nothing it rises
    forever with ``T``: the result then lies at the end of ``LOWEST…HIGHEST``, which ``is_limit`` tells.

    Args:
        logits: Of classes that exclude each other ``(N, K)``; of a yes-or-no question ``(N,)``.
        targets: The true class as an index, or whether it was so; shape ``(N,)``.
        exclusive: Which of the two.

    Returns:
        ``LOWEST`` to ``HIGHEST``.

    Raises:
        ValueError: There are no cases, or shapes do not fit together.

    Source:
        Guo et al. 2017, arXiv:1706.04599.

    Example:
        >>> sure = np.array([4.0, 4.0, 4.0, -4.0])  # three of four right, all with 98 %
        >>> round(fit_temperature(sure, np.array([1, 1, 0, 0]), exclusive=False), 2)  # 4 / ln 3
        3.64
    """
    if not len(targets) or logits.shape[:1] != targets.shape or logits.ndim != 1 + exclusive:
        raise ValueError(f"logits of shape {logits.shape} for targets of shape {targets.shape}")
    loss = _class_loss(logits, targets) if exclusive else _yes_no_loss(logits, targets)
    found = minimize_scalar(loss, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded", options={"xatol": 1e-5})
    return float(np.clip(np.exp(found.x), LOWEST, HIGHEST))


def is_limit(temperature: float) -> bool:
    """True where a fitted temperature is only the end of the range: the data do not say how far to go."""
    return not LOWEST * 1.01 < temperature < HIGHEST / 1.01


def separated(logits: NDArray[np.floating], targets: NDArray[Any], *, exclusive: bool) -> bool:
    """True where every answer is right, so that no temperature is low enough; see ``fit_temperature``."""
    answers = logits.argmax(axis=1) if exclusive else logits > 0
    return bool((answers == targets).all())


def _class_loss(logits: NDArray[np.floating], targets: NDArray[Any]) -> Callable[[float], float]:
    """Mean negative log-likelihood of classes under a logarithm of the temperature."""
    # Only distances to the true class matter.
    apart = logits.astype(np.float64) - logits[np.arange(len(targets)), targets].astype(np.float64)[:, None]
    return lambda log_t: float(logsumexp(apart * np.exp(-log_t), axis=1).mean())


def _yes_no_loss(logits: NDArray[np.floating], targets: NDArray[Any]) -> Callable[[float], float]:
    """The same of yes and no."""
    apart = np.where(targets, -1.0, 1.0) * logits.astype(np.float64)
    return lambda log_t: float(np.logaddexp(0.0, apart * np.exp(-log_t)).mean())
