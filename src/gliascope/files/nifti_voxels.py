"""Voxels of a NIfTI file: read whole and verified, checked, scaled once, turned into RAS order."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.errors import InputError, Notice, counted
from gliascope.files.nifti_header import NiftiHeader, read_header
from gliascope.files.nifti_stream import SPARE_BYTES, count_rest, open_stream
from gliascope.scan import AxisOrder, Grid

AIR_HU = (-1100.0, -900.0)
"""Air in CT, in Hounsfield units."""

AIR_SHARE = 0.05
"""From this share of air on, an image looks like CT."""

_FLOAT32_MAX = float(np.finfo(np.float32).max)
_RAS = AxisOrder(((0, 1), (1, 1), (2, 1)))


def axis_order(stored: Grid) -> AxisOrder:
    """Return how the stored axes run; a grid without affine is left as it is."""
    return _RAS if stored.affine is None else AxisOrder.of(stored.affine)


def peek_header(path: Path) -> NiftiHeader:
    """Read and check the header only; the voxels are neither read nor verified.

    Raises:
        InputError: See ``read_header``.
    """
    with open_stream(path) as stream:
        return read_header(stream, path)


def read_stored(header: NiftiHeader) -> tuple[NDArray[Any], tuple[Notice, ...]]:
    """Read every voxel, to the end of the file, with the gzip checksum.

    Returns:
        Stored numbers of shape ``(I', J', K', volumes)`` in the file's axis order, and what was noticed.

    Raises:
        InputError: The file is cut off, damaged, has too many bytes, or changed since its header was read.
    """
    path = header.path
    with open_stream(path) as stream:
        if read_header(stream, path).block != header.block:
            raise InputError("changed while it was read", file=path, hint="Try again.", code="E_CHANGED")
        buffer = np.empty(header.voxel_bytes, dtype=np.uint8)
        count = stream.read_into(buffer.data)
        if count < header.voxel_bytes:
            cause = f"is cut off: {count} of {header.voxel_bytes} bytes of voxels"
            raise InputError(cause, file=path, hint="Copy it again.", code="E_TRUNCATED")
        spare = count_rest(stream)
    if spare > SPARE_BYTES:
        cause = f"holds more than {SPARE_BYTES} bytes beyond the voxels that its header announces"
        raise InputError(cause, file=path, hint="Export it again.", code="E_TRAILING")
    voxels = buffer.view(header.dtype).reshape((*header.stored.shape, header.volumes), order="F")
    if spare:
        text = f"The file goes on behind the last voxel ({counted(spare, 'byte')}); that is ignored."
        return voxels, (Notice("W_TRAILING", path.name, text),)
    return voxels, ()


def fill_channel(out: NDArray[np.float32], stored: NDArray[Any], header: NiftiHeader) -> tuple[Notice, ...]:
    """Write one volume into ``out`` as float32 in RAS order, scaled by slope and intercept.

    Values as in CT, where air is -1000, are noticed: MRI has no such values.

    Args:
        out: Memory of the channel, shape ``(I, J, K)``.
        stored: Stored numbers, shape ``(I', J', K')``.
        header: Where they come from.

    Raises:
        InputError: A value is NaN, infinite or too large for float32 (with the count), or all values are equal.
    """
    low, high = check_finite(stored, header)
    if np.float32(low) == np.float32(high):
        cause = "is zero everywhere" if low == 0 else f"has the value {low:g} everywhere"
        raise InputError(cause, file=header.path, hint="The export went wrong; export it again.", code="E_BLANK")
    view = axis_order(header.stored).to_ras(stored)
    scaled = header.slope != 1 or header.intercept != 0
    for j in range(out.shape[1]):  # plane by plane: the transposed copy stays inside the cache
        plane: NDArray[Any] = view[:, j]
        out[:, j] = plane.astype(np.float64) * header.slope + header.intercept if scaled else plane
    return _like_ct(out, header) if low <= AIR_HU[1] and high >= 0 else ()


def _like_ct(values: NDArray[np.float32], header: NiftiHeader) -> tuple[Notice, ...]:
    air = np.count_nonzero((values >= AIR_HU[0]) & (values <= AIR_HU[1])) / values.size
    if air < AIR_SHARE:
        return ()
    text = f"{air:.0%} of the voxels lie near -1000, as air does in CT; the models know MRI only."
    return (Notice("W_INTENSITY", header.path.name, text),)


def check_finite(stored: NDArray[Any], header: NiftiHeader) -> tuple[float, float]:
    """Return the smallest and the largest value after scaling.

    Raises:
        InputError: A value is NaN, infinite or too large for float32; the counts are given.
    """
    slope, intercept = header.slope, header.intercept
    with np.errstate(all="ignore"):
        ends = sorted(float(v) * slope + intercept for v in (stored.min(), stored.max()))
        if all(abs(end) <= _FLOAT32_MAX for end in ends):
            return ends[0], ends[1]
        nan = infinite = large = 0
        for k in range(stored.shape[-1]):  # slice by slice: the copies stay small
            values = stored[..., k].astype(np.float64)
            nan += int(np.isnan(values).sum())
            infinite += int(np.isinf(values).sum())
            large += int((np.isfinite(values) & (np.abs(values * slope + intercept) > _FLOAT32_MAX)).sum())
    counts = ((nan, "NaN"), (infinite, "infinite"), (large, "too large for float32"))
    words = ", ".join(f"{count} {kind}" for count, kind in counts if count)
    cause = f"has values that are no intensities: {words}, of {stored.size}"
    raise InputError(cause, file=header.path, hint="Export it again.", code="E_NOT_FINITE")


def label_numbers(stored: NDArray[Any], header: NiftiHeader) -> NDArray[Any]:
    """Return label values in RAS order: uint8 where all are whole numbers of 0 to 255, else as float64.

    Raises:
        InputError: A value is NaN or infinite.
    """
    low, high = check_finite(stored, header)
    view: NDArray[Any] = axis_order(header.stored).to_ras(stored)
    if header.slope != 1 or header.intercept != 0:
        view = view.astype(np.float64) * header.slope + header.intercept
    if low >= 0 and high <= 255:
        whole: NDArray[np.uint8] = np.ascontiguousarray(view.astype(np.uint8))
        if view.dtype.kind in "iu" or np.array_equal(whole, view):
            return whole
    return view.astype(np.float64)
