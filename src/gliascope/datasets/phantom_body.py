"""Invented medical pictures that are no brain MRI: CT of a head, slices of limb and trunk, a chest radiograph.

The CT is the phantom head of ``phantom_head`` in Hounsfield units, seen through the windows that readers use. The
others are drawn with a few ellipses: enough to look like no head to a gate, too little to teach anatomy.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from gliascope.datasets.phantom_head import Matter, matter_at, smooth_field, stream
from gliascope.datasets.phantom_study import FIELD_OF_VIEW_MM

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]

_HOUNSFIELD = np.zeros(len(Matter), np.float32)
for _matter, _units in {
    Matter.AIR: -1000,
    Matter.CSF: 8,
    Matter.GRAY: 39,
    Matter.WHITE: 29,
    Matter.NUCLEUS: 37,
    Matter.NECROSIS: 18,
    Matter.EDEMA: 20,
    Matter.ENHANCING: 46,
    Matter.SOLID: 48,
    Matter.VESSEL: 45,
    Matter.BONE: 1000,
    Matter.FAT: -90,
    Matter.MUSCLE: 55,
    Matter.EYE: 12,
}.items():
    _HOUNSFIELD[_matter] = _units

_WINDOWS = (
    (0, 80),
    (0, 80),
    (15, 65),
    (-50, 150),
    (-160, 240),
    (-160, 240),
    (-500, 1500),
    (-1000, 2500),
    (-1000, 1200),
    (-200, 800),
)
"""Lower and upper end in Hounsfield units: brain, stroke, subdural, soft tissue, bone, everything."""


def ct_head(random: np.random.Generator, size: int) -> Picture:
    """A slice of a head in CT: skull bright and closed, brain nearly flat, perhaps the head rest below."""
    seed = int(random.integers(2**31))
    plane = int(random.choice([0, 0, 1, 2]))
    extent = FIELD_OF_VIEW_MM * random.uniform(0.85, 1.1)
    line = ((np.arange(size) - (size - 1) / 2) * (extent / size)).astype(np.float32)
    axes = [line, line, line - np.float32(28.0)]
    normal = (2, 1, 0)[plane]
    axes[normal] = np.array([random.uniform(*((-85, 55), (-60, 45), (-40, 40))[plane])], dtype=np.float32)
    matter = matter_at(seed, (axes[0], axes[1], axes[2]), None, skull=True)
    units = _HOUNSFIELD[matter]
    bone = 1 + 0.3 * smooth_field(stream(seed, 41), (axes[0], axes[1], axes[2]), 12.0)
    units = np.where(matter == Matter.BONE, units * np.clip(bone, 0.4, 1.6) * random.uniform(0.6, 1.5), units)
    flat = units[:, :, 0].T[::-1] if plane == 0 else units[:, 0, :].T[::-1] if plane == 1 else units[0].T[::-1]
    sharp = np.ascontiguousarray(flat, dtype=np.float32)
    values = np.asarray(cv2.GaussianBlur(sharp, (0, 0), random.uniform(0.3, 1.0) * size / 192 + 0.05), np.float32)
    grain = cv2.GaussianBlur(random.standard_normal(values.shape).astype(np.float32), (0, 0), random.uniform(0.3, 1.0))
    values += grain * np.float32(random.uniform(1, 25))
    if plane == 0 and random.random() < 0.6:
        rest = random.uniform(0.50, 0.56) * size
        center, way = (size // 2, int(size * 0.47)), (int(rest), int(rest))
        cv2.ellipse(values, center, way, 0, 20, 160, float(random.uniform(50, 400)), max(1, size // 90), cv2.LINE_AA)
    low, high = _WINDOWS[int(random.integers(len(_WINDOWS)))]
    return np.clip((values - low) * (255 / (high - low)), 0, 255).astype(np.uint8)


def limb(random: np.random.Generator, size: int) -> Picture:
    """A slice of leg, arm or knee: a rind of fat, muscle with seams, one or two bones, alone or as a pair."""
    fat, muscle, marrow = random.uniform(0.5, 1.0), random.uniform(0.2, 0.6), random.uniform(0.4, 1.0)
    canvas = np.zeros((size, size), np.float32)
    pair = random.random() < 0.4
    for n in range(2 if pair else 1):
        center = (size * (0.28 + 0.44 * n), size * 0.5) if pair else (size * 0.5, size * 0.5)
        reach = size * (random.uniform(0.17, 0.22) if pair else random.uniform(0.3, 0.45))
        _fill(canvas, center, (reach, reach * random.uniform(0.8, 1.0)), fat)
        _fill(canvas, center, (reach * 0.86, reach * random.uniform(0.65, 0.8)), muscle)
        for _ in range(int(random.integers(2, 9))):
            turn = random.uniform(0, 2 * np.pi)
            far = center[0] + reach * np.cos(turn), center[1] + reach * np.sin(turn)
            cv2.line(canvas, _whole(center), _whole(far), fat * 0.8, max(1, size // 100))
        for _ in range(int(random.integers(1, 3))):
            place = center[0] + reach * random.uniform(-0.3, 0.3), center[1] + reach * random.uniform(-0.3, 0.3)
            radius = reach * random.uniform(0.12, 0.45)
            _fill(canvas, place, (radius, radius), 0.03)
            _fill(canvas, place, (radius * 0.75, radius * 0.75), marrow)
    return _finished(random, canvas)


def trunk(random: np.random.Generator, size: int) -> Picture:
    """A slice of belly or chest: wide, a rind of fat, organs of several gray values, a spine."""
    canvas = np.zeros((int(size * random.uniform(0.62, 0.9)), size), np.float32)
    rows, columns = canvas.shape
    center = (columns / 2, rows / 2)
    fat, muscle = random.uniform(0.1, 1.0), random.uniform(0.3, 0.6)
    _fill(canvas, center, (columns * 0.47, rows * 0.45), fat)
    _fill(canvas, center, (columns * 0.42, rows * 0.38), muscle)
    _fill(canvas, center, (columns * 0.39, rows * 0.34), random.choice([fat, 0.05, muscle * 0.7]))
    for _ in range(int(random.integers(4, 16))):
        place = columns * random.uniform(0.2, 0.8), rows * random.uniform(0.25, 0.75)
        sides = columns * random.uniform(0.03, 0.2), rows * random.uniform(0.04, 0.2)
        _fill(canvas, place, sides, random.uniform(0.0, 1.0), random.uniform(0, 180))
    _fill(canvas, (columns / 2, rows * 0.76), (columns * 0.07, rows * 0.09), random.uniform(0.4, 1.0))
    _fill(canvas, (columns / 2, rows * 0.84), (columns * 0.025, rows * 0.03), random.uniform(0.2, 1.0))
    return _finished(random, canvas)


def radiograph(random: np.random.Generator, size: int) -> Picture:
    """A chest radiograph: bright all over, two dark lungs, ribs, a spine."""
    canvas = np.full((size, int(size * random.uniform(0.8, 1.0))), random.uniform(0.55, 0.8), np.float32)
    rows, columns = canvas.shape
    for side in (-1, 1):
        place = columns * (0.5 + side * random.uniform(0.19, 0.24)), rows * 0.45
        _fill(canvas, place, (columns * 0.16, rows * 0.32), random.uniform(0.05, 0.3), side * 8.0)
    cv2.line(canvas, (columns // 2, 0), (columns // 2, rows), 0.9, max(2, columns // 14))
    soft = cv2.GaussianBlur(canvas, (0, 0), size * 0.02)
    for n in range(8):
        top = int(rows * (0.12 + 0.09 * n))
        for side in (-1, 1):
            center = (int(columns * (0.5 + side * 0.22)), top)
            sides = (int(columns * 0.22), int(rows * 0.07))
            cv2.ellipse(soft, center, sides, side * 20.0, 180, 360, 0.75, max(1, size // 60), cv2.LINE_AA)
    return _finished(random, np.asarray(cv2.GaussianBlur(soft, (0, 0), size * 0.006), np.float32))


def _whole(place: tuple[float, float]) -> tuple[int, int]:
    return round(place[0]), round(place[1])


def _fill(
    canvas: Floats, center: tuple[float, float], sides: tuple[float, float], value: float, angle: float = 0.0
) -> None:
    cv2.ellipse(canvas, _whole(center), _whole((max(1, sides[0]), max(1, sides[1]))), angle, 0, 360, float(value), -1)


def _finished(random: np.random.Generator, canvas: Floats) -> Picture:
    """Blur, shade and roughen what was drawn."""
    size = max(canvas.shape)
    knots = random.standard_normal((9, 9)).astype(np.float32)
    shade = cv2.resize(knots, canvas.shape[::-1], interpolation=cv2.INTER_CUBIC)
    grain = random.standard_normal(canvas.shape).astype(np.float32)
    fine = np.asarray(cv2.GaussianBlur(grain, (0, 0), size * 0.008 + 0.3), np.float32)
    fine /= max(float(fine.std()), 1e-6)
    lit = canvas * (1 + 0.15 * shade + np.float32(random.uniform(0.02, 0.2)) * fine)
    blurred = cv2.GaussianBlur(lit, (0, 0), random.uniform(0.4, 1.4))
    noisy = np.abs(blurred + random.normal(0, random.uniform(0.003, 0.03), blurred.shape))
    top = float(np.percentile(noisy, 99.5))
    picture: Picture = np.clip(noisy * (255 / max(top, 1e-6)), 0, 255).astype(np.uint8)
    return picture
