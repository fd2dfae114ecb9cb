"""One experiment as data: all settings together, read from a TOML recipe.

A recipe says what to learn from which data with which network, and what its source reports; it names code but holds
none. A system recipe combines other recipes (a vote, a cascade). The resolved settings go as JSON into the run folder
and the model folder. To add an experiment, add one file to ``recipes/``.
"""

import re
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from gliascope.datasets import DatasetSettings
from gliascope.datasets.splits import SplitSettings
from gliascope.datasets.union import UnionSettings
from gliascope.errors import ConfigError
from gliascope.inference.settings import InferenceSettings
from gliascope.labels import TUMOR_CLASSES
from gliascope.models import NetworkSettings
from gliascope.preprocess.plan import Plan
from gliascope.preprocess.slices import SliceSettings
from gliascope.preprocess.targets import TargetSettings
from gliascope.settings import Settings, load_settings
from gliascope.training.fit import TrainingSettings
from gliascope.training.gate_fit import GateSettings

Source = Literal["s0", "s1", "s2", "s3", "s4", "gliascope"]
"""Who described an experiment: one of the five source documents, or we."""


class ReportedFigure(Settings):
    """One figure that a source reports, named as ``evaluate`` names ours."""

    metric: str
    """``accuracy``, ``dice``, ``iou``, ``hd``, ``assd`` … as in the summary of ``evaluate --json``; with ``pooled_``
    before it, of all voxels of all cases together."""
    value: float
    sd: float | None = None
    """Standard deviation over folds, where the source gives one."""
    row: str = "all"
    """Row of the summary: a region (``WT`` …), a class, or ``all``: of a classifier all classes, of a segmenter the
    mean over its regions."""
    part: Literal["train", "validation", "test"] = "test"
    note: str = ""
    """How the source's figure is computed where that differs from ours."""


class KeepSettings(Settings):
    """Which cases take part at all; those left out are listed, and ``evaluate --split dropped`` scores on them."""

    minimum_tumor_share: float = Field(default=0.0, ge=0.0, le=1.0)
    """Least share of tumor among a prepared case's voxels."""


class ScoreSettings(Settings):
    """How the source scores, where that is not ``evaluate``'s own way; ``reproduce`` shows both."""

    with_tumor: bool = False
    """Only cases whose reference holds tumor count."""
    spacing_mm: tuple[PositiveFloat, ...] | None = None
    """Voxel size of pictures, which carry none; 1 for distances in pixels."""


