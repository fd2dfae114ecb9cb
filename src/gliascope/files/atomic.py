"""Outputs that appear whole or not at all.

A file is written beside its destination, flushed to disk, and renamed; a folder is filled beside its destination and
renamed. A crash leaves the old state, never half of the new one.
"""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gliascope.errors import MachineError, UsageError


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically and durably; an existing file is replaced.

    Raises:
        MachineError: The disk is full, or the folder cannot be written.
    """
    with _machine_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.chmod(0o644)
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically; see ``write_bytes``."""
    write_bytes(path, text.encode())


def write_json(path: Path, tree: Any) -> None:  # noqa: ANN401 - any plain data
    """Write a JSON file atomically. NaN and Infinity are refused: pass None.

    Raises:
        ValueError: The tree holds NaN or Infinity.
    """
    write_text(path, json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def new_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a folder to fill; on success it takes its place at ``path``, on any error it vanishes.

    Raises:
        UsageError: ``path`` exists and ``overwrite`` is False.
        MachineError: The disk is full, or the folder cannot be written.
    """
    if path.exists() and not overwrite:
        raise UsageError("exists already", file=path, hint="Choose another folder or add --overwrite.", code="E_EXISTS")
    with _machine_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        try:
            part.chmod(0o755)
            yield part
            old = part.with_name(part.name + ".old")
            if path.exists():
                path.rename(old)
            part.rename(path)
            shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        _sync_folder(path.parent)


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
        if fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            free = shutil.disk_usage(_existing(path)).free // 2**20
            raise MachineError(
                "the disk is full", file=path, hint=f"{free} MiB are free.", code="E_DISK_FULL"
            ) from fault
        if fault.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise MachineError(f"cannot be written ({fault.strerror})", file=path, code="E_PERMISSION") from fault
        raise


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
