"""The temperature: fitted on validation alone, stored with the model, and without influence on any answer."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.special import expit

from gliascope.checkpoint import ModelFolder, load_model
from gliascope.errors import MachineError
from gliascope.files import atomic
from gliascope.inference.predictor import Predictor
from gliascope.metrics.calibration import negative_log_likelihood
from gliascope.preprocess.cache import CacheEntry
from gliascope.preprocess.targets import UNKNOWN
from gliascope.workflow import ship_model
from gliascope.workflow.calibrate import FEWEST_PATIENTS, FEWEST_PICTURES, calibrate
from gliascope.workflow.model_card import model_card
from gliascope.workflow.progress import silent
from gliascope.workflow.train import TrainedRun

MakeModel = Callable[..., ModelFolder]

CLASSES = ("glioma", "meningioma", "pituitary", "no_tumor")
TUMOR = {"mode": "regions", "scheme": "lgg"}


def entry(folder: Path, number: int, image: NDArray[Any], **known: Any) -> CacheEntry:  # noqa: ANN401 - fields
    """Write one prepared case as the cache has it; 2-D images get a slice axis."""
    path = folder / f"{number}.safetensors"
    tensors = {"image": image.astype(np.float16)}
    target = known.pop("target", None)
    if target is not None:
        tensors["target"] = target.astype(np.uint8)
    layout = known.get("layout", "volume")
    shape = image.shape[1:] if layout == "slices" else image.shape
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, path)
    fixed = {"case_id": f"c{number}", "patient": None, "label": None, "path": path, "layout": layout}
    count = len(image) if layout == "slices" else 1
    return CacheEntry(**{**fixed, "count": count, "shape": shape, "has_target": target is not None, **known})


def heads(folder: Path, count: int, *, slope: float, outputs: int = 1, seed: int = 1) -> list[CacheEntry]:
    """Return volumes in which tumor is as likely as a sigmoid with this slope says; a margin of 0 lies outside."""
    draw = np.random.Generator(np.random.Philox(key=seed))
    found = []
    for number in range(count):
        image = np.zeros((1, 20, 20, 20))
        image[:, 2:-2, 2:-2, 2:-2] = draw.uniform(0.01, 0.99, (1, 16, 16, 16))
        image = image.astype(np.float16).astype(float)
        target = draw.random((outputs, 20, 20, 20)) < expit(slope * (image - 0.5))
        found.append(entry(folder, number, image, target=target & (image != 0)))
    return found


def pictures(folder: Path, count: int, *, right: float, seed: int = 1) -> list[CacheEntry]:
    """Return pictures of one brightness each; the model says the first class above 0.5, the last below."""
    draw = np.random.Generator(np.random.Philox(key=seed))
    found = []
    for number in range(count):
        brightness = draw.uniform(0.3, 0.7)
        answer = CLASSES[0] if brightness > 0.5 else CLASSES[-1]
        label = answer if draw.random() < right else CLASSES[1]
        known = {"label": label, "layout": "slices"}
        found.append(entry(folder, number, np.full((1, 1, 8, 8), brightness), **known))
    return found


def predictor(make_model: MakeModel, dimensions: int = 3, **facts: Any) -> Predictor:  # noqa: ANN401 - facts
    return Predictor(make_model(dimensions, **facts), precision="fp32")


def classifier(make_model: MakeModel) -> Predictor:
    return predictor(make_model, 2, outputs=4, task="classify", target=None, classes=CLASSES)


def test_the_temperature_of_a_region_is_found(make_model: MakeModel, tmp_path: Path) -> None:
    """The model's slope is 20; where honest is 8, the temperature is 2.5."""
    found = calibrate(predictor(make_model, target=TUMOR), heads(tmp_path, 6, slope=8.0), seed=3)
    assert isinstance(found.temperature, tuple)
    assert found.temperature == pytest.approx((2.5,), rel=0.05)
    assert found.facts is not None
    row = found.facts["rows"]["tumor"]
    assert row["temperature"] == found.temperature[0]
    assert row["after"]["nll"] < row["before"]["nll"]
    assert row["after"]["ece"] < 0.02 < row["before"]["ece"]
    assert (found.facts["cases"], found.facts["unit"], found.facts["n"]) == (6, "voxel", 6 * 16**3)
    assert found.notices == ()
    json.dumps(found.facts, allow_nan=False)


