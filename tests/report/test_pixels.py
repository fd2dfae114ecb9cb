import base64
import io
import json
import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gliascope.errors import GeometryError
from gliascope.labels import SCHEMES
from gliascope.report import palette, pixels
from gliascope.report.pixels import as_gray, file_url, photo_url, sheet, view_of
from gliascope.report.tiles import outlines, tile, tile_url
from gliascope.report.viewer import LABEL_STEP, viewer
from gliascope.scan import Grid, LabelMap, Scan

SHAPE = (80, 70, 66)


def head_scan(*, oriented: bool = True) -> Scan:
    i, j, k = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    inside = ((i - 40) / 20) ** 2 + ((j - 35) / 25) ** 2 + ((k - 30) / 18) ** 2 < 1
    array = np.where(inside, 100 + i + j + k, 0).astype(np.float32)[np.newaxis]
    grid = Grid.from_affine(SHAPE, np.eye(4)) if oriented else Grid(SHAPE)
    return Scan(array, ("t1c",), grid)


def labels_at(*corners: tuple[int, int, int], value: int = 2) -> NDArray[np.uint8]:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    for i, j, k in corners:
        labels[i : i + 3, j : j + 3, k : k + 3] = value
    return labels


def payload(html: str) -> dict[str, Any]:
    found = re.search(r"data-volume>(.*?)</script>", html, re.DOTALL)
    assert found is not None
    tree: dict[str, Any] = json.loads(found.group(1))
    return tree


def decoded(url: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def unpacked(packed: NDArray[np.uint8], size: tuple[int, int, int], per_row: int) -> NDArray[np.uint8]:
    x, y, z = size
    tops, lefts = np.divmod(np.arange(z), per_row)
    return np.stack([packed[t * y : (t + 1) * y, c * x : (c + 1) * x] for t, c in zip(tops, lefts, strict=True)])


def test_box_holds_the_head_and_little_more() -> None:
    view = view_of(head_scan())
    for start, stop, low, high in zip(view.box.start, view.box.stop, (21, 11, 13), (60, 60, 48), strict=True):
        assert low - 6 <= start <= low
        assert high <= stop <= high + 6


def test_box_holds_labels_outside_the_head() -> None:
    labels = labels_at((0, 0, 0), (77, 67, 63))
    box = view_of(head_scan(), labels).box
    assert (box.start, box.stop) == ((0, 0, 0), SHAPE)


def test_labels_of_another_shape_are_refused() -> None:
    with pytest.raises(GeometryError, match="labels of shape"):
        view_of(head_scan(), np.zeros((3, 3, 3), dtype=np.uint8))


def test_window_runs_between_percentiles_inside_the_head() -> None:
    scan = head_scan()
    low, high = view_of(scan).windows["t1c"]
    expected = np.percentile(scan.array[scan.array > 0], (0.5, 99.5))
    np.testing.assert_allclose((low, high), expected, atol=2)


def test_picture_of_8_bits_keeps_its_gray_values() -> None:
    scan = Scan(np.linspace(20, 90, 600, dtype=np.float32).reshape(1, 30, 20), ("gray",), Grid((30, 20)))
    assert view_of(scan).windows == {"gray": (0.0, 255.0)}


def test_constant_scan_is_shown() -> None:
    scan = Scan(np.full((1, 8, 8, 8), 7, dtype=np.float32), ("t1n",), Grid((8, 8, 8)))
    view = view_of(scan)
    assert view.box.size == (8, 8, 8)
    assert view.slices(scan, "t1n").shape == (8, 8, 8)


def test_gray_values_are_clipped_and_nan_is_black() -> None:
    values = np.array([-5, 0, 5, 10, 50, np.nan], dtype=np.float32)
    np.testing.assert_array_equal(as_gray(values, (0.0, 10.0)), [0, 0, 127, 255, 255, 0])


def test_volume_is_shown_in_radiological_convention() -> None:
    mark = np.zeros(SHAPE, dtype=np.uint8)
    mark[-1, -1, 5] = 1  # the patient's right, anterior
    view = view_of(head_scan(), mark)
    assert view.labels(mark)[5 - view.box.start[2], 0, 0] == 1


def test_stack_is_shown_as_stored() -> None:
    mark = labels_at((0, 0, 0), (77, 67, 63))
    mark[9, 4, 5] = 1
    assert view_of(head_scan(oriented=False), mark).labels(mark)[5, 4, 9] == 1


@pytest.mark.parametrize("depth", [1, 2, 7, 12])
def test_sheet_holds_every_slice(depth: int) -> None:
    slices = np.random.default_rng(depth).integers(0, 255, (depth, 9, 5), dtype=np.uint8)
    packed, per_row = sheet(slices)
    np.testing.assert_array_equal(unpacked(packed, (5, 9, depth), per_row), slices)


def test_large_scans_are_reduced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "MAX_SHEET_PIXELS", 20_000)
    scan = head_scan()
    view = view_of(scan)
    assert view.box.step > 1
    assert np.prod(view.box.size) <= 20_000
    assert view.slices(scan, "t1c").shape == view.box.size[::-1]


