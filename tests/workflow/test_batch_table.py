"""``predictions.csv``."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from gliascope.workflow.batch import Batch
from gliascope.workflow.batch_table import FIRST_COLUMNS, LAST_COLUMNS, table_text, write_table

SIZE = {"volume_ml": 1.5, "voxels": 1500, "max_diameter_mm": None}


def facts(case: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {
        "case": case,
        "task": "cascade",
        "models": [{"name": "gate", "version": "1"}, {"name": "net", "version": "2"}],
        "classification": {"label": "glioma", "abstained": False, "probabilities": {"glioma": 0.75, "no_tumor": 0.25}},
        "segmentation": {"regions": {"WT": SIZE}},
        "warnings": [{"code": "W_A"}, {"code": "W_B"}, {"code": "W_A"}],
        "timing_s": {"total": 0.5},
        **changes,
    }


def batch(
    *done: dict[str, Any], kept: tuple[dict[str, Any], ...] = (), failed: tuple[dict[str, str], ...] = ()
) -> Batch:
    return Batch(Path("out"), done, kept, failed)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_case_has_its_line() -> None:
    failure = {"case": "b", "file": "b.png", "cause": "is, cut", "code": "E_TRUNCATED"}
    text = table_text(batch(facts("c"), kept=(facts("a"),), failed=(failure,)))
    table = rows(text)
    assert [(row["case"], row["status"], row["error"]) for row in table] == [
        ("a", "kept", ""),
        ("b", "failed", "E_TRUNCATED"),
        ("c", "done", ""),
    ]
    first = table[0]
    assert (first["models"], first["label"], first["abstained"]) == ("gate 1 + net 2", "glioma", "false")
    assert (first["probability_glioma"], first["probability_meningioma"]) == ("0.75", "")
    assert (first["WT_volume_ml"], first["WT_voxels"], first["WT_max_diameter_mm"]) == ("1.5", "1500", "")
    assert (first["warnings"], first["seconds"]) == ("W_A W_B", "0.5")
    assert not any(table[1][name] for name in table[1] if name not in ("case", "status", "error"))
    assert text.count("\r\n") == text.count("\n") == 4


def test_columns_are_the_same_whatever_is_answered() -> None:
    mask = facts("a", classification=None, task="segment")
    answer = facts("a", segmentation=None, task="classify")
    failure = {"case": "a", "file": "", "cause": "", "code": "E_X"}
    headers = {tuple(rows(table_text(b))[0]) for b in (batch(mask), batch(answer), batch(failed=(failure,)))}
    (header,) = headers
    assert header[: len(FIRST_COLUMNS)] == FIRST_COLUMNS
    assert header[-len(LAST_COLUMNS) :] == LAST_COLUMNS


def test_other_classes_and_regions_follow_the_known_ones() -> None:
    odd = facts(
        "a",
        classification={"label": None, "abstained": True, "probabilities": {"cyst": 1.0, "abscess": 0.0}},
        segmentation={"regions": {"lesion": SIZE}},
    )
    text = table_text(batch(odd))
    (row,) = rows(text)
    header = list(row)
    at = header.index("probability_no_tumor")
    assert header[at + 1 : at + 3] == ["probability_abscess", "probability_cyst"]
    assert header[header.index("lesion_max_diameter_mm") + 1] == "warnings"
    assert (row["label"], row["abstained"], row["lesion_voxels"]) == ("", "true", "1500")


@pytest.mark.parametrize("name", ["=1+1", "@x", "+a", "-a"])
def test_no_cell_is_a_formula(name: str) -> None:
    (row,) = rows(table_text(batch(facts(name))))
    assert row["case"] == f"'{name}"


def test_names_with_quotes_and_odd_bytes_can_be_written(tmp_path: Path) -> None:
    name = 'a "b", c\udcff'
    write_table(Batch(tmp_path, (facts(name),), (), ()))
    text = (tmp_path / "predictions.csv").read_bytes().decode()
    assert rows(text)[0]["case"] == 'a "b", c\\udcff'
