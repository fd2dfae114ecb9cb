"""The further runs that a recipe names as variants: trained and scored like it, for scores against parameters."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliascope.datasets.split_settings import FOLDED
from gliascope.errors import GliascopeError
from gliascope.workflow.reproduce_runs import Division, DoneRun, run_task
from gliascope.workflow.reproduce_work import Experiment, Work
from gliascope.workflow.reproduced_figures import LEADING
from gliascope.workflow.run_figures import figures_of

if TYPE_CHECKING:
    from gliascope.config import RunConfig, SystemConfig


def overrides_of(variant: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a variant's settings as overrides of a recipe.

    Example:
        >>> overrides_of({"network.width": 8, "training.loss": {"bce": 1.0, "soft_dice": {"smooth": 1e-6}}})
        ('network.width=8', 'training.loss={"bce"=1.0, "soft_dice"={"smooth"=1e-06}}')
    """
    return tuple(f"{path}={_toml(value)}" for path, value in variant.items())


def _toml(value: Any) -> str:  # noqa: ANN401 - any value of a TOML file
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)}={_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def variant_facts(experiment: Experiment, config: "RunConfig", work: Work, division: Division) -> list[dict[str, Any]]:
    """Train and score each variant of a recipe, of a split with folds on its first; one that fails is told and left.

    Returns:
        One entry per variant: its settings, parameters and leading figure, or the error.
    """
    entries: list[dict[str, Any]] = []
    for name, settings in config.variants.items():
        entry = {
            "name": name,
            "settings": dict(settings),
            "parameters": None,
            "score": None,
            "run": None,
            "error": None,
        }
        work.means.announce(f"{experiment.name}, variant {name}")
        try:
            (run,) = _run(experiment, name, settings, work, division)
        except GliascopeError as fault:
            told = fault.as_json()["error"]
            entry["error"] = {**told, "file": Path(told["file"]).name}
        else:
            entry |= {"parameters": run.facts["network"]["parameters"], "score": leading_score(config, run)}
            entry["run"] = run.folder.relative_to(work.output).as_posix()
        entries.append(entry)
    return entries


def leading_score(config: "RunConfig | SystemConfig", run: DoneRun) -> dict[str, Any] | None:
    """Return the test figure by which variants are compared: the first that the source reports, else our leading one.

    Where the source scores cases with tumor alone, so is this.
    """
    reported = next(((own.metric, own.row) for own in config.reported if own.part == "test"), None)
    metric, row = reported or (LEADING[config.task][0], "all")
    part = "test-with-tumor" if "test-with-tumor" in run.evaluations else "test"
    if part not in run.evaluations:
        return None
    own = figures_of(run.evaluations[part]).get(row, {}).get(metric)
    if own is None:
        return None
    return {"metric": metric, "row": row, "part": part, "value": own.value, "ci95": own.ci95 and list(own.ci95)}


def _run(
    experiment: Experiment, name: str, settings: Mapping[str, Any], work: Work, division: Division
) -> list[DoneRun]:
    from gliascope.config import read_recipe

    overrides = overrides_of(settings)
    config = read_recipe(experiment.recipe, overrides)
    task = work.task(experiment, config, division)
    first = task.folds[:1] or ((1,) if config.split.method in FOLDED else ())
    home = task.home.parent / "variants" / name / division
    return run_task(replace(task, overrides=overrides, home=home, folds=first), means=work.means)
