"""The fault matrix as a user meets it, NIfTI: each row makes a faulty input and compares what ``check`` says."""

import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.files.nifti_stream import SPARE_BYTES

Build = Callable[[Path], list[object]]
"""Fills a folder and returns the arguments of ``check``."""
Array = NDArray[Any]

NAME = "t1c.nii.gz"
AFFINE = np.array([[1.0, 0, 0, -6], [0, 1.0, 0, -5], [0, 0, 1.0, -4], [0, 0, 0, 1]])
FOUR = ("--channels", "t1n,t1c,t2w,t2f")


class Answer(Protocol):
    """See ``conftest``."""

    def verify(self, code: int, says: str, names: str = "") -> None: ...


def volume(shape: tuple[int, ...] = (12, 11, 10), seed: int = 3) -> NDArray[np.int16]:
    return np.random.default_rng(seed).permutation(int(np.prod(shape))).reshape(shape).astype(np.int16)


def nifti(array: Array, affine: Array = AFFINE, **fields: Any) -> bytes:  # noqa: ANN401 - any header value
    """Return the bytes of a .nii file, with header fields set whatever they mean."""
    image = nib.Nifti1Image(array, affine, dtype=array.dtype)
    image.header.set_xyzt_units("mm")
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    data = image.to_bytes()
    header = np.frombuffer(data[:348], dtype=nib.nifti1.header_dtype).copy()
    for name, value in fields.items():
        header[name] = value
    return header.tobytes() + data[348:]


PLAIN = nifti(volume())
PACKED = gzip.compress(PLAIN, compresslevel=0, mtime=0)


def as_is(data: bytes, name: str = NAME) -> Build:
    def build(folder: Path) -> list[object]:
        (folder / name).write_bytes(data)
        return [folder / name]

    return build


def packed(data: bytes, *options: str, name: str = NAME) -> Build:
    return lambda folder: [*as_is(gzip.compress(data, mtime=0), name)(folder), *options]


def header(**fields: Any) -> Build:  # noqa: ANN401 - any header value
    return packed(nifti(volume(), **fields))


def voxels(array: Array, *options: str, affine: Array = AFFINE) -> Build:
    return packed(nifti(array, affine), *options)


def with_values(*values: float) -> Build:
    array = volume().astype(np.float64)
    array[0, 0, : len(values)] = values
    return voxels(array)


def labels(array: Array, *options: str) -> Build:
    return packed(nifti(array), *options, name="seg.nii.gz")


def label_values(*values: float) -> Array:
    return np.array(values, np.float32)[volume() % len(values)]


def study(inner: str = "", **files: bytes) -> Build:
    def build(folder: Path) -> list[object]:
        (folder / inner).mkdir(exist_ok=True)
        for name, data in files.items():
            (folder / inner / f"{name}.nii.gz").write_bytes(gzip.compress(data, mtime=0))
        return [folder]

    return build


def moved(*, x: float = 0.0, mirrored: bool = False, spacing_z: float = 1.0) -> Array:
    affine: Array = np.diag([-1.0 if mirrored else 1.0, 1, 1, 1]) @ AFFINE @ np.diag([1, 1, spacing_z, 1])
    affine[0, 3] += x
    return affine


def turned() -> Array:
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(0.44), -np.sin(0.44)], [np.sin(0.44), np.cos(0.44)]]
    return np.asarray(turn @ AFFINE)


def stored_as(axes: str) -> Build:
    orientations: Any = nib.orientations
    image: Any = nib.Nifti1Image(volume(), AFFINE)
    image = image.as_reoriented(
        orientations.ornt_transform(orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(axes))
    )
    return voxels(np.asarray(image.dataobj), affine=image.affine)


def big_endian(folder: Path) -> list[object]:
    nib.Nifti1Image(volume(), AFFINE, nib.Nifti1Header(endianness=">")).to_filename(folder / NAME)
    return [folder / NAME]


def extension_of_two_gigabytes() -> bytes:
    extension = struct.pack("<4b2i8x", 1, 0, 0, 0, 2**31 - 16, 6)
    return nifti(volume(), vox_offset=368)[:348] + extension + PLAIN[352:]


def scan_and_labels(folder: Path) -> list[object]:
    shifted = packed(nifti(label_values(0, 1, 2, 3), moved(x=15)), name="seg.nii.gz")
    return [*packed(PLAIN)(folder), *shifted(folder), "--scheme", "brats2023"]


def one_of_two_studies(folder: Path) -> list[object]:
    study("good", a_t1ce=PLAIN)(folder)
    return study("bad", a_t1ce=PLAIN, a_t1gd=nifti(volume(seed=4)))(folder)


def folder_named_nii_gz(folder: Path) -> list[object]:
    (folder / NAME).mkdir()
    return [folder / NAME]


def pipe_named_nii_gz(folder: Path) -> list[object]:
    os.mkfifo(folder / NAME)
    return [folder / NAME]


