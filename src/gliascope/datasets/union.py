"""Several data sets as one, each below its own folder."""

import dataclasses
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, PositiveInt, model_validator

from gliascope.case import Case, Picture
from gliascope.datasets.card import DatasetCard
from gliascope.datasets.members import MemberSettings
from gliascope.datasets.phantom import PhantomSettings
from gliascope.errors import InputError
from gliascope.labels import REGIONS, TUMOR_CLASSES, Tissue, scheme_named
from gliascope.settings import Settings


class Member(Settings):
    """One data set of a union."""

    dataset: MemberSettings
    folder: str = "."
    """Where it lies below ROOT."""
    labels: tuple[str, ...] = ()
    """Tumor classes to keep; empty: all cases, also those without a class."""
    at_most: PositiveInt | None = None
    """How many cases to keep, drawn by ``seed``; for the number of one class give the data set twice."""
    seed: int = Field(default=0, ge=0)
    plain_pictures: bool = False
    """Forget which contrasts color channels show, so that members with and without such names fit one network."""
    only_train: bool = False
    """Its cases train, whatever the split draws from the others: more to learn from, and the same test."""
    known: dict[str, str] = Field(default_factory=dict)
    """What its reference tells of the target, as ``{ WT = "tumor" }``: region of the target to region of the member's
    own scheme. All other regions of the target are unknown in its cases, and teach nothing there. Empty: all is known.
    """

    @model_validator(mode="after")
    def _check(self) -> Self:
        unknown = [label for label in self.labels if label not in TUMOR_CLASSES]
        if unknown:
            raise ValueError(f"unknown class '{unknown[0]}'; known: {', '.join(TUMOR_CLASSES)}")
        if ".." in Path(self.folder).parts or Path(self.folder).is_absolute():
            raise ValueError("folder must lie below ROOT")
        nowhere = [region for region in self.known if region not in (*REGIONS, *Tissue)]
        if nowhere:
            raise ValueError(f"known: there is no region '{nowhere[0]}'; there are: {', '.join(REGIONS)}")
        scheme = self.dataset.card.scheme
        own = scheme_named(scheme).expressible if scheme else (*REGIONS, *Tissue)
        strange = [region for region in self.known.values() if region not in own]
        if strange:
            cause = f"known: the masks of {self.dataset.name} have no region '{strange[0]}'"
            raise ValueError(f"{cause}; they have: {', '.join(own)}")
        return self

    def cases(self, root: Path) -> list[Case]:
        """List the member's cases that are kept; ids and patients carry the data set's name.

        Raises:
            InputError: The member's layout is wrong, or nothing is left.
            MachineError: Phantoms are asked for, and cannot be written.
        """
        home = root / self.folder
        if not home.exists() and not isinstance(self.dataset, PhantomSettings):  # phantoms are written there
            cause = f"has no folder {self.folder}, in which data set {self.dataset.name} is expected"
            hint = "Give the folder that holds all data sets of the recipe, each below its own name."
            raise InputError(cause, file=root, hint=hint, code="E_LAYOUT")
        found = self.dataset.cases(home)
        kept = [case for case in found if not self.labels or case.label in self.labels]
        if self.at_most is not None and len(kept) > self.at_most:
            random = np.random.Generator(np.random.Philox(key=self.seed))
            picked = random.permutation(len(kept))[: self.at_most]
            kept = [kept[index] for index in sorted(picked)]
        if not kept:
            hint = f"It has {len(found)} cases, of classes {', '.join(sorted({str(case.label) for case in found}))}."
            raise InputError(f"holds no case of class {', '.join(self.labels)}", file=home, hint=hint)
        return [self._renamed(case) for case in kept]

    def _renamed(self, case: Case) -> Case:
        name = self.dataset.name
        source = case.source
        if self.plain_pictures and isinstance(source, Picture):
            source = dataclasses.replace(source, channels=None)
        return dataclasses.replace(
            case,
            id=f"{name}_{case.id}",
            source=source,
            patient=None if case.patient is None else f"{name}:{case.patient}",
            group=None if case.group is None else f"{name}:{case.group}",
            facts={**case.facts, "dataset": name},
            pinned="train" if self.only_train else case.pinned,
            known=self.known or None,
        )


class UnionSettings(Settings):
    """Two or more members; a person known under one name in the same data set stays one person."""

    name: Literal["union"] = "union"
    members: tuple[Member, ...] = Field(min_length=1)
    """The data sets, each with its folder below ROOT."""

    card: ClassVar[DatasetCard] = DatasetCard(
        name="union",
        title="Several data sets as one",
        tasks=("classify", "segment"),
        licence="that of each member; the strictest holds for what is trained on it",
        link="https://creativecommons.org/share-your-work/cclicenses/",
        citation="that of each member",
        scheme=None,
        channels=(),
        classes=TUMOR_CLASSES,
        patient_identity="As in each member; one person in two data sets is not recognized.",
        known_faults=("LGG and BraTS share patients of TCGA.", "The four-class and figshare sets share pictures."),
        layout="each member's own layout below its folder.",
    )

    def cases(self, root: Path) -> list[Case]:
        """List the cases of all members, sorted by id.

        Raises:
            InputError: A member's layout is wrong, or two members give the same case.
        """
        cases = sorted((case for member in self.members for case in member.cases(root)), key=lambda case: case.id)
        for one, two in pairwise(cases):
            if one.id == two.id:
                raise InputError(f"gives case {one.id} twice", file=root, hint="Give each member its own classes.")
        return cases

    @property
    def licence(self) -> str:
        """The licence of every member, each data set once."""
        each = {member.dataset.card.name: member.dataset.card.licence for member in self.members}
        return "; ".join(f"{name}: {licence}" for name, licence in each.items())
