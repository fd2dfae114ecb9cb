"""One four-channel study: Gliascope against MONAI's sliding window and against an nnU-Net-like one, at equal weights.

    python benchmarks/volumes.py [--model NAME|DIR] [--data STUDY] [-o FILE]

Every way gets the same scan and gives a mask on its grid. They differ in what a user would differ in: Gliascope
prepares the scan by the model's own plan and looks at the head alone; the others slide windows over it in PyTorch.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gliascope.case import Case
from gliascope.checkpoint import ModelFolder
from gliascope.datasets.discover import discover
from gliascope.datasets.phantom_files import write_brats_study
from gliascope.datasets.phantom_study import phantom_study
from gliascope.inference.predictor import Predictor
from gliascope.inference.sliding_window import window_starts
from gliascope.inference.torch_backend import load_network
from gliascope.preprocess.head import bounding_box, head_mask
from gliascope.workflow.model_choice import find_model
from gpu_times import gpu_timings
from timing import GLIASCOPE, Benchmark, Timing, arguments, measured, measured_process, run

Array = NDArray[np.float32]
MIRRORED = 8
"""Passes of nnU-Net's mirroring in 3-D."""


def main(given: Sequence[str] | None = None) -> None:
    """Measure and tell."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--model", default="glioma-3d", help="a 3-D segmenter (default: the one that ships)")
    parser.add_argument("--data", type=Path, help="a study folder (default: a phantom)")
    parser.add_argument("--size", type=int, nargs=3, default=(240, 240, 155), help="voxels of the phantom")
    parser.add_argument("--window", type=int, default=128, help="side of the other ways' windows")
    chosen = parser.parse_args(given)
    model = find_model(chosen.model, task="segment")
    with tempfile.TemporaryDirectory() as scratch:
        study = chosen.data or _phantom(Path(scratch), tuple(chosen.size))
        case = discover(study).cases[0]
        bench = Benchmark("One study", against="Gliascope, scan to mask")
        bench.facts = {"model": f"{model.facts.name} {model.facts.version}", "threads": torch.get_num_threads()}
        out = Path(scratch) / "out"
        command = [*GLIASCOPE, "predict", str(study), "-o", str(out), "--model", str(model.path), "--overwrite"]
        bench.add(measured_process("Gliascope, process start to mask and page", command, chosen.repeats))
        _same_scan(bench, case, model, side=chosen.window, repeats=chosen.repeats)
    gpu_timings(bench, load_network(model), (1, len(model.facts.channels), *(chosen.window,) * 3))
    bench.deliver(chosen.output)


def _phantom(folder: Path, shape: tuple[int, int, int]) -> Path:
    home = folder / "phantom"
    write_brats_study(home, "phantom", phantom_study(1, shape), separator="-", old_names=False, scheme="brats2023")
    return home


def _same_scan(bench: Benchmark, case: Case, model: ModelFolder, *, side: int, repeats: int) -> None:
    """Measure every way from one scan in memory to a mask."""
    predictor, network = Predictor(model), load_network(model)
    scan = case.read().select(predictor.channels)
    bench.facts |= {"voxels": " × ".join(map(str, scan.grid.shape)), "engine": predictor.backend.precision}
    prepared = predictor.parts.plan.apply(scan).array
    bench.add(measured("Gliascope, scan to mask", lambda: predictor.predict(scan), repeats))
    bench.add(measured("Gliascope, network alone", lambda: predictor.answer(prepared), repeats))
    window = (side,) * 3
    _window_pass(network, len(scan.channels), window)  # PyTorch's first pass is slow
    monai = bench.add(
        measured(
            f"MONAI sliding_window_inference, torch fp32, whole volume, {side}³, overlap 0.5",
            lambda: _monai(network, scan.array, window),
            1,
            note="one run",
            warm=False,
        )
    )
    once = measured("one window in torch fp32", lambda: _window_pass(network, len(scan.channels), window), repeats)
    bench.add(once)
    box = bounding_box(head_mask(scan.array))
    counts = [len(window_starts(max(part.stop - part.start, side), side, 0.5)) for part in box]
    passes = int(np.prod(counts)) * MIRRORED
    note = f"estimated: {passes} passes of one window each"
    bench.add(Timing(f"nnU-Net-like: head box, {side}³, overlap 0.5, 8 mirrors", once.wall_s * passes, note=note))
    ours = next(own for own in bench.timings if own.name == bench.against)
    bench.facts["times as fast as MONAI's way"] = round(monai.wall_s / ours.wall_s, 1)


def _monai(network: torch.nn.Module, array: Array, window: tuple[int, ...]) -> NDArray[np.bool_]:
    from monai.inferers.utils import sliding_window_inference
    from monai.transforms.intensity.array import NormalizeIntensity

    normal = NormalizeIntensity(nonzero=True, channel_wise=True)(torch.from_numpy(array))
    with torch.inference_mode():
        logits = sliding_window_inference(torch.as_tensor(normal)[None], window, 1, network, overlap=0.5)
    return np.asarray((torch.as_tensor(logits)[0] > 0).numpy())


def _window_pass(network: torch.nn.Module, channels: int, window: tuple[int, ...]) -> None:
    with torch.inference_mode():
        network(torch.zeros((1, channels, *window)))


if __name__ == "__main__":
    run(main)
