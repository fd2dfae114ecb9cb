import dataclasses
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from gliascope.checkpoint import MODEL_FILE, ModelFolder
from gliascope.errors import GeometryError, MachineError, ModelError, Notice
from gliascope.inference.postprocess import temper
from gliascope.inference.predictor import Classification, Predictor, Segmentation
from gliascope.scan import Grid, Scan

Array = NDArray[np.float32]
MakeModel = Callable[..., ModelFolder]


def scan_of(array: Array, channels: tuple[str, ...] = ("t2f",)) -> Scan:
    return Scan(array.astype(np.float32), channels, Grid(array.shape[1:]))


def volume(shape: tuple[int, ...] = (9, 11, 6)) -> Array:
    return np.random.Generator(np.random.Philox(key=1)).uniform(0.2, 0.8, (1, *shape)).astype(np.float32)


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-logits)))


def test_a_volume_comes_back_on_its_own_grid(threshold_3d: ModelFolder) -> None:
    array = volume()
    stored = Grid((6, 9, 11))
    notice = Notice("W_ODD", "scan.nii.gz", "Odd.")
    scan = dataclasses.replace(scan_of(array), stored=stored, notices=(notice,))
    before = array.copy()
    result = Predictor(threshold_3d).predict(scan)
    assert isinstance(result, Segmentation)
    np.testing.assert_array_equal(scan.array, before)
    np.testing.assert_array_equal(result.label_map.array, array[0] > 0.5)
    np.testing.assert_allclose(result.probabilities, sigmoid(20 * (array.astype(float) - 0.5)), atol=1e-5)
    assert result.label_map.grid is scan.grid
    assert result.label_map.stored is stored
    assert result.channels == ("tumor",)
    assert result.notices == (), "the scan keeps its own notices"
    assert set(result.timing_s) == {"preprocess", "infer", "postprocess"}
    assert all(seconds >= 0 for seconds in result.timing_s.values())


def test_channels_are_taken_by_name(threshold_3d: ModelFolder) -> None:
    flair = volume()
    scan = scan_of(np.concatenate([np.ones_like(flair), flair]), ("t1n", "t2f"))
    swapped = scan_of(np.concatenate([flair, np.ones_like(flair)]), ("t2f", "t1n"))
    predictor = Predictor(threshold_3d)
    for one in (scan, swapped):
        result = predictor.predict(one)
        assert isinstance(result, Segmentation)
        np.testing.assert_array_equal(result.label_map.array, flair[0] > 0.5)
    with pytest.raises(GeometryError, match="channel t2f is missing"):
        predictor.predict(scan_of(flair, ("t1n",)))


@pytest.mark.parametrize("window", [None, [8, 8], [4, 6]])
def test_a_2d_network_reads_a_volume_slice_by_slice(make_model: MakeModel, window: list[int] | None) -> None:
    model = make_model(2, inference={"window": window, "batch_size": 4})
    array = volume((9, 11, 7))
    array[..., 3] = 0
    told: list[tuple[int, int]] = []
    result = Predictor(model).predict(scan_of(array), progress=lambda done, total: told.append((done, total)))
    assert isinstance(result, Segmentation)
    np.testing.assert_array_equal(result.label_map.array, array[0] > 0.5)
    assert told[-1][0] == told[-1][1]
    assert told[-1][1] % 6 == 0, "the empty slice is skipped"


def test_a_2d_network_reads_a_picture(make_model: MakeModel) -> None:
    array = volume((9, 11, 1))[..., 0]
    result = Predictor(make_model(2)).predict(scan_of(array))
    assert isinstance(result, Segmentation)
    np.testing.assert_array_equal(result.label_map.array, array[0] > 0.5)


def test_a_3d_network_refuses_a_picture(threshold_3d: ModelFolder) -> None:
    with pytest.raises(GeometryError, match="is one picture"):
        Predictor(threshold_3d).predict(scan_of(volume((9, 11, 1))[..., 0]))


