import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.checkpoint import IR_FILE, ModelFolder, extend_model, save_model
from gliascope.errors import MachineError, ModelError, UsageError
from gliascope.inference import backends, openvino_backend
from gliascope.inference.backends import BACKENDS, open_backend
from gliascope.inference.openvino_backend import OpenVinoBackend, compiled_cache, cpu_has_bf16

MakeModel = Callable[..., ModelFolder]
Array = NDArray[np.float32]


def batch_of(count: int, *shape: int) -> Array:
    return np.random.Generator(np.random.Philox(key=2)).random((count, 1, *shape), dtype=np.float32)


def test_wrong_options_are_named(threshold_3d: ModelFolder) -> None:
    with pytest.raises(UsageError, match="unknown backend 'onnx'"):
        open_backend(threshold_3d, backend="onnx")
    with pytest.raises(UsageError, match="unknown precision 'int8'"):
        open_backend(threshold_3d, precision="int8")
    with pytest.raises(UsageError, match="unknown device 'tpu'"):
        open_backend(threshold_3d, device="tpu")
    with pytest.raises(UsageError, match="threads"):
        open_backend(threshold_3d, threads=0)
    with pytest.raises(MachineError, match="OpenVINO cannot run on 'cuda:0'"):
        open_backend(threshold_3d, backend="openvino", device="cuda:0")


def test_openvino_is_chosen_on_the_cpu(threshold_3d: ModelFolder) -> None:
    backend = open_backend(threshold_3d, device="cpu")
    assert (backend.name, backend.device, backend.precision) == ("openvino", "cpu", "fp32")
    assert set(BACKENDS) == {"openvino", "torch"}


def test_without_torch_and_without_export_the_way_out_is_named(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = make_model(3)
    bare = save_model(tmp_path / "bare", exported.weights(), exported.facts, "card")
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="holds no OpenVINO files") as caught:
        open_backend(bare)
    assert "gliascope export" in caught.value.hint
    with pytest.raises(MachineError, match="PyTorch is not installed") as missing:
        open_backend(bare, backend="torch")
    assert missing.value.hint == 'Install it: pip install "gliascope[train]".'
    assert missing.value.exit_code == 5
    with pytest.raises(ModelError, match="holds no OpenVINO files"):
        OpenVinoBackend(bare)


@pytest.mark.parametrize("threads", [None, 1, 2])
def test_openvino_runs_any_batch_and_shape(threshold_3d: ModelFolder, threads: int | None) -> None:
    backend = OpenVinoBackend(threshold_3d, threads=threads)
    for count, shape in ((2, (4, 5, 6)), (1, (4, 5, 6)), (3, (4, 5, 6)), (1, (2, 2, 2)), (1, (7, 2, 3))):
        batch = batch_of(count, *shape)
        np.testing.assert_allclose(backend.run(batch), 20 * (batch - 0.5), atol=1e-4)
    first = backend.run(batch_of(1, 4, 4, 4))
    kept = first.copy()
    backend.run(np.zeros((1, 1, 4, 4, 4), np.float32))
    np.testing.assert_array_equal(first, kept)


def test_a_shape_that_does_not_fit_is_a_model_error(make_model: MakeModel) -> None:
    backend = OpenVinoBackend(make_model(3, only=4))
    assert backend.run(batch_of(1, 4, 4, 4)).shape == (1, 1, 4, 4, 4)
    with pytest.raises(ModelError, match=r"does not take an input of shape \(1, 1, 5, 5, 5\)"):
        backend.run(batch_of(1, 5, 5, 5))


@pytest.mark.parametrize("content", [b"", b"<net/>", b"<!DOCTYPE html>", b"\x80\x04."])
def test_a_broken_network_is_refused(make_model: MakeModel, tmp_path: Path, content: bytes) -> None:
    broken = tmp_path / "broken.xml"
    broken.write_bytes(content)
    model = extend_model(make_model(3), {IR_FILE: broken}, {})
    with pytest.raises(ModelError) as caught:
        OpenVinoBackend(model)
    assert caught.value.file.endswith(IR_FILE)


