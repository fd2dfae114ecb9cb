"""Compare runs: pooled figures and their spread, paired differences with tests, the cases that went worst."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import Any

from gliascope.datasets.table import formula_safe
from gliascope.errors import Notice, UsageError
from gliascope.files import atomic
from gliascope.metrics.intervals import LEVEL, METHOD, RESAMPLES
from gliascope.report.checklist import checklist_markdown, reporting_checklist
from gliascope.report.compare_page import compare_page
from gliascope.report.evidence import LEAK_CODES, Source, Study
from gliascope.workflow.differences import difference_facts, pair_facts
from gliascope.workflow.paired_scores import CaseScores, Figure, Kind, metric_kinds
from gliascope.workflow.progress import ProgressCallback, silent
from gliascope.workflow.provenance import made
from gliascope.workflow.scored_runs import ScoredRun, read_runs
from gliascope.workflow.systems import System, figure_facts, group_systems, spread_facts
from gliascope.workflow.worst_cases import case_pictures, worst_cases

FACTS_FILE = "comparison.json"


@dataclass(frozen=True)
class Comparison:
    """The comparison: plain data as in ``compare --json``, the page, and what every case scored."""

    facts: dict[str, Any]
    page: str
    table: str

    def save(self, folder: Path, *, overwrite: bool = False) -> None:
        """Write ``comparison.json``, ``cases.csv``, ``checklist.md`` and ``report.html`` into a folder, all or none."""
        with atomic.new_folder(folder, overwrite=overwrite, mark=FACTS_FILE) as part:
            atomic.write_json(part / FACTS_FILE, self.facts)
            atomic.write_text(part / "cases.csv", self.table)
            atomic.write_text(part / "checklist.md", checklist_markdown(self.facts["checklist"], self.facts["name"]))
            atomic.write_text(part / "report.html", self.page)


def compare(
    *runs: str | Path,
    split: str = "test",
    protocol: str = "plain",
    metrics: Sequence[str] = (),
    data: str | Path | None = None,
    progress: ProgressCallback = silent,
) -> Comparison:
    """Compare evaluated runs case by case.

    Runs that differ in nothing but seed, fold and the draw of the split count as one system: its folds are pooled, its
    seeds averaged per case. Systems are compared in pairs, on the cases that both scored.

    Args:
        runs: At least two run folders, evaluation folders or ``evaluation.json`` files.
        split: Which evaluation of a run folder: ``test``, ``validation`` or ``train``.
        protocol: Which evaluation of a run folder, for segmenters.
        metrics: The metrics that are tested; none: all of the protocol. Fewer tests need less correction.
        data: The data set's root for the pictures of cases, where it has moved since the training.
        progress: Told how far it is.

    Raises:
        UsageError: Fewer than two runs, an unknown metric, or evaluations that do not compare: another task, protocol
            tolerance or voxel size given.
        InputError: An evaluation is missing or damaged, two systems have no case or no region in common, or a case was
            scored against different references.
    """
    scored = read_runs(runs, split=split, protocol=protocol)
    first = scored[0].evaluation
    known = metric_kinds(first["task"], first["protocol"])
    kinds = _chosen(known, metrics)
    systems = group_systems(scored)
    figures = _figures(systems, kinds)
    pairs, unmatched = pair_facts(systems)
    notices = [*_leak_notices(systems), *_part_notices(scored), *unmatched]
    facts: dict[str, Any] = {"name": _title(systems), **made(), "task": first["task"]}
    facts |= {"protocol": first["protocol"], "protocol_facts": first.get("protocol_facts")}
    facts["intervals"] = {"method": METHOD, "level": LEVEL, "resamples": RESAMPLES}
    facts["runs"] = [_run_facts(run, system) for system in systems for run in system.runs]
    facts["systems"] = [system.facts() for system in systems]
    for number, system in enumerate(systems):
        progress("figures", number, len(systems))
        facts.setdefault("figures", []).extend(figure_facts(system, figures, kinds))
        facts.setdefault("spread", []).extend(spread_facts(system, figures))
    progress("figures", len(systems), len(systems))
    facts["pairs"] = pairs
    facts["differences"] = difference_facts(systems, figures, kinds)
    tested = [own for own in facts["differences"] if own["p_permutation"] is not None]
    facts["tests"] = {"number": len(tested), "correction": "Holm"}
    facts["worst"] = worst_cases(systems, known)
    study = Study(tuple(Source(run.name, run.facts, run.config, run.evaluation) for run in scored), facts)
    facts["checklist"] = reporting_checklist(study)
    warned = [w for run in scored for w in run.evaluation.get("warnings") or () if w.get("code") not in LEAK_CODES]
    inherited = dict.fromkeys(tuple(w.items()) for w in warned)
    facts["warnings"] = [*(n.as_json() for n in notices), *(dict(items) for items in inherited)]
    pooled = {system.name: system.pooled for system in systems}
    pictures = case_pictures([entry["case"] for entry in facts["worst"]], scored, data, progress)
    page = compare_page(facts, _values(pooled, figures), pictures)
    return Comparison(facts, page, _cases_csv(pooled, figures))


def _chosen(known: Mapping[str, Kind], metrics: Sequence[str]) -> dict[str, Kind]:
    unknown = [name for name in metrics if name not in known]
    if unknown:
        raise UsageError(f"unknown metric '{unknown[0]}'", hint=f"These evaluations hold: {', '.join(known)}.")
    return {name: kind for name, kind in known.items() if not metrics or name in metrics}


def _figures(systems: Sequence[System], kinds: Mapping[str, Kind]) -> list[Figure]:
    """Rows in order of appearance, each with the metrics in the protocol's order."""
    seen = {figure for s in systems for table in s.scores for case in table.values() for figure in case.values}
    rows = dict.fromkeys(
        row for s in systems for table in s.scores for case in table.values() for row in case.reference
    )
    return [(row, metric) for row in rows for metric in kinds if (row, metric) in seen]


