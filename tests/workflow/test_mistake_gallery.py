"""The slices on which a segmenter was most wrong."""

import numpy as np

from gliascope.labels import SCHEMES
from gliascope.report.gallery import gallery_sections
from gliascope.scan import Grid, LabelMap, Scan
from gliascope.workflow.mistake_gallery import SHOWN, MistakeGallery

SHAPE = (20, 20, 5)


def pair(marked: int, wanted: int, *, spacing: float | None) -> tuple[Scan, LabelMap, LabelMap]:
    """Return a scan with a square of ``marked`` voxels side in slice 2 and one of ``wanted`` in slice 4."""
    grid = Grid(SHAPE, None, None if spacing is None else (spacing,) * 3)
    prediction, reference = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    prediction[2 : 2 + marked, 2 : 2 + marked, 1] = 1
    prediction[10, 10, :] = 1
    reference[10, 10, :] = 1
    reference[2 : 2 + wanted, 2 : 2 + wanted, 3] = 1
    scan = Scan(np.random.default_rng(1).random((1, *SHAPE), dtype=np.float32), ("t2f",), grid)
    return scan, LabelMap(prediction, SCHEMES["lgg"], grid), LabelMap(reference, SCHEMES["lgg"], grid)


def test_the_largest_areas_are_kept_with_their_slice() -> None:
    gallery = MistakeGallery()
    for size in (3, 1, 8, 2, 5, 4, 7, 6, 0):
        gallery.add(f"case{size}", *pair(size, 9 - size, spacing=2.0))
    tiles = gallery.tiles()
    assert [own["caption"].split(",")[0] for own in tiles["false_positive"]] == [f"case{n}" for n in range(8, 3, -1)]
    assert len(tiles["false_positive"]) == len(tiles["missed"]) == SHOWN
    assert tiles["false_positive"][0]["caption"] == "case8, slice 2 of 5: 256 mm² wrongly marked as tumor"
    assert tiles["missed"][0]["caption"] == "case0, slice 4 of 5: 320 mm² of tumor missed"


def test_without_mistakes_there_is_no_gallery() -> None:
    gallery = MistakeGallery()
    scan, mask, _ = pair(3, 0, spacing=None)
    gallery.add("right", scan, mask, mask)
    assert gallery.tiles() == {"false_positive": [], "missed": []}
    assert gallery_sections([], gallery.tiles(), ["tumor"]) == []
    other = LabelMap(mask.array, SCHEMES["brats2023"], mask.grid)
    gallery.add("another kind", scan, mask, other)
    assert gallery.tiles()["missed"] == []


def test_pictures_count_pixels_and_the_page_names_the_outlines() -> None:
    gallery = MistakeGallery()
    scan, prediction, reference = pair(4, 2, spacing=None)
    flat = Grid(SHAPE[:2])
    gallery.add(
        "picture",
        Scan(scan.array[..., 1], ("t2f",), flat),
        LabelMap(prediction.array[..., 1], SCHEMES["lgg"], flat),
        LabelMap(reference.array[..., 1], SCHEMES["lgg"], flat),
    )
    (section,) = gallery_sections([], gallery.tiles(), ["tumor"])
    assert "picture: 16 pixels wrongly marked as tumor" in section.body
    assert section.title == "False positives"
    assert "Reference" in section.body
