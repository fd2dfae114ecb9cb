"""Anatomy of an invented head: which tissue lies at which point in space.

The head is described in millimetres and evaluated on any three axes, so that one seed is one person, whether a volume
of any size or a single plane is asked for. x runs to the right, y to anterior, z to superior; 0 is the middle of the
brain. Nothing here comes from a real image.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Axes = tuple[Floats, Floats, Floats]
"""Positions in mm along x, y and z; the head is evaluated on their outer product."""

_HALF_CUBE_MM = 135.0


class Matter(IntEnum):
    """What fills a voxel of the phantom."""

    AIR = 0
    CSF = 1
    GRAY = 2
    WHITE = 3
    NUCLEUS = 4
    NECROSIS = 5
    EDEMA = 6
    ENHANCING = 7
    SOLID = 8
    """A tumor of one kind throughout: meningioma, pituitary adenoma."""
    VESSEL = 9
    BONE = 10
    FAT = 11
    MUSCLE = 12
    EYE = 13


FIRST_EXTRACRANIAL = Matter.BONE


@dataclass(frozen=True)
class Lesion:
    """One tumor: ``ring`` (enhancing around necrosis), ``plain`` (no enhancement), ``meningioma`` or ``pituitary``."""

    kind: str
    center_mm: tuple[float, float, float]
    radius_mm: float


def stream(seed: int, purpose: int) -> np.random.Generator:
    """Return the random numbers of one purpose; other purposes do not change them."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, purpose], dtype=np.uint64)))


def smooth_field(random: np.random.Generator, axes: Axes, knot_mm: float) -> Floats:
    """Draw smooth noise of about unit spread, the same at a point whatever grid it is evaluated on.

    A cubic B-spline over random coefficients ``knot_mm`` apart; the product structure keeps a volume of nine million
    voxels at a fraction of a second.
    """
    count = int(np.ceil(2 * _HALF_CUBE_MM / knot_mm)) + 4
    values = random.standard_normal((count, count, count), dtype=np.float32)
    for positions in axes:  # each pass eats the first axis and appends its evaluation as the last
        values = np.tensordot(values, _spline_weights(positions, knot_mm, count), axes=(0, 1))
    scaled: Floats = values * np.float32(3.0)  # undoes the smoothing's loss of variance: 0.479 per axis
    return scaled


def _spline_weights(positions: Floats, knot_mm: float, count: int) -> Floats:
    place = np.clip((positions + _HALF_CUBE_MM) / knot_mm, 0, count - 4.001)
    first = np.floor(place).astype(int)
    t = place - first
    pieces = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    weights = np.zeros((len(positions), count), dtype=np.float32)
    for offset, piece in enumerate(pieces):
        weights[np.arange(len(positions)), first + offset] = piece / 6
    return weights


def draw_lesion(random: np.random.Generator, kind: str) -> Lesion:
    """Place a tumor where its kind grows."""
    side = 1.0 if random.random() < 0.5 else -1.0
    if kind == "pituitary":
        return Lesion(kind, (random.uniform(-2, 2), random.uniform(19, 23), -44.0), random.uniform(9, 14))
    if kind == "meningioma":
        angle, height = random.uniform(-0.35 * np.pi, 0.4 * np.pi), random.uniform(0.0, 0.6)
        out = np.sqrt(1 - height**2) * 0.91
        center = (side * 64 * out * np.cos(angle), 82 * out * np.sin(angle), 62 * 0.91 * height)
        return Lesion(kind, center, random.uniform(13, 21))
    center = (side * random.uniform(22, 36), random.uniform(-38, 34), random.uniform(2, 26))
    return Lesion(kind, center, random.uniform(24, 34))


