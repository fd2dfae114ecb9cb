"""Fitting a gate: real pictures and their altered forms against invented ones, and a limit from unseen real ones."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt
from scipy.optimize import minimize

from gliascope.inference.gate import CLIP, Gate, GateFacts, GateNetwork
from gliascope.inference.picture_features import NAMES, picture_features
from gliascope.inference.picture_look import is_flat
from gliascope.settings import Settings
from gliascope.training.gate_pictures import SPOILED_KINDS, altered, invented, negative_kinds, spoiled

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

DIGITS = 5
"""Significant digits of the numbers that are kept."""
TOLERANCE = 1e-9
"""A spread below counts as none."""
SURE_DECAY = 1e-2
"""A network with this decay learns no single pictures by heart, so that odd ones stay odd to it."""
LEAST = 0.01
"""The limit is never lower: then the gate would let everything pass."""
DOUBLE = ("ct_head", "photo", "object", "gradient")
"""Kinds that are invented twice as often: the nearest to brain MRI, and the most varied."""


class GateSettings(Settings):
    """How a classifier's gate is fitted; stands as ``gate`` in a recipe."""

    pictures: PositiveInt = 2000
    """At most so many training pictures are taken, spread evenly, and half as many validation pictures."""
    doubtful_share: float = Field(default=0.01, ge=0.0, lt=0.5)
    """The share of the training pictures that is left out, those most like CT: public sets hold some."""
    invented_per_kind: PositiveInt = 200
    """Invented pictures of each kind; a fifth of them is kept for the measure."""
    false_share: float = Field(default=0.005, gt=0.0, lt=0.5)
    """The limit turns away at most this share of unseen real pictures as they are; it is never above 0.5."""
    networks: PositiveInt = 4
    """Networks whose log-odds are averaged."""
    hidden: PositiveInt = 32
    """Hidden units of each."""
    decay: PositiveFloat = 3e-4
    """Weight of the sum of squared weights against the mean loss."""
    steps: PositiveInt = 200
    """Steps of the optimizer."""


