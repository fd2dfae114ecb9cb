from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliascope.case import Case, Picture
from gliascope.datasets.split_table import split_table
from gliascope.datasets.splits import SplitSettings, split_cases
from gliascope.errors import ConfigError, InputError
from gliascope.settings import load_settings

LABELS = ("glioma", "meningioma", "pituitary")


def patients(count: int, images: int = 3, labels: tuple[str, ...] = LABELS) -> list[Case]:
    return [
        Case(f"p{n:03d}_{i}", Picture(Path(f"/data/p{n:03d}/{i}.png")), f"p{n:03d}", labels[n % len(labels)])
        for n in range(count)
        for i in range(images)
    ]


def unknown(count: int) -> list[Case]:
    return [Case(f"i{n:03d}", Picture(Path(f"/data/i{n:03d}.png")), label=LABELS[n % 3]) for n in range(count)]


@given(
    count=st.integers(3, 40),
    images=st.integers(1, 4),
    seed=st.integers(0, 2**31),
    method=st.sampled_from(["random", "stratified"]),
)
def test_patients_never_cross_and_nothing_is_lost(count: int, images: int, seed: int, method: str) -> None:
    cases = patients(count, images)
    split = split_cases(cases, load_settings(SplitSettings, {"method": method, "seed": seed}))
    parts = split.parts()
    owners = {part: {case.patient for case in found} for part, found in parts.items()}
    assert sum(len(found) for found in owners.values()) == count
    assert Counter(c.id for found in parts.values() for c in found) == Counter(c.id for c in cases)
    assert all(owners.values())
    assert split.notices == ()
    assert split.name == f"by patient, {method} 70/15/15, seed {seed}"


def test_shares_are_kept_and_seeds_differ() -> None:
    cases = patients(100, 1)
    split = split_cases(cases, SplitSettings(fractions=(0.8, 0.1, 0.1)))
    assert [len(part) for part in split.parts().values()] == [80, 10, 10]
    assert split.test == split_cases(cases, SplitSettings(fractions=(0.8, 0.1, 0.1))).test
    assert split.test != split_cases(cases, SplitSettings(fractions=(0.8, 0.1, 0.1), seed=1)).test
    backwards = split_cases(cases[::-1], SplitSettings(fractions=(0.8, 0.1, 0.1)))
    assert {c.id for c in backwards.test} == {c.id for c in split.test}


def test_draw_is_fixed_across_versions() -> None:
    split = split_cases(patients(10, 1), SplitSettings(fractions=(0.8, 0.1, 0.1), seed=1748))
    assert [c.id for c in (*split.validation, *split.test)] == ["p009_0", "p000_0"]


def test_stratified_keeps_each_class_near_its_share() -> None:
    split = split_cases(patients(90, 2), SplitSettings(method="stratified", fractions=(0.8, 0.1, 0.1)))
    for part, share in (("train", 48), ("validation", 6), ("test", 6)):
        counts = Counter(case.label for case in split.parts()[part])
        assert all(abs(counts[label] - share) <= 2 for label in LABELS)


def test_strata_can_be_given_and_lone_ones_join_the_largest() -> None:
    cases = patients(10, 1)
    strata = {case.id: "rare" if index == 0 else "usual" for index, case in enumerate(cases)}
    split = split_cases(cases, SplitSettings(method="stratified"), strata=strata)
    assert sum(map(len, split.parts().values())) == 10
    with pytest.raises(InputError, match="no class to stratify"):
        split_cases(cases, SplitSettings(method="stratified"), strata={})


def test_folds_cover_every_patient_once() -> None:
    cases = patients(17)
    settings = SplitSettings(method="kfold", folds=5, validation=0.2)
    splits = [split_cases(cases, settings, fold=fold) for fold in range(1, 6)]
    assert sorted(c.id for split in splits for c in split.test) == [c.id for c in cases]
    assert all(split.validation for split in splits)
    assert splits[1].name == "by patient, 5 folds, fold 2, seed 0"
    with pytest.raises(ConfigError, match="1 to 5"):
        split_cases(cases, settings, fold=6)
    with pytest.raises(InputError, match="3 units"):
        split_cases(patients(3), settings)


def test_unknown_patients_are_split_by_image_and_said_so() -> None:
    split = split_cases(unknown(20), SplitSettings())
    assert split.name.startswith("by image, random")
    assert [notice.code for notice in split.notices] == ["W_SPLIT_BY_IMAGE"]


def test_some_unknown_patients_are_named() -> None:
    split = split_cases([*patients(10), *unknown(7)], SplitSettings())
    assert split.name.startswith("by patient, 7 images of unknown patients by image")
    assert "7 of 37 images" in split.notices[0].text


def test_asked_by_image_counts_separated_patients() -> None:
    split = split_cases(patients(10), SplitSettings(by="image"))
    assert split.name.startswith("by image")
    assert "of 10 known patients" in split.notices[0].text
    alone = split_cases(patients(10, 1), SplitSettings(by="image"))
    assert alone.notices == ()


