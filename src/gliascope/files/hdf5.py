"""HDF5 slices of the BraTS 2020 set (Kaggle) and MATLAB v7.3 files of Cheng's set (figshare).

Only plain numeric data sets of the file itself are read: links to other files, data stored outside, object
references and filters beyond gzip are refused.
"""

import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliascope.errors import GeometryError, InputError, LabelError, Notice, counted
from gliascope.files.door import check_file, only_input_errors, wrong_kind
from gliascope.labels import LabelScheme, Tissue, scheme_named
from gliascope.scan import Grid, LabelMap, Scan

if TYPE_CHECKING:
    import h5py

MAX_FILE_BYTES = 64 << 20
"""No HDF5 file larger than 64 MiB is opened; a slice takes about 1 MiB."""

MAX_VALUES = 1 << 23
"""Values of one data set (1024 x 1024 pixels of 8 channels)."""

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_PLANES = (Tissue.NCR, Tissue.ED, Tissue.ET)
_TUMOR_OF: dict[float, str] = {1: "meningioma", 2: "glioma", 3: "pituitary"}
_MAX_ID_LENGTH = 64
_MAX_CHUNKS = 1 << 14


def read_brats_slice(path: Path, channels: tuple[str, ...]) -> Scan:
    """Read ``image`` of one BraTS slice, shape ``(I, J, C)`` in the file, channels in the order named.

    The stored axes run to the patient's left and to posterior, which is left to right and top to bottom of a picture.
    A slice above or below the brain is zero everywhere; it is noticed, not refused.

    Raises:
        InputError: The file is damaged, has no such data set, or another number of channels.
    """
    with _open(path) as file:
        values = _numbers(file, "image", path, axes=3)
    if values.shape[2] != len(channels):
        cause = (
            f"holds {counted(values.shape[2], 'channel')} for {counted(len(channels), 'name')} ({', '.join(channels)})"
        )
        raise InputError(cause, file=path, hint="Name each channel once, in the file's order.", code="E_CHANNELS")
    array = _intensities(np.moveaxis(values, 2, 0), path)
    notices: tuple[Notice, ...] = ()
    if array.min() == array.max():
        notices = (Notice("W_BLANK", path.name, "The slice holds one value everywhere (outside the brain?)."),)
    return Scan(array, channels, Grid(array.shape[1:]), notices=notices)


def read_brats_slice_mask(path: Path, scheme: LabelScheme | None) -> LabelMap:
    """Read ``mask`` of one BraTS slice: planes of NCR, ED and ET, each 0 or 1.

    Raises:
        LabelError: A value is neither 0 nor 1, or planes overlap.
        InputError: The file is damaged or has no such data set.
    """
    scheme = scheme or scheme_named("brats2017")
    with _open(path) as file:
        planes = _numbers(file, "mask", path, axes=3)
    if planes.shape[2] != len(_PLANES):
        cause = f"holds {planes.shape[2]} mask planes where {len(_PLANES)} are expected"
        raise InputError(cause, file=path, hint="Expected are NCR, ED and ET.", code="E_CHANNELS")
    if not np.all((planes == 0) | (planes == 1)):
        raise LabelError("has mask planes with values besides 0 and 1", file=path, hint="Was the mask interpolated?")
    overlap = int((planes.sum(axis=2) > 1).sum())
    if overlap:
        raise LabelError(f"has {overlap} pixels in two tissues at once", file=path, hint="Planes must not overlap.")
    weights = np.array([scheme.value_of(tissue) for tissue in _PLANES], dtype=np.uint8)
    labels = (planes.astype(np.uint8) * weights).sum(axis=2, dtype=np.uint8)
    return LabelMap(labels, scheme, Grid(labels.shape))


def read_figshare(path: Path) -> Scan:
    """Read ``cjdata/image`` as the one channel ``t1c``; spacing is not in the file.

    MATLAB stores columns first, so the array in the file already has the axes ``(I, J)``.

    Raises:
        InputError: The file is damaged, has no such data set, or is blank.
    """
    with _open(path) as file:
        array = _intensities(_numbers(file, "cjdata/image", path, axes=2)[None], path)
    if array.min() == array.max():
        raise InputError("shows nothing: one value everywhere", file=path, hint="Copy it again.", code="E_BLANK")
    return Scan(array, ("t1c",), Grid(array.shape[1:]))


def read_figshare_mask(path: Path, scheme: LabelScheme | None) -> LabelMap:
    """Read ``cjdata/tumorMask`` (0 or 1), shape ``(I, J)``.

    Raises:
        LabelError: A value is neither 0 nor 1.
        InputError: The file is damaged or has no such data set.
    """
    scheme = scheme or scheme_named("figshare")
    with _open(path) as file:
        values = _numbers(file, "cjdata/tumorMask", path, axes=2)
    if not np.all((values == 0) | (values == 1)):
        raise LabelError("has mask values besides 0 and 1", file=path, hint="Copy it again.")
    number = scheme.value_of(Tissue.TUMOR)
    return LabelMap(values.astype(np.uint8) * np.uint8(number), scheme, Grid(values.shape))