def matter_at(seed: int, axes: Axes, lesion: Lesion | None, *, skull: bool) -> NDArray[np.uint8]:
    """Say what lies at every point of the outer product of ``axes``.

    Args:
        seed: Which person.
        axes: Positions in mm, of lengths I, J and K.
        lesion: The tumor, or None.
        skull: Keep bone, scalp, face and the fluid around the brain; False: only what a skull-stripping tool leaves.

    Returns:
        ``Matter`` numbers, shape ``(I, J, K)``.
    """
    x, y, z = np.ix_(*axes)
    matter = np.zeros(np.broadcast_shapes(x.shape, y.shape, z.shape), dtype=np.uint8)
    wobble = smooth_field(stream(seed, 1), axes, 45.0) * 1.6
    depth = _cerebrum_depth(x, y, z) + wobble
    cerebellum = _ball(x, y, z, (0, -46, -45), (50, 34, 23))
    stem = _stem_depth(x, y, z)
    if skull:
        _fill_outside(matter, depth, (x, y, z), smooth_field(stream(seed, 2), axes, 9.0))
    # the tumor pushes the inner anatomy away, so look it up nearer to the tumor
    px, py, pz = (x, y, z) if lesion is None else _displaced((x, y, z), lesion)
    folds = _folds(seed, axes)
    _fill_cerebellum(matter, cerebellum, stem, smooth_field(stream(seed, 3), axes, 6.0) + np.sin(z * 1.1 + y * 0.3))
    _fill_cerebrum(matter, depth, folds, (px, py, pz), wobble)
    _fill_middle(matter, depth, (px, py, pz), seed)
    if lesion is not None:
        noise = smooth_field(stream(seed, 7), axes, 16.0), smooth_field(stream(seed, 8), axes, 20.0)
        _fill_lesion(matter, depth, (x, y, z), lesion, noise)
    return matter


def _cerebrum_depth(x: Floats, y: Floats, z: Floats) -> Floats:
    """Return the distance in mm to the brain's outer surface, positive inside."""
    width = 65.0 * (1.0 - 0.09 * np.clip(y / 84, -1, 1) - 0.05 * np.clip(y / 84, -1, 1) ** 2)
    height = np.where(z > 0, 62.0, 50.0)
    radius = np.sqrt((np.abs(x) / width) ** 2.2 + (np.abs(y) / 83) ** 2.2 + (np.abs(z) / height) ** 2.2)
    # the frontal base lies higher than the temporal base; a notch separates them
    base = (
        36.0
        + 12.0 * np.exp(-(((np.abs(x) - 38) / 20) ** 2)) * np.exp(-(((y - 12) / 24) ** 2))
        - 0.10 * np.clip(y, 0, 90)
    )
    floor: Floats = np.minimum((1.0 - radius) * 58.0, (z + base)).astype(np.float32)
    return floor


def _ball(
    x: Floats, y: Floats, z: Floats, center: tuple[float, float, float], half: tuple[float, float, float]
) -> Floats:
    """Return an ellipsoid's inside distance in mm, by its smallest half axis."""
    radius = np.sqrt(
        ((x - center[0]) / half[0]) ** 2 + ((y - center[1]) / half[1]) ** 2 + ((z - center[2]) / half[2]) ** 2
    )
    inside: Floats = ((1.0 - radius) * min(half)).astype(np.float32)
    return inside


def _stem_depth(x: Floats, y: Floats, z: Floats) -> Floats:
    axis_y = -10.0 + 0.22 * (z + 40)
    bulge = 13.0 + 4.0 * np.exp(-(((z + 42) / 9) ** 2))
    inside = bulge - np.sqrt(x**2 + (y - axis_y) ** 2)
    return np.where((z < -12) & (z > -74), inside, np.float32(-9)).astype(np.float32)


def _displaced(points: tuple[Floats, Floats, Floats], lesion: Lesion) -> tuple[Floats, Floats, Floats]:
    away = sum(((p - c) / (1.3 * lesion.radius_mm)) ** 2 for p, c in zip(points, lesion.center_mm, strict=True))
    pull = np.float32(0.32) * np.exp(-away)
    x, y, z = ((p - (p - c) * pull).astype(np.float32) for p, c in zip(points, lesion.center_mm, strict=True))
    return x, y, z


