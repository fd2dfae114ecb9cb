"""From recipe to page: a gate is fitted on a training's pictures, told on the card, and named where it abstains."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gliascope.checkpoint import ModelFacts, ModelFolder
from gliascope.datasets.phantom_picture import phantom_picture
from gliascope.errors import ConfigError, InputError
from gliascope.inference.gate import GateFacts
from gliascope.settings import load_settings
from gliascope.workflow.model_card import model_card
from gliascope.workflow.predict import PredictOptions, predict_batch

CLASSES = ("glioma", "no_tumor")
SMALL = ("dataset.patients=36", "dataset.size=64", "gate.invented_per_kind=4", "gate.networks=1", "gate.hidden=4")


def pictures(folder: Path) -> Path:
    """Write a head, a black picture, noise and a color picture."""
    folder.mkdir()
    random = np.random.default_rng(4)
    Image.fromarray(phantom_picture(5, "glioma", 96, plane="axial")[0]).save(folder / "head.png")
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(folder / "black.png")
    Image.fromarray(random.integers(0, 256, (80, 80), dtype=np.uint8)).save(folder / "noise.png")
    flower = random.integers(0, 256, (80, 80, 3), dtype=np.uint8) // np.array([1, 3, 9], np.uint8)
    Image.fromarray(flower).save(folder / "flower.png")
    return folder


def test_json_and_page_say_why(gated: ModelFolder, tmp_path: Path) -> None:
    options = PredictOptions(model=gated.path)
    batch = predict_batch([pictures(tmp_path / "in")], tmp_path / "out", options=options)
    assert not batch.failed
    told = {}
    for name in ("head", "black", "noise", "flower"):
        facts = json.loads((tmp_path / "out" / name / "prediction.json").read_text())
        told[name] = facts["classification"]
        page = (tmp_path / "out" / name / "report.html").read_text()
        assert ("Cannot tell" in page) == told[name]["abstained"]
        assert told[name]["reason"].split("(")[0].strip() in page
        assert set(told[name]["probabilities"]) == set(CLASSES)
        assert facts["options"]["gate"] is True
    assert told["head"]["label"] in CLASSES
    assert told["black"]["reason"] == "The picture is one flat value."
    assert told["noise"]["label"] is None
    assert told["flower"]["reason"] == "The picture is colored, as photos are."


def test_overruled_the_gate_is_not_asked_and_blank_is_an_error_again(gated: ModelFolder, tmp_path: Path) -> None:
    options = PredictOptions(model=gated.path, gate=False)
    batch = predict_batch([pictures(tmp_path / "in")], tmp_path / "out", options=options)
    assert [(each["case"], each["code"]) for each in batch.failed] == [("black", "E_BLANK")]
    assert all(case["classification"]["label"] in CLASSES for case in batch.done)


def test_the_card_tells_what_is_turned_away(phantom_gate: GateFacts) -> None:
    facts = ModelFacts(
        name="gated",
        task="classify",
        dimensions=2,
        channels=("gray",),
        network={"name": "customcnn"},
        plan={"channels": ["gray"]},
        classes=CLASSES,
        gate=phantom_gate.model_dump(mode="json"),
    )
    card = model_card(facts)
    assert "## What it turns away" in card
    assert f"| validation, altered | {phantom_gate.measured['altered']:.2%} |" in card


@pytest.mark.train
def test_a_recipe_fits_a_gate_on_its_own_pictures(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from gliascope.config import read_recipe
    from gliascope.workflow.divide import divide
    from gliascope.workflow.fit_gate import fitted_gate
    from gliascope.workflow.progress import silent
    from gliascope.workflow.training_data import TrainingData

    config = read_recipe("demo-classify", SMALL)
    material = TrainingData(config, tmp_path / "data", tmp_path / "cache", 1, silent)
    _, parts = divide(material, material.cases(), config.split, fold=None, by_patient=False, earlier=None)
    facts = fitted_gate(config, parts)
    assert facts is not None
    assert load_settings(GateFacts, facts).pictures == len(parts.train)
    assert fitted_gate(read_recipe("demo-classify", SMALL[:2]), parts) is None
    few = read_recipe("demo-classify", (*SMALL, "gate.pictures=5"))
    with pytest.raises(InputError, match="5 pictures to fit a gate"):
        fitted_gate(few, parts)


@pytest.mark.train
def test_a_gate_needs_a_classifier_of_pictures() -> None:
    pytest.importorskip("torch")
    from gliascope.config import read_recipe

    with pytest.raises(ConfigError, match="judges pictures before a classifier"):
        read_recipe("demo-segment", ("gate.networks=2",))
