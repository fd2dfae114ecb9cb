"""The split that an audit judges: a table, the data set's own parts or folds, or the one it proposes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gliascope.case import Case
from gliascope.datasets.split_table import DROPPED, read_split_table
from gliascope.errors import InputError, Notice


@dataclass(frozen=True)
class JudgedSplit:
    """Which side every case stands on.

    Args:
        name: In words; empty where there is no split to judge yet.
        sides: Side per case; empty: in no part.
        cases: The cases, with the patient and the group of the table where the data set names none.
        notices: Cases that stand in no line.
    """

    name: str
    sides: tuple[str, ...]
    cases: tuple[Case, ...]
    notices: tuple[Notice, ...] = ()


def judged_split(cases: Sequence[Case], split: str | Path | None) -> JudgedSplit:
    """Return the split to judge.

    Args:
        cases: All cases.
        split: A table (``path,patient,group,label,split``); ``own``: the data set's own, parts or folds; None: its own
            where it has one, else none.

    Raises:
        InputError: The table is wrong, or the data set has no split of its own.
    """
    if split is not None and str(split) != "own":
        return _as_in_table(cases, Path(split))
    if all(case.split is not None for case in cases):
        return JudgedSplit("the data set's own split", tuple(str(case.split) for case in cases), tuple(cases))
    if all("fold" in case.facts for case in cases):
        sides = tuple(f"fold {case.facts['fold']}" for case in cases)
        return JudgedSplit("the data set's own folds", sides, tuple(cases))
    if split is not None:
        hint = "Name a table with --split, or leave it out: a split is proposed."
        raise InputError("the data set has no split of its own", hint=hint, code="E_SPLIT")
    return JudgedSplit("", ("",) * len(cases), tuple(cases))


def _as_in_table(cases: Sequence[Case], table: Path) -> JudgedSplit:
    rows = read_split_table(table, cases)
    known = tuple(
        replace(case, patient=case.patient or row.patient, group=case.group or row.group)
        for case, row in zip(cases, rows, strict=True)
    )
    left = sum(not row.part for row in rows)
    text = f"{left} of {len(cases)} cases stand in no line of the split table."
    notices = (Notice("W_SPLIT_LEFT_OUT", table.name, text),) if left else ()
    return JudgedSplit(
        f"the split of {table.name}", tuple(row.part.replace(DROPPED, "") for row in rows), known, notices
    )
