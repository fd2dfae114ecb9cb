"""``predictions.csv``: every case of a batch in one line, for spreadsheets and statistics programs.

RFC 4180: commas, quotes where needed, CRLF, UTF-8. A cell without a value is empty. Texts that a spreadsheet would take
for a formula are defused with ``'``.
"""

import csv
import io
from collections.abc import Collection, Mapping
from typing import Any

from gliascope.datasets.table import formula_safe
from gliascope.files import atomic
from gliascope.labels import REGIONS, TUMOR_CLASSES
from gliascope.workflow.batch import Batch

TABLE_FILE = "predictions.csv"

FIRST_COLUMNS = ("case", "status", "task", "models", "label", "abstained")
LAST_COLUMNS = ("warnings", "seconds", "error")
SIZES = ("volume_ml", "voxels", "max_diameter_mm")


def write_table(batch: Batch) -> None:
    """Write the table of a batch into its folder.

    Raises:
        MachineError: It cannot be written.
    """
    atomic.write_bytes(batch.output / TABLE_FILE, table_text(batch).encode(errors="backslashreplace"))


def table_text(batch: Batch) -> str:
    """Return one line per case, by name, under a header.

    The columns are the same whatever the models answer: a probability for each of the four classes and three sizes for
    each region that a label scheme can have. Classes and regions beyond these follow theirs, by name.
    """
    kept = {facts["case"] for facts in batch.kept}
    rows = [_row(facts, "kept" if facts["case"] in kept else "done") for facts in batch.cases]
    rows += [{"case": own["case"], "status": "failed", "error": own["code"]} for own in batch.failed]
    rows.sort(key=lambda row: str(row["case"]))
    text = io.StringIO()
    table = csv.DictWriter(text, _columns(batch), restval="", lineterminator="\r\n")
    table.writeheader()
    table.writerows({name: formula_safe(v) if isinstance(v, str) else v for name, v in row.items()} for row in rows)
    return text.getvalue()


def _columns(batch: Batch) -> list[str]:
    answers = [facts["classification"] for facts in batch.cases if facts["classification"]]
    masks = [facts["segmentation"] for facts in batch.cases if facts["segmentation"]]
    classes = {name for answer in answers for name in answer["probabilities"]}
    regions = {name for mask in masks for name in mask["regions"]}
    return [
        *FIRST_COLUMNS,
        *(f"probability_{name}" for name in _known_first(TUMOR_CLASSES, classes)),
        *(f"{region}_{size}" for region in _known_first(tuple(REGIONS), regions) for size in SIZES),
        *LAST_COLUMNS,
    ]


def _known_first(known: tuple[str, ...], found: Collection[str]) -> tuple[str, ...]:
    return (*known, *sorted(set(found) - set(known)))


def _row(facts: Mapping[str, Any], status: str) -> dict[str, Any]:
    answer, mask = facts["classification"] or {}, facts["segmentation"] or {}
    row: dict[str, Any] = {
        "case": facts["case"],
        "status": status,
        "task": facts["task"],
        "models": " + ".join(f"{model['name']} {model['version']}" for model in facts["models"]),
        "warnings": " ".join(dict.fromkeys(warning["code"] for warning in facts["warnings"])),
        "seconds": facts["timing_s"].get("total"),
    }
    if answer:
        row |= {"label": answer["label"], "abstained": str(answer["abstained"]).lower()}
        row |= {f"probability_{name}": value for name, value in answer["probabilities"].items()}
    for region, sizes in mask.get("regions", {}).items():
        row |= {f"{region}_{name}": sizes[name] for name in SIZES}
    return row
