import io
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gliascope.errors import InputError
from gliascope.files.picture_pixels import read_pixels

GRAY = np.arange(12 * 10, dtype=np.uint8).reshape(12, 10)  # 12 rows, 10 columns
COLOR = np.stack([GRAY, GRAY + 1, 255 - GRAY], axis=-1)

STORED_AS = {  # how an upright picture lies in a file of each EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def save(path: Path, image: Image.Image, **options: Any) -> Path:  # noqa: ANN401 - Pillow's options
    image.save(path, **options)
    return path


def refusal(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        read_pixels(path)
    assert caught.value.file == str(path)
    return caught.value


def codes(path: Path) -> list[str]:
    return [notice.code for notice in read_pixels(path).notices]


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "a.gif"])
def test_gray_is_transposed_to_columns_first(tmp_path: Path, name: str) -> None:
    pixels = read_pixels(save(tmp_path / name, Image.fromarray(GRAY)))
    assert pixels.array.dtype == np.float32
    assert pixels.array.flags.c_contiguous
    assert pixels.size == (10, 12)
    assert np.array_equal(pixels.array, GRAY.T[None])
    assert pixels.is_gray
    assert pixels.notices == ()


@pytest.mark.parametrize("name", ["a.jpg", "a.jpeg", "a.webp"])
def test_lossy_formats(tmp_path: Path, name: str) -> None:
    flat = np.full((16, 16, 3), 90, dtype=np.uint8)
    assert np.abs(read_pixels(save(tmp_path / name, Image.fromarray(flat))).array - 90).max() <= 2


def test_color(tmp_path: Path) -> None:
    pixels = read_pixels(save(tmp_path / "a.png", Image.fromarray(COLOR)))
    assert np.array_equal(pixels.array, np.moveaxis(COLOR, (0, 1, 2), (2, 1, 0)))
    assert not pixels.is_gray


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bits_are_scaled_by_their_range(tmp_path: Path, name: str) -> None:  # fault 83
    values = np.linspace(0, 65535, 120).astype(np.uint16).reshape(12, 10)
    pixels = read_pixels(save(tmp_path / name, Image.fromarray(values)))
    assert np.allclose(pixels.array[0], values.T / 257, atol=1e-3)
    assert pixels.array.max() == 255
    assert pixels.is_gray


def test_floating_point_is_kept(tmp_path: Path) -> None:
    values = GRAY.astype(np.float32) * -1234.5
    assert np.array_equal(read_pixels(save(tmp_path / "a.tif", Image.fromarray(values))).array[0], values.T)


def test_32_bit_integers_are_kept(tmp_path: Path) -> None:
    values = GRAY.astype(np.int32) * 1000
    assert np.array_equal(read_pixels(save(tmp_path / "a.tif", Image.fromarray(values))).array[0], values.T)


@pytest.mark.parametrize(("value", "words"), [(np.nan, "2 NaN, 0 infinite"), (np.inf, "0 NaN, 2 infinite")])
def test_floating_point_that_is_no_number(tmp_path: Path, value: float, words: str) -> None:  # fault 84
    values = GRAY.astype(np.float32)
    values[0, :2] = value
    error = refusal(save(tmp_path / "a.tif", Image.fromarray(values)))
    assert error.code == "E_NOT_FINITE"
    assert f"{words}, of 120" in error.cause


def test_black_and_white(tmp_path: Path) -> None:
    pixels = read_pixels(save(tmp_path / "a.png", Image.fromarray(GRAY > 60)))
    assert np.array_equal(pixels.array[0], (GRAY > 60).T * 255)
    assert pixels.is_gray


def test_palettes(tmp_path: Path) -> None:  # fault 82
    colored = Image.fromarray(COLOR).quantize(32)
    pixels = read_pixels(save(tmp_path / "color.png", colored))
    expected = np.asarray(colored.convert("RGB"))
    assert np.array_equal(pixels.array, np.moveaxis(expected, (0, 1, 2), (2, 1, 0)))
    grays = Image.fromarray(GRAY).convert("P")
    grays.putpalette([level for level in range(256) for _ in range(3)])
    assert read_pixels(save(tmp_path / "gray.png", grays)).is_gray
    see_through = colored.copy()
    see_through.info["transparency"] = bytes(range(32))
    assert read_pixels(save(tmp_path / "alpha.png", see_through)).array.shape == (3, 10, 12)


def test_transparency_is_laid_over_black(tmp_path: Path) -> None:  # fault 81
    layers = np.dstack([COLOR, np.where(GRAY < 60, 0, 255).astype(np.uint8)])
    pixels = read_pixels(save(tmp_path / "a.png", Image.fromarray(layers, mode="RGBA")))
    assert np.array_equal(pixels.array[1], np.where(GRAY < 60, 0, GRAY + 1).T)
    assert not pixels.is_gray
    both = Image.fromarray(np.dstack([GRAY, GRAY]), mode="LA")
    assert read_pixels(save(tmp_path / "b.png", both)).is_gray


