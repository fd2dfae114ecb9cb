"""What the training inputs of a model look like, so that prediction can tell what is unlike them."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from gliascope.case import Case
from gliascope.inference.likeness import reference_of
from gliascope.inference.signature import look_at
from gliascope.workflow.progress import ProgressCallback, silent

MOST_CASES = 48
"""Training cases that are looked at: each is read once more."""

INVENTED = "phantom"
"""The data set of invented heads, which say nothing about real ones; they count only where there are no others."""


def input_statistics(cases: Sequence[Case], progress: ProgressCallback = silent) -> dict[str, Any]:
    """Return the reference statistics of training cases, as ``model.json`` keeps them.

    Raises:
        InputError: A case cannot be read.
    """
    chosen = _chosen(cases)
    looks = []
    for number, case in enumerate(chosen):
        progress("look at inputs", number, len(chosen))
        looks.append(look_at(case.read()))
    return reference_of(looks).model_dump(mode="json")


def _chosen(cases: Sequence[Case]) -> list[Case]:
    """Return a few cases: of each data set of a union as many, of each patient one before any has two."""
    by_set: dict[str, list[Case]] = {}
    for case in cases:
        by_set.setdefault(case.facts.get("dataset", ""), []).append(case)
    real = {name: own for name, own in by_set.items() if name != INVENTED} or by_set
    lines = [_spread(own) for own in real.values()]
    turns = [case for turn in zip_longest(*lines) for case in turn if case is not None]
    return sorted(turns[:MOST_CASES], key=lambda case: case.id)


def _spread(cases: Sequence[Case]) -> list[Case]:
    """Return at most ``MOST_CASES`` of one data set, evenly chosen, patients before repeated patients."""
    first: dict[str, Case] = {}
    for case in cases:
        first.setdefault(case.patient or case.id, case)
    taken = {case.id for case in first.values()}
    ordered = [*_even(list(first.values())), *_even([case for case in cases if case.id not in taken])]
    return ordered[:MOST_CASES]


def _even(cases: Sequence[Case]) -> list[Case]:
    number = min(len(cases), MOST_CASES)
    return [cases[index * len(cases) // number] for index in range(number)]
