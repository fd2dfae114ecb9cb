from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gliascope.errors import GeometryError, LabelError
from gliascope.labels import SCHEMES
from gliascope.scan import (
    CHANNEL_ALIASES,
    MRI_CHANNELS,
    AxisOrder,
    Grid,
    LabelMap,
    Scan,
    check_same_grid,
    in_channel_order,
)

ORDERS = [
    AxisOrder(tuple(zip(axes, signs, strict=True)))
    for axes in permutations(range(3))
    for signs in product((1, -1), repeat=3)
]
BOX = np.arange(24).reshape(2, 3, 4)


def affine(*, spacing: tuple[float, ...] = (1, 1, 1), shift: float = 0.0) -> NDArray[np.float64]:
    matrix = np.diag([*spacing, 1.0])
    matrix[0, 3] = shift
    return matrix


def test_channels_have_one_order() -> None:
    assert in_channel_order(["t2f", "adc", "t1n", "t1c", "swi"]) == ("t1n", "t1c", "t2f", "adc", "swi")
    assert set(CHANNEL_ALIASES.values()) == set(MRI_CHANNELS)
    assert CHANNEL_ALIASES["flair"] == "t2f"
    assert CHANNEL_ALIASES["t1ce"] == CHANNEL_ALIASES["t1gd"] == "t1c"


def test_spacing_comes_from_the_affine() -> None:
    grid = Grid.from_affine((4, 5, 6), affine(spacing=(-1, 2, 2.5)))
    assert grid.spacing_mm == (1.0, 2.0, 2.5)
    assert grid.voxel_ml == pytest.approx(0.005)


@pytest.mark.parametrize("spacing", [None, (1.0, 1.0)])
def test_no_volume_without_three_spacings(spacing: tuple[float, ...] | None) -> None:
    assert Grid((4, 5), None, spacing).voxel_ml is None


def test_grids_are_compared_by_their_corners() -> None:
    first = Grid.from_affine((100, 100, 100), affine())
    assert first.difference(Grid.from_affine((100, 100, 100), affine(shift=0.0009))) == ""
    assert "0.002 mm" in first.difference(Grid.from_affine((100, 100, 100), affine(shift=0.002)))
    stretched = Grid.from_affine((100, 100, 100), affine(spacing=(1.0001, 1, 1)))
    assert "mm apart" in first.difference(stretched)
    assert first.difference(stretched, tolerance_voxels=0.1) == ""
    assert "shape (100, 100, 100) against (100, 100, 99)" in first.difference(
        Grid.from_affine((100, 100, 99), affine())
    )


def test_a_known_place_differs_from_an_unknown_one() -> None:
    known, unknown = Grid.from_affine((4, 5, 6), affine()), Grid((4, 5, 6))
    assert unknown.difference(Grid((4, 5, 6), None, (1, 1, 1))) == ""
    assert "how it lies" in known.difference(unknown)
    assert "how it lies" in unknown.difference(known)


def test_check_same_grid_names_the_file() -> None:
    with pytest.raises(GeometryError, match=r"b\.nii: is not on the grid of a\.nii: shape") as caught:
        check_same_grid(Grid((2, 2)), Grid((2, 3)), file="b.nii", against="a.nii")
    assert caught.value.code == "E_GRID"
    check_same_grid(Grid((2, 2)), Grid((2, 2)), file="b.nii", against="a.nii")


@pytest.mark.parametrize("order", ORDERS)
def test_every_axis_order_leads_to_ras_and_back(order: AxisOrder) -> None:
    assert np.array_equal(order.to_stored(order.to_ras(BOX)), BOX)
    with_channels_last = np.stack([BOX, BOX], axis=-1)
    assert np.array_equal(order.to_ras(with_channels_last)[..., 1], order.to_ras(BOX))


