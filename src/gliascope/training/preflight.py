"""Before the first epoch: will it fit, and how long will it take?

Memory is foreseen on PyTorch's ``meta`` device, where a network runs without any memory, so even a step that could
never run is weighed before it is tried. Then one real step is measured.
"""

import copy
import math
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from torch import Tensor, nn

from gliascope.errors import MachineError
from gliascope.training.augment import augment_batch
from gliascope.training.guards import out_of_memory
from gliascope.training.losses import total_loss
from gliascope.training.machine import Setup, free_memory
from gliascope.training.outputs import Outputs
from gliascope.training.parts import Parts
from gliascope.training.settings import TrainingSettings

_PER_WEIGHT = 4 * 4
"""Bytes per weight: itself, its gradient and Adam's two averages."""
_WORKING = 1.3
"""Share of memory for what a step holds besides: copies in another layout, the allocator's gaps."""
_LONG_S = 1.0
"""Work that takes longer is measured once."""
_CHECKPOINTS = 3 * 12 + 3 * 4 + 8
"""Bytes per weight on disk: three states and three best weights while one is replaced, and the model folder."""


@dataclass(frozen=True)
class Preflight:
    """What a training will need; sizes in bytes, times in seconds.

    Args:
        parameters: Trained values.
        batch: Shape of a training batch.
        steps: Training steps per epoch.
        step_s: One step, measured.
        load_s: Reading one batch, measured.
        epoch_s: One epoch with its validation.
        total_s: All epochs that are left.
        memory: Needed at most.
        memory_free: At hand.
        disk: Needed in the run folder.
        disk_free: At hand there.
        device: In words.
        precision: ``32-true`` or ``bf16-mixed``.
        channels_last: The memory layout.
    """

    parameters: int
    batch: tuple[int, ...]
    steps: int
    step_s: float
    load_s: float
    epoch_s: float
    total_s: float
    memory: int
    memory_free: int
    disk: int
    disk_free: int
    device: str
    precision: str
    channels_last: bool


def preflight(
    network: nn.Module,
    settings: TrainingSettings,
    outputs: Outputs,
    setup: Setup,
    parts: Parts,
    *,
    epochs: int,
    run: Path,
    limit: int | None = None,
) -> Preflight:
    """Foresee memory and disk, then measure one step.

    Args:
        network: What is trained; it is not changed.
        settings: How.
        outputs: What its outputs are.
        setup: On what.
        parts: From what.
        epochs: Epochs that are left.
        run: The run folder.
        limit: Bytes that may be used; None: what is free.

    Raises:
        MachineError: Memory or disk do not suffice; nothing has been started.
        GeometryError: The network does not take images of this size.
    """
    shape = (settings.batch_size, *parts.image)
    scored = (parts.validation_batch, *parts.validation_image)
    parameters = sum(p.numel() for p in network.parameters())
    free = free_memory(setup.device) if limit is None else limit
    needed = max(
        foreseen_memory(network, shape, bf16=setup.autocast), scoring_memory(network, scored, bf16=setup.autocast)
    )
    _check_memory(needed, free, settings)
    disk, disk_free = parameters * _CHECKPOINTS, shutil.disk_usage(run).free
    if disk > disk_free:
        cause = f"the run needs {disk / 2**20:.0f} MiB of disk, {disk_free / 2**20:.0f} MiB are free"
        raise MachineError(cause, file=run, hint="Make room or choose another folder.", code="E_DISK_FULL")
    load_s = _seconds(lambda: parts.training.read_first(settings.batch_size))
    vary_s = _varying(settings, setup, shape)
    step_s, forward_s, taken = measured_step(network, settings, outputs, setup, shape)
    needed = max(needed, taken)
    _check_memory(needed, free, settings)
    reading = load_s / (settings.workers + 1)
    share = math.prod(scored) / math.prod(shape)
    validations = math.ceil(len(parts.validation_sampler) / parts.validation_batch)
    steps = math.ceil(parts.steps / setup.devices)
    epoch_s = steps * (step_s + vary_s + reading) + validations * share * (forward_s + reading)
    return Preflight(
        parameters=parameters,
        batch=shape,
        steps=steps,
        step_s=step_s,
        load_s=load_s,
        epoch_s=epoch_s,
        total_s=epoch_s * epochs,
        memory=needed,
        memory_free=free,
        disk=disk,
        disk_free=disk_free,
        device=setup.words,
        precision=setup.precision,
        channels_last=setup.memory_format != torch.contiguous_format,
    )


