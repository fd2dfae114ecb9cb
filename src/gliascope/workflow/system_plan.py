"""What a system will be made of, settled before anything is trained: its members, their data, folders and splits."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliascope.datasets.splits import SplitSettings, split_cases
from gliascope.errors import ConfigError, UsageError
from gliascope.inference.cascade import NEGATIVE
from gliascope.preprocess.cache import default_cache_folder
from gliascope.workflow.data_place import find_data
from gliascope.workflow.divide import divide
from gliascope.workflow.progress import ProgressCallback, silent
from gliascope.workflow.run_folder import CONFIG_FILE, RUN_FILE, SPLIT_FILE, dataset_of, is_run, read_config, read_run
from gliascope.workflow.training_data import TrainingData
from gliascope.workflow.unseen_cases import MemberSplit

if TYPE_CHECKING:
    from gliascope.config import RunConfig, SystemConfig

MEMBERS_FOLDER = "members"
"""Where a system's run folder holds the runs of its members."""

FOLDED = ("kfold", "cross_validation")


@dataclass(frozen=True)
class How:
    """The options of a training that go to every member; see ``train``."""

    fold: int | None = None
    split: str | Path | None = None
    resume: bool = False
    allow_leakage: bool = False
    by_patient: bool = False
    device: str = "auto"
    threads: int | None = None
    cache: str | Path | None = None
    progress: ProgressCallback = silent
    announce: Callable[[str], None] = lambda line: None


@dataclass(frozen=True)
class Member:
    """One member of a system.

    Args:
        name: Its recipe's name.
        recipe: What ``train`` takes.
        config: The recipe; of a run that was given, still the recipe.
        overrides: Settings on top of the recipe.
        data: Where its data lies.
        run: Its run folder.
        given: True where the run is finished and lies elsewhere.
        members: Those of a system.
    """

    name: str
    recipe: str | Path
    config: "RunConfig | SystemConfig"
    overrides: tuple[str, ...]
    data: Path
    run: Path
    given: bool
    members: "tuple[Member, ...]"

    @property
    def finished(self) -> bool:
        """True where it need not be trained any more."""
        return self.given or (is_run(self.run) and (self.run / RUN_FILE).is_file())

    @property
    def leaf(self) -> "Member":
        """Itself, or the first single member of a system; voters share their classes."""
        return self.members[0].leaf if self.members else self


def plan_members(
    recipe: str | Path,
    config: "SystemConfig",
    data: Path,
    folder: Path,
    *,
    overrides: Sequence[str] = (),
    trained: Iterable[str | Path] = (),
) -> tuple[Member, ...]:
    """Settle what the members of a system are.

    Args:
        recipe: Where ``config`` was read from.
        config: The system.
        data: A folder that holds the data of all members, itself or one folder down.
        folder: The system's run folder.
        overrides: ``a.b=value`` for every member, or ``MEMBER.a.b=value`` for one.
        trained: Finished runs of members, at any depth, by the name of their recipe.

    Raises:
        ConfigError: A recipe or a setting is wrong, or the members cannot answer together.
        UsageError: A trained run is that of no member, or two are of one.
        InputError: A trained run is none, or has not finished.
    """
    runs: dict[str, Path] = {}
    for run in map(Path, trained):
        name = str(read_run(run).get("recipe"))
        if name in runs:
            raise UsageError(f"is a second run of member '{name}'", file=run, hint="Name one run of each.")
        runs[name] = run
    members = _members(recipe, config, data, folder, overrides=overrides, runs=runs)
    known = {member.name for member in all_members(members)}
    for name, run in runs.items():
        if name not in known:
            raise UsageError(
                f"is a run of '{name}', which is no member of {config.name}", file=run, hint="Leave it out."
            )
    return members


def member_splits(members: Iterable[Member], how: How) -> list[MemberSplit]:
    """Return how every single model of a system divides its cases, or divided them where it is trained.

    Raises:
        InputError: Data is missing, does not fit a finished run any more, or cannot be divided so.
        ConfigError: The fold is out of range.
    """
    found: list[MemberSplit] = []
    for member in members:
        if member.given or (how.resume and member.finished):
            found += splits_of_run(member.run, member.name)
        elif member.members:
            found += member_splits(member.members, how)
        else:
            found.append(_planned(member, how))
    return found


def splits_of_run(run: Path, name: str) -> list[MemberSplit]:
    """Return how a finished run divided its cases; of a system's run, how each of its members did.

    Raises:
        InputError: The run or its data is not there, or the data does not fit ``split.csv`` any more.
    """
    facts, config = read_run(run), read_config(run)
    if "members" in facts:
        return [split for own in facts["members"] for split in splits_of_run(run / own["run"], own["name"])]
    data = Path(facts["data"])
    cases = dataset_of(config, str(run / CONFIG_FILE)).cases(data)
    table = SplitSettings(by="image", method="csv", path=str(run / SPLIT_FILE), validation=0)
    return [MemberSplit(name, config, data, facts["split"], split_cases(cases, table).listed())]


def fold_of(member: Member, how: How) -> int | None:
    """Return the fold that a member takes: only a split with folds has one."""
    return how.fold if any(_has_folds(each) for each in all_members([member])) else None


