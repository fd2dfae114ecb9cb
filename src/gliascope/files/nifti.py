"""NIfTI volumes and label maps: ``.nii`` and ``.nii.gz``, version 1 and 2, any axis order, any byte order.

What is refused and what is only noticed stands beside each check in ``nifti_stream``, ``nifti_header``,
``nifti_affine`` and ``nifti_voxels``.
"""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gliascope.errors import InputError, Notice, counted
from gliascope.files.nifti_header import MAX_VOXELS, NiftiHeader, check_volumes
from gliascope.files.nifti_voxels import axis_order, fill_channel, label_numbers, peek_header, read_stored
from gliascope.files.nifti_write import write_label_map, write_volume
from gliascope.labels import LabelScheme, check_labels
from gliascope.scan import Grid, LabelMap, Scan, check_same_grid, in_channel_order

__all__ = [
    "peek",
    "read_channels",
    "read_label_map",
    "read_scan",
    "write_label_map",
    "write_volume",
]


def peek(path: Path) -> Grid:
    """Return the grid in RAS order from the header alone; voxels are not read.

    Raises:
        InputError: The file cannot be used as a volume.
    """
    stored = peek_header(path).stored
    return axis_order(stored).ras_grid(stored)


def read_scan(files: Mapping[str, Path]) -> Scan:
    """Read one 3-D file per channel, in parallel threads.

    Args:
        files: Channel name to file.

    Returns:
        Channels in the order of ``in_channel_order``, on the grid of the first.

    Raises:
        InputError: A file is missing, damaged, cut off, blank or no volume.
        GeometryError: A file does not lie on the grid of the first (``E_GRID``), or its place cannot be trusted.
    """
    if not files:
        raise InputError("no file is given", hint="Name at least one channel.", code="E_CHANNELS")
    channels = in_channel_order(files)
    headers = [peek_header(files[name]) for name in channels]
    for header in headers:
        check_volumes(header)
    grids = [axis_order(header.stored).ras_grid(header.stored) for header in headers]
    for header, grid in zip(headers[1:], grids[1:], strict=True):
        check_same_grid(grids[0], grid, file=str(header.path), against=headers[0].path.name)
    _check_size(headers, grids[0])
    array = np.empty((len(channels), *grids[0].shape), dtype=np.float32)

    def load(index: int) -> tuple[Notice, ...]:
        stored, notices = read_stored(headers[index])
        return headers[index].notices + notices + fill_channel(array[index], stored[..., 0], headers[index])

    notices = _in_threads(load, len(channels))
    names = tuple(header.path.name for header in headers)
    return Scan(array, channels, grids[0], headers[0].stored, _once(notices) + _copies(array, channels, names))


def read_channels(path: Path, channels: tuple[str, ...]) -> Scan:
    """Read a 4-D file whose volumes are named from outside, in the file's order.

    Returns:
        Channels in the order of ``in_channel_order``.

    Raises:
        InputError: The number of volumes is another (``E_CHANNELS``), or the file is damaged or blank.
        GeometryError: Its place in space cannot be trusted.
    """
    header = peek_header(path)
    if header.volumes != len(channels) or len(set(channels)) != len(channels):
        cause = (
            f"holds {counted(header.volumes, 'channel')} for {counted(len(channels), 'name')} ({', '.join(channels)})"
        )
        hint = "Name each channel of the file once, in its order, with --channels."
        raise InputError(cause, file=path, hint=hint, code="E_CHANNELS")
    stored, notices = read_stored(header)
    order = in_channel_order(channels)
    grid = axis_order(header.stored).ras_grid(header.stored)
    array = np.empty((len(channels), *grid.shape), dtype=np.float32)

    def load(index: int) -> tuple[Notice, ...]:
        try:
            return fill_channel(array[index], stored[..., channels.index(order[index])], header)
        except InputError as fault:
            cause = f"channel {order[index]} {fault.cause}"
            raise InputError(cause, file=path, hint=fault.hint, code=fault.code) from fault

    noticed = _once(header.notices + notices + _in_threads(load, len(order)))
    return Scan(array, order, grid, header.stored, noticed + _copies(array, order, (path.name,) * len(order)))


def read_label_map(path: Path, scheme: LabelScheme | None, *, named_by_user: bool = False) -> LabelMap:
    """Read a label map; an empty one (all background) is fine.

    Args:
        path: A 3-D file of whole numbers, stored as any number type.
        scheme: What the numbers mean; None: decided from the values where only one scheme fits.
        named_by_user: The scheme was named for this file by the user.

    Raises:
        LabelError: A value does not fit the scheme; see ``check_labels``.
        InputError: The file is missing, damaged, cut off or no volume.
        GeometryError: Its place in space cannot be trusted.
    """
    header = peek_header(path)
    check_volumes(header)
    stored, notices = read_stored(header)
    numbers = label_numbers(stored[..., 0], header)
    scheme = check_labels(numbers, scheme, file=path, named_by_user=named_by_user)
    grid = axis_order(header.stored).ras_grid(header.stored)
    labels = numbers.astype(np.uint8, copy=False)
    return LabelMap(labels, scheme, grid, header.stored, header.notices + notices)


def _check_size(headers: Sequence[NiftiHeader], grid: Grid) -> None:
    if math.prod(grid.shape) * len(headers) > MAX_VOXELS:
        size = f"{counted(len(headers), 'channel')} of {grid.shape}"
        cause = f"is too large: {size} where at most {MAX_VOXELS} voxels are read"
        raise InputError(cause, file=headers[0].path, hint="Crop or resample the channels.", code="E_TOO_LARGE")


def _in_threads(load: Callable[[int], tuple[Notice, ...]], count: int) -> tuple[Notice, ...]:
    """Call ``load`` for every channel (inflating and copying release the interpreter); the first error counts."""
    with ThreadPoolExecutor(max_workers=min(count, os.cpu_count() or 1)) as pool:
        return tuple(notice for notices in pool.map(load, range(count)) for notice in notices)


def _once(notices: tuple[Notice, ...]) -> tuple[Notice, ...]:
    """Keep each observation once: channels of one study share a grid, so they share what is odd about it."""
    return tuple({(notice.code, notice.text): notice for notice in reversed(notices)}.values())[::-1]


def _copies(array: NDArray[np.float32], channels: Sequence[str], names: Sequence[str]) -> tuple[Notice, ...]:
    """Notice channels that hold the same values, voxel for voxel."""
    notices = []
    for a, b in combinations(range(len(channels)), 2):
        if np.array_equal(array[a, ::16], array[b, ::16]) and np.array_equal(array[a], array[b]):
            text = f"Channels {channels[a]} and {channels[b]} are the same image; is one a copy under a wrong name?"
            notices.append(Notice("W_SAME_FILE", names[b], text))
    return tuple(notices)