def read_figshare_facts(path: Path) -> dict[str, str]:
    """Return ``label`` (a tumor class) and ``PID`` (the patient) of one file.

    Raises:
        InputError: The file is damaged, or the label is none of 1, 2, 3.
    """
    with _open(path) as file:
        number = _numbers(file, "cjdata/label", path, axes=2).ravel()
        letters = _numbers(file, "cjdata/PID", path, axes=2).ravel()
    label = _TUMOR_OF.get(float(number[0])) if number.size == 1 else None
    if label is None:
        raise InputError(f"has the tumor class {number.tolist()[:4]}", file=path, hint="Expected is 1, 2 or 3.")
    if letters.size > _MAX_ID_LENGTH or not np.all((letters >= 32) & (letters < 127)):
        raise InputError("has a patient identity that is no short text", file=path, hint="Copy it again.")
    return {"label": label, "PID": "".join(chr(int(letter)) for letter in letters).strip()}


@contextmanager
def _open(path: Path) -> "Iterator[h5py.File]":
    import h5py

    check_file(path, limit_bytes=MAX_FILE_BYTES)
    with only_input_errors(path, "HDF5"):
        with path.open("rb") as raw:
            head = raw.read(1024)
        # MATLAB puts its own text before the HDF5 signature.
        if not head.startswith(_SIGNATURE) and head[512:520] != _SIGNATURE:
            raise wrong_kind(path, head, "HDF5")
        with h5py.File(path, "r", locking=False) as file:
            yield file


def _numbers(file: "h5py.File", name: str, path: Path, *, axes: int) -> NDArray[Any]:
    """Read one numeric data set that stands in this file itself."""
    import h5py

    node: Any = file
    for part in name.split("/"):
        if not isinstance(node, h5py.Group) or not isinstance(node.get(part, getlink=True), h5py.HardLink):
            raise InputError(f"has no data set '{name}'", file=path, hint="Is it of this data set?", code="E_LAYOUT")
        node = node[part]
    if not isinstance(node, h5py.Dataset) or node.dtype.kind not in "iuf" or node.ndim != axes:
        cause = f"has a '{name}' that is no array of numbers with {axes} axes"
        raise InputError(cause, file=path, hint="Is it of this data set?", code="E_LAYOUT")
    if not 0 < node.size <= MAX_VALUES or node.dtype.itemsize > 8:
        cause = f"has a '{name}' of shape {node.shape} where 1 to {MAX_VALUES} values are read"
        raise GeometryError(cause, file=path, hint="Is it of this data set?", code="E_TOO_LARGE")
    if node.is_virtual or node.external:
        cause = f"keeps '{name}' in other files"
        raise InputError(cause, file=path, hint="Copy the data into one file.", code="E_LAYOUT")
    _check_chunks(node, name, path)
    values: NDArray[Any] = node[...]
    return values


def _check_chunks(node: "h5py.Dataset", name: str, path: Path) -> None:
    """Refuse filters beyond shuffle, gzip and checksum, and chunks that would inflate beyond their size."""
    import h5py

    plist = node.id.get_create_plist()
    filters = [plist.get_filter(index)[0] for index in range(plist.get_nfilters())]
    known = (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32)
    if not set(filters) <= set(known) or filters != sorted(set(filters), key=known.index):
        raise InputError(f"packs '{name}' in an unknown way", file=path, hint="Save it with gzip.", code="E_LAYOUT")
    if node.chunks is None:
        return
    size = math.prod(node.chunks) * node.dtype.itemsize
    if size > 8 * MAX_VALUES or node.id.get_num_chunks() > _MAX_CHUNKS:
        cause = f"keeps '{name}' in {node.id.get_num_chunks()} chunks of {size} bytes"
        raise InputError(cause, file=path, hint="Save it again.", code="E_TOO_LARGE")
    if h5py.h5z.FILTER_DEFLATE not in filters:
        return
    for index in range(node.id.get_num_chunks()):
        _, packed = node.id.read_direct_chunk(node.id.get_chunk_info(index).chunk_offset)
        if len(zlib.decompressobj().decompress(packed, size + 1)) > size:
            cause = f"has a chunk in '{name}' that inflates beyond its size"
            raise InputError(cause, file=path, hint="Copy it again.", code="E_TOO_LARGE")


def _intensities(values: NDArray[Any], path: Path) -> NDArray[np.float32]:
    """Return float32, or refuse values that are no intensities."""
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.ascontiguousarray(values, dtype=np.float32)
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        cause = f"has {bad} values of {array.size} that are NaN, infinite or too large"
        raise InputError(cause, file=path, hint="Copy it again.", code="E_NOT_FINITE")
    return array
