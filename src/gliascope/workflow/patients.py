"""Who the cases are: a table ``case,patient``, so that cases of one patient count as one witness."""

from collections.abc import Sequence
from pathlib import Path

from gliascope.datasets.table import read_table
from gliascope.errors import InputError, counted

SHOWN = 10


def read_patients(table: Path, cases: Sequence[str]) -> dict[str, str]:
    """Return the patient of every case.

    Args:
        table: CSV with the columns ``case`` and ``patient``; other columns and other cases are not looked at.
        cases: Names that must all be there.

    Raises:
        InputError: It cannot be read, a case is missing or has no patient, or one has two.
    """
    found: dict[str, str] = {}
    for row in read_table(table, ("case", "patient")):
        case, patient = (row.cells[name].removeprefix("'") for name in ("case", "patient"))
        if found.setdefault(case, patient) != patient:
            cause = f"line {row.line}: case '{case}' belongs to '{found[case]}' and to '{patient}'"
            raise InputError(cause, file=table, hint="Name each case once.", code="E_PATIENTS")
    missing = [case for case in cases if not found.get(case)]
    if missing:
        listed = ", ".join(missing[:SHOWN]) + (f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else "")
        cause = f"names no patient for {counted(len(missing), 'case')}: {listed}"
        raise InputError(cause, file=table, hint="Each case needs a line case,patient.", code="E_PATIENTS")
    return {case: found[case] for case in cases}
