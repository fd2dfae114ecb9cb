"""Units of a split: what stays together, and fair draws of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from gliascope.case import Case
from gliascope.errors import InputError

Unit = tuple[str, str]
"""Kind (``patient``, ``group``, ``image``) and name of what stays together."""


def unit_of(case: Case, by: str) -> Unit:
    """Return what a case belongs to: its patient, else its group, else itself; ``by='image'``: always itself."""
    if by == "patient" and case.patient is not None:
        return ("patient", case.patient)
    if by == "patient" and case.group is not None:
        return ("group", case.group)
    return ("image", case.id)


def layers(cases: Sequence[Case], units: Sequence[Unit], strata: Mapping[str, str] | None) -> dict[str, list[Unit]]:
    """Return the units by stratum; a unit belongs where most of its cases do, and lone units join the largest."""
    votes: dict[Unit, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for case, unit in zip(cases, units, strict=True):
        stratum = case.label if strata is None else strata.get(case.id)
        if stratum is None:
            raise InputError("has no class to stratify by", file=case.id, hint="Use method random.", code="E_SPLIT")
        votes[unit][stratum] += 1
    layers: dict[str, list[Unit]] = defaultdict(list)
    for unit in sorted(votes):
        layers[min(votes[unit], key=lambda s: (-votes[unit][s], s))].append(unit)
    largest = min(layers, key=lambda s: (-len(layers[s]), s))
    for stratum in [s for s in sorted(layers) if len(layers[s]) == 1 and s != largest]:
        layers[largest] += layers.pop(stratum)
    return layers


def share_out(total: int, fractions: tuple[float, float, float]) -> list[int]:
    """Share out ``total`` units by largest remainder; a share above 0 gets at least one unit."""
    needed = sum(share > 0 for share in fractions)
    if total < needed:
        cause = f"{total} units (patients, groups or images) cannot fill {needed} parts"
        raise InputError(cause, hint="Give more cases, or set a share to 0.", code="E_SPLIT")
    exact = [total * share for share in fractions]
    counts = [int(value + 1e-9) for value in exact]
    by_remainder = sorted(range(3), key=lambda i: (counts[i] - exact[i], i))
    for index in by_remainder[: total - sum(counts)]:
        counts[index] += 1
    for index in (i for i in range(3) if fractions[i] > 0 and counts[i] == 0):
        counts[counts.index(max(counts))] -= 1
        counts[index] += 1
    return counts


def validating(ordered: Sequence[Unit], share: float) -> list[Unit]:
    """Pick ``share`` of the units, evenly along their order; at least one unless the share is 0."""
    if share == 0:
        return []
    count = max(1, round(len(ordered) * share))
    if count >= len(ordered):
        raise InputError("too few units are left to train and validate", hint="Set validation = 0.", code="E_SPLIT")
    step = len(ordered) / count
    return [ordered[int((k + 0.5) * step)] for k in range(count)]


def shuffled(units: Sequence[Unit], random: np.random.Generator) -> list[Unit]:
    """Return the units in a drawn order."""
    return [units[index] for index in random.permutation(len(units))]


def generator(seed: int) -> np.random.Generator:
    """Return the counter-based random numbers of one seed."""
    return np.random.Generator(np.random.Philox(key=seed))
