"""What a reproduction does for one experiment after the other: find its data, run it, keep what came of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gliascope.errors import GliascopeError, InputError, MachineError
from gliascope.workflow.data_place import find_data
from gliascope.workflow.reproduce_runs import Division, DoneRun, Task, run_task
from gliascope.workflow.reproduce_systems import run_system
from gliascope.workflow.run_steps import Means

if TYPE_CHECKING:
    from gliascope.config import RunConfig, SystemConfig

RUNS_FOLDER = "runs"


@dataclass(frozen=True)
class Experiment:
    """One system to reproduce: what ``train`` takes, and what it says."""

    recipe: str | Path
    config: "RunConfig | SystemConfig"

    @property
    def name(self) -> str:
        """The recipe's own name."""
        return self.config.name

    def members(self) -> "list[Experiment]":
        """Return what a system joins; nothing for a single experiment."""
        from gliascope.config import RunConfig, member_recipes, read_experiment

        if isinstance(self.config, RunConfig):
            return []
        return [Experiment(recipe, read_experiment(recipe)) for recipe in member_recipes(self.recipe, self.config)]


@dataclass
class Work:
    """Runs experiments below one folder, each at most once.

    Args:
        root: The folder of the data, or of several data sets.
        output: The folder of the reproduction.
        trained: Divisions that are trained; of others, only what is finished counts.
        folds: Which folds are trained; empty: all.
        budget_min: Minutes of training epochs per run; None: no limit.
        earlier: A folder of finished runs that are used as they are.
        means: What computes.
    """

    root: Path
    output: Path
    trained: tuple[Division, ...]
    folds: tuple[int, ...] = ()
    budget_min: float | None = None
    earlier: Path | None = None
    means: Means = field(default_factory=Means)
    _places: dict[str, Path | None] = field(default_factory=dict, init=False)
    _done: dict[tuple[str, Division], list[DoneRun] | GliascopeError] = field(default_factory=dict, init=False)

    def data_of(self, experiment: Experiment) -> Path | None:
        """Return where an experiment's data is, of a system ROOT; None where some of it is not at hand.

        Raises:
            InputError: The data is damaged, or there twice.
        """
        from gliascope.config import RunConfig

        if not isinstance(experiment.config, RunConfig):
            there = [self.data_of(member) for member in experiment.members()]
            return None if None in there else self.root
        key = experiment.config.dataset.model_dump_json()
        if key not in self._places:
            self._places[key] = find_data(experiment.config.dataset, self.root)
        return self._places[key]

    def runs(self, experiment: Experiment, division: Division) -> list[DoneRun]:
        """Return the scored runs of an experiment, trained now where they are missing.

        Raises:
            GliascopeError: It could not be run; asked again, the same.
        """
        key = experiment.name, division
        if key not in self._done:
            try:
                self._done[key] = self._run(experiment, division)
            except GliascopeError as fault:
                self._done[key] = fault
            except (MemoryError, OSError) as fault:
                self._done[key] = MachineError(str(fault) or "out of memory")
            except Exception as fault:  # the other experiments of a long night still run
                self._done[key] = GliascopeError(f"internal fault ({type(fault).__name__}: {fault})")
        found = self._done[key]
        if isinstance(found, GliascopeError):
            raise found
        return found

    def task(self, experiment: Experiment, config: "RunConfig", division: Division) -> Task:
        """Return what is to be done for a single experiment whose data is at hand.

        Raises:
            InputError: It is not.
        """
        data = self.data_of(experiment)
        if data is None:
            cause = f"data set '{config.dataset.name}' is not at hand"
            raise InputError(cause, file=self.root, hint="Name its folder with --data.", code="E_MISSING")
        return Task(
            recipe=experiment.recipe,
            config=config,
            data=data,
            home=self.home(experiment.name, division),
            division=division,
            folds=self.folds,
            budget_min=self.budget_min,
            earlier=self.earlier,
        )

    def home(self, name: str, division: Division) -> Path:
        """Return where the runs of an experiment lie."""
        return self.output / RUNS_FOLDER / name / division

    def _run(self, experiment: Experiment, division: Division) -> list[DoneRun]:
        from gliascope.config import RunConfig

        missing = division in self.trained
        if isinstance(experiment.config, RunConfig):
            task = self.task(experiment, experiment.config, division)
            return run_task(task, means=self.means, train_missing=missing)
        members = []
        for member in experiment.members():
            found = self.runs(member, division)
            if not found:
                return []
            members.append(found[0])
        return run_system(
            *(experiment.recipe, experiment.config, members),
            data=self.root,
            home=self.home(experiment.name, division),
            division=division,
            means=self.means,
            train_missing=missing,
        )
