"""The reporting checklist of a study: what its runs prove is filled in, everything else is an explicit to-do."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from gliascope.report import claim, tripod_ai, wording
from gliascope.report.evidence import Study

NOTE = (
    "Filled in is what the runs themselves prove; everything else is left to the authors. The topics are in our words: "
    "see the guidelines for theirs. CLAIM carries its numbers of 2020; the themes of TRIPOD+AI carry none, as their "
    "numbering was not verified."
)


def reporting_checklist(study: Study) -> list[dict[str, Any]]:
    """Return every item: ``{list, number, section, topic, evidence, to_do}``.

    ``evidence`` is a sentence that the runs prove, ``to_do`` what is left to the authors; one of them may be None.
    """
    return [item.fill(part.NAME, study) for part in (claim, tripod_ai) for item in part.ITEMS]


def checklist_markdown(items: Sequence[Mapping[str, Any]], title: str) -> str:
    """Return the checklist as Markdown: a ticked box where nothing is left to do."""
    lines = [f"# Reporting checklist: {wording.clean(title)}", "", NOTE, "", progress_words(items)]
    for name, own in groupby(items, key=lambda item: item["list"]):
        lines += ["", f"## {name}", ""]
        for item in own:
            number = "" if item["number"] is None else f"{item['number']}. "
            lines.append(f"- [{' ' if item['to_do'] else 'x'}] {number}**{item['topic']}** ({item['section']})")
            lines += [f"  - {wording.clean(item['evidence'])}"] if item["evidence"] else []
            lines += [f"  - To do: {item['to_do']}"] if item["to_do"] else []
    return "\n".join(lines) + "\n"


def progress_words(items: Sequence[Mapping[str, Any]]) -> str:
    """Say in a sentence how much is filled."""
    done = sum(item["to_do"] is None for item in items)
    begun = sum(item["to_do"] is not None and item["evidence"] is not None for item in items)
    return f"{done} of {len(items)} items filled, {begun} begun, {len(items) - done - begun} to do."
