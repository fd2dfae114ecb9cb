"""What every file passes before a format reader sees it, and what may come out of that reader.

A reader opens nothing that is not a regular file of a bearable size, and turns whatever its library raises into one
sentence that names the file.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gliascope.errors import GliascopeError, InputError, MachineError

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"GIF8", "a GIF picture"),
    (b"\x1f\x8b", "gzip data"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"MATLAB 7.3", "a MATLAB v7.3 file"),
    (b"%PDF", "a PDF document"),
    (b"NRRD", "an NRRD file"),
)


def check_file(path: Path, *, limit_bytes: int) -> int:
    """Check that a path leads to a regular, non-empty file of bearable size.

    Returns:
        Its size in bytes.

    Raises:
        InputError: Nothing is there, it is a folder, a pipe or a device, it is empty, or it is larger than
            ``limit_bytes``.
        MachineError: The file may not be read.
    """
    try:
        status = path.stat()
    except PermissionError as fault:
        raise MachineError("may not be read", file=path, hint="Check its permissions.", code="E_PERMISSION") from fault
    except (OSError, ValueError) as fault:
        raise InputError("does not exist", file=path, hint="Check the path.", code="E_MISSING") from fault
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, socket or device"
        raise InputError(f"is {what}, not a file", file=path, hint="Name a file.", code="E_NOT_A_FILE")
    if status.st_size == 0:
        raise InputError("is empty (0 bytes)", file=path, hint="Copy it again.", code="E_EMPTY")
    if status.st_size > limit_bytes:
        cause = f"is too large: {status.st_size} bytes where at most {limit_bytes} are read"
        raise InputError(cause, file=path, hint="Is it the right file?", code="E_TOO_LARGE")
    if not os.access(path, os.R_OK):
        raise MachineError("may not be read", file=path, hint="Check its permissions.", code="E_PERMISSION")
    return status.st_size


def read_bytes(path: Path, *, limit_bytes: int) -> bytes:
    """Read a whole file after ``check_file``.

    Raises:
        InputError: See ``check_file``; also where the disk fails while reading.
        MachineError: The file may not be read.
    """
    check_file(path, limit_bytes=limit_bytes)
    with only_input_errors(path, "a file"), path.open("rb") as file:
        return file.read(limit_bytes)


def content_kind(head: bytes) -> str:
    """Say in words what the first bytes of a file look like, or return an empty text.

    Example:
        >>> content_kind(b"<!DOCTYPE html><html>")
        'an HTML page'
    """
    for signature, words in _SIGNATURES:
        if head.startswith(signature):
            return words
    if head[128:132] == b"DICM":
        return "a DICOM file"
    if head.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        return "an HTML page"
    if head and all(byte in b"\t\n\r\f\x1b" or byte >= 32 for byte in head[:256]):
        return "text"
    return ""


def wrong_kind(path: Path, head: bytes, expected: str) -> InputError:
    """Return the error for a file whose content is not what its name or its place promises."""
    kind = content_kind(head)
    cause = f"is {kind}, not {expected}" if kind else f"is not {expected}"
    return InputError(cause, file=path, hint="Is it the right file, and was it copied whole?", code="E_FORMAT")


@contextmanager
def only_input_errors(path: Path, expected: str) -> Iterator[None]:
    """Let errors of this package pass and turn any other exception of a format library into an ``InputError``.

    Format libraries raise more kinds of exceptions on damaged files than their documents list, so every
    ``Exception`` is caught here. Lack of memory is the machine's fault, not the file's.
    """
    try:
        yield
    except GliascopeError:
        raise
    except MemoryError as fault:
        hint = "Close other programs or use a machine with more memory."
        raise MachineError("needs more memory than is free", file=path, hint=hint, code="E_MEMORY") from fault
    except PermissionError as fault:
        raise MachineError("may not be read", file=path, hint="Check its permissions.", code="E_PERMISSION") from fault
    except Exception as fault:
        said = " ".join(str(fault).split())[:160].rstrip(".") or type(fault).__name__
        hint = "It may be damaged; copy or export it again."
        raise InputError(f"cannot be read as {expected} ({said})", file=path, hint=hint, code="E_DAMAGED") from fault
