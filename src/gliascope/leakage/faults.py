"""One look at every case: what is wrong with its files, and what is needed to judge the set as a whole.

Faults have the codes of the errors and warnings that a reader would give, and a few of their own.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from gliascope.case import Case
from gliascope.errors import GliascopeError, Notice
from gliascope.labels import LabelScheme
from gliascope.leakage.file_facts import file_facts, is_picture, is_rotated
from gliascope.leakage.fingerprint import Fingerprint, fingerprint
from gliascope.leakage.outline import head_outline
from gliascope.scan import LabelMap, Scan, check_same_grid

LARGEST_OUTSIDE = 0.1
"""A mask with a larger share of its voxels outside the head is at fault."""

FAULT_NOTICES = ("W_FORMAT_NAME",)
"""Notices of the readers that an audit counts as faults."""


MaskState = Literal["none", "empty", "filled", "unreadable"]
"""Whether a case has a reference mask, and whether that holds anything."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with one file; the path is relative to the data set's folder."""

    file: str
    code: str
    text: str

    def as_json(self) -> dict[str, str]:
        """Return one entry of ``faults``."""
        return {"file": self.file, "code": self.code, "text": self.text}


@dataclass(frozen=True)
class Examined:
    """What one look at a case told.

    Args:
        fingerprint: For copies; None where the image cannot be read.
        facts: For shortcuts.
        faults: What is wrong.
        notices: What the readers noticed besides.
        mask: Whether there is a reference mask, and whether it holds anything.
        pixels: Voxels of the image.
    """

    fingerprint: Fingerprint | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    notices: tuple[Notice, ...] = ()
    mask: MaskState = "none"
    pixels: int = 0


@dataclass(frozen=True)
class _InMemory:
    """The source of a case that has been read, so that nothing reads it twice."""

    scan: Scan
    files: Mapping[str, Path]
    reference_files: tuple[Path, ...]

    def read(self) -> Scan:
        return self.scan

    def read_reference(self, scheme: LabelScheme | None, *, named_by_user: bool) -> LabelMap | None:
        raise NotImplementedError("only the images are in memory")


def examine_all(
    cases: Sequence[Case],
    root: Path,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Examined]:
    """Look at every case once; a file that cannot be read is a fault and stops nothing.

    Args:
        cases: In any order.
        root: Paths of faults are relative to it.
        threads: Cases at a time; None: one per core.
        progress: Called with the number done and the number of all.
    """
    found = []
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for result in pool.map(partial(examine, root=root), cases):
            found.append(result)
            progress(len(found), len(cases))
    return found


def examine(case: Case, root: Path) -> Examined:
    """Read a case's images and mask once."""
    try:
        scan = case.read()
        own = fingerprint(replace(case, source=_InMemory(scan, case.source.files, case.source.reference_files)))
        facts = file_facts(case, scan)
    except (GliascopeError, OSError) as error:
        return Examined(faults=(_unreadable(error, case, root),))
    mask, mask_faults, noticed = _look_at_mask(case, scan, root)
    notices = (*scan.notices, *noticed)
    faults = [*_named_otherwise(case, notices, root), *_rotated(case, mask, root), *mask_faults]
    rest = tuple(notice for notice in notices if notice.code not in FAULT_NOTICES)
    return Examined(own, facts, tuple(faults), rest, mask, int(np.prod(scan.grid.shape)))


def empty_masks(cases: Sequence[Case], examined: Sequence[Examined], root: Path) -> list[Fault]:
    """Find owners of masks (patient, group or lone volume) none of whose masks holds anything.

    A slice without tumor is normal; a lone picture whose patient is unknown is one, so it is no fault.
    """
    masks: dict[str, list[int]] = defaultdict(list)
    for index, (case, own) in enumerate(zip(cases, examined, strict=True)):
        owner = case.patient or case.group or (None if own.fingerprint and len(own.fingerprint.shape) == 2 else case.id)
        if owner is not None and own.mask in ("empty", "filled"):
            masks[owner].append(index)
    faults = []
    for owner, members in sorted(masks.items()):
        if all(examined[index].mask == "empty" for index in members):
            where = relative_path(cases[members[0]].source.reference_files[0], root)
            shown = "The mask marks nothing" if len(members) == 1 else f"None of {len(members)} masks marks anything"
            faults.append(Fault(where, "W_MASK_EMPTY", f"{shown} ({owner})."))
    return faults


def relative_path(path: str | Path, root: Path) -> str:
    """Return a path from ``root``, with ``/``; what does not lie below it keeps its name alone."""
    absolute, home = Path(os.path.abspath(path)), Path(os.path.abspath(root))
    return absolute.relative_to(home).as_posix() if absolute.is_relative_to(home) else absolute.name


def _unreadable(error: GliascopeError | OSError, case: Case, root: Path) -> Fault:
    if isinstance(error, OSError):
        return Fault(_place(error.filename, case, root), "E_READ", f"cannot be read ({error.strerror})")
    return Fault(_place(error.file, case, root), error.code, error.cause)


def _place(file: str | None, case: Case, root: Path) -> str:
    """Return the path of the file an error names, else that of the case's first file."""
    named = next((path for path in case.paths if file and file in (str(path), path.name)), None)
    return relative_path(named or case.paths[0], root)


def _named_otherwise(case: Case, notices: Sequence[Notice], root: Path) -> list[Fault]:
    return [Fault(_place(n.file, case, root), n.code, n.text) for n in notices if n.code in FAULT_NOTICES]


def _rotated(case: Case, mask: MaskState, root: Path) -> list[Fault]:
    if not is_picture(case):
        return []
    text = "The picture is stored turned (EXIF); it is read upright, but other programs may show it otherwise."
    paths = [*case.source.files.values(), *(case.source.reference_files if mask in ("filled", "empty") else ())]
    return [Fault(relative_path(path, root), "W_ROTATED", text) for path in paths if is_rotated(path)]


def _look_at_mask(case: Case, scan: Scan, root: Path) -> tuple[MaskState, list[Fault], tuple[Notice, ...]]:
    if not case.has_reference:
        return "none", [], ()
    where = case.source.reference_files[0]
    try:
        labels = case.read_reference()
        if labels is None:
            return "none", [], ()
        check_same_grid(scan.grid, labels.grid, file=str(where), against="its image")
    except (GliascopeError, OSError) as error:
        return "unreadable", [_unreadable(error, case, root)], ()
    marked = labels.array > 0
    size = int(np.count_nonzero(marked))
    if not size:
        return "empty", [], labels.notices
    outside = int(np.count_nonzero(marked & ~head_outline(scan.array))) / size
    faults = []
    if outside > LARGEST_OUTSIDE:
        text = f"{outside:.0%} of the mask ({size} voxels) lies outside the head."
        faults.append(Fault(relative_path(where, root), "W_MASK_OUTSIDE", text))
    return "filled", faults, labels.notices