class RunConfig(Settings):
    """One experiment."""

    name: str
    """The recipe's name, and the model's."""
    source: Source
    """Who described the experiment."""
    description: str
    """One sentence for listings."""
    task: Literal["classify", "segment"]
    """The question the model answers."""
    seed: int = Field(default=1, ge=0)
    """Every random draw depends on it."""
    dataset: DatasetSettings
    split: SplitSettings = SplitSettings()
    keep: KeepSettings = KeepSettings()
    """Cases that are too poor to learn from."""
    plan: Plan
    prediction_plan: Plan | None = None
    """How a scan is prepared for prediction, where training sees only a part of it; none: as for training."""
    target: TargetSettings | None = None
    """What a segmenter learns; none for classifiers."""
    classes: tuple[str, ...] = TUMOR_CLASSES
    """What a classifier answers, in the order of its outputs; a segmenter has none."""
    slices: SliceSettings | None = None
    """Which axial slices a 2-D network is trained on; none: all."""
    network: NetworkSettings
    training: TrainingSettings = TrainingSettings()
    inference: InferenceSettings = InferenceSettings()
    gate: GateSettings | None = None
    """How a classifier learns to tell what is no brain MRI; none: it gives every picture a class."""
    allow_leakage: bool = False
    """Train although copies or patients cross the split, as a published protocol may ask; every output says so."""
    score: ScoreSettings = ScoreSettings()
    """How the source scores."""
    reported: tuple[ReportedFigure, ...] = ()
    """What the source reports."""
    reported_cases: dict[Literal["train", "validation", "test"], PositiveInt] = Field(default_factory=dict)
    """How many cases the source had in each part, where it says so: as many of ours are taken for the same data."""
    differs: str = ""
    """Why our figure may differ from the source's: data, first weights, what it leaves open."""
    limits: tuple[str, ...] = ()
    """What the model cannot do and where it fails, one sentence each, for its card."""
    variants: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Further runs of the same experiment: ``a.b = value`` settings by name of the variant."""

    @property
    def in_channels(self) -> int:
        """Channels of the network's input, after the plan."""
        return self.plan.in_channels

    @property
    def out_channels(self) -> int:
        """Channels of the network's output."""
        return len(self.classes) if self.target is None else len(self.target.channels)

    def resolved(self) -> dict[str, Any]:
        """Return what a run depends on, as plain data: all but what only tells about it."""
        tells = {"reported", "reported_cases", "differs", "limits", "variants"}
        return self.model_dump(mode="json", exclude=tells | ({"gate"} if self.gate is None else set()))

    def checked(self) -> "RunConfig":
        """Return itself when its parts fit together.

        Raises:
            ConfigError: The task, the network, the target, the split or the plans contradict each other.
        """
        if self.network.task != self.task:
            cause = f"network '{self.network.name}' cannot {self.task}"
            raise ConfigError(cause, file=self.name, hint="Choose another network or another task.")
        unknown = sorted(set(self.classes) - set(TUMOR_CLASSES))
        if unknown:
            raise ConfigError(f"unknown classes {unknown}", file=self.name, hint=f"Known: {', '.join(TUMOR_CLASSES)}.")
        if (self.target is None) == (self.task == "segment"):
            wanted = "needs a [target]" if self.task == "segment" else "takes no [target]"
            raise ConfigError(f"task '{self.task}' {wanted}", file=self.name, hint="See docs/reference/recipes.md.")
        if self.target is None and (self.keep.minimum_tumor_share > 0 or self.split.strata == "tumor"):
            setting = "keep.minimum_tumor_share" if self.keep.minimum_tumor_share > 0 else "split.strata = 'tumor'"
            raise ConfigError(f"{setting} counts tumor in masks, and a classifier reads none", file=self.name)
        if isinstance(self.dataset, UnionSettings):
            self._check_known(self.dataset)
        if self.gate is not None and (self.task, self.network.dimensions) != ("classify", 2):
            raise ConfigError("a [gate] judges pictures before a classifier, and this recipe has none", file=self.name)
        later = self.prediction_plan or self.plan
        if (later.channels, later.in_channels) != (self.plan.channels, self.plan.in_channels):
            cause = "prediction_plan gives the network other channels than plan"
            raise ConfigError(cause, file=self.name, hint="Name the same channels in both.", code="E_CHANNELS")
        return self

    def _check_known(self, union: UnionSettings) -> None:
        """Refuse members that tell of regions which are no outputs."""
        for known in (member.known for member in union.members if member.known):
            if self.target is None:
                cause = "known tells of regions in masks, and a classifier reads none"
                raise ConfigError(cause, file=self.name, hint="Leave known out.", code="E_KNOWN")
            self.target.check_known(known)


class SystemConfig(Settings):
    """Several experiments whose models answer together."""

    name: str
    """The recipe's name, and the model's."""
    source: Source
    description: str
    """One sentence for listings."""
    combine: Literal["vote", "cascade"]
    """``vote``: the class that most classifiers name. ``cascade``: a classifier, and a segmenter for its positives."""
    members: tuple[str, ...] = Field(min_length=2)
    """Recipes by name, or TOML files as seen from this one, trained one after the other; of a cascade the classifier
    first."""
    reported: tuple[ReportedFigure, ...] = ()
    """What the source reports."""
    differs: str = ""
    """Why our figure may differ from the source's."""

    @property
    def task(self) -> Literal["classify", "cascade"]:
        """The question the system answers."""
        return "classify" if self.combine == "vote" else "cascade"


