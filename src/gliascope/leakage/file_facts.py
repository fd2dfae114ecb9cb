"""What the file of a case shows without its content: size, shape, color mode, format, blank border.

Values are texts in few steps, so that cases can be counted by them.
"""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gliascope.case import Case, Picture, PictureStack
from gliascope.preprocess.head import bounding_box
from gliascope.scan import Scan

BLANK_LEVEL = 0.05
"""Below this share of the brightest value (99.5th percentile) a border counts as blank."""

_EXIF_ORIENTATION = 0x0112


def file_facts(case: Case, scan: Scan) -> dict[str, str]:
    """Return the facts of one case by name; ``scan`` is what it holds."""
    path = next(iter(case.source.files.values()))
    shape = scan.grid.shape
    facts = {
        "size": "×".join(map(str, shape)),
        "aspect": f"{shape[0] / shape[1]:.1f}",
        "ending": path.suffix.lower(),
        "bytes per pixel": _step(path.stat().st_size / math.prod(shape)),
        "blank border": f"{_blank_border(scan):.1f}",
    }
    if scan.grid.spacing_mm is not None:
        facts["spacing"] = "×".join(f"{step:.2g}" for step in scan.grid.spacing_mm)
    if is_picture(case):
        with Image.open(path) as picture:
            facts |= {"format": str(picture.format), "color mode": picture.mode}
    return facts


def is_picture(case: Case) -> bool:
    """Say whether the files of a case are pictures."""
    return isinstance(case.source, Picture | PictureStack)


def is_rotated(path: Path) -> bool:
    """Say whether a picture file asks to be turned before it is shown (EXIF)."""
    with Image.open(path) as picture:
        return picture.getexif().get(_EXIF_ORIENTATION, 1) not in (0, 1)


def _step(value: float) -> str:
    """Round a number to powers of the square root of two."""
    return f"{2 ** (round(2 * np.log2(max(value, 1e-6))) / 2):.2g}"


def _blank_border(scan: Scan) -> float:
    """Return the share of the image outside the smallest box that holds all that is not nearly black."""
    gray: NDArray[np.float32] = scan.array.max(axis=0)
    level = BLANK_LEVEL * float(np.percentile(gray, 99.5))
    box = bounding_box(gray > level)
    inside = float(math.prod([side.stop - side.start for side in box]))
    return 1 - inside / gray.size
