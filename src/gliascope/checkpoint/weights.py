"""The weights file: safetensors, checked by its header, its size and its values.

The checks are stricter than reading needs, and their messages say what the file is instead.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gliascope.errors import ModelError

MAX_HEADER_BYTES = 100 * 2**20
ITEM_BYTES: Mapping[str, int] = {"F64": 8, "F32": 4, "F16": 2, "I64": 8, "I32": 4, "U8": 1, "BOOL": 1}
"""Number types a model may hold, and their size."""

PICKLE_SUFFIXES = frozenset({".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz", ".dill"})
_AGAIN = "Copy or download the model folder again."
_PREFIX = 8


def pack_weights(weights: Mapping[str, NDArray[np.generic]], *, half: bool = False) -> bytes:
    """Return the bytes of a weights file; the same weights give the same bytes.

    Args:
        weights: Arrays by name. Floating numbers are stored as float32; whole numbers keep their type.
        half: Store floating numbers as float16: half the size, for shipping; not to train on. Lists (biases, scales,
            running statistics of normalization, which may be huge) stay float32: they weigh next to nothing.

    Raises:
        ModelError: There are none, or a weight is NaN or infinite (after rounding).
    """
    if not weights:
        raise ModelError("no weights were given", code="E_WEIGHTS")
    stored: dict[str, NDArray[np.generic]] = {}
    for name in sorted(weights):
        array = np.asarray(weights[name])
        if np.issubdtype(array.dtype, np.floating):
            kind = np.float16 if half and array.ndim > 1 else np.float32
            with np.errstate(over="ignore"):
                array = array.astype(kind)
            _check_finite(name, array, "")
        stored[name] = np.ascontiguousarray(array).reshape(array.shape)
    return save(stored, metadata={"format": "gliascope"})


def read_weights(path: Path) -> dict[str, NDArray[np.generic]]:
    """Return every weight by name; floating numbers as float32.

    Raises:
        ModelError: The file cannot be read, or a weight is NaN or infinite.
    """
    weights: dict[str, NDArray[np.generic]] = {}
    for name, array in _each_weight(path):
        _check_finite(name, array, str(path))
        floating = np.issubdtype(array.dtype, np.floating)
        weights[name] = array.astype(np.float32, copy=False) if floating else array
    return weights


def check_weights(path: Path) -> None:
    """Check a weights file from header to last byte, without keeping it in memory.

    Raises:
        ModelError: The file is not safetensors (the message says what it is), is cut off, has bytes that belong to no
            weight, an impossible header, or a weight that is NaN or infinite.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(512)
        length = int.from_bytes(head[:_PREFIX], "little")
        if size <= _PREFIX or length > min(size - _PREFIX, MAX_HEADER_BYTES) or head[_PREFIX : _PREFIX + 1] != b"{":
            raise _what_it_is(path, head, size, length)
        file.seek(_PREFIX)
        header = file.read(length)
    end = _check_entries(_parse_header(header, path), path)
    given = size - _PREFIX - length
    if given < end:
        raise ModelError(f"is cut off: {given} of {end} bytes", file=path, hint=_AGAIN, code="E_TRUNCATED")
    if given > end:
        cause = f"has {given - end} bytes after its last weight"
        raise ModelError(cause, file=path, hint=_AGAIN, code="E_WEIGHTS")
    for name, array in _each_weight(path):
        _check_finite(name, array, str(path))


def _each_weight(path: Path) -> Iterator[tuple[str, NDArray[np.generic]]]:
    try:
        with safe_open(str(path), framework="np") as file:
            for name in sorted(file.keys()):
                yield name, file.get_tensor(name)
    except (SafetensorError, OSError, ValueError, TypeError) as fault:
        raise ModelError(f"cannot be read ({fault})", file=path, hint=_AGAIN, code="E_WEIGHTS") from None


def refuse_pickles(folder: Path) -> None:
    """Refuse a model folder that holds a file of a kind that can run code when it is loaded.

    Raises:
        ModelError: One is there (``E_PICKLE``); it was not opened.
    """
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICKLE_SUFFIXES:
            raise pickle_error(path)


