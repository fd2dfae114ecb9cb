"""What runs can prove of themselves, in sentences for a reporting checklist.

A rule takes a ``Study`` and returns a sentence, or an empty text where the facts do not hold the proof. To add one: a
function here, its name in an item of ``claim`` or ``tripod_ai``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gliascope.errors import counted
from gliascope.report import wording

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """One run as it stands on disk: ``run.json``, the resolved recipe, an evaluation; each may be empty."""

    name: str
    run: Facts
    config: Facts
    evaluation: Facts


@dataclass(frozen=True)
class Study:
    """Everything a report is written from: the runs, and the facts of their comparison."""

    sources: Sequence[Source]
    comparison: Facts


Rule = Callable[[Study], str]

LEAK_CODES = ("W_LEAKAGE", "W_SPLIT_BY_IMAGE")
"""Warnings of a run that make its figures flatter it."""


def per_run(rule: Callable[[Source], str]) -> Rule:
    """Make a rule of one about a single run: what all say alike once, else each with its names; all or nothing."""

    def joined(study: Study) -> str:
        said: dict[str, list[str]] = {}
        for source in study.sources:
            said.setdefault(rule(source), []).append(source.name)
        if "" in said or not said:
            return ""
        return next(iter(said)) if len(said) == 1 else " ".join(f"{', '.join(names)}: {s}" for s, names in said.items())

    joined.__doc__ = rule.__doc__
    return joined


@per_run
def data_sources(source: Source) -> str:
    """Name, license and hash of the data."""
    run = source.run
    if not run.get("data_sha256"):
        return ""
    return f"Data set {run['dataset']}, {run.get('licence')}; SHA-256 of its cases {run['data_sha256'][:16]}…"


@per_run
def preparation(source: Source) -> str:
    """The plan, step by step."""
    plan = source.config.get("plan") or {}
    if not plan:
        return ""
    steps = [_named(step) for step in plan.get("steps") or ()]
    return f"Channels {', '.join(plan.get('channels') or ())}; {' → '.join(steps) or 'no change of the images'}."


@per_run
def subsets(source: Source) -> str:
    """Which slices are learned from."""
    slices = source.config.get("slices")
    return f"Slices to learn from: {_settings(slices)}." if slices else ""


@per_run
def elements(source: Source) -> str:
    """What is answered."""
    target = source.config.get("target")
    if target:
        return (
            f"Masks of {', '.join(target.get('regions') or ()) or target.get('mode')} by scheme {target.get('scheme')}."
        )
    classes = source.evaluation.get("classes")
    return f"Classes {', '.join(map(wording.title, classes))}." if classes else ""


@per_run
def partition(source: Source) -> str:
    """How cases were divided."""
    cases = source.run.get("cases")
    if not cases:
        return ""
    counts = ", ".join(f"{count} {part}" for part, count in cases.items())
    return f"{source.run.get('split')}: {counts} cases; split.csv of the run lists each."


@per_run
def disjoint(source: Source) -> str:
    """What both sides of the split do not share, where copies were looked for."""
    split = source.run.get("split")
    if not split or "leakage" not in source.run:
        return ""
    shared = "patients may stand on both sides" if str(split).startswith("by image") else "no patient on two sides"
    leaks = dict.fromkeys(w["text"] for w in source.run.get("warnings") or () if w["code"] in LEAK_CODES)
    told = leaks or ["No copy of an image was found on two sides."]
    return " ".join([f"Divided {str(split).split(',', maxsplit=1)[0]}: {shared}.", *told])


@per_run
def network(source: Source) -> str:
    """Architecture and size."""
    made = source.run.get("network")
    if not made:
        return ""
    settings = _settings({k: v for k, v in (source.config.get("network") or {}).items() if k != "name"})
    return f"{made['name']}, {made['parameters']:,} parameters; {settings}. Whole in config.json and the model folder."


@per_run
def software(source: Source) -> str:
    """Versions and machine."""
    run = source.run
    return f"Gliascope {run['gliascope_version']}; {run.get('machine')}." if run.get("gliascope_version") else ""


@per_run
def code(source: Source) -> str:
    """What the run was made with."""
    run = source.run
    return f"Gliascope {run['gliascope_version']}, recipe {run.get('recipe')}." if run.get("gliascope_version") else ""


@per_run
def training(source: Source) -> str:
    """How the weights were learned."""
    settings = source.config.get("training")
    if not settings:
        return ""
    named = ("optimizer", "schedule", "loss", "batch_size", "augment")
    told = "; ".join(f"{name}: {_value(settings[name])}" for name in named if settings.get(name))
    return f"{source.run.get('epochs')} epochs; {told}."


@per_run
def start(source: Source) -> str:
    """Where the weights began."""
    settings = source.config.get("network")
    if not settings:
        return ""
    known = next((key for key, value in settings.items() if "pretrained" in key and value), None)
    if known:
        return f"Pretrained: {known} = {_value(settings[known])}."
    return f"Random weights, drawn with seed {source.config.get('seed')}."


@per_run
def selection(source: Source) -> str:
    """Which epoch was kept."""
    best, settings = source.run.get("best_epoch"), source.config.get("training") or {}
    if best is None:
        return ""
    if settings.get("keep") == "last":
        return f"The last of {source.run.get('epochs')} epochs; no score chose it."
    score = settings.get("monitor", "auto")
    by = (
        ("validation loss" if source.run.get("task") == "classify" else "mean validation Dice")
        if score == "auto"
        else score
    )
    return f"Of {source.run.get('epochs')} epochs the best by {by}; run.json names it."


@per_run
def ensemble(source: Source) -> str:
    """How many networks answer together."""
    return "None: one network answers." if source.run.get("network") else ""


@per_run
def looks(source: Source) -> str:
    """How often the scored part was looked at."""
    seen = source.evaluation.get("test_looks")
    return f"These cases were scored {seen} {'time' if seen == 1 else 'times'} with this run." if seen else ""


@per_run
def calibration(source: Source) -> str:
    """Whether probabilities were checked."""
    facts = source.evaluation.get("calibration") or {}
    rows = facts.get("rows") or {}
    chosen = {"all": rows["all"]} if "all" in rows else rows
    if not chosen:
        return ""
    told = ", ".join(f"{wording.title(name)} {wording.number(row.get('ece'))}" for name, row in chosen.items())
    warmth = facts.get("temperature")
    each = warmth if isinstance(warmth, list | tuple) else [warmth] if warmth else []
    fitted = f"; temperature {', '.join(map(wording.number, each))}" if each else ""
    return f"Expected calibration error: {told}{fitted}."


@per_run
def class_counts(source: Source) -> str:
    """How many cases each class has."""
    if source.evaluation.get("task") != "classify":
        return ""
    counts: dict[str, int] = {}
    for case in source.evaluation.get("cases") or ():
        counts[case["reference"]] = counts.get(case["reference"], 0) + 1
    return "Scored cases: " + ", ".join(f"{n} {wording.title(name)}" for name, n in sorted(counts.items())) + "."


def measures(study: Study) -> str:
    """What is measured, and by which protocol."""
    facts = study.comparison.get("protocol_facts") or {}
    names = dict.fromkeys(wording.title(f["metric"]) for f in study.comparison.get("figures") or ())
    if not names:
        return ""
    how = f"Protocol {study.comparison['protocol']}"
    detail = "".join(
        f"; {words}: {facts[key]}" for key, words in (("hausdorff", "HD95"), ("empty", "empty masks")) if facts.get(key)
    )
    return f"{how}: {', '.join(names)}{detail}".rstrip(".") + "."


def uncertainty(study: Study) -> str:
    """Intervals and tests."""
    made = study.comparison.get("intervals")
    if not made:
        return ""
    number = (study.comparison.get("tests") or {}).get("number", 0)
    tests = f" {number} paired permutation and {number} Wilcoxon tests, Holm-corrected." if number else ""
    return f"{100 * made['level']:g} % intervals, {made['method']}, {made['resamples']:,} resamples.{tests}"


def repeats(study: Study) -> str:
    """Whether training was repeated."""
    told = [
        f"{s['name']}: {counted(s['folds'], 'fold')}, {counted(s['seeds'], 'seed')}"
        for s in study.comparison.get("systems") or ()
    ]
    repeated = any(s["folds"] > 1 or s["seeds"] > 1 for s in study.comparison.get("systems") or ())
    return "; ".join(told) + "; their spread is given." if repeated else ""


def performance(study: Study) -> str:
    """The leading figure of every system and row, with its interval."""
    figures = study.comparison.get("figures") or ()
    leading = figures[0]["metric"] if figures else ""
    told = []
    for facts in figures:
        if facts["metric"] == leading and facts["mean"] is not None:
            low, high = facts["ci95"] or (None, None)
            between = f" ({wording.number(low)} to {wording.number(high)})" if facts["ci95"] else ""
            told.append(f"{facts['system']}, {wording.title(facts['row'])}: {wording.number(facts['mean'])}{between}")
    return f"{wording.title(leading)}. {'; '.join(told)}." if told else ""


def failures(study: Study) -> str:
    """Which cases went worst."""
    worst = study.comparison.get("worst") or ()
    return f"{len(worst)} cases with the lowest scores or the largest disagreement are listed." if worst else ""


def sizes(study: Study) -> str:
    """How many cases and patients were scored."""
    told = []
    for own in study.comparison.get("systems") or ():
        whose = "patients" if own["by"] == "patient" else f"units (by {own['by']})"
        told.append(f"{own['name']}: {own['cases']} cases of {own['clusters']} {whose}")
    return f"Scored: {'; '.join(told)}." if told else ""


def _named(step: Facts) -> str:
    inner = _settings({key: value for key, value in step.items() if key != "name"})
    return f"{step.get('name')} ({inner})" if inner else str(step.get("name"))


def _settings(tree: Facts) -> str:
    return ", ".join(f"{key} = {_value(value)}" for key, value in tree.items() if value is not None)


def _value(value: Any) -> str:  # noqa: ANN401 - any setting
    if isinstance(value, Mapping):
        return f"{{{_settings(value)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
