"""One scan through one model: prepare, run, lead back, decide, clean.

Read ``Predictor.predict`` first; ``workflow.predict`` is what calls it for files and folders.
"""

import math
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from gliascope.checkpoint import ModelFolder, load_model
from gliascope.errors import GeometryError, GliascopeError, MachineError, ModelError, Notice
from gliascope.inference.answers import Classification, MemberVote, Segmentation, tried
from gliascope.inference.backends import Backend, open_backend
from gliascope.inference.known_inputs import knows_slices_alone
from gliascope.inference.parts import ModelParts, read_parts
from gliascope.inference.postprocess import suppress_small_components, temper, to_probabilities
from gliascope.inference.sliding_window import Progress, sliding_window
from gliascope.preprocess.inside import Inside
from gliascope.preprocess.plan import Prepared
from gliascope.preprocess.targets import TargetSettings
from gliascope.scan import LabelMap, Scan

__all__ = ["PICTURES_PER_PASS", "Classification", "MemberVote", "Predictor", "Segmentation"]

Array = NDArray[np.float32]

PICTURES_PER_PASS = 16
"""Pictures that a classifier sees at once. Each gets the answer that it gets alone."""

PREPARED_AT_ONCE = 4
"""Of them are prepared at the same time at most, and never more than there are threads."""


@dataclass(frozen=True, eq=False)
class _Ready:
    """A scan as the network gets it, what its making noticed, the seconds it took, and why it is no brain MRI if so."""

    prepared: Prepared
    notices: tuple[Notice, ...]
    seconds: float
    foreign: str


