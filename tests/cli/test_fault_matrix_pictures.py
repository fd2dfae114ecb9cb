"""The fault matrix as a user meets it, pictures and data sets: what ``check`` says about each faulty input."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Build = Callable[[Path], list[object]]
"""Fills a folder and returns the arguments of ``check``."""

RNG = np.random.default_rng(5)
GRAY = RNG.integers(0, 255, (24, 20), dtype=np.uint8)
COLORS = RNG.integers(0, 255, (24, 20, 3), dtype=np.uint8)


class Answer(Protocol):
    """See ``conftest``."""

    def verify(self, code: int, says: str, names: str = "") -> None: ...


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()


def picture(values: NDArray[Any], mode: str | None = None) -> Image.Image:
    image = Image.fromarray(values)
    return image if mode is None else image.convert(mode)


PNG = encoded(picture(GRAY))
JPG = encoded(picture(GRAY), "JPEG")


def one(name: str, data: bytes) -> Build:
    def build(folder: Path) -> list[object]:
        (folder / name).write_bytes(data)
        return [folder / name]

    return build


def several(kind: str) -> bytes:
    return encoded(picture(GRAY), kind, save_all=True, append_images=[picture(GRAY[::-1].copy())])


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *extra: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0))
    body = chunk(
        b"IDAT", zlib.compress(b"".join(b"\0" + bytes(GRAY[r % 24, :1]) * width for r in range(min(height, 24))))
    )
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + body + chunk(b"IEND", b"")


def tree(*options: str, **files: bytes) -> Build:
    """Write files below the folder, ``__`` for ``/`` and ``_dot_`` for ``.``, and check the folder."""

    def build(folder: Path) -> list[object]:
        for name, data in files.items():
            path = folder / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return [folder, *options]

    return build


def own(**files: bytes) -> Build:
    """Check files as a data set of one's own."""
    return tree("--dataset", "folder", **files)


def manifest(text: str, encoding: str = "utf-8") -> Build:
    return own(manifest_dot_csv=text.encode(encoding), a_dot_png=PNG, b_dot_png=PNG)


def mask(values: NDArray[np.uint8]) -> Build:
    return own(images__a_dot_png=PNG, masks__a_dot_png=encoded(picture(values)))


def empty_class(folder: Path) -> list[object]:
    (folder / "glioma").mkdir()
    return own(pituitary__a_dot_png=PNG)(folder)


def link_to_the_parent(folder: Path) -> list[object]:
    one("a.png", PNG)(folder)
    (folder / "loop").symlink_to(folder)
    return [folder]


def hostile_names(folder: Path) -> list[object]:
    """Names with HTML, control characters, bytes that are no UTF-8, and the looks of an option or a formula."""
    names = [b"<img src=x onerror=alert(1)>", b"a\x1b[31m\nb", b"-rf", b"=1+1", b"\xff\xfe", "\u202egnp".encode()]
    for name in names:
        Path(f"{folder}/{name.decode(errors='surrogateescape')}.png").write_bytes(b"no picture")
    return [folder, "--no-stack"]


class Row(NamedTuple):
    """A fault and its outcome: exit code, code of the error or warning (empty: none), what the error names."""

    build: Build
    code: int
    says: str
    names: str


def row(name: str, build: Build, code: int = 0, says: str = "", names: str = "") -> Any:  # noqa: ANN401 - pytest's type
    return pytest.param(Row(build, code, says, names), id=name)


