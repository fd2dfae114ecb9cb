"""The honest counterpart of a recipe's split: by patient where patients are known, else every content once."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gliascope.case import Case
from gliascope.datasets.split_settings import SplitSettings
from gliascope.datasets.splits import Split, split_cases
from gliascope.errors import ConfigError, InputError, Notice
from gliascope.leakage.groups import SIDES, content_groups, joined, label_conflicts
from gliascope.leakage.proposal import Belonging, Proposal, propose
from gliascope.workflow.copy_search import CopySearch

FOLDS = 5
"""Folds of a split by content; fold 1 unless another is asked for."""


def knows_patients(cases: Sequence[Case]) -> bool:
    """Say whether every case that a split draws has a patient, or a group that stands for some."""
    return all(case.patient or case.group for case in cases if case.pinned is None)


def by_patient(settings: SplitSettings, cases: Sequence[Case], fold: int | None) -> SplitSettings:
    """Return the same split by patient; the data set's own only where no patient stands on two sides of it.

    Raises:
        InputError: The split is impossible.
    """
    settings = settings.model_copy(update={"by": "patient"})
    if settings.method != "own":
        return settings
    try:
        split_cases(cases, settings, fold=fold)
    except InputError as fault:
        if fault.code != "E_LEAK":
            raise
        return settings.model_copy(update={"method": "random"})
    return settings


def by_content(cases: Sequence[Case], search: CopySearch, settings: SplitSettings, fold: int | None) -> Split:
    """Return one fold of the audit's own proposal: every content once, none that carries several classes.

    Cases that only train stay there; a recipe without validation has none here either.

    Args:
        cases: All cases.
        search: The copies among them.
        settings: The recipe's split.
        fold: Which fold is the test, from 1; None: 1.

    Raises:
        InputError: A case cannot be read, or there are too few contents for the folds.
        ConfigError: There is no such fold.
    """
    number = fold or 1
    if number > FOLDS:
        hint = f"Folds run from 1 to {FOLDS}."
        raise ConfigError(f"fold {number} of {FOLDS}", hint=hint, code="E_FOLD")
    ordered = sorted((case for case in cases if case.pinned is None), key=_path)
    proposal = _proposed(ordered, search)
    known = [replace(case, group=unit) for case, unit in zip(ordered, proposal.units, strict=True)]
    without = "train" if not _validates(settings) else "validation"
    sides = [without if side == "validation" else side for side in proposal.folds[number - 1]]
    found = {name: tuple(c for c, side in zip(known, sides, strict=True) if side == name) for name in SIDES}
    train = (*(case for case in cases if case.pinned is not None), *found["train"])
    return without_copies(Split(name_of(cases, number), train, found["validation"], found["test"]), search)


def name_of(cases: Sequence[Case], fold: int | None) -> str:
    """Name a split by content."""
    some = any(case.patient for case in cases if case.pinned is None)
    kept = "by patient where known, else by content" if some else "by content"
    return f"{kept}, without copies, fold {fold or 1} of {FOLDS}"


def read_again(cases: Sequence[Case], table: Path, fold: int | None) -> Split:
    """Return the parts of the split by content that a run folder holds.

    Raises:
        InputError: The table does not fit the cases any more.
    """
    settings = SplitSettings(by="image", method="csv", path=str(table), validation=0.0)
    return replace(split_cases(cases, settings), name=name_of(cases, fold), notices=(), dropped=())


def without_copies(parts: Split, search: CopySearch) -> Split:
    """Return the split without those cases that only train and have a copy, or a copy's copy, on another side."""
    cases = [case for side in parts.parts().values() for case in side]
    sets = joined(len(cases), search.among(cases))
    later = {sets.find(index) for index in range(len(parts.train), len(cases))}
    kept = (c for i, c in enumerate(parts.train) if c.pinned is None or sets.find(i) not in later)
    return replace(parts, train=tuple(kept))


def with_notices(parts: Split, cases: Sequence[Case]) -> Split:
    """Return the split by content with what is to be said of it, for a fresh and a resumed run alike."""
    left = len(cases) - sum(map(len, parts.parts().values()))
    notices = []
    if left:
        text = f"{left} of {len(cases)} cases are left out: they copy another case, or their copies disagree."
        notices.append(Notice("W_COPIES_LEFT_OUT", "", text))
    if not knows_patients(cases):
        text = "The data set says no patients: different images of one patient may lie on both sides."
        notices.append(Notice("W_SPLIT_BY_IMAGE", "", text))
    return replace(parts, notices=(*parts.notices, *notices))


def _proposed(cases: Sequence[Case], search: CopySearch) -> Proposal:
    """Propose as ``gliascope audit --folds 5 --unique`` does."""
    pixels = search.sizes(cases)
    if 0 in pixels:
        cause = f"cannot be read, so that nobody knows its copies ({pixels.count(0)} such cases)"
        hint = "Run gliascope check, and mend or remove them."
        raise InputError(cause, file=_path(cases[pixels.index(0)]), hint=hint, code="E_READ")
    copies = search.among(cases)
    contents = content_groups(len(cases), copies)
    belonging = [
        Belonging(content, case.patient, case.group, case.label or "", size)
        for case, content, size in zip(cases, contents, pixels, strict=True)
    ]
    conflicts = label_conflicts([case.label for case in cases], copies)
    contradicting = {index for conflict in conflicts for index in conflict.members}
    return propose(belonging, folds=FOLDS, unique=True, contradicting=contradicting)


def _validates(settings: SplitSettings) -> bool:
    """Say whether the recipe keeps cases to validate."""
    if settings.method in ("random", "stratified"):
        return settings.fractions[1] > 0
    return settings.method == "cross_validation" or settings.validation > 0


def _path(case: Case) -> str:
    return next(iter(case.source.files.values())).as_posix()
