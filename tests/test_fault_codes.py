"""Every code that the source can say stands in the reference page, and the page invents none."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CODE = re.compile(r"[\"']([EW]_[A-Z0-9_]+)[\"']")


def said() -> set[str]:
    texts = [path.read_text() for path in sorted((ROOT / "src").rglob("*.py"))]
    return {code for text in texts for code in CODE.findall(text)}


def documented() -> list[str]:
    page = (ROOT / "docs" / "reference" / "faults.md").read_text()
    return [row[0] for row in re.findall(r"^\| `([EW]_[A-Z0-9_]+)` \| (.+\.) \| (.+\.) \|$", page, re.MULTILINE)]


def test_every_code_has_one_row() -> None:
    rows = documented()
    assert len(rows) == len(set(rows))
    assert said() - set(rows) == set(), "add a row to docs/reference/faults.md"
    assert set(rows) - said() == set(), "nothing says this any more: remove its row"
