"""Outputs that appear whole or not at all.

A file is written beside its destination, flushed to disk, and renamed; a folder is filled beside its destination and
renamed. A crash leaves the old state, never half of the new one.
"""

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gliascope.errors import MachineError, UsageError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_UNSAFE = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Escape codes of terminals, marks that turn the direction of writing, and halves of letters."""

_FILLING: set[Path] = set()
"""Folders that are being filled; what is written into them is flushed with them, once."""

_REFUSALS = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR),
    *(errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG),
)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically and durably; an existing file is replaced.

    Inside a folder that ``new_folder`` fills it becomes durable with the folder.

    Raises:
        MachineError: The disk is full, or the folder cannot be written.
    """
    with _machine_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        part = Path(name)
        later = not _FILLING.isdisjoint(path.parents)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                if not later:
                    os.fsync(file.fileno())
            part.chmod(0o644)
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        if not later:
            _sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically; see ``write_bytes``.

    Bytes of file names that are no UTF-8 are spelled out.
    """
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_json(path: Path, tree: Any) -> None:  # noqa: ANN401 - any plain data
    """Write a JSON file atomically. NaN and Infinity are refused: pass None.

    Raises:
        ValueError: The tree holds NaN or Infinity.
    """
    write_text(path, json_text(tree) + "\n")


def json_text(tree: Any) -> str:  # noqa: ANN401 - any plain data
    r"""Return JSON that any file and any terminal can hold: letters as they are, all that is not printable escaped.

    Raises:
        ValueError: The tree holds NaN or Infinity.

    Example:
        >>> print(json_text({"file": "Größe\x9b1\udcff.png"}))
        {
          "file": "Größe\u009b1\udcff.png"
        }
    """
    text = json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def check_place(path: Path, *, overwrite: bool, mark: str) -> None:
    """Check that a result may be written here; what is no result of ours is never replaced.

    Args:
        path: The folder to be.
        overwrite: An earlier result may be replaced.
        mark: The file by which an earlier result of this kind is known.

    Raises:
        UsageError: Something else is there, or an earlier result and ``overwrite`` is False.
    """
    if not path.exists():
        return
    if not path.is_dir() or (any(path.iterdir()) and not (path / mark).is_file()):
        hint = "Choose another place: only an earlier result is ever replaced."
        raise UsageError(f"is there already and no earlier result (no {mark})", file=path, hint=hint, code="E_EXISTS")
    if not overwrite:
        raise UsageError("exists already", file=path, hint="Choose another folder or add --overwrite.", code="E_EXISTS")


@contextmanager
def new_folder(path: Path, *, overwrite: bool = False, mark: str) -> Iterator[Path]:
    """Yield a folder to fill; on success it takes its place at ``path``, on any error it vanishes.

    Raises:
        UsageError: Something is there that ``check_place`` refuses.
        MachineError: The disk is full, or the folder cannot be written.
    """
    check_place(path, overwrite=overwrite, mark=mark)
    with _machine_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        _FILLING.add(part)
        try:
            part.chmod(0o755)
            yield part
            _sync_tree(part)
            _put_in_place(part, path)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        finally:
            _FILLING.discard(part)
        _sync_folder(path.parent)


def _put_in_place(part: Path, path: Path) -> None:
    """Rename ``part`` to ``path``; what was there is kept until that has worked."""
    old = part.with_name(part.name + ".old")
    replaced = path.exists()
    if replaced:
        path.rename(old)
    try:
        part.rename(path)
    except BaseException:
        if replaced:
            old.rename(path)
        raise
    if old.is_dir() and not old.is_symlink():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.unlink(missing_ok=True)


def _sync_tree(folder: Path) -> None:
    """Flush every file below ``folder``, then the folders, so that the rename cannot overtake the content."""
    for place, _, names in os.walk(folder):
        for name in names:
            handle = os.open(Path(place, name), os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        _sync_folder(Path(place))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _machine_faults(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into a sentence."""
    try:
        yield
    except OSError as fault:
        if fault.errno in _FULL:
            free = shutil.disk_usage(_existing(path)).free // 2**20
            raise MachineError(
                "the disk is full", file=path, hint=f"{free} MiB are free.", code="E_DISK_FULL"
            ) from fault
        if fault.errno in _REFUSALS:
            raise MachineError(f"cannot be written ({fault.strerror})", file=path, code="E_PERMISSION") from fault
        if fault.errno == errno.EIO:
            raise MachineError("cannot be written: the disk fails", file=path, code="E_DISK") from fault
        raise


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
