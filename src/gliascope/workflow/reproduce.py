"""The systems of the source documents trained and scored again, their figures beside ours."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gliascope.errors import GliascopeError, InputError, PartialError, UsageError, counted
from gliascope.files import atomic
from gliascope.report.reproduce_page import reproduce_page
from gliascope.report.reproduce_rows import reproduction_markdown
from gliascope.workflow.extras import require_training
from gliascope.workflow.output_place import check_outside
from gliascope.workflow.progress import ProgressCallback, silent
from gliascope.workflow.provenance import machine, made
from gliascope.workflow.reproduce_earlier import with_removed_runs
from gliascope.workflow.reproduce_entry import entry_of
from gliascope.workflow.reproduce_runs import DIVISIONS, Division
from gliascope.workflow.reproduce_variants import variant_facts
from gliascope.workflow.reproduce_work import RUNS_FOLDER, Experiment, Work
from gliascope.workflow.run_steps import Means

FACTS_FILE, TABLE_FILE, PAGE_FILE = "reproduce.json", "table.md", "report.html"


@dataclass(frozen=True)
class Reproduction:
    """A folder with the runs, the page, the table and what stands in ``reproduce.json``."""

    folder: Path
    facts: dict[str, Any]
    asked: tuple[str, ...]

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Of what was asked, the entries that ended in an error."""
        return [own for own in self.facts["systems"] if own["status"] == "failed" and own["name"] in self.asked]

    def error(self) -> GliascopeError | None:
        """Return the error that a reproduction with failures ends in."""
        if not self.failed:
            return None
        listed = "; ".join(f"{own['name']}: {own['error']['cause']} [{own['error']['code']}]" for own in self.failed)
        cause = f"{len(self.failed)} of {counted(len(self.asked), 'system')} failed: {listed}"
        return PartialError(cause, hint="The others are done; the same command goes on.")


def reproduce(
    recipes: Sequence[str | Path] = (),
    *,
    data: str | Path,
    output: str | Path,
    split: Literal["source", "patient", "both"] = "source",
    budget_min: float | None = None,
    folds: Iterable[int] = (),
    variants: bool = False,
    runs: str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    cache: str | Path | None = None,
    progress: ProgressCallback = silent,
    announce: Callable[[str], None] = lambda line: None,
) -> Reproduction:
    """Train and score systems of the source documents and set their figures beside the sources'.

    What is finished in ``output`` is never done again: after an interruption, or with more systems, folds, divisions or
    time, the same folder goes on. Of runs that were removed from it, what ``reproduce.json`` tells stays. A system that
    fails is listed, and the rest is done.

    Args:
        recipes: Names or TOML files; none: every system of the sources. Members of a system are run with it.
        data: A data set's folder, or one that holds several side by side.
        output: The folder: ``runs/<recipe>/<division>``, ``reproduce.json``, ``table.md``, ``report.html``.
        split: How cases are divided: as the source does, by patient (where patients are unknown, by content without
            copies), or both, so that the figures stand side by side.
        budget_min: Minutes of training epochs per run; a run gets as many epochs as fit, at least one. None: all.
        folds: Of splits with folds, train only these; none: all.
        variants: Run the variants that recipes name, for the charts of scores against parameters.
        runs: A folder with runs that ``gliascope train`` finished; those of the same settings are taken as they are.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; None: all cores.
        cache: Where prepared images are kept; None: the user's cache folder.
        progress: Told how far each stage is.
        announce: Told in a sentence what happens, and each finished system.

    Raises:
        ConfigError: There is no such recipe.
        UsageError: ``output`` holds something else, an option is impossible.
        InputError: ``data`` is no folder, or holds the data of none of the systems.
        GliascopeError: Everything failed; the error of the first.
    """
    require_training()
    root, output = Path(data), Path(output)
    if split not in (*DIVISIONS, "both"):
        raise UsageError(f"unknown --split '{split}'", hint="Known: source, patient, both.")
    if budget_min is not None and not budget_min > 0:
        raise UsageError(f"--budget takes minutes above 0; got {budget_min:g}", hint="Write --budget 30.")
    if not root.is_dir():
        raise InputError("is not a folder", file=root, hint="Name the folder of the data.", code="E_MISSING")
    experiments = _experiments(recipes)
    check_outside(output, [root])
    entries = _earlier(output)
    wanted: tuple[Division, ...] = DIVISIONS if split == "both" else (split,)
    means = Means(device, threads, cache, progress, announce)
    earlier = None if runs is None else Path(runs)
    work = Work(root, output, wanted, tuple(folds), budget_min, earlier, means)
    first_error: GliascopeError | None = None
    for number, experiment in enumerate(experiments):
        progress("systems", number, len(experiments))
        entry, fault = entry_of(experiment, work)
        first_error = first_error or fault
        entry = with_removed_runs(entry, entries.get(experiment.name))
        if variants and entry["status"] == "done":
            entry["variants"] = _variants(experiment, work, wanted[0])
        else:
            entry["variants"] = entries.get(experiment.name, {}).get("variants", [])
        entries[experiment.name] = entry
        facts = _facts(entries, work)
        _save(output, facts)
        announce(summary_line(entry))
    progress("systems", len(experiments), len(experiments))
    names = tuple(experiment.name for experiment in experiments)
    states = {entries[name]["status"] for name in names}
    if states == {"no_data"}:
        sets = sorted({entries[name]["dataset"] for name in names})
        hint = f"These systems learn from {', '.join(sets)}; see gliascope datasets for how each is laid out."
        raise InputError("holds the data of none of these systems", file=root, hint=hint, code="E_NO_DATA")
    if first_error is not None and "done" not in states:
        raise first_error
    return Reproduction(output, facts, names)


