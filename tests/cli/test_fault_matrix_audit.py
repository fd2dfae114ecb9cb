"""The fault matrix as a user meets it, data sets: what ``audit`` says about each (rows 91 and 96 to 102)."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from PIL import Image

from gliascope.datasets.phantom_picture import phantom_picture
from gliascope.labels import TUMOR_CLASSES

HEADER = "path,patient,group,label,split,mask\n"


class Answer(Protocol):
    """See ``conftest``."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]: ...

    def verify(self, code: int, says: str, names: str = "") -> None: ...


Command = Callable[..., Answer]


def save(path: Path, seed: int, label: str = "glioma", **options: Any) -> None:  # noqa: ANN401 - of Pillow
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(phantom_picture(seed, label, 96)[0]).save(path, **options)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return class folders with a split of their own, without any fault."""
    seed = 0
    for part, count in (("train", 4), ("test", 2)):
        for label in TUMOR_CLASSES:
            for number in range(count):
                seed += 1
                save(tmp_path / "in" / part / label / f"{part}{number}.png", seed, label)
    return tmp_path / "in"


def faults(answer: Answer) -> list[tuple[str, str]]:
    assert answer.code == 0, answer.out
    return [(fault["file"], fault["code"]) for fault in answer.json["faults"]]


def leaks(answer: Answer) -> list[tuple[str, str, str]]:
    return [(leak["test"], leak["train"], leak["kind"]) for leak in answer.json["leaks"]]


def test_control(root: Path, command: Command) -> None:
    answer = command("audit", "folder", root, "--strict")
    assert faults(answer) == []
    assert leaks(answer) == []
    assert answer.json["split"] == "the data set's own split"


def test_91_png_named_jpg(root: Path, command: Command) -> None:
    save(root / "train" / "glioma" / "odd.jpg", 99, format="PNG")
    assert faults(command("audit", "folder", root)) == [("train/glioma/odd.jpg", "W_FORMAT_NAME")]


@pytest.mark.parametrize(
    ("mask", "code"),
    [
        (np.full((60, 96), 255, np.uint8), "E_GRID"),
        (np.tile(np.arange(96, dtype=np.uint8), (96, 1)), "E_LABEL"),
    ],
    ids=["96-mask-of-another-size", "97-mask-with-gray-values"],
)
def test_masks(tmp_path: Path, command: Command, mask: np.ndarray[Any, Any], code: str) -> None:
    for number in range(4):
        save(tmp_path / "in" / "images" / f"{number}.png", number)
        white = phantom_picture(number, "glioma", 96)[1] * np.uint8(255)
        (tmp_path / "in" / "masks").mkdir(exist_ok=True)
        Image.fromarray(white).save(tmp_path / "in" / "masks" / f"{number}.png")
    Image.fromarray(mask).save(tmp_path / "in" / "masks" / "2.png")
    assert faults(command("audit", "folder", tmp_path / "in")) == [("masks/2.png", code)]


def test_98_the_same_file_in_train_and_test(root: Path, command: Command) -> None:
    shutil.copy(root / "train" / "glioma" / "train0.png", root / "test" / "glioma" / "copy.png")
    answer = command("audit", "folder", root)
    assert answer.code == 0
    assert leaks(answer) == [("test/glioma/copy.png", "train/glioma/train0.png", "bytes")]
    assert command("audit", "folder", root, "--strict").code == 3


def test_99_the_same_picture_encoded_again(root: Path, command: Command) -> None:
    buffer = io.BytesIO()
    Image.open(root / "train" / "glioma" / "train1.png").save(buffer, "JPEG", quality=85)
    (root / "test" / "glioma" / "again.jpg").write_bytes(buffer.getvalue())
    assert leaks(command("audit", "folder", root)) == [("test/glioma/again.jpg", "train/glioma/train1.png", "content")]


def test_100_one_picture_two_classes(root: Path, command: Command) -> None:
    shutil.copy(root / "train" / "glioma" / "train0.png", root / "train" / "pituitary" / "copy.png")
    answer = command("audit", "folder", root)
    assert answer.json["label_conflicts"] == [
        {
            "paths": ["train/glioma/train0.png", "train/pituitary/copy.png"],
            "labels": ["glioma", "pituitary"],
            "kind": "bytes",
            "score": 1.0,
        }
    ]


def test_101_a_patient_in_two_parts(tmp_path: Path, command: Command) -> None:
    rows = []
    for number in range(8):
        save(tmp_path / "in" / f"{number}.png", number)
        part = "test" if number in (3, 7) else "train"
        rows.append(f"{number}.png,P{number % 7},,glioma,{part},\n")
    (tmp_path / "in" / "manifest.csv").write_text(HEADER + "".join(rows))
    answer = command("audit", "folder", tmp_path / "in")
    assert leaks(answer) == [("7.png", "0.png", "patient")]


def test_102_a_class_named_otherwise_in_test(root: Path, command: Command) -> None:
    (root / "test" / "glioma").rename(root / "test" / "glioblastoma")
    command("audit", "folder", root).verify(3, "E_LAYOUT", "glioblastoma")


def test_one_bad_file_stops_nothing(root: Path, command: Command) -> None:
    (root / "train" / "glioma" / "train0.png").write_bytes(b"")
    assert faults(command("audit", "folder", root)) == [("train/glioma/train0.png", "E_EMPTY")]


def test_result_is_whole_or_not_there(root: Path, tmp_path: Path, command: Command) -> None:
    command("audit", "folder", root, "-o", tmp_path / "out", "--folds", "90").verify(3, "E_SPLIT", "90 parts")
    assert not (tmp_path / "out").exists()
    assert command("audit", "folder", root, "-o", tmp_path / "out", "--folds", "2").code == 0
    command("audit", "folder", root, "-o", tmp_path / "out").verify(2, "E_EXISTS")
    command("audit", "folder", root, "-o", root / "out").verify(2, "E_OUTPUT")
    command("audit", "folder", root, "--against", "folder").verify(2, "E_USAGE")
    command("audit", "folder", root, "--against", "brast", root).verify(4, "E_DATASET")
