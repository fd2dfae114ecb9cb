"""What a model folder's facts mean together: plan, outputs and inference settings, typed and checked."""

from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from gliascope.checkpoint import ModelFolder
from gliascope.errors import ConfigError, ModelError
from gliascope.inference.gate import Gate, GateFacts
from gliascope.inference.settings import InferenceSettings
from gliascope.preprocess.plan import Plan
from gliascope.preprocess.targets import TargetSettings
from gliascope.settings import load_settings

PartT = TypeVar("PartT", bound=BaseModel)


@dataclass(frozen=True)
class ModelParts:
    """The parts of a model that prediction needs.

    Args:
        plan: How a scan becomes the network's input.
        target: What a segmenter's outputs mean; None for classifiers.
        settings: Window, overlap, threshold and cleaning.
        outputs: Name of every network output, in order.
        gate: Tells what is no brain MRI; None: nothing does.
    """

    plan: Plan
    target: TargetSettings | None
    settings: InferenceSettings
    outputs: tuple[str, ...]
    gate: Gate | None = None

    @property
    def exclusive(self) -> bool:
        """True where exactly one output is right (softmax), False for regions that nest (sigmoid)."""
        return self.target is None or self.target.mode == "classes"

    @property
    def empty(self) -> tuple[float, ...]:
        """The probabilities of a voxel outside the head: background for certain, no region."""
        return tuple(float(self.exclusive and index == 0) for index in range(len(self.outputs)))


def read_parts(model: ModelFolder) -> ModelParts:
    """Check the facts of a model against their owners.

    Raises:
        ModelError: A part has unknown names or wrong values, or the parts contradict each other.
    """
    facts = model.facts
    plan = _load(Plan, "plan", facts.plan, model)
    settings = _load(InferenceSettings, "inference", facts.inference, model)
    target = None if facts.target is None else _load(TargetSettings, "target", facts.target, model)
    if plan.channels != facts.channels:
        cause = f"says channels {', '.join(facts.channels)}, and its plan reads {', '.join(plan.channels)}"
        raise ModelError(cause, file=model.path, code="E_CHANNELS")
    if settings.window is not None and len(settings.window) != facts.dimensions:
        cause = f"has a window of {len(settings.window)} axes for a {facts.dimensions}-D network"
        raise ModelError(cause, file=model.path, code="E_MODEL_JSON")
    outputs = (facts.classes or ()) if facts.task == "classify" or target is None else target.channels
    gate = None if facts.gate is None else Gate(_load(GateFacts, "gate", facts.gate, model))
    parts = ModelParts(plan, None if facts.task == "classify" else target, settings, outputs, gate)
    _check_temperature(facts.temperature, parts, model)
    return parts


def _check_temperature(temperature: float | tuple[float, ...] | None, parts: ModelParts, model: ModelFolder) -> None:
    """Only regions may have a temperature each; classes that exclude each other share one."""
    if isinstance(temperature, tuple) and (parts.exclusive or len(temperature) != len(parts.outputs)):
        cause = f"has {len(temperature)} temperatures for the outputs {', '.join(parts.outputs)}"
        hint = "Classes share one number; regions have one for all or one for each."
        raise ModelError(cause, file=model.path, hint=hint, code="E_MODEL_JSON")


def _load(kind: type[PartT], name: str, tree: dict[str, Any], model: ModelFolder) -> PartT:
    try:
        return load_settings(kind, tree)
    except ConfigError as fault:
        raise ModelError(f"{name}.{fault.cause}", file=model.path, hint=fault.hint, code="E_MODEL_JSON") from None
