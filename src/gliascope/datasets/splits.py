"""Who goes into training, validation and test: by patient unless asked otherwise, and never silently by image.

A unit is what stays together: a patient, else a group, else a single case. Random draws come from one counter-based
generator keyed by the seed, so a split depends on the cases and the settings alone.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gliascope.case import Case
from gliascope.datasets.split_settings import FOLDED, SplitSettings
from gliascope.datasets.split_table import DROPPED, Placed, read_split_table
from gliascope.datasets.split_units import Unit, generator, layers, share_out, shuffled, unit_of, validating
from gliascope.errors import ConfigError, InputError, Notice, counted

__all__ = ["PARTS", "Split", "SplitSettings", "split_cases"]

PARTS: tuple[str, str, str] = ("train", "validation", "test")

_SHOWN = 3


@dataclass(frozen=True)
class Split:
    """Cases in three parts, with a name that says how they got there.

    Each part keeps the order of the cases as given. Validation and test may be empty where their share is 0. Cases
    that were ``dropped`` take no part, but stand in the table.
    """

    name: str
    train: tuple[Case, ...]
    validation: tuple[Case, ...]
    test: tuple[Case, ...]
    notices: tuple[Notice, ...] = ()
    dropped: tuple[Case, ...] = ()

    def parts(self) -> Mapping[str, tuple[Case, ...]]:
        """Return the cases by part name."""
        return dict(zip(PARTS, (self.train, self.validation, self.test), strict=True))

    def listed(self) -> Mapping[str, tuple[Case, ...]]:
        """Return the cases by part name, and those that were dropped where there are any."""
        return {**self.parts(), **({DROPPED: self.dropped} if self.dropped else {})}


def split_cases(
    cases: Sequence[Case],
    settings: SplitSettings,
    *,
    fold: int | None = None,
    strata: Mapping[str, str] | None = None,
) -> Split:
    """Divide cases.

    Where no patient and no group is known, a split by patient cannot be had: it is by image then, named so, and a
    notice says it. So does every split that separates images of one patient or group. Units with a case that is
    ``pinned`` train, and the others are divided; only a table is free to place them elsewhere.

    Args:
        cases: All cases, ids unique.
        settings: How.
        fold: Goes before ``settings.fold``; from 1.
        strata: For ``stratified`` and ``kfold``: a stratum per case id; None: the class.

    Raises:
        InputError: There are too few units, classes are missing for ``stratified``, the data set has no own split, a
            patient stands on two sides of a split that claims to be by patient, or the table is wrong.
        ConfigError: The fold is out of range, or strata are asked for that nobody counted.
    """
    if settings.strata == "tumor" and strata is None:
        raise ConfigError("strata of tumor sizes need prepared references", hint="Use gliascope train.")
    if fold is not None and settings.method not in (*FOLDED, "own"):
        hint = "Fold numbers belong to methods kfold and cross_validation, or own where the data set has folds."
        raise ConfigError(f"split method '{settings.method}' has no folds", hint=hint, code="E_FOLD")
    if fold is not None and settings.method == "own" and all(case.split is not None for case in cases):
        raise ConfigError("the data set's own split has no folds", hint="Leave --fold out.", code="E_FOLD")
    fold = settings.fold if fold is None else fold
    if settings.method in (*FOLDED, "own") and not 1 <= fold <= settings.folds:
        raise ConfigError(f"fold {fold} of {settings.folds}", hint=f"Folds run from 1 to {settings.folds}.")
    if len({case.id for case in cases}) != len(cases):
        raise InputError("two cases have one id", code="E_AMBIGUOUS")
    notices: list[Notice] = []
    placed: list[Placed] = []
    if settings.path is not None:
        placed = read_split_table(Path(settings.path), cases)
        cases = [_named_by(row, case) for row, case in zip(placed, cases, strict=True)]
    units = [unit_of(case, settings.by) for case in cases]
    pinned = set() if placed else {unit for case, unit in zip(cases, units, strict=True) if case.pinned is not None}
    free = [index for index, unit in enumerate(units) if unit not in pinned]
    parts, how, notices = _divided(
        [cases[i] for i in free], [units[i] for i in free], placed, settings, fold, strata=strata
    )
    place = dict(zip(free, parts, strict=True))
    part_of = [place.get(index, "train") for index in range(len(cases))]
    how += f", {counted(len(cases) - len(free), 'case')} only to train" if pinned else ""
    found = {part: tuple(c for c, p in zip(cases, part_of, strict=True) if p == part) for part in (*PARTS, DROPPED)}
    by, separation = _honest_name(cases, units, ["" if p == DROPPED else p for p in part_of], settings.by)
    if not found["train"]:
        raise InputError("the split leaves nothing to train", hint="Give more cases or another split.", code="E_SPLIT")
    sides = (found["train"], found["validation"], found["test"])
    return Split(f"{by}, {how}", *sides, (*notices, *separation), found[DROPPED])


def _divided(
    cases: Sequence[Case],
    units: Sequence[Unit],
    placed: Sequence[Placed],
    settings: SplitSettings,
    fold: int,
    *,
    strata: Mapping[str, str] | None,
) -> tuple[list[str], str, list[Notice]]:
    """Return the part of every case, how it came about, and what was noticed."""
    if settings.method in ("own", "csv"):
        return _given(cases, units, placed, settings, fold)
    if settings.method == "kfold":
        return *_folded(cases, units, settings, fold, strata), []
    if settings.method == "cross_validation":
        return *_cross_validated(units, settings, fold), []
    return *_drawn(cases, units, settings, strata), []


def _drawn(
    cases: Sequence[Case], units: Sequence[Unit], settings: SplitSettings, strata: Mapping[str, str] | None
) -> tuple[list[str], str]:
    shares = "/".join(f"{100 * share:.4g}" for share in settings.fractions)
    by_tumor = " by tumor" if settings.strata == "tumor" else ""
    how = f"{settings.method}{by_tumor} {shares}, seed {settings.seed}"
    wanted = share_out(len(set(units)), settings.fractions)
    random = generator(settings.seed)
    if settings.method == "random":
        ordered = shuffled(sorted(set(units)), random)
        given = [part for part, count in zip(PARTS, wanted, strict=True) for _ in range(count)]
    else:
        ordered = _by_stratum(layers(cases, units, strata), random)
        # spread each part evenly along the strata, so every stratum gives its share
        spread = [((k + 0.5) / n, i) for i, n in enumerate(wanted) for k in range(n)]
        given = [PARTS[index] for _, index in sorted(spread)]
    place = dict(zip(ordered, given, strict=True))
    return [place[unit] for unit in units], how


def _by_stratum(strata: Mapping[str, Sequence[Unit]], random: np.random.Generator) -> list[Unit]:
    return [unit for stratum in sorted(strata) for unit in shuffled(strata[stratum], random)]


def _folded(
    cases: Sequence[Case],
    units: Sequence[Unit],
    settings: SplitSettings,
    fold: int,
    strata: Mapping[str, str] | None,
) -> tuple[list[str], str]:
    balanced = strata is not None or all(case.label is not None for case in cases)
    layered = layers(cases, units, strata) if balanced else {"": sorted(set(units))}
    ordered = _by_stratum(layered, generator(settings.seed))
    by_tumor = " by tumor" if settings.strata == "tumor" else ""
    _check_folds(len(ordered), settings.folds)
    tested = set(ordered[fold - 1 :: settings.folds])
    rest = [unit for unit in ordered if unit not in tested]
    chosen = set(validating(rest, settings.validation))
    place = {u: "test" if u in tested else "validation" if u in chosen else "train" for u in ordered}
    return [place[unit] for unit in units], f"{settings.folds} folds{by_tumor}, fold {fold}, seed {settings.seed}"


def _cross_validated(units: Sequence[Unit], settings: SplitSettings, fold: int) -> tuple[list[str], str]:
    """Draw the same test as ``random`` with these shares and this seed, and deal the rest into folds."""
    ordered = shuffled(sorted(set(units)), generator(settings.seed))
    kept = len(ordered) - share_out(len(ordered), settings.fractions)[2]
    _check_folds(kept, settings.folds)
    validates = set(ordered[:kept][fold - 1 :: settings.folds])
    tested = set(ordered[kept:])
    parts = ["test" if u in tested else "validation" if u in validates else "train" for u in units]
    how = f"{100 * settings.fractions[2]:.4g} % to test, {settings.folds} folds of the rest, fold {fold} validates"
    return parts, f"{how}, seed {settings.seed}"


def _check_folds(units: int, folds: int) -> None:
    if units < folds:
        cause = f"{units} units cannot fill {folds} folds"
        raise InputError(cause, hint=f"Use at most {units} folds.", code="E_SPLIT")


def _named_by(row: Placed, case: Case) -> Case:
    """Return the case with the patient and group of the table where the data set names none."""
    return replace(case, patient=case.patient or row.patient, group=case.group or row.group)


def _given(
    cases: Sequence[Case], units: Sequence[Unit], placed: Sequence[Placed], settings: SplitSettings, fold: int
) -> tuple[list[str], str, list[Notice]]:
    """Return the parts that the data set or a table says, refused where a patient would stand on two sides."""
    notices: list[Notice] = []
    if settings.method == "csv" and settings.path is not None:
        path = Path(settings.path)
        part_of = [row.part for row in placed]
        left = part_of.count("")
        if left:
            text = f"{left} of {len(cases)} cases stand in no line of the split table and are left out."
            notices.append(Notice("W_SPLIT_LEFT_OUT", path.name, text))
        how = f"as in {path.name}"
    elif all(case.split is not None for case in cases):
        part_of, how = [str(case.split) for case in cases], "the data set's own"
    elif all("fold" in case.facts for case in cases):
        known = sorted({case.facts["fold"] for case in cases})
        if str(fold) not in known:
            raise InputError(f"the data set has no fold {fold}", hint=f"It has: {', '.join(known)}.", code="E_SPLIT")
        part_of = ["test" if case.facts["fold"] == str(fold) else "train" for case in cases]
        how = f"the data set's own fold {fold}"
    else:
        raise InputError(
            "the data set has no split of its own", hint="Use random, stratified or kfold.", code="E_SPLIT"
        )
    if settings.by == "patient":
        _refuse_shared(units, part_of)
    if "validation" not in part_of and settings.validation > 0:
        training = sorted({unit for unit, part in zip(units, part_of, strict=True) if part == "train"})
        chosen = set(validating(shuffled(training, generator(settings.seed)), settings.validation))
        part_of = ["validation" if u in chosen else p for u, p in zip(units, part_of, strict=True)]
        how += f", {100 * settings.validation:g} % of training to validate, seed {settings.seed}"
    return part_of, how, notices


def _refuse_shared(units: Sequence[Unit], part_of: Sequence[str]) -> None:
    sides: dict[Unit, set[str]] = defaultdict(set)
    for unit, part in zip(units, part_of, strict=True):
        if part not in ("", DROPPED):
            sides[unit].add(part)
    shared = sorted(name for (kind, name), parts in sides.items() if kind != "image" and len(parts) > 1)
    if shared:
        more = f" and {len(shared) - _SHOWN} more" if len(shared) > _SHOWN else ""
        cause = f"two sides of the split share {counted(len(shared), 'patient')}: {', '.join(shared[:_SHOWN])}{more}"
        raise InputError(cause, hint="Move them to one side, or add --allow-leakage.", code="E_LEAK")


def _honest_name(
    cases: Sequence[Case], units: Sequence[Unit], part_of: Sequence[str], by: str
) -> tuple[str, list[Notice]]:
    """Name what really stayed together, and warn where that is less than patients."""
    if by == "patient":
        # What is pinned to the training meets no test by chance, whoever it is.
        drawn = [
            (kind, part)
            for case, (kind, _), part in zip(cases, units, part_of, strict=True)
            if part and case.pinned != part
        ]
        alone = sum(kind == "image" for kind, _ in drawn)
        if not alone:
            return "by patient", []
        text = f"{alone} of {len(drawn)} images say no patient: images of one patient may lie on both sides."
        if alone == len(drawn):
            text = (
                "The data set says no patients, so the split is by image: images of one patient may lie on both sides."
            )
            return "by image", [Notice("W_SPLIT_BY_IMAGE", "", text)]
        return f"by patient, {alone} images of unknown patients by image", [Notice("W_SPLIT_BY_IMAGE", "", text)]
    sides: dict[str, set[str]] = defaultdict(set)
    for case, part in zip(cases, part_of, strict=True):
        owner = case.patient or case.group
        if part and owner is not None:
            sides[owner].add(part)
    shared = sum(len(parts) > 1 for parts in sides.values())
    if not shared and all(case.patient or case.group for case in cases):
        return "by image", []
    text = f"The split is by image: {shared} of {len(sides)} known patients or groups have images on both sides."
    if not sides:
        text = "The split is by image and no patients are known: images of one patient may lie on both sides."
    return "by image", [Notice("W_SPLIT_BY_IMAGE", "", text)]
