from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gliascope.errors import GeometryError, InputError
from gliascope.files import picture

GRAY = np.arange(12 * 10, dtype=np.uint8).reshape(12, 10)
COLOR = np.stack([GRAY, GRAY + 1, 255 - GRAY], axis=-1)
MRI = ("t1n", "t2f", "t1c")


def save(path: Path, rows: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> Path:
    Image.fromarray(rows).save(path)
    return path


def test_a_gray_picture(tmp_path: Path) -> None:
    scan = picture.read_picture(save(tmp_path / "a.png", GRAY))
    assert scan.channels == ("gray",)
    assert scan.array.shape == (1, 10, 12)
    assert np.array_equal(scan.array[0], GRAY.T)
    assert (scan.grid.affine, scan.grid.spacing_mm, scan.stored) == (None, None, None)


def test_a_color_picture_and_its_names(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", COLOR)
    assert picture.read_picture(path).channels == ("red", "green", "blue")
    scan = picture.read_picture(path, channels=MRI, spacing_mm=(0.5, 0.5))
    assert scan.channels == MRI
    assert np.array_equal(scan.array[2], 255 - GRAY.T)
    assert scan.grid.spacing_mm == (0.5, 0.5)


def test_the_number_of_names_must_fit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has 1 channel for 3 names") as caught:
        picture.read_picture(save(tmp_path / "a.png", GRAY), channels=MRI)
    assert caught.value.code == "E_CHANNELS"
    with pytest.raises(InputError, match=r"has 3 channels for 1 name \("):
        picture.read_picture(save(tmp_path / "b.png", COLOR), channels=("t1c",))


@pytest.mark.parametrize(
    "spacing", [(1.0,), (1.0, 1.0, 1.0), (1.0, 0.0), (1.0, float("nan")), (1e-4, 1e-4), (999.0, 999.0)]
)
def test_impossible_spacings(tmp_path: Path, spacing: tuple[float, ...]) -> None:
    with pytest.raises(GeometryError, match="is given the spacing") as caught:
        picture.read_picture(save(tmp_path / "a.png", GRAY), spacing_mm=spacing)
    assert caught.value.hint == "Give 2 sizes from 0.01 to 100 mm."


@pytest.mark.parametrize("value", [0, 255])
def test_a_blank_picture(tmp_path: Path, value: int) -> None:  # fault 92
    for shape in ((12, 10), (12, 10, 3)):
        with pytest.raises(InputError, match="shows nothing") as caught:
            picture.read_picture(save(tmp_path / "a.png", np.full(shape, value, dtype=np.uint8)))
        assert caught.value.code == "E_BLANK"


def test_a_slice_that_lacks_a_contrast_is_noticed(tmp_path: Path) -> None:
    rows = COLOR.copy()
    rows[..., 2] = 0
    scan = picture.read_picture(save(tmp_path / "a.png", rows), channels=MRI)
    assert [notice.code for notice in scan.notices] == ["W_BLANK_CHANNEL"]
    assert "t1c" in scan.notices[0].text


def test_a_stack_keeps_the_given_order(tmp_path: Path) -> None:
    slices = [COLOR, COLOR[::-1], COLOR[:, ::-1]]
    paths = [save(tmp_path / f"{name}.png", rows) for name, rows in zip("cab", slices, strict=True)]
    scan = picture.read_stack(paths, channels=MRI, spacing_mm=(0.9, 0.9, 5))
    assert scan.array.shape == (3, 10, 12, 3)
    for k, rows in enumerate(slices):
        assert np.array_equal(scan.array[..., k], np.moveaxis(rows, (0, 1, 2), (2, 1, 0)))
    assert scan.grid.shape == (10, 12, 3)
    assert scan.grid.spacing_mm == (0.9, 0.9, 5.0)


def test_black_slices_are_part_of_a_stack(tmp_path: Path) -> None:
    paths = [save(tmp_path / "a.png", 0 * GRAY), save(tmp_path / "b.png", GRAY)]
    assert picture.read_stack(paths).array[..., 0].max() == 0


def test_a_stack_without_a_contrast(tmp_path: Path) -> None:
    rows = COLOR.copy()
    rows[..., 1] = 0
    paths = [save(tmp_path / "a.png", rows), save(tmp_path / "b.png", rows)]
    with pytest.raises(InputError, match="one value everywhere in t2f"):
        picture.read_stack(paths, channels=MRI)


def test_slices_that_do_not_fit_are_named(tmp_path: Path) -> None:
    first = save(tmp_path / "a_1.png", GRAY)
    with pytest.raises(GeometryError, match=r"a_2\.png: has size \(10, 11\) where a_1\.png has \(10, 12\)"):
        picture.read_stack([first, save(tmp_path / "a_2.png", GRAY[:-1])])
    with pytest.raises(InputError, match=r"a_3\.png: has 3 channels where a_1\.png has 1"):
        picture.read_stack([first, save(tmp_path / "a_3.png", COLOR)])
    with pytest.raises(InputError, match="no picture"):
        picture.read_stack([])


def test_a_stack_has_a_size_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [save(tmp_path / "a_1.png", GRAY)] * 3
    monkeypatch.setattr(picture, "MAX_STACK_PIXELS", 359)
    with pytest.raises(InputError, match="too large as a stack") as caught:
        picture.read_stack(paths)
    assert caught.value.code == "E_TOO_LARGE"


@pytest.mark.parametrize(
    ("names", "ordered"),
    [
        (["TCGA_1_10.tif", "TCGA_1_9.tif"], ("TCGA_1_9.tif", "TCGA_1_10.tif")),
        (["9.png", "010.png", "11.png"], ("9.png", "010.png", "11.png")),
        (["a1.png", "b2.png"], None),
        (["a1.png", "a2.jpg"], None),
        (["a1_1.png", "a2_2.png"], None),
        (["a1.png", "a01.png"], None),
        (["a.png", "b.png"], None),
        (["a1.png", "a.png"], None),
        (["a1.png"], None),
        ([], None),
        ([f"a{'1' * 5000}.png", "a2.png"], None),
    ],
)
def test_stack_order(names: list[str], ordered: tuple[str, ...] | None) -> None:
    assert picture.stack_order(names) == ordered


@given(st.sets(st.integers(0, 10**6), min_size=2, max_size=30), st.randoms())
def test_slices_come_in_numeric_order(numbers: set[int], random: Random) -> None:
    names = [f"p07_s{number}_x.tif" for number in numbers]
    random.shuffle(names)
    assert picture.stack_order(names) == tuple(f"p07_s{number}_x.tif" for number in sorted(numbers))
