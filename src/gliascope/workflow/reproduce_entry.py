"""What a reproduction tells of one system: its data, runs and figures, and what went wrong."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gliascope.errors import GliascopeError
from gliascope.workflow.reproduce_runs import DIVISIONS, DoneRun
from gliascope.workflow.reproduce_variants import leading_score
from gliascope.workflow.reproduce_work import Experiment, Work
from gliascope.workflow.reproduced_figures import figure_facts


def entry_of(experiment: Experiment, work: Work) -> tuple[dict[str, Any], GliascopeError | None]:
    """Run one system as far as it goes.

    Returns:
        Its entry in ``reproduce.json``, and what went wrong first; what went well stands in the entry all the same.
    """
    from gliascope.config import RunConfig

    config = experiment.config
    entry: dict[str, Any] = {
        "name": experiment.name,
        **{"source": config.source, "description": config.description, "task": config.task},
        "dataset": _dataset(experiment),
        **{"status": "done", "data": None, "parameters": None, "differs": config.differs},
        "reported_cases": config.reported_cases if isinstance(config, RunConfig) else {},
        **{"same_data": None, "same_split": None, "score": None, "error": None},
    }
    found: list[DoneRun] = []
    fault: GliascopeError | None = None
    try:
        data = work.data_of(experiment)
        entry["status"], entry["data"] = ("no_data", None) if data is None else ("done", _below(data, work.root))
    except GliascopeError as wrong:
        fault = wrong
    for division in DIVISIONS if fault is None and entry["status"] == "done" else ():
        try:
            found += work.runs(experiment, division)
        except GliascopeError as wrong:
            fault = fault or wrong
    if fault is not None:
        told = fault.as_json()["error"]
        entry |= {"status": "failed", "error": {**told, "file": Path(told["file"]).name}}
    entry["runs"] = [_run_facts(run, work.output) for run in found]
    entry["figures"] = figure_facts(config, found)
    if found:
        entry["parameters"] = found[0].facts["network"]["parameters"]
        entry |= _sameness(experiment, found)
        entry["score"] = leading_score(config, found[0])
    return entry, fault


def _dataset(experiment: Experiment) -> str:
    """Name the data sets of an experiment, or of a system's members."""
    from gliascope.config import RunConfig

    if isinstance(experiment.config, RunConfig):
        members = getattr(experiment.config.dataset, "members", ())
        return " + ".join(dict.fromkeys(own.dataset.name for own in members)) or experiment.config.dataset.name
    names = [name for member in experiment.members() for name in _dataset(member).split(" + ")]
    return " + ".join(dict.fromkeys(names))


def _below(place: Path, root: Path) -> str:
    """Return the place of a data set below ROOT, ``.`` for ROOT itself."""
    return place.relative_to(root).as_posix()


def _sameness(experiment: Experiment, runs: Sequence[DoneRun]) -> dict[str, Any]:
    """Say whether data and split are the source's: as many cases in all, and in each part of a split that is given.

    A vote's are those of its members, where they agree. Of a cascade nothing is said: each member has its own cases.
    """
    from gliascope.config import RunConfig

    if not isinstance(experiment.config, RunConfig):
        voters = experiment.members() if experiment.config.combine == "vote" else []
        told = [_sameness(member, runs) for member in voters]
        return told[0] if told and all(own == told[0] for own in told) else {}
    run = next((run for run in runs if run.division == "source"), None)
    reported, method = experiment.config.reported_cases, experiment.config.split.method
    if run is None or not reported:
        return {}
    ours = run.facts["cases"]
    same_data = sum(reported.values()) == sum(ours.get(part, 0) for part in ("train", "validation", "test"))
    fixed = method in ("own", "csv") and all(ours.get(part) == number for part, number in reported.items())
    return {"same_data": same_data, "same_split": same_data and fixed}


def _run_facts(run: DoneRun, output: Path) -> dict[str, Any]:
    facts = run.facts
    leaks = facts.get("leakage") or {}
    inside = run.folder.is_relative_to(output)
    kept = ("cases", "seconds", "device", "machine", "created", "gliascope_version")
    return {
        "division": run.division,
        "fold": run.fold,
        "folder": run.folder.relative_to(output).as_posix() if inside else None,
        "split": facts["split"],
        "leaking_test_cases": leaks.get("leaking_test_cases", 0),
        "epochs": facts.get("epochs"),
        "epochs_asked": facts.get("epochs_recipe"),
        "cut": facts.get("epochs_asked", 0) < facts.get("epochs_recipe", 0),
        "best_epoch": facts.get("best_epoch"),
        "first_weights": facts.get("first_weights"),
        **{name: facts[name] for name in kept},
    }
