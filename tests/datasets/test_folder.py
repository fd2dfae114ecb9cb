from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gliascope.case import NiftiFiles
from gliascope.datasets.folder import FolderSettings
from gliascope.datasets.phantom_layouts import write_layout
from gliascope.errors import InputError, LabelError


def pictures(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.arange(400, dtype=np.uint8).reshape(20, 20)).save(root / name)


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[[str], Path]:
    """Write a manifest beside three pictures and return the folder."""
    pictures(tmp_path, "a/1.png", "a/2.png", "b/3.png", "m/3.png")

    def write(text: str, encoding: str = "utf-8") -> Path:
        (tmp_path / "manifest.csv").write_bytes(text.encode(encoding))
        return tmp_path

    return write


def test_manifest_says_everything(manifest: Callable[[str], Path]) -> None:
    text = "path,patient,group,label,split,mask,age\na/1.png,P1,,glioma,train,,61\nb/3.png,,G2,No Tumor,Test,m/3.png,\n"
    first, second = FolderSettings().cases(manifest(text))
    assert (first.id, first.patient, first.group, first.label, first.split) == ("a_1", "P1", None, "glioma", "train")
    assert first.facts == {"age": "61"}
    assert not first.has_reference
    assert (second.patient, second.group, second.label, second.split) == (None, "G2", "no_tumor", "test")
    assert second.has_reference
    assert second.facts == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_byte_order_mark_and_crlf_are_accepted(manifest: Callable[..., Path], encoding: str, end: str) -> None:
    root = manifest(end.join(["path,label", "a/1.png,glioma", "", "a/2.png,pituitary", ""]), encoding)
    assert [case.label for case in FolderSettings().cases(root)] == ["glioma", "pituitary"]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("path,label\na/1.png,glioma\n../a/2.png,glioma\n", "line 3: '../a/2.png' is no usable path"),
        ("path,label\na/../../x.png,glioma\n", "line 2: 'a/../../x.png' is no usable path"),
        ("path,label\n/etc/passwd,glioma\n", "line 2: '/etc/passwd' is no usable path"),
        ("path,label\nC:\\x.png,glioma\n", "line 2: 'C:\\x.png' is no usable path"),
        ("path,label\n\\\\host\\x.png,glioma\n", "line 2: '\\\\host\\x.png' is no usable path"),
        ("path,label\na\\..\\..\\x.png,glioma\n", "line 2: 'a\\..\\..\\x.png' is no usable path"),
        ("path,label\n,glioma\n", "line 2: '' is no usable path"),
        ("path,label,mask\na/1.png,glioma,../m.png\n", "line 2: '../m.png' is no usable mask"),
        (f"path,label\n{'x' * 300}.png,glioma\n", f"line 2: path '{'x' * 300}.png' does not exist"),
        ('path,label\n"a/\n1.png",glioma\na/9.png,glioma\n', "line 3: path 'a/\n1.png' does not exist"),
        ("path,label\na/9.png,glioma\n", "line 2: path 'a/9.png' does not exist"),
        ("path,label\na/1.png,glioma\na/1.png,glioma\n", "line 3: 'a/1.png' stands on line 2 already"),
        ("path,label\na/1.png,\n", "line 2: has neither a label nor a mask"),
        ("path,label\na/1.png,yes\n", "line 2: unknown label 'yes'"),
        ("path,label,split\na/1.png,glioma,exam\n", "line 2: unknown split 'exam'"),
        ("path;label\na/1.png;glioma\n", "line 1: the columns are not separated by commas"),
        ("file,label\na/1.png,glioma\n", "line 1: column path is missing"),
        ("path,path\na/1.png,a/1.png\n", "line 1: column 'path' is named twice"),
        ("path,label\na/1.png,glioma,more\n", "line 2: 3 cells for 2 columns"),
        ('path,label\n"a/1.png,glioma\n', "line 2: unexpected end of data"),
        ("path,label\n", "has no rows"),
        ("", "line 1: column path is missing"),
    ],
)
def test_manifest_faults_name_the_line(manifest: Callable[[str], Path], text: str, cause: str) -> None:
    with pytest.raises(InputError) as caught:
        FolderSettings(layout="manifest").cases(manifest(text))
    assert caught.value.cause == cause
    assert caught.value.file.endswith("manifest.csv")
    assert caught.value.hint