def test_per_slice_plans_are_undone_per_slice(make_model: MakeModel) -> None:
    plan = {"channels": ["t2f"], "steps": [{"name": "min_max"}, {"name": "pad", "multiple_of": 8}], "per_slice": True}
    array = volume((9, 11, 4))
    array *= np.array([1, 10, 100, 1000], np.float32)
    result = Predictor(make_model(2, plan=plan)).predict(scan_of(array))
    assert isinstance(result, Segmentation)
    low, high = array[0].min(axis=(0, 1)), array[0].max(axis=(0, 1))
    np.testing.assert_array_equal(result.label_map.array, (array[0] - low) / (high - low) > 0.5)


def test_the_whole_image_is_padded_to_the_divisor(make_model: MakeModel) -> None:
    array = volume((9, 11, 6))
    result = Predictor(make_model(3, inference={"divisor": 8})).predict(scan_of(array))
    assert isinstance(result, Segmentation)
    np.testing.assert_array_equal(result.label_map.array, array[0] > 0.5)


def test_what_a_crop_removes_is_background(make_model: MakeModel) -> None:
    plan = {"channels": ["t2f"], "steps": [{"name": "crop_fixed", "start": [2, 2, 1], "stop": [7, 9, 5]}]}
    target = {"mode": "classes", "scheme": "lgg"}
    array = volume((9, 11, 6)) + np.float32(1)
    model = make_model(3, outputs=2, plan=plan, target=target)
    result = Predictor(model).predict(scan_of(array))
    assert isinstance(result, Segmentation)
    assert result.channels == ("background", "TUMOR")
    np.testing.assert_allclose(result.probabilities.sum(axis=0), 1, atol=1e-6)
    outside = np.ones(array.shape[1:], dtype=bool)
    outside[2:7, 2:9, 1:5] = False
    assert (result.probabilities[0][outside] == 1).all()
    assert (result.label_map.array[outside] == 0).all()


def test_small_parts_are_removed_from_mask_and_probabilities(make_model: MakeModel) -> None:
    array = np.full((1, 9, 9, 9), 0.1, np.float32)
    array[0, 1:4, 1:4, 1:4] = 0.9
    array[0, 7, 7, 7] = 0.9
    result = Predictor(make_model(3, inference={"min_component_voxels": 5})).predict(scan_of(array))
    assert isinstance(result, Segmentation)
    assert result.label_map.array.sum() == 27
    assert result.probabilities[0, 7, 7, 7] == 0


@pytest.mark.parametrize(
    "inference",
    [{}, {"threshold": 0.7}, {"window": [6, 6, 6], "overlap": 0.5, "mirror": True, "min_component_voxels": 3}],
)
@pytest.mark.parametrize("mode", ["regions", "classes"])
def test_a_temperature_changes_probabilities_and_no_mask(
    make_model: MakeModel, inference: dict[str, Any], mode: str
) -> None:
    array = volume()
    target = {"mode": mode, "scheme": "lgg"}
    outputs = 1 if mode == "regions" else 2
    plain, cooled = (
        Predictor(
            make_model(3, outputs=outputs, target=target, inference=inference, temperature=temperature),
            precision="fp32",
        ).predict(scan_of(array))
        for temperature in (None, 4.0)
    )
    assert isinstance(plain, Segmentation)
    assert isinstance(cooled, Segmentation)
    assert 0 < plain.label_map.array.sum() < plain.label_map.array.size
    np.testing.assert_array_equal(cooled.label_map.array, plain.label_map.array)
    expected = temper(plain.probabilities, 4.0, exclusive=mode == "classes")
    np.testing.assert_allclose(cooled.probabilities, expected, atol=1e-5)
    if not inference and mode == "regions":
        np.testing.assert_allclose(cooled.probabilities, sigmoid(5 * (array.astype(float) - 0.5)), atol=1e-5)


def test_the_threshold_decides_the_mask(make_model: MakeModel) -> None:
    model = make_model(3, inference={"threshold": 0.7})
    result = Predictor(model, precision="fp32").predict(scan_of(volume()))
    assert isinstance(result, Segmentation)
    np.testing.assert_array_equal(result.label_map.array, result.probabilities[0] > 0.7)


