from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gliascope.errors import GeometryError, InputError, LabelError, UsageError
from gliascope.files.picture import read_mask, read_mask_stack, write_mask
from gliascope.labels import SCHEMES, LabelScheme
from gliascope.scan import Grid, LabelMap

SHAPE = (12, 10)  # rows, columns


def mask(*values: int) -> NDArray[np.uint8]:
    rows = np.zeros(SHAPE, dtype=np.uint8)
    for index, value in enumerate(values):
        rows[index + 1, 2:6] = value
    return rows


def save(path: Path, rows: NDArray[np.uint8]) -> Path:
    Image.fromarray(rows).save(path)
    return path


@pytest.mark.parametrize("white", [1, 128, 255])
@pytest.mark.parametrize("scheme", [None, SCHEMES["figshare"]])
def test_black_and_one_other_value_is_a_tumor(tmp_path: Path, white: int, scheme: LabelScheme | None) -> None:
    label_map = read_mask(save(tmp_path / "a.tif", mask(white)), scheme)
    assert label_map.array.dtype == np.uint8
    assert np.array_equal(label_map.array, (mask(white) > 0).T)
    assert label_map.region("tumor").sum() == 4
    assert label_map.grid.shape == (10, 12)
    assert label_map.grid.spacing_mm is None


def test_one_bit_and_color_files_of_grays(tmp_path: Path) -> None:
    Image.fromarray(mask(255) > 0).save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png", None).array.sum() == 4
    save(tmp_path / "b.png", np.dstack([mask(255)] * 3))
    assert read_mask(tmp_path / "b.png", None).array.sum() == 4


def test_empty_masks(tmp_path: Path) -> None:
    assert read_mask(save(tmp_path / "a.png", mask()), None).array.max() == 0


def test_label_numbers_of_a_scheme(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", mask(1, 2, 4))
    label_map = read_mask(path, SCHEMES["brats2017"])
    assert np.array_equal(label_map.array, mask(1, 2, 4).T)
    with pytest.raises(LabelError, match=r"4 values \(0, 1, 2, 4\)"):
        read_mask(path, SCHEMES["brats2023"])
    with pytest.raises(LabelError):
        read_mask(path, None)


def test_white_has_no_meaning_among_several_tissues(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"2 values \(0, 255\)"):
        read_mask(save(tmp_path / "a.png", mask(255)), SCHEMES["brats2023"])


def test_200_gray_values(tmp_path: Path) -> None:  # fault 97
    rows = np.arange(200, dtype=np.uint8).reshape(20, 10)
    with pytest.raises(LabelError, match=r"a\.png: has 200 values .*JPEG adds gray values"):
        read_mask(save(tmp_path / "a.png", rows), None)


def test_colors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="colored"):
        read_mask(save(tmp_path / "a.png", np.dstack([mask(255), mask(), mask()])), None)


def test_stacks_of_masks(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{k}.png", mask(*values)) for k, values in enumerate([(), (255,), (255, 255)])]
    label_map = read_mask_stack(paths, None)
    assert label_map.array.shape == (10, 12, 3)
    assert [int(label_map.array[..., k].sum()) for k in range(3)] == [0, 4, 8]
    with pytest.raises(InputError, match="no mask"):
        read_mask_stack([], None)
    paths.append(save(tmp_path / "3.png", mask()[:-1]))
    with pytest.raises(GeometryError, match=r"3\.png: has size \(10, 11\) where 0\.png has \(10, 12\)"):
        read_mask_stack(paths, None)


@pytest.mark.parametrize(("name", "written"), [("lgg", [0, 255]), ("brats2017", [0, 1])])
def test_written_masks_return(tmp_path: Path, name: str, written: list[int]) -> None:
    scheme = SCHEMES[name]
    label_map = LabelMap(mask(1).T, scheme, Grid((10, 12)))
    write_mask(tmp_path / "a.png", label_map)
    rows = np.asarray(Image.open(tmp_path / "a.png"))
    assert rows.shape == SHAPE
    assert np.unique(rows).tolist() == written
    assert np.array_equal(read_mask(tmp_path / "a.png", scheme).array, label_map.array)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    label_map = LabelMap(mask(1).T, SCHEMES["lgg"], Grid((10, 12)))
    with pytest.raises(UsageError, match=r"not named \.png"):
        write_mask(tmp_path / "a.jpg", label_map)
    volume = LabelMap(np.zeros((4, 4, 4), dtype=np.uint8), SCHEMES["lgg"], Grid((4, 4, 4)))
    with pytest.raises(GeometryError, match="no picture"):
        write_mask(tmp_path / "a.png", volume)
    assert list(tmp_path.iterdir()) == []
