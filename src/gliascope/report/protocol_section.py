"""How the numbers of an evaluation came about, in words: protocol, intervals, and masks that are empty."""

from collections.abc import Mapping, Sequence
from typing import Any

from gliascope.report import wording
from gliascope.report.frame import Section, fact_list, fragment

OUTCOMES: Mapping[str, str] = {
    "missed": "Missed: only the reference has it",
    "false_positive": "False positive: only the prediction has it",
    "both_empty": "Both empty: rightly found to have none",
}


def protocol_section(facts: Mapping[str, Any]) -> list[Section]:
    """Return what the protocol decides and how the intervals are made; nothing where the facts are older than that."""
    rules = facts.get("protocol_facts") or {}
    if not rules:
        return []
    units = {"mm": "in mm", "voxels": "in voxels, whatever their size"}
    tolerance, infinite = rules.get("tolerance_mm"), rules.get("infinite")
    sizes = " × ".join(f"{size:g}" for size in rules.get("spacing_mm") or ())
    rows = {
        "Protocol": wording.sentence({"title": rules.get("title"), "name": facts.get("protocol")}),
        "What is scored": rules.get("pooling"),
        "HD95": rules.get("hausdorff"),
        "Distances": units.get(str(rules.get("spacing")), rules.get("spacing")),
        "Voxel size": f"{sizes} mm, as given" if sizes else "",
        "Empty masks": rules.get("empty"),
        "Infinite distance": "" if infinite is None else f"counts as {infinite:g}",
        "Tolerance": "" if tolerance is None else f"{tolerance:g} mm (NSD)",
        "Defined by": rules.get("source"),
        "Intervals": intervals_in_words(facts),
    }
    note = "Numbers of two protocols cannot be compared, whatever their names."
    return [Section("How it was scored", fact_list({name: words for name, words in rows.items() if words}), note)]


def intervals_in_words(facts: Mapping[str, Any]) -> str:
    """Return how the intervals were made in one sentence; empty where there are none."""
    own = facts.get("intervals") or {}
    if not own:
        return ""
    units = " or ".join(f"{kind}s" for kind in str(own.get("by") or "case").split(" or "))
    level, method = 100 * own.get("level", 0.95), own.get("method", "bootstrap")
    return f"{level:g} %, {method}; {own.get('resamples', 0):,} resamples of {own.get('clusters', 0):,} {units}"


def empty_masks_section(facts: Mapping[str, Any]) -> list[Section]:
    """Return which regions of which cases were missed, invented or rightly empty; nothing where none was."""
    cases: Sequence[Mapping[str, Any]] = facts.get("cases") or []
    regions = list(facts.get("summary") or {})
    rows = []
    for outcome, words in OUTCOMES.items():
        found, count = [], 0
        for case in cases:
            own = [r for r in regions if isinstance(case.get(r), Mapping) and case[r].get("outcome") == outcome]
            if own:
                found.append({"case": case.get("case"), "regions": ", ".join(own)})
                count += len(own)
        if found:
            rows.append({"title": words, "count": count, "cases": found, "marked": outcome != "both_empty"})
    if not rows:
        return []
    note = "A mean alone would hide these. What the protocol makes of them stands above."
    return [Section("Empty masks", fragment("outcomes.html.j2", rows=rows), note)]
