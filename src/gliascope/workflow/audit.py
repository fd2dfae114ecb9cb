"""What is wrong with a data set before anybody learns from it: copies, leaks, contradictions, shortcuts, faults."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gliascope.datasets import dataset_named
from gliascope.datasets.split_table import split_table
from gliascope.errors import InputError, Notice, UsageError
from gliascope.files import atomic
from gliascope.leakage import Copy, Fingerprint, find_copies
from gliascope.leakage.faults import empty_masks, examine_all, relative_path
from gliascope.leakage.groups import SIDES, content_groups, find_leaks, label_conflicts
from gliascope.leakage.proposal import Belonging, propose
from gliascope.leakage.shortcuts import find_shortcuts
from gliascope.report import audit_page
from gliascope.workflow.against import find_matches
from gliascope.workflow.audit_facts import Audit, audit_facts
from gliascope.workflow.audit_tiles import audit_tiles
from gliascope.workflow.judged_split import JudgedSplit, judged_split
from gliascope.workflow.output_place import check_outside
from gliascope.workflow.progress import ProgressCallback, silent

FACTS_FILE, PAGE_FILE, TABLE_FILE = "audit.json", "report.html", "groups.csv"


def audit(
    dataset: str,
    root: str | Path,
    output: str | Path | None = None,
    *,
    split: str | Path | None = None,
    folds: int = 0,
    unique: bool = False,
    against: tuple[str, str | Path] | None = None,
    seed: int = 0,
    threads: int | None = None,
    overwrite: bool = False,
    progress: ProgressCallback = silent,
) -> dict[str, Any]:
    """Look for copies, leaks and faults in a data set, and propose a split without leaks.

    Cases that cannot be read are listed as faults and stop nothing.

    Args:
        dataset: An adapter's name.
        root: The data set's folder.
        output: A folder for ``audit.json``, ``groups.csv``, ``fold-1.csv`` … and ``report.html``; None: nothing is
            written.
        split: The split to judge: a table, or ``own``; None: the data set's own, else the proposed one.
        folds: Propose so many folds too; 0: none.
        unique: Propose one case of each content only, and none that carries several classes.
        against: Adapter and folder of a second data set: copies between the two are listed, and cases take over what
            it knows of their patients.
        seed: Which of the equally good splits.
        threads: Cases at a time; None: one per core.
        overwrite: Replace the folder.
        progress: Told how far each stage is.

    Returns:
        The result as plain data; see the JSON reference.

    Raises:
        InputError: The folder does not hold this data set, the table is wrong, no case can be read, or there are too
            few units for the folds.
        UsageError: ``output`` lies in a data set or may not be replaced, or ``folds`` is 1.
    """
    home = Path(root)
    if folds == 1:
        raise UsageError("one fold tests what it was trained on", hint="Ask for two folds or more.")
    if output is not None:
        check_outside(Path(output), [home, *([] if against is None else [Path(against[1])])])
        atomic.check_place(Path(output), overwrite=overwrite, mark=FACTS_FILE)
    found = _look(dataset, home, split, against, threads=threads or os.cpu_count() or 1, progress=progress)
    found = _with_proposal(found, folds=folds, unique=unique, seed=seed)
    facts = audit_facts(found)
    if output is not None:
        tiles = audit_tiles(found, progress)
        with atomic.new_folder(Path(output), overwrite=overwrite, mark=FACTS_FILE) as part:
            for name, text in _tables(found).items():
                atomic.write_text(part / name, text)
            atomic.write_text(part / PAGE_FILE, audit_page(facts, tiles=tiles, commands=_commands(found, Path(output))))
            atomic.write_json(part / FACTS_FILE, facts)
    return facts


def _look(
    dataset: str,
    root: Path,
    split: str | Path | None,
    against: tuple[str, str | Path] | None,
    *,
    threads: int,
    progress: ProgressCallback,
) -> Audit:
    listed = dataset_named(dataset).cases(root)
    by_path = sorted((relative_path(next(iter(case.source.files.values())), root), case) for case in listed)
    paths, cases = tuple(path for path, _ in by_path), tuple(case for _, case in by_path)
    judged = judged_split(cases, split)
    examined = examine_all(cases, root, threads=threads, progress=lambda done, total: progress("read", done, total))
    prints = [own.fingerprint for own in examined]
    if not any(prints):
        raise InputError(f"none of {len(cases)} cases can be read", file=root, hint="Run gliascope check.")
    copies = copies_among(prints, threads, progress)
    labels = [case.label for case in cases]
    contents = content_groups(len(cases), copies)
    owners = [case.patient or content for case, content in zip(cases, contents, strict=True)]
    matches, unread = (
        ([], [])
        if against is None
        else find_matches(prints, against[0], Path(against[1]), threads=threads, progress=progress)
    )
    return Audit(
        dataset,
        root,
        paths,
        judged,
        tuple(examined),
        tuple(contents),
        tuple(find_leaks(judged.sides, copies, [case.patient or case.group for case in judged.cases])),
        tuple(label_conflicts(labels, copies)),
        tuple(find_shortcuts([own.facts for own in examined], labels, owners)),
        (*(fault for own in examined for fault in own.faults), *empty_masks(cases, examined, root)),
        tuple(matches),
        "" if against is None else against[0],
        None,
        False,
        (*judged.notices, *unread, *dict.fromkeys(notice for own in examined for notice in own.notices)),
    )


def copies_among(prints: Sequence[Fingerprint | None], threads: int, progress: ProgressCallback) -> list[Copy]:
    """Find copies among cases, by position; those that cannot be read have none."""
    known = [(index, own) for index, own in enumerate(prints) if own is not None]
    found = find_copies(
        [own for _, own in known], threads=threads, progress=lambda done, total: progress("compare", done, total)
    )
    return [Copy(known[copy.first][0], known[copy.second][0], copy.kind, copy.score) for copy in found]


def _with_proposal(found: Audit, *, folds: int, unique: bool, seed: int) -> Audit:
    """Add the proposed split, and judge it where there is no other."""
    belonging = _belonging(found)
    readable = [own.fingerprint is not None for own in found.examined]
    try:
        proposal = propose(
            belonging,
            folds=folds,
            unique=unique,
            seed=seed,
            unusable=[index for index, good in enumerate(readable) if not good],
            contradicting={index for conflict in found.conflicts for index in conflict.members},
        )
    except InputError as error:
        if folds:
            raise
        notice = Notice("W_NO_PROPOSAL", "", f"No split can be proposed: {error.cause}.")
        return replace(found, unique=unique, notices=(*found.notices, notice))
    if found.split.name:
        return replace(found, proposal=proposal, unique=unique)
    sides = JudgedSplit("the proposed split", proposal.parts, found.cases, found.split.notices)
    return replace(found, proposal=proposal, unique=unique, split=sides)


def _belonging(found: Audit) -> list[Belonging]:
    """Say what each case belongs to; contents take over the owner of their strongest match."""
    inherited: dict[str, str] = {}
    for match in sorted(found.matches, key=lambda m: -m.score):
        if match.owner is not None:
            inherited.setdefault(found.contents[match.case], match.owner)
    marked = {"filled": "tumor marked", "empty": "nothing marked"}
    return [
        Belonging(
            content,
            case.patient,
            case.group or inherited.get(content),
            case.label or marked.get(own.mask, ""),
            own.pixels,
        )
        for case, content, own in zip(found.cases, found.contents, found.examined, strict=True)
    ]


def _commands(found: Audit, output: Path) -> list[tuple[str, str]]:
    """Say what to do next with the tables."""
    if found.proposal is None:
        return []
    train = f"gliascope train RECIPE --data {found.root} --split {output}"
    lines = [("Train on the proposed split:", f"{train}/{TABLE_FILE} -o RUN")]
    if found.proposal.folds:
        text = f"Train and test {len(found.proposal.folds)} times, each case tested once:"
        lines.append((text, f"{train}/fold-1.csv -o RUN-1"))
    return lines


def _tables(found: Audit) -> dict[str, str]:
    """Return ``groups.csv`` and one table per fold."""
    if found.proposal is None:
        return {}
    splits = {TABLE_FILE: found.proposal.parts}
    splits |= {f"fold-{number}.csv": parts for number, parts in enumerate(found.proposal.folds, start=1)}
    known = [replace(case, group=unit) for case, unit in zip(found.cases, found.proposal.units, strict=True)]
    return {
        name: split_table(
            {side: [case for case, part in zip(known, parts, strict=True) if part == side] for side in SIDES},
            found.root,
        )
        for name, parts in splits.items()
    }
