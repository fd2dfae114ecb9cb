from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.case import Case, Picture
from gliascope.datasets.phantom_picture import phantom_picture
from gliascope.errors import InputError
from gliascope.leakage import Fingerprint, fingerprint, fingerprint_all

GRAY = phantom_picture(1, "glioma", 96, plane="axial")[0]


def case_of(path: Path, pixels: object) -> Case:
    assert cv2.imwrite(str(path), np.asarray(pixels))
    return Case(path.name, Picture(path))


def test_a_picture_is_read_once_and_told(tmp_path: Path) -> None:
    own = fingerprint(case_of(tmp_path / "a.png", GRAY))
    assert own.id == "a.png"
    assert own.channels == ("gray",)
    assert own.shape == (96, 96)
    assert len(own.files) == 1
    assert [view.name for view in own.views] == ["picture"]
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert fingerprint(Case("a", Picture(tmp_path / "a.jpg"))).notices[0].code == "W_FORMAT_NAME"


def test_equal_values_are_equal_in_any_format(tmp_path: Path) -> None:
    prints = [
        fingerprint(case_of(tmp_path / "a.png", GRAY)),
        fingerprint(case_of(tmp_path / "b.bmp", GRAY)),
        fingerprint(case_of(tmp_path / "c.tif", GRAY)),
        fingerprint(case_of(tmp_path / "d.png", np.stack([GRAY] * 3, axis=-1))),
        fingerprint(case_of(tmp_path / "e.png", GRAY.astype(np.uint16) * np.uint16(257))),
    ]
    assert len({own.files for own in prints}) == 5
    assert len({own.pixels for own in prints}) == 1
    assert not prints[0].pixels & fingerprint(case_of(tmp_path / "f.png", GRAY[:, ::-1])).pixels


def test_a_shared_channel_is_told(tmp_path: Path) -> None:
    other = phantom_picture(2, "glioma", 96, plane="axial")[0]
    color = fingerprint(case_of(tmp_path / "a.png", np.stack([GRAY, other, np.zeros_like(GRAY)], axis=-1)))
    again = fingerprint(case_of(tmp_path / "b.png", np.stack([other, GRAY, GRAY], axis=-1)))
    blue = fingerprint(case_of(tmp_path / "c.png", np.stack([np.zeros_like(GRAY), GRAY[::-1], GRAY[::-1]], axis=-1)))
    assert color.pixels & again.pixels
    assert not color.pixels & blue.pixels  # a channel of one value is nothing to share


def test_errors_are_given_in_place_of_fingerprints(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    cases = [
        case_of(tmp_path / "good.png", GRAY),
        Case("broken", Picture(tmp_path / "broken.png")),
        case_of(tmp_path / "blank.png", np.zeros((32, 32), np.uint8)),
    ]
    told: list[tuple[int, int]] = []
    results = fingerprint_all(cases, progress=lambda done, total: told.append((done, total)))
    assert isinstance(results[0], Fingerprint)
    assert isinstance(results[1], InputError)
    assert isinstance(results[2], InputError)
    assert results[2].code == "E_BLANK"
    assert told == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(InputError):
        fingerprint(cases[1])


@pytest.mark.parametrize("pixels", [np.eye(64), np.tile(np.arange(64) > 31, (64, 1))], ids=["line", "halves"])
def test_too_little_content_gives_no_view(tmp_path: Path, pixels: NDArray[np.generic]) -> None:
    assert fingerprint(case_of(tmp_path / "a.png", pixels.astype(np.uint8) * 200)).views == ()