def _members(
    recipe: str | Path,
    config: "SystemConfig",
    data: Path,
    folder: Path,
    *,
    overrides: Sequence[str],
    runs: dict[str, Path],
) -> tuple[Member, ...]:
    from gliascope.config import SystemConfig, member_recipes, read_experiment, read_recipe

    recipes = member_recipes(recipe, config)
    below = {read_experiment(each).name: _names_below(each) for each in recipes}
    if len(below) < len(recipes):
        raise ConfigError("names a member twice", file=config.name, hint="Name each once.", code="E_MEMBERS")
    members = []
    for name, each in zip(below, recipes, strict=True):
        own = tuple(_for_member(name, below, overrides))
        place = runs.get(name, folder / MEMBERS_FOLDER / name)
        inner: tuple[Member, ...] = ()
        found, home = read_experiment(each), data
        if isinstance(found, SystemConfig):
            inner = _members(each, found, data, place, overrides=own, runs=runs)
        else:
            found = read_recipe(each, own)
            home = (find_data(found.dataset, data) if data.is_dir() else None) or data
        members.append(Member(name, each, found, own, home, place, name in runs, inner))
    _check(config, members)
    return tuple(members)


def _names_below(recipe: str | Path) -> frozenset[str]:
    """Return the names of a system's members at every depth; none of a single recipe."""
    from gliascope.config import SystemConfig, member_recipes, read_experiment

    config = read_experiment(recipe)
    if not isinstance(config, SystemConfig):
        return frozenset()
    inner = member_recipes(recipe, config)
    return frozenset(read_experiment(each).name for each in inner).union(*map(_names_below, inner))


def _for_member(name: str, below: Mapping[str, frozenset[str]], overrides: Iterable[str]) -> Iterator[str]:
    """Yield the overrides that mean this member: its own without its name, those of its members, those of nobody.

    Args:
        name: The member.
        below: By member, the names of its own members at every depth.
        overrides: ``a.b=value`` or ``MEMBER.a.b=value``.
    """
    others = frozenset(below).union(*below.values()) - below[name]
    for override in overrides:
        if override.startswith(f"{name}."):
            yield override.removeprefix(f"{name}.")
        elif not any(override.startswith(f"{other}.") for other in others):
            yield override


def _check(config: "SystemConfig", members: Sequence[Member]) -> None:
    """Refuse members that could not answer together, before hours go into them.

    Raises:
        ConfigError: They could not.
    """
    tasks = [member.config.task for member in members]
    wanted = ["classify"] * len(members) if config.combine == "vote" else ["classify", "segment"]
    if tasks != wanted:
        cause = f"is a {config.combine} of members that can {', '.join(tasks)}"
        hint = "A vote has classifiers; a cascade one classifier, then one segmenter."
        raise ConfigError(cause, file=config.name, hint=hint, code="E_MEMBERS")
    classes = [_classes(member) for member in members if member.config.task == "classify"]
    if any(set(own) != set(classes[0]) for own in classes):
        cause = f"lets members vote on different classes: {'; '.join(', '.join(own) for own in classes)}"
        raise ConfigError(cause, file=config.name, hint="Voters share their classes.", code="E_MEMBERS")
    if config.combine == "cascade" and NEGATIVE not in classes[0]:
        cause = f"starts with a classifier of {', '.join(classes[0])}, which cannot say that there is no tumor"
        raise ConfigError(cause, file=config.name, hint=f"It needs the class {NEGATIVE}.", code="E_MEMBERS")


def _classes(member: Member) -> tuple[str, ...]:
    classes: Any = getattr(member.leaf.config, "classes", ())
    return tuple(classes)


def _planned(member: Member, how: How) -> MemberSplit:
    """Divide the cases of a single member as its training will."""
    from gliascope.workflow.train import split_settings

    config: Any = member.config
    allowed = (config.allow_leakage or how.allow_leakage) and not how.by_patient
    config = config.model_copy(update={"allow_leakage": allowed})
    folder = Path(how.cache or default_cache_folder())
    material = TrainingData(config, member.data, folder, how.threads, how.progress)
    settings = split_settings(config, how.split, by_patient=how.by_patient, allow_leakage=how.allow_leakage)
    earlier = member.run / SPLIT_FILE if how.resume and is_run(member.run) else None
    settings, parts = divide(
        material, material.cases(), settings, fold=fold_of(member, how), by_patient=how.by_patient, earlier=earlier
    )
    resolved = {**config.resolved(), "split": settings.model_dump(mode="json")}
    return MemberSplit(member.name, resolved, member.data, parts.name, parts.listed())


def check_fold(members: Iterable[Member], how: How) -> None:
    """Refuse a fold where no member has folds.

    Raises:
        ConfigError: A fold was asked for.
    """
    if how.fold is not None and not any(_has_folds(member) for member in all_members(members)):
        raise ConfigError("no member's split has folds", hint="Leave --fold out.", code="E_FOLD")


def _has_folds(member: Member) -> bool:
    split = getattr(member.config, "split", None)
    return split is not None and split.method in FOLDED


def all_members(members: Iterable[Member]) -> Iterator[Member]:
    """Yield members at every depth, a system before its own members."""
    for member in members:
        yield member
        yield from all_members(member.members)
