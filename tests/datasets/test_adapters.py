"""What single adapters do beyond the contract: known faults, options, and wrong files explained."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gliascope.case import Picture, PictureStack
from gliascope.datasets import dataset_named
from gliascope.datasets.brats import BratsSettings
from gliascope.datasets.brats2020_slices import Brats2020SlicesSettings
from gliascope.datasets.brats2023 import Brats2023Settings
from gliascope.datasets.lgg import LggSettings
from gliascope.datasets.phantom_layouts import write_layout
from gliascope.datasets.union import Member, UnionSettings
from gliascope.errors import ConfigError, InputError, LabelError
from gliascope.preprocess.cache import entry_name
from gliascope.preprocess.plan import Plan
from gliascope.settings import load_settings

SMALL = (16, 16, 8)


def test_brats_2020_patient_355_has_its_mask(tmp_path: Path) -> None:
    write_layout("brats2017", tmp_path, patients=1, shape=SMALL)
    (mask,) = tmp_path.rglob("*_seg.nii.gz")
    mask.rename(mask.with_name("W39_1998.09.19_Segm.nii.gz"))
    (case,) = dataset_named("brats2017").cases(tmp_path)
    assert case.source.reference_files[0].name == "W39_1998.09.19_Segm.nii.gz"
    assert case.facts == {"grade": "HGG"}


def test_brats_years_side_by_side(tmp_path: Path) -> None:
    write_layout("brats", tmp_path, patients=3, shape=SMALL)
    cases = BratsSettings().cases(tmp_path)
    assert {case.id: case.scheme.name if case.scheme else "" for case in cases} == {
        "BraTS-GLI-00002-000": "brats2023",
        "BraTS2021_00001": "brats2017",
        "Brats18_2013_0_1": "brats2017",
    }
    assert cases[0].patient == "BraTS-GLI-00002"
    with pytest.raises(InputError, match="BraTS-GLI-00002-000 is named as brats2023, not as brats2021") as caught:
        dataset_named("brats2021").cases(tmp_path)
    assert "'brats'" in caught.value.hint


def test_brats_time_points_belong_to_one_patient(tmp_path: Path) -> None:
    write_layout("brats2023", tmp_path, patients=2, shape=SMALL)
    cases = Brats2023Settings(scheme="brats2024").cases(tmp_path)
    assert [(case.patient, case.facts["session"]) for case in cases] == [
        ("BraTS-GLI-00000", "000"),
        ("BraTS-GLI-00000", "001"),
        ("BraTS-GLI-00001", "000"),
    ]
    assert {case.scheme.name for case in cases if case.scheme} == {"brats2024"}


def test_brats_missing_and_double_contrasts(tmp_path: Path) -> None:
    write_layout("brats2021", tmp_path, patients=1, shape=SMALL)
    folder = tmp_path / "BraTS2021_00000"
    double = folder / "BraTS2021_00000_t1.nii"
    double.write_bytes(b"")
    with pytest.raises(InputError, match=r"t1: BraTS2021_00000_t1\.nii and BraTS2021_00000_t1\.nii\.gz"):
        dataset_named("brats2021").cases(tmp_path)
    double.unlink()
    (folder / "BraTS2021_00000_flair.nii.gz").unlink()
    with pytest.raises(InputError, match=r"lacks flair.*BraTS2021_00000_flair\.nii\.gz"):
        dataset_named("brats2021").cases(tmp_path)


def test_brats_study_twice(tmp_path: Path) -> None:
    write_layout("brats2021", tmp_path / "one", patients=1, shape=SMALL)
    write_layout("brats2021", tmp_path / "two", patients=1, shape=SMALL)
    with pytest.raises(InputError, match="BraTS2021_00000 again"):
        dataset_named("brats2021").cases(tmp_path)


def _edit_msd(root: Path, key: str, value: object) -> None:
    table = root / "dataset.json"
    table.write_text(json.dumps({**json.loads(table.read_text()), key: value}))


def test_msd_channels_come_from_the_table(tmp_path: Path) -> None:
    write_layout("msd-task01", tmp_path, patients=1, shape=SMALL)
    (case,) = dataset_named("msd-task01").cases(tmp_path)
    plain = case.read().select(("t2f",)).array
    _edit_msd(tmp_path, "modality", {"0": "T1w", "1": "FLAIR", "2": "t1gd", "3": "T2w"})
    (renamed,) = dataset_named("msd-task01").cases(tmp_path)
    assert (renamed.read().select(("t1n",)).array == plain).all()


@pytest.mark.parametrize(
    ("key", "value", "cause"),
    [
        ("modality", {"0": "FLAIR", "1": "CT"}, "unknown channel 'CT'"),
        ("modality", {"1": "FLAIR"}, "no usable table 'modality'"),
        ("training", [], "lists no training cases"),
        ("training", [{"image": "../x.nii.gz", "label": "y"}], "without a usable 'image'"),
        ("training", [{"image": "imagesTr/x.nii.gz", "label": "y"}], "listed in dataset.json but missing"),
    ],
)
def test_msd_table_faults(tmp_path: Path, key: str, value: object, cause: str) -> None:
    write_layout("msd-task01", tmp_path, patients=1, shape=SMALL)
    _edit_msd(tmp_path, key, value)
    with pytest.raises(InputError) as caught:
        dataset_named("msd-task01").cases(tmp_path)
    assert cause in caught.value.cause


def test_msd_labels_of_another_meaning_are_refused(tmp_path: Path) -> None:
    write_layout("msd-task01", tmp_path, patients=1, shape=SMALL)
    swapped = {"0": "background", "1": "necrosis", "2": "edema", "3": "enhancing tumor"}
    _edit_msd(tmp_path, "labels", swapped)
    with pytest.raises(LabelError, match="necrosis"):
        dataset_named("msd-task01").cases(tmp_path)


def test_slices_in_a_range(tmp_path: Path) -> None:
    write_layout("brats2020-slices", tmp_path, patients=2, shape=SMALL)
    cases = Brats2020SlicesSettings(slices=(3, 4)).cases(tmp_path)
    assert [case.id for case in cases] == [
        f"volume_{volume:03d}_slice_{index:03d}" for volume in (1, 2) for index in (3, 4)
    ]
    swapped = Brats2020SlicesSettings(channels=("t2f", "t1n", "t1c", "t2w"), slices=(3, 4)).cases(tmp_path)
    assert (swapped[0].read().array[0] == cases[0].read().array[0]).all()
    assert swapped[0].read().channels[0] == "t2f"
    with pytest.raises(InputError, match="no slice from 100 to 120"):
        Brats2020SlicesSettings(slices=(100, 120)).cases(tmp_path)


def test_lgg_stacks_in_numeric_order_with_clinical_facts(tmp_path: Path) -> None:
    write_layout("lgg", tmp_path, patients=2, shape=(16, 16, 12), size=32)
    cases = LggSettings(volumes=True).cases(tmp_path)
    source = cases[0].source
    assert isinstance(source, PictureStack)
    assert [path.stem.rpartition("_")[2] for path in source.paths] == [str(n) for n in range(1, 13)]
    assert cases[0].facts["age_at_initial_pathologic"] == "40"
    assert cases[0].patient == "TCGA_CS_4900"
    scan, reference = cases[0].read_pair()
    assert scan.array.shape == (3, 32, 32, 12)
    assert reference.array.any()


def test_lgg_slice_labels_come_from_the_masks(tmp_path: Path) -> None:
    write_layout("lgg", tmp_path, patients=1, shape=(16, 16, 12), size=32)
    for case in LggSettings(slice_labels=True).cases(tmp_path):
        reference = case.read_reference()
        assert reference is not None
        assert case.label == ("glioma" if reference.array.any() else "no_tumor")


def test_lgg_slice_without_mask_is_named(tmp_path: Path) -> None:
    write_layout("lgg", tmp_path, patients=1, shape=SMALL, size=32)
    next(tmp_path.rglob("*_3_mask.tif")).unlink()
    with pytest.raises(InputError, match=r"_3\.tif: has no mask"):
        LggSettings().cases(tmp_path)


@pytest.mark.parametrize(
    ("edit", "cause"),
    [
        (lambda root: (root / "Testing" / "glioma").rename(root / "Testing" / "astrocytoma"), "astrocytoma"),
        (lambda root: (root / "Testing").rename(root / "Exam"), "Testing/ is missing"),
        (lambda root: [p.unlink() for p in (root / "Training" / "notumor").iterdir()], "holds no pictures"),
    ],
)
def test_four_class_folders_must_be_whole(tmp_path: Path, edit: object, cause: str) -> None:
    write_layout("kaggle-4class", tmp_path, patients=1, size=32)
    assert callable(edit)
    edit(tmp_path)
    with pytest.raises(InputError) as caught:
        dataset_named("kaggle-4class").cases(tmp_path)
    assert cause in caught.value.cause


def test_figshare_layouts_agree(tmp_path: Path) -> None:
    write_layout("figshare", tmp_path / "mat", patients=5, size=32)
    write_layout("figshare-pictures", tmp_path / "pictures", patients=5, size=32)
    mat = dataset_named("figshare").cases(tmp_path / "mat")
    pictures = dataset_named("figshare").cases(tmp_path / "pictures")
    assert [(case.id, case.label) for case in mat] == [(case.id, case.label) for case in pictures]
    assert [case.patient for case in mat[:4]] == ["100360", "100360", "100360", "100361"]
    assert {case.group for case in pictures} == {f"fold{n}" for n in range(1, 6)}
    for one, two in zip(mat, pictures, strict=True):
        reference, other = one.read_reference(), two.read_reference()
        assert reference is not None
        if two.facts["fold"] == "5":
            assert other is None
        else:
            assert other is not None
            assert (reference.array == other.array).all()


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ("2,images/1.jpg,,1,glioma,1", "line 3: label '1' with tumor 'glioma'"),
        ("2,images/1.jpg,,4,glioma,1", "line 3: label '4'"),
        ("1,images/1.jpg,,2,glioma,1", "line 3: index 1 is on line 2 too"),
        ("x,images/1.jpg,,2,glioma,1", "line 3: index 'x' is no number"),
        ("2,images/7.jpg,,2,glioma,1", "line 3: image 'images/7.jpg' does not exist"),
    ],
)
def test_figshare_table_faults_name_the_line(tmp_path: Path, row: str, cause: str) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.jpg").write_bytes(b"")
    table = tmp_path / "labels.csv"
    table.write_text(f"index,image,mask,label,tumor,fold\n1,images/1.jpg,,2,glioma,1\n{row}\n")
    with pytest.raises(InputError) as caught:
        dataset_named("figshare").cases(tmp_path)
    assert caught.value.cause.startswith(cause)


def test_a_union_says_which_folder_it_misses(tmp_path: Path) -> None:
    write_layout("kaggle-4class", tmp_path / "kaggle", patients=1, size=32)
    union = UnionSettings(members=(Member(dataset=dataset_named("kaggle-4class"), folder="kaggle"),))
    with pytest.raises(InputError, match="has no folder kaggle, in which data set kaggle-4class is expected") as fault:
        union.cases(tmp_path / "kaggle")
    assert fault.value.code == "E_LAYOUT"


def test_a_union_writes_its_phantoms_where_none_are(tmp_path: Path) -> None:
    phantoms = {"folder": "phantoms", "dataset": {"name": "phantom", "patients": 2, "size": 16}, "only_train": True}
    union = load_settings(UnionSettings, {"members": [{**phantoms, "known": {"TC": "TC", "ET": "ET"}}]}, file="x")
    cases = union.cases(tmp_path)
    assert [case.known for case in cases] == [{"TC": "TC", "ET": "ET"}] * 2
    assert [case.id for case in union.cases(tmp_path)] == [case.id for case in cases]
    assert [path.name for path in tmp_path.iterdir()] == ["phantoms"]


def test_union_keeps_names_apart(tmp_path: Path) -> None:
    write_layout("lgg", tmp_path / "a", patients=1, shape=SMALL, size=32)
    write_layout("kaggle-4class", tmp_path / "b", patients=6, size=32)
    kaggle = dataset_named("kaggle-4class")
    union = UnionSettings(
        members=(
            Member(dataset=LggSettings(), folder="a", plain_pictures=True),
            Member(dataset=kaggle, folder="b", labels=("no_tumor",), at_most=3, seed=2),
        )
    )
    cases = union.cases(tmp_path)
    assert [case.patient for case in cases if case.facts["dataset"] == "lgg"] == ["lgg:TCGA_CS_4900"] * 8
    drawn = [case for case in cases if case.facts["dataset"] == "kaggle-4class"]
    assert len(drawn) == 3
    assert {case.label for case in drawn} == {"no_tumor"}
    assert all(isinstance(case.source, Picture) and case.source.channels is None for case in cases)
    assert union.cases(tmp_path) == cases
    twice = UnionSettings(members=(Member(dataset=kaggle, folder="b"), Member(dataset=kaggle, folder="b")))
    with pytest.raises(InputError, match="twice"):
        twice.cases(tmp_path)
    with pytest.raises(InputError, match="no case of class glioma"):
        Member(dataset=LggSettings(), folder="a", labels=("glioma",)).cases(tmp_path)


@pytest.mark.data
def test_real_folders(data_root: Path) -> None:
    four = dataset_named("kaggle-4class").cases(data_root / "brain-tumor-mri-dataset")
    assert len(four) == 7023
    assert sum(case.split == "test" for case in four) == 1311
    figshare = dataset_named("figshare").cases(data_root / "figshare")
    assert [sum(case.label == name for case in figshare) for name in ("meningioma", "glioma", "pituitary")] == [
        708,
        1426,
        930,
    ]
    assert all(case.has_reference == (case.group != "fold5") for case in figshare)
    lgg = LggSettings(volumes=True).cases(data_root / "lgg-mri-segmentation")
    assert len({case.patient for case in lgg}) == 95
    brats = BratsSettings().cases(data_root / "brats")
    assert [case.scheme.name for case in brats if case.scheme] == ["brats2023", *["brats2017"] * 8]
    for case in (four[0], figshare[0], lgg[0]):
        case.read()
    lgg[0].read_pair()


def test_turned_stacks_lie_as_nifti_studies_do(tmp_path: Path) -> None:
    write_layout("lgg", tmp_path, patients=1, shape=(24, 24, 8), size=32)
    plain, turned = (LggSettings(volumes=True, turned=turn).cases(tmp_path)[0] for turn in (False, True))
    (before, reference), (after, moved) = plain.read_pair(), turned.read_pair()
    np.testing.assert_array_equal(after.array, before.array[:, ::-1, ::-1])
    np.testing.assert_array_equal(moved.array, reference.array[::-1, ::-1])
    assert reference.array.any()
    plan = Plan(channels=("t2f",))
    assert entry_name(plain, plan, None, "volume") != entry_name(turned, plan, None, "volume")
    with pytest.raises(ConfigError, match="turned belongs to volumes"):
        load_settings(LggSettings, {"turned": True}, file="x")


def test_a_member_says_what_its_regions_stand_for(tmp_path: Path) -> None:
    write_layout("brats", tmp_path / "brats", patients=1, shape=SMALL)
    write_layout("lgg", tmp_path / "lgg", patients=1, shape=SMALL, size=32)
    members: list[dict[str, Any]] = [
        {"dataset": {"name": "brats"}, "folder": "brats"},
        {"dataset": {"name": "lgg", "volumes": True}, "folder": "lgg", "known": {"WT": "tumor"}, "only_train": True},
    ]
    cases = load_settings(UnionSettings, {"members": members}, file="x").cases(tmp_path)
    assert {case.facts["dataset"]: case.known for case in cases} == {"brats": None, "lgg": {"WT": "tumor"}}
    for known, says in (({"WT": "ET"}, "have no region 'ET'; they have: tumor"), ({"all": "tumor"}, "no region 'all'")):
        with pytest.raises(ConfigError, match=says):
            load_settings(Member, {**members[1], "known": known}, file="x")


def test_the_licence_of_a_union_is_that_of_every_member_once() -> None:
    members = [{"folder": "a", "dataset": {"name": "lgg"}}, {"folder": "b", "dataset": {"name": "lgg"}}]
    tree = {"name": "union", "members": [*members, {"folder": "c", "dataset": {"name": "figshare"}}]}
    assert load_settings(UnionSettings, tree).licence == "lgg: CC BY-NC-SA 4.0; figshare: CC BY 4.0"
