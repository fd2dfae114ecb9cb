import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gliascope.case import NiftiChannels, NiftiFiles, Picture, PictureStack
from gliascope.datasets.discover import discover
from gliascope.datasets.phantom_layouts import write_layout
from gliascope.errors import InputError


def picture(path: Path, *, color: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.arange(20 * 30 * (3 if color else 1), dtype=np.uint8).reshape((20, 30, 3) if color else (20, 30))
    Image.fromarray(pixels).save(path)
    return path


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def codes(path: Path) -> list[str]:
    return [notice.code for notice in discover(path).notices]


def test_one_picture(tmp_path: Path) -> None:
    found = discover(picture(tmp_path / "IMG 01.png"), spacing_mm=(0.5, 0.5))
    assert [case.id for case in found.cases] == ["IMG_01"]
    assert found.root == tmp_path
    assert found.cases[0].read().grid.spacing_mm == (0.5, 0.5)


def test_numbered_pictures_are_one_stack_in_numeric_order(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        picture(tmp_path / "s" / f"scan_{number}.png")
    picture(tmp_path / "s" / "scan_1_mask.png")
    found = discover(tmp_path / "s")
    assert isinstance(found.cases[0].source, PictureStack)
    assert [path.name for path in found.cases[0].source.paths] == ["scan_1.png", "scan_2.png", "scan_10.png"]
    assert found.cases[0].id == "s"
    assert codes(tmp_path / "s") == ["W_MASKS_IGNORED", "W_STACK"]
    batch = discover(tmp_path / "s", stack=False)
    assert [case.id for case in batch.cases] == ["scan_1", "scan_10", "scan_2"]


def test_other_pictures_are_a_batch(tmp_path: Path) -> None:
    for name in ("a.png", "b.jpg", "sub/c.tif"):
        picture(tmp_path / name)
    found = discover(tmp_path)
    assert [case.id for case in found.cases] == ["a", "b", "sub_c"]
    assert all(isinstance(case.source, Picture) for case in found.cases)


def test_lgg_names_say_the_channels(tmp_path: Path) -> None:
    path = picture(tmp_path / "TCGA_CS_4941_19960909_1.tif", color=True)
    found = discover(path)
    assert found.cases[0].read().channels == ("t1n", "t2f", "t1c")
    assert [notice.code for notice in found.notices] == ["W_CHANNELS_BY_NAME"]
    named = discover(path, channels=("t1c", "t1n", "t2f"))
    assert named.cases[0].read().channels == ("t1c", "t1n", "t2f")
    assert named.notices == ()


@pytest.mark.parametrize("layout", ["brats2017", "brats2021", "brats2023"])
def test_a_folder_of_studies(tmp_path: Path, layout: str) -> None:
    write_layout(layout, tmp_path, patients=2, shape=(16, 16, 8))
    found = discover(tmp_path)
    assert all(isinstance(case.source, NiftiFiles) for case in found.cases)
    assert list(found.cases[0].source.files) == ["t1n", "t1c", "t2w", "t2f"]
    assert not any(case.has_reference for case in found.cases)
    assert codes(tmp_path) == ["W_MASKS_IGNORED"]
    assert found.cases[0].read().channels == ("t1n", "t1c", "t2w", "t2f")


@pytest.mark.parametrize(
    "names",
    [
        ("t1n", "t1c", "t2w", "t2f"),
        ("x_T1", "x_T1CE", "x_T2", "x_FLAIR"),
        ("x-t1w", "x-t1gd", "x-t2w", "x-t2f"),
        ("x_t1", "x_t1_ce", "x_t2", "x_t2_flair"),
        ("sub-01_T1w", "sub-01_ce-gd_T1w", "sub-01_T2w", "sub-01_FLAIR"),
    ],
)
def test_contrasts_by_name(tmp_path: Path, names: tuple[str, ...]) -> None:
    touch(*(tmp_path / f"{name}.nii.gz" for name in names), tmp_path / "x_seg.nii.gz", tmp_path / "mask.nii.gz")
    files = discover(tmp_path).cases[0].source.files
    assert [path.name for path in files.values()] == [f"{name}.nii.gz" for name in names]
    assert list(files) == ["t1n", "t1c", "t2w", "t2f"]


def test_two_candidates_are_both_named(tmp_path: Path) -> None:
    touch(tmp_path / "a_t1c.nii.gz", tmp_path / "a_t1ce.nii", tmp_path / "a_t2.nii")
    with pytest.raises(InputError, match=r"a_t1c\.nii\.gz and a_t1ce\.nii") as caught:
        discover(tmp_path)
    assert caught.value.code == "E_AMBIGUOUS"


def test_one_bad_study_does_not_stop_the_batch(tmp_path: Path) -> None:
    touch(tmp_path / "bad" / "a_t1.nii", tmp_path / "bad" / "b_t1.nii", tmp_path / "good" / "c_t1.nii")
    found = discover(tmp_path)
    assert [case.id for case in found.cases] == ["good"]
    assert [failure.code for failure in found.failures] == ["E_AMBIGUOUS"]


def test_nifti_files_need_channel_names(tmp_path: Path) -> None:
    path = tmp_path / "BRATS_001.nii.gz"
    touch(path)
    for given in (path, tmp_path):
        with pytest.raises(InputError, match="--channels") as caught:
            discover(given)
        assert caught.value.code == "E_CHANNELS"
        assert isinstance(discover(given, channels=("t1n", "t1c")).cases[0].source, NiftiChannels)
        assert discover(given, channels=("t1c",)).cases[0].source == NiftiFiles({"t1c": path})
    touch(tmp_path / "x" / "y_t1ce.nii")
    assert discover(tmp_path / "x" / "y_t1ce.nii").cases[0].source.files == {"t1c": tmp_path / "x" / "y_t1ce.nii"}


@pytest.mark.parametrize("name", ["a.dcm", "IM0001"])
def test_dicom_says_what_to_do(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\0" * 128 + b"DICM")
    for given in (path, tmp_path):
        with pytest.raises(InputError, match="DICOM is not read yet") as caught:
            discover(given)
        assert "dcm2niix" in caught.value.hint
        assert caught.value.code == "E_DICOM"


def test_clutter_is_passed_over_or_counted(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "masks" / "a.png")
    picture(tmp_path / "out" / "mask.png")
    picture(tmp_path / "out" / "overlay.png")
    touch(tmp_path / "out" / "prediction.json")
    touch(*(tmp_path / name for name in (".DS_Store", "._a.png", "README.md", "LICENSE", "data.csv", "weird.bin")))
    found = discover(tmp_path)
    assert [case.id for case in found.cases] == ["a"]
    texts = {notice.code: notice.text for notice in found.notices}
    assert sorted(texts) == ["W_FILES_IGNORED", "W_MASKS_IGNORED", "W_RESULTS_IGNORED"]
    assert all(text.startswith("1 ") for text in texts.values())
    assert all(not notice.file for notice in found.notices)


def test_links_in_a_loop_end(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "in" / "b.png").symlink_to(tmp_path / "in" / "a.png")
    assert [case.id for case in discover(tmp_path).cases] == ["in_a", "in_b"]


def test_same_safe_name_gets_a_hash(tmp_path: Path) -> None:
    for name in ("a b.png", "a_b.png", "A_b.png", "ä-<b>.png"):
        picture(tmp_path / name)
    ids = [case.id for case in discover(tmp_path).cases]
    assert len({name.casefold() for name in ids}) == 4
    assert not any(set(name) & set(" <>/") for name in ids)


def test_one_stem_with_two_endings_is_two_cases(tmp_path: Path) -> None:
    for name in ("scan.png", "scan.jpg", "other.png"):
        picture(tmp_path / name)
    ids = [case.id for case in discover(tmp_path).cases]
    assert len(set(ids)) == 3
    assert "other" in ids


def test_no_case_is_named_like_a_device_or_the_overview(tmp_path: Path) -> None:
    for name in ("CON.png", "com1.x.png", "index.html.png", "contrast.png"):
        picture(tmp_path / name)
    ids = {case.id.split("-")[0] for case in discover(tmp_path).cases if "-" in case.id}
    assert ids == {"CON", "com1.x", "index.html"}


def test_nothing_to_read(tmp_path: Path) -> None:
    touch(tmp_path / "weird.bin")
    with pytest.raises(InputError, match="holds no image") as caught:
        discover(tmp_path)
    assert caught.value.code == "E_EMPTY"
    with pytest.raises(InputError, match="does not exist"):
        discover(tmp_path / "absent")
    with pytest.raises(InputError, match="does not exist"):
        discover(tmp_path / ("x" * 5000))
    with pytest.raises(InputError, match="unknown ending"):
        discover(tmp_path / "weird.bin")
    with pytest.raises(InputError, match="label map by its name"):
        discover(picture(tmp_path / "a_mask.png"))
    os.mkfifo(tmp_path / "pipe.nii.gz")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        discover(tmp_path / "pipe.nii.gz")


@pytest.mark.data
def test_real_inputs(data_root: Path) -> None:
    clinical = discover(data_root / "clinical" / "TCGA-FG-6692")
    assert list(clinical.cases[0].source.files) == ["t1n", "t1c", "t2w", "t2f"]
    brats = discover(data_root / "brats")
    assert len(brats.cases) == 9
    stacks = discover(data_root / "lgg-mri-segmentation")
    assert len(stacks.cases) == 95
    assert all(isinstance(case.source, PictureStack) for case in stacks.cases)
    with pytest.raises(InputError, match="dcm2niix"):
        discover(data_root / "dicom")
