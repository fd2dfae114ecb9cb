"""Who takes part in a training, and on which side: from a data set's cases to the parts of a run."""

from collections.abc import Sequence
from pathlib import Path

from gliascope.case import Case
from gliascope.datasets.split_settings import SplitSettings
from gliascope.datasets.splits import Split, split_cases
from gliascope.errors import InputError, Notice
from gliascope.workflow import honest_split
from gliascope.workflow.training_data import TrainingData
from gliascope.workflow.tumor_sizes import TumorSize, tumor_sizes, tumor_strata


def divide(
    data: TrainingData,
    cases: Sequence[Case],
    settings: SplitSettings,
    *,
    fold: int | None,
    by_patient: bool,
    earlier: Path | None,
) -> tuple[SplitSettings, Split]:
    """Divide cases as a recipe says, or by its honest counterpart; cases that are too poor are dropped first.

    Args:
        data: The recipe and its data.
        cases: All cases that the task can learn from.
        settings: The split.
        fold: Which fold, from 1.
        by_patient: By patient, or by content without copies where the data set knows no patients.
        earlier: ``split.csv`` of the run that goes on, so that nothing is searched again.

    Returns:
        The settings that hold, and the parts.

    Raises:
        InputError: The split is impossible, or tears patients apart where that is not allowed.
        ConfigError: The fold is out of range.
    """
    sizes = _sizes(data, cases, settings)
    least = data.config.keep.minimum_tumor_share
    poor = {name for name, size in sizes.items() if size.share < least}
    rich = [case for case in cases if case.id not in poor]
    if not rich:
        cause = f"each of {len(cases)} cases holds less than {least:.4g} tumor"
        raise InputError(cause, file=data.root, hint="Lower keep.minimum_tumor_share.", code="E_SPLIT")
    if by_patient and not honest_split.knows_patients(rich):
        settings = settings.model_copy(update={"by": "patient"})
        if earlier is None:
            parts = honest_split.by_content(rich, data.copies(cases), settings, fold)
        else:
            parts = honest_split.read_again(cases, earlier, fold)
        parts = honest_split.with_notices(parts, rich)
    elif by_patient:
        settings = honest_split.by_patient(settings, rich, fold)
        parts = split_cases(rich, settings, fold=fold, strata=_strata(sizes, rich, settings))
        if any(case.pinned for case in rich):
            parts = honest_split.without_copies(parts, data.copies(cases))
    else:
        # A table places every case, and is right about those that were dropped when it was written.
        divided = cases if settings.method == "csv" else rich
        settings, parts = _divided(data, divided, settings, fold, _strata(sizes, rich, settings))
    return settings, _dropped(parts, [case for case in cases if case.id in poor], len(cases), least)


def _sizes(data: TrainingData, cases: Sequence[Case], settings: SplitSettings) -> dict[str, TumorSize]:
    """Measure the tumors where that decides on anything; all cases are prepared for it."""
    target = data.config.target
    if target is None or not (data.config.keep.minimum_tumor_share > 0 or settings.strata == "tumor"):
        return {}
    found = tumor_sizes(data.prepare(cases), target, data.progress)
    return {case.id: size for case, size in zip(cases, found, strict=True)}


def _strata(sizes: dict[str, TumorSize], cases: Sequence[Case], settings: SplitSettings) -> dict[str, str] | None:
    if settings.strata == "class":
        return None
    return dict(zip((c.id for c in cases), tumor_strata([sizes[c.id] for c in cases]), strict=True))


def _divided(
    data: TrainingData,
    cases: Sequence[Case],
    settings: SplitSettings,
    fold: int | None,
    strata: dict[str, str] | None,
) -> tuple[SplitSettings, Split]:
    """Divide the cases; a split that tears patients apart is named by image, and needs leave."""
    try:
        return settings, split_cases(cases, settings, fold=fold, strata=strata)
    except InputError as fault:
        if fault.code != "E_LEAK" or not data.config.allow_leakage:
            raise
    settings = settings.model_copy(update={"by": "image"})
    return settings, split_cases(cases, settings, fold=fold, strata=strata)


def _dropped(parts: Split, poor: Sequence[Case], total: int, least: float) -> Split:
    """Move the cases that are too poor out of the parts, and say so."""
    if not poor:
        return parts
    names = {case.id for case in poor}
    train, validation, test = (tuple(c for c in side if c.id not in names) for side in parts.parts().values())
    dropped = (*(case for case in parts.dropped if case.id not in names), *poor)
    text = f"{len(poor)} of {total} cases hold less than {least:.4g} tumor once prepared, and take no part: dropped."
    return Split(parts.name, train, validation, test, (*parts.notices, Notice("W_DROPPED", "", text)), dropped)