class Predictor:
    """A model that is ready for any number of scans.

    Args:
        folder: A model folder, checked or not.
        backend: ``auto``, ``openvino`` or ``torch``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; None: all cores.
        precision: ``auto``, ``fp32`` or ``bf16``; see ``backends.open_backend``.
        gate: Let a classifier that has a gate abstain on what is no brain MRI; False: it is not asked.

    Raises:
        ModelError: The folder is damaged, contradicts itself, or lacks what the backend needs.
        MachineError: The device, the precision or PyTorch is not there.
    """

    def __init__(
        self,
        folder: str | Path | ModelFolder,
        *,
        backend: str = "auto",
        device: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
        gate: bool = True,
    ) -> None:
        self.folder = folder if isinstance(folder, ModelFolder) else load_model(Path(folder))
        self.parts: ModelParts = read_parts(self.folder)
        self.outputs = self.parts.outputs
        """Names of the network's outputs."""
        self.dimensions = self.folder.facts.dimensions
        """Spatial axes of the network's input."""
        self.channels = self.folder.facts.channels
        """Channels it reads, by name."""
        self.gate = self.parts.gate if gate else None
        """Tells what is no brain MRI; None: nothing does."""
        self._slices = self.dimensions == 2 and knows_slices_alone(self.folder)
        self._threads = threads or os.cpu_count() or 1
        self.backend: Backend = open_backend(
            self.folder, backend=backend, device=device, threads=threads, precision=precision
        )

    def predict(self, scan: Scan, *, progress: Progress | None = None) -> Segmentation | Classification:
        """Return the model's answer for one scan.

        2-D networks take a volume slice by slice and give one volume. Besides the scan, about
        ``4 * (C + 3 K + 1)`` bytes per voxel are needed, and one batch of windows.

        Args:
            scan: Any scan that has the model's channels.
            progress: Told how many windows are done.

        Raises:
            GeometryError: A channel is missing, or the scan is a picture where the model needs a volume (or the
                reverse), or a preprocessing step does not fit.
            ModelError: The network does not fit its own description.
            MachineError: Memory runs out.
        """
        ready = self._prepared(scan)
        start = time.perf_counter()
        probabilities = self.answer(ready.prepared.array, progress=progress)
        inferred = time.perf_counter()
        timing = {"preprocess": ready.seconds, "infer": inferred - start, "postprocess": 0.0}
        if self.parts.target is None:
            return self._decide(probabilities, timing, ready.notices, ready.foreign)
        decided = self._lead_back(probabilities, ready.prepared)
        decided = decided.half_turned() if self.lies_otherwise(scan) else decided
        label_map = self._label_map(decided, scan, self.parts.target)
        tempered = self.folder.facts.temperature is not None
        honest = replace(decided, values=self._tempered(decided.values)) if tempered else decided
        timing["postprocess"] = time.perf_counter() - inferred
        return Segmentation(label_map, honest, self.parts.outputs, decided, timing, ready.notices)

    def predict_all(self, scans: Sequence[Scan]) -> list[Segmentation | Classification | GliascopeError]:
        """Return the answer for each of several scans, or the error that ``predict`` would raise for it.

        Pictures go through a classifier together, ``PICTURES_PER_PASS`` at a time; the seconds of a pass are shared
        evenly. Besides the scans, one pass of prepared pictures is in memory.
        """
        if self.parts.target is not None or self.dimensions != 2:
            return [tried(self.predict, scan) for scan in scans]
        with ThreadPoolExecutor(min(PREPARED_AT_ONCE, self._threads)) as pool:
            ready = list(pool.map(partial(tried, self._prepared), scans))
        answers: dict[int, Segmentation | Classification | GliascopeError] = {}
        by_shape: dict[tuple[int, ...], list[tuple[int, _Ready]]] = {}
        for number, each in enumerate(ready):
            if isinstance(each, GliascopeError):
                answers[number] = each
            else:
                by_shape.setdefault(each.prepared.array.shape, []).append((number, each))
        for same in by_shape.values():
            for first in range(0, len(same), PICTURES_PER_PASS):
                numbers, part = zip(*same[first : first + PICTURES_PER_PASS], strict=True)
                answers |= dict(zip(numbers, self._decide_together(part), strict=True))
        return [answers[number] for number in range(len(scans))]

    def _decide_together(self, part: Sequence[_Ready]) -> Sequence[Classification | GliascopeError]:
        """Classify pictures of one prepared size in one pass."""
        start = time.perf_counter()
        scores = tried(self._scores, np.stack([each.prepared.array for each in part]))
        infer_s = (time.perf_counter() - start) / len(part)
        if isinstance(scores, GliascopeError):
            return [scores] * len(part)
        return [
            self._decide(
                own, {"preprocess": each.seconds, "infer": infer_s, "postprocess": 0.0}, each.notices, each.foreign
            )
            for each, own in zip(part, scores, strict=True)
        ]

    def _prepared(self, scan: Scan) -> _Ready:
        self._check_axes(scan)
        self._check_memory(scan)
        start = time.perf_counter()
        prepared = self.parts.plan.apply(scan.half_turned() if self.lies_otherwise(scan) else scan)
        notices = tuple(notice for notice in prepared.notices if notice not in scan.notices)
        foreign = self.foreign_reason(scan) if self.parts.target is None else ""
        return _Ready(prepared, notices, time.perf_counter() - start, foreign)

    def lies_otherwise(self, scan: Scan) -> bool:
        """Say whether a scan is a volume, and the model knows slices as pictures only: half a turn on."""
        return self._slices and scan.is_volume and scan.grid.affine is not None

    def answer(self, image: Array, *, progress: Progress | None = None) -> Array:
        """Return what the network says of a prepared image, averaged, before temperature, cleaning and decision.

        Args:
            image: Shape ``(C, *S)``, as the model's plan leaves it.
            progress: Told how many windows are done.

        Returns:
            Probabilities ``(K, *S)`` of a segmenter, ``(K,)`` of a classifier.

        Raises:
            ModelError: The network does not fit its own description.
            MachineError: Memory runs out.
        """
        return self._scores(image[np.newaxis])[0] if self.parts.target is None else self._segment(image, progress)

    def _segment(self, image: Array, progress: Progress | None) -> Array:
        """Return the probabilities ``(K, *S)`` of the prepared image ``(C, *S)``."""
        dimensions, settings = self.folder.facts.dimensions, self.parts.settings
        whole = tuple(math.ceil(n / settings.divisor) * settings.divisor for n in image.shape[1 : dimensions + 1])
        return sliding_window(
            self._run_mirrored if settings.mirror else self._run,
            image,
            window=settings.window or whole,
            empty=self.parts.empty,
            overlap=settings.overlap,
            batch_size=settings.batch_for(dimensions),
            progress=progress,
        )

    def _run(self, batch: Array) -> Array:
        return to_probabilities(self.backend.run(batch), exclusive=self.parts.exclusive)

    def _tempered(self, probabilities: NDArray[np.floating]) -> NDArray[Any]:
        temperature = self.folder.facts.temperature
        if temperature is None:
            return probabilities
        return temper(probabilities, temperature, exclusive=self.parts.exclusive)

    def _run_mirrored(self, batch: Array) -> Array:
        """Average over the images and their left-right mirror images; the answers for voxels are led back."""
        mirrored = self._run(np.ascontiguousarray(batch[:, :, ::-1]))
        return (self._run(batch) + (mirrored[:, :, ::-1] if mirrored.ndim > 2 else mirrored)) / np.float32(2)

    def _scores(self, pictures: Array) -> Array:
        """Return the probability of every class for each picture of ``(B, C, *S)``, shape ``(B, K)``."""
        run = self._run_mirrored if self.parts.settings.mirror else self._run
        scores = run(pictures)
        if scores.shape != (len(pictures), len(self.parts.outputs)):
            shape = (1, *scores.shape[1:]) if len(scores) == len(pictures) else scores.shape
            cause = f"returns shape {shape} for the classes {', '.join(self.parts.outputs)}"
            raise ModelError(cause, file=self.folder.path, code="E_SHAPE")
        return np.asarray(scores)

    def foreign_reason(self, scan: Scan) -> str:
        """Say why a picture is no brain MRI as the model knows it; empty where it may be, or nothing tells."""
        return "" if self.gate is None else self.gate.reason(scan, self.channels)

    def _decide(
        self, scores: Array, timing: dict[str, float], notices: tuple[Notice, ...], foreign: str
    ) -> Classification:
        limit = self.parts.settings.abstain_below
        best = int(scores.argmax())
        # Double precision keeps apart what was apart: the class decided here is the most probable one afterwards too.
        honest = self._tempered(scores.astype(np.float64))
        probabilities, raw = (
            {name: float(score) for name, score in zip(self.parts.outputs, values, strict=True)}
            for values in (honest, scores)
        )
        if foreign:
            return Classification(None, probabilities, True, foreign, raw, timing, notices, foreign=True)
        if np.float32(honest[best]) < limit:
            reason = f"The highest probability, {honest[best]:.3f}, is below {limit:g}."
            return Classification(None, probabilities, True, reason, raw, timing, notices)
        return Classification(self.parts.outputs[best], probabilities, False, "", raw, timing, notices)

    def _lead_back(self, probabilities: Array, prepared: Prepared) -> Inside:
        """Return the probabilities where they may hold tumor; what was cropped away is background."""
        back = self.parts.plan.invert_inside(probabilities, prepared.trace)
        if self.parts.exclusive and back.shape != probabilities.shape[1:]:
            back.values[0] = np.clip(1.0 - back.values[1:].sum(axis=0), 0.0, 1.0)
        return replace(back, empty=self.parts.empty)

    def _label_map(self, inside: Inside, scan: Scan, target: TargetSettings) -> LabelMap:
        settings = self.parts.settings
        suppress_small_components(
            inside.values,
            settings.min_component_voxels,
            exclusive=self.parts.exclusive,
            threshold=settings.threshold,
            empty=self.parts.empty,
        )
        labels = np.zeros(inside.shape, dtype=np.uint8)
        labels[inside.box] = target.decode(inside.values, threshold=settings.threshold)
        return LabelMap(labels, target.label_scheme, scan.grid, scan.stored)

    def _check_axes(self, scan: Scan) -> None:
        facts = self.folder.facts
        if facts.dimensions == 3 and not scan.is_volume:
            hint = "Give a volume or a stack of slices, or choose a 2-D model."
            raise GeometryError("is one picture, and the model reads volumes", hint=hint, code="E_DIMENSIONS")
        if facts.dimensions == 2 and facts.task == "classify" and scan.is_volume:
            hint = "Give one slice as a picture, or add --no-stack for a folder of pictures."
            cause = f"is a volume of {scan.grid.shape[2]} slices, and the model classifies one picture"
            raise GeometryError(cause, hint=hint, code="E_DIMENSIONS")

    def _check_memory(self, scan: Scan) -> None:
        """Refuse what cannot fit before anything is computed."""
        per_voxel = 4 * (self.parts.plan.in_channels + 3 * len(self.parts.outputs) + 1)
        needed = math.prod(scan.grid.shape) * per_voxel
        free = psutil.virtual_memory().available
        if needed > free:
            cause = f"needs about {needed // 2**20} MiB of memory, and {free // 2**20} MiB are free"
            raise MachineError(cause, hint="Close other programs, or use a larger machine.", code="E_MEMORY")
