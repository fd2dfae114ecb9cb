"""The figures of all voxels of all cases together, on the page of an evaluation."""

from collections.abc import Mapping
from typing import Any

from gliascope.report import wording
from gliascope.report.frame import Section
from gliascope.report.metric_words import MetricWords
from gliascope.report.score_tables import confusion
from gliascope.report.tables import Cell, Column, table

NOTE = (
    "Every voxel of every case counts once, so that large tumors weigh more than small ones. Some sources report such "
    "figures; they do not compare with the means over cases above."
)
CONFUSION_NOTE = "Voxels of all cases. Rows: what the reference says. Columns: what the model answered."


def pooled_section(facts: Mapping[str, Any], words: MetricWords) -> list[Section]:
    """Return the pooled figures and, where classes exclude each other, their matrix; nothing for older results."""
    found = facts.get("pooled")
    if not found:
        return []
    rows, intervals = found["rows"], found["ci95"]
    measures = list(next(iter(rows.values())))
    columns = [Column(""), *(Column(words.title(name), numeric=True, hint=name) for name in measures)]
    cells = []
    for row, figures in rows.items():
        title = ("Mean of the classes" if found["classes"] else "Mean") if row == "all" else wording.title(row)
        line = [Cell(title)]
        for name in measures:
            note = words.interval(intervals[row][name], name)
            line.append(
                Cell(
                    words.figure(figures[name], name),
                    level=words.level(figures[name], name),
                    notes=(note,) if note else (),
                )
            )
        cells.append(line)
    sections = [Section("All voxels together", table(columns, cells, caption="All voxels", sortable=False), NOTE)]
    if found["classes"]:
        sections.append(
            Section("Confusion matrix of voxels", confusion(found["classes"], found["confusion"]), CONFUSION_NOTE)
        )
    return sections
