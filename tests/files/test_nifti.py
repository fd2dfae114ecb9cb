from collections.abc import Callable
from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gliascope.errors import GeometryError, InputError, LabelError
from gliascope.files import nifti
from gliascope.labels import SCHEMES

MakeFile = Callable[..., Path]
Volume = NDArray[np.int16]
AXIS_CODES = ["".join(letters) for axes in permutations(("RL", "AP", "SI")) for letters in product(*axes)]


def reoriented(array: NDArray[Any], affine: NDArray[Any], codes: str) -> tuple[NDArray[Any], NDArray[Any]]:
    image: Any = nib.Nifti1Image(array, affine)
    have = nib.orientations.io_orientation(affine)
    want = nib.orientations.axcodes2ornt(codes)
    moved = image.as_reoriented(nib.orientations.ornt_transform(have, want))
    return np.asanyarray(moved.dataobj), moved.affine


def test_one_file_per_channel_gives_ras_float32_in_channel_order(nifti_file: MakeFile, volume: Volume) -> None:
    files = {"t2f": nifti_file("b.nii.gz", volume + 1), "t1n": nifti_file("a.nii", volume)}
    scan = nifti.read_scan(files)
    assert scan.channels == ("t1n", "t2f")
    assert scan.array.dtype == np.float32
    assert scan.array.flags.c_contiguous
    assert np.array_equal(scan.array[0], volume[::-1, ::-1])
    assert np.array_equal(scan.array[1], volume[::-1, ::-1] + 1)
    assert scan.grid.spacing_mm == pytest.approx((1.0, 1.2, 2.0))
    assert scan.grid.affine is not None
    assert np.allclose(np.diag(scan.grid.affine), [1, 1.2, 2, 1])
    assert scan.stored is not None
    assert scan.stored.shape == (10, 9, 8)
    assert scan.notices == ()


def test_agrees_with_nibabel(nifti_file: MakeFile, volume: Volume) -> None:
    path = nifti_file("a.nii.gz", volume)
    reference: Any = nib.as_closest_canonical(nib.load(path))
    scan = nifti.read_scan({"t1n": path})
    assert np.array_equal(scan.array[0], reference.get_fdata(dtype=np.float32))
    assert scan.grid.affine is not None
    assert np.allclose(scan.grid.affine, reference.affine)


