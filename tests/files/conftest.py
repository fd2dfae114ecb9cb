"""Small NIfTI files, right or broken on purpose."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

LPS = np.array([[-1.0, 0, 0, 7], [0, -1.2, 0, 9], [0, 0, 2.0, -5], [0, 0, 0, 1]])


@pytest.fixture(scope="session")
def volume() -> NDArray[np.int16]:
    """Return int16 values of shape (10, 9, 8), all different."""
    return np.random.default_rng(3).permutation(720).reshape(10, 9, 8).astype(np.int16)


@pytest.fixture(scope="session")
def nifti_bytes() -> Callable[..., bytes]:
    """Return a function: array, affine and header fields to the bytes of a .nii file."""

    def make(array: NDArray[Any], affine: NDArray[Any] = LPS, *, version: int = 1, **fields: Any) -> bytes:  # noqa: ANN401 - any header value
        new_image: Any = nib.Nifti1Image if version == 1 else nib.Nifti2Image
        image = new_image(array, affine, dtype=array.dtype)
        image.header.set_xyzt_units("mm")
        image.set_qform(affine, code=1)
        image.set_sform(affine, code=1)
        data = bytearray(image.to_bytes())
        kind = nib.nifti1.header_dtype if version == 1 else nib.nifti2.header_dtype
        header = np.frombuffer(data[: kind.itemsize], dtype=kind).copy()
        for name, value in fields.items():
            header[name] = value
        data[: kind.itemsize] = header.tobytes()
        return bytes(data)

    return make


@pytest.fixture
def nifti_file(tmp_path: Path, nifti_bytes: Callable[..., bytes]) -> Callable[..., Path]:
    """Return a function: name, array … to a file on disk; compressed where the name ends with .gz."""

    def make(name: str, array: NDArray[Any], affine: NDArray[Any] = LPS, **fields: Any) -> Path:  # noqa: ANN401 - any header value
        data = nifti_bytes(array, affine, **fields)
        path = tmp_path / name
        path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
        return path

    return make
