"""A network on an NVIDIA GPU: fp32, bf16, channels last and compiled, by the GPU's own clock."""

import statistics
from contextlib import nullcontext
from typing import Any

import torch

from timing import Benchmark, Timing

RUNS = 10


def gpu_timings(bench: Benchmark, network: torch.nn.Module, shape: tuple[int, ...]) -> None:
    """Add net times of one batch on the GPU; say so where there is none."""
    if not torch.cuda.is_available():
        bench.skip("no usable NVIDIA GPU here: the times of bf16, channels last and torch.compile on a GPU.")
        return
    device = torch.device("cuda")
    bench.facts["gpu"] = torch.cuda.get_device_name(device)
    last = torch.channels_last_3d if len(shape) == 5 else torch.channels_last
    batch = torch.randn(shape, device=device)
    plain = network.to(device).eval()
    ways: dict[str, tuple[Any, torch.Tensor, bool]] = {
        "fp32": (plain, batch, False),
        "bf16": (plain, batch, True),
        "bf16, channels last": (plain, batch.to(memory_format=last), True),
        "bf16, channels last, torch.compile": (torch.compile(plain), batch.to(memory_format=last), True),
    }
    for name, (way, given, lower) in ways.items():
        plain.to(memory_format=torch.preserve_format if given is batch else last)
        seconds = _net_seconds(way, given, lower=lower)
        title = f"GPU, network alone, {' × '.join(map(str, shape))}: {name}"
        bench.add(Timing(title, statistics.median(seconds), runs_s=tuple(seconds), items=shape[0], note="net time"))


def _net_seconds(network: torch.nn.Module, batch: torch.Tensor, *, lower: bool) -> list[float]:
    """Return the seconds between two events on the GPU, of every run after three to warm up."""
    seconds = []
    clock: Any = torch.cuda.Event
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16) if lower else nullcontext():
        for number in range(RUNS + 3):
            start, end = clock(enable_timing=True), clock(enable_timing=True)
            start.record()
            network(batch)
            end.record()
            torch.cuda.synchronize()
            if number >= 3:
                seconds.append(start.elapsed_time(end) / 1000)
    return seconds