def _folds(seed: int, axes: Axes) -> Floats:
    """Return 0 in the middle of a sulcus, rising to 1 on the crown of a gyrus."""
    fine = np.abs(smooth_field(stream(seed, 4), axes, 9.0))
    other = np.abs(smooth_field(stream(seed, 5), axes, 12.0))
    crown: Floats = np.minimum(np.minimum(fine, np.float32(1.4) * other), np.float32(1))
    return crown


def _fill_cerebellum(matter: NDArray[np.uint8], cerebellum: Floats, stem: Floats, leaves: Floats) -> None:
    inside = cerebellum > 0
    matter[(cerebellum > -2) & (matter != Matter.AIR)] = Matter.CSF
    matter[inside] = Matter.GRAY
    matter[inside & (leaves < -1.2) & (cerebellum < 8)] = Matter.CSF
    matter[(cerebellum > 4) & (leaves > 0.4) | (cerebellum > 11)] = Matter.WHITE
    matter[stem > 0] = Matter.WHITE


def _fill_cerebrum(
    matter: NDArray[np.uint8], depth: Floats, folds: Floats, points: tuple[Floats, Floats, Floats], wobble: Floats
) -> None:
    x, y, z = points
    inside = depth > 0
    # gray matter follows a sulcus inward; its fluid narrows with depth
    ribbon = np.float32(3.2) + np.exp(-((folds / np.float32(0.48)) ** 2)) * np.float32(19.0)
    gap = np.float32(0.14) - np.float32(0.0075) * depth
    matter[inside] = Matter.WHITE
    matter[inside & (depth < ribbon)] = Matter.GRAY
    matter[inside & (folds < gap)] = Matter.CSF
    # the lateral fissure, slanting and winding, with its two gray banks
    fold = np.abs(z - 0.25 * y + 12 + 2.2 * wobble + np.float32(4) * folds)
    beside = (np.abs(x) > 40 - 4 * folds) & (y > -36) & (y < 31)
    matter[inside & beside & (fold < 5.5)] = Matter.GRAY
    matter[inside & beside & (fold < 1.8)] = Matter.CSF
    # the cleft between the hemispheres, above and around the bar that joins them
    cleft = np.abs(x + 0.9 * wobble + np.float32(1.5) * (folds - np.float32(0.4)))
    reach = (((y + 4) / 46) ** 2 + ((z - 2) / 30) ** 2 > 1) & (z > -22)
    matter[inside & reach & (cleft < 4.4) & (matter == Matter.WHITE)] = Matter.GRAY
    matter[inside & reach & (cleft < 1.2)] = Matter.CSF


def _fill_middle(matter: NDArray[np.uint8], depth: Floats, points: tuple[Floats, Floats, Floats], seed: int) -> None:
    x, y, z = points
    size = stream(seed, 6).uniform(0.9, 1.5)
    side = np.abs(x)
    inside = depth > 0
    nuclei = (
        (_ball(side, y, z, (11, -12, 6), (8, 14, 9)) > 0)
        | (_ball(side, y, z, (25, 4, 2), (6, 17, 11)) > 0)
        | (_ball(side, y, z, (14, 18, 12), (5, 11, 9)) > 0)
    )
    matter[inside & nuclei] = Matter.NUCLEUS
    horn = _ball(side - 0.22 * (y - 14), y, z + 0.006 * (y - 10) ** 2, (8, 15, 17), (4.4 * size, 23, 7 * size))
    body = _ball(side + 0.30 * (y + 12), y, z + 0.006 * (y + 10) ** 2, (8, -16, 21), (4.6 * size, 25, 6 * size))
    tail = _ball(side + 0.40 * (y + 40), y, z, (18, -45, 8), (5 * size, 18, 8 * size))
    third = (side < 1.6 * size) & (_ball(x, y, z, (0, -8, 0), (9, 19, 13)) > 0)
    fourth = _ball(x, y, z, (0, -25, -44), (8, 5, 9)) > 0
    cistern = _ball(x, y, z, (0, 12, -31), (13, 12, 6)) > 0
    middle = (np.maximum(np.maximum(horn, body), tail) > 0) & (side > 1.1)
    matter[(inside & (middle | third)) | ((matter != Matter.AIR) & (fourth | cistern))] = Matter.CSF


