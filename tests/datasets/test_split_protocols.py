"""The splits that the sources describe, each also by patient, and cases that stand outside the draw."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gliascope.case import Case, Picture
from gliascope.datasets.phantom_layouts import write_layout
from gliascope.datasets.split_table import split_table
from gliascope.datasets.splits import Split, SplitSettings, split_cases
from gliascope.datasets.union import UnionSettings
from gliascope.errors import ConfigError, InputError
from gliascope.settings import load_settings


def slices(patients: int, each: int, *, first: int = 0, label: str | None = None) -> list[Case]:
    return [
        Case(f"p{n:03d}_{k:03d}", Picture(Path(f"/data/p{n:03d}/{k:03d}.png")), f"p{n:03d}", label)
        for n in range(patients)
        for k in range(first, first + each)
    ]


def sizes(split: Split) -> tuple[int, ...]:
    return tuple(len(part) for part in split.parts().values())


def owners(split: Split) -> list[set[str | None]]:
    return [{case.patient for case in part} for part in split.parts().values()]


SOURCES: dict[str, tuple[dict[str, Any], int, tuple[int, ...]]] = {
    "s0": ({"fractions": [338, 73, 73]}, 484, (338, 73, 73)),
    "s1": ({"method": "stratified", "strata": "tumor", "fractions": [0.8, 0.1, 0.1], "seed": 1748}, 420, (336, 42, 42)),
    "s4": ({"fractions": [850, 250, 150]}, 1250, (850, 250, 150)),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("by", ["image", "patient"])
def test_volumes_of_the_sources_are_divided_as_they_say(source: str, by: str) -> None:
    tree, count, wanted = SOURCES[source]
    cases = slices(count, 1)
    strata = {case.id: f"stratum {index % 7}" for index, case in enumerate(cases)}
    assert sizes(split_cases(cases, load_settings(SplitSettings, {"by": by, **tree}), strata=strata)) == wanted


def test_shuffled_slices_of_s2() -> None:
    cases = slices(369, 77, first=39)
    by_image = split_cases(cases, SplitSettings(by="image", fractions=(25571, 0, 2842), seed=42))
    assert sizes(by_image) == (25571, 0, 2842)
    assert "of 369 known patients" in by_image.notices[0].text
    by_patient = split_cases(cases, SplitSettings(fractions=(0.9, 0.0, 0.1), seed=42))
    assert not owners(by_patient)[0] & owners(by_patient)[2]
    assert len(owners(by_patient)[2]) == 37


def test_the_own_split_of_s2_may_have_no_validation() -> None:
    cases = [
        replace(case, split="train" if index < 80 else "test", patient=None)
        for index, case in enumerate(slices(100, 1, label="glioma"))
    ]
    split = split_cases(cases, SplitSettings(by="image", method="own", validation=0.0))
    assert sizes(split) == (80, 0, 20)


@pytest.mark.parametrize("by", ["image", "patient"])
def test_cross_validation_of_s3_draws_the_test_once(by: str) -> None:
    cases = slices(50, 20)
    settings = load_settings(SplitSettings, {"by": by, "method": "cross_validation", "fractions": [0.7, 0.1, 0.2]})
    folds = [split_cases(cases, settings, fold=fold) for fold in range(1, 6)]
    assert [sizes(split) for split in folds] == [(640, 160, 200)] * 5
    assert all(split.test == folds[0].test for split in folds)
    validated = Counter(case.id for split in folds for case in split.validation)
    assert set(validated.values()) == {1}
    assert len(validated) == 800
    drawn = split_cases(cases, load_settings(SplitSettings, {"by": by, "fractions": [0.7, 0.1, 0.2]}))
    assert drawn.test == folds[0].test  # so classifiers and segmenters of one system share their test
    assert folds[2].name == f"by {by}, 20 % to test, 5 folds of the rest, fold 3 validates, seed 0"


def test_folds_of_a_cross_validation_are_checked() -> None:
    settings = SplitSettings(method="cross_validation", fractions=(0.5, 0.0, 0.5))
    with pytest.raises(InputError, match="4 units cannot fill 5 folds"):
        split_cases(slices(8, 1), settings)
    with pytest.raises(ConfigError, match="1 to 5"):
        split_cases(slices(20, 1), settings, fold=6)


def test_strata_of_tumors_balance_folds_too_and_must_be_counted() -> None:
    cases = slices(20, 1)
    strata = {case.id: "large" if index < 4 else "small" for index, case in enumerate(cases)}
    settings = SplitSettings(method="kfold", strata="tumor", folds=4)
    tests = [split_cases(cases, settings, fold=fold, strata=strata).test for fold in range(1, 5)]
    assert [sum(strata[case.id] == "large" for case in test) for test in tests] == [1, 1, 1, 1]
    with pytest.raises(ConfigError, match="need prepared references"):
        split_cases(cases, settings)


@pytest.mark.parametrize(
    ("tree", "cause"),
    [
        ({"strata": "tumor"}, "strata belong to methods"),
        ({"fractions": [0, 5, 5]}, "leave something to train"),
        ({"fractions": [5, -1, 1]}, "at least 0"),
        ({"fractions": [1.5, 1.0, 0.5]}, "whole numbers"),
    ],
)
def test_impossible_protocols_are_refused(tree: dict[str, object], cause: str) -> None:
    with pytest.raises(ConfigError, match=cause):
        load_settings(SplitSettings, tree)


@pytest.mark.parametrize("method", ["random", "stratified", "kfold", "cross_validation", "own"])
def test_pinned_cases_train_and_do_not_change_what_the_others_draw(method: str) -> None:
    free = [
        replace(case, label=("glioma", "no_tumor")[n % 2], split=("train", "validation", "test")[n % 3])
        for n, case in enumerate(slices(30, 2))
    ]
    extra = [Case(f"x{n}", Picture(Path(f"/x/{n}.png")), label="glioma", pinned="train") for n in range(7)]
    settings = load_settings(SplitSettings, {"method": method, "by": "image"})
    alone, together = split_cases(free, settings), split_cases([*extra, *free], settings)
    assert (together.validation, together.test) == (alone.validation, alone.test)
    assert together.train == (*extra, *alone.train)
    assert together.name.endswith(", 7 cases only to train")


def test_a_patient_with_a_pinned_case_trains_as_a_whole() -> None:
    cases = slices(10, 3)
    pinned = [replace(case, pinned="train") if case.id == "p004_001" else case for case in cases]
    for seed in range(12):
        split = split_cases(pinned, SplitSettings(seed=seed))
        assert {case.id for case in split.train} >= {"p004_000", "p004_001", "p004_002"}
        assert split.name.startswith("by patient")


def test_pinned_pictures_of_unknown_patients_do_not_blur_a_split_by_patient() -> None:
    extra = [Case(f"x{n}", Picture(Path(f"/x/{n}.png")), pinned="train") for n in range(7)]
    split = split_cases([*slices(10, 2), *extra], SplitSettings())
    assert split.name.startswith("by patient, random")
    assert split.notices == ()


def test_a_member_of_a_union_may_only_train(tmp_path: Path) -> None:
    write_layout("lgg", tmp_path / "lgg", patients=6, shape=(8, 8, 8), size=32)
    write_layout("kaggle-4class", tmp_path / "four", patients=8, size=32)
    members = [
        {"dataset": {"name": "lgg", "slice_labels": True}, "folder": "lgg", "plain_pictures": True},
        {"dataset": {"name": "kaggle-4class"}, "folder": "four", "labels": ["glioma"], "only_train": True},
    ]
    cases = load_settings(UnionSettings, {"members": members}).cases(tmp_path)
    split = split_cases(cases, SplitSettings(fractions=(0.7, 0.1, 0.2)))
    assert {case.facts["dataset"] for case in (*split.validation, *split.test)} == {"lgg"}
    assert {case.facts["dataset"] for case in split.train} == {"lgg", "kaggle-4class"}
    lgg = load_settings(UnionSettings, {"members": members[:1]}).cases(tmp_path)
    assert split_cases(lgg, SplitSettings(fractions=(0.7, 0.1, 0.2))).test == split.test


def test_dropped_cases_stand_in_the_table_and_take_no_part(tmp_path: Path) -> None:
    cases = slices(10, 2)
    first = split_cases(cases[4:], SplitSettings())
    table = tmp_path / "split.csv"
    table.write_text(split_table(replace(first, dropped=tuple(cases[:4])).listed()))
    again = split_cases(cases, SplitSettings(method="csv", path=str(table)))
    assert again.parts() == first.parts()
    assert again.dropped == tuple(cases[:4])
    assert again.notices == ()
    assert "dropped" not in first.listed()


def test_a_patient_may_be_dropped_in_part(tmp_path: Path) -> None:
    table = tmp_path / "split.csv"
    table.write_text("path,split\np000/000.png,train\np000/001.png,dropped\np001/000.png,test\np001/001.png,test\n")
    split = split_cases(slices(2, 2), SplitSettings(method="csv", path=str(table), validation=0))
    assert (sizes(split), len(split.dropped)) == ((1, 0, 2), 1)
    assert split.name == "by patient, as in split.csv"