def foreseen_memory(network: nn.Module, shape: tuple[int, ...], *, bf16: bool) -> int:
    """Return the bytes a training step will take: weights, their companions, and what the backward pass needs.

    Args:
        network: What is trained.
        shape: Of the batch, ``(B, C, *S)``.
        bf16: Layers compute in bf16, which halves what is kept.
    """
    ghost = copy.deepcopy(network).to("meta").train()
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        logits = ghost(torch.empty(shape, device="meta"))
    weights = {p.untyped_storage()._cdata for p in ghost.parameters()}
    activations = sum(size for key, size in kept.items() if key not in weights)
    parameters = sum(p.numel() for p in ghost.parameters())
    # The loss keeps the logits, their probabilities and the target in 32 bit.
    return int(parameters * _PER_WEIGHT + _WORKING * activations * (0.5 if bf16 else 1.0) + 3 * 4 * logits.numel())


def scoring_memory(network: nn.Module, shape: tuple[int, ...], *, bf16: bool) -> int:
    """Return the bytes a validation batch will take: weights, and the widest layer with its neighbors and skips."""
    ghost = copy.deepcopy(network).to("meta").eval()
    divisor = getattr(network, "divisor", 1)
    padded = (*shape[:2], *(math.ceil(length / divisor) * divisor for length in shape[2:]))
    widest = [0]

    def note(module: nn.Module, inputs: object, output: object) -> None:
        del module, inputs
        if isinstance(output, Tensor):  # some libraries' blocks return several, which their parts have counted
            widest[0] = max(widest[0], output.untyped_storage().nbytes())

    for layer in ghost.modules():
        layer.register_forward_hook(note)
    with torch.no_grad():
        logits = ghost(torch.empty(padded, device="meta"))
    parameters = sum(p.numel() for p in ghost.parameters())
    return int(parameters * _PER_WEIGHT + 4 * widest[0] * (0.5 if bf16 else 1.0) + 3 * 4 * logits.numel())


def measured_step(
    network: nn.Module, settings: TrainingSettings, outputs: Outputs, setup: Setup, shape: tuple[int, ...]
) -> tuple[float, float, int]:
    """Return the seconds of a training step and of a forward pass, and the bytes the step took on top."""
    copied = copy.deepcopy(network).to(device=setup.device).train()
    copied = copied.to(memory_format=setup.memory_format)
    optimizer = settings.optimizer.build(copied.parameters())
    image = torch.rand(shape, device=setup.device).contiguous(memory_format=setup.memory_format)
    target = _target(outputs, shape, setup.device)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(setup.device.type, torch.bfloat16, enabled=setup.autocast):
            logits = copied(image)
        total_loss(settings.loss, logits, target, mode=outputs.mode).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        _wait(setup.device)

    def forward() -> None:
        with torch.no_grad(), torch.autocast(setup.device.type, torch.bfloat16, enabled=setup.autocast):
            copied(image)
        _wait(setup.device)

    with _peak(setup.device) as taken:
        step()  # the first one also chooses kernels
    return _usual(step), _usual(forward), taken[0]


def _varying(settings: TrainingSettings, setup: Setup, shape: tuple[int, ...]) -> float:
    """Return the seconds that the augmentation of a batch takes."""
    image, variations = torch.rand(shape, device=setup.device), [(0, position) for position in range(shape[0])]

    def vary() -> None:
        augment_batch(image, None, settings.augment, seed=0, variations=variations)
        _wait(setup.device)

    return _usual(vary) if settings.augment.varies else 0.0


def _target(outputs: Outputs, shape: tuple[int, ...], device: torch.device) -> Tensor:
    if outputs.mode == "label":
        return torch.zeros(shape[0], dtype=torch.int64, device=device)
    channels = 1 if outputs.mode == "classes" else len(outputs.names)
    return torch.zeros((shape[0], channels, *shape[2:]), dtype=torch.uint8, device=device)


@contextmanager
def _peak(device: torch.device) -> Iterator[list[int]]:
    """Yield a list whose one entry becomes the bytes taken at most inside the block."""
    result = [0]
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield result
        result[0] = int(torch.cuda.max_memory_allocated(device))
        return
    process = psutil.Process()
    start, done = process.memory_info().rss, threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            result[0] = max(result[0], process.memory_info().rss - start)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield result
    finally:
        done.set()
        watcher.join()


def _check_memory(needed: int, free: int, settings: TrainingSettings) -> None:
    if needed > free:
        cause = f"a training step needs about {needed / 2**20:.0f} MiB of memory, {free / 2**20:.0f} MiB are free"
        raise out_of_memory(cause, settings)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _usual(work: Callable[[], object]) -> float:
    """Return the seconds that work takes when it is not the first of its kind; short work is tried thrice."""
    once = _seconds(work)
    return once if once > _LONG_S else min(once, _seconds(work), _seconds(work))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