def fit_gate(
    training: Sequence[Floats],
    unseen: Sequence[Floats],
    settings: GateSettings,
    *,
    seed: int,
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> GateFacts:
    """Fit a gate.

    Args:
        training: Gray pictures ``(I, J)`` of brain MRI that are not flat.
        unseen: More of them, of other patients if possible, for the limit.
        settings: How.
        seed: Every draw depends on it.
        threads: Pictures measured at a time; None: one per core.
        progress: Told how many pictures are measured.

    Returns:
        The gate, with what it turns away of pictures that it was not fitted on.
    """
    kinds = (*negative_kinds(), *DOUBLE)
    per_kind = settings.invented_per_kind
    jobs: list[Callable[[], Floats]] = []
    for group, pictures in enumerate((training, unseen)):
        jobs += [partial(np.asarray, picture) for picture in pictures]
        jobs += [partial(_altered, seed, group, number, picture) for number, picture in enumerate(pictures)]
    for k, kind in enumerate(kinds):
        jobs += [partial(_other, training, seed, number, k, kind) for number in range(per_kind)]
    rows = _measured(jobs, threads, progress)
    real, rest = np.split(rows, [2 * len(training)])
    checked, others = np.split(rest, [2 * len(unseen)])
    by_kind = others.reshape(len(kinds), per_kind, len(NAMES))
    learned, kept = np.split(by_kind, [max(1, per_kind - max(1, per_kind // 5))], axis=1)
    negative = learned.reshape(-1, len(NAMES))
    real = _without_doubtful(real, by_kind[[k for k, kind in enumerate(kinds) if kind == "ct_head"]], settings, seed)
    center, scale = _usual(real)
    networks = tuple(
        _network(_scaled(real, center, scale), _scaled(negative, center, scale), settings, seed=seed + 1000 * number)
        for number in range(settings.networks)
    )
    facts = GateFacts(
        features=NAMES,
        center=_short(center),
        scale=_short(scale),
        networks=networks,
        limit=0.5,
        false_share=settings.false_share,
        pictures=len(real) // 2,
        invented=len(negative),
        seed=seed,
    )
    gate = Gate(facts)
    plain, changed = np.split(gate.likeness(checked), 2)
    limit = float(f"{np.clip(np.quantile(plain, settings.false_share), LEAST, 0.5):.4f}")
    measured = {
        "plain": float((plain < limit).mean()),
        "altered": float((changed < limit).mean()),
        "invented": float((gate.likeness(kept.reshape(-1, len(NAMES))) < limit).mean()),
    }
    return facts.model_copy(update={"limit": limit, "measured": measured})


def _without_doubtful(real: Floats, ct: Floats, settings: GateSettings, seed: int) -> Floats:
    """Leave out the pictures most like CT, each judged by a network that saw the other half, with their altered forms.

    Args:
        real: Numbers of the plain pictures and, in the same order, of their altered forms.
        ct: Numbers of invented CT.
        settings: ``doubtful_share`` of the pictures goes.
        seed: Of the networks.
    """
    plain, changed = np.split(real, 2)
    drop = int(settings.doubtful_share * len(plain))
    if drop == 0:
        return real
    careful = settings.model_copy(update={"decay": SURE_DECAY})
    half = np.arange(len(plain)) % 2
    likeness = np.empty(len(plain), np.float32)
    for side in (0, 1):
        center, scale = _usual(plain[half != side])
        learned, others = (_scaled(rows, center, scale) for rows in (plain[half != side], ct.reshape(-1, len(NAMES))))
        network = _network(learned, others, careful, seed=seed + 500 + side)
        likeness[half == side] = _odds(network, _scaled(plain[half == side], center, scale))
    kept = np.sort(np.argsort(likeness, kind="stable")[drop:])
    return np.vstack([plain[kept], changed[kept]])


def _odds(network: GateNetwork, inputs: Doubles) -> Doubles:
    return np.asarray(np.tanh(inputs @ np.array(network.weights).T + network.biases) @ network.output + network.bias)


def _stream(seed: int, purpose: int, number: int) -> np.random.Generator:
    """Return the random numbers of one picture; the order in which pictures are measured does not matter."""
    return np.random.default_rng([seed, purpose, number])


def _altered(seed: int, group: int, number: int, picture: Floats) -> Floats:
    return altered(picture, _stream(seed, 2 + group, number))


def _other(training: Sequence[Floats], seed: int, number: int, kind_number: int, kind: str) -> Floats:
    if kind in SPOILED_KINDS:
        return spoiled(list(training), kind, _stream(seed, 10 + kind_number, number))
    return invented(seed * 1_000_003 + kind_number * 10_007 + number, kind)


def _measured(
    jobs: Sequence[Callable[[], Floats]], threads: int | None, progress: Callable[[int, int], None]
) -> Floats:
    """Return the numbers of every picture ``(N, F)``; one that became flat counts as unusual in all."""

    def one(job: Callable[[], Floats]) -> Floats:
        picture = job()
        return np.full(len(NAMES), np.nan, np.float32) if is_flat(picture) else picture_features(picture)

    rows = []
    with ThreadPoolExecutor(threads) as pool:
        for number, row in enumerate(pool.map(one, jobs)):
            rows.append(row)
            if number % 100 == 0:
                progress(number, len(jobs))
    progress(len(jobs), len(jobs))
    return np.nan_to_num(np.stack(rows), nan=-1e3)


def _usual(real: Floats) -> tuple[Doubles, Doubles]:
    """Return median and robust spread of every number over real pictures."""
    center = np.median(real, axis=0).astype(np.float64)
    robust = 1.4826 * np.median(np.abs(real - center), axis=0)
    scale = np.maximum(robust, 0.25 * real.std(axis=0))
    return center, np.where(scale < TOLERANCE, 1.0, scale)


def _scaled(rows: Floats, center: Doubles, scale: Doubles) -> Doubles:
    return np.asarray(np.clip((rows - center) / scale, -CLIP, CLIP), dtype=np.float64)


def _network(real: Doubles, negative: Doubles, settings: GateSettings, *, seed: int) -> GateNetwork:
    """Fit one network to a bootstrap draw; real and invented pictures weigh the same."""
    random = np.random.default_rng(seed)
    real = real[random.integers(len(real), size=len(real))]
    negative = negative[random.integers(len(negative), size=len(negative))]
    inputs = np.vstack([real, negative])
    sign = np.r_[np.ones(len(real)), -np.ones(len(negative))]
    weight = np.r_[np.full(len(real), 0.5 / len(real)), np.full(len(negative), 0.5 / len(negative))]
    count, hidden = inputs.shape[1], settings.hidden
    first = np.r_[random.normal(0, count**-0.5, hidden * count), np.zeros(hidden), random.normal(0, 0.3, hidden), 0.0]

    def parted(values: Doubles) -> tuple[Doubles, Doubles, Doubles, float]:
        a, b = hidden * count, hidden * count + hidden
        return values[:a].reshape(hidden, count), values[a:b], values[b : b + hidden], float(values[-1])

    def loss(values: Doubles) -> tuple[float, Doubles]:
        weights, biases, output, bias = parted(values)
        units = np.tanh(inputs @ weights.T + biases)
        margin = sign * (units @ output + bias)
        slope = -weight * sign / (1 + np.exp(np.clip(margin, -60, 60)))
        back = slope[:, None] * output * (1 - units**2)
        total = float((weight * np.logaddexp(0, -margin)).sum())
        total += settings.decay * float((weights**2).sum() + (output**2).sum())
        gradient = np.r_[
            (back.T @ inputs + 2 * settings.decay * weights).ravel(),
            back.sum(axis=0),
            units.T @ slope + 2 * settings.decay * output,
            slope.sum(),
        ]
        return total, gradient

    found = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": settings.steps})
    weights, biases, output, bias = parted(np.asarray(found.x))
    return GateNetwork(
        weights=tuple(_short(row) for row in weights),
        biases=_short(biases),
        output=_short(output),
        bias=_short([bias])[0],
    )


def _short(values: Sequence[float] | Doubles) -> tuple[float, ...]:
    return tuple(float(f"{value:.{DIGITS}g}") for value in values)
