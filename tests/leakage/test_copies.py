from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gliascope.case import Case, Picture
from gliascope.datasets.phantom_picture import phantom_picture
from gliascope.leakage import Copy, find_copies, fingerprint


def case_of(path: Path, pixels: NDArray[np.uint8], *, quality: int = 90) -> Case:
    assert cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return Case(path.name, Picture(path))


def test_kinds(tmp_path: Path) -> None:
    gray = phantom_picture(1, "glioma", 160, plane="axial")[0]
    other = phantom_picture(2, "glioma", 160, plane="axial")[0]
    cases = [
        case_of(tmp_path / "a.png", gray),
        case_of(tmp_path / "b.png", gray),
        case_of(tmp_path / "c.bmp", gray),
        case_of(tmp_path / "d.jpg", gray, quality=60),
        case_of(tmp_path / "e.png", np.ascontiguousarray(gray[:, ::-1])),
        case_of(tmp_path / "f.png", other),
    ]
    copies = find_copies([fingerprint(case) for case in cases])
    kinds = {(copy.first, copy.second): copy.kind for copy in copies}
    assert kinds[0, 1] == "bytes"
    assert kinds[0, 2] == kinds[1, 2] == "pixels"
    assert kinds[0, 3] == "content"
    assert kinds[0, 4] == kinds[3, 4] == "mirror"
    assert all(second != 5 for _, second in kinds)
    assert copies[0] == Copy(0, 1, "bytes", 1.0)
