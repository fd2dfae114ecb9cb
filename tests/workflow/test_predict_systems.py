"""Predicting with votes and cascades, from named folders and from system folders; PyTorch is not needed."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import gliascope
from gliascope.checkpoint import ModelFolder, SystemFolder, save_system
from gliascope.errors import ModelError, UsageError
from gliascope.workflow.check import check
from gliascope.workflow.listing import list_models
from gliascope.workflow.predict import PredictOptions, predict_batch

Make = Callable[..., ModelFolder]
GRAY: dict[str, Any] = {
    "channels": ("gray",),
    "plan": {"channels": ["gray"], "steps": [{"name": "fixed_range", "minimum": 0, "maximum": 255}]},
}
CLASSES = ("glioma", "no_tumor")


def voter(make_model: Make, name: str, classes: tuple[str, ...] = CLASSES) -> ModelFolder:
    """Return a classifier that calls bright pictures by its first class."""
    return make_model(2, outputs=2, task="classify", target=None, classes=classes, name=name, **GRAY)


@pytest.fixture(scope="module")
def net(make_model: Make) -> ModelFolder:
    return make_model(2, name="net", **GRAY)


@pytest.fixture(scope="module")
def vote(make_model: Make, tmp_path_factory: pytest.TempPathFactory) -> SystemFolder:
    members = [voter(make_model, "one"), voter(make_model, "contrary", CLASSES[::-1]), voter(make_model, "three")]
    return save_system(tmp_path_factory.mktemp("s") / "v", "tiny-vote", "vote", [("voter", each) for each in members])


@pytest.fixture(scope="module")
def cascade(vote: SystemFolder, net: ModelFolder, tmp_path_factory: pytest.TempPathFactory) -> SystemFolder:
    folder = tmp_path_factory.mktemp("s") / "c"
    return save_system(folder, "tiny-cascade", "cascade", [("classifier", vote), ("segmenter", net)])


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Write a bright and a dark picture, each with a brighter spot."""
    for name, background in (("bright", 160), ("dark", 40)):
        pixels = np.full((40, 32), background, np.uint8)
        pixels[10:18, 8:20] = 250
        pixels[0, 0] = 0
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{name}.png")
    return tmp_path / "in"


