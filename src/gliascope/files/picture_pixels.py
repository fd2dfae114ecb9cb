"""Pixels of one picture file, after every check a picture must pass.

One documented conversion per color model: palettes and CMYK become red, green, blue; transparency is laid over
black; the EXIF rotation is applied; the first frame of several counts.
"""

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from gliascope.errors import InputError, Notice
from gliascope.files.door import content_kind, only_input_errors, read_bytes, wrong_kind

MAX_FILE_BYTES = 256 << 20
"""No picture file larger than 256 MiB is opened."""

MAX_PIXELS = 64_000_000
"""Pixels of one picture (8000 x 8000)."""

MIN_SIDE = 8
"""A picture with a shorter side shows no brain."""

MAX_ASPECT = 20
"""Nor does one that is this many times longer than wide."""

_FORMATS: dict[str, tuple[str, ...]] = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".jpg", ".jpeg", ".mpo"),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "WEBP": (".webp",),
}
_OPENED = tuple(kind for kind in _FORMATS if kind != "MPO")  # Pillow finds MPO behind JPEG
_GRAY_MODES = frozenset({"1", "L", "LA", "I", "F"})


@dataclass(frozen=True, eq=False)
class Pixels:
    """What a picture shows.

    Args:
        array: Values, float32, shape ``(C, I, J)`` with C of 1 or 3; ``I`` runs along rows, ``J`` down.
        is_gray: The file stores gray values, or a palette of grays.
        notices: What was noticed.
    """

    array: NDArray[np.float32]
    is_gray: bool
    notices: tuple[Notice, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return (self.array.shape[1], self.array.shape[2])


def read_pixels(path: Path) -> Pixels:
    """Read a picture by its content, whatever its name ends with.

    Raises:
        InputError: The file is no picture, damaged, cut off, too large, too small, or holds NaN or infinity.
    """
    data = read_bytes(path, limit_bytes=MAX_FILE_BYTES)
    with only_input_errors(path, "a picture"):
        try:
            picture = Image.open(io.BytesIO(data), formats=_OPENED)
        except UnidentifiedImageError:
            raise _not_opened(path, data[:512]) from None
        except Image.DecompressionBombError:
            cause = f"is too large: more than {MAX_PIXELS} pixels"
            raise InputError(cause, file=path, hint="Crop or shrink it.", code="E_TOO_LARGE") from None
        with picture:
            _check_size(picture.size, path)
            notices = _look_at(picture, path)
            if picture.format == "PNG":
                _check_sums(data)
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            values, is_gray = _values(upright)
    array = np.ascontiguousarray(np.moveaxis(values, (0, 1, 2), (2, 1, 0)), dtype=np.float32)
    _check_finite(array, path)
    return Pixels(array, is_gray, notices)


def _not_opened(path: Path, head: bytes) -> InputError:
    kind = content_kind(head)
    if not kind.endswith("picture"):
        return wrong_kind(path, head, "a picture")
    return InputError(f"is {kind}, but a damaged one", file=path, hint="Copy or export it again.", code="E_DAMAGED")


def _check_sums(data: bytes) -> None:
    """Compare every chunk of a PNG with its checksum; decoding alone would not."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
        picture.verify()


def _check_size(size: tuple[int, int], path: Path) -> None:
    width, height = size
    words = f"{width} x {height} pixels"
    if width * height > MAX_PIXELS:
        cause = f"is too large: {words} where at most {MAX_PIXELS} pixels are read"
        raise InputError(cause, file=path, hint="Crop or shrink it.", code="E_TOO_LARGE")
    if min(size) < MIN_SIDE or max(size) > MAX_ASPECT * min(size):
        raise InputError(f"is {words}, no picture of a head", file=path, hint="Check the file.", code="E_PICTURE_SIZE")


def _look_at(picture: Image.Image, path: Path) -> tuple[Notice, ...]:
    notices: tuple[Notice, ...] = ()
    kind = str(picture.format)
    suffix = path.suffix.lower()
    if suffix not in _FORMATS[kind]:
        text = f"The file is named {suffix or 'without ending'} but holds {kind}; it is read as {kind}."
        notices += (Notice("W_FORMAT_NAME", path.name, text),)
    if getattr(picture, "is_animated", False):
        notices += (Notice("W_FIRST_FRAME", path.name, "The file holds several frames; the first is read."),)
    if picture.mode == "CMYK":
        text = "CMYK colors (made for print) are converted without a color profile."
        notices += (Notice("W_COLOR_MODEL", path.name, text),)
    return notices


def _values(picture: Image.Image) -> tuple[NDArray[Any], bool]:
    """Return values of shape ``(rows, columns, C)`` and whether the file stores gray."""
    mode = picture.mode
    if mode.startswith("I;16"):
        # The full range of 16 bits becomes that of 8 bits, so that one scale holds for every picture.
        return np.asarray(picture).astype(np.float32)[..., None] * np.float32(255 / 65535), True
    if mode in ("I", "F"):
        return np.asarray(picture)[..., None], True
    if mode == "1":
        return np.asarray(picture.convert("L"))[..., None], True
    if mode == "L" and "transparency" not in picture.info:
        return np.asarray(picture)[..., None], True
    if mode in ("RGB", "CMYK", "YCbCr", "HSV", "LAB", "RGBX") and "transparency" not in picture.info:
        return np.asarray(picture.convert("RGB")), False
    layers = np.asarray(picture.convert("RGBA"))
    alpha = layers[..., 3:].astype(np.float32) / 255
    colors = np.rint(layers[..., :3] * alpha)
    is_gray = mode in _GRAY_MODES or (mode in ("P", "PA") and bool(np.all(colors == colors[..., :1])))
    return (colors[..., :1] if is_gray else colors), is_gray


def _check_finite(array: NDArray[np.float32], path: Path) -> None:
    if math.isfinite(float(array.min())) and math.isfinite(float(array.max())):
        return
    nan, infinite = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    cause = f"has pixels that are no intensities: {nan} NaN, {infinite} infinite, of {array.size}"
    raise InputError(cause, file=path, hint="Export it again.", code="E_NOT_FINITE")