def _fill_lesion(
    matter: NDArray[np.uint8],
    depth: Floats,
    points: tuple[Floats, Floats, Floats],
    lesion: Lesion,
    noise: tuple[Floats, Floats],
) -> None:
    rough, spread = noise
    squared = sum(((p - c) / lesion.radius_mm) ** 2 for p, c in zip(points, lesion.center_mm, strict=True))
    distance = np.sqrt(np.asarray(squared, dtype=np.float32))
    if lesion.kind in ("meningioma", "pituitary"):
        smooth = distance * (1 + np.float32(0.09) * rough)
        inside = (smooth < 1) & ((depth > -1) if lesion.kind == "meningioma" else True)
        matter[inside] = Matter.SOLID
        return
    brain = (depth > 0) & (matter != Matter.CSF) & (matter != Matter.AIR) & (matter < FIRST_EXTRACRANIAL)
    # water spreads in white matter and leaves most of the cortex out
    water = distance * (1 + np.float32(0.34) * np.tanh(spread)) + np.float32(0.30) * (matter == Matter.GRAY)
    core = distance * (1 + np.float32(0.38) * np.tanh(rough))
    matter[brain & (water < 1)] = Matter.EDEMA
    # a solid part presses sulci shut, but does not fill the ventricles
    inside_core = (core < 0.66) & (brain | ((depth > 0) & (depth < 15)))
    if lesion.kind == "plain":
        matter[inside_core] = Matter.NECROSIS
        return
    hole = core * (1 + np.float32(0.22) * np.tanh(spread))
    matter[inside_core] = Matter.ENHANCING
    matter[inside_core & (hole < 0.43)] = Matter.NECROSIS


def _fill_outside(
    matter: NDArray[np.uint8], depth: Floats, points: tuple[Floats, Floats, Floats], grain: Floats
) -> None:
    """Put bone, scalp, eyes, face and neck around the brain."""
    x, y, z = points
    vault = np.maximum(depth, _ball(x, y, z, (0, -44, -44), (54, 40, 30)))
    # below the brain its surface turns inward; the skin does not
    skin = np.maximum(vault + 13, np.where(z < -20, _ball(x, y, z, (0, -4, -70), (66, 84, 140)), np.float32(-99)))
    face = _ball(x, y, z, (0, 38, -88), (56, 58, 72))
    neck = np.where(z < -50, 44 - np.sqrt((x / 1.15) ** 2 + (y + 22) ** 2), np.float32(-99))
    skin = np.maximum(skin, np.where(z < -30, np.maximum(face, neck), np.float32(-99)))
    matter[skin > 0] = Matter.FAT
    matter[(skin > 5) & (vault < -9)] = Matter.MUSCLE
    matter[(skin > 5) & (vault < -9) & (grain > 0.9)] = Matter.FAT
    matter[(vault > -8.5) & (skin > 4)] = Matter.BONE
    matter[(vault > -2.5)] = Matter.CSF
    sinus = (_ball(x, y, z, (0, 62, -52), (15, 22, 15)) > 0) | (_ball(x, y, z, (0, 30, -90), (11, 16, 34)) > 0)
    matter[sinus & (grain < 0.5)] = Matter.AIR
    spine = (np.sqrt(x**2 + (y + 28) ** 2) < 10) & (z < -72)
    matter[spine] = Matter.WHITE
    side = np.abs(x)
    matter[_ball(side, y, z, (31, 68, -38), (19, 24, 17)) > 0] = Matter.FAT
    matter[_ball(side, y, z, (31, 77, -38), (12.5, 12.5, 12.5)) > 0] = Matter.EYE
