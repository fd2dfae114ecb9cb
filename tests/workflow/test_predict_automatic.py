"""Prediction without a named model: the choice per case, what is written of it, and running again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import gliascope
from gliascope.checkpoint import ModelFolder
from gliascope.cli import main
from gliascope.errors import ModelError, UsageError
from gliascope.scan import Grid, Scan
from gliascope.workflow import answering, model_choice, open_model
from gliascope.workflow.doctor import doctor
from gliascope.workflow.listing import list_models
from gliascope.workflow.predict import PredictOptions, predict_batch

CLASSES = ("glioma", "meningioma", "pituitary", "no_tumor")
FOUR = ("t1n", "t1c", "t2w", "t2f")


def plan(*channels: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any setting
    return {"channels": list(channels), "steps": [{"name": "fixed_range"}], **more}


@pytest.fixture(scope="module")
def zoo(make_model: Callable[..., ModelFolder], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of four models that call bright what is above 127.5 of 255, under the names that ship."""
    lgg = ("t1n", "t1c", "t2f")
    classify = {"task": "classify", "target": None, "classes": CLASSES, "outputs": 4}
    regions = {"mode": "regions", "scheme": "brats2023"}
    models: dict[str, dict[str, Any]] = {
        "mri-4class": {"dimensions": 2, "channels": ("gray",), "plan": plan("gray"), **classify},
        "t1c-tumor": {"dimensions": 2, "channels": ("t1c",), "plan": plan("t1c", gray_as_all=True, per_slice=True)},
        "lgg-flair": {"dimensions": 2, "channels": lgg, "plan": plan(*lgg, optional=["t1n", "t1c"])},
        "glioma-3d": {"dimensions": 3, "channels": FOUR, "plan": plan(*FOUR, optional=list(FOUR)), "outputs": 3},
    }
    models["glioma-3d"]["target"] = regions
    folder = tmp_path_factory.mktemp("package") / "zoo"
    folder.mkdir()
    for name, facts in models.items():
        shutil.copytree(make_model(name=name, **facts).path, folder / name)
    return folder


