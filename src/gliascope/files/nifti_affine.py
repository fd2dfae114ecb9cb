"""Where the voxels of a NIfTI file lie: the rules by which sform, qform and units become one grid, or a refusal.

The sform counts where its code is set, else the qform; where neither is set the file does not say how the head lies,
and no affine is made up.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.errors import GeometryError, Notice
from gliascope.scan import SPACING_RANGE_MM, AxisOrder, Grid

THICK_SLICES_MM = 5.0
"""From here on slices are noticed: of a small tumor they show one or two."""

AGREEMENT_VOXELS = 0.1
"""sform and qform may differ by this much: a qform is stored as a rounded quaternion."""

FARTHEST_MM = 1e5
"""An origin farther away than 100 m is a broken header."""

_UNITS = {1: ("meters", "1000"), 3: ("micrometers", "0.001")}
_SINGULAR = 1e-3


def read_position(fields: Any, shape: tuple[int, ...], path: Path) -> tuple[Grid, tuple[Notice, ...]]:  # noqa: ANN401 - nibabel is untyped
    """Return the stored grid and what was noticed about it.

    Raises:
        GeometryError: Voxel sizes, units or affines are impossible or contradict each other.
    """
    with np.errstate(all="ignore"):
        sizes = _voxel_sizes(fields, path)
        sform = np.array(fields.get_sform(), dtype=np.float64) if int(fields["sform_code"]) > 0 else None
        qform = _qform(fields, sizes, path) if int(fields["qform_code"]) > 0 else None
        for affine, name in ((sform, "sform"), (qform, "qform")):
            if affine is not None:
                _check_affine(affine, name, path)
        notices: tuple[Notice, ...] = ()
        if sform is not None and qform is not None:
            notices += _compare(Grid.from_affine(shape, sform), Grid.from_affine(shape, qform), path)
        affine = sform if sform is not None else qform
    if affine is None:
        grid, noticed = _without_affine(fields, shape, sizes, path)
    else:
        grid, noticed = Grid.from_affine(shape, affine), ()
    return grid, notices + noticed + _look_at_spacing(grid, sizes, path)


def _voxel_sizes(fields: Any, path: Path) -> tuple[float, ...]:  # noqa: ANN401 - nibabel is untyped
    unit = int(fields["xyzt_units"]) & 7
    if unit in _UNITS:
        name, factor = _UNITS[unit]
        cause, hint = (
            f"gives its voxel size in {name}, not mm",
            f"Multiply voxel size and affine by {factor}, or mend the unit.",
        )
        raise GeometryError(cause, file=path, hint=hint, code="E_UNITS")
    sizes = tuple(float(v) for v in fields["pixdim"][1:4])
    if not all(math.isfinite(v) and v > 0 for v in sizes):
        cause = f"has an impossible voxel size {_words(sizes)}"
        raise GeometryError(cause, file=path, hint="Export it again.", code="E_VOXEL_SIZE")
    return sizes


def _qform(fields: Any, sizes: tuple[float, ...], path: Path) -> NDArray[np.float64]:  # noqa: ANN401 - nibabel is untyped
    b, c, d = (float(fields[f"quatern_{letter}"]) for letter in "bcd")
    squared = 1.0 - (b * b + c * c + d * d)
    if not squared > -1e-3:  # also catches NaN
        cause = f"has an impossible rotation (quaternion {b:g}, {c:g}, {d:g})"
        raise GeometryError(cause, file=path, hint="Export it again.", code="E_AFFINE")
    from nibabel.quaternions import quat2mat

    affine = np.eye(4)
    mirror = -1.0 if float(fields["pixdim"][0]) < 0 else 1.0
    rotation = quat2mat([math.sqrt(max(squared, 0.0)), b, c, d])
    affine[:3, :3] = rotation * (sizes[0], sizes[1], sizes[2] * mirror)
    affine[:3, 3] = [float(fields[f"qoffset_{axis}"]) for axis in "xyz"]
    return affine


def _check_affine(affine: NDArray[np.float64], name: str, path: Path) -> None:
    hint = "Export it again."
    if not np.all(np.isfinite(affine)):
        raise GeometryError(f"has a {name} affine with NaN or infinity", file=path, hint=hint, code="E_AFFINE")
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if np.any(lengths == 0) or abs(np.linalg.det(affine[:3, :3] / np.where(lengths == 0, 1, lengths))) < _SINGULAR:
        cause = f"has a singular {name} affine: two axes run along one line"
        raise GeometryError(cause, file=path, hint=hint, code="E_AFFINE")
    low, high = SPACING_RANGE_MM
    if np.any(lengths < low) or np.any(lengths > high):
        cause = f"has voxels of {_words(tuple(lengths))} by its {name}, outside {low:g}…{high:g} mm"
        raise GeometryError(cause, file=path, hint="Is the unit mm?", code="E_VOXEL_SIZE")
    if np.any(np.abs(affine[:3, 3]) > FARTHEST_MM):
        cause = f"has its origin {np.abs(affine[:3, 3]).max():g} mm away ({name})"
        raise GeometryError(cause, file=path, hint=hint, code="E_AFFINE")


def _compare(sform: Grid, qform: Grid, path: Path) -> tuple[Notice, ...]:
    """Refuse two affines that turn or mirror the head differently; notice other differences."""
    difference = sform.difference(qform, tolerance_voxels=AGREEMENT_VOXELS)
    if not difference or sform.affine is None or qform.affine is None:
        return ()
    by_sform, by_qform = AxisOrder.of(sform.affine), AxisOrder.of(qform.affine)
    if by_sform != by_qform:
        cause = (
            f"contradicts itself: its axes run {_letters(by_sform)} by the sform and {_letters(by_qform)} by the qform"
        )
        hint = "Find out which is right (left and right may be swapped), then set both alike."
        raise GeometryError(cause, file=path, hint=hint, code="E_ORIENTATION")
    text = f"The sform and the qform place the image differently ({difference}); the sform is used."
    return (Notice("W_TWO_POSITIONS", path.name, text),)


def _without_affine(
    fields: Any,  # noqa: ANN401 - nibabel is untyped
    shape: tuple[int, ...],
    sizes: tuple[float, ...],
    path: Path,
) -> tuple[Grid, tuple[Notice, ...]]:
    low, high = SPACING_RANGE_MM
    if not all(low <= size <= high for size in sizes):
        cause = f"has voxels of {_words(sizes)}, outside {low:g}…{high:g} mm"
        raise GeometryError(cause, file=path, hint="Is the unit mm?", code="E_VOXEL_SIZE")
    # A header nobody filled in has pixdim 1, 1, 1 and no unit: that says nothing about the size.
    unstated = int(fields["xyzt_units"]) & 7 == 0 and sizes == (1.0, 1.0, 1.0)
    text = "The file does not say how the head lies (sform and qform code 0), so left and right are unknown."
    grid = Grid(shape, None, None if unstated else sizes)
    return grid, (Notice("W_ORIENTATION_UNKNOWN", path.name, text),)


def _look_at_spacing(grid: Grid, sizes: tuple[float, ...], path: Path) -> tuple[Notice, ...]:
    if grid.spacing_mm is None:
        return ()
    notices: tuple[Notice, ...] = ()
    if not np.allclose(grid.spacing_mm, sizes, rtol=0.01):
        text = f"The header says voxels of {_words(sizes)}, its affine {_words(grid.spacing_mm)}; the affine is used."
        notices += (Notice("W_VOXEL_SIZE", path.name, text),)
    if max(grid.spacing_mm) >= THICK_SLICES_MM:
        text = f"Slices lie {max(grid.spacing_mm):.3g} mm apart; volumes in ml are rough, for nothing is seen between."
        notices += (Notice("W_THICK_SLICES", path.name, text),)
    return notices


def _letters(order: AxisOrder) -> str:
    """Return, for example, ``LPS``: the direction each stored axis runs to."""
    return "".join(("RL", "AP", "SI")[axis][sign < 0] for axis, sign in order.ornt)


def _words(sizes: tuple[float, ...]) -> str:
    return " x ".join(f"{float(size):.4g}" for size in sizes) + " mm"