def summary_line(entry: Mapping[str, Any]) -> str:
    """Say in one line what became of a system."""
    name = entry["name"]
    if entry["status"] == "no_data":
        return f"{name}: no data at hand ({entry['dataset']})"
    if entry["status"] == "failed":
        return f"{name}: failed: {entry['error']['cause']} [{entry['error']['code']}]"
    compared = {d: [own["reached"][d] for own in entry["figures"] if own["reached"][d] is not None] for d in DIVISIONS}
    known = compared["source"] or compared["patient"]
    reached = f", {sum(known)} of {len(known)} figures reached" if known else ""
    first = next((own for own in entry["figures"] if any(own["ours"].values())), None)
    if first is None:
        return f"{name}: done{reached}"
    ours = " / ".join(f"{own['value']:.4g}" for own in first["ours"].values() if own is not None)
    theirs = "" if first["theirs"] is None else f" (source {first['theirs']['value']:g})"
    return f"{name}: {first['metric']} {ours}{theirs}{reached}"


def _experiments(recipes: Sequence[str | Path]) -> list[Experiment]:
    """Read what is asked, systems behind what they may be made of."""
    from gliascope.config import RunConfig, read_experiment, recipe_names

    found = [Experiment(recipe, read_experiment(recipe)) for recipe in recipes or recipe_names()]
    if not recipes:
        found = [own for own in found if own.config.source != "gliascope"]
    unique = {own.name: own for own in found}
    if len(unique) < len(found):
        raise UsageError("names a recipe twice", hint="Name each once.")
    return sorted(found, key=lambda own: (not isinstance(own.config, RunConfig), _depth(own)))


def _depth(experiment: Experiment) -> int:
    return max((1 + _depth(member) for member in experiment.members()), default=0)


def _earlier(output: Path) -> dict[str, dict[str, Any]]:
    """Return the entries that an earlier call left, by name.

    Raises:
        UsageError: Something else is there.
    """
    try:
        tree = json.loads((output / FACTS_FILE).read_text(encoding="utf-8"))
        return {entry["name"]: entry for entry in tree["systems"]}
    except FileNotFoundError:
        if not output.exists() or not any(output.iterdir()) or (output / RUNS_FOLDER).is_dir():
            return {}
        hint = "Choose another -o."
        raise UsageError("is not empty and no reproduction", file=output, hint=hint, code="E_EXISTS") from None
    except (ValueError, KeyError, TypeError):
        return {}  # what it told is computed again from the runs


def _variants(experiment: Experiment, work: Work, division: Division) -> list[dict[str, Any]]:
    from gliascope.config import RunConfig

    config = experiment.config
    return variant_facts(experiment, config, work, division) if isinstance(config, RunConfig) else []


def _facts(entries: Mapping[str, dict[str, Any]], work: Work) -> dict[str, Any]:
    ordered = sorted(entries.values(), key=lambda own: (own["source"], own["name"]))
    states = [own["status"] for own in ordered]
    compared = [own["reached"]["source"] for entry in ordered for own in entry["figures"]]
    reached = [own for own in compared if own is not None]
    return {
        "name": "Reproduction",
        **made(),
        "machine": machine(),
        "budget_min": work.budget_min,
        "counts": {
            **{state: states.count(state) for state in ("done", "failed", "no_data")},
            "compared": len(reached),
            "reached": sum(reached),
        },
        "systems": ordered,
    }


def _save(output: Path, facts: dict[str, Any]) -> None:
    atomic.write_json(output / FACTS_FILE, facts)
    atomic.write_text(output / TABLE_FILE, reproduction_markdown(facts))
    atomic.write_text(output / PAGE_FILE, reproduce_page(facts))
