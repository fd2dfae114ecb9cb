"""What answers for each scan of a call: what was named, or what ships for such a scan; each model is loaded once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gliascope.checkpoint import load_any
from gliascope.errors import ModelError, Notice, UsageError
from gliascope.inference.cascade import Cascade
from gliascope.inference.predictor import Predictor
from gliascope.inference.vote import Vote
from gliascope.scan import Scan
from gliascope.workflow.automatic import Choice, choose
from gliascope.workflow.model_choice import shipped_models
from gliascope.workflow.open_model import TASKS, AnyPredictor, open_predictor, used_models
from gliascope.workflow.unlike_input import unlike_notices

AUTO = "auto"


@dataclass(frozen=True)
class Answerer:
    """What answers for one scan.

    Args:
        predictor: One model, a vote or a cascade, ready.
        choice: How it was chosen; None where the user named it.
        notices: What the choice cannot know, and how the scan is unlike the models' training data.
    """

    predictor: AnyPredictor
    choice: Choice | None = None
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Named:
    """What the user named answers for every scan."""

    predictor: AnyPredictor

    def for_scan(self, scan: Scan) -> Answerer:
        """Return what was named."""
        return Answerer(self.predictor, None, unlike_notices(scan, self.predictor))

    def answered(self, facts: Mapping[str, Any]) -> bool:
        """Say whether an earlier ``prediction.json`` is by the same models."""
        mine = [(role, model.fingerprint) for role, model in used_models(self.predictor)]
        return [(own["role"], own["sha256"]) for own in facts["models"]] == mine


@dataclass(frozen=True)
class Automatic:
    """For each scan the shipped models that the table in ``automatic`` says.

    Args:
        task: ``auto``, ``classify`` or ``segment``.
        segment_all: Where class and mask are asked for: segment whatever the class.
        engine: ``backend``, ``device``, ``threads`` and ``precision`` of every model.
        shipped: The models to choose from, by name.

    Raises:
        ModelError: There are none.
    """

    task: str
    segment_all: bool
    engine: Mapping[str, Any]
    shipped: Mapping[str, Path]
    _opened: dict[str, Predictor | Vote] = field(default_factory=dict, init=False, repr=False)
    _cascades: dict[tuple[str, str], Cascade] = field(default_factory=dict, init=False, repr=False)
    _fingerprints: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.shipped:
            hint = "Name one with --model: a model folder or a run folder."
            raise ModelError("no model was named, and none ships with this version", hint=hint, code="E_NO_MODEL")

    def for_scan(self, scan: Scan) -> Answerer:
        """Choose, and load what is not loaded yet.

        Raises:
            ModelError: No shipped model answers for such a scan, or one is damaged.
            MachineError: The device, the precision or PyTorch is not there.
        """
        choice = choose(scan, self.shipped, self.task)
        predictor = self._predictor(choice)
        return Answerer(predictor, choice, (*choice.notices, *unlike_notices(scan, predictor)))

    def answered(self, facts: Mapping[str, Any]) -> bool:
        """Say whether an earlier ``prediction.json`` was chosen so, by models that ship unchanged.

        The input is the same then, so the choice would be, too; nothing is read for it.
        """
        if facts["choice"] is None or facts["choice"]["task"] != self.task:
            return False
        return all(self._fingerprint(own["name"]) == own["sha256"] for own in facts["models"])

    def _fingerprint(self, name: str) -> str | None:
        """Return that of a shipped model, or None where there is no such model."""
        if name in self.shipped and name not in self._fingerprints:
            self._fingerprints[name] = load_any(self.shipped[name]).fingerprint
        return self._fingerprints.get(name)

    def _predictor(self, choice: Choice) -> AnyPredictor:
        """Return what was chosen; scans of one choice get the same object, so that they can go together."""
        if choice.classifier is None or choice.segmenter is None:
            return self._single(choice.classifier or choice.segmenter or "")
        pair = choice.classifier, choice.segmenter
        if pair not in self._cascades:
            classifier, segmenter = (self._single(name) for name in pair)
            if not isinstance(segmenter, Predictor):
                raise ModelError("is a system, and one segmenter is needed here", file=pair[1], code="E_MEMBERS")
            self._cascades[pair] = Cascade(classifier, segmenter, self.segment_all)
        return self._cascades[pair]

    def _single(self, name: str) -> Predictor | Vote:
        if name not in self._opened:
            opened = open_predictor(self.shipped[name], **self.engine)
            if isinstance(opened, Cascade):
                raise ModelError("is a cascade, and one question is asked here", file=name, code="E_MEMBERS")
            self._opened[name] = opened
        return self._opened[name]


Answering = Named | Automatic
"""What answers for the scans of one call."""


def answering(
    model: str | Path,
    task: str,
    *,
    segmenter: str | Path | None = None,
    segment_all: bool = False,
    **engine: Any,  # noqa: ANN401 - passed on to ``Predictor``
) -> Answering:
    """Make ready what the options say; see ``open_predictor`` for the options.

    Raises:
        UsageError: The task is unknown, or an option has no effect here.
        ModelError: A model is missing, damaged, or does another task; or none ships.
        MachineError: The device, the precision or PyTorch is not there.
    """
    if task not in TASKS:
        raise UsageError(f"unknown task '{task}'", hint=f"Known: {', '.join(TASKS)}.")
    if str(model) != AUTO:
        return Named(open_predictor(model, task, segmenter=segmenter, segment_all=segment_all, **engine))
    if segmenter is not None:
        raise UsageError("a segmenter needs a classifier beside it", hint="Name that with --model.")
    return Automatic(task, segment_all, engine, shipped_models())
