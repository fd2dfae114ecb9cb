"""What ``model.json`` says about a model, and the strict way to read it."""

import json
from importlib.metadata import version
from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from gliascope.errors import ConfigError, ModelError
from gliascope.intended_use import INTENDED_USE
from gliascope.settings import Settings, load_settings

FORMAT = 1
"""The layout of model folders that this version writes and reads."""


class ModelFacts(Settings):
    """Everything ``predict`` needs to know about a model, besides its weights.

    The parts that belong to others (``network``, ``plan``, ``target``, ``inference``) are kept as plain data;
    their owners check them when the model is used.
    """

    format: PositiveInt = FORMAT
    """Layout of the folder; a newer one than this version knows is refused."""
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """The model's name."""
    version: str = "1"
    """The model's own version."""
    task: Literal["classify", "segment"]
    """The question it answers."""
    dimensions: Literal[2, 3]
    """Spatial axes of the network's input."""
    channels: tuple[str, ...] = Field(min_length=1)
    """Channels of the scan it reads, by name, in the network's order."""
    network: dict[str, Any]
    """Settings of the architecture, with its ``name``."""
    plan: dict[str, Any]
    """Preprocessing steps."""
    target: dict[str, Any] | None = None
    """What the outputs of a segmenter mean."""
    classes: tuple[str, ...] | None = None
    """What the outputs of a classifier mean."""
    inference: dict[str, Any] = Field(default_factory=dict)
    """Window, overlap, threshold and cleaning."""
    training: dict[str, Any] = Field(default_factory=dict)
    """Where it comes from: data set, licence, data hash, split, seed, epochs, recipe, date, commit."""
    metrics: dict[str, Any] = Field(default_factory=dict)
    """Measured figures."""
    temperature: PositiveFloat | tuple[PositiveFloat, ...] | None = None
    """Logits are divided by it before they become probabilities, of regions by one number each; none: 1."""
    calibration: dict[str, Any] | None = None
    """What the temperature was fitted on, and what it changed there."""
    statistics: dict[str, Any] = Field(default_factory=dict)
    """Reference statistics of the training inputs."""
    parity: dict[str, Any] | None = None
    """How far the exported forms are from the trained network."""
    files: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of every other file of the folder, by path."""
    gliascope_version: str = Field(default_factory=lambda: version("gliascope"))
    """The version that wrote the folder."""
    limits: tuple[str, ...] = ()
    """What the model cannot do and where it fails, one sentence each."""
    intended_use: str = INTENDED_USE
    """What the model may be used for."""

    @model_validator(mode="after")
    def _outputs_are_named(self) -> "ModelFacts":
        if self.task == "segment" and self.target is None:
            raise ValueError("a model that segments needs 'target'")
        if self.task == "classify" and not self.classes:
            raise ValueError("a model that classifies needs 'classes'")
        return self


def parse_facts(text: bytes, *, file: str) -> ModelFacts:
    """Read ``model.json``: strict JSON, known format, known names.

    Raises:
        ModelError: Not JSON, a name twice, NaN, a newer format, or a fact is missing or wrong.
    """
    tree = parse_tree(text, file=file)
    check_format(tree, file)
    try:
        return load_settings(ModelFacts, tree, file=file)
    except ConfigError as fault:
        raise ModelError(fault.cause, file=file, hint=fault.hint, code="E_MODEL_JSON") from None


def parse_tree(text: bytes, *, file: str) -> dict[str, Any]:
    """Read strict JSON: one object, no name twice, no NaN.

    Raises:
        ModelError: It is none.
    """
    try:
        tree = json.loads(text.decode("utf-8"), object_pairs_hook=_each_name_once, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as fault:
        hint = "Copy or download the model folder again."
        raise ModelError(f"is not strict JSON ({fault})", file=file, hint=hint, code="E_MODEL_JSON") from None
    if not isinstance(tree, dict):
        raise ModelError("holds no JSON object", file=file, code="E_MODEL_JSON")
    return tree


def check_format(tree: dict[str, Any], file: str) -> None:
    """Look at the format before anything else: a newer one may have other names.

    Raises:
        ModelError: It is newer than this version.
    """
    number = tree.get("format")
    if isinstance(number, int) and number > FORMAT:
        writer = str(tree.get("gliascope_version", "a newer version"))[:40]
        cause = f"is in model format {number}, and Gliascope {version('gliascope')} reads format {FORMAT}"
        raise ModelError(cause, file=file, hint=f"It needs gliascope >= {writer}.", code="E_MODEL_FORMAT")


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        names = [name for name, _ in pairs]
        double = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"'{double[0]}' stands twice")
    return tree


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")
