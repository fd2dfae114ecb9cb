"""A phantom study: four MRI contrasts of an invented head with a tumor, and its tissues.

It looks like a skull-stripped research study (BraTS): folded cortex, white matter, ventricles, uneven coil sensitivity,
magnitude noise, background exactly 0. For tests and the demo; it teaches a network shapes and contrasts, not medicine.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gliascope.datasets.phantom_head import (
    FIRST_EXTRACRANIAL,
    Axes,
    Floats,
    Matter,
    draw_lesion,
    matter_at,
    smooth_field,
    stream,
)
from gliascope.errors import ConfigError
from gliascope.labels import SCHEMES, Tissue
from gliascope.scan import MRI_CHANNELS

FIELD_OF_VIEW_MM = 240.0
"""In-plane extent of every phantom; the smaller the array, the larger the voxels."""
_HEIGHT_MM = 155.0

# CSF gray white nucleus necrosis edema enhancing solid vessel bone fat muscle eye; 1 is a bright normal tissue
_SIGNAL: Mapping[str, tuple[float, ...]] = {
    "t1n": (0.0, 0.22, 0.56, 0.80, 0.64, 0.36, 0.58, 0.60, 0.55, 0.3, 0.08, 1.25, 0.5, 0.2),
    "t1c": (0.0, 0.20, 0.52, 0.72, 0.58, 0.30, 0.52, 1.25, 1.15, 1.3, 0.08, 1.20, 0.5, 0.2),
    "t2w": (0.0, 1.25, 0.78, 0.52, 0.62, 1.05, 1.02, 0.82, 0.85, 0.2, 0.08, 0.70, 0.3, 1.3),
    "t2f": (0.0, 0.16, 0.66, 0.50, 0.58, 0.50, 1.18, 0.98, 0.95, 0.2, 0.08, 0.75, 0.3, 0.2),
}
_TISSUES: Mapping[Matter, Tissue] = {
    Matter.NECROSIS: Tissue.NCR,
    Matter.EDEMA: Tissue.ED,
    Matter.ENHANCING: Tissue.ET,
}


@dataclass(frozen=True, eq=False)
class Study:
    """One invented patient.

    Args:
        images: Float32 arrays ``(I, J, K)`` in RAS order, one per contrast; background exactly 0.
        tissues: Label numbers of scheme ``brats2023``, uint8, shape ``(I, J, K)``.
        affine: Voxel index to mm, ``(4, 4)``; the middle of the array is 0.
        spacing_mm: Voxel size per axis.
    """

    images: Mapping[str, NDArray[np.float32]]
    tissues: NDArray[np.uint8]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, float, float]


def phantom_study(
    seed: int, shape: tuple[int, int, int] = (24, 24, 24), *, tumor: str | None = None, skull: bool = False
) -> Study:
    """Make one study; the same seed gives the same patient at any size.

    Args:
        seed: Which patient, ``>= 0``.
        shape: Voxels per axis, at least 8 each. In plane they cover 240 mm, along the third axis at least 155 mm.
        tumor: ``ring`` (enhancing around necrosis), ``plain`` (no enhancement) or ``none``; None: drawn, ring in five
            of six patients.
        skull: Keep skull, scalp and face.

    Raises:
        ConfigError: The seed is negative, an axis has fewer than 8 voxels, or the tumor is unknown.
    """
    if seed < 0 or min(shape) < 8:
        raise ConfigError(
            f"a phantom of shape {shape} and seed {seed}", hint="Each axis needs 8 voxels; seeds start at 0."
        )
    if tumor not in (None, "ring", "plain", "none"):
        raise ConfigError(f"unknown phantom tumor '{tumor}'", hint="Known: ring, plain, none.")
    spacing = spacing_for(shape)
    axes = centered_axes(shape, spacing)
    draw = stream(seed, 20)
    kind = tumor or ("ring" if draw.random() < 5 / 6 else "plain")
    lesion = None if kind == "none" else draw_lesion(draw, kind)
    matter = np.zeros(shape, dtype=np.uint8)
    box = tuple(slice(*np.searchsorted(axis, (-112.0, 112.0)) if skull else _within(axis)) for axis in axes)
    inner: Axes = (axes[0][box[0]], axes[1][box[1]], axes[2][box[2]])
    matter[box] = matter_at(seed, inner, lesion, skull=skull)
    images = {}
    for index, channel in enumerate(MRI_CHANNELS):
        image = np.zeros(shape, dtype=np.float32)
        image[box] = render(matter[box], channel, inner, seed=seed, salt=index, spacing_mm=spacing)
        images[channel] = image
    return Study(images, tissues_of(matter), _affine(shape, spacing), spacing)


def spacing_for(shape: tuple[int, int, int]) -> tuple[float, float, float]:
    """Return the voxel size in mm that puts the whole head into an array of ``shape``."""
    plane = FIELD_OF_VIEW_MM / shape[0], FIELD_OF_VIEW_MM / shape[1]
    return (*plane, max(*plane, _HEIGHT_MM / shape[2]))


def centered_axes(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> Axes:
    """Return voxel positions in mm along each axis, with the head's middle (z = -4 mm) in the middle."""
    x, y, z = (
        ((np.arange(n) - (n - 1) / 2) * step).astype(np.float32) for n, step in zip(shape, spacing_mm, strict=True)
    )
    return x, y, z - np.float32(4.0)


