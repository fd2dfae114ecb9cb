import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.errors import InputError, LabelError
from gliascope.files import hdf5
from gliascope.labels import SCHEMES

MRI = ("t1n", "t1c", "t2w", "t2f")
RNG = np.random.default_rng(5)
IMAGE = RNG.normal(size=(24, 20, 4))
LABEL = RNG.integers(0, 4, (24, 20))
PLANES = np.stack([k == LABEL for k in (1, 2, 3)], axis=-1).astype(np.uint8)


def brats(path: Path, image: NDArray[Any] = IMAGE, mask: NDArray[Any] = PLANES, **options: Any) -> Path:  # noqa: ANN401 - h5py's options
    with h5py.File(path, "w") as file:
        file.create_dataset("image", data=image, **options)
        file.create_dataset("mask", data=mask, **options)
    return path


def figshare(path: Path, *, label: float = 2, pid: str = "100360", image: NDArray[Any] | None = None) -> Path:
    """Write the layout of a MATLAB v7.3 file: columns first, texts as character codes, a preamble of 512 bytes."""
    with h5py.File(path, "w", userblock_size=512) as file:
        group = file.create_group("cjdata")
        group["label"] = np.array([[label]])
        group["PID"] = np.array([[ord(letter)] for letter in pid], dtype=np.uint16)
        group["image"] = np.arange(30 * 20, dtype=np.int16).reshape(30, 20) if image is None else image
        group["tumorMask"] = (np.arange(600).reshape(30, 20) % 7 == 0).astype(np.uint8)
        group["tumorBorder"] = np.zeros((1, 8))
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(512))
    return path


def refusal(read: Callable[[], object], code: str) -> InputError:
    with pytest.raises(InputError) as caught:
        read()
    assert caught.value.code == code
    return caught.value


@pytest.mark.parametrize("options", [{}, {"compression": "gzip", "shuffle": True, "fletcher32": True}])
def test_a_brats_slice(tmp_path: Path, options: dict[str, Any]) -> None:
    path = brats(tmp_path / "volume_1_slice_70.h5", **options)
    scan = hdf5.read_brats_slice(path, MRI)
    assert scan.channels == MRI
    assert np.array_equal(scan.array, np.moveaxis(IMAGE, 2, 0).astype(np.float32))
    assert scan.grid.spacing_mm is None
    label_map = hdf5.read_brats_slice_mask(path, None)
    assert label_map.scheme.name == "brats2017"
    assert np.array_equal(label_map.region("ET"), LABEL == 3)
    assert np.array_equal(label_map.region("WT"), LABEL > 0)
    assert hdf5.read_brats_slice_mask(path, SCHEMES["brats2023"]).array.max() == 3


def test_a_slice_outside_the_brain_is_noticed(tmp_path: Path) -> None:
    scan = hdf5.read_brats_slice(brats(tmp_path / "a.h5", 0 * IMAGE), MRI)
    assert [notice.code for notice in scan.notices] == ["W_BLANK"]


def test_brats_slices_that_do_not_fit(tmp_path: Path) -> None:
    path = brats(tmp_path / "a.h5", mask=PLANES[..., :2])
    refusal(lambda: hdf5.read_brats_slice(path, MRI[:3]), "E_CHANNELS")
    refusal(lambda: hdf5.read_brats_slice_mask(path, None), "E_CHANNELS")
    overlapping = PLANES.copy()
    overlapping[:2, 0] = 1
    with pytest.raises(LabelError, match="2 pixels in two tissues"):
        hdf5.read_brats_slice_mask(brats(tmp_path / "b.h5", mask=overlapping), None)
    with pytest.raises(LabelError, match="besides 0 and 1"):
        hdf5.read_brats_slice_mask(brats(tmp_path / "c.h5", mask=PLANES * 0.5), None)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_values_that_are_no_intensities(tmp_path: Path, value: float) -> None:
    image = IMAGE.copy()
    image[0, 0, 0] = value
    assert "1 values of 1920" in str(
        refusal(lambda: hdf5.read_brats_slice(brats(tmp_path / "a.h5", image), MRI), "E_NOT_FINITE")
    )


def test_a_figshare_file(tmp_path: Path) -> None:
    path = figshare(tmp_path / "1.mat")
    scan = hdf5.read_figshare(path)
    assert scan.channels == ("t1c",)
    # The file's first axis is MATLAB's column: it runs along a row of the picture.
    assert np.array_equal(scan.array[0], np.arange(600).reshape(30, 20))
    label_map = hdf5.read_figshare_mask(path, None)
    assert label_map.scheme.name == "figshare"
    assert label_map.array.sum() == 86
    assert label_map.grid.shape == scan.grid.shape
    assert hdf5.read_figshare_facts(path) == {"label": "glioma", "PID": "100360"}


