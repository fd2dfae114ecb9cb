import hashlib
import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save

from gliascope.checkpoint import (
    CARD_FILE,
    MODEL_FILE,
    WEIGHTS_FILE,
    ModelFacts,
    ModelFolder,
    extend_model,
    load_model,
    save_model,
)
from gliascope.errors import ModelError, UsageError

WEIGHTS: dict[str, NDArray[Any]] = {
    "conv.weight": np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 3, 2, 2),
    "conv.bias": np.array([0.1, 1e-9], dtype=np.float32),
    "steps": np.array(7, dtype=np.int64),
}


def facts(**changes: object) -> ModelFacts:
    known: dict[str, Any] = {
        "name": "tiny",
        "task": "segment",
        "dimensions": 2,
        "channels": ("t2f",),
        "network": {"name": "unet"},
        "plan": {"channels": ["t2f"]},
        "target": {"mode": "regions", "scheme": "lgg"},
    }
    return ModelFacts(**(known | changes))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_model(tmp_path / "model", WEIGHTS, facts(), "# Tiny\n").path


def rehash(folder: Path, name: str = WEIGHTS_FILE) -> None:
    """Record the hash of a changed file, as someone who forges a folder would."""
    tree = json.loads((folder / MODEL_FILE).read_text())
    tree["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / MODEL_FILE).write_text(json.dumps(tree))


def change_facts(folder: Path, **changes: object) -> None:
    tree = json.loads((folder / MODEL_FILE).read_text())
    (folder / MODEL_FILE).write_text(json.dumps(tree | changes))


def test_what_is_saved_is_loaded(folder: Path) -> None:
    model = load_model(folder)
    weights = model.weights()
    assert weights.keys() == WEIGHTS.keys()
    for name, array in WEIGHTS.items():
        assert weights[name].dtype == array.dtype
        assert weights[name].shape == array.shape
        np.testing.assert_array_equal(weights[name], array)
    assert model.facts.channels == ("t2f",)
    assert (folder / CARD_FILE).read_text() == "# Tiny\n"
    assert sorted(model.facts.files) == [CARD_FILE, WEIGHTS_FILE]


def test_same_model_same_bytes_same_fingerprint(tmp_path: Path) -> None:
    first = save_model(tmp_path / "a", WEIGHTS, facts(), "card")
    second = save_model(tmp_path / "b", dict(reversed(WEIGHTS.items())), facts(), "card")
    other = save_model(tmp_path / "c", WEIGHTS | {"conv.bias": np.zeros(2, np.float32)}, facts(), "card")
    assert first.fingerprint == second.fingerprint != other.fingerprint
    assert (tmp_path / "a" / WEIGHTS_FILE).read_bytes() == (tmp_path / "b" / WEIGHTS_FILE).read_bytes()


def test_half_rounds_and_returns_float32(tmp_path: Path) -> None:
    model = save_model(tmp_path / "half", WEIGHTS, facts(), "card", half=True)
    assert model.weights()["conv.weight"].dtype == np.float32
    np.testing.assert_array_equal(model.weights()["conv.weight"], WEIGHTS["conv.weight"].astype(np.float16))


def test_half_refuses_what_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'big' has 1 of 1 values that are NaN or infinite"):
        save_model(tmp_path / "half", {"big": np.array([[1e9]], np.float32)}, facts(), "card", half=True)
    assert not (tmp_path / "half").exists()


def test_existing_folder_is_kept(folder: Path) -> None:
    before = (folder / MODEL_FILE).read_bytes()
    with pytest.raises(UsageError):
        save_model(folder, {"w": np.ones(1, np.float32)}, facts(), "other")
    assert (folder / MODEL_FILE).read_bytes() == before


def test_undefined_figure_becomes_null(tmp_path: Path) -> None:
    model = save_model(tmp_path / "model", WEIGHTS, facts(metrics={"dice": float("nan"), "n": 3}), "card")
    assert model.facts.metrics == {"dice": None, "n": 3}


def test_weights_must_be_finite(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'w' has 1 of 2 values"):
        save_model(tmp_path / "model", {"w": np.array([1, np.nan])}, facts(), "card")
    with pytest.raises(ModelError, match="no weights"):
        save_model(tmp_path / "model", {}, facts(), "card")
    assert list(tmp_path.iterdir()) == []


def test_facts_must_name_the_outputs() -> None:
    with pytest.raises(ValueError, match="needs 'target'"):
        facts(target=None)
    with pytest.raises(ValueError, match="needs 'classes'"):
        facts(task="classify")
    with pytest.raises(ValueError, match="name"):
        facts(name="../escape")


# --- a folder that was changed, one way per row ------------------------------------------------------------------


class Canary:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, int]]:
        return os.open, (str(self.path), os.O_CREAT | os.O_WRONLY)


def canary(folder: Path) -> bytes:
    return pickle.dumps(Canary(folder.parent / "canary"))


def torch_zip(folder: Path) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", canary(folder))
    return file.getvalue()


