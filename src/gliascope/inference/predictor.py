"""One scan through one model: prepare, run, lead back, decide, clean.

Read ``Predictor.predict`` first; ``workflow.predict`` is what calls it for files and folders.
"""

import itertools
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from gliascope.checkpoint import ModelFolder, load_model
from gliascope.errors import GeometryError, MachineError, ModelError, Notice
from gliascope.inference.backends import Backend, open_backend
from gliascope.inference.parts import ModelParts, read_parts
from gliascope.inference.postprocess import suppress_small_components, temper, to_probabilities
from gliascope.inference.sliding_window import Progress, sliding_window
from gliascope.preprocess.plan import Prepared
from gliascope.preprocess.targets import TargetSettings
from gliascope.scan import LabelMap, Scan

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A mask and the probabilities it comes from.

    Args:
        label_map: Label numbers on the scan's grid; ``stored`` is the scan's.
        probabilities: Shape ``(K, *S)`` on the same grid, float32, with the model's temperature.
        channels: Names of the K outputs.
        raw: The same before the temperature, from which the mask was decided; the same array where there is none.
        timing_s: Seconds of ``preprocess``, ``infer`` and ``postprocess``.
        notices: What the preparation noticed, besides the scan's own notices.
    """

    label_map: LabelMap
    probabilities: Array
    channels: tuple[str, ...]
    raw: Array
    timing_s: Mapping[str, float]
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, eq=False)
class MemberVote:
    """What one member of a vote answered.

    Args:
        model: The member's name.
        label: The class it names; None when it abstained.
        probabilities: One per class, with the member's temperature.
    """

    model: str
    label: str | None
    probabilities: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Classification:
    """A class and the probabilities it comes from.

    Args:
        label: The most probable class, of a vote the one that most members name; None when abstained.
        probabilities: One per class, in the model's order, with the model's temperature; they add up to 1.
        abstained: True where no class is probable enough, or the image is no brain MRI.
        reason: Why it abstained; empty otherwise.
        raw: The probabilities before the temperature.
        timing_s: Seconds of ``preprocess``, ``infer`` and ``postprocess``.
        notices: What the preparation noticed, besides the scan's own notices.
        votes: What the members of a vote answered; empty for a single model.
        foreign: True where the gate abstained: this is no brain MRI, whatever the probabilities say.
    """

    label: str | None
    probabilities: Mapping[str, float]
    abstained: bool
    reason: str
    raw: Mapping[str, float]
    timing_s: Mapping[str, float] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    votes: tuple[MemberVote, ...] = ()
    foreign: bool = False


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
        facts = self.folder.facts
        self._check_axes(scan)
        self._check_memory(scan)
        start = time.perf_counter()
        prepared = self.parts.plan.apply(scan)
        notices = tuple(notice for notice in prepared.notices if notice not in scan.notices)
        ready = time.perf_counter()
        probabilities = self.answer(prepared.array, progress=progress)
        inferred = time.perf_counter()
        if facts.task == "classify" or self.parts.target is None:
            timing = {"preprocess": ready - start, "infer": inferred - ready, "postprocess": 0.0}
            return self._decide(probabilities, timing, notices, self.foreign_reason(scan))
        raw = self._lead_back(probabilities, prepared)
        label_map = self._label_map(raw, scan, self.parts.target)
        honest = self._tempered(raw)
        done = time.perf_counter()
        timing = {"preprocess": ready - start, "infer": inferred - ready, "postprocess": done - inferred}
        return Segmentation(label_map, honest, self.parts.outputs, raw, timing, notices)

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
        return self._classify(image) if self.parts.target is None else self._segment(image, progress)

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
        """Average over every flip of the spatial axes."""
        axes = range(2, batch.ndim)
        flips = [chosen for n in range(len(axes) + 1) for chosen in itertools.combinations(axes, n)]
        total = self._run(batch)
        for flip in flips[1:]:
            total += np.flip(self._run(np.ascontiguousarray(np.flip(batch, flip))), flip)
        return total / np.float32(len(flips))

    def _classify(self, image: Array) -> Array:
        """Return the probability of every class, shape ``(K,)``."""
        run = self._run_mirrored_picture if self.parts.settings.mirror else self._run
        scores = run(image[np.newaxis])
        if scores.shape != (1, len(self.parts.outputs)):
            cause = f"returns shape {scores.shape} for the classes {', '.join(self.parts.outputs)}"
            raise ModelError(cause, file=self.folder.path, code="E_SHAPE")
        return np.asarray(scores[0])

    def _run_mirrored_picture(self, batch: Array) -> Array:
        """Average over the picture and its left-right mirror image; upside down, a head is no head."""
        return (self._run(batch) + self._run(np.ascontiguousarray(batch[:, :, ::-1]))) / np.float32(2)

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

    def _lead_back(self, probabilities: Array, prepared: Prepared) -> Array:
        """Return the probabilities on the scan's grid; what was cropped away is background."""
        back = self.parts.plan.invert(probabilities, prepared.trace)
        if self.parts.exclusive and back.shape != probabilities.shape:
            back[0] = np.clip(1.0 - back[1:].sum(axis=0), 0.0, 1.0)
        return back

    def _label_map(self, probabilities: Array, scan: Scan, target: TargetSettings) -> LabelMap:
        settings = self.parts.settings
        suppress_small_components(
            probabilities,
            settings.min_component_voxels,
            exclusive=self.parts.exclusive,
            threshold=settings.threshold,
            empty=self.parts.empty,
        )
        labels = target.decode(probabilities, threshold=settings.threshold)
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
