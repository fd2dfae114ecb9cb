"""A system folder: several models that answer together, checked whole before any of them is used.

It holds ``system.json`` (``SystemFacts``, with the fingerprint of every member) and below ``members/`` each member, a
model folder or a system folder of its own. A new way to combine needs a value of ``combine`` and its roles here, and
a class beside ``inference.vote``.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from gliascope.checkpoint.facts import FORMAT, check_format, parse_tree
from gliascope.checkpoint.folder import MAX_FACTS_BYTES, MODEL_FILE, ModelFolder, load_model
from gliascope.errors import ConfigError, MachineError, ModelError
from gliascope.files import atomic
from gliascope.intended_use import INTENDED_USE
from gliascope.settings import Settings, load_settings

SYSTEM_FILE, MEMBERS_FOLDER = "system.json", "members"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"

Role = Literal["voter", "classifier", "segmenter"]
Combine = Literal["vote", "cascade"]


class MemberFacts(Settings):
    """One member of a system."""

    role: Role
    """What it does in the system."""
    folder: str = Field(pattern=rf"^{MEMBERS_FOLDER}/[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Where it stands, from the system's folder."""
    name: str = Field(pattern=_NAME)
    """Its own name."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Its fingerprint; it covers every file of the member."""


class SystemFacts(Settings):
    """What ``system.json`` says."""

    format: PositiveInt = FORMAT
    """Layout of the folder; a newer one than this version knows is refused."""
    name: str = Field(pattern=_NAME)
    """The system's name."""
    version: str = "1"
    """Its own version."""
    combine: Combine
    """``vote``: the class that most classifiers name. ``cascade``: a classifier, and a segmenter for its positives."""
    task: Literal["classify", "cascade"]
    """The question it answers."""
    members: tuple[MemberFacts, ...] = Field(min_length=2)
    """Who answers."""
    training: dict[str, Any] = Field(default_factory=dict)
    """Where it comes from: data set, licence, split, recipe, date, leaks."""
    gliascope_version: str = Field(default_factory=lambda: version("gliascope"))
    """The version that wrote the folder."""
    intended_use: str = INTENDED_USE
    """What the system may be used for."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        roles = [member.role for member in self.members]
        if self.combine == "vote" and (set(roles) != {"voter"} or self.task != "classify"):
            raise ValueError("a vote has voters alone, and classifies")
        if self.combine == "cascade" and (sorted(roles) != ["classifier", "segmenter"] or self.task != "cascade"):
            raise ValueError("a cascade has one classifier and one segmenter, and its task is 'cascade'")
        if len({member.folder for member in self.members}) != len(roles):
            raise ValueError("two members stand in one folder")
        return self


@dataclass(frozen=True)
class SystemFolder:
    """A system folder that has passed every check.

    Args:
        path: The folder.
        facts: What ``system.json`` says.
        fingerprint: SHA-256 of ``system.json``; it covers every member, since that file holds their fingerprints.
        members: The members, in the order of the facts.
    """

    path: Path
    facts: SystemFacts
    fingerprint: str
    members: "tuple[ModelFolder | SystemFolder, ...]"

    def member(self, role: Role) -> "ModelFolder | SystemFolder":
        """Return the first member of a role.

        Raises:
            ModelError: There is none.
        """
        for facts, member in zip(self.facts.members, self.members, strict=True):
            if facts.role == role:
                return member
        raise ModelError(f"has no {role}", file=self.path, code="E_MEMBERS")


AnyModel = ModelFolder | SystemFolder
"""What can answer: one network, or several together."""


def save_system(
    folder: Path,
    name: str,
    combine: Combine,
    members: Iterable[tuple[Role, AnyModel]],
    *,
    training: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> SystemFolder:
    """Write a system folder with its members; it appears whole or not at all.

    Members' files are linked where the disk allows it, so they take no room twice.

    Args:
        folder: Where it shall stand.
        name: The system's name.
        combine: How the members answer together.
        members: Each with its role; a vote has voters, a cascade a classifier and a segmenter.
        training: Where it comes from.
        overwrite: Replace an existing system.

    Raises:
        ModelError: The members cannot answer together, or two have one name.
        UsageError: The folder exists and ``overwrite`` is False, or holds something else than a system.
        MachineError: It cannot be written.
    """
    chosen = list(members)
    check_members(combine, chosen, file=folder)
    with atomic.new_folder(folder, overwrite=overwrite, mark=SYSTEM_FILE) as part:
        for _, member in chosen:
            shutil.copytree(member.path, part / MEMBERS_FOLDER / member.facts.name, copy_function=_link)
        tree = {
            "name": name,
            "combine": combine,
            "task": "classify" if combine == "vote" else "cascade",
            "members": [_member_entry(part, role, member.facts.name) for role, member in chosen],
            "training": dict(training or {}),
        }
        atomic.write_json(part / SYSTEM_FILE, _facts(tree, str(folder)).model_dump(mode="json"))
    return load_system(folder)


def check_members(combine: Combine, members: Sequence[tuple[Role, AnyModel]], *, file: Path) -> None:
    """Check that models can answer together, by their tasks and names.

    Raises:
        ModelError: They cannot.
    """
    names = [member.facts.name for _, member in members]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise ModelError(f"has two members named '{double[0]}'", file=file, hint="Rename one.", code="E_MEMBERS")
    for role, member in members:
        wanted = "segment" if role == "segmenter" else "classify"
        if member.facts.task != wanted:
            cause = f"takes '{member.facts.name}' as {role} of a {combine}, and it can {member.facts.task}"
            raise ModelError(cause, file=file, hint=f"A {role} can {wanted}.", code="E_MEMBERS")


def load_system(folder: Path) -> SystemFolder:
    """Check a system folder with all its members and return it.

    Raises:
        ModelError: It is no system folder, was written in a newer format, a member is missing, changed or damaged, or
            the members cannot answer together.
        MachineError: A file may not be read.
    """
    folder = Path(folder)
    path = folder / SYSTEM_FILE
    if not path.is_file():
        raise ModelError(f"holds no {SYSTEM_FILE}", file=folder, hint="Give a system folder.", code="E_NO_MODEL")
    try:
        if path.stat().st_size > MAX_FACTS_BYTES:
            raise ModelError(f"is larger than {MAX_FACTS_BYTES} bytes", file=path, code="E_MODEL_JSON")
        text = path.read_bytes()
    except PermissionError:
        raise MachineError("may not be read", file=path, code="E_PERMISSION") from None
    tree = parse_tree(text, file=str(path))
    check_format(tree, str(path))
    facts = _facts(tree, str(path))
    members = tuple(_load_member(folder, member) for member in facts.members)
    check_members(facts.combine, [(m.role, own) for m, own in zip(facts.members, members, strict=True)], file=path)
    return SystemFolder(folder, facts, hashlib.sha256(text).hexdigest(), members)


def load_any(folder: Path) -> AnyModel:
    """Check a model folder or a system folder and return it.

    Raises:
        ModelError: It is neither, or damaged; see ``load_model`` and ``load_system``.
        MachineError: A file may not be read.
    """
    return load_system(folder) if (Path(folder) / SYSTEM_FILE).is_file() else load_model(folder)


def _facts(tree: dict[str, Any], file: str) -> SystemFacts:
    try:
        return load_settings(SystemFacts, tree, file=file)
    except ConfigError as fault:
        raise ModelError(fault.cause, file=file, hint=fault.hint, code="E_MODEL_JSON") from None


def _load_member(folder: Path, facts: MemberFacts) -> AnyModel:
    """Load a member whose fingerprint is right; no folder can hold its own, so members never go round in a circle."""
    place = folder / facts.folder
    hint = "Copy the system folder again, whole."
    if place.is_dir() and _fingerprint_of(place) != facts.sha256:
        cause = "is not the member the system was saved with (its SHA-256 differs)"
        raise ModelError(cause, file=place, hint=hint, code="E_MODEL_HASH")
    if not place.is_dir():
        raise ModelError("is missing from the system folder", file=place, hint=hint, code="E_MODEL_FILE")
    member = load_any(place)
    if member.facts.name != facts.name:
        cause = f"is named '{member.facts.name}', and the system calls it '{facts.name}'"
        raise ModelError(cause, file=place, hint=hint, code="E_MODEL_JSON")
    return member


def _member_entry(folder: Path, role: Role, name: str) -> dict[str, str]:
    """Return what ``system.json`` says of a member that stands below ``folder`` already."""
    place = f"{MEMBERS_FOLDER}/{name}"
    return {"role": role, "folder": place, "name": name, "sha256": _fingerprint_of(folder / place)}


def _fingerprint_of(place: Path) -> str:
    """Return the SHA-256 of what describes a member; empty where nothing does."""
    for name in (SYSTEM_FILE, MODEL_FILE):
        if (place / name).is_file():
            return hashlib.sha256((place / name).read_bytes()).hexdigest()
    return ""


def _link(source: str, target: str) -> str:
    """Link a file, or copy it where it cannot be linked; files of models are replaced, never changed in place."""
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copyfile(source, target)
    return target
