"""Images and label maps in memory: named channels or labels on one grid.

Everything inside Gliascope lies in RAS order: the first axis runs to the patient's right, the second to anterior,
the third to superior. ``AxisOrder`` leads from the order in a file to RAS and back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.errors import GeometryError, Notice
from gliascope.labels import LabelScheme

MRI_CHANNELS: tuple[str, ...] = ("t1n", "t1c", "t2w", "t2f")
"""The four contrasts under their names (BraTS 2023 and later), in the order every scan keeps."""

CHANNEL_ALIASES: Mapping[str, str] = {
    **{name: name for name in MRI_CHANNELS},
    **{"t1": "t1n", "t1w": "t1n", "t1ce": "t1c", "t1gd": "t1c", "t1wce": "t1c", "t2": "t2w", "flair": "t2f"},
}
"""What data sets and users call the contrasts, in lower case; adapters translate at the door."""

SPACING_RANGE_MM = (0.01, 100.0)
"""Voxel sizes outside are a wrong unit, a broken header or a slip of the pen."""

VOLUME_AXES = 4
"""A volume with channels has four axes, ``(C, I, J, K)``; a picture three, ``(C, I, J)``."""


def in_channel_order(names: Iterable[str]) -> tuple[str, ...]:
    """Sort channel names: the four contrasts first, in their fixed order, then any others by name."""
    return tuple(sorted(names, key=lambda n: (MRI_CHANNELS.index(n) if n in MRI_CHANNELS else len(MRI_CHANNELS), n)))


@dataclass(frozen=True, eq=False)
class Grid:
    """Where voxels lie.

    Args:
        shape: Voxels per axis, 2 (picture) or 3 (volume or stack) numbers.
        affine: Voxel index to world mm (RAS+), shape ``(4, 4)``; None where the file carries none (pictures).
        spacing_mm: Voxel size per axis in mm; None where unknown. Never assumed.
    """

    shape: tuple[int, ...]
    affine: NDArray[np.float64] | None = None
    spacing_mm: tuple[float, ...] | None = None

    @classmethod
    def from_affine(cls, shape: tuple[int, ...], affine: NDArray[np.floating]) -> "Grid":
        """Build a grid whose spacing is the length of the affine's columns."""
        matrix = np.asarray(affine, dtype=np.float64)
        spacing = tuple(float(v) for v in np.linalg.norm(matrix[:3, :3], axis=0))
        return cls(tuple(int(n) for n in shape), matrix, spacing)

    @property
    def voxel_ml(self) -> float | None:
        """Volume of one voxel in ml, or None where the spacing of three axes is not known."""
        if self.spacing_mm is None or len(self.spacing_mm) != 3:
            return None
        return float(np.prod(self.spacing_mm)) / 1000.0

    def difference(self, other: "Grid", *, tolerance_voxels: float = 1e-3) -> str:
        """Say how two grids differ, or return an empty text where they are the same.

        The affines are compared by where they put the eight corners: more than ``tolerance_voxels`` apart
        (in units of the smallest voxel edge) is different. So is a grid with an affine from one without.
        """
        if self.shape != other.shape:
            return f"shape {self.shape} against {other.shape}"
        if (self.affine is None) != (other.affine is None):
            return f"the same shape {self.shape}, but only one of them says how it lies in space"
        if self.affine is None or other.affine is None:
            return ""
        corners = np.array([[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=np.float64)
        corners[:, :3] *= np.array(self.shape) - 1
        distance_mm = np.linalg.norm((self.affine - other.affine) @ corners.T, axis=0).max()
        edge_mm = min(np.linalg.norm(self.affine[:3, :3], axis=0))
        if distance_mm > tolerance_voxels * edge_mm:
            return f"the same shape {self.shape}, but up to {distance_mm:.3g} mm apart in space"
        return ""


@dataclass(frozen=True)
class AxisOrder:
    """How the axes of a file are permuted and flipped against RAS.

    ``ornt`` has one row per stored axis: the RAS axis it runs along, and +1 or -1 (nibabel's convention).
    """

    ornt: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, affine: NDArray[np.floating]) -> "AxisOrder":
        """Find the order of a stored affine; oblique axes go to the nearest RAS axis."""
        rows = _orientations().io_orientation(affine)
        return cls(tuple((int(axis), int(sign)) for axis, sign in rows))

    def to_ras(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """Reorder the first three axes from stored to RAS order (a view)."""
        view: NDArray[np.generic] = _orientations().apply_orientation(array, np.array(self.ornt))
        return view

    def to_stored(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """Reorder the first three axes from RAS back to stored order (a view)."""
        wanted, ras = np.array(self.ornt), np.array([[0, 1], [1, 1], [2, 1]])
        back = _orientations().ornt_transform(ras, wanted)
        view: NDArray[np.generic] = _orientations().apply_orientation(array, back)
        return view

    def ras_grid(self, stored: Grid) -> Grid:
        """Return the grid of the reordered array: the same points in space."""
        if stored.affine is None:
            return stored
        shape = [0, 0, 0]
        for size, (axis, _) in zip(stored.shape, self.ornt, strict=True):
            shape[axis] = size
        affine = stored.affine @ _orientations().inv_ornt_aff(np.array(self.ornt), stored.shape)
        return Grid.from_affine(tuple(shape), affine)


def _orientations() -> Any:  # noqa: ANN401 - nibabel is untyped
    """Return nibabel's arithmetic of axis orders; nibabel takes 0.05 s to load, and pictures do without it."""
    from nibabel import orientations

    return orientations


@dataclass(frozen=True, eq=False)
class Scan:
    """Co-registered channels of one patient on one grid.

    Args:
        array: Intensities, float32, shape ``(C, I, J, K)`` or ``(C, I, J)``, in RAS order.
        channels: One name per channel: ``t1n t1c t2w t2f`` for MRI contrasts, ``gray`` or ``red green blue``
            for pictures.
        grid: Where the voxels lie, in RAS order.
        stored: The grid as the file has it; results are written on it. None: the same as ``grid``.
        notices: What the reader noticed.
    """

    array: NDArray[np.float32]
    channels: tuple[str, ...]
    grid: Grid
    stored: Grid | None = None
    notices: tuple[Notice, ...] = ()

    def __post_init__(self) -> None:
        if self.array.shape != (len(self.channels), *self.grid.shape):
            raise GeometryError(
                f"array of shape {self.array.shape} for {len(self.channels)} channels on a grid of {self.grid.shape}"
            )

    @property
    def is_volume(self) -> bool:
        """True for volumes and stacks, False for a single picture."""
        return self.array.ndim == VOLUME_AXES

    def half_turned(self) -> "Scan":
        """Return a volume with every axial slice turned by half, on the same grid.

        Pictures show the patient's right on the left and the face upward; a volume in RAS order runs the other way
        along both axes of the slice. So this leads from one to the other, either way.
        """
        return replace(self, array=np.ascontiguousarray(self.array[:, ::-1, ::-1]))

    def slice_picture(self, index: int) -> "Scan":
        """Return an axial slice of a volume as pictures show it.

        Where the file says how the head lies, its right is on the left and its face upward, so both axes are turned.
        """
        plane = self.array[..., index]
        if self.grid.affine is not None:
            plane = plane[:, ::-1, ::-1]
        spacing_mm = None if self.grid.spacing_mm is None else self.grid.spacing_mm[:2]
        grid = Grid(plane.shape[1:], None, spacing_mm)
        return Scan(np.ascontiguousarray(plane), self.channels, grid, notices=self.notices)

    def select(self, channels: tuple[str, ...]) -> "Scan":
        """Return a scan with the named channels, in the given order.

        Raises:
            GeometryError: A channel is missing; the message lists those at hand.
        """
        missing = [name for name in channels if name not in self.channels]
        if missing:
            cause = f"channel {missing[0]} is" if len(missing) == 1 else f"channels {', '.join(missing)} are"
            hint = f"At hand: {', '.join(self.channels)}."
            if missing == ["gray"] and len(self.channels) == 3:
                hint += " To read a color picture as gray, say --channels red,green,blue."
            raise GeometryError(f"{cause} missing", hint=hint, code="E_CHANNEL")
        picked = [self.channels.index(name) for name in channels]
        return replace(self, array=self.array[picked], channels=channels)


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Label numbers on one grid, with the scheme that says what they mean.

    Args:
        array: Label numbers, uint8, shape ``(I, J, K)`` or ``(I, J)``, in RAS order.
        scheme: What the numbers mean.
        grid: Where the voxels lie, in RAS order.
        stored: The grid as the file has it; None: the same as ``grid``.
        notices: What the reader noticed.
    """

    array: NDArray[np.uint8]
    scheme: LabelScheme
    grid: Grid
    stored: Grid | None = None
    notices: tuple[Notice, ...] = ()

    def region(self, name: str) -> NDArray[np.bool_]:
        """Return the mask of one region, shape as ``array``.

        Raises:
            LabelError: The scheme cannot express the region.
        """
        return np.isin(self.array, self.scheme.region_values(name))

    def converted(self, scheme: LabelScheme) -> "LabelMap":
        """Return the same tissues in another scheme's numbers.

        Raises:
            LabelError: The map holds a tissue that the other scheme does not have.
        """
        if scheme.name == self.scheme.name:
            return self
        table = np.zeros(256, dtype=np.uint8)
        for value in np.unique(self.array):
            if value:
                table[value] = scheme.value_of(self.scheme.tissues[int(value)])
        return replace(self, array=table[self.array], scheme=scheme)


def check_same_grid(expected: Grid, given: Grid, *, file: str, against: str) -> None:
    """Refuse two images that do not lie on the same grid.

    Raises:
        GeometryError: Shapes differ, or the affines differ by more than 0.001 voxel.
    """
    difference = expected.difference(given)
    if difference:
        hint = "Resample them onto one grid first."
        raise GeometryError(f"is not on the grid of {against}: {difference}", file=file, hint=hint, code="E_GRID")