def _title(systems: Sequence[System]) -> str:
    names = [system.name for system in systems]
    return " against ".join(names) if 1 < len(names) < 4 else names[0] if len(names) == 1 else f"{len(names)} systems"


def _run_facts(run: ScoredRun, system: System) -> dict[str, Any]:
    evaluation = run.evaluation
    return {
        "run": run.name,
        "system": system.name,
        "dataset": evaluation.get("dataset") or run.facts.get("dataset"),
        "split": evaluation.get("split"),
        "fold": run.fold,
        "seed": run.seed,
        "cases": len(evaluation["cases"]),
        "model_sha256": evaluation.get("model_sha256"),
        "created": evaluation.get("created"),
        "test_looks": evaluation.get("test_looks"),
        "leaks": bool(_leaks(run)),
    }


def _leak_notices(systems: Sequence[System]) -> list[Notice]:
    """Say first of all which systems may have seen what they are scored on."""
    owners: dict[tuple[str, str], dict[str, None]] = {}
    for system in systems:
        for run in system.runs:
            for leak in _leaks(run):
                owners.setdefault(leak, {})[system.name] = None
    return [Notice(code, "", f"{', '.join(names)}: {text}") for (code, text), names in owners.items()]


def _leaks(run: ScoredRun) -> list[tuple[str, str]]:
    """Return code and text of what a run says itself of leaks between its training and its scored cases."""
    warned = [*(run.evaluation.get("warnings") or ()), *(run.facts.get("warnings") or ())]
    found = [(str(warning["code"]), str(warning["text"])) for warning in warned if warning.get("code") in LEAK_CODES]
    unknown = run.config.get("allow_leakage") and "leakage" not in run.facts
    return [*found, *([("W_LEAKAGE", "Leaks were allowed, and not looked for.")] if unknown else [])]


def _part_notices(runs: Sequence[ScoredRun]) -> list[Notice]:
    """Say where the scored cases are not test cases."""
    parts = {str(run.evaluation.get("split")).split(" ")[0] for run in runs}
    words = {
        "validation": "The validation cases also chose the epoch that was kept, so their figures flatter a little.",
        "train": "These are figures of the training cases: they say nothing about new ones.",
    }
    return [Notice("W_NOT_TEST", "", words[part]) for part in words if part in parts]


def _values(
    pooled: Mapping[str, Mapping[str, CaseScores]], figures: Sequence[Figure]
) -> dict[Figure, dict[str, dict[str, float]]]:
    """Return, by figure and system, the value of every case that has one."""
    return {
        figure: {
            name: {case: scores.values[figure] for case, scores in table.items() if figure in scores.values}
            for name, table in pooled.items()
        }
        for figure in figures
    }


def _cases_csv(pooled: Mapping[str, Mapping[str, CaseScores]], figures: Sequence[Figure]) -> str:
    """Return one line per case, row and metric, with a column per system; undefined is empty, infinite ``inf``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["case", "patient", "row", "metric", *map(formula_safe, pooled)])
    everyone = {name: case.who for table in pooled.values() for name, case in table.items()}
    for name, who in everyone.items():
        for row, metric in figures:
            values = [table[name].values.get((row, metric), nan) if name in table else nan for table in pooled.values()]
            cells = ["" if isnan(value) else value for value in values]
            if any(cell != "" for cell in cells):
                writer.writerow([formula_safe(name), formula_safe(who.get("patient") or ""), row, metric, *cells])
    return text.getvalue()
