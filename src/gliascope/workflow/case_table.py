"""The per-case table of an evaluation as CSV."""

import csv
import io
from typing import Any

from gliascope.datasets.table import formula_safe


def cases_csv(facts: dict[str, Any]) -> str:
    """Return the per-case table: one line per case, one column per region and metric."""
    lines = [_flat(row) for row in facts["cases"]]
    text = io.StringIO()
    columns = list(dict.fromkeys(name for line in lines for name in line))
    writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {key: formula_safe(value) if isinstance(value, str) else value for key, value in line.items()} for line in lines
    )
    return text.getvalue()


def _flat(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
