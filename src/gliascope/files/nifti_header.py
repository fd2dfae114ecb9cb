"""The header of a NIfTI-1 or NIfTI-2 file, checked at the door before a voxel is read.

Everything that would put the result in the wrong place, or read the voxels wrongly, is refused here.

Source: the NIfTI-1 and NIfTI-2 definitions, nifti.nimh.nih.gov.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gliascope.errors import GeometryError, InputError, Notice
from gliascope.files.door import wrong_kind
from gliascope.files.nifti_affine import read_position
from gliascope.files.nifti_stream import ByteStream
from gliascope.scan import Grid

MAX_VOXELS = 512**3
"""Voxels of one file (all its volumes) and of one scan (all its channels): four channels of 320³ fit."""

MAX_HEADER_BYTES = 16 << 20
"""Header and extensions together."""

MIN_VOXELS_PER_AXIS = 2
"""A volume with one slice is a picture."""

SMALL_AXIS = 8
"""Fewer voxels than this along an axis are noticed."""

_NUMBER_TYPES = {
    **{2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8"},
    **{256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"},
}
_OTHER_TYPES = {
    **{0: "unknown", 1: "1-bit", 32: "complex64", 128: "RGB", 1536: "128-bit float"},
    **{1792: "complex128", 2048: "complex256", 2304: "RGBA"},
}
_VERSIONS: Mapping[int, str] = {348: "Nifti1Header", 540: "Nifti2Header"}
_EXTENDER_BYTES = 4


@dataclass(frozen=True, eq=False)
class NiftiHeader:
    """What a reader must know to place and decode the voxels of one file.

    Args:
        path: The file.
        block: The header's bytes as they are on disk.
        volumes: Number of 3-D volumes in the file.
        dtype: Type of the stored numbers, with byte order.
        slope: Stored number times ``slope`` plus ``intercept`` is the value.
        intercept: See ``slope``.
        offset: Bytes before the first voxel.
        stored: The grid in the file's own axis order.
        notices: What was noticed.
    """

    path: Path
    block: bytes
    volumes: int
    dtype: np.dtype[Any]
    slope: float
    intercept: float
    offset: int
    stored: Grid
    notices: tuple[Notice, ...]

    @property
    def voxel_bytes(self) -> int:
        """Size of all voxels in bytes."""
        return math.prod(self.stored.shape) * self.volumes * self.dtype.itemsize


def read_header(stream: ByteStream, path: Path) -> NiftiHeader:
    """Read and check the header; the stream then stands at the first voxel.

    Raises:
        InputError: The file is not NIfTI, damaged, too large, or of a shape or number type that is not read.
        GeometryError: Affine, orientation, units or voxel size cannot be trusted.
    """
    import nibabel

    block, size, order = _header_block(stream, path)
    fields = getattr(nibabel, _VERSIONS[size])(binaryblock=block[:size], endianness=order, check=False)
    shape, volumes = _shape(fields, path)
    dtype = _number_type(fields, path, order)
    slope, intercept, notices = _scaling(fields, path)
    offset = _offset(fields, path, len(block))
    if math.prod(shape) * volumes > MAX_VOXELS:
        cause = f"is too large: {' x '.join(map(str, (*shape, volumes)))} voxels where at most {MAX_VOXELS} are read"
        raise InputError(cause, file=path, hint="Crop or resample it.", code="E_TOO_LARGE")
    stored, noticed = read_position(fields, shape, path)
    _skip_extensions(stream, path, offset=offset, start=len(block), announced=block[size] != 0, order=order)
    notices += noticed
    if min(shape) < SMALL_AXIS:
        notices += (Notice("W_SMALL_VOLUME", path.name, f"The volume is small: {' x '.join(map(str, shape))} voxels."),)
    return NiftiHeader(path, block[:size], volumes, dtype, slope, intercept, offset, stored, notices)


def _header_block(stream: ByteStream, path: Path) -> tuple[bytes, int, str]:
    """Return header and extender bytes, the header's size, and the byte order."""
    block = _take(stream, path, 4)
    for order in "<>":
        (size,) = struct.unpack(f"{order}i", block)
        if size in _VERSIONS:
            block += _take(stream, path, size + _EXTENDER_BYTES - 4)
            break
    else:
        rest = bytearray(508)
        count = stream.read_into(memoryview(rest))
        raise wrong_kind(path, block + rest[:count], "NIfTI")
    start = 344 if size == 348 else 4
    magic = block[start : start + 4]
    if magic in (b"ni1\0", b"ni2\0"):
        cause = "is the header of a .hdr/.img pair, which is not read"
        raise InputError(cause, file=path, hint="Convert it to one .nii.gz file.", code="E_FORMAT")
    if magic not in (b"n+1\0", b"n+2\0"):
        cause = f"has the magic text {magic!r} where NIfTI has b'n+1\\x00'"
        raise InputError(cause, file=path, hint="Convert it to NIfTI.", code="E_FORMAT")
    return block, size, order


