"""Classify, then segment the positives: two models, or systems of them, one after the other.

A picture is positive unless it is classified ``no_tumor``; where the classifier abstains it is positive too, since
nobody has said that there is no tumor. Where the classifier's gate says that it is no brain MRI, nothing is segmented:
a mask would say that tumor is there. A volume or a stack meets a classifier of pictures slice by slice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gliascope.checkpoint import SystemFolder
from gliascope.errors import GliascopeError, ModelError, Notice
from gliascope.inference.answers import Classification, Segmentation, tried
from gliascope.inference.predictor import PICTURES_PER_PASS, Predictor
from gliascope.inference.sliding_window import Progress
from gliascope.inference.vote import Vote, majority, mean_probabilities, total_timing
from gliascope.preprocess.inside import Inside
from gliascope.scan import LabelMap, Scan

NEGATIVE = "no_tumor"
"""The class that is not segmented."""

COLORS = ("red", "green", "blue")


@dataclass(frozen=True, eq=False)
class CascadeAnswer:
    """A class, and a mask where the class asks for one.

    Args:
        classification: Of the picture, or of the volume as a whole.
        segmentation: The segmenter's; empty, with background for certain, where it was not asked.
        segmented: True where the segmenter was asked.
        slices: The class of every axial slice of a volume, from the first; None where the classifier abstained.
            Empty where the classifier took the scan as a whole.
        notices: What was noticed on the way, besides the scan's own notices; disagreement among it.
    """

    classification: Classification
    segmentation: Segmentation
    segmented: bool
    slices: tuple[str | None, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def timing_s(self) -> dict[str, float]:
        """Seconds of ``preprocess``, ``infer`` and ``postprocess``, of both models."""
        return total_timing((self.classification.timing_s, self.segmentation.timing_s))


@dataclass(frozen=True)
class Cascade:
    """A classifier and a segmenter that are ready.

    Args:
        classifier: A model or a vote that knows the class ``no_tumor``.
        segmenter: A model that segments.
        segment_all: Segment whatever the class; the class is then only told beside the mask.
        folder: The system folder; None where two models were named.

    Raises:
        ModelError: The classifier has no class ``no_tumor``, or a part does the other's task.
    """

    classifier: Predictor | Vote
    segmenter: Predictor
    segment_all: bool = False
    folder: SystemFolder | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        gate, name = self.classifier.folder, self.classifier.folder.facts.name
        if gate.facts.task != "classify" or self.segmenter.folder.facts.task != "segment":
            cause = f"'{name}' and '{self.segmenter.folder.facts.name}' are no classifier and segmenter"
            raise ModelError(cause, hint="Name the classifier first.", code="E_MEMBERS")
        if NEGATIVE not in self.classifier.outputs:
            cause = f"cannot say that there is no tumor: its classes are {', '.join(self.classifier.outputs)}"
            raise ModelError(cause, file=gate.path, hint=f"A cascade needs the class {NEGATIVE}.", code="E_MEMBERS")

    def predict(self, scan: Scan, *, progress: Progress | None = None) -> CascadeAnswer:
        """Classify, then segment unless there is no tumor, or no brain.

        A volume or a stack meets a classifier of pictures slice by slice. Its class is the one that most positive
        slices have (of equal ones the more probable), with the mean probabilities of these slices, or ``no_tumor``
        with the mean over all where none is positive; slices without any content are ``no_tumor`` unasked. Slices that
        the gate turns away count as abstained, since the ends of a head look unlike the rest of it; where they are more
        than half of the others, the volume is no brain MRI. The
        segmenter reads the scan as a whole, as it always does, and its mask counts in the positive slices.

        Args:
            scan: A scan that both take. A classifier of colors takes the three named contrasts of a color picture as
                the red, green and blue that they are stored in.
            progress: Told how many windows of the segmenter are done.

        Raises:
            GeometryError: A channel is missing, or the scan does not fit a model.
            ModelError: A network does not fit its own description.
            MachineError: Memory runs out.
        """
        seen = _as_colors(scan, self.classifier.channels)
        if self._by_slice(scan):
            classification, slices = self._classify_slices(seen)
        else:
            classification, slices = _classified(self.classifier, self.classifier.predict(seen)), ()
        return self._segmented(scan, classification, slices, progress)

    def predict_all(self, scans: Sequence[Scan]) -> list[CascadeAnswer | GliascopeError]:
        """Return the answer for each of several scans, or the error that ``predict`` would raise for it."""
        if any(self._by_slice(scan) for scan in scans):
            return [tried(self.predict, scan) for scan in scans]
        seen = [_as_colors(scan, self.classifier.channels) for scan in scans]
        given = self.classifier.predict_all(seen)

        def one(number: int) -> CascadeAnswer:
            return self._segmented(scans[number], _classified(self.classifier, given[number]), (), None)

        return [tried(one, number) for number in range(len(scans))]

    def _by_slice(self, scan: Scan) -> bool:
        return scan.is_volume and self.classifier.dimensions == 2

    def _segmented(
        self, scan: Scan, classification: Classification, slices: tuple[str | None, ...], progress: Progress | None
    ) -> CascadeAnswer:
        """Segment unless the class says that there is nothing to segment."""
        asked = self.segment_all or not (classification.label == NEGATIVE or classification.foreign)
        segmentation = _segmented(self.segmenter, scan, progress) if asked else self._nothing(scan)
        if slices and asked and not self.segment_all:
            negative = np.array([label == NEGATIVE for label in slices])
            segmentation = _without_slices(segmentation, negative, self.segmenter.parts.empty)
        notices = (*classification.notices, *segmentation.notices)
        told = _disagreement(classification, segmentation.label_map, slices) if asked else ()
        return CascadeAnswer(classification, segmentation, asked, slices, tuple(dict.fromkeys((*notices, *told))))

    def _classify_slices(self, scan: Scan) -> tuple[Classification, tuple[str | None, ...]]:
        """Classify the axial slices that hold anything, and the volume by them."""
        full = [k for k in range(scan.grid.shape[2]) if any(c.min() != c.max() for c in scan.array[..., k])]
        each: dict[int, Classification] = {}
        for first in range(0, len(full), PICTURES_PER_PASS):
            part = full[first : first + PICTURES_PER_PASS]
            given = self.classifier.predict_all([scan.slice_picture(k) for k in part])
            each |= {k: _classified(self.classifier, answer) for k, answer in zip(part, given, strict=True)}
        slices = tuple(each[k].label if k in each else NEGATIVE for k in range(scan.grid.shape[2]))
        return _over_slices(list(each.values()), self.classifier.outputs), slices

    def _nothing(self, scan: Scan) -> Segmentation:
        """Return the answer where nothing is segmented: background everywhere."""
        parts = self.segmenter.parts
        target = parts.target
        if target is None:  # a segmenter has one; ``read_parts`` has checked it
            raise ModelError("has no target", file=self.segmenter.folder.path, code="E_MODEL_JSON")
        labels = LabelMap(np.zeros(scan.grid.shape, np.uint8), target.label_scheme, scan.grid, scan.stored)
        axes = len(scan.grid.shape)
        nowhere = np.zeros((len(parts.outputs), *[0] * axes), np.float32)
        inside = Inside(nowhere, (slice(0, 0),) * axes, scan.grid.shape, parts.empty)
        return Segmentation(labels, inside, parts.outputs, inside, {})


def _classified(classifier: Predictor | Vote, answer: Segmentation | Classification | GliascopeError) -> Classification:
    if isinstance(answer, GliascopeError):
        raise answer
    if not isinstance(answer, Classification):
        raise ModelError("gives masks, not classes", file=classifier.folder.path, code="E_MEMBERS")
    return answer


def _segmented(segmenter: Predictor, scan: Scan, progress: Progress | None) -> Segmentation:
    answer = segmenter.predict(scan, progress=progress)
    if not isinstance(answer, Segmentation):
        raise ModelError("gives classes, not masks", file=segmenter.folder.path, code="E_MEMBERS")
    return answer


def _as_colors(scan: Scan, wanted: Sequence[str]) -> Scan:
    """Give the contrasts of a color picture the names of its colors where the classifier knows only those."""
    is_picture = scan.grid.affine is None and len(scan.channels) == len(COLORS)
    missing = set(wanted) - set(scan.channels)
    if is_picture and missing and missing <= {*COLORS, "gray"}:
        return replace(scan, channels=COLORS)
    return scan


def _over_slices(each: Sequence[Classification], classes: Sequence[str]) -> Classification:
    """Return the class of a volume from those of its slices; see ``Cascade.predict``."""
    positive = [answer for answer in each if answer.label != NEGATIVE]
    foreign = [answer.reason for answer in each if answer.foreign]
    is_foreign = 2 * len(foreign) > len(each)
    chosen = positive or each
    certain = {name: float(name == NEGATIVE) for name in classes}
    probabilities, raw = (
        mean_probabilities(given, classes) if given else certain
        for given in ([a.probabilities for a in chosen], [a.raw for a in chosen])
    )
    label = majority([answer.label for answer in positive], probabilities) if positive else NEGATIVE
    reason = "" if label is not None else "The classifier abstained on every slice that may hold tumor."
    if is_foreign:
        label, reason = None, f"{len(foreign)} of {len(each)} slices show no brain MRI. The first: {foreign[0]}"
    notices = tuple(dict.fromkeys(notice for answer in each for notice in answer.notices))
    timing = total_timing(answer.timing_s for answer in each)
    return Classification(label, probabilities, label is None, reason, raw, timing, notices, foreign=is_foreign)


def _without_slices(answer: Segmentation, negative: NDArray[np.bool_], empty: Sequence[float]) -> Segmentation:
    """Return the answer with background in the negative slices; its arrays are changed, for they are its own."""
    labels = answer.label_map.array.copy()
    labels[..., negative] = 0
    background = np.array(empty, dtype=np.float32).reshape(-1, 1, 1, 1)
    for inside in (answer.decided,) if answer.decided is answer.honest else (answer.decided, answer.honest):
        inside.values[..., negative[inside.box[-1]]] = background
    return replace(answer, label_map=replace(answer.label_map, array=labels))


def _disagreement(
    classification: Classification, label_map: LabelMap, slices: Sequence[str | None]
) -> tuple[Notice, ...]:
    """Notice where the class and the mask do not fit together."""
    voxels = int(np.count_nonzero(label_map.array))
    if classification.label == NEGATIVE and voxels:
        text = f"Classified as {NEGATIVE}, but {_size(label_map, voxels)} are segmented as tumor."
        return (Notice("W_DISAGREE", "", text),)
    if classification.label != NEGATIVE and not voxels:
        called = "not classified" if classification.label is None else f"classified as {classification.label}"
        return (Notice("W_DISAGREE", "", f"The image is {called}, but nothing is segmented."),)
    apart = np.array([label == NEGATIVE for label in slices], dtype=np.bool_)
    beyond = int(np.count_nonzero(label_map.array[..., apart])) if slices else 0
    if beyond:
        text = f"{_size(label_map, beyond)} are segmented in slices that are classified as {NEGATIVE}."
        return (Notice("W_DISAGREE", "", text),)
    return ()


def _size(label_map: LabelMap, voxels: int) -> str:
    voxel_ml = label_map.grid.voxel_ml
    if voxel_ml is not None:
        return f"{voxels * voxel_ml:.1f} ml"
    return f"{voxels:,} {'voxels' if label_map.array.ndim == 3 else 'pixels'}"
