"""The run of a system of several experiments: its members' runs answer together, and are not trained again."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliascope.checkpoint import load_any
from gliascope.errors import GliascopeError
from gliascope.settings import load_settings
from gliascope.workflow.reproduce_runs import Division, DoneRun
from gliascope.workflow.run_folder import MODEL_FOLDER, RUN_FILE, is_run, read_config, read_run
from gliascope.workflow.run_steps import Means, scored_parts
from gliascope.workflow.train import train

if TYPE_CHECKING:
    from gliascope.config import ScoreSettings, SystemConfig


def run_system(
    recipe: str | Path,
    config: "SystemConfig",
    members: Sequence[DoneRun],
    *,
    data: Path,
    home: Path,
    division: Division,
    means: Means,
    train_missing: bool = True,
) -> list[DoneRun]:
    """Join the runs of a system's members to a run of its own and score it; what is there already is kept.

    Its epochs are those of the member with the fewest.

    Args:
        recipe: Name or TOML file.
        config: The system.
        members: One run of every member, in the recipe's order; of folds, the first.
        data: A folder that holds the data of all members.
        home: The run folder.
        division: How the members divide their cases.
        means: What computes.
        train_missing: False: only what is finished is scored.

    Raises:
        GliascopeError: As ``train`` and ``evaluate`` raise.
    """
    fold = next((member.fold for member in members if member.fold is not None), None)
    facts = _finished(home, members, by_patient=division == "patient")
    if facts is None:
        if not train_missing:
            return []
        run = train(
            *(recipe, data, home),
            fold=fold,
            resume=True,
            by_patient=division == "patient",
            trained=[member.folder for member in members],
            **means.to_train(),
        )
        facts = run.facts
    score = _score_of(home)
    parts = dict.fromkeys(["test", *(own.part for own in config.reported)])
    evaluations = scored_parts(home, facts, parts, score, means=means, data=None, masks=config.combine == "cascade")
    shortest = min(members, key=lambda member: member.facts["epochs"]).facts
    trained = {name: shortest[name] for name in ("epochs", "epochs_asked", "epochs_recipe")}
    return [DoneRun(division, fold, home, {**facts, **trained}, evaluations)]


def _finished(home: Path, members: Sequence[DoneRun], *, by_patient: bool) -> dict[str, Any] | None:
    """Return ``run.json`` where a system of exactly these members stands; None where it does not."""
    if not (is_run(home) and (home / RUN_FILE).is_file()):
        return None
    try:
        facts, found = read_run(home), read_config(home)
        wanted = [load_any(member.folder / MODEL_FOLDER).fingerprint for member in members]
    except GliascopeError:
        return None
    same = [own["model_sha256"] for own in facts.get("members", ())] == wanted
    return facts if same and bool(found.get("by_patient")) == by_patient else None


def _score_of(home: Path) -> "ScoreSettings":
    """Return how the source scores the member on whose cases the system is scored."""
    from gliascope.config import ScoreSettings

    return load_settings(ScoreSettings, read_config(home).get("score") or {}, file=str(home))
