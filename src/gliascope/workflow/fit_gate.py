"""The gate of a classifier, fitted on the pictures of its training at the end of it."""

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliascope.case import Case
from gliascope.datasets.splits import Split
from gliascope.errors import InputError
from gliascope.inference.gate import gray_of
from gliascope.inference.picture_look import is_flat
from gliascope.workflow.progress import ProgressCallback, silent

if TYPE_CHECKING:
    from gliascope.config import RunConfig

Floats = NDArray[np.float32]

FEWEST = 20
"""Fewer training pictures do not say what brain MRI looks like."""
HELD_OUT = 5
"""Without validation cases every fifth training picture is kept for the limit."""


def fitted_gate(
    config: "RunConfig",
    parts: Split,
    *,
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> dict[str, Any] | None:
    """Fit the gate that a recipe asks for, and return it as it stands in ``model.json``; None where it asks for none.

    Pictures are read as they come, since the recipe's plan would hide what they look like. Validation pictures give
    the limit; test pictures are never looked at.

    Args:
        config: The recipe.
        parts: The split.
        threads: Pictures at a time; None: one per core.
        progress: Told how far it is.

    Raises:
        InputError: There are too few pictures, or a case is no picture.
    """
    settings = config.gate
    if settings is None:
        return None
    from gliascope.training.gate_fit import fit_gate

    training, unseen = list(parts.train), list(parts.validation)
    if not unseen:
        unseen = training[::HELD_OUT]
        training = [case for number, case in enumerate(training) if number % HELD_OUT]
    channels = config.plan.channels
    learned = list(_pictures(_spread(training, settings.pictures), channels))
    checked = list(_pictures(_spread(unseen, max(1, settings.pictures // 2)), channels))
    if len(learned) < FEWEST or not checked:
        cause = f"has {len(learned)} pictures to fit a gate on and {len(checked)} to check it"
        hint = f"It needs {FEWEST} and 1; or leave [gate] out of the recipe."
        raise InputError(cause, file=config.name, hint=hint, code="E_SPLIT")
    facts = fit_gate(
        learned, checked, settings, seed=config.seed, threads=threads, progress=partial(progress, "fit the gate")
    )
    return facts.model_dump(mode="json")


def _spread(cases: Sequence[Case], count: int) -> Sequence[Case]:
    """Return at most ``count`` cases, evenly over the list."""
    return cases[:: max(1, math.ceil(len(cases) / count))]


def _pictures(cases: Iterable[Case], channels: tuple[str, ...]) -> Iterable[Floats]:
    """Yield the cases' gray pictures, without flat ones."""
    for case in cases:
        scan = case.read()
        if scan.is_volume:
            raise InputError("is a volume, and a gate is fitted on pictures", file=case.id, code="E_DIMENSIONS")
        gray = gray_of(scan.array, scan.channels, channels)
        if not is_flat(gray):
            yield gray