def test_manifest_in_another_encoding_is_refused(manifest: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="UTF-8"):
        FolderSettings().cases(manifest("path,label\na/1.png,glioma\n", "utf-16"))


def test_manifest_names_study_folders(tmp_path: Path) -> None:
    write_layout("brats2021", tmp_path, patients=1, shape=(16, 16, 8))
    name = "BraTS2021_00000"
    (tmp_path / "manifest.csv").write_text(f"path,patient,mask\n{name},P1,{name}/{name}_seg.nii.gz\n")
    (case,) = FolderSettings(scheme="brats2017").cases(tmp_path)
    assert isinstance(case.source, NiftiFiles)
    scan, reference = case.read_pair()
    assert scan.channels == ("t1n", "t1c", "t2w", "t2f")
    assert reference.scheme.name == "brats2017"


def test_class_folders(tmp_path: Path) -> None:
    pictures(tmp_path, "Glioma/a.png", "no tumor/b.png", "pituitary_tumor/c.jpg")
    cases = FolderSettings().cases(tmp_path)
    assert [(case.id, case.label) for case in cases] == [
        ("Glioma_a", "glioma"),
        ("no_tumor_b", "no_tumor"),
        ("pituitary_tumor_c", "pituitary"),
    ]


def test_class_folders_below_splits(tmp_path: Path) -> None:
    pictures(tmp_path, "Train/glioma/a.png", "Train/notumor/b.png", "val/glioma/c.png", "val/no_tumor/d.png")
    cases = FolderSettings().cases(tmp_path)
    assert [(case.label, case.split) for case in cases] == [
        ("glioma", "train"),
        ("no_tumor", "train"),
        ("glioma", "validation"),
        ("no_tumor", "validation"),
    ]


@pytest.mark.parametrize(
    ("names", "cause"),
    [
        (("yes/a.png", "no/b.png"), "'no' is no known class"),
        (("train/glioma/a.png", "test/meningioma/b.png"), "the parts hold different classes"),
        (("train/glioma/a.png", "extra/b.png"), "extra/ stands beside folders named after splits"),
        (("glioma/a.png", "pituitary/b_mask.png"), "holds no pictures"),
        (("images/a.png", "images/b.png", "masks/a.png"), "1 of 2 pictures have no mask"),
        (("images/a.png", "masks/a.png", "masks/b.png"), "is a mask without a picture"),
        (("a.png", "b.png", "a_mask.png"), "1 of 2 pictures have no mask"),
    ],
)
def test_wrong_folders_are_explained(tmp_path: Path, names: tuple[str, ...], cause: str) -> None:
    pictures(tmp_path, *names)
    with pytest.raises(InputError) as caught:
        FolderSettings().cases(tmp_path)
    assert cause in caught.value.cause


@pytest.mark.parametrize("names", [("images/a.png", "masks/a.png"), ("a.png", "a_mask.png"), ("a.png", "a_seg.tif")])
def test_pairs(tmp_path: Path, names: tuple[str, str]) -> None:
    pictures(tmp_path, *names)
    (case,) = FolderSettings(spacing_mm=(0.5, 0.5)).cases(tmp_path)
    assert case.source.reference_files == (tmp_path / names[1],)
    assert case.scheme is not None
    assert case.read().grid.spacing_mm == (0.5, 0.5)


def test_unknown_scheme_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="lgg2"):
        FolderSettings(scheme="lgg2").cases(tmp_path)
