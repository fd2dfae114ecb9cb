"""One look at every case: nothing stops it, and every fault is named."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gliascope.case import Case, NiftiFiles, Picture, PictureStack
from gliascope.datasets import dataset_named
from gliascope.datasets.phantom_layouts import write_layout
from gliascope.labels import SCHEMES
from gliascope.leakage.faults import empty_masks, examine, examine_all, relative_path
from gliascope.leakage.outline import head_outline

HEAD = np.zeros((64, 60), np.uint8)
HEAD[10:54, 8:50] = np.random.default_rng(0).integers(60, 255, (44, 42), dtype=np.uint8)


def picture(folder: Path, mask: NDArray[np.uint8] | None = None, name: str = "a.png") -> Case:
    Image.fromarray(HEAD).save(folder / name)
    if mask is None:
        return Case("a", Picture(folder / name))
    Image.fromarray(mask).save(folder / "a_mask.png")
    return Case("a", Picture(folder / name, folder / "a_mask.png"), scheme=SCHEMES["lgg"])


def marked(rows: slice, columns: slice) -> NDArray[np.uint8]:
    mask = np.zeros_like(HEAD)
    mask[rows, columns] = 255
    return mask


@pytest.mark.parametrize(
    ("mask", "code", "state"),
    [
        (marked(slice(20, 30), slice(20, 30)), "", "filled"),
        (marked(slice(0, 0), slice(0, 0)), "", "empty"),
        (marked(slice(0, 8), slice(0, 7)), "W_MASK_OUTSIDE", "filled"),
        (marked(slice(0, 9), slice(0, 9))[:50], "E_GRID", "unreadable"),
        (HEAD, "E_LABEL", "unreadable"),
    ],
    ids=["fine", "empty", "outside", "other-size", "gray"],
)
def test_masks(tmp_path: Path, mask: NDArray[np.uint8], code: str, state: str) -> None:
    found = examine(picture(tmp_path, mask), tmp_path)
    assert [fault.code for fault in found.faults] == [code] * bool(code)
    assert found.mask == state
    assert found.fingerprint is not None
    assert all(fault.file == "a_mask.png" and fault.text for fault in found.faults)


def test_misnamed_and_turned_pictures(tmp_path: Path) -> None:
    found = examine(picture(tmp_path, name="a.jpg"), tmp_path)
    assert [fault.code for fault in found.faults] == []
    image = Image.fromarray(HEAD)
    image.save(tmp_path / "b.jpg", format="PNG")
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "c.jpg", exif=exif)
    names = {name: examine(Case(name, Picture(tmp_path / f"{name}.jpg")), tmp_path) for name in "bc"}
    assert [(fault.file, fault.code) for fault in names["b"].faults] == [("b.jpg", "W_FORMAT_NAME")]
    assert [(fault.file, fault.code) for fault in names["c"].faults] == [("c.jpg", "W_ROTATED")]
    assert names["b"].facts["format"] == "PNG"
    assert names["c"].facts["size"] == "64×60"


def test_unreadable_files_stop_nothing(tmp_path: Path) -> None:
    good = picture(tmp_path)
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no picture")
    bad = [Case(name, Picture(tmp_path / f"{name}.png")) for name in ("empty", "text", "absent")]
    found = examine_all([good, *bad], tmp_path, threads=2)
    assert [own.fingerprint is None for own in found] == [False, True, True, True]
    assert [(own.faults[0].file, own.faults[0].code) for own in found[1:]] == [
        ("empty.png", "E_EMPTY"),
        ("text.png", "E_FORMAT"),
        ("absent.png", "E_MISSING"),
    ]


def test_a_mask_that_cannot_be_read(tmp_path: Path) -> None:
    case = picture(tmp_path, HEAD)
    (tmp_path / "a_mask.png").write_bytes(b"")
    found = examine(case, tmp_path)
    assert [(fault.file, fault.code) for fault in found.faults] == [("a_mask.png", "E_EMPTY")]
    assert found.mask == "unreadable"


def test_facts_say_what_a_file_shows(tmp_path: Path) -> None:
    facts = examine(picture(tmp_path), tmp_path).facts
    assert facts["size"] == "60×64"
    assert (facts["aspect"], facts["ending"], facts["format"], facts["color mode"]) == ("0.9", ".png", "PNG", "L")
    assert float(facts["blank border"]) == pytest.approx(1 - 44 * 42 / (64 * 60), abs=0.05)


def test_studies_have_facts_too(tmp_path: Path) -> None:
    write_layout("brats2021", tmp_path, patients=1)
    (found,) = examine_all(dataset_named("brats2021").cases(tmp_path), tmp_path)
    assert found.facts["size"] == "24×24×24"
    assert "spacing" in found.facts
    assert found.mask == "filled"
    assert found.faults == ()


def test_a_patient_without_any_mark_is_a_fault_and_an_empty_slice_is_not(tmp_path: Path) -> None:
    write_layout("lgg", tmp_path, patients=2, size=48, shape=(16, 16, 16))
    cases = dataset_named("lgg").cases(tmp_path)
    first = cases[0].patient
    for case in cases:
        if case.patient == first:
            Image.new("L", (48, 48)).save(case.source.reference_files[0])
    examined = examine_all(cases, tmp_path)
    assert {own.mask for case, own in zip(cases, examined, strict=True) if case.patient != first} == {"empty", "filled"}
    (fault,) = empty_masks(cases, examined, tmp_path)
    assert fault.code == "W_MASK_EMPTY"
    assert "None of 16 masks" in fault.text


def test_a_lone_volume_without_a_mark_is_a_fault(tmp_path: Path) -> None:
    empty = marked(slice(0, 0), slice(0, 0))
    lone = picture(tmp_path, empty)
    stack = Case("s", PictureStack((tmp_path / "a.png",) * 3, (tmp_path / "a_mask.png",) * 3), scheme=SCHEMES["lgg"])
    cases = [lone, stack]
    faults = empty_masks(cases, examine_all(cases, tmp_path), tmp_path)
    assert [fault.text for fault in faults] == ["The mask marks nothing (s)."]


def test_masks_of_another_grid_in_space(tmp_path: Path) -> None:
    write_layout("brats2021", tmp_path / "a", patients=1, shape=(24, 24, 24))
    write_layout("brats2021", tmp_path / "b", patients=1, shape=(16, 24, 24))
    (one,), (other,) = (dataset_named("brats2021").cases(tmp_path / name) for name in "ab")
    source = NiftiFiles(one.source.files, other.source.reference_files[0])
    found = examine(Case("x", source, scheme=one.scheme), tmp_path)
    assert [(fault.code, fault.file.split("/")[0]) for fault in found.faults] == [("E_GRID", "b")]


def test_outline_holds_a_dark_brain_and_leaves_air_out() -> None:
    image = np.zeros((1, 60, 60), np.float32)
    image[0, 10:50, 10:50] = 255
    image[0, 14:46, 14:46] = 4
    image[0, 2, 2] = 255
    outline = head_outline(image)
    assert outline[10:50, 10:50].all()
    assert not outline[:9].any()
    assert head_outline(np.zeros((2, 5, 5, 3), np.float32)).sum() == 0


def test_relative_paths(tmp_path: Path) -> None:
    assert relative_path(tmp_path / "a" / "b.png", tmp_path) == "a/b.png"
    assert relative_path("/elsewhere/b.png", tmp_path) == "b.png"