@pytest.fixture
def shipped(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(model_choice, "ZOO", zoo)
    return zoo


def gray(background: int, spot: int) -> NDArray[np.uint8]:
    array = np.full((64, 60), background, np.uint8)
    array[20:40, 20:40] = spot
    return array


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Return a folder with two gray pictures, a stack of LGG slices, and a study of one file."""
    root = tmp_path / "in"
    for name in ("pictures", "patient", "study"):
        (root / name).mkdir(parents=True)
    Image.fromarray(gray(140, 230)).save(root / "pictures" / "bright.png")
    Image.fromarray(gray(30, 230)).save(root / "pictures" / "dark.png")
    lgg = np.stack([gray(20, 240), gray(20, 250), gray(20, 240)], axis=-1)
    for number in (1, 2, 3):
        Image.fromarray(lgg).save(root / "patient" / f"TCGA_CS_4941_19960909_{number}.tif")
    volume = np.zeros((16, 16, 16), np.int16)  # air of exactly 0, as without a skull
    volume[2:12, 2:12, 2:12] = 100
    volume[4:9, 4:9, 4:9] = 900
    nib.Nifti1Image(volume, np.eye(4)).to_filename(root / "study" / "t2f.nii.gz")
    return root


def codes(facts: dict[str, Any]) -> set[str]:
    return {warning["code"] for warning in facts["warnings"]}


def test_each_case_of_a_batch_gets_its_model(shipped: Path, inputs: Path, tmp_path: Path) -> None:
    batch = predict_batch([inputs], tmp_path / "out", options=PredictOptions(stack=True))
    assert batch.failed == ()
    found = {facts["case"]: facts for facts in batch.done}
    named = {case: [model["name"] for model in facts["models"]] for case, facts in found.items()}
    assert named == {
        "patient": ["lgg-flair"],
        "pictures_bright": ["mri-4class", "t1c-tumor"],
        "pictures_dark": ["mri-4class", "t1c-tumor"],
        "study": ["glioma-3d"],
    }
    assert {case: facts["task"] for case, facts in found.items()} == {
        "patient": "segment",
        "pictures_bright": "cascade",
        "pictures_dark": "cascade",
        "study": "segment",
    }
    assert found["patient"]["choice"] == {
        "task": "auto",
        "input": "a stack of pictures (t1n, t2f, t1c)",
        "why": "The input is a stack of pictures (t1n, t2f, t1c): lgg-flair marks the tumor.",
    }
    assert found["study"]["segmentation"]["regions"]["WT"]["voxels"] == 125
    assert "W_CONTRAST_UNKNOWN" in codes(found["pictures_bright"])
    assert "W_CONTRAST_UNKNOWN" not in codes(found["patient"])
    missing = [w["text"] for w in found["study"]["warnings"] if w["code"] == "W_CHANNEL_MISSING"]
    assert missing == ["glioma-3d also reads t1n, t1c, t2w, and goes without: expect a weaker answer."]
    page = (tmp_path / "out" / "patient" / "report.html").read_text()
    assert found["patient"]["choice"]["why"] in page


def test_each_model_is_loaded_once(
    shipped: Path, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    def count(model: Path, *args: Any, **more: Any) -> Any:  # noqa: ANN401 - passes on
        loaded.append(model.name)
        return opened(model, *args, **more)

    opened = open_model.open_predictor
    monkeypatch.setattr(answering, "open_predictor", count)
    predict_batch([inputs], tmp_path / "out", options=PredictOptions(stack=False))
    assert sorted(loaded) == ["glioma-3d", "lgg-flair", "mri-4class", "t1c-tumor"]


def test_the_task_restricts_the_choice(shipped: Path, inputs: Path) -> None:
    picture = inputs / "pictures" / "bright.png"
    answers = {task: gliascope.predict(picture, task=task) for task in ("auto", "classify", "segment")}
    assert {task: answer.task for task, answer in answers.items()} == {
        "auto": "cascade",
        "classify": "classify",
        "segment": "segment",
    }
    assert answers["segment"].choice is not None
    assert answers["segment"].choice.task == "segment"
    with pytest.raises(ModelError, match="no shipped model classifies that") as told:
        gliascope.predict(inputs / "study", task="classify")
    assert (told.value.code, Path(told.value.file).name) == ("E_NO_MODEL", "t2f.nii.gz")


def test_a_named_model_overrides(shipped: Path, inputs: Path) -> None:
    answer = gliascope.predict(inputs / "pictures" / "bright.png", "t1c-tumor")
    assert answer.choice is None
    assert answer.as_json()["choice"] is None
    assert [model.facts.name for _, model in answer.models] == ["t1c-tumor"]


def test_channels_by_name_change_the_choice(shipped: Path, inputs: Path) -> None:
    picture = inputs / "pictures" / "bright.png"
    flair = gliascope.predict(picture, channels=("t2f",))
    assert [model.facts.name for _, model in flair.models] == ["lgg-flair"]
    named = gliascope.predict(picture, channels=("t1c",))
    assert named.task == "cascade"
    assert named.classification is not None
    assert named.classification.label == "glioma"
    assert "W_CONTRAST_UNKNOWN" not in {notice.code for notice in named.notices}


def test_a_stack_of_gray_pictures_is_classified_slice_by_slice(shipped: Path, tmp_path: Path) -> None:
    for number, background in enumerate((30, 140, 140, 30)):
        (tmp_path / "head").mkdir(exist_ok=True)
        Image.fromarray(gray(background, 230)).save(tmp_path / "head" / f"head_{number}.png")
    answer = gliascope.predict(tmp_path / "head")
    assert [model.facts.name for _, model in answer.models] == ["mri-4class", "t1c-tumor"]
    assert answer.as_json()["cascade"]["slices"] == ["no_tumor", "glioma", "glioma", "no_tumor"]
    assert answer.label_map is not None
    assert np.flatnonzero(answer.label_map.array.any(axis=(0, 1))).tolist() == [1, 2]


def test_four_named_volumes_of_one_file(shipped: Path, tmp_path: Path) -> None:
    volume = np.zeros((16, 16, 16, 2), np.int16)  # air of exactly 0, as without a skull
    volume[2:12, 2:12, 2:12] = 100
    volume[4:9, 4:9, 4:9] = 900
    nib.Nifti1Image(volume, np.eye(4)).to_filename(tmp_path / "BRATS_001.nii.gz")
    answer = gliascope.predict(tmp_path / "BRATS_001.nii.gz", channels=("t2f", "t1c"))
    assert [model.facts.name for _, model in answer.models] == ["glioma-3d"]


def test_scans_of_one_choice_get_the_same_predictor(shipped: Path) -> None:
    models = answering.answering("auto", "auto")
    scans = [Scan(np.full((1, 32, 32), value, np.float32), ("gray",), Grid((32, 32))) for value in (10, 200)]
    first, second = (models.for_scan(scan).predictor for scan in scans)
    assert first is second


def test_a_scan_from_memory_is_chosen_for(shipped: Path) -> None:
    scan = Scan(np.full((1, 32, 32), 200, np.float32), ("t2f",), Grid((32, 32)))
    assert [model.facts.name for _, model in gliascope.predict(scan).models] == ["lgg-flair"]


def test_disagreement_is_flagged(shipped: Path, inputs: Path, zoo: Path) -> None:
    dark = gliascope.predict(inputs / "pictures" / "dark.png", segment_all=True)
    assert dark.classification is not None
    assert dark.classification.label == "no_tumor"
    (text,) = [notice.text for notice in dark.notices if notice.code == "W_DISAGREE"]
    assert text == "Classified as no_tumor, but 400 pixels are segmented as tumor."
    skipped = gliascope.predict(inputs / "pictures" / "dark.png")
    assert skipped.as_json()["cascade"]["segmented"] is False
    assert "W_DISAGREE" not in {notice.code for notice in skipped.notices}


def test_a_class_without_a_mask_is_flagged(
    make_model: Callable[..., ModelFolder], zoo: Path, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gray_too = plan("t1c", gray_as_all=True)
    strict = make_model(2, name="strict", channels=("t1c",), plan=gray_too, inference={"threshold": 0.9999999})
    shutil.copytree(strict.path, tmp_path / "zoo" / "t1c-tumor")
    shutil.copytree(zoo / "mri-4class", tmp_path / "zoo" / "mri-4class")
    monkeypatch.setattr(model_choice, "ZOO", tmp_path / "zoo")
    answer = gliascope.predict(inputs / "pictures" / "bright.png")
    texts = [notice.text for notice in answer.notices if notice.code == "W_DISAGREE"]
    assert texts == ["The image is classified as glioma, but nothing is segmented."]


def test_segmenting_all_does_not_hinder_other_cases(shipped: Path, inputs: Path, tmp_path: Path) -> None:
    batch = predict_batch([inputs], tmp_path / "out", options=PredictOptions(segment_all=True))
    assert batch.failed == ()
    assert next(f for f in batch.done if f["case"] == "pictures_dark")["cascade"]["segmented"] is True


def test_running_again_keeps_what_the_same_models_chose(
    shipped: Path, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    predict_batch([inputs / "pictures"], out)
    again = predict_batch([inputs / "pictures"], out)
    assert (len(again.done), len(again.kept)) == (0, 2)
    with pytest.raises(UsageError, match="another result"):
        predict_batch([inputs / "pictures"], out, options=PredictOptions(task="segment"))
    (tmp_path / "zoo").mkdir()
    for name in ("mri-4class", "t1c-tumor"):
        shutil.copytree(shipped / name, tmp_path / "zoo" / name)
    facts = json.loads((tmp_path / "zoo" / "t1c-tumor" / "model.json").read_text())
    (tmp_path / "zoo" / "t1c-tumor" / "model.json").write_text(json.dumps({**facts, "version": "2"}))
    monkeypatch.setattr(model_choice, "ZOO", tmp_path / "zoo")
    with pytest.raises(UsageError, match="another result"):
        predict_batch([inputs / "pictures"], out)


def test_a_case_that_no_model_fits_does_not_stop_the_others(shipped: Path, inputs: Path, tmp_path: Path) -> None:
    batch = predict_batch([inputs], tmp_path / "out", options=PredictOptions(task="classify", stack=False))
    assert {failure["case"]: failure["code"] for failure in batch.failed} == {
        "study": "E_NO_MODEL",
        **{f"patient_TCGA_CS_4941_19960909_{number}": "E_NO_MODEL" for number in (1, 2, 3)},
    }
    assert {facts["case"] for facts in batch.done} == {"pictures_bright", "pictures_dark"}


def test_without_a_model_nothing_is_written(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_choice, "ZOO", tmp_path / "nowhere")
    with pytest.raises(ModelError, match="none ships") as told:
        predict_batch([inputs], tmp_path / "out")
    assert told.value.code == "E_NO_MODEL"
    assert not (tmp_path / "out").exists()


def test_what_has_no_effect_is_refused(shipped: Path, inputs: Path) -> None:
    with pytest.raises(UsageError, match="needs a classifier"):
        gliascope.predict(inputs / "pictures" / "dark.png", segmenter="t1c-tumor")
    with pytest.raises(UsageError, match="unknown task"):
        gliascope.predict(inputs / "pictures" / "dark.png", task="find")


def test_the_command_says_what_it_chose(
    shipped: Path, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["predict", str(inputs / "pictures"), "-o", str(tmp_path / "out")])
    assert left.value.code == 0
    told = capsys.readouterr()
    sentence = "mri-4class names the class, and t1c-tumor marks the tumor unless there is none."
    assert f"chosen for 2 cases: The input is a picture (gray): {sentence}" in " ".join(told.out.split())
    assert "W_CONTRAST_UNKNOWN" in told.err


def test_shipped_models_are_listed_with_input_and_figures(
    shipped: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gliascope.checkpoint import extend_model, load_model

    rows = {row["name"]: row for row in list_models()}
    assert rows["lgg-flair"]["input"] == "2-D: t2f, with or without t1n, t1c"
    assert rows["glioma-3d"]["input"] == "3-D: any of t1n, t1c, t2w, t2f"
    assert rows["mri-4class"]["purpose"].startswith("tells glioma")
    dice = {"value": 0.891, "ci95": [0.86, 0.92], "n": 90, "median": 0.9}
    accuracy = {"value": 0.95, "ci95": None, "n": 90}
    measured = {
        "t1c-tumor": {"cross_validation": {"rows": {"tumor": {"dice": dice, "hd95_mm": dice}}}},
        "mri-4class": {"cross_validation": {"rows": {"all": {"accuracy": accuracy}, "glioma": {"recall": accuracy}}}},
        "lgg-flair": {"tumor_dice": 0.8, "epoch": None},
    }
    for name, metrics in measured.items():
        extend_model(load_model(shipped / name), {}, {"metrics": metrics}, output=tmp_path / "zoo" / name)
    monkeypatch.setattr(model_choice, "ZOO", tmp_path / "zoo")
    with pytest.raises(SystemExit):
        main(["models"])
    out = " ".join(capsys.readouterr().out.split())
    assert "2-D: t1c tumor dice 0.891 (0.86–0.92) none" in out
    assert "2-D: gray all accuracy 0.95 none" in out
    assert "validation tumor_dice 0.8 none" in out
    assert "2-D: t1c" in out


def test_the_doctor_finds_a_changed_model(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor()["models"] == dict.fromkeys(("glioma-3d", "lgg-flair", "mri-4class", "t1c-tumor"), "whole")
    shutil.copytree(shipped, tmp_path / "zoo")
    card = tmp_path / "zoo" / "lgg-flair" / "README.md"
    card.write_text(card.read_text() + "changed")
    monkeypatch.setattr(model_choice, "ZOO", tmp_path / "zoo")
    found = doctor()
    assert found["models"]["lgg-flair"].startswith("README.md is not the file")
    assert found["models"]["t1c-tumor"] == "whole"
    (fault,) = [fault for fault in found["missing"] if "lgg-flair" in fault["what"]]
    assert "Install" in fault["fix"]
