"""The page of a training run: what was trained, on what, how it went and what it cost."""

from collections.abc import Mapping
from typing import Any, TypedDict

from gliascope.report import wording
from gliascope.report.curves import curve_charts
from gliascope.report.frame import Section, fragment, page
from gliascope.report.inside_sections import inside_sections
from gliascope.report.tables import relative_link


class RunFacts(TypedDict, total=False):
    """What ``train`` knows about a run; each key may be missing.

    ``network`` is ``{name, parameters}``; ``curves`` holds a value per epoch by series name
    (``[train|validation]_metric[_region]``); ``config`` is the resolved configuration; ``files`` are paths relative
    to the page; ``inside`` is what ``workflow.run_insides`` returns.
    """

    name: str
    recipe: str
    task: str
    dataset: str
    split: str
    network: Mapping[str, Any]
    epochs: int
    best_epoch: int | None
    keep: str
    seconds: float
    device: str
    licence: str
    data_sha256: str
    leakage: Mapping[str, Any]
    seed: int
    machine: str
    curves: Mapping[str, list[float | None]]
    config: Mapping[str, Any]
    files: list[str]
    inside: Mapping[str, Any]
    warnings: list[Mapping[str, str]]
    created: str
    gliascope_version: str


def run_page(facts: Mapping[str, Any]) -> str:
    """Return the page of a training run.

    Args:
        facts: See ``RunFacts``.
    """
    network = facts.get("network") or {}
    sections = [Section("", fragment("figures.html.j2", figures=_key_figures(facts, network)))]
    if facts.get("curves"):
        note = "The dotted line marks the epoch whose weights were kept." if facts.get("best_epoch") else ""
        curves = curve_charts(facts["curves"], best_epoch=facts.get("best_epoch"))
        sections.append(Section("Curves", curves, note))
    if facts.get("inside"):
        inside = facts["inside"]
        sections += inside_sections(inside["pictures"], inside["files"], inside["absent"], about=inside["case"])
    if facts.get("config"):
        sections.append(Section("Configuration", fragment("config.html.j2", groups=config_groups(facts["config"]))))
    if facts.get("files"):
        links = [{"text": name, "href": relative_link(name)} for name in facts["files"]]
        sections.append(Section("Files", fragment("links.html.j2", links=links)))
    names = {
        **{"recipe": "Recipe", "dataset": "Data set", "split": "Split", "device": "Device"},
        **{"licence": "Data licence", "data_sha256": "Data SHA-256", "seed": "Seed", "machine": "Machine"},
        **{"created": "Created", "gliascope_version": "Gliascope"},
    }
    return page(
        str(facts.get("name") or facts.get("recipe") or "Run"),
        sections,
        kind="Training",
        subtitle=wording.sentence({key: facts.get(key) for key in ("task", "dataset", "split")}),
        warnings=facts.get("warnings") or (),
        provenance={words: facts[key] for key, words in names.items() if facts.get(key)},
    )


def _key_figures(facts: Mapping[str, Any], network: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows: list[tuple[str, object, object]] = [
        ("Network", network.get("name"), ""),
        ("Parameters", network.get("parameters"), ""),
        ("Epochs", facts.get("epochs"), _kept(facts)),
        (
            "Time",
            None if facts.get("seconds") is None else wording.duration(facts["seconds"]),
            facts.get("device") or "",
        ),
        *_leaking(facts.get("leakage") or {}),
    ]
    return [
        {"label": label, "value": value, "note": note, "strong": True}
        for label, value, note in rows
        if value is not None
    ]


def _kept(facts: Mapping[str, Any]) -> str:
    """Say which epoch's weights were kept."""
    if facts.get("keep") == "last":
        return "the last is kept"
    return f"best: {facts['best_epoch']}" if facts.get("best_epoch") else ""


def _leaking(leakage: Mapping[str, Any]) -> list[tuple[str, object, object]]:
    """Return the share of cases that training knows already, where that was allowed."""
    return [
        (
            f"{side} cases known from training",
            wording.share(leakage[f"leaking_{name}_cases"], leakage[f"{name}_cases"]),
            f"{leakage[f'leaking_{name}_cases']:,} of {leakage[f'{name}_cases']:,}",
        )
        for name, side in (("test", "Test"), ("validation", "Validation"))
        if leakage.get(f"leaking_{name}_cases")
    ]


def config_groups(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Split a configuration into its tables; nested names are joined by dots.

    Example:
        >>> [(g["name"], g["rows"]) for g in config_groups({"seed": 1, "training": {"loss": {"bce": 0.5}}})]
        [('', [('seed', '1')]), ('training', [('loss.bce', '0.5')])]
    """
    top = {name: value for name, value in config.items() if not isinstance(value, Mapping)}
    tables = {"": top, **{name: value for name, value in config.items() if isinstance(value, Mapping)}}
    return [{"name": name, "rows": _flat(tree)} for name, tree in tables.items() if tree]


def _flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", _setting(value)))
    return rows


def _setting(value: object) -> str:
    """Write a value as in the configuration, not as prose."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {_setting(own)}" for name, own in value.items()) or wording.MISSING
    if isinstance(value, list | tuple):
        mark = "; " if any(isinstance(own, Mapping) for own in value) else ", "
        return mark.join(_setting(own) for own in value) or wording.MISSING
    return wording.MISSING if value is None else str(value)