# --- precision ---------------------------------------------------------------------------------------------------


def measured(make_model: MakeModel, *, passed: bool) -> ModelFolder:
    return make_model(3, parity={"openvino": {"bf16": {"passed": passed}}})


def test_auto_takes_bf16_only_where_it_was_found_close(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_backend, "cpu_has_bf16", lambda: True)
    assert OpenVinoBackend(measured(make_model, passed=True)).precision == "bf16"
    assert OpenVinoBackend(measured(make_model, passed=False)).precision == "fp32"
    assert OpenVinoBackend(make_model(3)).precision == "fp32"
    assert OpenVinoBackend(measured(make_model, passed=True), precision="fp32").precision == "fp32"
    assert OpenVinoBackend(make_model(3), precision="bf16").precision == "bf16"
    with pytest.raises(ModelError, match="too far from the trained network"):
        OpenVinoBackend(measured(make_model, passed=False), precision="bf16")


def test_bf16_on_a_cpu_without_it(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_backend, "cpu_has_bf16", lambda: False)
    assert OpenVinoBackend(measured(make_model, passed=True)).precision == "fp32"
    with pytest.raises(MachineError, match="cannot compute in bf16"):
        OpenVinoBackend(make_model(3), precision="bf16")


@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU cannot compute in bf16")
def test_bf16_is_coarser_and_still_close(threshold_3d: ModelFolder) -> None:
    batch = batch_of(1, 16, 16, 16)
    logits = OpenVinoBackend(threshold_3d, precision="bf16").run(batch)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, 20 * (batch - 0.5), atol=0.1)


# --- compiled models ---------------------------------------------------------------------------------------------


def test_the_second_start_finds_the_compiled_model(
    threshold_3d: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    batch = batch_of(1, 4, 4, 4)
    first = OpenVinoBackend(threshold_3d).run(batch)
    (blob,) = (tmp_path / "gliascope" / "openvino").glob("*.blob")
    np.testing.assert_array_equal(OpenVinoBackend(threshold_3d).run(batch), first)
    assert list((tmp_path / "gliascope" / "openvino").glob("*.blob")) == [blob]


def test_a_damaged_compiled_model_is_compiled_again(
    threshold_3d: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    batch = batch_of(1, 4, 4, 4)
    first = OpenVinoBackend(threshold_3d).run(batch)
    (blob,) = (tmp_path / "gliascope" / "openvino").glob("*.blob")
    for damage in (b"", b"nonsense", blob.read_bytes()[:200]):
        blob.write_bytes(damage)
        np.testing.assert_array_equal(OpenVinoBackend(threshold_3d).run(batch), first)


def test_without_a_writable_cache_it_runs_all_the_same(
    threshold_3d: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(in_the_way))
    assert compiled_cache() is None
    batch = batch_of(1, 4, 4, 4)
    np.testing.assert_allclose(OpenVinoBackend(threshold_3d).run(batch), 20 * (batch - 0.5), atol=1e-4)


def test_the_cache_stays_below_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(openvino_backend, "MAX_CACHE_BYTES", 25)
    folder = compiled_cache()
    assert folder is not None
    for age, name in enumerate(("new", "middle", "old")):
        blob = folder / f"{name}.blob"
        blob.write_bytes(b"x" * 10)
        subprocess.run(["touch", "-d", f"{age + 1} days ago", str(blob)], check=True)
    assert compiled_cache() == folder
    assert sorted(blob.stem for blob in folder.glob("*.blob")) == ["middle", "new"]


def test_openvino_is_imported_without_its_telemetry_and_its_converter() -> None:
    script = (
        "import sys; from gliascope.inference.openvino_backend import load_openvino; load_openvino();"
        "assert not {'openvino_telemetry', 'openvino.tools.ovc'} & set(sys.modules); load_openvino(); print('quiet')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "quiet", done.stderr