def recipe_names() -> list[str]:
    """Return the names of the recipes that ship with the package, sorted."""
    folder = resources.files("gliascope.recipes")
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def read_recipe(recipe: str | Path, overrides: Iterable[str] = ()) -> RunConfig:
    """Read a recipe of one experiment; see ``read_experiment``.

    Raises:
        ConfigError: As there, or the recipe combines others.
    """
    config = read_experiment(recipe, overrides)
    if isinstance(config, SystemConfig):
        hint = f"Its members: {', '.join(config.members)}."
        raise ConfigError("combines other recipes and is none of its own", file=config.name, hint=hint)
    return config


def read_experiment(recipe: str | Path, overrides: Iterable[str] = ()) -> RunConfig | SystemConfig:
    """Read a shipped recipe by name or a TOML file by path, with ``a.b=value`` overrides (TOML values).

    A recipe with ``combine`` is a system of others.

    Raises:
        ConfigError: No such recipe, not TOML, or a setting is wrong; the message says where and what would work.
    """
    tree, file = _tree(recipe)
    for override in overrides:
        _override(tree, override)
    if "combine" in tree:
        return load_settings(SystemConfig, tree, file=file)
    return load_settings(RunConfig, tree, file=file).checked()


def is_system(recipe: str | Path) -> bool:
    """Say whether a recipe combines others; of its settings nothing else is looked at.

    Raises:
        ConfigError: No such recipe, or not TOML.
    """
    return "combine" in _tree(recipe)[0]


def member_recipes(recipe: str | Path, system: SystemConfig) -> list[str | Path]:
    """Return what ``read_experiment`` takes for each member of a system that was read from ``recipe``."""
    home = Path(recipe).parent if Path(recipe).suffix == ".toml" else Path()
    return [home / member if member.endswith(".toml") else member for member in system.members]


def _tree(recipe: str | Path) -> tuple[dict[str, Any], str]:
    text, file = _recipe_text(recipe)
    try:
        return tomllib.loads(text), file
    except tomllib.TOMLDecodeError as fault:
        raise ConfigError(f"is not TOML ({fault})", file=file) from None


def _recipe_text(recipe: str | Path) -> tuple[str, str]:
    path = Path(recipe)
    if path.suffix == ".toml":
        hint = "Give a recipe's name or a TOML file."
        if path.exists() and not path.is_file():  # reading a pipe might never end
            raise ConfigError("is not a file", file=path, hint=hint)
        try:
            return path.read_text(encoding="utf-8"), str(path)
        except FileNotFoundError:
            raise ConfigError("does not exist", file=path, hint=hint) from None
        except (OSError, UnicodeDecodeError) as fault:
            raise ConfigError(f"cannot be read ({fault})", file=path, hint=hint) from None
    if str(recipe) not in recipe_names():
        known = ", ".join(recipe_names())
        hint = f"Known: {known}; or give a path that ends in .toml."
        raise ConfigError(f"unknown recipe '{recipe}'", hint=hint, code="E_RECIPE")
    return resources.files("gliascope.recipes").joinpath(f"{recipe}.toml").read_text(encoding="utf-8"), f"{recipe}.toml"


_BARE = re.compile(r"[\w~./\\:-]+")
"""Words, names of files and paths, which need no quotes after ``--set``."""


def _override(tree: dict[str, Any], override: str) -> None:
    """Put one ``a.b=value`` into the tree; a bare word or path counts as text."""
    path, sign, value = override.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not sign or not all(keys):
        raise ConfigError(f"'{override}' is no setting", hint="Write --set training.epochs=5.", code="E_SET")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        if not _BARE.fullmatch(value):
            hint = f"Quote texts: --set {path.strip()}='\"{value}\"'."
            raise ConfigError(f"'{value}' is no TOML value", hint=hint, code="E_SET") from None
        parsed = value
    for key in keys[:-1]:
        branch = tree.setdefault(key, {})
        if not isinstance(branch, dict):
            raise ConfigError(f"'{key}' in '{path}' is a value, not a table", code="E_SET")
        tree = branch
    tree[keys[-1]] = parsed
