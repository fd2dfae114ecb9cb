"""A folder of pictures: Gliascope against a plain PyTorch loop, at equal weights.

python benchmarks/pictures.py [--model NAME|DIR] [--data FOLDER] [-o FILE]
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from gliascope.datasets.discover import discover
from gliascope.datasets.phantom_picture import phantom_picture
from gliascope.inference.predictor import PICTURES_PER_PASS, Predictor
from gliascope.inference.torch_backend import load_network
from gliascope.labels import TUMOR_CLASSES
from gliascope.preprocess.plan import Plan
from gliascope.workflow.model_choice import find_model
from gpu_times import gpu_timings
from timing import GLIASCOPE, Benchmark, arguments, measured, measured_process, run

DRAWN = 24
"""Different phantoms; a folder of more repeats them."""


def main(given: Sequence[str] | None = None) -> None:
    """Measure and tell."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--model", default="mri-4class", help="a classifier of pictures (default: the one that ships)")
    parser.add_argument("--data", type=Path, help="a folder of pictures (default: phantoms)")
    parser.add_argument("--count", type=int, default=300, help="pictures at most")
    parser.add_argument("--size", type=int, default=256, help="pixels per side of the phantoms")
    chosen = parser.parse_args(given)
    model = find_model(chosen.model, task="classify")
    predictor, network = Predictor(model), load_network(model)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "pictures"
        folder.mkdir()
        files = (
            _copied(chosen.data, folder, chosen.count) if chosen.data else _phantoms(folder, chosen.count, chosen.size)
        )
        count = len(files)
        bench = Benchmark("A folder of pictures", against="plain PyTorch loop, files to probabilities")
        bench.facts = {
            "model": f"{model.facts.name} {model.facts.version}",
            "pictures": count,
            "engine": predictor.backend.precision,
            "threads": torch.get_num_threads(),
        }
        out = str(Path(scratch) / "out")
        command = [*GLIASCOPE, "predict", "--no-stack", "-o", out, "--model", str(model.path), "--overwrite"]
        whole = "Gliascope, process start to every class, JSON and page"
        bench.add(measured_process(whole, [*command, str(folder)], chosen.repeats, items=count, unit="pictures"))
        one = "Gliascope, one picture, process start to page"
        bench.add(measured_process(one, [*command, str(files[0])], chosen.repeats))
        scans = [case.read() for case in discover(folder, stack=False).cases]
        batch = np.stack([predictor.parts.plan.apply(scan).array for scan in scans[:PICTURES_PER_PASS]])

        def network_alone() -> None:
            for _ in range(0, count, len(batch)):
                predictor.backend.run(batch)

        passes = -(-count // len(batch)) * len(batch)
        bench.add(measured("Gliascope, network alone", network_alone, chosen.repeats, items=passes, unit="pictures"))
        plan = predictor.parts.plan
        loop, alone = "plain PyTorch loop, files to probabilities", "plain PyTorch loop, network alone"
        size = (int(batch.shape[-2]), int(batch.shape[-1]))

        def torch_loop() -> None:
            for file in files:
                _probabilities(network, _read(file, size, plan))

        def torch_alone() -> None:
            for _ in range(count):
                _probabilities(network, batch[:1])

        bench.add(measured(loop, torch_loop, chosen.repeats, items=count, unit="pictures"))
        bench.add(measured(alone, torch_alone, chosen.repeats, items=count, unit="pictures"))
    gpu_timings(bench, network, (64, *batch.shape[1:]))
    bench.deliver(chosen.output)


def _phantoms(folder: Path, count: int, size: int) -> list[Path]:
    files = []
    drawn = [phantom_picture(n, TUMOR_CLASSES[n % len(TUMOR_CLASSES)], size)[0] for n in range(min(count, DRAWN))]
    for number in range(count):
        files.append(folder / f"phantom{number:05d}x.jpg")
        Image.fromarray(drawn[number % len(drawn)]).save(files[-1], quality=92)
    return files


def _copied(source: Path, folder: Path, count: int) -> list[Path]:
    cases = discover(source, stack=False).cases[:count]
    files = [folder / f"{case.id}{case.paths[0].suffix}" for case in cases]
    for case, file in zip(cases, files, strict=True):
        shutil.copyfile(case.paths[0], file)
    return files


def _read(file: Path, size: tuple[int, int], plan: Plan) -> NDArray[np.float32]:
    """Read a picture as a short script would: gray, resized, from 0 to 1."""
    with Image.open(file) as picture:
        gray = np.asarray(picture.convert("L").resize(size[::-1]), dtype=np.float32) / 255
    return np.repeat(gray[np.newaxis, np.newaxis], plan.in_channels, axis=1)


def _probabilities(network: torch.nn.Module, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.inference_mode():
        return np.asarray(torch.softmax(network(torch.from_numpy(batch)), dim=1).numpy())


if __name__ == "__main__":
    run(main)