LINE = "path,patient,group,label,split\n"
ROWS = [
    row("80-cmyk", one("a.jpg", encoded(picture(COLORS, "CMYK"), "JPEG")), 0, "W_COLOR_MODEL"),
    row("81-rgba", one("a.png", encoded(picture(COLORS, "RGBA")))),
    row("82-palette", one("a.png", encoded(picture(COLORS, "P")))),
    row("82-palette-with-transparency", one("a.png", encoded(picture(COLORS, "P"), transparency=b"\0\1\2"))),
    row("83-16-bit", one("a.png", encoded(picture(GRAY.astype(np.uint16) * 257)))),
    row(
        "84-not-a-number",
        one("a.tif", encoded(picture(GRAY * np.float32("nan")), "TIFF")),
        3,
        "E_NOT_FINITE",
        "480 NaN",
    ),
    row("85-animated-gif", one("a.gif", several("GIF")), 0, "W_FIRST_FRAME"),
    row("85-multi-page-tif", one("a.tif", several("TIFF")), 0, "W_FIRST_FRAME"),
    row("85-mpo", one("a.jpg", several("MPO")), 0, "W_FIRST_FRAME"),
    row("87-cut-off", one("a.jpg", JPG[: len(JPG) // 2]), 3, "E_DAMAGED", "a.jpg"),
    row("88-text", one("a.jpg", b"this is text"), 3, "E_FORMAT", "is text"),
    row("88-web-page", one("a.jpg", b"<html><script>alert(1)</script>"), 3, "E_FORMAT", "is an HTML page"),
    row("88-zero-bytes", one("a.jpg", b""), 3, "E_EMPTY", "a.jpg"),
    row("89-3.6-gigapixels", one("a.png", png(60_000, 60_000)), 3, "E_TOO_LARGE", "a.png"),
    row("89-100-megapixels", one("a.png", png(10_000, 10_000)), 3, "E_TOO_LARGE", "a.png"),
    row(
        "90-text-of-50-MB",
        one("a.png", png(24, 24, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50 << 20))))),
        3,
        "E_DAMAGED",
        "a.png",
    ),
    row("91-png-named-jpg", one("a.jpg", PNG), 0, "W_FORMAT_NAME"),
    row("92-one-pixel", one("a.png", encoded(picture(GRAY[:1, :1].copy()))), 3, "E_PICTURE_SIZE", "1 x 1"),
    row("92-one-line", one("a.png", png(4000, 1)), 3, "E_PICTURE_SIZE", "4000 x 1"),
    row("92-all-black", one("a.png", encoded(picture(GRAY * 0))), 3, "E_BLANK", "a.png"),
    row("95-hostile-names", hostile_names, 3, "E_FORMAT", ".png"),
    row("96-mask-of-another-size", mask(GRAY[:20] // 128), 3, "E_GRID", "masks/a.png"),
    row("97-mask-of-200-grays", mask(GRAY), 3, "E_LABEL", "masks/a.png"),
    row("97-mask-of-two-grays", mask((GRAY > 99).astype(np.uint8) * 200)),
    row("stack-of-two-sizes", tree(s_1_dot_png=PNG, s_2_dot_png=encoded(picture(GRAY[:20]))), 3, "E_GRID", "s_2.png"),
    row("102-empty-class", empty_class, 3, "E_INPUT", "glioma"),
    row("102-one-sample", own(glioma__a_dot_png=PNG)),
    row("102-unknown-class", own(stroke__a_dot_png=PNG), 3, "E_LAYOUT", "'stroke' is no known class"),
    row(
        "102-other-classes-in-test",
        own(train__glioma__a_dot_png=PNG, test__pituitary__b_dot_png=PNG),
        3,
        "E_LAYOUT",
        "different classes",
    ),
    row("103-one-corrupt", own(glioma__a_dot_png=PNG, glioma__b_dot_png=PNG[:99]), 6, "E_DAMAGED", "b.png"),
    row("105-fine", manifest(LINE + "a.png,p1,,glioma,train\n")),
    row("105-byte-order-mark", manifest(LINE + "a.png,p1,,glioma,train\n", "utf-8-sig")),
    row("105-crlf", manifest(LINE.replace("\n", "\r\n") + "a.png,p1,,glioma,train\r\n")),
    row("105-leads-out", manifest(LINE + "../a.png,p1,,glioma,train\n"), 3, "E_MANIFEST", "line 2"),
    row("105-absolute", manifest(LINE + "/etc/passwd,p1,,glioma,train\n"), 3, "E_MANIFEST", "line 2"),
    row("105-semicolons", manifest(LINE.replace(",", ";")), 3, "E_MANIFEST", "line 1"),
    row(
        "105-twice",
        manifest(LINE + "a.png,p1,,glioma,\nb.png,p,,glioma,\na.png,p1,,glioma,\n"),
        3,
        "E_MANIFEST",
        "line 4",
    ),
    row("105-no-label", manifest(LINE + "a.png,p1,,,train\n"), 3, "E_MANIFEST", "line 2"),
    row("105-missing-file", manifest(LINE + "c.png,p1,,glioma,train\n"), 3, "E_MISSING", "line 2"),
    row("105-cells", manifest(LINE + "a.png,p1\n"), 3, "E_MANIFEST", "line 2"),
    row("106-link-to-the-parent", link_to_the_parent),
]


@pytest.mark.parametrize("row", ROWS)
def test_check(command: Callable[..., Answer], tmp_path: Path, row: Row) -> None:
    command("check", *row.build(tmp_path)).verify(row.code, row.says, row.names)
