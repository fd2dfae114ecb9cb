"""Write label maps and volumes as NIfTI, on the grid of the file they were made from.

The same array gives the same bytes: gzip data carries no time.
"""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.errors import GeometryError, UsageError
from gliascope.files.atomic import write_bytes
from gliascope.files.nifti_affine import AGREEMENT_VOXELS
from gliascope.files.nifti_voxels import axis_order
from gliascope.scan import Grid, LabelMap

_SCANNER = 1  # "coordinates of the scanner", the code for a position that is known
_MASK_LEVEL = 6
_VOLUME_LEVEL = 1  # noise does not compress: level 6 takes four times as long for a few percent


def write_label_map(path: Path, label_map: LabelMap) -> None:
    """Write label numbers as uint8, in the axis order and on the grid of the file they belong to.

    Raises:
        UsageError: ``path`` is not named ``.nii`` or ``.nii.gz``.
        GeometryError: The map is not a volume, or its grids contradict each other.
        MachineError: The disk is full or the folder cannot be written.
    """
    _write(path, label_map.array.astype(np.uint8, copy=False), label_map.grid, label_map.stored, _MASK_LEVEL)


def write_volume(path: Path, array: NDArray[np.float32], *, grid: Grid, stored: Grid | None) -> None:
    """Write one float32 volume of shape ``(I, J, K)`` in RAS order, on the stored grid.

    Raises:
        UsageError: ``path`` is not named ``.nii`` or ``.nii.gz``.
        GeometryError: The array is not a volume on ``grid``, or the grids contradict each other.
        MachineError: The disk is full or the folder cannot be written.
    """
    _write(path, array.astype(np.float32, copy=False), grid, stored, _VOLUME_LEVEL)


def _write(path: Path, array: NDArray[Any], grid: Grid, stored: Grid | None, level: int) -> None:
    name = path.name.lower()
    if not name.endswith((".nii", ".nii.gz")):
        raise UsageError("is not named .nii or .nii.gz", file=path, hint="Choose such a name.", code="E_FORMAT")
    if array.ndim != 3 or array.shape != grid.shape:
        cause = f"an array of shape {array.shape} is no volume on a grid of {grid.shape}"
        raise GeometryError(cause, file=path, hint="Write pictures as PNG.", code="E_SHAPE")
    target = grid if stored is None else stored
    order = axis_order(target)
    difference = grid.difference(order.ras_grid(target))
    if difference:
        raise GeometryError(f"the grid in memory is not the one of the file: {difference}", file=path, code="E_GRID")
    header = _header(target, array.dtype)
    data = header.binaryblock + bytes(4) + order.to_stored(array).tobytes(order="F")
    write_bytes(path, gzip.compress(data, compresslevel=level, mtime=0) if name.endswith(".gz") else data)


def _header(grid: Grid, dtype: np.dtype[Any]) -> Any:  # noqa: ANN401 - nibabel is untyped
    from nibabel import Nifti1Header

    header = Nifti1Header()
    header.set_data_dtype(dtype)
    header.set_data_shape(grid.shape)
    header.set_slope_inter(1, 0)
    header["vox_offset"] = 352
    if grid.spacing_mm is not None:
        header.set_zooms(grid.spacing_mm)
        header.set_xyzt_units("mm")
    if grid.affine is not None:
        header.set_sform(grid.affine, code=_SCANNER)
        header.set_qform(grid.affine, code=_SCANNER)
        # A quaternion cannot express shear: then the sform stands alone.
        rotated = Grid.from_affine(grid.shape, header.get_qform())
        if grid.difference(rotated, tolerance_voxels=AGREEMENT_VOXELS):
            header.set_qform(None, code=0)
            header.set_zooms(grid.spacing_mm)
    return header
