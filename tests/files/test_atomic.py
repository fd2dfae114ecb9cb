import errno
import os
import stat
from pathlib import Path

import pytest

from gliascope.errors import MachineError, UsageError
from gliascope.files import atomic


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_bytes_text_and_json_appear(tmp_path: Path) -> None:
    atomic.write_bytes(tmp_path / "new" / "a", b"1")
    atomic.write_text(tmp_path / "b", "ö")
    atomic.write_json(tmp_path / "c", {"x": [1, None]})
    assert (tmp_path / "new" / "a").read_bytes() == b"1"
    assert (tmp_path / "b").read_bytes() == "ö".encode()
    assert (tmp_path / "c").read_text() == '{\n  "x": [\n    1,\n    null\n  ]\n}\n'
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o644
    assert names(tmp_path) == ["b", "c", "new"]


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "a", "old")
    atomic.write_text(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "new"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_has_no_nan(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        atomic.write_json(tmp_path / "a", {"x": value})
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "E_DISK_FULL"), (errno.EROFS, "E_PERMISSION"), (errno.EIO, "E_DISK")],
)
def test_a_refusal_of_the_system_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    atomic.write_text(tmp_path / "a", "old")

    def refuse(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(MachineError) as caught:
        atomic.write_text(tmp_path / "a", "new")
    assert caught.value.code == code
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_content_is_flushed_before_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(handle: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def note_replace(source: Path, target: Path) -> None:
        steps.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    atomic.write_text(tmp_path / "a", "x")
    assert steps == ["file", "rename", "folder"]


def test_files_of_a_new_folder_are_flushed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync = os.fsync

    def note_fsync(handle: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", note_fsync)
    with atomic.new_folder(tmp_path / "run", mark="a") as part:
        atomic.write_text(part / "a", "x")
        atomic.write_text(part / "sub" / "b", "y")
        assert steps == []
    assert sorted(steps) == ["file", "file", "folder", "folder", "folder"], "both files, both folders, the parent"
    atomic.write_text(tmp_path / "run" / "a", "z")
    assert steps[-2:] == ["file", "folder"]


def test_a_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="cannot be written") as caught:
        atomic.write_text(tmp_path / "file" / "a", "x")
    assert caught.value.code == "E_PERMISSION"
    with pytest.raises(MachineError), atomic.new_folder(tmp_path / "file" / "b", mark="old"):
        pass


def test_a_target_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(MachineError, match="cannot be written"):
        atomic.write_text(tmp_path / "a", "x")
    assert names(tmp_path) == ["a"]


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    with atomic.new_folder(tmp_path / "run", mark="old") as part:
        (part / "sub").mkdir()
        (part / "sub" / "a").write_text("x")
        assert not (tmp_path / "run").exists()
    assert (tmp_path / "run" / "sub" / "a").read_text() == "x"
    assert names(tmp_path) == ["run"]


def test_an_error_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic.new_folder(tmp_path / "run", mark="old") as part:
        (part / "a").rename(part / "b")
    assert names(tmp_path) == []


def test_an_existing_folder_needs_overwrite(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "old").write_text("")
    with pytest.raises(UsageError, match="exists already"), atomic.new_folder(tmp_path / "run", mark="old"):
        pass
    with pytest.raises(RuntimeError), atomic.new_folder(tmp_path / "run", overwrite=True, mark="old"):
        raise RuntimeError
    assert names(tmp_path / "run") == ["old"]
    with atomic.new_folder(tmp_path / "run", overwrite=True, mark="old") as part:
        (part / "new").write_text("")
    assert names(tmp_path / "run") == ["new"]
    assert names(tmp_path) == ["run"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_earlier_result_is_never_replaced(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "other").write_text("work of a year")
    for name in ("file", "folder"):
        with (
            pytest.raises(UsageError, match="no earlier result"),
            atomic.new_folder(tmp_path / name, overwrite=overwrite, mark="old"),
        ):
            pytest.fail("nothing may be started")
    assert names(tmp_path) == ["file", "folder"]
    assert names(tmp_path / "folder") == ["other"]


def test_an_empty_folder_can_be_taken(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with atomic.new_folder(tmp_path / "run", overwrite=True, mark="old") as part:
        (part / "old").write_text("")
    assert names(tmp_path / "run") == ["old"]


def test_the_old_folder_returns_when_the_rename_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "old").write_text("")
    rename = Path.rename

    def fail_for_the_new(self: Path, target: Path) -> Path:
        if (self / "new").exists():
            raise OSError(errno.EIO, "broken")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_new)
    with pytest.raises(MachineError), atomic.new_folder(tmp_path / "run", overwrite=True, mark="old") as part:
        (part / "new").write_text("")
    assert names(tmp_path / "run") == ["old"]
    assert names(tmp_path) == ["run"]
