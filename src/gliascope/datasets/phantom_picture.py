"""Phantom pictures: single slices of an invented head with skull, one tumor class each.

The planes and tumor places are typical of the class: glioma inside the brain with an irregular rim, meningioma as a
smooth ball at its edge, pituitary adenoma low in the middle, or nothing.
"""

import numpy as np
from numpy.typing import NDArray

from gliascope.datasets.phantom_head import Axes, Lesion, Matter, draw_lesion, matter_at, stream
from gliascope.datasets.phantom_study import FIELD_OF_VIEW_MM, render
from gliascope.errors import ConfigError
from gliascope.labels import TUMOR_CLASSES

PLANES: tuple[str, ...] = ("axial", "coronal", "sagittal")

_LESION_OF = {"glioma": "ring", "meningioma": "meningioma", "pituitary": "pituitary"}
_TUMOR_MATTER = (Matter.NECROSIS, Matter.ENHANCING, Matter.SOLID)


def phantom_picture(
    seed: int, tumor_class: str, size: int = 128, *, plane: str | None = None, channel: str = "t1c"
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Make one picture and its tumor mask, upright as a viewer shows them.

    Args:
        seed: Which patient, ``>= 0``; the planes of one seed show the same head.
        tumor_class: One of ``TUMOR_CLASSES``.
        size: Pixels per side, at least 16, for 240 mm.
        plane: ``axial``, ``coronal`` or ``sagittal``; None: drawn.
        channel: The contrast.

    Returns:
        Gray values 0…255 and a mask 0 or 1, both uint8 of shape ``(rows, columns)``. Edema belongs to no mask here,
        as in the figshare set.

    Raises:
        ConfigError: The class or plane is unknown, the seed negative, or the size too small.
    """
    if tumor_class not in TUMOR_CLASSES:
        raise ConfigError(f"unknown class '{tumor_class}'", hint=f"Known: {', '.join(TUMOR_CLASSES)}.")
    if plane is not None and plane not in PLANES:
        raise ConfigError(f"unknown plane '{plane}'", hint=f"Known: {', '.join(PLANES)}.")
    if seed < 0 or size < 16:
        raise ConfigError(f"a phantom of size {size} and seed {seed}", hint="It needs 16 pixels; seeds start at 0.")
    draw = stream(seed, 21)
    chosen = PLANES[int(draw.integers(len(PLANES)))]
    plane = plane or chosen
    lesion = draw_lesion(draw, _LESION_OF[tumor_class]) if tumor_class in _LESION_OF else None
    axes = _plane_axes(draw, lesion, plane, size)
    matter = matter_at(seed, axes, lesion, skull=True)
    step = FIELD_OF_VIEW_MM / size
    signal = render(matter, channel, axes, seed=seed, salt=8 + PLANES.index(plane), spacing_mm=(step,) * 3, noise=0.02)
    mask = np.isin(matter, _TUMOR_MATTER).astype(np.uint8)
    white = np.float32(np.percentile(signal, 99.5))
    gray = np.clip(signal * (255 / white), 0, 255).astype(np.uint8)
    return _upright(gray, plane), _upright(mask, plane)


def _plane_axes(draw: np.random.Generator, lesion: Lesion | None, plane: str, size: int) -> Axes:
    """Return three axes, one of them a single position: through the tumor, or where a slice is usually taken."""
    normal = {"axial": 2, "coronal": 1, "sagittal": 0}[plane]
    if lesion is None:
        where = {"axial": draw.uniform(-25, 40), "coronal": draw.uniform(-50, 35), "sagittal": draw.uniform(-35, 35)}[
            plane
        ]
    else:
        where = lesion.center_mm[normal] + draw.uniform(-0.3, 0.3) * lesion.radius_mm
    line = ((np.arange(size) - (size - 1) / 2) * (FIELD_OF_VIEW_MM / size)).astype(np.float32)
    axes = [line, line, line - np.float32(28.0)]  # heads hang with the neck at the lower edge
    axes[normal] = np.array([where], dtype=np.float32)
    return axes[0], axes[1], axes[2]


def _upright(array: NDArray[np.uint8], plane: str) -> NDArray[np.uint8]:
    """Turn a one-voxel-thick array into rows from above and columns from the left."""
    flat = array[:, :, 0] if plane == "axial" else array[:, 0, :] if plane == "coronal" else array[0]
    # the patient's right is on the left (radiological); in a sagittal plane the face looks to the left
    return np.ascontiguousarray(flat[::-1].T[::-1])
