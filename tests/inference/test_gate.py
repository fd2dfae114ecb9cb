"""The gate before a classifier: what it says, in which words, and which facts it refuses."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.checkpoint import ModelFolder
from gliascope.datasets.phantom_other import other_picture
from gliascope.datasets.phantom_picture import phantom_picture
from gliascope.errors import ModelError
from gliascope.inference.cascade import Cascade
from gliascope.inference.gate import Gate, GateFacts
from gliascope.inference.predictor import Classification, Predictor
from gliascope.scan import Grid, Scan

CLASSES = ("glioma", "no_tumor")
Make = Callable[..., ModelFolder]


def scan_of(array: NDArray[Any], *names: str) -> Scan:
    values = np.asarray(array, np.float32)
    values = values if values.ndim == 3 else values[None]
    return Scan(values, names or ("gray",), Grid(values.shape[1:]))


def head(seed: int = 3) -> NDArray[np.uint8]:
    return phantom_picture(seed, "no_tumor", 96, plane="axial")[0]


def answer(model: ModelFolder, scan: Scan, *, gate: bool = True) -> Classification:
    found = Predictor(model, gate=gate).predict(scan)
    assert isinstance(found, Classification)
    return found


def test_a_head_gets_a_class(gated: ModelFolder) -> None:
    found = answer(gated, scan_of(head()))
    assert found.label in CLASSES
    assert not found.foreign


def test_noise_gets_none_and_keeps_its_probabilities(gated: ModelFolder) -> None:
    noise = scan_of(np.random.default_rng(1).random((90, 80)))
    found = answer(gated, noise)
    assert (found.label, found.abstained, found.foreign) == (None, True, True)
    assert found.reason.startswith("It is noise")
    assert "at least" in found.reason
    assert sum(found.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    overruled = answer(gated, noise, gate=False)
    assert overruled.label in CLASSES
    assert overruled.probabilities == found.probabilities


def test_a_flat_picture_is_named_so(gated: ModelFolder) -> None:
    for value in (0, 128, 255):
        found = answer(gated, scan_of(np.full((60, 60), value)))
        assert found.foreign
        assert found.reason == "The picture is one flat value."


@pytest.mark.parametrize(
    ("kind", "words"),
    [("text", "drawn or written|No head|several things"), ("photo", "No head|fills the picture|does not look like")],
)
def test_the_reason_names_what_is_unlike(phantom_gate: GateFacts, kind: str, words: str) -> None:
    gate = Gate(phantom_gate)
    reasons = [gate.reason(scan_of(other_picture(seed, kind, 128)), ("gray",)) for seed in range(6)]
    told = [reason for reason in reasons if reason]
    assert len(told) >= 5
    import re

    assert sum(bool(re.search(words, reason)) for reason in told) >= 4


def test_a_colored_picture_is_named_so(phantom_gate: GateFacts) -> None:
    colors = np.random.default_rng(2).random((3, 40, 40)) * np.array([200, 90, 20])[:, None, None]
    told = Gate(phantom_gate).reason(scan_of(colors, "red", "green", "blue"), ("gray",))
    assert told == "The picture is colored, as photos are."
    gray = np.repeat(head()[None], 3, axis=0)
    assert Gate(phantom_gate).reason(scan_of(gray, "red", "green", "blue"), ("gray",)) == ""


def test_air_of_ct_is_named_so(phantom_gate: GateFacts) -> None:
    units = head().astype(np.float32) - 1000
    assert "air in CT" in Gate(phantom_gate).reason(scan_of(units), ("gray",))


def test_nothing_is_segmented_where_there_is_no_brain(gated: ModelFolder, make_model: Make) -> None:
    segmenter = Predictor(
        make_model(2, channels=("gray",), plan={"channels": ["gray"], "steps": [{"name": "min_max"}]})
    )
    noise = scan_of(np.random.default_rng(1).random((64, 64)))
    found = Cascade(Predictor(gated), segmenter).predict(noise)
    assert (found.classification.foreign, found.segmented) == (True, False)
    assert not found.segmentation.label_map.array.any()
    assert Cascade(Predictor(gated), segmenter, segment_all=True).predict(noise).segmented


def test_a_volume_of_noise_is_no_brain_and_one_odd_slice_is_no_reason(gated: ModelFolder, make_model: Make) -> None:
    segmenter = Predictor(
        make_model(2, channels=("gray",), plan={"channels": ["gray"], "steps": [{"name": "min_max"}]})
    )
    cascade = Cascade(Predictor(gated), segmenter, segment_all=False)
    noise = np.random.default_rng(1).random((96, 96, 4)).astype(np.float32) * 255
    found = cascade.predict(Scan(noise[None], ("gray",), Grid(noise.shape)))
    assert found.classification.reason.startswith("4 of 4 slices show no brain MRI.")
    assert not found.segmented
    mixed = np.stack([*(head(seed).astype(np.float32) for seed in range(3)), noise[..., 0]], axis=-1)
    found = cascade.predict(Scan(mixed[None], ("gray",), Grid(mixed.shape)))
    assert not found.classification.foreign
    assert found.slices[3] is None


def _with(facts: dict[str, Any], **changes: object) -> dict[str, Any]:
    return {**facts, **changes}


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda f: _with(f, limit=2.0), "gate.limit"),
        (lambda f: _with(f, features=f["features"][1:]), "features of another version"),
        (lambda f: _with(f, center=f["center"][1:]), "center and scale need"),
        (lambda f: _with(f, scale=[0.0] * len(f["scale"])), "above 0"),
        (lambda f: _with(f, networks=[]), "gate.networks"),
        (lambda f: _with(f, networks=[_with(f["networks"][0], output=[1.0])]), "biases and output need"),
        (lambda f: _with(f, networks=[_with(f["networks"][0], weights=[[1.0]])]), "weights need"),
        (lambda f: _with(f, nets=1), "gate.nets"),
        (lambda f: {k: v for k, v in f.items() if k != "seed"}, "gate.seed"),
    ],
)
def test_damaged_facts_are_refused_by_name(
    make_model: Make, phantom_gate: GateFacts, damage: Callable[[dict[str, Any]], dict[str, Any]], named: str
) -> None:
    facts = damage(phantom_gate.model_dump(mode="json"))
    broken = make_model(2, outputs=2, task="classify", target=None, classes=CLASSES, gate=facts)
    with pytest.raises(ModelError, match=named):
        Predictor(broken)


def test_a_gate_belongs_to_a_classifier_of_pictures(make_model: Make, phantom_gate: GateFacts) -> None:
    with pytest.raises(ValueError, match="classifies pictures"):
        make_model(2, gate=phantom_gate.model_dump(mode="json"))
