"""The fault matrix as a user meets it: what ``predict`` and ``evaluate`` leave behind."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gliascope.checkpoint import ModelFolder

CONTRASTS = ("t1n", "t1c", "t2w", "t2f")
CLASSES = ("glioma", "meningioma", "pituitary", "no_tumor")
AFFINE = np.array([[1.0, 0, 0, -6], [0, 1.0, 0, -5], [0, 0, 1.0, -4], [0, 0, 0, 1]])
RNG = np.random.default_rng(8)
HEAD = RNG.random((4, 12, 10, 9)).astype(np.float32)
GRAY = RNG.integers(0, 255, (24, 20), dtype=np.uint8)
HOSTILE = ("<img src=x onerror=alert(1)>", "a\x1b[31m\nb", "-rf", "=1+1", "\udcff\udcfe", "\u202egnp", "</script>")

Command = Callable[..., Any]


@pytest.fixture
def segmenter(make_model: Callable[..., ModelFolder]) -> Path:
    """Return a 3-D model of four contrasts."""
    return make_model(3, channels=CONTRASTS, plan={"channels": list(CONTRASTS)}).path


@pytest.fixture
def classifier(make_model: Callable[..., ModelFolder]) -> Path:
    """Return a 2-D model that classifies gray pictures."""
    facts = {"task": "classify", "target": None, "classes": CLASSES}
    return make_model(2, outputs=4, channels=("gray",), plan={"channels": ["gray"]}, **facts).path


def study(folder: Path, affine: np.ndarray[Any, Any] = AFFINE, axes: str = "", without: str = "") -> Path:
    folder.mkdir()
    for name, values in zip(CONTRASTS, HEAD, strict=True):
        image: Any = nib.Nifti1Image(values, affine)
        if axes:
            orientations: Any = nib.orientations
            image = image.as_reoriented(
                orientations.ornt_transform(orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(axes))
            )
        if name != without:
            image.to_filename(folder / f"{name}.nii.gz")
    return folder


def facts_of(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / "prediction.json").read_text())
    return facts


def test_18_three_of_four_channels(command: Command, segmenter: Path, tmp_path: Path) -> None:
    nib.Nifti1Image(np.moveaxis(HEAD[:3], 0, -1), AFFINE).to_filename(tmp_path / "all.nii.gz")
    call = ("predict", tmp_path / "all.nii.gz", "-o", tmp_path / "out", "--model", segmenter)
    command(*call).verify(3, "E_CHANNELS", "all.nii.gz")
    command(*call, "--channels", "t1n,t1c,t2w,t2f").verify(3, "E_CHANNELS", "3 channels for 4 names")
    command(*call, "--channels", "t1n,t1c,t2w").verify(3, "E_CHANNEL", "all.nii.gz")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("axes", ["LPS", "LAS", "PIR", "SLP"])
def test_23_the_answer_lies_on_the_stored_grid(command: Command, segmenter: Path, tmp_path: Path, axes: str) -> None:
    masks = {}
    for name in ("", axes):
        folder = study(tmp_path / f"in{name}", axes=name)
        command("predict", folder, "-o", tmp_path / "out", "--model", segmenter).verify(0, "")
        mask: Any = nib.load(tmp_path / "out" / folder.name / "mask.nii.gz")
        image: Any = nib.load(folder / "t1c.nii.gz")
        assert mask.shape == image.shape
        np.testing.assert_allclose(mask.affine, image.affine)
        masks[name] = nib.as_closest_canonical(mask)
    assert 0 < np.asarray(masks[""].dataobj).mean() < 1
    np.testing.assert_array_equal(masks[axes].dataobj, masks[""].dataobj)


def test_24_oblique(command: Command, segmenter: Path, tmp_path: Path) -> None:
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(0.44), -np.sin(0.44)], [np.sin(0.44), np.cos(0.44)]]
    study(tmp_path / "in", turn @ AFFINE)
    command("predict", tmp_path / "in", "-o", tmp_path / "out", "--model", segmenter).verify(0, "")
    mask: Any = nib.load(tmp_path / "out" / "in" / "mask.nii.gz")
    np.testing.assert_allclose(mask.affine, turn @ AFFINE, atol=1e-6)


def test_25_a_warning_stands_in_json_and_page(command: Command, segmenter: Path, tmp_path: Path) -> None:
    study(tmp_path / "in", AFFINE @ np.diag([1, 1, 5, 1]))
    answer = command("predict", tmp_path / "in", "-o", tmp_path / "out", "--model", segmenter)
    assert answer.code == 0
    assert "[W_THICK_SLICES]" in answer.err
    (warning,) = facts_of(tmp_path / "out" / "in")["warnings"]
    assert warning["code"] == "W_THICK_SLICES"
    assert warning["text"] in (tmp_path / "out" / "in" / "report.html").read_text()


def test_39_missing_contrast(command: Command, segmenter: Path, tmp_path: Path) -> None:
    study(tmp_path / "in", without="t2w")
    answer = command("predict", tmp_path / "in", "-o", tmp_path / "out", "--model", segmenter)
    answer.verify(3, "E_CHANNEL", "channel t2w is missing")
    assert answer.errors[0]["file"] == str(tmp_path / "in")
    assert not list((tmp_path / "out").iterdir())


def test_43_a_pipe_named_outright(command: Command, segmenter: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t1c.nii.gz")
    call = ("predict", "--t1c", tmp_path / "t1c.nii.gz", "-o", tmp_path / "out", "--model", segmenter)
    command(*call).verify(3, "E_NOT_A_FILE", "t1c.nii.gz")


def probabilities(command: Command, picture: Path, model: Path, out: Path) -> dict[str, float]:
    assert command("predict", picture, "-o", out, "--model", model).code == 0
    found: dict[str, float] = facts_of(out / picture.stem)["classification"]["probabilities"]
    return found


def test_83_86_bits_and_rotation_change_nothing(command: Command, classifier: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6  # the camera was turned: show it a quarter turn clockwise
    Image.fromarray(GRAY).save(tmp_path / "control.png")
    Image.fromarray(GRAY.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray(np.rot90(GRAY).copy()).save(tmp_path / "turned.png", exif=exif)
    answers = [
        probabilities(command, tmp_path / f"{name}.png", classifier, tmp_path / "out")
        for name in ("control", "deep", "turned")
    ]
    assert answers[1] == pytest.approx(answers[0])
    assert answers[2] == pytest.approx(answers[0])


def test_93_color_noise(command: Command, classifier: Path, tmp_path: Path) -> None:
    Image.fromarray(RNG.integers(0, 255, (24, 20, 3), dtype=np.uint8)).save(tmp_path / "photo.png")
    Image.fromarray(np.dstack([GRAY] * 3)).save(tmp_path / "gray.png")
    command("predict", tmp_path / "photo.png", tmp_path / "gray.png", "-o", tmp_path / "out", "--model", classifier)
    codes = {
        name: {warning["code"] for warning in facts_of(tmp_path / "out" / name)["warnings"]}
        for name in ("photo", "gray")
    }
    assert codes == {"photo": {"W_GRAY", "W_COLORED"}, "gray": {"W_GRAY"}}
    assert "does not look like MRI" in (tmp_path / "out" / "photo" / "report.html").read_text()


def test_94_identity_in_a_picture_stays_there(command: Command, classifier: Path, tmp_path: Path) -> None:
    exif, text = Image.Exif(), PngInfo()
    exif[0x013B], exif[0x010E] = "DOE^JANE", "born 1970"
    text.add_text("Patient", "DOE^JANE")
    Image.fromarray(GRAY).save(tmp_path / "a.jpg", exif=exif)
    Image.fromarray(GRAY).save(tmp_path / "b.png", pnginfo=text, exif=exif)
    assert b"DOE^JANE" in (tmp_path / "a.jpg").read_bytes()
    answer = command("predict", tmp_path / "a.jpg", tmp_path / "b.png", "-o", tmp_path / "out", "--model", classifier)
    assert answer.code == 0
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(written) == 6, "two pages, two JSON files, the overview and the table"
    assert not [path for path in written if b"DOE" in path.read_bytes() or str(tmp_path).encode() in path.read_bytes()]
    assert "DOE" not in answer.out + answer.err


def test_95_hostile_names_are_escaped(command: Command, classifier: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, name in enumerate(HOSTILE):
        safe = name.replace("/", "\u2215")
        Image.fromarray(GRAY + np.uint8(number)).save(tmp_path / "x.png")
        (tmp_path / "x.png").rename(tmp_path / "in" / f"{safe}.png")
    answer = command("predict", tmp_path / "in", "--no-stack", "-o", tmp_path / "out", "--model", classifier)
    assert answer.code == 0
    assert answer.json["counts"]["done"] == len(HOSTILE)
    for text in (answer.out, answer.err):
        assert not [letter for letter in text if letter != "\n" and not letter.isprintable()]
    for page in (tmp_path / "out").rglob("*.html"):
        assert "<img src=x" not in page.read_text()
        assert "\x1b" not in page.read_text()
    names = {Path(case["inputs"][0]["path"]).stem for case in answer.json["cases"]}
    assert names == {name.replace("/", "\u2215") for name in HOSTILE}


def test_95_names_are_no_formulas(command: Command, tmp_path: Path) -> None:
    for folder in ("predicted", "wanted"):
        (tmp_path / folder).mkdir()
        Image.fromarray(GRAY // 128 * 255).save(tmp_path / folder / "=1+1_mask.png")
    answer = command("evaluate", tmp_path / "predicted", tmp_path / "wanted", "-o", tmp_path / "out")
    assert answer.code == 0
    with (tmp_path / "out" / "cases.csv").open() as table:
        assert [row["case"] for row in csv.DictReader(table)] == ["'=1+1"]


def test_96_masks_of_two_sizes_are_not_compared(command: Command, tmp_path: Path) -> None:
    for name, rows in (("predicted", 24), ("wanted", 20)):
        Image.fromarray(GRAY[:rows] // 128).save(tmp_path / f"{name}.png")
    command("evaluate", tmp_path / "predicted.png", tmp_path / "wanted.png").verify(3, "E_GRID", "predicted.png")


def test_104_the_rest_of_a_batch_is_done(command: Command, classifier: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "abc":
        Image.fromarray(GRAY).save(tmp_path / "in" / f"{name}.png")
    (tmp_path / "in" / "b.png").write_bytes((tmp_path / "in" / "b.png").read_bytes()[:99])
    call = ("predict", tmp_path / "in", tmp_path / "nowhere.png", "-o", tmp_path / "out", "--model", classifier)
    answer = command(*call)
    assert answer.code == 6
    assert answer.json["counts"] == {"done": 2, "kept": 0, "failed": 2}
    assert {f["case"]: f["code"] for f in answer.json["failed"]} == {"b": "E_DAMAGED", "nowhere.png": "E_MISSING"}
    assert "2 of 4 cases failed" in answer.err
    assert {path.parent.name for path in (tmp_path / "out").rglob("prediction.json")} == {"a", "c"}
    assert "b.png" not in [path.name for path in (tmp_path / "out").rglob("*")]


def test_104_all_failed(command: Command, classifier: Path, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(b"no picture")
    call = ("predict", tmp_path / "a.png", tmp_path / "b.png", "-o", tmp_path / "out", "--model", classifier)
    command(*call).verify(3, "E_CASES", "a (a.png): is text, not a picture [E_FORMAT]; b (b.png): is text")
