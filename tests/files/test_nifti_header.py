import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.errors import InputError
from gliascope.files import nifti

MakeFile = Callable[..., Path]
Volume = NDArray[np.int16]


def refusal(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        nifti.read_scan({"t1n": path})
    assert caught.value.file == str(path)
    return caught.value


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><html><body>404</body></html>" * 20, "is an HTML page, not NIfTI"),
        (b"just some text\n" * 50, "is text, not NIfTI"),
        (b"\x89PNG\r\n\x1a\n" + bytes(600), "is a PNG picture, not NIfTI"),
        (bytes(128) + b"DICM" + bytes(600), "is a DICOM file, not NIfTI"),
        (bytes(600), "is not NIfTI"),
        (b"\x5c\x01\x00\x00abc", "is cut off inside its header"),
    ],
)
def test_other_content(tmp_path: Path, content: bytes, words: str) -> None:  # fault 5
    path = tmp_path / "a.nii"
    path.write_bytes(content)
    assert refusal(path).cause.startswith(words)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"magic": b"abc"}, "E_FORMAT"),
        ({"magic": b"ni1"}, "E_FORMAT"),
        ({"sizeof_hdr": 349}, "E_FORMAT"),
        ({"dim": [3, 30000, 30000, 30000, 1, 1, 1, 1]}, "E_TOO_LARGE"),  # fault 7
        ({"dim": [3, 1024, 1024, 1024, 1, 1, 1, 1]}, "E_TOO_LARGE"),  # fault 9: honest, but more than is read
        ({"dim": [3, 10, -9, 8, 1, 1, 1, 1]}, "E_SHAPE"),
        ({"dim": [0, 10, 9, 8, 1, 1, 1, 1]}, "E_SHAPE"),
        ({"dim": [9, 10, 9, 8, 1, 1, 1, 1]}, "E_SHAPE"),
        ({"dim": [2, 10, 9, 1, 1, 1, 1, 1]}, "E_SHAPE"),  # fault 15
        ({"dim": [3, 90, 8, 1, 1, 1, 1, 1]}, "E_SHAPE"),  # fault 44
        ({"dim": [5, 10, 9, 4, 1, 2, 1, 1]}, "E_SHAPE"),
        ({"datatype": 128, "bitpix": 24}, "E_DTYPE"),  # fault 20
        ({"datatype": 32, "bitpix": 64}, "E_DTYPE"),
        ({"datatype": 77}, "E_DTYPE"),
        ({"bitpix": 8}, "E_DTYPE"),
        ({"scl_slope": np.inf}, "E_SCALE"),  # fault 31
        ({"scl_slope": 1, "scl_inter": np.nan}, "E_SCALE"),
        ({"vox_offset": 100}, "E_OFFSET"),  # fault 33
        ({"vox_offset": 1e9}, "E_OFFSET"),
        ({"vox_offset": 352.5}, "E_OFFSET"),
        ({"vox_offset": np.nan}, "E_OFFSET"),
        ({"vox_offset": 100_000}, "E_TRUNCATED"),
    ],
)
def test_impossible_headers(nifti_file: MakeFile, volume: Volume, fields: dict[str, Any], code: str) -> None:
    start = time.process_time()
    assert refusal(nifti_file("a.nii", volume, **fields)).code == code
    assert refusal(nifti_file("a.nii.gz", volume, **fields)).code == code
    assert time.process_time() - start < 2


def with_extension(data: bytes, size: int, content: bytes) -> bytes:
    header = bytearray(data[:352])
    header[348] = 1
    struct.pack_into("<f", header, 108, 352 + len(content) + 8)
    return bytes(header) + struct.pack("<ii", size, 6) + content + data[352:]


def test_extensions_are_stepped_over(nifti_bytes: Callable[..., bytes], volume: Volume, tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    path.write_bytes(with_extension(nifti_bytes(volume), 32, b"a comment".ljust(24)))
    assert np.array_equal(nifti.read_scan({"t1n": path}).array[0], volume[::-1, ::-1])


@pytest.mark.parametrize("size", [2_000_000_000, -16, 4, 48])
def test_an_absurd_extension(  # fault 34
    nifti_bytes: Callable[..., bytes], volume: Volume, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "a.nii"
    path.write_bytes(with_extension(nifti_bytes(volume), size, bytes(24)))
    assert refusal(path).code == "E_EXTENSION"


def test_a_scale_that_is_not_a_number_is_noticed(nifti_file: MakeFile, volume: Volume) -> None:
    scan = nifti.read_scan({"t1n": nifti_file("a.nii", volume, scl_slope=np.nan, scl_inter=np.nan)})
    assert [notice.code for notice in scan.notices] == ["W_SCALE"]
    assert np.array_equal(scan.array[0], volume[::-1, ::-1])


def test_a_scale_of_zero_means_none(nifti_file: MakeFile, volume: Volume) -> None:
    scan = nifti.read_scan({"t1n": nifti_file("a.nii", volume, scl_slope=0, scl_inter=7)})
    assert np.array_equal(scan.array[0], volume[::-1, ::-1])


def test_a_tiny_volume_is_noticed(nifti_file: MakeFile, volume: Volume) -> None:  # fault 44
    scan = nifti.read_scan({"t1n": nifti_file("a.nii", volume[:2, :2, :2])})
    assert [notice.code for notice in scan.notices] == ["W_SMALL_VOLUME"]
    assert "2 x 2 x 2" in scan.notices[0].text