def tissues_of(matter: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Translate ``Matter`` into the label numbers of scheme ``brats2023``."""
    table = np.zeros(len(Matter), dtype=np.uint8)
    for kind, tissue in _TISSUES.items():
        table[kind] = SCHEMES["brats2023"].value_of(tissue)
    return table[matter]


def render(
    matter: NDArray[np.uint8],
    channel: str,
    axes: Axes,
    *,
    seed: int,
    salt: int,
    spacing_mm: tuple[float, ...],
    noise: float = 0.028,
) -> Floats:
    """Turn tissues into the signal of one contrast, in arbitrary scanner units (brightest tissue near 1000).

    Contrast per tissue, slow variation within a tissue, partial volume at the borders, coil sensitivity, then
    magnitude (Rician) noise. Air stays exactly 0 in stripped phantoms; with a skull it carries noise as on a scanner.
    """
    from scipy.ndimage import gaussian_filter

    random = stream(seed, 40 + salt)
    gain = np.float32(random.uniform(450, 900))
    signal = np.array(_SIGNAL[channel], dtype=np.float32)[matter]
    signal *= 1 + np.float32(0.035) * smooth_field(random, axes, 11.0)
    blur = [min(0.75 / step, 0.75) if size > 1 else 0.0 for step, size in zip(spacing_mm, matter.shape, strict=True)]
    signal = gaussian_filter(signal, blur, mode="nearest")
    signal *= np.exp(np.float32(0.09) * smooth_field(random, axes, 90.0))
    inside = np.ones(matter.shape, dtype=bool) if (matter >= FIRST_EXTRACRANIAL).any() else matter != Matter.AIR
    clean = signal[inside]
    real = clean + noise * random.standard_normal(clean.shape, dtype=np.float32)
    imaginary = noise * random.standard_normal(clean.shape, dtype=np.float32)
    image = np.zeros(matter.shape, dtype=np.float32)
    # at least 1, so that rounding to whole numbers leaves no hole inside the head
    image[inside] = np.maximum(np.hypot(real, imaginary) * gain, 1.0)
    return image


def _within(axis: Floats) -> tuple[int, int]:
    first, last = np.searchsorted(axis, (-92.0, 92.0))
    return int(first), int(last)


def _affine(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = [-(n - 1) / 2 * step for n, step in zip(shape, spacing_mm, strict=True)]
    return affine
