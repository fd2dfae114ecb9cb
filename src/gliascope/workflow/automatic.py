"""Which shipped model answers for which input, where none is named: one table, read from the top.

A rule fits an input by its kind and by its channels. The first rule that fits and has a model at hand answers; where it
has a classifier and a segmenter and both tasks are wanted, they are a cascade. ``docs/how-to/predict.md`` shows it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from gliascope.errors import ModelError, Notice
from gliascope.inference.signature import kind_of, skull_on
from gliascope.scan import MRI_CHANNELS, Scan

PURPOSES = {
    "mri-4class": "tells glioma, meningioma, pituitary tumor and no tumor apart on a picture",
    "t1c-tumor": "marks tumors on pictures of contrast-enhanced T1",
    "lgg-flair": "marks gliomas on pictures with FLAIR, and in volumes of whole heads with it",
    "glioma-3d": "marks gliomas in volumes of any of t1n, t1c, t2w and t2f",
}
"""The models that the table knows, and what each does."""

GRAY = ("gray", "red", "green", "blue")
"""Channels that say nothing about the contrast."""

SLICES = ("picture", "stack")


@dataclass(frozen=True)
class Rule:
    """What answers for inputs of one sort.

    Args:
        kinds: ``picture``, ``stack`` (of pictures), ``volume``.
        reads: The input has at least one of these channels …
        alone: … and, where True, no channel besides.
        whole: Only a head with its skull, in axial slices no thinner than their pixels.
        classifier: The model that names the class, if any.
        segmenter: The model that marks the tumor, if any.
    """

    kinds: tuple[str, ...]
    reads: tuple[str, ...]
    alone: bool = False
    whole: bool = False
    classifier: str | None = None
    segmenter: str | None = None

    def fits(self, scan: Scan) -> bool:
        """Say whether the rule is for such an input."""
        if kind_of(scan) not in self.kinds or not any(name in self.reads for name in scan.channels):
            return False
        return (not self.alone or len(scan.channels) == 1) and (not self.whole or is_whole_head(scan))


RULES = (
    Rule(SLICES, GRAY, classifier="mri-4class", segmenter="t1c-tumor"),
    Rule(SLICES, ("t2f",), segmenter="lgg-flair"),
    Rule(SLICES, ("t1c",), alone=True, classifier="mri-4class", segmenter="t1c-tumor"),
    Rule(SLICES, ("t1c",), segmenter="t1c-tumor"),
    Rule(SLICES, MRI_CHANNELS, alone=True, classifier="mri-4class"),
    Rule(("volume",), ("t2f",), whole=True, segmenter="lgg-flair"),
    Rule(("volume",), MRI_CHANNELS, segmenter="glioma-3d"),
)
"""FLAIR is not classified unless asked for: the four-class pictures hold few tumors on FLAIR, and ``lgg-flair`` knows
slices without tumor. A volume is not classified: its class would rest on single slices. With the skull on, FLAIR
goes to ``lgg-flair``: ``glioma-3d`` knows stripped heads best (docs/how-to/predict.md has the figures)."""


@dataclass(frozen=True)
class Choice:
    """Which shipped models answer for one input, and why.

    Args:
        task: What was asked for: ``auto``, ``classify`` or ``segment``.
        input: What the input was taken for, in words.
        why: One sentence.
        classifier: Name of the model that names the class, or None.
        segmenter: Name of the model that marks the tumor, or None.
        notices: What the choice rests on and cannot know.
    """

    task: str
    input: str
    why: str
    classifier: str | None = None
    segmenter: str | None = None
    notices: tuple[Notice, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return ``choice`` of ``prediction.json``."""
        return {"task": self.task, "input": self.input, "why": self.why}


def choose(scan: Scan, at_hand: Collection[str], task: str = "auto") -> Choice:
    """Choose the shipped models for one scan.

    Args:
        scan: The input as read.
        at_hand: Names of the models that ship.
        task: ``auto``: everything that a rule offers; ``classify`` or ``segment``: that alone.

    Raises:
        ModelError: No model at hand answers for such an input.
    """
    kind, channels = kind_of(scan), scan.channels
    for rule in RULES:
        if not rule.fits(scan):
            continue
        classifier, segmenter = _answering(rule, kind, at_hand, task)
        if classifier or segmenter:
            seen = _in_words(kind, channels) + (" of a whole head" if rule.whole else "")
            why = f"The input is {seen}: {_clause(classifier, segmenter)}."
            return Choice(task, seen, why, classifier, segmenter, _unknown_contrast(rule, segmenter))
    raise _none_fits(_in_words(kind, channels), at_hand, task, kind)


def is_whole_head(scan: Scan) -> bool:
    """Say whether a volume shows a head with its skull, in axial slices no thinner than their pixels."""
    spacing = scan.grid.spacing_mm
    return spacing is not None and spacing[2] > 0.99 * max(spacing) and skull_on(scan)


def _answering(rule: Rule, kind: str, at_hand: Collection[str], task: str) -> tuple[str | None, str | None]:
    """Return the classifier and the segmenter of a rule that are at hand and wanted."""
    classifier = rule.classifier if task != "segment" and rule.classifier in at_hand else None
    segmenter = rule.segmenter if task != "classify" and rule.segmenter in at_hand else None
    # Alone, a classifier takes one picture; the slices of a stack need a cascade.
    return (classifier if kind == "picture" or segmenter else None), segmenter


def _in_words(kind: str, channels: Collection[str]) -> str:
    """Name an input: ``a stack of pictures (t1n, t2f, t1c)``."""
    shown = "colors without names of contrasts" if set(channels) == {"red", "green", "blue"} else ", ".join(channels)
    named = {"picture": "a picture", "stack": "a stack of pictures", "volume": "a volume"}[kind]
    return f"{named} ({shown})"


def _clause(classifier: str | None, segmenter: str | None) -> str:
    if classifier and segmenter:
        return f"{classifier} names the class, and {segmenter} marks the tumor unless there is none"
    if classifier:
        return f"{classifier} names the class"
    return f"{segmenter} marks the tumor"


def _unknown_contrast(rule: Rule, segmenter: str | None) -> tuple[Notice, ...]:
    if rule.reads != GRAY or segmenter is None:
        return ()
    text = (
        f"The picture does not say its contrast. {segmenter} knows only T1 with contrast agent: on anything else its "
        "mask means nothing. Say the contrast with --channels (t1c, t2f, …) if it is known."
    )
    return (Notice("W_CONTRAST_UNKNOWN", "", text),)


def _none_fits(seen: str, at_hand: Collection[str], task: str, kind: str) -> ModelError:
    wanted = {"auto": "answers for", "classify": "classifies", "segment": "segments"}[task]
    shown = "; ".join(f"{name} {PURPOSES[name]}" for name in PURPOSES if name in at_hand)
    others = ", ".join(sorted(set(at_hand) - set(PURPOSES)))
    known = "; ".join(part for part in (shown, others) if part) or "none"
    hint = f"At hand: {known}. Name one with --model if you know better."
    if kind == "stack" and task == "classify":
        hint += " To classify each picture of a stack alone, add --no-stack."
    return ModelError(f"is {seen}, and no shipped model {wanted} that", hint=hint, code="E_NO_MODEL")