@given(st.sampled_from(ORDERS), st.floats(-40, 40), st.tuples(*[st.floats(0.3, 6)] * 3))
def test_reordering_moves_no_voxel_in_space(order: AxisOrder, degrees: float, spacing: tuple[float, ...]) -> None:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    matrix = np.eye(4)
    for stored_axis, (axis, sign) in enumerate(order.ornt):
        matrix[:3, stored_axis] = turn[:, axis] * sign * spacing[stored_axis]
    matrix[:3, 3] = (-3, 8, 20)
    stored = Grid.from_affine(BOX.shape, matrix)
    assert AxisOrder.of(matrix) == order
    ras = order.ras_grid(stored)
    assert ras.affine is not None
    assert nib.orientations.aff2axcodes(ras.affine) == ("R", "A", "S")
    values = order.to_ras(BOX)
    assert values.shape == ras.shape
    for index in ((0, 0, 0), (1, 2, 3), (1, 0, 2)):
        (place,) = np.argwhere(values == BOX[index])
        assert np.allclose(ras.affine @ [*place, 1], matrix @ [*index, 1])


def test_a_grid_without_affine_is_left_alone() -> None:
    grid = Grid((4, 5, 6), None, (1, 1, 2))
    assert ORDERS[7].ras_grid(grid) is grid


def scan(channels: tuple[str, ...] = ("t1n", "t2f")) -> Scan:
    array = np.arange(len(channels) * 24, dtype=np.float32).reshape(len(channels), 2, 3, 4)
    return Scan(array, channels, Grid((2, 3, 4)))


def test_a_scan_has_one_name_per_channel() -> None:
    assert scan().is_volume
    assert not Scan(np.zeros((1, 2, 3), dtype=np.float32), ("gray",), Grid((2, 3))).is_volume
    with pytest.raises(GeometryError, match=r"array of shape \(2, 2, 3, 4\) for 3 channels"):
        Scan(scan().array, ("a", "b", "c"), Grid((2, 3, 4)))
    with pytest.raises(GeometryError, match=r"on a grid of \(2, 3, 5\)"):
        Scan(scan().array, ("a", "b"), Grid((2, 3, 5)))


def test_channels_are_selected_by_name() -> None:
    picked = scan().select(("t2f", "t1n"))
    assert picked.channels == ("t2f", "t1n")
    assert np.array_equal(picked.array, scan().array[::-1])
    with pytest.raises(GeometryError, match=r"channels t1c, t2w are missing.*At hand: t1n, t2f") as caught:
        scan().select(("t1n", "t1c", "t2w"))
    assert caught.value.code == "E_CHANNEL"


def label_map(*values: int, scheme: str = "brats2017") -> LabelMap:
    array = np.array([values], dtype=np.uint8)
    return LabelMap(array, SCHEMES[scheme], Grid(array.shape))


def test_regions_of_a_label_map() -> None:
    labels = label_map(0, 1, 2, 4)
    assert labels.region("WT").tolist() == [[False, True, True, True]]
    assert labels.region("TC").tolist() == [[False, True, False, True]]
    assert labels.region("ET").tolist() == [[False, False, False, True]]


def test_tissues_survive_a_change_of_scheme() -> None:
    labels = label_map(0, 1, 2, 4)
    assert labels.converted(SCHEMES["msd"]).array.tolist() == [[0, 2, 1, 3]]
    assert labels.converted(SCHEMES["brats2023"]).array.tolist() == [[0, 1, 2, 3]]
    assert labels.converted(SCHEMES["brats2017"]) is labels
    for name in ("msd", "brats2023", "brats2024"):
        back = labels.converted(SCHEMES[name]).converted(SCHEMES["brats2017"])
        assert np.array_equal(back.array, labels.array)


def test_a_tissue_without_a_number_cannot_be_converted() -> None:
    with pytest.raises(LabelError, match="has no tissue RC"):
        label_map(0, 4, scheme="brats2024").converted(SCHEMES["brats2023"])


def test_a_slice_as_a_picture_shows_the_face_upward() -> None:
    values = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    lying = Scan(values, ("t1c",), Grid.from_affine((2, 3, 4), np.diag([2.0, 3.0, 4.0, 1.0])))
    picture = lying.slice_picture(1)
    np.testing.assert_array_equal(picture.array, values[:, ::-1, ::-1, 1])
    assert picture.grid.shape == (2, 3)
    assert picture.grid.affine is None
    assert picture.grid.spacing_mm == (2.0, 3.0)
    stack = Scan(values, ("t1c",), Grid((2, 3, 4))).slice_picture(3)
    np.testing.assert_array_equal(stack.array, values[..., 3])
    assert stack.grid.spacing_mm is None