@settings(max_examples=48, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(codes=st.sampled_from(AXIS_CODES), degrees=st.sampled_from([0.0, 25.0]))
def test_the_same_head_in_any_axis_order_is_read_alike(  # faults 23, 24
    codes: str, degrees: float, nifti_file: MakeFile, volume: Volume
) -> None:
    turn = np.eye(4)
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    turn[:2, :2] = [[cosine, -sine], [sine, cosine]]
    affine = turn @ np.diag([1.0, 1.2, 2.0, 1.0])
    array, moved = reoriented(volume, affine, codes)
    scan = nifti.read_scan({"t1n": nifti_file("a.nii", array, moved)})
    assert np.array_equal(scan.array[0], volume)
    assert scan.grid.affine is not None
    assert np.allclose(scan.grid.affine, affine, atol=1e-5)
    assert scan.stored is not None
    assert scan.stored.affine is not None
    assert np.allclose(scan.stored.affine, moved, atol=1e-5)


def test_scale_is_applied_once(nifti_file: MakeFile, volume: Volume) -> None:  # fault 31
    path = nifti_file("a.nii", volume, scl_slope=2.5, scl_inter=-10)
    assert np.array_equal(nifti.read_scan({"t1n": path}).array[0], volume[::-1, ::-1] * np.float32(2.5) - 10)


def test_big_endian_equals_little_endian(nifti_file: MakeFile, volume: Volume, tmp_path: Path) -> None:  # fault 32
    little = nifti.read_scan({"t1n": nifti_file("a.nii", volume)})
    image: Any = nib.load(tmp_path / "a.nii")
    header = image.header.as_byteswapped(">")
    nib.save(nib.Nifti1Image(volume, image.affine, header), tmp_path / "b.nii")
    assert (tmp_path / "b.nii").read_bytes()[:4] == b"\x00\x00\x01\x5c"
    big = nifti.read_scan({"t1n": tmp_path / "b.nii"})
    assert np.array_equal(little.array, big.array)
    assert little.grid.difference(big.grid) == ""


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_every_real_number_type(nifti_file: MakeFile, volume: Volume, kind: str) -> None:
    values = (volume % 100).astype(kind)
    assert np.array_equal(nifti.read_scan({"t1n": nifti_file("a.nii", values)}).array[0], values[::-1, ::-1])


def test_nifti_2(nifti_file: MakeFile, volume: Volume) -> None:
    scan = nifti.read_scan({"t1n": nifti_file("a.nii.gz", volume, version=2)})
    assert np.array_equal(scan.array[0], volume[::-1, ::-1])


def test_trailing_axes_of_one_are_dropped(nifti_file: MakeFile, volume: Volume) -> None:  # fault 17
    scan = nifti.read_scan({"t1n": nifti_file("a.nii", volume[..., None])})
    assert np.array_equal(scan.array[0], volume[::-1, ::-1])


def test_names_with_spaces_and_symlinks(nifti_file: MakeFile, volume: Volume, tmp_path: Path) -> None:  # fault 46
    path = nifti_file("Größe 1 t1.nii.gz", volume)
    link = tmp_path / "link.nii.gz"
    link.symlink_to(path)
    assert np.array_equal(nifti.read_scan({"t1n": link}).array, nifti.read_scan({"t1n": path}).array)


@pytest.mark.parametrize("names", [("t1n",), ("t1n", "t1c", "t2w", "t2f"), ("t1n", "t1n", "t1c")])
def test_another_number_of_channels_is_refused(  # faults 18, 19
    nifti_file: MakeFile, volume: Volume, names: tuple[str, ...]
) -> None:
    path = nifti_file("a.nii", np.stack([volume] * 3, axis=-1))
    with pytest.raises(InputError, match=r"holds 3 channels for \d names? \(") as caught:
        nifti.read_channels(path, names)
    assert caught.value.code == "E_CHANNELS"


def test_a_series_is_no_channel(nifti_file: MakeFile, volume: Volume) -> None:  # fault 16
    path = nifti_file("series.nii", np.stack([volume] * 7, axis=-1))
    with pytest.raises(GeometryError, match=r"series\.nii: holds 7 volumes where one is expected"):
        nifti.read_scan({"t1n": path})
    with pytest.raises(GeometryError, match="7 volumes"):
        nifti.read_label_map(path, None)


def test_a_blank_volume_of_a_4d_file_is_named(nifti_file: MakeFile, volume: Volume) -> None:
    path = nifti_file("a.nii", np.stack([volume, 0 * volume], axis=-1))
    with pytest.raises(InputError, match=r"a\.nii: channel t2f is zero everywhere") as caught:
        nifti.read_channels(path, ("t1n", "t2f"))
    assert caught.value.code == "E_BLANK"


def test_other_shapes_and_places_are_refused(nifti_file: MakeFile, volume: Volume) -> None:  # faults 35, 36
    first = nifti_file("a.nii", volume)
    affine = np.array([[-1.0, 0, 0, 22], [0, -1.2, 0, 9], [0, 0, 2.0, -5], [0, 0, 0, 1]])
    mirrored = np.diag([-1.0, 1, 1, 1]) @ affine
    for other in (
        nifti_file("b.nii", volume[:9]),
        nifti_file("b2.nii", volume, affine),
        nifti_file("b3.nii", volume, mirrored),
    ):
        with pytest.raises(GeometryError, match=rf"{other.name}: is not on the grid of a\.nii") as caught:
            nifti.read_scan({"t1n": first, "t2f": other})
        assert caught.value.code == "E_GRID"


def test_the_same_grid_in_another_axis_order_is_fine(nifti_file: MakeFile, volume: Volume) -> None:
    affine = np.diag([1.0, 1.2, 2.0, 1.0])
    array, moved = reoriented(volume, affine, "PIR")
    files = {"t1n": nifti_file("a.nii", volume, affine), "t2f": nifti_file("b.nii", array + 1, moved)}
    scan = nifti.read_scan(files)
    assert np.array_equal(scan.array[1], scan.array[0] + 1)


def test_a_copied_channel_is_noticed(nifti_file: MakeFile, volume: Volume) -> None:  # fault 37
    files = {"t1n": nifti_file("a.nii", volume), "t1c": nifti_file("c.nii", volume + 1)}
    files["t2f"] = nifti_file("b.nii.gz", volume)
    notices = nifti.read_scan(files).notices
    assert [(n.code, n.file) for n in notices] == [("W_SAME_FILE", "b.nii.gz")]
    assert "t1n and t2f" in notices[0].text


def test_a_shared_observation_is_made_once(nifti_file: MakeFile, volume: Volume) -> None:  # fault 25
    thick = np.diag([1.0, 1.0, 5.5, 1.0])
    scan = nifti.read_scan({"t1n": nifti_file("a.nii", volume, thick), "t2f": nifti_file("b.nii", volume + 1, thick)})
    assert [(n.code, n.file) for n in scan.notices] == [("W_THICK_SLICES", "a.nii")]


def test_no_files() -> None:
    with pytest.raises(InputError, match="no file"):
        nifti.read_scan({})


def test_peek_reads_the_grid_only(nifti_file: MakeFile, volume: Volume) -> None:
    path = nifti_file("a.nii.gz", volume)
    path.write_bytes(path.read_bytes()[:-40])
    assert nifti.peek(path).shape == (10, 9, 8)
    with pytest.raises(InputError, match="cut off"):
        nifti.read_scan({"t1n": path})


@pytest.mark.parametrize("kind", ["u1", "i2", "f4", "f8"])
def test_label_maps_of_any_number_type(nifti_file: MakeFile, kind: str) -> None:
    labels = np.zeros((10, 9, 8), dtype=kind)
    labels[2:5, 3:6, 1:3] = 4
    labels[0, 0, 0] = 1
    label_map = nifti.read_label_map(nifti_file("seg.nii.gz", labels), SCHEMES["brats2017"])
    assert label_map.array.dtype == np.uint8
    assert np.array_equal(label_map.array, labels[::-1, ::-1].astype(np.uint8))
    assert label_map.stored is not None
    assert label_map.region("ET").sum() == 18


def test_an_empty_label_map_is_fine(nifti_file: MakeFile) -> None:
    path = nifti_file("seg.nii", np.zeros((10, 9, 8), dtype=np.uint8))
    assert not nifti.read_label_map(path, SCHEMES["brats2023"]).array.any()


@pytest.mark.parametrize("value", [0.5, -1.0, 5.0, 300.0])
def test_wrong_label_values_are_listed(nifti_file: MakeFile, value: float) -> None:  # fault 41
    labels = np.zeros((10, 9, 8), dtype=np.float32)
    labels[0, 0, :3] = value
    with pytest.raises(LabelError, match=rf"seg\.nii: .*{value:g} \(3\)"):
        nifti.read_label_map(nifti_file("seg.nii", labels), SCHEMES["brats2023"])


def test_the_older_label_numbers_are_not_taken_for_the_newer(nifti_file: MakeFile) -> None:  # fault 42
    labels = np.zeros((10, 9, 8), dtype=np.uint8)
    labels[0, 0, :2] = 4
    path = nifti_file("seg.nii", labels)
    with pytest.raises(LabelError, match="--scheme"):
        nifti.read_label_map(path, SCHEMES["brats2024"])
    assert nifti.read_label_map(path, SCHEMES["brats2024"], named_by_user=True).region("RC").sum() == 2


def test_channels_of_a_4d_file_are_named_in_its_order(nifti_file: MakeFile, volume: Volume) -> None:
    path = nifti_file("a.nii.gz", np.stack([volume, volume + 1, volume + 2], axis=-1))
    scan = nifti.read_channels(path, ("t2f", "t1n", "t1c"))
    assert scan.channels == ("t1n", "t1c", "t2f")
    assert np.array_equal(scan.array - scan.array[2:], np.array([1, 2, 0])[:, None, None, None] + 0 * scan.array)