def pickle_error(path: Path) -> ModelError:
    """Return the refusal of a pickle or one of its kin."""
    hint = "Gliascope reads weights from model.safetensors only; remove this file, or convert it where you trust it."
    return ModelError("is a pickle or may hold one, which can run code", file=path, hint=hint, code="E_PICKLE")


def _what_it_is(path: Path, head: bytes, size: int, length: int) -> ModelError:
    """Say what stands in the place of a weights file."""
    if size == 0:
        return ModelError("is empty", file=path, hint=_AGAIN, code="E_WEIGHTS")
    if head.startswith(b"version https://git-lfs"):
        hint = "Fetch the file itself with git lfs pull."
        return ModelError("is a Git LFS pointer, not the weights", file=path, hint=hint, code="E_WEIGHTS")
    if re.match(rb"\s*(<!doctype|<html|<\?xml)", head, re.IGNORECASE):
        hint = "Download the model again; the server answered with a page."
        return ModelError("is a web page, not the weights", file=path, hint=hint, code="E_WEIGHTS")
    if head.startswith((b"PK\x03\x04", b"\x93NUMPY")) or re.match(rb"\x80[\x02-\x05]", head):
        return pickle_error(path)
    if size <= _PREFIX:
        return ModelError(f"is cut off after {size} bytes", file=path, hint=_AGAIN, code="E_TRUNCATED")
    if head[_PREFIX : _PREFIX + 1] == b"{" and length <= MAX_HEADER_BYTES:
        cause = f"is cut off: its header has {length} bytes and the file {size}"
        return ModelError(cause, file=path, hint=_AGAIN, code="E_TRUNCATED")
    if head[_PREFIX : _PREFIX + 1] == b"{":
        cause = f"claims a header of {length} bytes; {MAX_HEADER_BYTES} are allowed"
        return ModelError(cause, file=path, hint=_AGAIN, code="E_WEIGHTS")
    return ModelError("is no safetensors file", file=path, hint=_AGAIN, code="E_WEIGHTS")


def _parse_header(header: bytes, path: Path) -> dict[str, Any]:
    def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a name stands twice")
        return dict(pairs)

    try:
        tree = json.loads(header.decode("utf-8"), object_pairs_hook=each_once)
    except (ValueError, RecursionError) as fault:
        raise ModelError(f"has a broken header ({fault})", file=path, hint=_AGAIN, code="E_WEIGHTS") from None
    return {name: entry for name, entry in tree.items() if name != "__metadata__"}


def _check_entries(entries: dict[str, Any], path: Path) -> int:
    """Check that the weights lie one after another without hole or overlap; return where the last one ends."""
    try:
        spans = sorted(_span(entry) for entry in entries.values())
    except (KeyError, TypeError, ValueError) as fault:
        raise ModelError(f"has a broken header ({fault})", file=path, hint=_AGAIN, code="E_WEIGHTS") from None
    end = 0
    for start, stop in spans:
        if start != end:
            cause = f"has a hole or an overlap at byte {min(start, end)} of its weights"
            raise ModelError(cause, file=path, hint=_AGAIN, code="E_WEIGHTS")
        end = stop
    if not spans:
        raise ModelError("holds no weights", file=path, hint=_AGAIN, code="E_WEIGHTS")
    return end


def _span(entry: dict[str, Any]) -> tuple[int, int]:
    start, stop = entry["data_offsets"]
    shape = entry["shape"]
    if entry["dtype"] not in ITEM_BYTES:
        raise ValueError(f"number type {entry['dtype']!r} is not used in models")
    if not all(isinstance(n, int) and n >= 0 for n in (start, stop, *shape)):
        raise ValueError("a shape or an offset is no whole number from 0")
    if stop - start != math.prod(shape) * ITEM_BYTES[entry["dtype"]]:
        raise ValueError("a shape does not fit its bytes")
    return start, stop


def _check_finite(name: str, array: NDArray[np.generic], file: str) -> None:
    if np.issubdtype(array.dtype, np.floating):
        bad = int(array.size - np.isfinite(array).sum())
        if bad:
            cause = f"weight '{name}' has {bad} of {array.size} values that are NaN or infinite"
            raise ModelError(cause, file=file, hint="Train again, or take an earlier checkpoint.", code="E_NAN")