def tomography() -> Array:
    body = volume() % 200
    body[:4] = -1000
    return body


def odd_names(folder: Path) -> list[object]:
    (folder / "Größe 1").mkdir()
    return packed(PLAIN, name="Größe 1/Kopf 2026.11.20 T1c.nii.gz")(folder)


def links(folder: Path) -> list[object]:
    packed(PLAIN, name="abc.nii.gz")(folder)
    (folder / "study").mkdir()
    (folder / "study" / NAME).symlink_to(folder / "abc.nii.gz")
    (folder / "link").symlink_to("study")
    return [folder / "link"]


class Row(NamedTuple):
    """A fault and its outcome: exit code, code of the error or warning (empty: none), what the error names."""

    build: Build
    code: int
    says: str
    names: str


def row(name: str, build: Build, code: int = 0, says: str = "", names: str = "") -> Any:  # noqa: ANN401 - pytest's type
    return pytest.param(Row(build, code, says, names or NAME.removesuffix(".gz")), id=name)


ROWS = [
    row("01-cut-in-the-middle", as_is(PACKED[: len(PACKED) // 2]), 3, "E_TRUNCATED"),
    row("02-gzip-trailer-missing", as_is(PACKED[:-8]), 3, "E_TRUNCATED"),
    row("03-flipped-bit", as_is(PACKED[:1500] + bytes([PACKED[1500] ^ 1]) + PACKED[1501:]), 3, "E_CHECKSUM"),
    row("04-plain-named-gz", as_is(PLAIN), 3, "E_FORMAT"),
    row("04-gzip-named-nii", as_is(PACKED, "t1c.nii"), 3, "E_FORMAT"),
    row("05-wrong-magic", header(magic=b"abcd"), 3, "E_FORMAT"),
    row("05-wrong-header-size", header(sizeof_hdr=347), 3, "E_FORMAT"),
    row("05-web-page", as_is(b"<!DOCTYPE html><html>404</html>", "t1c.nii"), 3, "E_FORMAT", "is an HTML page"),
    row("06-zero-bytes", as_is(b""), 3, "E_EMPTY"),
    row("07-huge-header", header(dim=[3, 30000, 30000, 30000, 1, 1, 1, 1]), 3, "E_TOO_LARGE"),
    row("08-two-gigabytes-behind", as_is(PACKED + 2048 * gzip.compress(bytes(1 << 20))), 3, "E_TRAILING"),
    row("08-little-behind", packed(PLAIN + bytes(SPARE_BYTES // 2)), 0, "W_TRAILING"),
    row(
        "09-honest-eight-gigabytes",
        as_is(
            gzip.compress(nifti(volume(), dim=[3, 2048, 2048, 1024, 1, 1, 1, 1])[:352])
            + 1024 * gzip.compress(bytes(8 << 20))
        ),
        3,
        "E_TOO_LARGE",
    ),
    row("10-not-a-number", with_values(np.nan), 3, "E_NOT_FINITE", "1 NaN, of 1320"),
    row("11-infinite", with_values(np.inf, -np.inf), 3, "E_NOT_FINITE", "2 infinite"),
    row("12-beyond-float32", with_values(1e39), 3, "E_NOT_FINITE", "1 too large"),
    row("13-all-zero", voxels(np.zeros((12, 11, 10), np.int16)), 3, "E_BLANK"),
    row("14-constant", voxels(np.full((12, 11, 10), 7, np.int16)), 3, "E_BLANK"),
    row("15-two-dimensions", voxels(volume((12, 11))), 3, "E_SHAPE"),
    row("16-time-series", voxels(volume((8, 8, 8, 7))), 3, "E_SHAPE", "7 volumes"),
    row("17-fourth-axis-of-one", voxels(volume((12, 11, 10, 1)))),
    row("18-one-of-four-channels", voxels(volume((8, 8, 8)), *FOUR), 3, "E_CHANNELS", "holds 1 channel for 4 names"),
    row("18-three-of-four-channels", voxels(volume((8, 8, 8, 3)), *FOUR), 3, "E_CHANNELS", "3 channels for 4"),
    row("18-five-of-four-channels", voxels(volume((8, 8, 8, 5)), *FOUR), 3, "E_CHANNELS", "t1n, t1c, t2w, t2f"),
    row("18-four-channels", voxels(volume((8, 8, 8, 4)), *FOUR)),
    row("19-no-names", packed(nifti(volume((8, 8, 8, 4))), name="all.nii.gz"), 3, "E_CHANNELS", "all.nii.gz"),
    row("20-colored", voxels(np.zeros((8, 8, 8), np.dtype([(c, "u1") for c in "RGB"]))), 3, "E_DTYPE"),
    row("20-complex", voxels(volume().astype(np.complex64)), 3, "E_DTYPE"),
    row("21-left-or-right", header(srow_x=[-1, 0, 0, 5]), 3, "E_ORIENTATION"),
    row("22-no-orientation", header(sform_code=0, qform_code=0), 0, "W_ORIENTATION_UNKNOWN"),
    *(row(f"23-stored-as-{axes}", stored_as(axes)) for axes in ("LPS", "LAS", "PIR", "SLP")),
    row("24-oblique", voxels(volume(), affine=turned())),
    row("25-thick-slices", voxels(volume(), affine=moved(spacing_z=5)), 0, "W_THICK_SLICES"),
    row("26-voxel-size-zero", header(pixdim=[1, 1, 0, 1, 0, 0, 0, 0]), 3, "E_VOXEL_SIZE"),
    row("27-voxel-size-negative", header(pixdim=[1, 1, -1, 1, 0, 0, 0, 0]), 3, "E_VOXEL_SIZE"),
    row("28-singular-affine", header(srow_y=[1, 0, 0, 0]), 3, "E_AFFINE"),
    row("29-affine-not-a-number", header(srow_y=[np.nan, 1, 0, 0]), 3, "E_AFFINE"),
    row("30-meters", header(xyzt_units=1), 3, "E_UNITS"),
    row("30-microns", header(xyzt_units=3), 3, "E_UNITS"),
    row("31-slope-and-intercept", header(scl_slope=2.5, scl_inter=10)),
    row("31-infinite-slope", header(scl_slope=np.inf), 3, "E_SCALE"),
    row("31-slope-not-a-number", header(scl_slope=np.nan), 0, "W_SCALE"),
    row("32-big-endian", big_endian),
    row("33-voxels-past-the-end", header(vox_offset=1 << 20), 3, "E_TRUNCATED"),
    row("33-voxels-inside-the-header", header(vox_offset=100), 3, "E_OFFSET"),
    row("34-extension-of-2-GB", packed(extension_of_two_gigabytes()), 3, "E_EXTENSION"),
    row("35-other-shape", study(t1c=PLAIN, t2f=nifti(volume((12, 11, 9)))), 3, "E_GRID", "t2f.nii.gz"),
    row("36-shifted", study(t1c=PLAIN, t2f=nifti(volume(), moved(x=15))), 3, "E_GRID", "t2f.nii.gz"),
    row("36-mirrored", study(t1c=PLAIN, t2f=nifti(volume(), moved(mirrored=True))), 3, "E_GRID", "t2f.nii.gz"),
    row("36-label-map-shifted", scan_and_labels, 6, "E_GRID", "seg.nii.gz"),
    row("37-byte-copy", study(t1n=PLAIN, t2f=PLAIN), 0, "W_SAME_FILE"),
    row("40-two-candidates", study(a_t1ce=PLAIN, a_t1gd=PLAIN), 3, "E_AMBIGUOUS", "a_t1ce.nii.gz and a_t1gd.nii.gz"),
    row("40-in-one-of-two-studies", one_of_two_studies, 6, "E_AMBIGUOUS", "bad"),
    row("41-outside", labels(label_values(0, 1, 7), "--scheme", "brats2023"), 3, "E_LABEL", "7 (440)"),
    row("41-fractional", labels(label_values(0, 1, 0.5), "--scheme", "brats2023"), 3, "E_LABEL", "0.5 (440)"),
    row("41-negative", labels(label_values(0, 1, -1), "--scheme", "brats2023"), 3, "E_LABEL", "-1 (440)"),
    row("41-an-image", labels(volume()), 3, "E_LABEL", "label values 0…1319 (1320 different values) fit"),
    row("42-et-is-3", labels(label_values(0, 1, 2, 3), "--scheme", "brats2017"), 3, "E_LABEL", "seg.nii.gz"),
    row("42-four-without-three", labels(label_values(0, 1, 2, 4)), 3, "E_LABEL_SCHEME", "seg.nii.gz"),
    row("42-scheme-named", labels(label_values(0, 1, 2, 4), "--scheme", "brats2017")),
    row("43-hdr-without-img", as_is(PLAIN, "t1c.hdr"), 3, "E_FORMAT", "one half of a .hdr/.img pair"),
    row("43-folder-named-nii-gz", folder_named_nii_gz, 3, "E_EMPTY"),
    row("43-pipe-named-nii-gz", pipe_named_nii_gz, 3, "E_FORMAT", "neither a file nor a folder"),
    row("44-two-voxels-wide", voxels(volume((2, 2, 2))), 0, "W_SMALL_VOLUME"),
    row("44-single-slice", voxels(volume((12, 11, 1))), 3, "E_SHAPE"),
    row("45-computed-tomography", voxels(tomography()), 0, "W_INTENSITY"),
    row("46-blanks-dots-umlauts", odd_names),
    row("46-links", links),
]


@pytest.mark.parametrize("row", ROWS)
def test_check(command: Callable[..., Answer], tmp_path: Path, row: Row) -> None:
    command("check", *row.build(tmp_path)).verify(row.code, row.says, row.names)
