"""Explanations: the right slice, maps in the right place, every picture written, every absence said."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gliascope.checkpoint import ModelFolder
from gliascope.errors import GeometryError, InputError, MachineError, ModelError, UsageError
from gliascope.inference.predictor import Predictor
from gliascope.labels import SCHEMES
from gliascope.scan import Grid, LabelMap, Scan
from gliascope.workflow import extras
from gliascope.workflow.explain import explain
from gliascope.workflow.slice_insides import slice_insides
from gliascope.workflow.train import TrainedRun

pytestmark = pytest.mark.train

SaveNetwork = Callable[..., ModelFolder]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "slice.png"
    values = np.random.default_rng(5).integers(0, 255, (48, 40), dtype=np.uint8)
    Image.fromarray(values).save(path)
    return path


def check_whole(folder: Path) -> dict[str, Any]:
    """Check that JSON, page and pictures agree, and return the JSON."""
    facts: dict[str, Any] = json.loads((folder / "explain.json").read_text())
    page = (folder / "report.html").read_text()
    names = {each["file"] for each in facts["pictures"]}
    assert names == {path.name for path in folder.glob("*.png")}
    for each in facts["pictures"]:
        assert (folder / each["file"]).read_bytes().startswith(b"\x89PNG")
        assert each["caption"] in page
    assert page.count("data:image/png") == len(names)
    for model in facts["models"]:
        assert {each["file"] for each in model["maps"]} <= names
        assert all(reason.replace("'", "&#39;") in page for reason in model["absent"].values())
    return facts


def test_a_classifier_on_a_picture(classify_run: TrainedRun, picture: Path, tmp_path: Path) -> None:
    found = explain(classify_run.folder, picture, tmp_path / "out")
    facts = check_whole(tmp_path / "out")
    assert facts == found.facts
    (model,) = facts["models"]
    assert model["segmentation"] is None
    assert [(each["kind"], each["name"]) for each in model["maps"]] == [
        ("gradcam", name) for name in model["classification"]["probabilities"]
    ]
    assert model["filters"] == {
        "layer": "features.0",
        "kind": "convolution",
        "count": 96,
        "channels": 3,
        "size": [9, 9],
    }
    assert model["absent"] == {"attention": "The network has no attention layers that span the whole image."}
    assert facts["slice"] is None
    with pytest.raises(UsageError, match="exists"):
        explain(classify_run.folder, picture, tmp_path / "out")
    with pytest.raises(UsageError, match="volumes"):
        explain(classify_run.folder, picture, tmp_path / "other", slice_number=1)
    explain(classify_run.folder, picture, tmp_path / "out", layer="features.4", overwrite=True)
    assert check_whole(tmp_path / "out")["models"][0]["maps"][0]["layer"] == "features.4"
    with pytest.raises(UsageError, match="no layer 'nine'"):
        explain(classify_run.folder, picture, tmp_path / "other", layer="nine")
    assert not (tmp_path / "other").exists()


def test_models_side_by_side_on_a_volume(
    segment_run: TrainedRun, save_network: SaveNetwork, study: Path, tmp_path: Path
) -> None:
    flat = save_network("flat", {"name": "unet", "width": 2, "depth": 1})
    mask = next(study.glob("*seg*"))
    found = explain(
        segment_run.folder, study, tmp_path / "out", beside=(flat.path, flat.path), reference=mask, scheme="brats2023"
    )
    facts = check_whole(tmp_path / "out")
    assert [model["name"] for model in facts["models"]] == [segment_run.facts["name"], "flat", "flat-2"]
    assert [each["kind"] for each in facts["pictures"]][:2] == ["input", "reference"]
    assert facts["reference"] == {"file": mask.name, "scheme": "brats2023", "regions": ["WT", "TC", "ET"]}
    for model in facts["models"]:
        assert set(model["segmentation"]["dice"]) == set(model["segmentation"]["regions"])
        assert model["absent"] == {"attention": "The network has no attention gates."}
    assert found.facts["slice"]["of"] == 24
    explain(flat.path, study, tmp_path / "given", slice_number=7)
    assert check_whole(tmp_path / "given")["slice"] == {"number": 7, "of": 24, "chosen": "given"}
    with pytest.raises(UsageError, match="no slice 25"):
        explain(flat.path, study, tmp_path / "other", slice_number=25)
    with pytest.raises(UsageError, match="no model here classifies"):
        explain(flat.path, study, tmp_path / "other", layer="head")


def test_the_model_that_an_input_does_not_fit_is_named(
    classify_run: TrainedRun, save_network: SaveNetwork, picture: Path, tmp_path: Path
) -> None:
    flat = save_network("flat", {"name": "unet", "width": 2, "depth": 1})
    with pytest.raises(InputError, match="does not fit model 'flat'"):
        explain(classify_run.folder, picture, tmp_path / "out", beside=(flat.path,))


def test_the_slice_with_the_most_tumor_is_chosen(make_model: Callable[..., ModelFolder], tmp_path: Path) -> None:
    from gliascope.workflow.explain import _slice

    labels = np.zeros((6, 6, 9), np.uint8)
    labels[1:3, 1:3, 2], labels[1:5, 1:5, 6] = 1, 1
    grid = Grid((6, 6, 9))
    scan = Scan(np.zeros((1, 6, 6, 9), np.float32), ("t2f",), grid)
    mask, empty = (LabelMap(own, SCHEMES["lgg"], grid) for own in (labels, np.zeros_like(labels)))
    assert _slice(scan, None, {"a": empty, "b": mask}, None)[1] == {
        "number": 7, "of": 9, "chosen": "most tumor predicted by b",
    }  # fmt: skip
    assert _slice(scan, None, {"a": empty}, mask)[1] == {"number": 7, "of": 9, "chosen": "most tumor in the reference"}
    assert _slice(scan, None, {"a": empty}, None)[1] == {
        "number": 5, "of": 9, "chosen": "middle; no tumor is predicted",
    }  # fmt: skip
    with pytest.raises(UsageError, match="one slice"):
        _slice(scan, None, {}, None)


def test_a_transformer_shows_its_rollout_and_says_so(save_network: SaveNetwork, picture: Path, tmp_path: Path) -> None:
    vit = {"name": "vit", "image": 32, "patch": 8, "dim": 8, "layers": 2, "heads": 2, "feedforward": 8}
    plan = {"channels": ["gray"], "steps": [{"name": "resize", "size": [32, 32]}]}
    model = save_network("vit", vit, task="classify", channels=("gray",), plan=plan)
    explain(model.path, picture, tmp_path / "out")
    (told,) = check_whole(tmp_path / "out")["models"]
    assert [(each["kind"], each["size"]) for each in told["maps"]] == [("rollout", [4, 4])]
    assert told["filters"] == {"layer": "embed", "kind": "patches", "count": 8, "channels": 1, "size": [8, 8]}
    assert "rollout stands in" in told["absent"]["gradcam"]


@pytest.mark.parametrize("oriented", [True, False])
def test_maps_come_back_to_their_place(save_network: SaveNetwork, *, oriented: bool) -> None:
    """A patch that alone is bright draws the Grad-CAM of its class to itself, through plan and turns of the picture."""
    cnn = {"name": "customcnn"}
    plan = {"channels": ["t2f"], "steps": [{"name": "resize", "size": [128, 128]}]}
    model = save_network("cnn", cnn, task="classify", plan=plan)
    values = np.zeros((1, 64, 48, 3), np.float32)
    values[0, 40:60, 4:20, 1] = 50.0
    grid = Grid.from_affine((64, 48, 3), np.eye(4)) if oriented else Grid((64, 48, 3))
    scan = Scan(values, ("t2f",), grid)
    predictor = Predictor(model, backend="torch")
    found = slice_insides(predictor, scan, 1)
    alone = slice_insides(predictor, scan.slice_picture(1), None)
    for (own, led), (same, flat) in zip(found.maps, alone.maps, strict=True):
        assert led.shape == (64, 48)
        np.testing.assert_array_equal(own.native, same.native)
        np.testing.assert_array_equal(led, flat[::-1, ::-1] if oriented else flat)


def test_a_segmenter_of_pictures_looks_at_a_volume_as_pictures_lie(save_network: SaveNetwork) -> None:
    inputs = {"cases": 1, "kinds": {"stack": 1}, "stripped": 0.0, "sides": [16, 16]}
    inputs |= {"head_share": [0.0, 1.0], "zero_share": [0.0, 1.0]}
    model = save_network("flat", {"name": "unet_attention", "width": 2}, statistics={"inputs": inputs})
    values = np.random.default_rng(3).random((1, 32, 32, 3), dtype=np.float32)
    scan = Scan(values, ("t2f",), Grid.from_affine((32, 32, 3), np.eye(4)))
    predictor = Predictor(model, backend="torch")
    found, alone = slice_insides(predictor, scan, 1), slice_insides(predictor, scan.slice_picture(1), None)
    assert found.maps
    for (_, led), (_, flat) in zip(found.maps, alone.maps, strict=True):
        np.testing.assert_allclose(led, flat[::-1, ::-1], atol=1e-6)


def test_a_slice_that_the_plan_leaves_out_is_refused(save_network: SaveNetwork) -> None:
    plan = {"channels": ["t2f"], "steps": [{"name": "crop_center", "size": [8, 8, 2]}]}
    model = save_network("cropped", {"name": "unet", "width": 2, "depth": 1}, plan=plan)
    scan = Scan(np.ones((1, 12, 12, 6), np.float32), ("t2f",), Grid((12, 12, 6)))
    predictor = Predictor(model, backend="torch")
    assert slice_insides(predictor, scan, 3).absent
    with pytest.raises(GeometryError, match="leaves slice 6 out"):
        slice_insides(predictor, scan, 5)


def test_references_of_stacks_and_wrong_ones(save_network: SaveNetwork, tmp_path: Path) -> None:
    stack = tmp_path / "stack"
    stack.mkdir()
    for number in range(9, 12):
        values = np.random.default_rng(number).integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(values).save(stack / f"a_{number}.png")
        mask = np.zeros((16, 16), np.uint8)
        mask[2 : 2 + 4 * (number == 10), 4:9] = 255
        Image.fromarray(mask).save(stack / f"a_{number}_mask.png")
    model = save_network("three", {"name": "unet", "width": 2, "depth": 1}, channels=("red", "green", "blue"))
    explain(model.path, stack, tmp_path / "out", reference=stack)
    facts = check_whole(tmp_path / "out")
    assert facts["slice"]["of"] == 3
    assert facts["reference"]["regions"] == ["tumor"]
    assert facts["models"][0]["segmentation"]["dice"] is None
    with pytest.raises(GeometryError, match="not on the grid"):
        explain(model.path, stack, tmp_path / "o", reference=stack / "a_9_mask.png")
    with pytest.raises(InputError, match="does not exist"):
        explain(model.path, stack, tmp_path / "o", reference=stack / "none.png")
    with pytest.raises(InputError, match="holds 3 cases"):
        explain(model.path, stack, tmp_path / "o", stack=False)


def test_without_pytorch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, picture: Path, tmp_path: Path) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(MachineError, match="torch") as fault:
        explain("any", picture, tmp_path / "out")
    assert 'pip install "gliascope[train]"' in fault.value.hint
    assert fault.value.exit_code == 5


def test_a_system_names_its_members(save_network: SaveNetwork, picture: Path, tmp_path: Path) -> None:
    from gliascope.checkpoint import save_system

    cnn = {"name": "customcnn"}
    members = [save_network(name, cnn, task="classify", channels=("gray",)) for name in ("one", "two")]
    system = save_system(tmp_path / "vote", "vote", "vote", [("voter", member) for member in members])
    with pytest.raises(ModelError, match="system") as fault:
        explain(system.path, picture, tmp_path / "out")
    assert "members/one" in fault.value.hint