def test_cmyk_is_converted_with_a_notice(tmp_path: Path) -> None:  # fault 80
    path = save(tmp_path / "a.tif", Image.fromarray(COLOR).convert("CMYK"))
    assert codes(path) == ["W_COLOR_MODEL"]
    assert np.abs(read_pixels(path).array - np.moveaxis(COLOR, (0, 1, 2), (2, 1, 0))).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_exif_rotation_is_applied(tmp_path: Path, name: str, orientation: int) -> None:  # fault 86
    image = Image.fromarray(GRAY)
    if orientation in STORED_AS:
        image = image.transpose(STORED_AS[orientation])
    exif = Image.Exif()
    exif[274] = orientation
    pixels = read_pixels(save(tmp_path / name, image, exif=exif))
    assert np.array_equal(pixels.array[0], GRAY.T)


@pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.png", "a.webp"])
def test_of_several_frames_the_first_counts(tmp_path: Path, name: str) -> None:  # fault 85
    frames = [Image.fromarray(GRAY), Image.fromarray(255 - GRAY)]
    options = {"lossless": True} if name.endswith("webp") else {}
    path = save(tmp_path / name, frames[0], save_all=True, append_images=frames[1:], **options)
    assert codes(path) == ["W_FIRST_FRAME"]
    assert np.array_equal(read_pixels(path).array[0], GRAY.T)


def test_two_pictures_in_one_jpeg(tmp_path: Path) -> None:  # fault 85: MPO
    frames = [Image.fromarray(COLOR), Image.fromarray(COLOR)]
    path = save(tmp_path / "a.jpg", frames[0], format="MPO", save_all=True, append_images=frames[1:])
    assert codes(path) == ["W_FIRST_FRAME"]


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.gif", "a.webp"])
@pytest.mark.parametrize("share", [0.03, 0.5, 0.9])
def test_cut_pictures(tmp_path: Path, name: str, share: float) -> None:  # fault 87
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    path = save(tmp_path / name, Image.fromarray(noise))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert refusal(path).code in ("E_DAMAGED", "E_FORMAT")


@pytest.mark.parametrize("position", [-20, -30, 60])
def test_png_checksums_are_compared(tmp_path: Path, position: int) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(GRAY), compress_level=0)
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    assert refusal(path).code == "E_DAMAGED"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not a picture, just text", "is text, not a picture"),
        (b"<html><script>alert(1)</script></html>", "is an HTML page, not a picture"),
        (bytes(100), "is not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is text, not a picture"),
    ],
)
def test_other_content(tmp_path: Path, content: bytes, words: str) -> None:  # fault 88
    (tmp_path / "a.jpg").write_bytes(content)
    error = refusal(tmp_path / "a.jpg")
    assert error.cause.startswith(words)
    assert error.code == "E_FORMAT"


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    assert refusal(tmp_path / "a.jpg").code == "E_EMPTY"


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *, extra: bytes = b"", rows: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [60_000, 10_000, 8_100])
def test_gigapixels_are_refused_before_they_are_unpacked(tmp_path: Path, side: int) -> None:  # fault 89
    (tmp_path / "a.png").write_bytes(png(side, side))
    start = time.process_time()
    assert refusal(tmp_path / "a.png").code == "E_TOO_LARGE"
    assert time.process_time() - start < 1


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_a_text_chunk_that_inflates_to_50_mb(tmp_path: Path, kind: bytes) -> None:  # fault 90
    packed = zlib.compress(bytes(50 << 20))
    content = b"key\0\0" + packed if kind == b"zTXt" else b"key\0\1\0\0\0" + packed
    (tmp_path / "a.png").write_bytes(png(10, 12, extra=chunk(kind, content), rows=bytes(12 * 11)))
    assert refusal(tmp_path / "a.png").code == "E_DAMAGED"


@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "PNG"), ("a.png", "JPEG"), ("noending", "PNG")])
def test_the_content_counts_not_the_name(tmp_path: Path, name: str, kind: str) -> None:  # fault 91
    path = save(tmp_path / name, Image.fromarray(GRAY), format=kind)
    assert codes(path) == ["W_FORMAT_NAME"]
    assert read_pixels(path).notices[0].file == name


@pytest.mark.parametrize("size", [(1, 1), (4000, 1), (7, 100), (10, 201)])
def test_sizes_that_show_no_head(tmp_path: Path, size: tuple[int, int]) -> None:  # fault 92
    error = refusal(save(tmp_path / "a.png", Image.new("L", size, 9)))
    assert error.code == "E_PICTURE_SIZE"
    assert f"{size[0]} x {size[1]}" in error.cause


def test_nothing_of_the_exif_text_is_kept(tmp_path: Path) -> None:  # fault 94
    exif = Image.Exif()
    exif[0x010E] = "ZZPHI name"
    pixels = read_pixels(save(tmp_path / "a.jpg", Image.fromarray(GRAY), exif=exif))
    assert "ZZPHI" not in repr(vars(pixels))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_broken_exif_is_no_crash(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(GRAY).save(buffer, format="JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue())
    values: NDArray[np.float32] = read_pixels(tmp_path / "a.jpg").array
    assert values.shape == (1, 10, 12)
