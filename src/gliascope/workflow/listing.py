"""What there is to choose from: data sets, recipes, networks, models."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gliascope.checkpoint import AnyModel, ModelFolder, load_any
from gliascope.datasets import DATASETS
from gliascope.workflow.automatic import PURPOSES
from gliascope.workflow.extras import require_training
from gliascope.workflow.model_choice import shipped_models

if TYPE_CHECKING:
    from gliascope.config import RunConfig, SystemConfig


def list_datasets() -> list[dict[str, Any]]:
    """Return one row per adapter: its card as plain data."""
    rows = []
    for name, adapter in DATASETS.items():
        card = adapter.card
        rows.append(
            {
                "name": name,
                "title": card.title,
                "tasks": list(card.tasks),
                "licence": card.licence,
                "link": card.link,
                "citation": card.citation,
                "scheme": card.scheme,
                "channels": list(card.channels),
                "patient_identity": card.patient_identity,
                "known_faults": list(card.known_faults),
                "layout": card.layout,
            }
        )
    return rows


def list_recipes() -> list[dict[str, Any]]:
    """Return one row per shipped recipe; what combines others has the data and the parameters of all its members.

    Raises:
        MachineError: PyTorch is missing.
    """
    require_training()
    from gliascope.config import RunConfig, SystemConfig, read_experiment, recipe_names

    configs = {name: read_experiment(name) for name in recipe_names()}
    single = {name: _single_facts(config) for name, config in configs.items() if isinstance(config, RunConfig)}

    def leaves(name: str) -> list[dict[str, Any]]:
        config = configs[name]
        if isinstance(config, SystemConfig):
            return [own for member in config.members for own in leaves(member)]
        return [single[name]]

    return [
        {
            "name": name,
            "source": config.source,
            "task": config.task,
            **(_system_facts(config, leaves(name)) if isinstance(config, SystemConfig) else single[name]),
            "description": config.description,
        }
        for name, config in configs.items()
    ]


def _single_facts(config: "RunConfig") -> dict[str, Any]:
    from gliascope.models import parameters_of

    return {
        "dataset": config.dataset.name,
        "network": config.network.name,
        "parameters": parameters_of(config.network, config.in_channels, config.out_channels),
        "members": [],
        "variants": list(config.variants),
    }


def _system_facts(config: "SystemConfig", leaves: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "dataset": " + ".join(dict.fromkeys(own["dataset"] for own in leaves)),
        "network": config.combine,
        "parameters": sum(own["parameters"] for own in leaves),
        "members": list(config.members),
        "variants": [],
    }


def list_networks() -> list[dict[str, Any]]:
    """Return one row per architecture: name, task, dimensions, options with their defaults.

    Raises:
        MachineError: PyTorch is missing.
    """
    require_training()
    from gliascope.models import NETWORKS

    rows = []
    for name, settings in NETWORKS.items():
        fields = settings.model_fields
        dimensions = "2 3" if "dimensions" in fields else str(settings().dimensions)
        options = [f"{key}={field.default}" for key, field in fields.items() if key not in ("name", "dimensions")]
        rows.append({"name": name, "task": settings().task, "dimensions": dimensions, "options": options})
    return rows


def list_models() -> list[dict[str, Any]]:
    """Return one row per shipped model or system: name, task, input, figures, leaks of its split, size in MB."""
    rows = []
    for name, folder in shipped_models().items():
        model = load_any(folder)
        facts = model.facts
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        rows.append(
            {
                "name": name,
                "task": facts.task,
                "purpose": PURPOSES.get(name),
                "input": _input(model),
                "channels": _channels(model),
                "members": [] if isinstance(model, ModelFolder) else [own.facts.name for own in model.members],
                "metrics": model.facts.metrics if isinstance(model, ModelFolder) else {},
                "figures": _figures(model) if isinstance(model, ModelFolder) else [],
                "leakage": facts.training.get("leakage"),
                "size_mb": round(size / 1e6, 1),
                "intended_use": facts.intended_use,
            }
        )
    return rows


def _figures(model: ModelFolder) -> list[dict[str, Any]]:
    """Return what a model is measured by, each with ``of``, ``figure``, ``value`` and ``ci95``.

    After a cross-validation the first figure of each region, or of all classes together; else what the training says.
    """
    metrics = model.facts.metrics
    if folds := metrics.get("cross_validation"):
        rows = {row: own for row, own in folds["rows"].items() if own and row not in (model.facts.classes or ())}
        firsts = ((row, *next(iter(own.items()))) for row, own in rows.items())
        return [{"of": row, "figure": name, "value": f["value"], "ci95": f["ci95"]} for row, name, f in firsts]
    numbers = ((name, value) for name, value in metrics.items() if isinstance(value, int | float))
    return [{"of": "validation", "figure": name, "value": value, "ci95": None} for name, value in numbers]


def _input(model: AnyModel) -> str:
    """Say what a model reads: ``2-D: t2f, with or without t1n, t1c``; of a system the members' sorts."""
    if not isinstance(model, ModelFolder):
        return " + ".join(dict.fromkeys(_input(member) for member in model.members))
    optional = [name for name in model.facts.channels if name in model.facts.plan.get("optional", ())]
    needed = [name for name in model.facts.channels if name not in optional]
    read = f"any of {', '.join(optional)}" if not needed else ", ".join(needed)
    more = f", with or without {', '.join(optional)}" if needed and optional else ""
    return f"{model.facts.dimensions}-D: {read}{more}"


def _channels(model: AnyModel) -> list[str]:
    """Return the channels that a model, or any member of a system, reads; each once."""
    if isinstance(model, ModelFolder):
        return list(model.facts.channels)
    return list(dict.fromkeys(channel for member in model.members for channel in _channels(member)))
