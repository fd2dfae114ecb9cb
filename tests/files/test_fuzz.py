"""Mutated and cut files of every format: a result or an ``InputError`` that names the file, and nothing else."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gliascope.errors import InputError
from gliascope.files import hdf5, nifti, picture
from gliascope.labels import SCHEMES

RNG = np.random.default_rng(11)
ROWS = RNG.integers(0, 255, (16, 12), dtype=np.uint8)


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([ROWS, ROWS, ROWS]) if kind in ("JPEG", "WEBP") else ROWS).save(buffer, format=kind)
    return buffer.getvalue()


def hdf5_bytes() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_dataset("image", data=RNG.normal(size=(12, 10, 4)), compression="gzip", chunks=(12, 10, 4))
        file.create_dataset("mask", data=np.zeros((12, 10, 3), dtype=np.uint8))
    return buffer.getvalue()


def survives(read: Callable[[], object], path: Path) -> bool:
    """Return whether the file was read; fail on anything but a proper refusal."""
    refusal = None
    try:
        read()
    except InputError as fault:
        refusal = fault
    assert refusal is None or (refusal.file == str(path) and "\n" not in str(refusal))
    return refusal is None


@st.composite
def damages(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Draw a function that overwrites a few bytes, mostly near the front, or cuts the end off."""
    count = draw(st.integers(0, 4))
    places = [draw(st.one_of(st.integers(0, 400), st.integers(0, 10**6))) for _ in range(count)]
    values = [draw(st.sampled_from([0, 1, 127, 128, 255]) | st.integers(0, 255)) for _ in range(count)]
    keep = draw(st.none() | st.floats(0, 1))

    def apply(data: bytes) -> bytes:
        changed = bytearray(data)
        for place, value in zip(places, values, strict=True):
            changed[place % len(changed)] = value
        return bytes(changed) if keep is None else bytes(changed[: int(keep * len(changed))])

    return apply


fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("version", [1, 2])
@fuzz
@given(damage=damages())
def test_nifti(
    name: str, version: int, damage: Callable[[bytes], bytes], nifti_bytes: Callable[..., bytes], tmp_path: Path
) -> None:
    labels = RNG.integers(0, 4, (6, 5, 4)).astype(np.int16)
    data, path = damage(nifti_bytes(labels, version=version)), tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    survives(lambda: nifti.read_scan({"t1n": path}), path)
    survives(lambda: nifti.read_label_map(path, SCHEMES["brats2023"]), path)
    survives(lambda: nifti.peek(path), path)


@fuzz
@given(damage=damages())
def test_gzip_around_nifti(damage: Callable[[bytes], bytes], nifti_bytes: Callable[..., bytes], tmp_path: Path) -> None:
    volume = np.arange(120, dtype=np.int16).reshape(6, 5, 4)
    whole = gzip.compress(nifti_bytes(volume), mtime=0)
    data, path = damage(whole), tmp_path / "a.nii.gz"
    path.write_bytes(data)
    if survives(lambda: nifti.read_scan({"t1n": path}), path):
        # Ten bytes of gzip header may change freely; a voxel may not.
        assert np.array_equal(nifti.read_scan({"t1n": path}).array[0], volume[::-1, ::-1])


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP"])
@fuzz
@given(damage=damages())
def test_pictures(kind: str, damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(damage(encoded(kind)))
    survives(lambda: picture.read_picture(path), path)
    survives(lambda: picture.read_mask(path, None), path)


@fuzz
@given(damage=damages())
def test_hdf5(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    path.write_bytes(damage(hdf5_bytes()))
    survives(lambda: hdf5.read_brats_slice(path, ("t1n", "t1c", "t2w", "t2f")), path)
    survives(lambda: hdf5.read_brats_slice_mask(path, None), path)
    survives(lambda: hdf5.read_figshare(path), path)