def test_every_region_has_its_own(make_model: MakeModel, tmp_path: Path) -> None:
    """Outputs have slopes 20, 10 and 20/3; the truth has 5 for all."""
    target = {"mode": "regions", "scheme": "brats2023"}
    model = predictor(make_model, outputs=3, target=target)
    found = calibrate(model, heads(tmp_path, 6, slope=5.0, outputs=3), seed=3)
    assert found.temperature == pytest.approx((4.0, 2.0, 4 / 3), rel=0.05)


def test_what_is_unknown_is_left_out(make_model: MakeModel, tmp_path: Path) -> None:
    target = {"mode": "regions", "scheme": "brats2023"}
    model = predictor(make_model, outputs=3, target=target)
    known = heads(tmp_path, 6, slope=5.0, outputs=3)
    others = []
    for number in range(6, 12):
        image = known[number - 6].image()
        mask = np.full((3, 20, 20, 20), UNKNOWN)
        mask[0] = known[number - 6].target()[0]
        others.append(entry(tmp_path, number, image, target=mask))
    found = calibrate(model, [*known, *others], seed=3)
    assert found.temperature == pytest.approx((4.0, 2.0, 4 / 3), rel=0.05)
    alone = calibrate(model, others, seed=3)
    assert alone.temperature == pytest.approx((4.0, 1.0, 1.0), rel=0.05)
    assert alone.facts is not None
    assert alone.facts["rows"]["TC"]["before"] == {"ece": None, "nll": None}
    json.dumps(alone.facts, allow_nan=False)


def test_classes_of_voxels_share_one(make_model: MakeModel, tmp_path: Path) -> None:
    model = predictor(make_model, outputs=2, target={"mode": "classes", "scheme": "lgg"})
    found = calibrate(model, heads(tmp_path, 6, slope=-5.0), seed=3)
    assert found.temperature == pytest.approx(2.0, rel=0.05), "background has slope 20, tumor 10"


def test_the_temperature_of_a_classifier_is_found(make_model: MakeModel, tmp_path: Path) -> None:
    model = classifier(make_model)
    entries = pictures(tmp_path, 120, right=0.7)
    found = calibrate(model, entries, seed=3)
    assert isinstance(found.temperature, float)
    reference = [CLASSES.index(str(each.label)) for each in entries]
    raw = np.array([model.answer(each.image(0)) for each in entries])
    assert found.facts is not None
    assert found.facts["rows"]["all"]["before"]["nll"] == pytest.approx(negative_log_likelihood(raw, reference))
    losses = {t: nll(raw, reference, t) for t in (found.temperature, 0.9 * found.temperature, 1.1 * found.temperature)}
    assert min(losses, key=lambda t: losses[t]) == found.temperature
    assert found.facts["rows"]["all"]["after"]["nll"] == pytest.approx(losses[found.temperature], rel=1e-4)


def nll(raw: NDArray[Any], reference: Sequence[int], temperature: float) -> float:
    powers = raw.astype(float) ** (1 / temperature)
    return negative_log_likelihood(powers / powers.sum(axis=1, keepdims=True), reference)


def test_where_validation_says_too_little_it_stays_one(make_model: MakeModel, tmp_path: Path) -> None:
    region = predictor(make_model, target=TUMOR)
    few = heads(tmp_path, FEWEST_PATIENTS - 1, slope=8.0)
    one = [entry(tmp_path, 50 + n, np.ones((1, 4, 4, 4)), target=np.ones((1, 4, 4, 4)), patient="p") for n in range(9)]
    kinds = {
        "4 validation patients of the 5": (region, few),
        "1 validation patient of the 5": (region, one),
        "29 validation pictures of the 30": (
            classifier(make_model),
            pictures(tmp_path, FEWEST_PICTURES - 1, right=0.7),
        ),
    }
    for cause, (model, entries) in kinds.items():
        found = calibrate(model, entries, seed=1)
        assert found.temperature is None
        (notice,) = found.notices
        assert notice.code == "W_NOT_CALIBRATED"
        assert cause in notice.text


