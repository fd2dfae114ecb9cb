"""What the machine offers a training: devices, fast arithmetic, memory."""

import contextlib
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
import torch
from torch import nn

from gliascope.errors import MachineError
from gliascope.inference.backends import check_device
from gliascope.training.settings import TrainingSettings

Precision = Literal["32-true", "bf16-mixed"]

LEAST_BF16_SIDE = 5
"""On a CPU, gradients of 3-D convolutions over fewer voxels per axis are not computed in bf16: for some sizes up to
4 voxels (measured for kernels of 3 and 5) PyTorch's kernels leave part of them unwritten, so that they hold noise."""


@dataclass(frozen=True)
class Setup:
    """How a training uses the machine.

    Args:
        device: ``cpu`` or ``cuda:N``; with several devices the first.
        devices: How many.
        precision: Lightning's name for it.
        memory_format: Layout of images and weights.
        coarse_in_32: True where coarse epochs (``training.coarse_epochs``) are computed in 32 bit, whatever the others.
    """

    device: torch.device
    devices: int
    precision: Precision
    memory_format: torch.memory_format
    coarse_in_32: bool = False

    @property
    def autocast(self) -> bool:
        """True where layers compute in bf16."""
        return self.precision == "bf16-mixed"

    @property
    def words(self) -> str:
        """The device in words, for the report."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"
        return f"{self.devices} x {name}" if self.devices > 1 else name


def choose_setup(network: nn.Module, settings: TrainingSettings, *, device: str, shape: tuple[int, ...]) -> Setup:
    """Choose device, precision and layout.

    Args:
        network: What is trained.
        settings: What is asked for.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        shape: Voxels per axis of what the network is trained on, 2 or 3 axes.

    Raises:
        MachineError: The device is not there, or cannot compute as asked for.
    """
    chosen = _device(device, settings.devices)
    side = min(shape) // int(getattr(network, "divisor", 1))
    unsafe = chosen.type == "cpu" and len(shape) == 3 and side < LEAST_BF16_SIDE
    if unsafe and settings.precision == "bf16":
        cause = f"a CPU computes no right gradients in bf16 where volumes are halved down to {side} voxels"
        raise MachineError(cause, hint="Set training.precision = 'auto', or train on larger patches.", code="E_DEVICE")
    fast = settings.precision == "bf16" or (settings.precision == "auto" and not unsafe and computes_bf16(chosen))
    # Normalization over one sample reads a channel at a time, which channels-last scatters (measured: 1.3 to 10 times).
    slowed = any(isinstance(layer, nn.GroupNorm | nn.InstanceNorm2d | nn.InstanceNorm3d) for layer in network.modules())
    last = settings.channels_last == "on" or (settings.channels_last == "auto" and not slowed)
    halved = side // 2 if settings.coarse_epochs else side
    apart = fast and chosen.type == "cpu" and len(shape) == 3 and halved < LEAST_BF16_SIDE
    formats = {2: torch.channels_last, 3: torch.channels_last_3d}
    layout = formats[len(shape)] if last else torch.contiguous_format
    return Setup(chosen, settings.devices, "bf16-mixed" if fast else "32-true", layout, coarse_in_32=apart)


def computes_bf16(device: torch.device) -> bool:
    """Return True where the processor itself multiplies bf16 numbers (elsewhere it is slower than 32 bit)."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def free_memory(device: torch.device) -> int:
    """Return the bytes a training may take: of the GPU, or of what the system, the container and limits leave."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    process = psutil.Process().memory_info()
    left = [int(psutil.virtual_memory().available)]
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    if soft != resource.RLIM_INFINITY:
        left.append(soft - process.vms)
    with contextlib.suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        left.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    return max(0, min(left))


def _device(name: str, devices: int) -> torch.device:
    check_device(name)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if kind == "cpu":
        return torch.device("cpu")
    index = int(number) if number.isdigit() else 0
    there = torch.cuda.device_count() if kind == "cuda" else 0
    if index + devices > there:
        at_hand = ", ".join(["cpu", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))])
        wanted = name if devices == 1 else f"{devices} devices from {name}"
        raise MachineError(f"{wanted} is not there", hint=f"At hand: {at_hand}.", code="E_DEVICE")
    return torch.device("cuda", index)