@pytest.mark.parametrize(("number", "name"), [(1, "meningioma"), (2, "glioma"), (3, "pituitary")])
def test_tumor_classes(tmp_path: Path, number: int, name: str) -> None:
    assert hdf5.read_figshare_facts(figshare(tmp_path / "1.mat", label=number))["label"] == name


@pytest.mark.parametrize("label", [0, 4, 1.5, np.nan])
def test_unknown_tumor_classes(tmp_path: Path, label: float) -> None:
    path = figshare(tmp_path / "1.mat", label=label)
    with pytest.raises(InputError, match="tumor class"):
        hdf5.read_figshare_facts(path)


@pytest.mark.parametrize("pid", ["x" * 65, "a\nb"])
def test_identities_that_are_no_short_text(tmp_path: Path, pid: str) -> None:
    with pytest.raises(InputError, match="no short text"):
        hdf5.read_figshare_facts(figshare(tmp_path / "1.mat", pid=pid))


def test_a_blank_figshare_image(tmp_path: Path) -> None:
    path = figshare(tmp_path / "1.mat", image=np.zeros((30, 20), dtype=np.int16))
    refusal(lambda: hdf5.read_figshare(path), "E_BLANK")


@pytest.mark.parametrize(("content", "code"), [(b"", "E_EMPTY"), (b"text " * 300, "E_FORMAT"), (bytes(9), "E_FORMAT")])
def test_other_content(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "a.h5").write_bytes(content)
    refusal(lambda: hdf5.read_figshare(tmp_path / "a.h5"), code)


def test_cut_files(tmp_path: Path) -> None:
    path = brats(tmp_path / "a.h5")
    path.write_bytes(path.read_bytes()[:-500])
    refusal(lambda: hdf5.read_brats_slice(path, MRI), "E_DAMAGED")


def test_a_wrong_layout(tmp_path: Path) -> None:
    path = brats(tmp_path / "a.h5")
    refusal(lambda: hdf5.read_figshare(path), "E_LAYOUT")
    refusal(lambda: hdf5.read_brats_slice(figshare(tmp_path / "1.mat"), MRI), "E_LAYOUT")
    refusal(lambda: hdf5.read_brats_slice(brats(tmp_path / "b.h5", IMAGE[..., 0]), MRI), "E_LAYOUT")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["image"] = np.array([["pickle"]], dtype=h5py.string_dtype())
    refusal(lambda: hdf5.read_brats_slice(tmp_path / "c.h5", MRI), "E_LAYOUT")


def test_links_are_not_followed(tmp_path: Path) -> None:
    brats(tmp_path / "secret.h5")
    with h5py.File(tmp_path / "external.h5", "w") as file:
        file["image"] = h5py.ExternalLink("secret.h5", "/image")
    with h5py.File(tmp_path / "soft.h5", "w") as file:
        file["other"] = IMAGE
        file["image"] = h5py.SoftLink("/other")
    for name in ("external.h5", "soft.h5"):
        refusal(lambda name=name: hdf5.read_brats_slice(tmp_path / name, MRI), "E_LAYOUT")  # type: ignore[misc]


def test_data_in_other_files_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(IMAGE.tobytes())
    with h5py.File(tmp_path / "external.h5", "w") as file:
        file.create_dataset("image", IMAGE.shape, IMAGE.dtype, external=[(str(tmp_path / "raw"), 0, IMAGE.nbytes)])
    brats(tmp_path / "source.h5")
    layout = h5py.VirtualLayout(IMAGE.shape, IMAGE.dtype)
    layout[...] = h5py.VirtualSource(tmp_path / "source.h5", "image", IMAGE.shape)
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file.create_virtual_dataset("image", layout)
    for name in ("external.h5", "virtual.h5"):
        path = tmp_path / name
        with pytest.raises(InputError, match="in other files"):
            hdf5.read_brats_slice(path, MRI)


def test_sizes_are_limited(tmp_path: Path) -> None:
    path = tmp_path / "large.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("image", (40_000, 40_000, 4), "f8", chunks=(64, 64, 4))
    refusal(lambda: hdf5.read_brats_slice(path, MRI), "E_TOO_LARGE")
    with h5py.File(path, "w") as file:
        file.create_dataset("image", (24, 20, 4), "f8", chunks=(5000, 5000, 4), maxshape=(None, None, 4))
    refusal(lambda: hdf5.read_brats_slice(path, MRI), "E_TOO_LARGE")


def test_other_filters_are_refused(tmp_path: Path) -> None:
    path = brats(tmp_path / "a.h5", compression="lzf")
    with pytest.raises(InputError, match="unknown way"):
        hdf5.read_brats_slice(path, MRI)


def test_a_chunk_that_inflates_beyond_its_size(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        node = file.create_dataset("image", IMAGE.shape, "f8", chunks=IMAGE.shape, compression="gzip")
        node.id.write_direct_chunk((0, 0, 0), zlib.compress(bytes(64 << 20)))
    with pytest.raises(InputError, match="inflates beyond its size"):
        hdf5.read_brats_slice(path, MRI)