def test_temperatures_must_fit_the_outputs(make_model: MakeModel) -> None:
    classes = {"outputs": 4, "task": "classify", "target": None, "classes": CLASSES}
    Predictor(make_model(3, temperature=(2.0,)))
    with pytest.raises(ModelError, match="2 temperatures for the outputs tumor"):
        Predictor(make_model(3, temperature=(2.0, 1.0)))
    with pytest.raises(ModelError, match="4 temperatures for the outputs glioma"):
        Predictor(make_model(2, temperature=(1.0,) * 4, **classes))


def test_mirroring_averages_and_changes_nothing_that_is_symmetric(make_model: MakeModel) -> None:
    array = volume()
    plain = Predictor(make_model(3)).predict(scan_of(array))
    mirrored = Predictor(make_model(3, inference={"mirror": True})).predict(scan_of(array))
    assert isinstance(plain, Segmentation)
    assert isinstance(mirrored, Segmentation)
    np.testing.assert_allclose(mirrored.probabilities, plain.probabilities, atol=1e-6)


def test_left_and_right_alone_are_turned_round(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = Predictor(make_model(3, inference={"mirror": True}))
    places = np.arange(1, 9, dtype=np.float32) / 10
    image = np.full((1, 8, 8, 8), 1.0, np.float32)
    for axis, expected in ((0, np.full(8, places.mean())), (1, places), (2, places)):
        ramp = np.expand_dims(places, [n for n in range(5) if n != axis + 2])
        monkeypatch.setattr(predictor, "_run", lambda batch, ramp=ramp: batch * ramp)
        found = np.moveaxis(predictor.answer(image)[0], axis, 0)[:, 0, 0]
        np.testing.assert_allclose(found, expected, atol=1e-6)


# --- classification ----------------------------------------------------------------------------------------------

CLASSES = ("glioma", "meningioma", "pituitary", "no_tumor")


def classify(make_model: MakeModel, brightness: float, **inference: object) -> Classification:
    model = make_model(2, outputs=4, task="classify", target=None, classes=CLASSES, inference=inference)
    result = Predictor(model).predict(scan_of(np.full((1, 8, 8), brightness, np.float32)))
    assert isinstance(result, Classification)
    return result


@pytest.mark.parametrize("mirror", [False, True])
def test_the_most_probable_class_is_named(make_model: MakeModel, mirror: bool) -> None:
    result = classify(make_model, 0.6, mirror=mirror)
    logits = 20 * 0.1 / np.arange(1, 5)
    expected = np.exp(logits) / np.exp(logits).sum()
    assert tuple(result.probabilities) == CLASSES
    np.testing.assert_allclose(list(result.probabilities.values()), expected, atol=1e-5)
    assert (result.label, result.abstained, result.reason) == ("glioma", False, "")


def test_an_unsure_classifier_abstains(make_model: MakeModel) -> None:
    result = classify(make_model, 0.5, abstain_below=0.6)
    assert result.label is None
    assert result.abstained
    assert result.reason == "The highest probability, 0.250, is below 0.6."
    assert not classify(make_model, 0.5).abstained


def test_a_temperature_changes_confidence_and_no_class(make_model: MakeModel) -> None:
    scan = scan_of(np.full((1, 8, 8), 0.6, np.float32))
    classes = {"outputs": 4, "task": "classify", "target": None, "classes": CLASSES}
    inference = {"abstain_below": 0.4}
    plain, cooled = (
        Predictor(make_model(2, temperature=temperature, inference=inference, **classes), precision="fp32").predict(
            scan
        )
        for temperature in (None, 3.0)
    )
    assert isinstance(plain, Classification)
    assert isinstance(cooled, Classification)
    logits = 20 * 0.1 / np.arange(1, 5) / 3
    np.testing.assert_allclose(list(cooled.probabilities.values()), np.exp(logits) / np.exp(logits).sum(), atol=1e-5)
    assert max(cooled.probabilities, key=lambda name: cooled.probabilities[name]) == plain.label == "glioma"
    assert cooled.abstained, "honest confidence is what counts against the limit"


def test_a_classifier_refuses_a_volume(make_model: MakeModel) -> None:
    model = make_model(2, outputs=4, task="classify", target=None, classes=CLASSES)
    with pytest.raises(GeometryError, match="a volume of 6 slices"):
        Predictor(model).predict(scan_of(volume()))


# --- models that contradict themselves ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"channels": ("t1n",)}, "says channels t1n, and its plan reads t2f"),
        ({"plan": {"channels": ["t2f"], "stps": []}}, "plan.stps: unknown name"),
        ({"target": {"mode": "regions", "scheme": "lgg9"}}, "unknown label scheme"),
        ({"inference": {"windw": 3}}, "inference.windw: unknown name"),
        ({"inference": {"window": [8, 8]}}, "window of 2 axes for a 3-D network"),
        ({"inference": {"overlap": 1.0}}, "inference.overlap"),
        ({"target": {"mode": "regions", "scheme": "brats2023"}}, r"returns \[\?,1,\?,\?,\?\]"),
        ({"plan": {"channels": ["t2f"], "steps": [{"name": "replicate", "channels": 3}]}}, r"takes \[\?,1,\?,\?,\?\]"),
    ],
)
def test_p6_contradictions_are_refused(make_model: MakeModel, changes: dict[str, object], cause: str) -> None:
    with pytest.raises(ModelError, match=cause) as caught:
        Predictor(make_model(3, **changes))
    assert caught.value.exit_code == 4


