"""Training a system: its members one after the other, each a whole run, then the folder that lets them answer together.

The run folder of a system holds ``members/<recipe>`` besides what every run folder holds; its ``model/`` is a system
folder, and its ``split.csv`` divides the cases by what all members together have learned from.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliascope.checkpoint import AnyModel, load_any, save_system
from gliascope.checkpoint.system import Role
from gliascope.datasets.split_table import split_table
from gliascope.datasets.splits import Split
from gliascope.errors import Notice, UsageError
from gliascope.files import atomic
from gliascope.report import index_page
from gliascope.report.wording import title
from gliascope.workflow.output_place import check_outside
from gliascope.workflow.provenance import code_version, data_hash, machine
from gliascope.workflow.run_folder import (
    MODEL_FOLDER,
    PAGE_FILE,
    RUN_FILE,
    check_free,
    check_same,
    dataset_of,
    is_run,
    read_run,
    start_run,
)
from gliascope.workflow.system_plan import How, Member, all_members, check_fold, fold_of, member_splits, plan_members
from gliascope.workflow.unseen_cases import MemberSplit, system_parts

if TYPE_CHECKING:
    from gliascope.config import SystemConfig
    from gliascope.workflow.train import TrainedRun


def train_system(
    recipe: str | Path,
    data: str | Path,
    output: str | Path,
    how: How,
    *,
    overrides: Iterable[str] = (),
    trained: Iterable[str | Path] = (),
    overwrite: bool = False,
) -> "TrainedRun":
    """Train the members of a system that are not trained yet, and write a run folder with the system.

    Args:
        recipe: Name or TOML file of a system's recipe.
        data: A folder that holds the data of all members, itself or one folder down.
        output: The run folder.
        how: What every member is trained with; a fold goes to those whose split has folds.
        overrides: ``a.b=value`` for every member, ``MEMBER.a.b=value`` for one, or a setting of the system.
        trained: Finished runs of members; they are used as they are.
        overwrite: Replace a run folder.

    Raises:
        ConfigError: A recipe or a setting is wrong, or the members cannot answer together.
        InputError: A member's data or split cannot be used, or no case is left that no member learned from.
        UsageError: The run folder lies in the data or exists, or a trained run is that of no member.
        MachineError: As of a single training.
    """
    from gliascope.workflow.train import TrainedRun

    output, root = Path(output), Path(data)
    config, for_members = _system(recipe, overrides)
    check_outside(output, [root])
    check_free(output, resume=how.resume, overwrite=overwrite)
    members = plan_members(recipe, config, root, output, overrides=for_members, trained=trained)
    check_fold(members, how)
    _check_kept(members, output, how)
    splits = member_splits(members, how)
    scored = splits[-1] if config.combine == "cascade" else splits[0]
    parts = system_parts(scored, splits)
    resolved, table = _resolved(config, scored, for_members, how), split_table(parts.parts())
    if how.resume and is_run(output):
        check_same(output, resolved, table)
    how.announce(f"{config.combine} of {', '.join(member.name for member in members)}")
    start_run(output, resolved, table, resume=how.resume)
    models = [(_role(config, member), _trained(member, how)) for member in members]
    facts = _facts(config, output, members, models, parts=parts, scored=scored)
    training = {key: facts[key] for key in ("recipe", "dataset", "licence", "split", "cases", "created", "leakage")}
    save_system(output / MODEL_FOLDER, config.name, config.combine, models, training=training, overwrite=True)
    atomic.write_text(output / PAGE_FILE, _page(config, facts))
    atomic.write_json(output / RUN_FILE, facts)
    return TrainedRun(output, facts)


def _system(recipe: str | Path, overrides: Iterable[str]) -> tuple["SystemConfig", tuple[str, ...]]:
    """Read the system with its own settings; all other overrides are for the members."""
    from gliascope.config import RunConfig, SystemConfig, read_experiment

    given = tuple(overrides)
    own = [each for each in given if each.partition("=")[0].strip() in SystemConfig.model_fields]
    config = read_experiment(recipe, own)
    if isinstance(config, RunConfig):
        raise TypeError(f"{config.name} is no system")
    return config, tuple(each for each in given if each not in own)


def _check_kept(members: Iterable[Member], output: Path, how: How) -> None:
    """Refuse to take a member from a run that would be replaced first.

    Raises:
        UsageError: A trained run lies inside the output.
    """
    for member in all_members(members):
        if member.given and not how.resume and member.run.resolve().is_relative_to(output.resolve()):
            cause = "lies in the run folder that is to be written"
            raise UsageError(cause, file=member.run, hint="Go on with --resume, or choose another -o.")


def _resolved(config: "SystemConfig", scored: MemberSplit, overrides: Sequence[str], how: How) -> dict[str, Any]:
    """Return what ``config.json`` says: the system, and the data that it is scored on."""
    kept = ("dataset", "split", "score", "seed")
    return {
        **config.model_dump(mode="json", exclude={"reported", "differs"}),
        "task": config.task,
        **{name: scored.config.get(name) for name in kept},
        "fold": how.fold,
        "overrides": list(overrides),
        "allow_leakage": how.allow_leakage,
        **({"by_patient": True} if how.by_patient else {}),
    }


def _role(config: "SystemConfig", member: Member) -> Role:
    if config.combine == "vote":
        return "voter"
    return "classifier" if member.config.task == "classify" else "segmenter"


def _trained(member: Member, how: How) -> AnyModel:
    """Train a member unless it is trained already; return its model."""
    from gliascope.workflow.train import train

    if member.finished:  # what the run folder held before is gone by now, unless this goes on with it
        how.announce(f"{member.name}: trained already ({member.run})")
        return load_any(member.run / MODEL_FOLDER)
    how.announce(f"{member.name}:")
    options = vars(how) | {"fold": fold_of(member, how)}
    runs = [inner.run for inner in all_members(member.members) if inner.given]
    run = train(member.recipe, member.data, member.run, overrides=member.overrides, trained=runs, **options)
    return load_any(run.model)


def _facts(
    config: "SystemConfig",
    output: Path,
    members: Sequence[Member],
    models: Sequence[tuple[Role, AnyModel]],
    *,
    parts: Split,
    scored: MemberSplit,
) -> dict[str, Any]:
    """Return ``run.json`` of a system."""
    card = dataset_of(scored.config, config.name).card
    runs = [read_run(member.run) for member in members]
    told = [
        _member_facts(member, role, model, run, output)
        for member, (role, model), run in zip(members, models, runs, strict=True)
    ]
    content = {name: data_hash(part) for name, part in parts.parts().items()}
    warnings = [Notice(w["code"], w["file"], w["text"]) for run in runs for w in run["warnings"]]
    return {
        "name": config.name,
        "recipe": config.name,
        "source": config.source,
        "task": config.task,
        "combine": config.combine,
        "members": told,
        "dataset": card.name,
        "licence": card.licence,
        "data": str(scored.data.resolve()),
        "data_sha256": hashlib.sha256("".join(content.values()).encode()).hexdigest(),
        "parts_sha256": content,
        "split": parts.name,
        "cases": {name: len(part) for name, part in parts.parts().items()},
        "network": {"name": config.combine, "parameters": sum(own["parameters"] for own in told)},
        "metrics": {},
        "seconds": round(sum(run["seconds"] for run in runs), 1),
        "device": " + ".join(dict.fromkeys(run["device"] for run in runs)),
        "machine": machine(),
        "leakage": max((run.get("leakage") or {} for run in runs), key=_leaks),
        "gliascope_version": code_version(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "warnings": [notice.as_json() for notice in dict.fromkeys((*parts.notices, *warnings))],
    }


def _member_facts(member: Member, role: Role, model: AnyModel, run: dict[str, Any], output: Path) -> dict[str, Any]:
    inside = member.run.resolve().is_relative_to(output.resolve())
    return {
        "name": member.name,
        "role": role,
        "run": os.path.relpath(member.run, output) if inside else str(member.run.resolve()),
        "model_sha256": model.fingerprint,
        "parameters": run["network"]["parameters"],
        "split": run["split"],
        "seconds": run["seconds"],
        "metrics": run["metrics"],
    }


def _leaks(leakage: dict[str, Any]) -> int:
    """Count the test cases that were known from training, so that the worst member speaks for the system."""
    return int(leakage.get("leaking_test_cases", -1)) if leakage else -1


def _page(config: "SystemConfig", facts: dict[str, Any]) -> str:
    """Return the run's page: what the system is made of, each member with a link to its own."""
    items = [
        {
            "name": own["name"],
            "href": f"{own['run']}/{PAGE_FILE}" if not Path(own["run"]).is_absolute() else "",
            "text": own["split"],
            "figures": {"Parameters": own["parameters"], **_shown(own["metrics"])},
        }
        for own in facts["members"]
    ]
    counts = facts["cases"]
    return index_page(
        {
            "title": config.name,
            "kind": "Training",
            "subtitle": config.description,
            "figures": {
                "Members": len(items),
                "Parameters": facts["network"]["parameters"],
                "Test cases no member learned from": counts["test"],
            },
            "sections": [{"title": f"Members of the {config.combine}", "items": items}],
            "warnings": facts["warnings"],
            "created": facts["created"],
            "gliascope_version": facts["gliascope_version"],
        }
    )


def _shown(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return the first few scores of a member, as the card of its run has room for."""
    scores = {title(name): value for name, value in metrics.items() if "loss" not in name}
    return dict(list(scores.items())[:3])
