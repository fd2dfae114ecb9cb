"""One training step of a U-Net in 2-D and in 3-D: fp32, bf16 and bf16 with channels last; on a GPU compiled, too.

python benchmarks/training_step.py [-o FILE]
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from torch import nn
from torch.nn import functional

from gliascope.models.unet import UNetSettings
from timing import Benchmark, arguments, measured, run


def main(given: Sequence[str] | None = None) -> None:
    """Measure and tell."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--width", type=int, default=32, help="channels of the 2-D network's first block; 3-D: half")
    parser.add_argument("--side", type=int, default=256, help="pixels per side in 2-D; 3-D: three eighths")
    parser.add_argument("--batch", type=int, default=4, help="pictures per step in 2-D; 3-D: half")
    chosen = parser.parse_args(given)
    bench = Benchmark("One training step", against="2-D, fp32, instance norm")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    bench.facts = {"device": str(device), "threads": torch.get_num_threads(), "width": chosen.width}
    flat, cube = (chosen.side,) * 2, (max(chosen.side * 3 // 8 // 16, 2) * 16,) * 3
    for words, width, shape in (
        ("2-D", chosen.width, (chosen.batch, 3, *flat)),
        ("3-D", max(chosen.width // 2, 1), (max(chosen.batch // 2, 1), 4, *cube)),
    ):
        bench.facts[words] = " × ".join(map(str, shape))
        for name, norm, lower, last in (
            ("fp32, instance norm", "instance", False, False),
            ("bf16, instance norm", "instance", True, False),
            ("bf16, channels last, batch norm", "batch", True, True),
        ):
            step = _step(len(shape) - 2, width, norm, shape, device, lower=lower, last=last)
            bench.add(measured(f"{words}, {name}", step, chosen.repeats))
        if device.type == "cuda":
            step = _step(len(shape) - 2, width, "batch", shape, device, lower=True, last=True, compiled=True)
            bench.add(measured(f"{words}, bf16, channels last, batch norm, torch.compile", step, chosen.repeats))
    if device.type == "cpu":
        bench.skip("no usable NVIDIA GPU here: the same steps on a GPU, and torch.compile.")
    bench.deliver(chosen.output)


def _step(
    dimensions: int,
    width: int,
    norm: str,
    shape: tuple[int, ...],
    device: torch.device,
    *,
    lower: bool,
    last: bool,
    compiled: bool = False,
) -> Callable[[], None]:
    """Return a function that does one step: forward, loss, backward, update."""
    settings = UNetSettings.model_validate({"dimensions": dimensions, "width": width, "norm": norm})
    torch.manual_seed(0)
    network: nn.Module = settings.build(shape[1], 1).to(device).train()
    batch, target = (
        torch.randn(shape, device=device),
        (torch.rand(shape[0], 1, *shape[2:], device=device) > 0.9).float(),
    )
    if last:
        layout = torch.channels_last if dimensions == 2 else torch.channels_last_3d
        network, batch = network.to(memory_format=layout), batch.to(memory_format=layout)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    called: Callable[[torch.Tensor], torch.Tensor] = torch.compile(network) if compiled else network

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16) if lower else nullcontext():
            logits = called(batch)
        torch.autograd.backward(functional.binary_cross_entropy_with_logits(logits.float(), target))
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step


if __name__ == "__main__":
    run(main)