def test_groups_stand_for_patients() -> None:
    cases = [
        Case(f"g{n:02d}", Picture(Path(f"/d/{n}.png")), group=f"fold{n % 5 + 1}", facts={"fold": str(n % 5 + 1)})
        for n in range(50)
    ]
    split = split_cases(cases, SplitSettings())
    groups = [{case.group for case in part} for part in split.parts().values()]
    assert [len(group) for group in groups] == [3, 1, 1]
    own = split_cases(cases, SplitSettings(method="own"), fold=4)
    assert {case.group for case in own.test} == {"fold4"}
    assert len({case.group for case in own.validation}) == 1
    assert own.name.startswith("by patient, the data set's own fold 4")


def test_own_split_is_kept_and_refused_where_a_patient_crosses() -> None:
    def own(case: Case, part: str) -> Case:
        return Case(case.id, case.source, case.patient, case.label, split=part)

    cases = patients(10)
    good = [own(case, "test" if case.patient in ("p000", "p001") else "train") for case in cases]
    split = split_cases(good, SplitSettings(method="own", validation=0.25))
    assert {case.patient for case in split.test} == {"p000", "p001"}
    assert len({case.patient for case in split.validation}) == 2
    with pytest.raises(ConfigError, match="own split has no folds"):
        split_cases(good, SplitSettings(method="own"), fold=2)
    bad = [own(case, "test" if case.id.endswith("_0") else "train") for case in cases]
    with pytest.raises(InputError, match="two sides of the split share 10 patients: p000, p001, p002 and 7 more"):
        split_cases(bad, SplitSettings(method="own"))
    assert split_cases(bad, SplitSettings(method="own", by="image")).notices
    with pytest.raises(InputError, match="no split of its own"):
        split_cases(cases, SplitSettings(method="own"))


def test_table_goes_out_and_comes_back(tmp_path: Path) -> None:
    cases = [*patients(8), Case("odd", Picture(Path("/data/=odd/-1.png")), "=1+1")]
    first = split_cases(cases, SplitSettings(seed=3))
    text = split_table(first.parts())
    assert text.splitlines()[0] == "path,patient,group,label,split"
    assert "./=odd/-1.png,'=1+1," in text
    table = tmp_path / "split.csv"
    table.write_text(text)
    again = split_cases(cases, SplitSettings(method="csv", path=str(table)))
    assert again.parts() == first.parts()
    assert again.name == "by patient, as in split.csv"


def test_table_may_leave_cases_out_but_says_so(tmp_path: Path) -> None:
    table = tmp_path / "split.csv"
    table.write_text("path,split\np000/0.png,train\np001/0.png,test\n")
    split = split_cases(patients(2, 2), SplitSettings(method="csv", path=str(table), validation=0))
    assert [case.id for case in split.train] == ["p000_0"]
    assert split.notices[0].code == "W_SPLIT_LEFT_OUT"
    assert "2 of 4" in split.notices[0].text


def test_cases_left_out_do_not_blur_the_name(tmp_path: Path) -> None:
    table = tmp_path / "split.csv"
    table.write_text("path,group,split\np000/0.png,a,train\np001/0.png,b,test\n")
    unknown = [replace(case, patient=None) for case in patients(2, 2)]
    split = split_cases(unknown, SplitSettings(method="csv", path=str(table), validation=0))
    assert split.name == "by patient, as in split.csv"
    assert [notice.code for notice in split.notices] == ["W_SPLIT_LEFT_OUT"]


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ("p000/9.png,train", "line 3: 'p000/9.png' is no case"),
        ("0.png,train", "line 3: '0.png' could be 2 cases"),
        ("p000/0.png,test", "line 3: 'p000/0.png' stands on line 2 already"),
        ("p001/0.png,exam", "line 3: unknown split 'exam'"),
        ("p000/1.png,test", "two sides of the split share 1 patient: "),
    ],
)
def test_table_faults_are_named_by_line(tmp_path: Path, row: str, cause: str) -> None:
    table = tmp_path / "split.csv"
    table.write_text(f"path,split\np000/0.png,train\n{row}\n")
    with pytest.raises(InputError) as caught:
        split_cases(patients(2, 2), SplitSettings(method="csv", path=str(table)))
    assert cause in caught.value.cause


@pytest.mark.parametrize(
    "tree",
    [
        {"fractions": [0.5, 0.2, 0.2]},
        {"fractions": [0.0, 0.5, 0.5]},
        {"fractions": [1.2, -0.1, -0.1]},
        {"folds": 1},
        {"fold": 6},
        {"method": "csv"},
        {"path": "a.csv"},
        {"validation": 1.0},
        {"seed": -1},
    ],
)
def test_impossible_settings_are_refused(tree: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        load_settings(SplitSettings, tree)


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(InputError, match="2 units"):
        split_cases(patients(2), SplitSettings())
    with pytest.raises(InputError, match="one id"):
        split_cases([*patients(2), *patients(2)], SplitSettings())
    assert not split_cases(patients(2), SplitSettings(fractions=(0.5, 0.5, 0.0))).test
