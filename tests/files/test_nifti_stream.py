import gzip
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.errors import InputError
from gliascope.files import nifti
from gliascope.files.nifti_stream import SPARE_BYTES, count_rest, open_stream

MakeFile = Callable[..., Path]
Volume = NDArray[np.int16]


def code_of(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        nifti.read_scan({"t1n": path})
    assert caught.value.file == str(path)
    assert caught.value.hint
    return caught.value.code


@pytest.mark.parametrize("missing", [1, 8, 9, 200, 900])  # 8: the gzip trailer only
def test_a_cut_gzip_file(nifti_file: MakeFile, volume: Volume, missing: int) -> None:  # faults 1, 2
    path = nifti_file("a.nii.gz", volume)
    path.write_bytes(path.read_bytes()[:-missing])
    assert code_of(path) == "E_TRUNCATED"


def test_a_cut_plain_file(nifti_file: MakeFile, volume: Volume) -> None:
    path = nifti_file("a.nii", volume)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="cut off: 1439 of 1440 bytes"):
        nifti.read_scan({"t1n": path})


def test_a_wrong_checksum(nifti_file: MakeFile, volume: Volume) -> None:  # fault 3
    path = nifti_file("a.nii.gz", volume)
    data = bytearray(path.read_bytes())
    data[-6] ^= 1
    path.write_bytes(data)
    assert code_of(path) == "E_CHECKSUM"


def test_a_flipped_bit_in_stored_blocks(nifti_bytes: Callable[..., bytes], volume: Volume, tmp_path: Path) -> None:
    data = bytearray(gzip.compress(nifti_bytes(volume), compresslevel=0))
    data[-100] ^= 64  # uncompressed blocks: only the checksum can tell
    path = tmp_path / "a.nii.gz"
    path.write_bytes(data)
    assert code_of(path) == "E_CHECKSUM"


def test_names_must_say_what_the_content_is(nifti_file: MakeFile, volume: Volume, tmp_path: Path) -> None:  # fault 4
    plain, zipped = nifti_file("a.nii", volume), nifti_file("b.nii.gz", volume)
    assert code_of(plain.rename(tmp_path / "plain.nii.gz")) == "E_FORMAT"
    assert code_of(zipped.rename(tmp_path / "zipped.nii")) == "E_FORMAT"
    assert code_of(nifti_file("a.mgz", volume)) == "E_FORMAT"


@pytest.mark.parametrize("name", ["a.hdr", "a.img", "A.HDR.GZ"])
def test_halves_of_a_pair(tmp_path: Path, name: str) -> None:  # fault 43
    (tmp_path / name).write_bytes(bytes(400))
    assert code_of(tmp_path / name) == "E_FORMAT"


def test_empty_missing_folder_and_pipe(tmp_path: Path) -> None:  # faults 6, 43
    (tmp_path / "empty.nii.gz").write_bytes(b"")
    (tmp_path / "folder.nii.gz").mkdir()
    os.mkfifo(tmp_path / "pipe.nii.gz")
    (tmp_path / "loop.nii.gz").symlink_to("loop.nii.gz")
    start = time.monotonic()
    assert code_of(tmp_path / "empty.nii.gz") == "E_EMPTY"
    assert code_of(tmp_path / "folder.nii.gz") == "E_NOT_A_FILE"
    assert code_of(tmp_path / "pipe.nii.gz") == "E_NOT_A_FILE"
    assert code_of(tmp_path / "loop.nii.gz") == "E_MISSING"
    assert code_of(tmp_path / "nothing.nii.gz") == "E_MISSING"
    assert time.monotonic() - start < 1


def test_several_gzip_members_are_one_stream(nifti_bytes: Callable[..., bytes], volume: Volume, tmp_path: Path) -> None:
    data = nifti_bytes(volume)
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(data[:100]) + bytes(3) + gzip.compress(data[100:]) + bytes(500))
    assert np.array_equal(nifti.read_scan({"t1n": path}).array[0], volume[::-1, ::-1])


def test_foreign_bytes_after_the_gzip_data(nifti_file: MakeFile, volume: Volume) -> None:
    path = nifti_file("a.nii.gz", volume)
    path.write_bytes(path.read_bytes() + b"garbage")
    assert code_of(path) == "E_DAMAGED"
    path.write_bytes(path.read_bytes()[:-7] + bytes(SPARE_BYTES + 1))
    assert code_of(path) == "E_TRAILING"


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_few_bytes_beyond_the_voxels_are_noticed(
    nifti_bytes: Callable[..., bytes], volume: Volume, tmp_path: Path, name: str
) -> None:
    data = nifti_bytes(volume) + bytes(100)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    (notice,) = nifti.read_scan({"t1n": tmp_path / name}).notices
    assert notice.code == "W_TRAILING"
    assert "100 bytes" in notice.text


def test_a_bomb_is_left_early(nifti_bytes: Callable[..., bytes], volume: Volume, tmp_path: Path) -> None:  # fault 8
    zeros = gzip.compress(bytes(64 << 20), compresslevel=9)
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(gzip.compress(nifti_bytes(volume)) + zeros * 32)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    assert code_of(path) == "E_TRAILING"
    assert time.process_time() - start < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_reading_stops_at_the_end(nifti_file: MakeFile, volume: Volume) -> None:
    path = nifti_file("a.nii.gz", volume)
    with open_stream(path) as stream:
        buffer = bytearray(5000)
        assert stream.read_into(memoryview(buffer)) == 352 + 1440
        assert count_rest(stream) == 0
