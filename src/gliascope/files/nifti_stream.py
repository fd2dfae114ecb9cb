"""The bytes of a NIfTI file, gzip-compressed or not, read forward, checked to the last one, and never too many.

The checksum and the length at the end of gzip data are verified, so a flipped bit or a missing end cannot pass; and
reading stops as soon as more bytes come out than the caller asked for, so a small file cannot fill the memory.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from gliascope.errors import InputError
from gliascope.files.door import check_file, only_input_errors, wrong_kind

MAX_FILE_BYTES = 2 << 30
"""No NIfTI file larger than 2 GiB is opened."""

SPARE_BYTES = 64 << 10
"""Bytes tolerated (with a notice) after the last voxel; some writers pad to a block."""

_CHUNK = 1 << 16
_STEP = 1 << 18
_MAX_MEMBERS = 1 << 16
_GZIP = 31  # zlib's name for "gzip header and trailer, both checked"


class ByteStream(Protocol):
    """Bytes read once, from the front."""

    def read_into(self, view: memoryview) -> int:
        """Fill ``view``; return how many bytes there were (fewer only at the end)."""


@contextmanager
def open_stream(path: Path) -> Iterator[ByteStream]:
    """Open ``.nii`` or ``.nii.gz``; the content must be what the name says.

    Raises:
        InputError: The name has another ending, the content contradicts it, or the file does not pass the door.
    """
    name = path.name.lower()
    if name.endswith((".hdr", ".img", ".hdr.gz", ".img.gz")):
        hint = "Convert it to one .nii.gz file."
        raise InputError("is one half of a .hdr/.img pair, which is not read", file=path, hint=hint, code="E_FORMAT")
    if not name.endswith((".nii", ".nii.gz")):
        raise InputError("is not named .nii or .nii.gz", file=path, hint="Rename or convert it.", code="E_FORMAT")
    check_file(path, limit_bytes=MAX_FILE_BYTES)
    with only_input_errors(path, "NIfTI"), path.open("rb") as file:
        head = file.read(512)
        file.seek(0)
        zipped = head.startswith(b"\x1f\x8b")
        if zipped and name.endswith(".nii"):
            cause = "is gzip data under a name without .gz"
            raise InputError(cause, file=path, hint="Rename it to .nii.gz.", code="E_FORMAT")
        if not zipped and name.endswith(".gz"):
            raise wrong_kind(path, head, "gzip data, as its name says")
        yield _Gzip(file, path) if zipped else _Plain(file)


def count_rest(stream: ByteStream) -> int:
    """Read to the end and count, but stop soon after ``SPARE_BYTES``.

    Reaching the end is what verifies the checksum.
    """
    return stream.read_into(memoryview(bytearray(SPARE_BYTES + 1)))


class _Plain:
    """An uncompressed file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read_into(self, view: memoryview) -> int:
        filled = 0
        while filled < len(view):
            piece = self._file.read(min(_STEP, len(view) - filled))
            if not piece:
                break
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
        return filled


class _Gzip:
    """Gzip data of one or several members, inflated in small steps."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._inflater = zlib.decompressobj(_GZIP)
        self._pending = b""
        self._members = 1
        self._done = 0

    def read_into(self, view: memoryview) -> int:
        filled = 0
        while filled < len(view):
            piece = self._inflate(min(_STEP, len(view) - filled))
            if not piece:
                break
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
        self._done += filled
        return filled

    def _inflate(self, most: int) -> bytes:
        """Return the next bytes, at most ``most``; none only at the proper end."""
        try:
            while True:
                if self._inflater.eof and not self._next_member():
                    return b""
                self._pending = self._pending or self._file.read(_CHUNK)
                if not self._pending:
                    cause = f"is cut off: its gzip data stops after {self._done} bytes, without an end"
                    raise InputError(cause, file=self._path, hint="Copy it again.", code="E_TRUNCATED")
                piece = self._inflater.decompress(self._pending, most)
                self._pending = self._inflater.unconsumed_tail
                if piece:
                    return piece
        except zlib.error as fault:
            if "check" in str(fault) and "header" not in str(fault):
                cause, code = "does not match its own checksum, so at least one value is wrong", "E_CHECKSUM"
            else:
                cause, code = "holds damaged gzip data", "E_DAMAGED"
            raise InputError(cause, file=self._path, hint="Copy it again.", code=code) from fault

    def _next_member(self) -> bool:
        """Go to the gzip member that follows, if there is one; zero bytes between or after are padding."""
        rest, padding = self._inflater.unused_data, 0
        while True:
            rest = rest or self._file.read(_CHUNK)
            if not rest:
                return False
            stripped = rest.lstrip(b"\0")
            padding += len(rest) - len(stripped)
            if padding > SPARE_BYTES:
                cause = f"has more than {SPARE_BYTES} zero bytes behind its gzip data"
                raise InputError(cause, file=self._path, hint="Compress it again.", code="E_TRAILING")
            if stripped:
                break
            rest = b""
        self._members += 1
        if self._members > _MAX_MEMBERS:
            cause = f"has more than {_MAX_MEMBERS} gzip members"
            raise InputError(cause, file=self._path, hint="Compress it again in one piece.", code="E_TOO_LARGE")
        self._inflater, self._pending = zlib.decompressobj(_GZIP), stripped
        return True
