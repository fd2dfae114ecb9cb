"""Running a model with PyTorch, on the CPU or on an NVIDIA GPU. The only file here that needs PyTorch."""

import contextlib
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gliascope.checkpoint import WEIGHTS_FILE, ModelFolder
from gliascope.errors import ConfigError, GeometryError, MachineError, ModelError
from gliascope.inference.parts import read_parts
from gliascope.models import build_network, load_network_settings

Array = NDArray[np.float32]


class TorchBackend:
    """A network with its weights, ready to run.

    Args:
        model: The model folder.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads of the whole process (PyTorch has one setting for all); None: as they are.
        precision: ``fp32``; ``bf16`` (autocast); ``auto`` is ``fp32``.

    Raises:
        ModelError: The network is unknown, or the weights do not fit it; names and shapes are listed.
        MachineError: There is no such GPU.
    """

    name = "torch"

    def __init__(
        self, model: ModelFolder, *, device: str = "auto", threads: int | None = None, precision: str = "auto"
    ) -> None:
        self._device = _choose_device(device)
        self.device = str(self._device)
        self.precision = "bf16" if precision == "bf16" else "fp32"
        if threads is not None:
            torch.set_num_threads(threads)
        self._network = load_network(model).to(self._device)

    @property
    def network(self) -> nn.Module:
        """The network itself, in evaluation mode, on its device."""
        return self._network

    def run(self, batch: Array) -> Array:
        """Return the logits of a batch.

        Raises:
            ModelError: The batch's shape does not fit the network.
            MachineError: Memory runs out.
        """
        lower = (
            torch.autocast(self._device.type, torch.bfloat16) if self.precision == "bf16" else contextlib.nullcontext()
        )
        try:
            with torch.inference_mode(), lower:
                logits = self._network(torch.from_numpy(np.ascontiguousarray(batch)).to(self._device))
                return np.asarray(logits.float().cpu().numpy(), dtype=np.float32)
        except GeometryError as fault:
            raise ModelError(f"the network {fault.cause}", hint=fault.hint, code="E_SHAPE") from None
        except torch.OutOfMemoryError as fault:
            hint = "Use a smaller window in the model's inference settings, or --device cpu."
            raise MachineError("the GPU's memory is full", hint=hint, code="E_MEMORY") from fault


def load_network(model: ModelFolder) -> nn.Module:
    """Return the network of a model folder with its weights, in evaluation mode, on the CPU.

    Raises:
        ModelError: The network is unknown, or the weights do not fit it; names and shapes are listed.
    """
    try:
        settings = load_network_settings(model.facts.network)
    except ConfigError as fault:
        raise ModelError(fault.cause, file=model.path, hint=fault.hint, code="E_NETWORK") from None
    weights = {name: torch.from_numpy(array) for name, array in model.weights().items()}
    parts = read_parts(model)
    inputs, outputs = parts.plan.in_channels, len(parts.outputs)
    with torch.device("meta"):  # no memory is taken before the shapes are known to fit
        empty = build_network(settings, inputs, outputs, seed=0)
    _check_fit(empty.state_dict(), weights, model)
    network = build_network(settings, inputs, outputs, seed=0)
    network.load_state_dict(weights, strict=True)
    return network.eval()


def _check_fit(expected: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor], model: ModelFolder) -> None:
    """List every weight that is missing, unknown, or of another shape."""
    faults = [f"'{name}' is missing" for name in expected if name not in given]
    faults += [f"'{name}' is not part of it" for name in given if name not in expected]
    faults += [
        f"'{name}' has shape {tuple(given[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in given and given[name].shape != tensor.shape
    ]
    if faults:
        more = f"; and {len(faults) - 6} more" if len(faults) > 6 else ""
        cause = f"does not fit network '{model.facts.network.get('name')}': {'; '.join(faults[:6])}{more}"
        raise ModelError(cause, file=model.path / WEIGHTS_FILE, code="E_NETWORK")


def _choose_device(device: str) -> torch.device:
    usable = torch.cuda.is_available()
    if device == "auto":
        return torch.device("cuda" if usable else "cpu")
    chosen = torch.device(device)
    count = torch.cuda.device_count() if usable else 0
    if chosen.type == "cuda" and (chosen.index or 0) >= count:
        hint = "Choose --device cpu." if count == 0 else f"Choose cuda:0 to cuda:{count - 1}."
        raise MachineError(f"there is no usable device '{device}'", hint=hint, code="E_DEVICE")
    return chosen