def raw(header: dict[str, Any] | str, data: bytes) -> bytes:
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(start: int, stop: int, kind: str = "U8") -> dict[str, Any]:
    return {"dtype": kind, "shape": [(stop - start) // {"U8": 1, "F32": 4}[kind]], "data_offsets": [start, stop]}


GOOD = save({"w": np.ones(50, np.float32)})
WEIGHT_FAULTS: dict[str, tuple[Callable[[Path], bytes], str, str]] = {
    "truncated": (lambda _: GOOD[:-10], "cut off: 190 of 200 bytes", "E_TRUNCATED"),
    "truncated in the header": (lambda _: GOOD[:20], "cut off", "E_TRUNCATED"),
    "seven bytes": (lambda _: GOOD[:7], "cut off", "E_TRUNCATED"),
    "header of 2^64": (lambda _: b"\xff" * 8 + GOOD[8:], "claims a header of 18446744073709551615", "E_WEIGHTS"),
    "trailing bytes": (lambda _: GOOD + b"x" * 3, "3 bytes after its last weight", "E_WEIGHTS"),
    "NaN": (lambda _: save({"w": np.array([1, np.nan, 3], np.float32)}), "'w' has 1 of 3 values", "E_NAN"),
    "infinite": (lambda _: save({"w": np.array([np.inf], np.float16)}), "'w' has 1 of 1 values", "E_NAN"),
    "pickle": (canary, "can run code", "E_PICKLE"),
    "torch zip": (torch_zip, "can run code", "E_PICKLE"),
    "numpy": (lambda _: b"\x93NUMPY\x01\x00" + b" " * 100, "can run code", "E_PICKLE"),
    "404 page": (lambda _: b"\n<!DOCTYPE html><title>404</title>", "is a web page", "E_WEIGHTS"),
    "LFS pointer": (lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "LFS pointer", "E_WEIGHTS"),
    "empty": (lambda _: b"", "is empty", "E_WEIGHTS"),
    "text": (lambda _: b"Entry not found in this bucket", "is no safetensors file", "E_WEIGHTS"),
    "overlap": (lambda _: raw({"a": entry(0, 8), "b": entry(4, 8)}, b"0" * 8), "hole or an overlap", "E_WEIGHTS"),
    "hole": (lambda _: raw({"a": entry(0, 4), "b": entry(6, 8)}, b"0" * 8), "hole or an overlap", "E_WEIGHTS"),
    "double name": (
        lambda _: raw(f'{{"a": {json.dumps(entry(0, 4))}, "a": {json.dumps(entry(0, 4))}}}', b"0000"),
        "a name stands twice",
        "E_WEIGHTS",
    ),
    "unknown type": (
        lambda _: raw({"a": {"dtype": "C64", "shape": [1], "data_offsets": [0, 8]}}, b"0" * 8),
        "'C64'",
        "E_WEIGHTS",
    ),
    "wrong shape": (
        lambda _: raw({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, b"0" * 8),
        "does not fit its bytes",
        "E_WEIGHTS",
    ),
    "negative offset": (
        lambda _: raw({"a": {"dtype": "U8", "shape": [2], "data_offsets": [-1, 1]}}, b"00"),
        "no whole number",
        "E_WEIGHTS",
    ),
    "entry without shape": (lambda _: raw({"a": {"dtype": "U8"}}, b"0"), "broken header", "E_WEIGHTS"),
    "entry is a number": (lambda _: raw({"a": 3}, b"0"), "broken header", "E_WEIGHTS"),
    "header is not JSON": (lambda _: raw("{nonsense", b"0"), "broken header", "E_WEIGHTS"),
    "deep header": (lambda _: raw('{"a":' * 5000, b""), "broken header", "E_WEIGHTS"),
    "no weights": (lambda _: raw({}, b""), "holds no weights", "E_WEIGHTS"),
}


@pytest.mark.parametrize("fault", WEIGHT_FAULTS)
def test_p6_changed_weights_are_refused(folder: Path, fault: str) -> None:
    content, cause, code = WEIGHT_FAULTS[fault]
    (folder / WEIGHTS_FILE).write_bytes(content(folder))
    rehash(folder)
    with pytest.raises(ModelError, match=cause) as caught:
        load_model(folder)
    assert caught.value.code == code
    assert caught.value.exit_code == 4
    assert caught.value.file.endswith(WEIGHTS_FILE)
    assert not (folder.parent / "canary").exists()


def test_the_canary_would_have_sung(folder: Path) -> None:
    os.close(pickle.loads(canary(folder)))
    assert (folder.parent / "canary").exists()


def test_p6_other_weights_of_the_same_form(folder: Path) -> None:
    (folder / WEIGHTS_FILE).write_bytes(GOOD)
    with pytest.raises(ModelError, match="SHA-256 differs") as caught:
        load_model(folder)
    assert caught.value.code == "E_MODEL_HASH"


def test_p6_one_flipped_bit(folder: Path) -> None:
    data = bytearray((folder / WEIGHTS_FILE).read_bytes())
    data[-3] ^= 1
    (folder / WEIGHTS_FILE).write_bytes(bytes(data))
    with pytest.raises(ModelError, match="SHA-256 differs"):
        load_model(folder)


@pytest.mark.parametrize("name", ["optimizer.pkl", "openvino/extra.pt", "weights.NPY", "last.ckpt"])
def test_p5_pickle_beside_the_weights(folder: Path, name: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(canary(folder))
    with pytest.raises(ModelError) as caught:
        load_model(folder)
    assert caught.value.code == "E_PICKLE"
    assert not (folder.parent / "canary").exists()


def test_p5_pickle_instead_of_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(torch_zip(path))
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert caught.value.code == "E_PICKLE"
    assert not (tmp_path / "canary").exists()


def test_p6_newer_format_says_what_it_needs(folder: Path) -> None:
    change_facts(folder, format=2, gliascope_version="9.4.0", something_new=True)
    with pytest.raises(ModelError, match="model format 2") as caught:
        load_model(folder)
    assert "gliascope >= 9.4.0" in caught.value.hint


FACT_FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "unknown fact": (lambda f: change_facts(f, chanels=["t1n"]), "chanels: unknown name"),
    "wrong type": (lambda f: change_facts(f, dimensions="2"), "dimensions"),
    "missing target": (lambda f: change_facts(f, target=None), "needs 'target'"),
    "outside path": (lambda f: change_facts(f, files={WEIGHTS_FILE: "0", "../x": "0"}), "outside the folder"),
    "absolute path": (lambda f: change_facts(f, files={WEIGHTS_FILE: "0", "/etc/passwd": "0"}), "outside the folder"),
    "weights not listed": (lambda f: change_facts(f, files={}), "does not list"),
    "not JSON": (lambda f: (f / MODEL_FILE).write_text("{"), "not strict JSON"),
    "binary": (lambda f: (f / MODEL_FILE).write_bytes(b"\xff\xfe"), "not strict JSON"),
    "a list": (lambda f: (f / MODEL_FILE).write_text("[]"), "no JSON object"),
    "NaN": (lambda f: (f / MODEL_FILE).write_text('{"temperature": NaN}'), "NaN is no JSON number"),
    "double name": (lambda f: (f / MODEL_FILE).write_text('{"a": 1, "a": 2}'), "'a' stands twice"),
    "deep": (lambda f: (f / MODEL_FILE).write_text("[" * 100_000), "not strict JSON"),
    "missing": (lambda f: (f / MODEL_FILE).unlink(), "holds no model.json"),
    "missing card": (lambda f: (f / CARD_FILE).unlink(), "is missing from the model folder"),
    "changed card": (lambda f: (f / CARD_FILE).write_text("better"), "SHA-256 differs"),
}


@pytest.mark.parametrize("fault", FACT_FAULTS)
def test_p6_changed_facts_are_refused(folder: Path, fault: str) -> None:
    change, cause = FACT_FAULTS[fault]
    change(folder)
    with pytest.raises(ModelError, match=cause) as caught:
        load_model(folder)
    assert caught.value.exit_code == 4


def test_a_file_or_nothing_is_no_folder(folder: Path) -> None:
    with pytest.raises(ModelError, match="is a file"):
        load_model(folder / CARD_FILE)
    with pytest.raises(ModelError, match="does not exist"):
        load_model(folder / "nowhere")


def test_files_that_are_not_listed_do_not_count(folder: Path) -> None:
    (folder / "openvino").mkdir()
    (folder / "openvino" / "model.xml").write_text("<net/>")
    assert load_model(folder).file("openvino/model.xml") is None
    assert load_model(folder).file(WEIGHTS_FILE) == folder / WEIGHTS_FILE


# --- extending ---------------------------------------------------------------------------------------------------


def test_extending_adds_files_and_facts(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "made.xml"
    source.write_text("<net/>")
    model = load_model(folder)
    longer = extend_model(model, {"openvino/model.xml": source}, {"parity": {"openvino": {}}})
    assert longer.path == folder
    assert longer.facts.parity == {"openvino": {}}
    added = longer.file("openvino/model.xml")
    assert added is not None
    assert added.read_text() == "<net/>"
    assert longer.fingerprint != model.fingerprint
    np.testing.assert_array_equal(longer.weights()["conv.weight"], WEIGHTS["conv.weight"])


def test_extending_a_copy_leaves_the_first(folder: Path, tmp_path: Path) -> None:
    model = load_model(folder)
    copy = extend_model(model, {}, {"temperature": 2.0}, output=tmp_path / "copy")
    assert load_model(folder) == model
    assert copy.facts.temperature == 2.0
    changes = {"temperature": (2.0, 1.0), "calibration": {"part": "validation"}}
    regions = extend_model(copy, {}, changes, output=tmp_path / "regions")
    assert load_model(regions.path).facts.temperature == (2.0, 1.0)
    assert load_model(regions.path).facts.calibration == {"part": "validation"}
    with pytest.raises(UsageError):
        extend_model(model, {}, {}, output=tmp_path / "copy")


def test_extending_fails_whole(folder: Path, tmp_path: Path) -> None:
    model = load_model(folder)
    with pytest.raises(FileNotFoundError):
        extend_model(model, {"openvino/model.xml": tmp_path / "nowhere"}, {})
    assert load_model(folder) == ModelFolder(folder, model.facts, model.fingerprint)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]
