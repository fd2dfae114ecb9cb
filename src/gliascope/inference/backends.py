"""What runs a network: the table of backends, and the choice among them.

To add one: write a class with ``name``, ``device``, ``precision`` and ``run`` in a file of its own, and add its
opener to ``BACKENDS``.
"""

import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gliascope.checkpoint import IR_FILE, ModelFolder
from gliascope.errors import MachineError, ModelError, UsageError

PRECISIONS: tuple[str, ...] = ("auto", "fp32", "bf16")


class Backend(Protocol):
    """A network that is ready to run."""

    @property
    def name(self) -> str:
        """Its name in ``BACKENDS``."""

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda:N``."""

    @property
    def precision(self) -> str:
        """``fp32`` or ``bf16``."""

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logits ``(B, K, *S)`` or ``(B, K)`` of a batch ``(B, C, *S)``.

        Raises:
            ModelError: The batch's shape does not fit the network.
            MachineError: Memory runs out.
        """


Opener = Callable[[ModelFolder, str, int | None, str], Backend]


def open_backend(
    model: ModelFolder,
    *,
    backend: str = "auto",
    device: str = "auto",
    threads: int | None = None,
    precision: str = "auto",
) -> Backend:
    """Make a model ready to run.

    ``auto`` takes an NVIDIA GPU where PyTorch can use one; else OpenVINO where the folder holds its files; else
    PyTorch on the CPU.

    Args:
        model: The model folder.
        backend: ``auto`` or a name of ``BACKENDS``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; None: all cores.
        precision: ``fp32``; ``bf16`` (faster, coarser); ``auto``: ``bf16`` on CPUs that have it, where the export
            found it close enough, else ``fp32``.

    Raises:
        UsageError: An option has no such value.
        ModelError: The folder lacks what the backend needs, or does not fit its own description.
        MachineError: The device, the precision or PyTorch is not there.
    """
    if backend not in ("auto", *BACKENDS):
        raise UsageError(f"unknown backend '{backend}'", hint=f"Known: auto, {', '.join(BACKENDS)}.")
    if precision not in PRECISIONS:
        raise UsageError(f"unknown precision '{precision}'", hint=f"Known: {', '.join(PRECISIONS)}.")
    if threads is not None and threads < 1:
        raise UsageError(f"threads must be 1 or more, got {threads}")
    check_device(device)
    chosen = _choose(model, device) if backend == "auto" else backend
    return BACKENDS[chosen](model, device, threads, precision)


def check_device(device: str) -> None:
    """Check the spelling of a device, whether it is there or not.

    Raises:
        UsageError: It is none of ``auto``, ``cpu``, ``cuda``, ``cuda:N``.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", device):
        raise UsageError(f"unknown device '{device}'", hint="Known: auto, cpu, cuda, cuda:N.")


def _choose(model: ModelFolder, device: str) -> str:
    if device.startswith("cuda") or (device == "auto" and gpu_usable()):
        return "torch"
    if model.file(IR_FILE) is not None:
        return "openvino"
    if find_spec("torch") is None:
        hint = f"Export it where PyTorch is installed: gliascope export {model.path.name} --to openvino."
        raise ModelError("holds no OpenVINO files", file=model.path, hint=hint, code="E_NOT_EXPORTED")
    return "torch"


def gpu_usable() -> bool:
    """True where an NVIDIA GPU is there and PyTorch can use it; PyTorch is only loaded where one is."""
    if not Path("/proc/driver/nvidia").exists() or find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())


def _open_openvino(model: ModelFolder, device: str, threads: int | None, precision: str) -> Backend:
    from gliascope.inference.openvino_backend import OpenVinoBackend

    if device.startswith("cuda"):
        hint = "Choose --device cpu, or --backend torch."
        raise MachineError(f"OpenVINO cannot run on '{device}'", hint=hint, code="E_DEVICE")
    return OpenVinoBackend(model, threads=threads, precision=precision)


def _open_torch(model: ModelFolder, device: str, threads: int | None, precision: str) -> Backend:
    if find_spec("torch") is None:
        hint = 'Install it: pip install "gliascope[train]".'
        raise MachineError("PyTorch is not installed", hint=hint, code="E_EXTRA")
    from gliascope.inference.torch_backend import TorchBackend

    return TorchBackend(model, device=device, threads=threads, precision=precision)


BACKENDS: Mapping[str, Opener] = {"openvino": _open_openvino, "torch": _open_torch}
"""Every backend by name."""