def _take(stream: ByteStream, path: Path, count: int) -> bytes:
    buffer = bytearray(count)
    if stream.read_into(memoryview(buffer)) < count:
        raise InputError("is cut off inside its header", file=path, hint="Copy it again.", code="E_TRUNCATED")
    return bytes(buffer)


def _shape(fields: Any, path: Path) -> tuple[tuple[int, ...], int]:  # noqa: ANN401 - nibabel is untyped
    """Return the three spatial sizes and the number of volumes."""
    dims = [int(n) for n in fields["dim"]]
    if not 1 <= dims[0] <= 7 or min(dims[1 : 1 + dims[0]]) < 1:
        raise InputError(f"has impossible dimensions {dims}", file=path, hint="Copy it again.", code="E_SHAPE")
    sizes = dims[1 : 1 + dims[0]]
    while len(sizes) > 3 and sizes[-1] == 1:
        sizes.pop()
    words = " x ".join(map(str, sizes))
    if len(sizes) < 3 or min(sizes[:3]) < MIN_VOXELS_PER_AXIS:
        hint = "Give a volume, or save the slice as a picture (PNG)."
        raise InputError(f"holds {words} voxels, a slice and not a volume", file=path, hint=hint, code="E_SHAPE")
    if len(sizes) > 4:
        cause = f"has {len(sizes)} dimensions ({words}) where 3 or 4 are read"
        raise InputError(cause, file=path, hint="Save one file per channel.", code="E_SHAPE")
    return tuple(sizes[:3]), sizes[3] if len(sizes) == 4 else 1


def _number_type(fields: Any, path: Path, order: str) -> np.dtype[Any]:  # noqa: ANN401 - nibabel is untyped
    code, bits = int(fields["datatype"]), int(fields["bitpix"])
    if code not in _NUMBER_TYPES:
        cause = f"has voxels of type {_OTHER_TYPES.get(code, f'number {code}')}, which no MRI contrast has"
        raise InputError(cause, file=path, hint="Export real numbers (int16 or float32).", code="E_DTYPE")
    dtype = np.dtype(order + _NUMBER_TYPES[code])
    if bits != dtype.itemsize * 8:
        cause = f"contradicts itself: {bits} bits per voxel of type {dtype.name}"
        raise InputError(cause, file=path, hint="Export it again.", code="E_DTYPE")
    return dtype


def _scaling(fields: Any, path: Path) -> tuple[float, float, tuple[Notice, ...]]:  # noqa: ANN401 - nibabel is untyped
    """Return slope and intercept; a slope of 0 or NaN means that none was set."""
    slope, intercept = float(fields["scl_slope"]), float(fields["scl_inter"])
    if slope == 0:
        return 1.0, 0.0, ()
    if math.isnan(slope):
        text = "The intensity scale is not a number; values are taken as stored."
        return 1.0, 0.0, (Notice("W_SCALE", path.name, text),)
    if not math.isfinite(slope) or not math.isfinite(intercept):
        cause = f"has an impossible intensity scale (slope {slope}, intercept {intercept})"
        raise InputError(cause, file=path, hint="Export it again.", code="E_SCALE")
    return slope, intercept, ()


def _offset(fields: Any, path: Path, least: int) -> int:  # noqa: ANN401 - nibabel is untyped
    offset = float(fields["vox_offset"])
    if not least <= offset <= MAX_HEADER_BYTES or offset != int(offset):
        cause = f"says that voxels start at byte {offset:g}, outside {least}…{MAX_HEADER_BYTES}"
        raise InputError(cause, file=path, hint="Export it again.", code="E_OFFSET")
    return int(offset)


def _skip_extensions(stream: ByteStream, path: Path, *, offset: int, start: int, announced: bool, order: str) -> None:
    """Step over what stands between header and voxels, after a look at the sizes it claims."""
    between = _take(stream, path, offset - start)
    position = 0
    while announced and position + 8 <= len(between):
        (size,) = struct.unpack_from(f"{order}i", between, position)
        if size == 0:  # padding up to the voxels
            break
        if size < 8 or position + size > len(between):
            cause = f"has a header extension of {size} bytes where {len(between) - position} are left"
            raise InputError(cause, file=path, hint="Export it again.", code="E_EXTENSION")
        position += size


def check_volumes(header: NiftiHeader) -> None:
    """Refuse a file of several volumes where one is expected.

    Raises:
        GeometryError: It holds more than one.
    """
    if header.volumes > 1:
        cause = f"holds {header.volumes} volumes where one is expected"
        hint = "Split it into one file per contrast, or name its channels with --channels."
        raise GeometryError(cause, file=header.path, hint=hint, code="E_SHAPE")
