"""Running an exported model on the CPU with OpenVINO; PyTorch is not needed.

Compiled models are kept below ``XDG_CACHE_HOME/gliascope`` (``~/.cache/gliascope``), so the second start is quick;
where that folder cannot be written, every start compiles.
"""

import os
import sys
import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.checkpoint import IR_FILE, IR_WEIGHTS_FILE, ModelFolder
from gliascope.errors import MachineError, ModelError
from gliascope.inference.parts import read_parts

Array = NDArray[np.float32]
KEPT_SHAPES = 2
"""Compiled input shapes that stay in memory."""
MAX_CACHE_BYTES = 2 * 2**30
"""The oldest compiled models are deleted beyond this."""


def load_openvino() -> ModuleType:
    """Import OpenVINO without its converter and its telemetry, which it does without where they are missing.

    The converter, which nothing here calls, takes half of the import's time. With the telemetry, OpenVINO tells its
    maker over the network that it was imported, and leaves files in the home folder. Both are hidden for the import.
    """
    if "openvino" in sys.modules or "openvino_telemetry" in sys.modules:
        return import_module("openvino")
    hidden: dict[str, Any] = {"openvino.tools.ovc": None, "openvino_telemetry": None}
    sys.modules.update(hidden)
    try:
        return import_module("openvino")
    finally:
        for name in hidden:
            del sys.modules[name]


@cache
def openvino_core() -> Any:  # noqa: ANN401 - openvino is loaded when it is used
    """Return the one OpenVINO core of this process, kept until it ends.

    The CPU plugin of each core puts up a signal stack and, when its core goes, puts back the one it found. With two
    cores that can be the first one's, which is freed by then: the next signal, such as Ctrl-C, ends the process.
    (Measured with sigaltstack on OpenVINO 2026.4.)
    """
    return load_openvino().Core()


def cpu_has_bf16() -> bool:
    """True where OpenVINO can compute in bfloat16 on this CPU."""
    return "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVinoBackend:
    """An exported model on the CPU; compiled for a fixed shape when a batch of that shape first comes.

    Args:
        model: A model folder with ``openvino/`` files.
        threads: CPU threads; None: all cores.
        precision: ``auto``, ``fp32`` or ``bf16``.

    Raises:
        ModelError: The files are missing or broken, their input does not fit ``model.json``, or bf16 is asked for and
            the export found it too far from the trained network.
        MachineError: bf16 is asked for on a CPU without it.
    """

    name = "openvino"
    device = "cpu"

    def __init__(self, model: ModelFolder, *, threads: int | None = None, precision: str = "auto") -> None:
        network, weights = model.file(IR_FILE), model.file(IR_WEIGHTS_FILE)
        if network is None or weights is None:
            hint = "Make them: gliascope export MODEL --to openvino."
            raise ModelError("holds no OpenVINO files", file=model.path, hint=hint, code="E_NOT_EXPORTED")
        self.precision = _choose_precision(model, precision)
        self._threads = threads
        self._file = network
        self._core = openvino_core()
        try:
            self._network = self._core.read_model(str(network), str(weights))
        except RuntimeError as fault:
            raise ModelError(f"cannot be read ({_reason(fault)})", file=network, code="E_OPENVINO") from None
        _check_ends(self._network, model, network)
        self._requests: dict[tuple[int, ...], Any] = {}

    def run(self, batch: Array) -> Array:
        """Return the logits of a batch; a batch that is smaller than the last one is filled up and cut.

        Raises:
            ModelError: The batch's shape does not fit the network.
        """
        shape = next((s for s in self._requests if s[1:] == batch.shape[1:] and s[0] >= len(batch)), batch.shape)
        if shape not in self._requests:
            while len(self._requests) >= KEPT_SHAPES:
                del self._requests[next(iter(self._requests))]
            self._requests[shape] = self._compile(shape)
        full = np.ascontiguousarray(batch, dtype=np.float32)
        if shape != batch.shape:
            full = np.zeros(shape, np.float32)
            full[: len(batch)] = batch
        logits = self._requests[shape].infer(full, share_inputs=True, share_outputs=True)[0]
        return np.array(logits[: len(batch)], dtype=np.float32)

    def _compile(self, shape: tuple[int, ...]) -> Any:  # noqa: ANN401 - an OpenVINO inference request
        options: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bf16" else "f32",
        }
        if self._threads is not None:
            options["INFERENCE_NUM_THREADS"] = self._threads
        kept = compiled_cache()
        network = self._network.clone()
        try:
            network.reshape(list(shape))
            if kept is not None:
                try:
                    return self._core.compile_model(
                        network, "CPU", {**options, "CACHE_DIR": str(kept)}
                    ).create_infer_request()
                except RuntimeError:  # a cache that another process changes must not stop a prediction
                    pass
            return self._core.compile_model(network, "CPU", options).create_infer_request()
        except RuntimeError as fault:
            cause = f"does not take an input of shape {shape} ({_reason(fault)})"
            hint = "The shape follows from the preprocessing and the window in model.json."
            raise ModelError(cause, file=self._file, hint=hint, code="E_SHAPE") from None


def compiled_cache() -> Path | None:
    """Return the folder of compiled models, kept below ``MAX_CACHE_BYTES``; None where it cannot be written."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(base).expanduser() / "gliascope" / "openvino"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
        blobs = sorted(folder.glob("*.blob"), key=lambda path: path.stat().st_mtime, reverse=True)
        kept = 0
        for blob in blobs:
            kept += blob.stat().st_size
            if kept > MAX_CACHE_BYTES:
                blob.unlink()
    except (OSError, RuntimeError):
        return None
    return folder


def _choose_precision(model: ModelFolder, wanted: str) -> str:
    """Decide between fp32 and bf16; ``auto`` takes bf16 only where it is there and was found close enough."""
    if wanted == "fp32":
        return "fp32"
    measured = (model.facts.parity or {}).get("openvino", {}).get("bf16")
    close = isinstance(measured, dict) and measured.get("passed") is True
    if wanted == "auto":
        return "bf16" if close and cpu_has_bf16() else "fp32"
    if not cpu_has_bf16():
        hint = "Choose --precision fp32 or auto."
        raise MachineError("this CPU cannot compute in bf16", hint=hint, code="E_PRECISION")
    if isinstance(measured, dict) and not close:
        cause = "was found too far from the trained network in bf16 when it was exported"
        raise ModelError(cause, file=model.path, hint="Choose --precision fp32 or auto.", code="E_PRECISION")
    return "bf16"


def _check_ends(network: Any, model: ModelFolder, file: Path) -> None:  # noqa: ANN401 - an OpenVINO model
    """Compare the input and the output with what ``model.json`` announces."""
    parts = read_parts(model)
    inputs, outputs = parts.plan.in_channels, len(parts.outputs)
    given, returned = network.input(0).get_partial_shape(), network.output(0).get_partial_shape()
    fits = len(network.inputs) == 1 and len(given) == model.facts.dimensions + 2 and _can_be(given[1], inputs)
    if not fits or not _can_be(returned[1], outputs):
        cause = f"takes {given} and returns {returned}"
        hint = f"model.json announces {inputs} channels of {model.facts.dimensions}-D images and {outputs} outputs."
        raise ModelError(cause, file=file, hint=hint, code="E_OPENVINO")


def _can_be(length: Any, expected: int) -> bool:  # noqa: ANN401 - an OpenVINO dimension
    return bool(length.is_dynamic or length.get_length() == expected)


def _reason(fault: RuntimeError) -> str:
    """Return the last line of OpenVINO's message, the reason, without its source positions."""
    lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
    return (lines[-1] if lines else "no reason given")[:200]
