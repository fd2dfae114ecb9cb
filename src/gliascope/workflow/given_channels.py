"""A model that can do without channels, given only some of them."""

from collections.abc import Iterable
from itertools import combinations

from gliascope.errors import InputError, UsageError
from gliascope.preprocess.plan import Plan
from gliascope.scan import Scan, in_channel_order
from gliascope.workflow.open_model import AnyPredictor, single_predictors


def check_given(predictor: AnyPredictor, given: Iterable[str]) -> tuple[str, ...]:
    """Return the channels in the order that scans keep, if every model that answers can do with them.

    Raises:
        UsageError: None or one twice is named, a model does not read one, or needs another.
    """
    named = tuple(given)
    if not named or len(set(named)) < len(named):
        raise UsageError(f"--given names {', '.join(named) or 'no channel'}", hint="Name each channel once.")
    for single in single_predictors(predictor):
        plan, name = single.parts.plan, single.folder.facts.name
        unread = [channel for channel in named if channel not in plan.channels]
        if unread:
            cause = f"--given {unread[0]}: model '{name}' does not read it"
            raise UsageError(cause, hint=f"It reads: {', '.join(plan.channels)}.")
        needed = [channel for channel in plan.channels if channel not in (*named, *plan.optional)]
        if needed:
            optional = ", ".join(plan.optional) or "none"
            cause = f"--given {','.join(named)}: model '{name}' cannot do without {', '.join(needed)}"
            raise UsageError(cause, hint=f"Channels that it can do without: {optional}.")
    return in_channel_order(named)


def only_given(scan: Scan, given: tuple[str, ...], *, case: str) -> Scan:
    """Return the scan as if it had no other channels.

    Raises:
        GeometryError: It lacks one.
    """
    try:
        return scan.select(given)
    except InputError as fault:
        fault.file = fault.file or case
        raise


def channel_sets(plan: Plan) -> tuple[tuple[str, ...], ...]:
    """Return every set of channels that a plan can do with, small ones first, in the order that scans keep.

    Example:
        >>> channel_sets(Plan(channels=("t1c", "t2f"), optional=("t1c",)))
        (('t2f',), ('t1c', 't2f'))
    """
    needed = tuple(name for name in plan.channels if name not in plan.optional)
    sizes = range(len(plan.optional) + 1)
    found = (in_channel_order((*needed, *some)) for size in sizes for some in combinations(plan.optional, size))
    return tuple(channels for channels in found if channels)
