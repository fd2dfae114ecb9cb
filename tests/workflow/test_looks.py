import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gliascope.workflow.looks import record_look
from gliascope.workflow.run_folder import LOOKS_FILE


def test_looks_are_counted_by_part(tmp_path: Path) -> None:
    counts = [record_look(tmp_path, split, "plain") for split in ("test", "validation", "test", "test")]
    assert counts == [(1, ()), (1, ()), (2, ()), (3, ())]
    lines = [json.loads(line) for line in (tmp_path / LOOKS_FILE).read_text().splitlines()]
    assert [line["split"] for line in lines] == ["test", "validation", "test", "test"]
    assert set(lines[0]) == {"created", "gliascope_version", "split", "protocol"}


def test_a_damaged_line_counts_for_every_part(tmp_path: Path) -> None:
    (tmp_path / LOOKS_FILE).write_text('{"split": "train"}\n\n{"split": "te')
    assert record_look(tmp_path, "test", "plain") == (2, ())
    assert record_look(tmp_path, "test", "plain") == (3, ())
    assert record_look(tmp_path, "train", "plain") == (3, ())


def test_where_nothing_can_be_written_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record_look(tmp_path, "test", "plain")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "read_text", lambda _: '{"split": "test"}\n')
    count, (notice,) = record_look(tmp_path, "test", "plain")
    assert (count, notice.code) == (2, "W_LOOK_NOT_RECORDED")
    monkeypatch.setattr(Path, "read_text", refuse)
    assert record_look(tmp_path, "test", "plain")[0] == 1


def test_several_at_once_count_each_look_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: record_look(tmp_path, "test", "plain")[0], range(20)))
    assert sorted(counts) == list(range(1, 21))