def test_p6_a_changed_file_is_found_by_the_predictor(make_model: MakeModel) -> None:
    folder = make_model(3).path
    (folder / "openvino" / "model.xml").write_text("<net/>")
    with pytest.raises(ModelError, match="SHA-256"):
        Predictor(folder)
    (folder / MODEL_FILE).unlink()
    with pytest.raises(ModelError, match=r"holds no model\.json"):
        Predictor(str(folder))


def test_p4_too_little_memory_is_said_beforehand(threshold_3d: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = Predictor(threshold_3d)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1000))
    with pytest.raises(MachineError, match="MiB of memory") as caught:
        predictor.predict(scan_of(volume()))
    assert caught.value.exit_code == 5


# --- without PyTorch, without network ----------------------------------------------------------------------------


def test_prediction_needs_no_torch_and_no_network(threshold_3d: ModelFolder, tmp_path: Path) -> None:
    script = f"""
        import sys

        for name in ("torch", "lightning"):
            sys.modules[name] = None  # importing it fails
        events = []
        sys.addaudithook(
            lambda event, args: events.append(event) if event in ("socket.connect", "os.fork", "os.exec") else None
        )

        import numpy as np
        from gliascope.inference.predictor import Predictor
        from gliascope.scan import Grid, Scan

        array = np.linspace(0, 1, 8**3, dtype=np.float32).reshape(1, 8, 8, 8)
        result = Predictor({str(threshold_3d.path)!r}).predict(Scan(array, ("t2f",), Grid((8, 8, 8))))
        assert (result.label_map.array == (array[0] > 0.5)).all()
        assert "openvino" in sys.modules
        assert not events, events
        print("done")
    """
    home = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False, env=home
    )
    assert done.stdout.strip() == "done", done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache"], "nothing else is left in the home folder"


def test_pictures_together_get_the_answers_they_get_alone(make_model: MakeModel) -> None:
    """Two sizes, one picture that fails, and more than one pass."""
    facts = {"task": "classify", "target": None, "classes": ("glioma", "no_tumor")}
    predictor = Predictor(make_model(2, outputs=2, **facts))
    rng = np.random.Generator(np.random.Philox(key=5))
    scans = [scan_of(rng.random((8, 8 if number % 5 else 12), dtype=np.float32)[np.newaxis]) for number in range(43)]
    scans[7] = scan_of(volume((8, 8, 2)))  # a classifier of pictures takes no volume
    answers = predictor.predict_all(scans)
    assert len(answers) == len(scans)
    for number, (scan, answer) in enumerate(zip(scans, answers, strict=True)):
        if number == 7:
            assert isinstance(answer, GeometryError)
            continue
        alone = predictor.predict(scan)
        assert isinstance(answer, Classification)
        assert isinstance(alone, Classification)
        assert answer.label == alone.label
        np.testing.assert_allclose(list(answer.raw.values()), list(alone.raw.values()), atol=1e-6)
