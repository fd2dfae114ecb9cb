"""One four-channel study: Gliascope against MONAI's sliding window and against an nnU-Net-like one, at equal weights.

    python benchmarks/volumes.py [--model NAME|DIR | --recipe NAME] [--data STUDY] [-o FILE]

Every way gets the same scan and gives a mask on its grid. They differ in what a user would differ in: Gliascope
prepares the scan by the model's own plan and looks at the head alone; the others slide windows over it in PyTorch.
"""

import subprocess
import tempfile
from collections.abc import Callable, Sequence
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
SLICES_PER_PASS = 16
"""Windows that the other ways give a 2-D network at once."""


def main(given: Sequence[str] | None = None) -> None:
    """Measure and tell."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--model", default="glioma-3d", help="a segmenter of volumes (default: the one that ships)")
    parser.add_argument("--recipe", help="a recipe whose network is measured instead, trained for one step")
    parser.add_argument("--data", type=Path, help="a study folder (default: a phantom)")
    parser.add_argument("--size", type=int, nargs=3, default=(240, 240, 155), help="voxels of the phantom")
    parser.add_argument("--window", type=int, default=128, help="side of the other ways' windows")
    chosen = parser.parse_args(given)
    with tempfile.TemporaryDirectory() as scratch:
        named = _barely_trained(chosen.recipe, Path(scratch)) if chosen.recipe else chosen.model
        model = find_model(named, task="segment")
        study = chosen.data or _phantom(Path(scratch), tuple(chosen.size))
        case = discover(study).cases[0]
        bench = Benchmark("One study", against="Gliascope, scan to mask")
        bench.facts = {"model": f"{model.facts.name} {model.facts.version}", "threads": torch.get_num_threads()}
        out = Path(scratch) / "out"
        command = [*GLIASCOPE, "predict", str(study), "-o", str(out), "--model", str(model.path), "--overwrite"]
        bench.add(measured_process("Gliascope, process start to mask and page", command, chosen.repeats))
        _same_scan(bench, case, model, side=chosen.window, repeats=chosen.repeats)
        window = (chosen.window,) * model.facts.dimensions
        gpu_timings(bench, load_network(model), (1, len(model.facts.channels), *window))
    bench.deliver(chosen.output)


def _barely_trained(recipe: str, folder: Path) -> str:
    """Train a recipe for one step on phantoms: its answers are worth nothing, and take the time they always take."""
    settings = (
        *('dataset={name="phantom", patients=6, size=64}', "split.folds=2"),
        *("training.epochs=1", "training.coarse_epochs=0", 'training.sampling={ balance="none", per_epoch=2 }'),
    )
    places = {"--data": folder / "phantoms", "-o": folder / "run", "--cache": folder / "cache"}
    options = [str(word) for pair in places.items() for word in pair] + [w for own in settings for w in ("--set", own)]
    subprocess.run([*GLIASCOPE, "train", recipe, "--quiet", *options], check=True)  # apart, for its memory
    return str(folder / "run" / "model")


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
    window = (side,) * predictor.dimensions
    shown = f"{side}{'²' if len(window) == 2 else '³'}"
    _window_pass(network, len(scan.channels), window)  # PyTorch's first pass is slow
    monai = bench.add(
        measured(
            f"MONAI sliding windows, torch fp32, whole volume, {shown}, overlap 0.5",
            _monai(network, scan.array, window),
            1,
            note="one run",
            warm=False,
        )
    )
    at_once = SLICES_PER_PASS if len(window) == 2 else 1
    once = measured(
        f"{at_once} x one window in torch fp32",
        lambda: _window_pass(network, len(scan.channels), window, at_once),
        repeats,
    )
    bench.add(once)
    lengths = [part.stop - part.start for part in bounding_box(head_mask(scan.array))]
    counts = [len(window_starts(max(length, side), side, 0.5)) for length in lengths[: len(window)]]
    mirrors = 2 ** len(window)
    windows = int(np.prod([*counts, *lengths[len(window) :]])) * mirrors
    note = f"estimated: {windows} windows, {at_once} per pass"
    name = f"nnU-Net-like: head box, {shown}, overlap 0.5, {mirrors} mirrors"
    bench.add(Timing(name, once.wall_s * windows / at_once, note=note))
    ours = next(own for own in bench.timings if own.name == bench.against)
    bench.facts["times as fast as MONAI's way"] = round(monai.wall_s / ours.wall_s, 1)


def _monai(network: torch.nn.Module, array: Array, window: tuple[int, ...]) -> Callable[[], NDArray[np.bool_]]:
    """Return MONAI's way, loaded: late, for what this process holds counts as memory of those that it starts."""
    from monai.inferers.inferer import SliceInferer, SlidingWindowInferer
    from monai.transforms.intensity.array import NormalizeIntensity

    slide = (
        SliceInferer(roi_size=window, sw_batch_size=SLICES_PER_PASS, overlap=0.5, spatial_dim=2)
        if len(window) == 2
        else SlidingWindowInferer(roi_size=window, sw_batch_size=1, overlap=0.5)
    )

    def mask() -> NDArray[np.bool_]:
        normal = NormalizeIntensity(nonzero=True, channel_wise=True)(torch.from_numpy(array))
        with torch.inference_mode():
            logits = slide(torch.as_tensor(normal)[None], network)
        return np.asarray((torch.as_tensor(logits)[0] > 0).numpy())

    return mask


def _window_pass(network: torch.nn.Module, channels: int, window: tuple[int, ...], count: int = 1) -> None:
    with torch.inference_mode():
        network(torch.zeros((count, channels, *window)))


if __name__ == "__main__":
    run(main)