def by_case(batch: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - a Batch
    return {facts["case"]: facts for facts in batch.cases}


def test_a_cascade_answers_both_questions(cascade: SystemFolder, pictures: Path, tmp_path: Path) -> None:
    found = by_case(predict_batch([pictures], tmp_path / "out", options=PredictOptions(model=cascade.path)))
    bright, dark = found["bright"], found["dark"]
    assert bright["task"] == dark["task"] == "cascade"
    assert [(m["role"], m["name"]) for m in bright["models"]] == [("classifier", "tiny-vote"), ("segmenter", "net")]
    assert [m["name"] for m in bright["models"][0]["members"]] == ["one", "contrary", "three"]
    assert bright["classification"]["label"] == "glioma"
    assert [vote["label"] for vote in bright["classification"]["votes"]] == ["glioma", "no_tumor", "glioma"]
    assert bright["segmentation"]["regions"]["tumor"]["voxels"] == 40 * 32 - 1
    assert bright["cascade"] == {"segmented": True, "slices": []}
    assert dark["classification"]["label"] == "no_tumor"
    assert dark["segmentation"]["regions"]["tumor"]["voxels"] == 0
    assert dark["cascade"] == {"segmented": False, "slices": []}
    assert not np.asarray(Image.open(tmp_path / "out" / "dark" / "mask.png")).any(), "a negative has an empty mask"
    page = (tmp_path / "out" / "dark" / "report.html").read_text()
    assert "nothing was segmented" in page
    assert "2 of 3 models say so." in page
    assert "not segmented" in (tmp_path / "out" / "index.html").read_text()


def test_two_named_folders_are_the_same_cascade(
    cascade: SystemFolder, vote: SystemFolder, net: ModelFolder, pictures: Path, tmp_path: Path
) -> None:
    named = PredictOptions(model=vote.path, segmenter=net.path)
    first = predict_batch([pictures], tmp_path / "out", options=named)
    assert len(first.done) == 2
    again = predict_batch([pictures], tmp_path / "out", options=PredictOptions(model=cascade.path))
    assert len(again.kept) == 2, "the same models: what is complete is kept"
    for other in (
        PredictOptions(model=vote.path, segmenter=net.path, segment_all=True),
        PredictOptions(model=vote.path),
        PredictOptions(model=cascade.path, task="segment"),
    ):
        with pytest.raises(UsageError, match="another result"):
            predict_batch([pictures / "dark.png"], tmp_path / "out", options=other)


def test_every_image_is_segmented_on_demand(cascade: SystemFolder, pictures: Path) -> None:
    prediction = gliascope.predict(pictures / "dark.png", model=cascade.path, segment_all=True)
    assert prediction.classification is not None
    assert prediction.label_map is not None
    assert prediction.classification.label == "no_tumor"
    assert int(prediction.label_map.array.sum()) == 96
    facts = prediction.as_json()
    assert [w["text"] for w in facts["warnings"] if w["code"] == "W_DISAGREE"] == [
        "Classified as no_tumor, but 96 pixels are segmented as tumor."
    ]
    assert facts["options"]["segment_all"] is True
    assert "96 pixels are segmented" in prediction.page()


def test_one_part_of_a_cascade_answers_alone(cascade: SystemFolder, pictures: Path) -> None:
    classified = gliascope.predict(pictures / "bright.png", model=cascade.path, task="classify")
    assert (classified.task, classified.label_map, classified.model.facts.name) == ("classify", None, "tiny-vote")
    assert isinstance(classified.probabilities, dict)
    segmented = gliascope.predict(pictures / "dark.png", model=cascade.path, task="segment")
    assert (segmented.task, segmented.classification, segmented.model.facts.name) == ("segment", None, "net")
    assert segmented.label_map is not None
    both = gliascope.predict(pictures / "bright.png", model=cascade.path)
    assert both.model.facts.name == "tiny-vote"
    assert np.asarray(both.probabilities).shape == (1, 32, 40)


def test_options_stand_only_where_they_act(vote: SystemFolder, net: ModelFolder, pictures: Path) -> None:
    picture = pictures / "dark.png"
    with pytest.raises(UsageError, match="--segment-all acts on a classifier with a segmenter"):
        gliascope.predict(picture, model=vote.path, segment_all=True)
    with pytest.raises(UsageError, match="does not fit task 'classify'"):
        gliascope.predict(picture, model=vote.path, segmenter=net.path, task="classify")
    with pytest.raises(ModelError, match="can segment, not classify"):
        gliascope.predict(picture, model=net.path, segmenter=net.path)
    with pytest.raises(ModelError, match="can classify, not segment"):
        gliascope.predict(picture, model=vote.path, segmenter=vote.path)


def test_probability_maps_of_a_cascade_are_the_segmenters(
    cascade: SystemFolder, pictures: Path, tmp_path: Path
) -> None:
    options = PredictOptions(model=cascade.path, probabilities=True)
    predict_batch([pictures], tmp_path / "out", options=options)
    assert (tmp_path / "out" / "bright" / "probability_tumor.nii.gz").is_file()


def test_check_opens_every_member(cascade: SystemFolder, tmp_path: Path) -> None:
    report = check([cascade.path])
    assert [item.text for item in report.checked] == [
        "tiny-cascade (cascade of 4 models), 16 files as its hashes say",
    ]
    recipe = tmp_path / "pair.toml"
    text = 'name = "pair"\nsource = "gliascope"\ndescription = "d"\ncombine = "cascade"\n'
    recipe.write_text(f'{text}members = ["demo-classify", "demo-segment"]\n')
    assert [item.text for item in check([recipe]).checked] == ["cascade of demo-classify, demo-segment"]
    recipe.write_text(f'{text}members = ["demo-classify", "nowhere"]\n')
    assert check([recipe]).exit_code == 4


def test_a_shipped_system_is_listed(cascade: SystemFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gliascope.workflow.listing.shipped_models", lambda: {"tiny-cascade": cascade.path})
    (row,) = list_models()
    assert (row["task"], row["channels"], row["members"]) == ("cascade", ["gray"], ["tiny-vote", "net"])


def test_a_cascade_needs_no_torch(cascade: SystemFolder, pictures: Path) -> None:
    code = f"""
import sys
sys.modules["torch"] = None
import gliascope
facts = gliascope.predict({str(pictures / "bright.png")!r}, model={str(cascade.path)!r}).as_json()
assert facts["classification"]["label"] == "glioma", facts
assert facts["engine"]["backend"] == "openvino"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_command_takes_two_models(vote: SystemFolder, net: ModelFolder, pictures: Path, tmp_path: Path) -> None:
    from gliascope.cli import main

    models = ["--model", str(vote.path), "--segmenter", str(net.path), "--segment-all"]
    with pytest.raises(SystemExit) as left:
        main(["predict", str(pictures), "-o", str(tmp_path / "out"), *models, "--json", str(tmp_path / "a.json")])
    assert left.value.code == 0
    cases = json.loads((tmp_path / "a.json").read_text())["cases"]
    assert [case["cascade"]["segmented"] for case in cases] == [True, True]
