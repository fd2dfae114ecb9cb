"""Making what was named ready to answer: one model, a system of several, or a classifier and a segmenter."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gliascope.checkpoint import AnyModel, ModelFolder, SystemFolder
from gliascope.errors import ModelError, UsageError
from gliascope.inference.cascade import Cascade
from gliascope.inference.predictor import Predictor
from gliascope.inference.vote import Vote
from gliascope.workflow.model_choice import find_any

TASKS = ("auto", "classify", "segment")

AnyPredictor = Predictor | Vote | Cascade
"""What answers for a scan."""


def open_predictor(
    model: str | Path | AnyModel,
    task: str = "auto",
    *,
    segmenter: str | Path | None = None,
    segment_all: bool = False,
    **engine: Any,  # noqa: ANN401 - passed on to ``Predictor``
) -> AnyPredictor:
    """Load what was named and make it ready.

    Args:
        model: A model, system or run folder, the name of a shipped model, or a folder that is loaded already.
        task: ``auto``; ``classify`` or ``segment`` take that part of a cascade alone, and refuse any other model that
            does the other.
        segmenter: A second model, which segments what the first calls a tumor.
        segment_all: In a cascade, segment whatever the class.
        engine: ``backend``, ``device``, ``threads``, ``precision`` and ``gate`` of every model.

    Raises:
        UsageError: The task is unknown, or an option has no effect here.
        ModelError: A model is missing, damaged, or does another task.
        MachineError: The device, the precision or PyTorch is not there.
    """
    if task not in TASKS:
        raise UsageError(f"unknown task '{task}'", hint=f"Known: {', '.join(TASKS)}.")
    if segmenter is not None and task != "auto":
        raise UsageError(f"a segmenter beside the model does not fit task '{task}'", hint="Leave --task out.")
    chosen = model if isinstance(model, ModelFolder | SystemFolder) else find_any(model)
    if segmenter is not None:
        first, second = _part(chosen, "classify"), _part(find_any(segmenter), "segment")
        return Cascade(_classifier(first, engine), _single(second, engine), segment_all)
    found = chosen if task == "auto" else _part(chosen, task)
    opened = _opened(found, engine, segment_all=segment_all)
    if segment_all and not isinstance(opened, Cascade):
        cause = "--segment-all acts on a classifier with a segmenter, and one question is asked here"
        raise UsageError(cause, hint="Add --segmenter, or leave it out.")
    return opened


def used_models(predictor: AnyPredictor) -> tuple[tuple[str, AnyModel], ...]:
    """Return what answers, each with its role: ``classifier`` or ``segmenter``."""
    if isinstance(predictor, Cascade):
        return (("classifier", predictor.classifier.folder), ("segmenter", predictor.segmenter.folder))
    return (("segmenter" if predictor.folder.facts.task == "segment" else "classifier", predictor.folder),)


def engine_of(predictor: AnyPredictor) -> dict[str, str]:
    """Return ``backend``, ``device`` and ``precision``; those of several models are joined where they differ."""
    engines = [single.backend for single in single_predictors(predictor)]
    kinds = {
        "backend": [each.name for each in engines],
        "device": [each.device for each in engines],
        "precision": [each.precision for each in engines],
    }
    return {kind: " + ".join(dict.fromkeys(names)) for kind, names in kinds.items()}


def single_predictors(predictor: AnyPredictor) -> Iterator[Predictor]:
    """Yield the single models that answer, members before what follows them."""
    if isinstance(predictor, Predictor):
        yield predictor
    else:
        parts = predictor.members if isinstance(predictor, Vote) else (predictor.classifier, predictor.segmenter)
        for part in parts:
            yield from single_predictors(part)


def has_gate(predictor: AnyPredictor) -> bool:
    """Say whether something here tells what is no brain MRI."""
    return any(single.gate is not None for single in single_predictors(predictor))


def _opened(model: AnyModel, engine: dict[str, Any], *, segment_all: bool) -> AnyPredictor:
    if isinstance(model, SystemFolder) and model.facts.combine == "cascade":
        gate, then = _classifier(model.member("classifier"), engine), _single(model.member("segmenter"), engine)
        return Cascade(gate, then, segment_all, folder=model)
    return _classifier(model, engine)


def _classifier(model: AnyModel, engine: dict[str, Any]) -> Predictor | Vote:
    """Open a single model or a vote."""
    if isinstance(model, ModelFolder):
        return Predictor(model, **engine)
    if model.facts.combine != "vote":
        raise ModelError("is a cascade, and one question is asked here", file=model.path, code="E_TASK")
    return Vote(model, tuple(_classifier(member, engine) for member in model.members))


def _single(model: AnyModel, engine: dict[str, Any]) -> Predictor:
    if isinstance(model, SystemFolder):
        raise ModelError("is a system, and one segmenter is needed here", file=model.path, code="E_MEMBERS")
    return Predictor(model, **engine)


def _part(model: AnyModel, task: str) -> AnyModel:
    """Return the model itself where it does the task, or the part of a cascade that does."""
    if model.facts.task == task:
        return model
    if isinstance(model, SystemFolder) and model.facts.combine == "cascade":
        return model.member("classifier" if task == "classify" else "segmenter")
    cause = f"model '{model.facts.name}' can {model.facts.task}, not {task}"
    raise ModelError(cause, hint="Name another with --model.", code="E_TASK")