def test_where_nothing_limits_it_it_stays_one(make_model: MakeModel, tmp_path: Path) -> None:
    region = predictor(make_model, target=TUMOR)
    images = [each.image() for each in heads(tmp_path, 5, slope=1.0)]
    for cause, target in {
        "every answer is right": [image > 0.5 for image in images],
        "is of one kind": [image > 5 for image in images],
        "the best one lies beyond 20": [(image < 0.5) & (image != 0) for image in images],
    }.items():
        entries = [entry(tmp_path, n, image, target=t) for n, (image, t) in enumerate(zip(images, target, strict=True))]
        found = calibrate(region, entries, seed=1)
        assert found.temperature is None
        assert cause in found.notices[0].text
        assert found.notices[0].text.startswith("The temperature of tumor stays 1")
        assert found.facts is not None
        assert found.facts["rows"]["tumor"]["temperature"] == 1.0


def test_what_is_looked_at_depends_on_the_seed_and_is_bounded(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gliascope.workflow.calibrate.VOXELS", 5000)
    monkeypatch.setattr("gliascope.workflow.calibrate.VOLUMES", 5)
    model = predictor(make_model, target=TUMOR)
    entries = heads(tmp_path, 7, slope=8.0)
    first, again, other = (calibrate(model, entries, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.temperature != other.temperature
    assert first.facts is not None
    assert first.facts["n"] == 5000


@pytest.mark.train
def test_a_training_stores_the_temperature_of_its_validation_cases(classify_run: TrainedRun) -> None:
    facts = load_model(classify_run.model).facts
    assert isinstance(facts.temperature, float)
    assert facts.calibration is not None
    assert facts.calibration["part"] == "validation"
    assert facts.calibration["cases"] == classify_run.facts["cases"]["validation"]
    row = facts.calibration["rows"]["all"]
    assert row["after"]["nll"] <= row["before"]["nll"]
    card = (classify_run.model / "README.md").read_text()
    assert f"| all | {facts.temperature:.3g} |" in card
    assert facts.parity is not None


@pytest.mark.train
def test_a_training_with_too_few_validation_cases_says_so(segment_run: TrainedRun) -> None:
    facts = load_model(segment_run.model).facts
    assert facts.temperature is None
    assert facts.calibration is not None
    assert facts.calibration["rows"] == {}
    assert "W_NOT_CALIBRATED" in {warning["code"] for warning in segment_run.facts["warnings"]}
    assert "not fitted" in (segment_run.model / "README.md").read_text()


def test_the_card_tells_of_a_leaking_split(make_model: MakeModel) -> None:
    clean = make_model(3).facts
    assert "leaks" not in model_card(clean)
    leakage = {
        **{"allowed": True, "test_cases": 1311, "leaking_test_cases": 800, "kinds": {"pixels": 700, "mirror": 100}},
        **{"validation_cases": 500, "leaking_validation_cases": 0},
    }
    card = model_card(clean.model_copy(update={"training": {"leakage": leakage}}))
    assert "knows 800 of 1,311 test cases already (pixels 700, mirror 100)" in card
    assert "validation cases already" not in card


@pytest.mark.train
def test_a_machine_that_cannot_calibrate_keeps_the_training(
    segment_run: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MachineError("the GPU's memory is full")

    monkeypatch.setattr(ship_model, "calibrate", refuse)
    found = ship_model._calibrated(load_model(segment_run.model), [], {}, seed=0, progress=silent)
    assert (found.temperature, found.facts) == (None, None)
    assert "memory is full" in found.notices[0].text


@pytest.mark.train
def test_a_model_folder_from_before_still_predicts(segment_run: TrainedRun, tmp_path: Path) -> None:
    """Model folders without the new keys are read as they are."""
    folder = tmp_path / "old"
    folder.mkdir()
    for path in segment_run.model.rglob("*"):
        target = folder / path.relative_to(segment_run.model)
        if path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    tree = json.loads((folder / "model.json").read_text())
    del tree["calibration"], tree["temperature"]
    atomic.write_json(folder / "model.json", tree)
    assert Predictor(load_model(folder)).folder.facts.temperature is None
