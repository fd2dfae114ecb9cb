"""Whether a scan is like what a model was trained on: the reference statistics, and what does not fit them.

Training keeps ``reference_of`` its cases in ``model.json``; prediction asks ``unlike``. A contrast is compared by its
signature: how far it lies from the mean of its own name, and whether another name fits far better.

Source:
    Linear discriminant analysis with a covariance shrunk towards its diagonal: Friedman 1989, doi:10.2307/2289860.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveInt

from gliascope.errors import Notice
from gliascope.inference.signature import Look, feature_names
from gliascope.settings import Settings

SHRINKAGE = 0.3
"""How far the covariance of signatures is drawn to its diagonal: there are few cases and a dozen features."""

CASES_PER_FEATURE = 2
"""Signatures are compared where the covariance has at least so many degrees of freedom per feature."""

LEAST_PAIR_SD = 0.1
"""A smaller spread of the skewness of differences, from few cases, is taken as this."""

SWAP_EVIDENCE, LONE_EVIDENCE = 4.5, 5.0
"""Logarithm of how much more probable two names must be the other way round, or one channel under another name. The
right names of left-out patients reached at most -1.0 and 2.1 (9 of BraTS), 4.0 and 4.7 (46 stacks of LGG)."""

FAR = 12.0
"""Squared distance per feature beyond which intensities are unlike all that was seen; left-out cases: at most 7.2."""

MOSTLY = 0.95
"""A model whose training heads were stripped, or whole, to this share does not know the others."""

SPACING_MARGIN = 1.5
"""Voxels smaller or larger than any of training by more than this factor are unlike it."""


class Contrast(Settings):
    """The mean signature of one channel."""

    cases: PositiveInt
    mean: tuple[float, ...]


class Skewness(Settings):
    """How skewed the difference of two channels is."""

    cases: PositiveInt
    mean: float
    sd: float


class Signatures(Settings):
    """The signatures of stripped, or of whole, training heads."""

    features: tuple[str, ...]
    contrasts: dict[str, Contrast]
    covariance: tuple[tuple[float, ...], ...]
    pairs: dict[str, Skewness] = Field(default_factory=dict)
    """By two names in alphabetical order, with a blank between."""


class Reference(Settings):
    """What the training inputs of a model look like, as read."""

    cases: NonNegativeInt
    """Training cases that were looked at."""
    kinds: dict[str, int]
    """How many of them were pictures, stacks and volumes."""
    stripped: float
    """Share without skull."""
    spacing_mm: tuple[tuple[float, float], ...] | None = None
    """Smallest and largest voxel size per axis, of volumes that say it."""
    sides: tuple[int, int]
    """Shortest and longest side of a slice, in pixels."""
    head_share: tuple[float, float]
    """Smallest and largest share of the voxels that belong to the head."""
    zero_share: tuple[float, float]
    """Smallest and largest share of the voxels that are exactly 0."""
    heads: dict[str, Signatures] = Field(default_factory=dict)
    """Signatures by ``stripped`` and ``whole``, where there are enough cases."""


def reference_of(looks: Sequence[Look]) -> Reference:
    """Return the reference statistics of at least one training case."""
    spacings = np.array([look.spacing_mm for look in looks if look.spacing_mm and len(look.spacing_mm) == 3])
    sides = [side for look in looks for side in look.shape[:2]]
    states = {state: _signatures([look for look in looks if look.state == state], state) for state in _STATES}
    return Reference(
        cases=len(looks),
        kinds={kind: sum(look.kind == kind for look in looks) for kind in sorted({look.kind for look in looks})},
        stripped=round(sum(look.stripped for look in looks) / len(looks), 4),
        spacing_mm=_ranges(spacings) if len(spacings) else None,
        sides=(min(sides), max(sides)),
        head_share=_ranges(np.array([[look.head_share] for look in looks]))[0],
        zero_share=_ranges(np.array([[look.zero_share] for look in looks]))[0],
        heads={state: found for state, found in states.items() if found is not None},
    )


def unlike(look: Look, reference: Reference, *, model: str) -> tuple[Notice, ...]:
    """Name what about a scan is unlike the training data of a model; nothing where all is like it.

    Args:
        look: What the scan looks like.
        reference: What the training data looks like.
        model: The model's name, for the sentences.
    """
    return (*_skull(look, reference, model), *_spacing(look, reference, model), *_contrasts(look, reference, model))


_STATES = ("stripped", "whole")


def _skull(look: Look, reference: Reference, model: str) -> Iterator[Notice]:
    if look.stripped and reference.stripped <= 1.0 - MOSTLY:
        text = f"The skull has been removed here, and {model} was trained on whole heads: its answer may be wrong."
        yield Notice("W_SKULL", "", text)
    if not look.stripped and reference.stripped >= MOSTLY:
        text = f"The skull seems to be on, and {model} was trained on heads without it: its answer may be wrong."
        yield Notice("W_SKULL", "", f"{text} Remove the skull first.")


def _spacing(look: Look, reference: Reference, model: str) -> Iterator[Notice]:
    sizes, known = look.spacing_mm, reference.spacing_mm
    if sizes is None or known is None or len(sizes) != len(known):
        return
    pairs = list(zip(sizes, known, strict=True))
    if any(not low / SPACING_MARGIN <= size <= high * SPACING_MARGIN for size, (low, high) in pairs):
        given = " × ".join(f"{size:.3g}" for size in sizes)
        trained = " × ".join(f"{low:.3g}" if high - low < 0.01 else f"{low:.3g}–{high:.3g}" for low, high in known)
        text = f"Voxels are {given} mm, and {model} was trained on {trained} mm: expect a coarser or a wrong answer."
        yield Notice("W_OTHER_SPACING", "", text)


def _contrasts(look: Look, reference: Reference, model: str) -> Iterator[Notice]:
    known = reference.heads.get(look.state)
    if known is None or known.features != feature_names(look.state):
        return
    seen = _named_as(look.contrasts, known)
    away = _distances(seen, known)
    far = FAR * len(known.features)
    swapped = _swapped(look, away, known, far)
    if swapped:
        one, other = swapped
        text = f"{one} and {other} look swapped: each looks like the other in the training data of {model}."
        yield Notice("W_CONTRAST", "", f"{text} Check the names of the files.")
    for name in sorted(set(away) - set(swapped)):
        closest = min(away[name], key=lambda other: away[name][other])
        if (away[name][name] - away[name][closest]) / 2.0 > LONE_EVIDENCE and away[name][closest] <= far:
            text = f"{name} looks like {closest} in the training data of {model}. Check the names of the files."
            yield Notice("W_CONTRAST", "", text)
        elif away[name][name] > far:
            text = f"The intensities of {name} are far from all that {model} was trained on: its answer may be wrong."
            yield Notice("W_OTHER_INTENSITIES", "", text)


def _named_as(contrasts: Mapping[str, tuple[float, ...]], known: Signatures) -> Mapping[str, tuple[float, ...]]:
    """Return the signatures by the names that the model knows; one gray picture goes by its only name."""
    if len(contrasts) == len(known.contrasts) == 1 and "gray" in (*contrasts, *known.contrasts):
        return dict(zip(known.contrasts, contrasts.values(), strict=True))
    return {name: found for name, found in contrasts.items() if name in known.contrasts}


def _distances(seen: Mapping[str, tuple[float, ...]], known: Signatures) -> dict[str, dict[str, float]]:
    """Return the squared distance of each channel from the mean of each name."""
    precision = np.linalg.inv(np.array(known.covariance))
    means = {name: np.array(contrast.mean) for name, contrast in known.contrasts.items()}
    return {
        name: {other: _squared(np.array(found) - mean, precision) for other, mean in means.items()}
        for name, found in seen.items()
    }


def _squared(difference: NDArray[np.float64], precision: NDArray[np.float64]) -> float:
    return float(difference @ precision @ difference)


def _swapped(
    look: Look, away: Mapping[str, Mapping[str, float]], known: Signatures, far: float
) -> tuple[str, str] | tuple[()]:
    """Return the two channels whose names are most surely swapped; nothing where none are."""
    surest: tuple[float, tuple[str, str] | tuple[()]] = (SWAP_EVIDENCE, ())
    for one, other in itertools.combinations(sorted(away), 2):
        found = (away[one][one] + away[other][other] - away[one][other] - away[other][one]) / 2.0
        found += _pair_evidence(look, known, one, other)
        if max(away[one][other], away[other][one]) <= far and found > surest[0]:
            surest = (found, (one, other))
    return surest[1]


def _pair_evidence(look: Look, known: Signatures, one: str, other: str) -> float:
    """Return what the skewness of a difference adds: swapped channels turn it round.

    Half of the log-likelihood ratio of two normal distributions, for it says in part what the signatures say too.
    """
    skewness, value = known.pairs.get(f"{one} {other}"), look.pairs.get((one, other))
    if skewness is None or value is None:
        return 0.0
    reach = abs(skewness.mean) + 2.0 * skewness.sd
    return -skewness.mean * float(np.clip(value, -reach, reach)) / skewness.sd**2


def _signatures(looks: Sequence[Look], state: str) -> Signatures | None:
    """Return the signatures of heads in one state; None where there are too few for a covariance."""
    by_name: dict[str, list[tuple[float, ...]]] = {}
    for look in looks:
        for name, found in look.contrasts.items():
            by_name.setdefault(name, []).append(found)
    rows = {name: np.array(found) for name, found in by_name.items() if len(found) > 1}
    features = feature_names(state)
    freedom = sum(len(found) - 1 for found in rows.values())
    if freedom < CASES_PER_FEATURE * len(features):
        return None
    residual = np.concatenate([found - found.mean(axis=0) for found in rows.values()])
    covariance = residual.T @ residual / freedom
    covariance = (1.0 - SHRINKAGE) * covariance + SHRINKAGE * np.diag(np.diag(covariance))
    covariance += 1e-6 * np.eye(len(features))  # a feature that never varies would have no inverse
    return Signatures(
        features=features,
        contrasts={name: Contrast(cases=len(found), mean=_numbers(found.mean(axis=0))) for name, found in rows.items()},
        covariance=tuple(_numbers(row) for row in covariance),
        pairs=_pairs(looks),
    )


def _pairs(looks: Sequence[Look]) -> dict[str, Skewness]:
    found: dict[str, Any] = {}
    for look in looks:
        for (one, other), value in look.pairs.items():
            found.setdefault(f"{one} {other}", []).append(value)
    return {
        pair: Skewness(cases=len(v), mean=float(np.mean(v)), sd=max(float(np.std(v, ddof=1)), LEAST_PAIR_SD))
        for pair, v in found.items()
        if len(v) > 1
    }


def _ranges(values: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Return smallest and largest of each column."""
    return tuple((round(float(column.min()), 4), round(float(column.max()), 4)) for column in values.T)


def _numbers(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") for value in values)
