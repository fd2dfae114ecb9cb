"""Which cases of a data set its page shows, and their pictures."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gliascope.case import Case
from gliascope.report.slice_pictures import contact_sheets, contrast_pictures
from gliascope.scan import Grid, LabelMap, Scan
from gliascope.workflow.case_look import CaseLook
from gliascope.workflow.data_summary import patients_of

EXAMPLES = 4
"""Cases whose contrasts are shown side by side, from small to large tumors."""

PER_CLASS = 6
"""Cases shown of each class."""

MOST_SLICES = 400
"""Pictures of one patient on a contact sheet."""

TILE_HEIGHT = 220


def example_strips(looks: Sequence[CaseLook]) -> list[dict[str, Any]]:
    """Return rows of pictures: some cases of each class where there are classes, else cases in all their contrasts.

    Returns:
        ``{title, columns, plain, outlined}`` each, with one picture per column; ``outlined`` is empty where no
        reference is known.
    """
    classes: dict[str, list[CaseLook]] = {}
    for look in looks:
        if look.case.label is not None:
            classes.setdefault(look.case.label, []).append(look)
    if len(classes) > 1:
        return [strip for label, own in sorted(classes.items()) for strip in _class_strips(label, own)]
    return [_case_strip(look.case) for look in _from_small_to_large(looks, EXAMPLES)]


def example_sheets(looks: Sequence[CaseLook]) -> dict[str, Any] | None:
    """Return every slice of one head, a sheet per channel: a volume, or the pictures of one patient.

    The head with the median tumor is taken.

    Returns:
        ``{title, slices, outlined, sheets: {channel: picture}}``, or None where no head has several slices.
    """
    volumes = [look for look in looks if look.is_volume]
    if volumes:
        case = _from_small_to_large(volumes, 1)[0].case
        name, (scan, labels) = case.id, _read(case)
    else:
        patients = {patient: own for patient, own in patients_of(looks).items() if len(own) > 1}
        if not patients:
            return None
        sizes = sorted((sum(look.tumor_voxels for look in own), patient) for patient, own in patients.items())
        name = sizes[len(sizes) // 2][1]
        scan, labels = _stacked(patients[name])
    sheets = contact_sheets(scan, labels)
    return {"title": name, "slices": scan.grid.shape[2], "outlined": labels is not None, "sheets": sheets}


def _case_strip(case: Case) -> dict[str, Any]:
    scan, labels = _read(case)
    return _strip(case.id, contrast_pictures(scan, labels, height=TILE_HEIGHT))


def _class_strips(label: str, looks: Sequence[CaseLook]) -> list[dict[str, Any]]:
    """One row of cases per channel that all of them have."""
    shown = _from_small_to_large(looks, PER_CLASS)
    drawn = {look.case.id: contrast_pictures(*_read(look.case), height=TILE_HEIGHT) for look in shown}
    channels = dict.fromkeys(name for own in drawn.values() for name in own)
    strips = []
    for channel in channels:
        pictures = {case: own[channel] for case, own in drawn.items() if channel in own}
        strips.append({**_strip(label, pictures), "note": channel if len(channels) > 1 else ""})
    return strips


def _strip(title: str, pictures: dict[str, tuple[Any, Any]]) -> dict[str, Any]:
    outlined = [second for _, second in pictures.values()]
    return {
        "title": title,
        "columns": list(pictures),
        "plain": [first for first, _ in pictures.values()],
        "outlined": outlined if any(each is not None for each in outlined) else [],
    }


def _from_small_to_large(looks: Sequence[CaseLook], count: int) -> list[CaseLook]:
    """Return cases with tumor, spread evenly by its size; without any reference, spread evenly over all cases."""
    known = [look for look in looks if look.tumor_voxels]
    ordered = sorted(known, key=lambda look: (look.tumor_voxels, look.case.id)) or list(looks)
    places = (np.arange(count) + 0.5) / count * len(ordered)
    return [ordered[index] for index in dict.fromkeys(places.astype(int).tolist())]


def _read(case: Case) -> tuple[Scan, LabelMap | None]:
    return case.read_pair() if case.has_reference else (case.read(), None)


def _stacked(looks: Sequence[CaseLook]) -> tuple[Scan, LabelMap | None]:
    """Put pictures of one size and the same channels on top of each other; those of another kind are left out."""
    kinds = [(look.shape, look.channels, look.tissue_voxels is None) for look in looks]
    kind = max(kinds, key=lambda each: (kinds.count(each), -kinds.index(each)))
    pairs = [_read(look.case) for look, own in zip(looks, kinds, strict=True) if own == kind][:MOST_SLICES]
    scan = pairs[0][0]
    grid = Grid((*scan.grid.shape, len(pairs)))
    stacked = Scan(np.stack([one.array for one, _ in pairs], axis=-1), scan.channels, grid)
    maps = [labels for _, labels in pairs if labels is not None]
    if not maps:
        return stacked, None
    return stacked, replace(maps[0], array=np.stack([each.array for each in maps], axis=-1), grid=grid, stored=None)
