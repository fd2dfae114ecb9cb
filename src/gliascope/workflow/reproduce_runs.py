"""The runs of one experiment: trained as far as the budget reaches, scored, and never done twice."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gliascope.datasets.split_settings import FOLDED
from gliascope.errors import counted
from gliascope.workflow.cross_validate import summed_up
from gliascope.workflow.finished_runs import finished_run, runs_below
from gliascope.workflow.run_folder import RUN_FILE, is_run, read_config
from gliascope.workflow.run_steps import Means, scored_parts
from gliascope.workflow.train import train

if TYPE_CHECKING:
    from gliascope.config import RunConfig

Division = Literal["source", "patient"]
"""How cases are divided: as the source does, or by patient (without copies where patients are unknown)."""

DIVISIONS: tuple[Division, Division] = ("source", "patient")

WORTH_LONGER = 1.25
"""A run that a budget cut goes on where the budget reaches this much further; estimates differ by less."""

LEAST_SECONDS = 0.05
"""What a run's rounded time may hide."""


@dataclass(frozen=True)
class DoneRun:
    """A finished run, scored.

    Args:
        division: How its cases were divided.
        fold: Which fold, or None.
        folder: The run folder.
        facts: Its ``run.json``, with ``epochs_asked`` (as it was started) and ``epochs_recipe``.
        evaluations: What each part scored (``test``, ``test-with-tumor`` …).
    """

    division: Division
    fold: int | None
    folder: Path
    facts: dict[str, Any]
    evaluations: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Task:
    """What is to be done for one experiment in one division.

    Args:
        recipe: Name or TOML file.
        config: Its settings, with the overrides.
        data: Where its data set is.
        home: The folder of the runs: itself a run folder, or of a split with folds that of ``fold-1`` ….
        division: How cases are divided.
        folds: Which folds are trained, of a split that has some; empty: all. Others count where they are finished.
        overrides: ``a.b=value`` settings on top of the recipe.
        budget_min: Minutes of training epochs per run; None: as many epochs as the recipe says.
        earlier: A folder of runs that were trained before, or None.
    """

    recipe: str | Path
    config: "RunConfig"
    data: Path
    home: Path
    division: Division
    folds: tuple[int, ...] = ()
    overrides: tuple[str, ...] = ()
    budget_min: float | None = None
    earlier: Path | None = None

    @property
    def places(self) -> list[tuple[int | None, Path]]:
        """All folds with their run folders; one run without a fold where the split has none."""
        if self.config.split.method not in FOLDED:
            return [(None, self.home)]
        return [(fold, self.home / f"fold-{fold}") for fold in range(1, self.config.split.folds + 1)]

    def finished(self, fold: int | None, folder: Path) -> tuple[Path, dict[str, Any]] | None:
        """Return the folder and ``run.json`` of a finished run, in its own place or among the earlier ones."""
        by_patient = self.division == "patient"
        facts = finished_run(folder, self.config, fold=fold, by_patient=by_patient)
        if self.earlier is not None and (facts is None or facts["epochs_asked"] < self.config.training.epochs):
            other = runs_below(self.earlier, self.config, fold=fold, by_patient=by_patient)
            found = other and finished_run(other, self.config, fold=fold, by_patient=by_patient)
            if other and found and (facts is None or found["epochs"] > facts["epochs"]):
                return other, found
        return None if facts is None else (folder, facts)


def run_task(task: Task, *, means: Means, train_missing: bool = True) -> list[DoneRun]:
    """Train and score what is not there yet.

    Args:
        task: What.
        means: What computes.
        train_missing: False: only what is finished is scored.

    Raises:
        GliascopeError: As ``train`` and ``evaluate`` raise.
    """
    done = []
    for fold, folder in task.places:
        wanted = train_missing and (fold is None or not task.folds or fold in task.folds)
        found = _trained(task, fold, folder, means) if wanted else task.finished(fold, folder)
        if found is None:
            continue
        place, facts = found
        facts = {**facts, "epochs_recipe": task.config.training.epochs}
        parts = _parts(task.config, folded=fold is not None)
        masks = task.config.task == "segment"
        evaluations = scored_parts(place, facts, parts, task.config.score, means=means, data=task.data, masks=masks)
        done.append(DoneRun(task.division, fold, place, facts, evaluations))
    if len(done) > 1 and all(run.folder.parent == task.home for run in done):
        names = [part for part in done[0].evaluations if all(part in run.evaluations for run in done)]
        found_in = {part: {run.fold or 0: run.evaluations[part] for run in done} for part in names}
        summed_up(task.home, {run.fold or 0: run.facts for run in done}, found_in, folds=task.config.split.folds)
    return done


def _parts(config: "RunConfig", *, folded: bool) -> Iterable[str]:
    """Return the parts to score: the test, what the source reports of, and of folds the validation."""
    return dict.fromkeys(["test", *(["validation"] if folded else []), *(own.part for own in config.reported)])


def _trained(task: Task, fold: int | None, folder: Path, means: Means) -> tuple[Path, dict[str, Any]]:
    """Return a finished run, of all epochs or of those that the budget allows."""
    asked = task.config.training.epochs
    found = task.finished(fold, folder)
    if found is not None and found[1]["epochs_asked"] >= asked:
        return found
    if task.budget_min is None:
        return _go_on(task, fold, folder, asked, means)
    if found is None:
        begun = read_config(folder)["training"]["epochs"] if is_run(folder) else 1
        found = _go_on(task, fold, folder, min(begun, asked), means)
    place, facts = found
    fitting = epochs_within(task.budget_min, facts, asked)
    if (
        place != folder
        or fitting < min(asked, WORTH_LONGER * facts["epochs_asked"])
        or fitting <= facts["epochs_asked"]
    ):
        return found
    means.announce(f"{task.config.name}: {fitting} of {asked} epochs fit into {task.budget_min:g} min")
    return _go_on(task, fold, folder, fitting, means)


def epochs_within(budget_min: float, facts: dict[str, Any], asked: int) -> int:
    """Return how many epochs fit into a budget, at least 1, by what those of a run took.

    Example:
        >>> epochs_within(2, {"seconds": 30.0, "epochs": 1}, 50), epochs_within(0.1, {"seconds": 30.0, "epochs": 1}, 50)
        (4, 1)
    """
    per_epoch = max(facts["seconds"], LEAST_SECONDS) / facts["epochs"]
    return max(1, min(asked, int(60 * budget_min / per_epoch)))


def _go_on(task: Task, fold: int | None, folder: Path, epochs: int, means: Means) -> tuple[Path, dict[str, Any]]:
    """Train up to a number of epochs, from where an earlier part ended if the schedule allows it."""
    from gliascope.training.schedules import FIXED_LENGTH

    words = "by patient" if task.division == "patient" else "as its source divides"
    means.announce(f"{task.config.name}, {words}{'' if fold is None else f', fold {fold}'}: {counted(epochs, 'epoch')}")
    begun = int(read_config(folder)["training"]["epochs"]) if is_run(folder) else epochs
    again = begun != epochs and task.config.training.schedule.name in FIXED_LENGTH
    if not again:
        (folder / RUN_FILE).unlink(missing_ok=True)  # it tells of fewer epochs, and that they were all
    overrides: Sequence[str] = (*task.overrides, f"training.epochs={epochs}")
    run = train(
        *(task.recipe, task.data, folder),
        fold=fold,
        overrides=overrides,
        resume=not again,
        overwrite=again,
        by_patient=task.division == "patient",
        **means.to_train(),
    )
    return run.folder, {**run.facts, "epochs_asked": epochs}