def test_viewer_embeds_the_labels_exactly() -> None:
    labels = labels_at((30, 30, 20), (45, 20, 40))
    labels[46, 21, 41] = 3
    label_map = LabelMap(labels, SCHEMES["brats2023"], head_scan().grid)
    data = payload(viewer(head_scan(), label_map))
    values = unpacked(decoded(data["labels"]["src"]), tuple(data["size"]), data["labels"]["perRow"])
    expected = view_of(head_scan(), labels).labels(labels)
    np.testing.assert_array_equal(values // LABEL_STEP, expected)
    assert [region["name"] for region in data["regions"]] == ["WT", "TC", "ET"]
    assert data["regions"][0]["values"] == [1, 2, 3]


def test_viewer_starts_where_the_tumor_is_largest() -> None:
    labels = labels_at((30, 30, 20))
    labels[25:55, 20:50, 33] = 2
    data = payload(viewer(head_scan(), LabelMap(labels, SCHEMES["brats2023"], head_scan().grid)))
    assert data["origin"][2] + data["start"] == 33


def test_viewer_of_a_color_picture_has_one_channel_in_color() -> None:
    scan = Scan(np.full((3, 12, 10), 80, dtype=np.float32), ("red", "green", "blue"), Grid((12, 10)))
    (channel,) = payload(viewer(scan))["channels"]
    assert channel["color"]
    assert decoded(channel["src"]).shape == (10, 12, 3)


def test_viewer_names_no_sides_where_the_file_names_none() -> None:
    html = viewer(head_scan(oriented=False))
    assert "Radiological convention" not in html
    assert "Shown as stored" in html
    assert payload(html)["oriented"] is False


def test_tile_draws_prediction_and_reference() -> None:
    scan, grid = head_scan(), head_scan().grid
    prediction = LabelMap(labels_at((30, 30, 30)), SCHEMES["brats2023"], grid)
    reference = LabelMap(labels_at((45, 40, 30)), SCHEMES["brats2023"], grid)
    picture = tile(scan, prediction, reference=reference, height=200)
    assert picture.shape[0] == 200
    colored = np.ptp(picture.astype(int), axis=2) > 60
    white = picture.min(axis=2) > 250
    assert colored.any()
    assert white.any()
    assert np.argwhere(colored)[:, 1].mean() > np.argwhere(white)[:, 1].mean()  # the patient's left is on the right


def near(picture: NDArray[np.uint8], color: str) -> int:
    """Return how many pixels have about a color."""
    return int(np.count_nonzero(np.abs(picture.astype(int) - palette.rgb(color)).max(axis=2) < 40))


def test_nested_regions_stay_visible_where_their_borders_coincide() -> None:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[28:50, 25:45, 30] = 3  # enhancing tumor alone: the three regions are one
    picture = tile(head_scan(), LabelMap(labels, SCHEMES["brats2023"], head_scan().grid), height=240)
    assert all(near(picture, palette.REGION_COLORS[name]) > 20 for name in ("WT", "TC", "ET"))
    canvas = np.zeros((64, 64, 3), dtype=np.uint8)
    mask = np.zeros((64, 64), dtype=np.bool_)
    mask[10:50, 10:50] = True
    inner = mask.copy()
    inner[10:30] = False
    outlines(canvas, [(mask, (0, 0, 255)), (inner, (255, 0, 0)), (np.zeros_like(mask), (0, 255, 0))])
    red, _, blue = (canvas > 150).transpose(2, 0, 1)
    assert blue[12:27, 10].all()  # alone: a line without gaps
    assert not red[12:27, 10].any()
    assert blue[33:48, 10].any()  # together: in turns
    assert red[33:48, 10].any()
    assert red[30, 14:46].all()
    assert not canvas[..., 1].any()


def test_one_slice_of_a_view_shows_values_as_it_shows_the_scan() -> None:
    scan = head_scan()
    whole = view_of(scan)
    one = whole.at_slice(30)
    assert one.box.size == (*whole.box.size[:2], 1)
    at = 30 - whole.box.start[2]
    np.testing.assert_array_equal(one.slices(scan, "t1c")[0], whole.slices(scan, "t1c")[at])
    np.testing.assert_array_equal(
        as_gray(one.plane(scan.array[0, :, :, 30]), one.windows["t1c"]), one.slices(scan, "t1c")[0]
    )


def test_tile_keeps_proportions_in_mm() -> None:
    scan = head_scan()
    stretched = Scan(scan.array, scan.channels, Grid.from_affine(SHAPE, np.diag([2.0, 1.0, 1.0, 1.0])))
    assert tile(stretched).shape[1] == pytest.approx(2 * tile(scan).shape[1], abs=2)


def test_picture_files_are_told_by_their_bytes() -> None:
    assert tile_url(b"\x89PNG\r\n\x1a\n123").startswith("data:image/png;base64,")
    with pytest.raises(ValueError, match="not the bytes"):
        file_url(b"<svg onload=alert(1)>")


def test_photo_keeps_the_gray_values_within_a_few_steps() -> None:
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    assert np.abs(decoded(photo_url(ramp)).astype(int) - ramp).max() <= 8
