"""Where below one folder a data set lies."""

from pathlib import Path

from gliascope.datasets import DatasetSettings
from gliascope.datasets.listing import entries
from gliascope.errors import InputError


def find_data(dataset: DatasetSettings, root: str | Path) -> Path | None:
    """Return ROOT, or the only folder directly in it, in which a data set is laid out as its adapter expects.

    Args:
        dataset: The data set with its options, as a recipe names it.
        root: A data set's folder, or one that holds several data sets side by side.

    Returns:
        None where the data set is not there.

    Raises:
        InputError: ROOT is no folder, several folders in it hold the data set, or its files there are damaged.
        MachineError: A folder cannot be read.
    """
    root = Path(root)
    inner = entries(root)[1]
    faults = []
    if not (fault := _misfit(dataset, root)):
        return root
    faults.append(fault)
    found = []
    for folder in inner:
        if fault := _misfit(dataset, folder):
            faults.append(fault)
        else:
            found.append(folder)
    if len(found) > 1:
        cause = f"holds {dataset.name} more than once: {' and '.join(folder.name for folder in found[:2])}"
        raise InputError(cause, file=root, hint="Name one of them with --data.", code="E_AMBIGUOUS")
    damaged = [fault for fault in faults if fault.code not in NOT_THERE]
    if damaged and not found:
        raise damaged[0]
    return found[0] if found else None


NOT_THERE = ("E_LAYOUT", "E_MISSING", "E_INPUT")
"""What adapters say of a folder that does not hold their data."""


def _misfit(dataset: DatasetSettings, folder: Path) -> InputError | None:
    """Return why the data set is not in a folder, or None where it is."""
    try:
        dataset.cases(folder)
    except InputError as fault:
        return fault
    return None
