"""Invented pictures that show no brain MRI: what a model's gate learns to turn away.

Each kind is a function of a random generator and a size; nothing here comes from a real image. To add a kind, write
its function and put it into ``OTHER_KINDS``.
"""

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from gliascope.datasets.phantom_body import ct_head, limb, radiograph, trunk

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]
_LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz    ABCDEFGH0123456789.,-"))


def other_picture(seed: int, kind: str, size: int = 192) -> Picture:
    """Make one picture of a kind.

    Args:
        seed: Which one, ``>= 0``; the same seed gives the same picture.
        kind: A name in ``OTHER_KINDS``.
        size: Its longer side in pixels, at least 32.

    Returns:
        Gray values 0…255, uint8, shape ``(rows, columns)``; never one flat value.
    """
    random = np.random.Generator(np.random.Philox(key=np.array([seed, 31], dtype=np.uint64)))
    made: Picture = OTHER_KINDS[kind](random, size)
    if int(made.min()) == int(made.max()):
        made[0, 0] = 255 - made[0, 0]
    return made


def _stretched(values: NDArray[np.floating], low: float = 0.5, high: float = 99.5) -> Picture:
    bottom, top = np.percentile(values, [low, high])
    shown = np.clip((values - bottom) * (255 / max(float(top - bottom), 1e-6)), 0, 255)
    return np.asarray(shown, dtype=np.float64).astype(np.uint8)


def _field(random: np.random.Generator, shape: tuple[int, int], slope: float) -> Floats:
    """Return noise whose amplitude falls with frequency to the power of ``slope``; mean 0, spread 1."""
    across, down = np.fft.rfftfreq(shape[1]), np.fft.fftfreq(shape[0])[:, None]
    frequency = np.hypot(across, down)
    frequency[0, 0] = 1.0
    waves = np.fft.rfft2(random.standard_normal(shape)) / frequency**slope
    waves[0, 0] = 0.0
    field = np.fft.irfft2(waves, shape)
    return np.asarray(field / max(float(field.std()), 1e-9), dtype=np.float32)


def _shape(random: np.random.Generator, size: int) -> tuple[int, int]:
    short = int(size * random.uniform(0.6, 1.0))
    return (size, short) if random.random() < 0.5 else (short, size)


def _noise(random: np.random.Generator, size: int) -> Picture:
    shape = _shape(random, size)
    way = int(random.integers(5))
    if way == 0:
        return random.integers(0, 256, shape).astype(np.uint8)
    if way == 1:
        return np.clip(random.normal(random.uniform(60, 190), random.uniform(10, 60), shape), 0, 255).astype(np.uint8)
    if way == 2:
        return np.clip(random.rayleigh(random.uniform(5, 60), shape), 0, 255).astype(np.uint8)
    if way == 3:
        return np.where(random.random(shape) < random.uniform(0.005, 0.2), 255, 0).astype(np.uint8)
    return _stretched(_field(random, shape, random.uniform(0.2, 2.0)))


def _gradient(random: np.random.Generator, size: int) -> Picture:
    rows, columns = _shape(random, size)
    y, x = np.mgrid[:rows, :columns].astype(np.float32) / size - 0.5
    way = int(random.integers(3))
    angle = random.uniform(0, 2 * np.pi)
    if way == 0:
        values = x * np.cos(angle) + y * np.sin(angle)
    elif way == 1:
        values = -np.hypot(x - random.uniform(-0.3, 0.3), y - random.uniform(-0.3, 0.3))
    else:
        values = np.sin((x * np.cos(angle) + y * np.sin(angle)) * random.uniform(5, 120))
    values = values + random.uniform(0, 0.05) * random.standard_normal(values.shape)
    return _stretched(values, 0, 100)


def _text(random: np.random.Generator, size: int) -> Picture:
    rows, columns = _shape(random, size)
    paper, ink = _paper_and_ink(random)
    page = np.full((rows, columns), paper, np.uint8)
    scale = random.uniform(0.25, 1.6) * size / 192
    font = int(random.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_DUPLEX]))
    step = max(6, int(36 * scale * random.uniform(0.8, 1.4)))
    left = int(random.uniform(0.02, 0.2) * columns)
    first, last = (step, rows) if random.random() < 0.7 else (rows // 2, rows // 2 + step)
    for y in range(first, last, step):
        words = "".join(random.choice(_LETTERS, int(random.integers(3, 60))))
        cv2.putText(page, words, (left, y), font, scale, ink, max(1, round(2 * scale)), cv2.LINE_AA)
    return page


def _paper_and_ink(random: np.random.Generator) -> tuple[int, int]:
    light, dark = int(random.integers(190, 256)), int(random.integers(0, 60))
    return (light, dark) if random.random() < 0.6 else (dark, light)


def _chart(random: np.random.Generator, size: int) -> Picture:
    rows, columns = _shape(random, size)
    paper, ink = _paper_and_ink(random)
    page = np.full((rows, columns), paper, np.uint8)
    left, bottom = int(0.12 * columns), int(0.88 * rows)
    if random.random() < 0.8:
        cv2.rectangle(page, (left, int(0.08 * rows)), (int(0.95 * columns), bottom), ink, 1)
        for n in range(6):
            cv2.line(page, (left + n * columns // 8, bottom), (left + n * columns // 8, bottom + 3), ink, 1)
            cv2.putText(page, str(n), (2, bottom - n * rows // 8), cv2.FONT_HERSHEY_PLAIN, 0.6, ink, 1)
    way, count = int(random.integers(4)), int(random.integers(4, 12))
    for n in range(count):
        gray = int(random.integers(30, 220))
        x = left + int((n + 0.2) * 0.8 * columns / count)
        if way == 0:
            top = int(random.uniform(0.1, 0.85) * rows)
            cv2.rectangle(page, (x, top), (x + max(1, int(0.6 * columns / count)), bottom), gray, -1)
        elif way == 1 and n < 4:
            walk = np.cumsum(random.standard_normal(40)) * rows * 0.03 + rows / 2
            places = np.stack([np.linspace(left, 0.95 * columns, 40), np.clip(walk, 0, rows)], axis=1)
            cv2.polylines(page, [places.astype(np.int32)], False, gray, 1 + n % 3, cv2.LINE_AA)
        elif way == 2:
            for _ in range(15):
                place = int(random.uniform(left, 0.95 * columns)), int(random.uniform(0.1 * rows, bottom))
                cv2.circle(page, place, int(random.integers(1, max(2, size // 60))), gray, -1)
        elif way == 3:
            turn = 360 / count
            center, reach = (columns // 2, rows // 2), int(0.38 * min(rows, columns))
            cv2.ellipse(page, center, (reach, reach), 0, n * turn, (n + 1) * turn, gray, -1)
    return page


def _drawing(random: np.random.Generator, size: int) -> Picture:
    rows, columns = _shape(random, size)
    page: Picture = np.full((rows, columns), int(random.choice([0, 0, 255, 128])), np.uint8)
    for _ in range(int(random.integers(1, 14))):
        gray = int(random.integers(20, 256))
        center = int(random.uniform(0, columns)), int(random.uniform(0, rows))
        axes = int(random.uniform(0.03, 0.45) * size), int(random.uniform(0.03, 0.45) * size)
        line = -1 if random.random() < 0.6 else int(random.integers(1, 6))
        if random.random() < 0.5:
            cv2.ellipse(page, center, axes, random.uniform(0, 180), 0, 360, gray, line)
        else:
            corners = np.array(center) + random.uniform(-1, 1, (int(random.integers(3, 7)), 2)) * axes[0]
            if line < 0:
                cv2.fillPoly(page, [corners.astype(np.int32)], gray)
            else:
                cv2.polylines(page, [corners.astype(np.int32)], True, gray, line)
    if random.random() < 0.5:
        page = np.asarray(cv2.GaussianBlur(page, (0, 0), random.uniform(0.5, 6)), dtype=np.uint8)
    if random.random() < 0.4:
        page = np.clip(page + random.normal(0, random.uniform(2, 15), page.shape), 0, 255).astype(np.uint8)
    return page


def _scene(random: np.random.Generator, size: int) -> Floats:
    """Return what photos are like: things of all sizes that cover one another, each with a texture of its own."""
    rows, columns = _shape(random, size)
    scene = random.uniform(0.1, 0.9) + random.uniform(0, 0.3) * _field(
        random, (rows, columns), random.uniform(0.8, 1.8)
    )
    texture = _field(random, (rows, columns), random.uniform(0.6, 1.4))
    for _ in range(int(random.choice([1, 2, 5, 20, 60, 160]))):
        reach = size * 0.02 * float(random.pareto(1.3) + 1)
        mask = np.zeros((rows, columns), np.uint8)
        center = int(random.uniform(0, columns)), int(random.uniform(0, rows))
        axes = max(1, int(min(reach, 0.5 * size))), max(1, int(min(reach * random.uniform(0.3, 1.0), 0.5 * size)))
        if random.random() < 0.7:
            cv2.ellipse(mask, center, axes, random.uniform(0, 180), 0, 360, 1, -1)
        else:
            corners = np.array(center) + random.uniform(-1, 1, (4, 2)) * axes[0]
            cv2.fillPoly(mask, [cv2.convexHull(corners.astype(np.int32))], 1)
        rolled = np.roll(texture, tuple(random.integers(0, 64, 2)), (0, 1))
        scene = np.where(mask > 0, random.uniform(0, 1) + random.uniform(0, 0.2) * rolled, scene)
    if random.random() < 0.4:
        _draw_lines(random, scene, size)
    blurred = cv2.GaussianBlur(scene.astype(np.float32), (0, 0), float(random.choice([0.5, 1.0, 1.5, 4.0])))
    light = 1 + random.uniform(0, 0.4) * _field(random, (rows, columns), 2.5)
    return np.asarray(blurred * np.clip(light, 0.2, 2) + random.normal(0, 0.01, blurred.shape), dtype=np.float32)


def _draw_lines(random: np.random.Generator, scene: NDArray[np.floating], size: int) -> None:
    """Draw seams, branches or bars over a scene, in place."""
    rows, columns = scene.shape
    value, wide = random.uniform(0, 1), max(1, int(size * random.uniform(0.003, 0.03)))
    layer = np.zeros(scene.shape, np.uint8)
    if random.random() < 0.4:  # a wall
        step = max(4, int(size * random.uniform(0.04, 0.2)))
        for number, y in enumerate(range(0, rows, step)):
            cv2.line(layer, (0, y), (columns, y), 1, wide)
            for x in range((number % 2) * step, columns, 2 * step):
                cv2.line(layer, (x, y), (x, y + step), 1, wide)
    else:
        for _ in range(int(random.integers(2, 14))):
            walk = np.cumsum(random.normal(0, size * 0.04, (12, 2)) + random.normal(0, size * 0.05, 2), axis=0)
            start = np.array([random.uniform(0, columns), random.uniform(0, rows)])
            cv2.polylines(layer, [(start + walk).astype(np.int32)], False, 1, wide)
    scene[layer > 0] = value


def _photo(random: np.random.Generator, size: int) -> Picture:
    return _stretched(_scene(random, size), random.uniform(0, 2), random.uniform(98, 100))


def _object(random: np.random.Generator, size: int) -> Picture:
    """One or several things of a photo's texture before a plain ground: coins, a planet, a fruit, a cell."""
    scene = _stretched(_scene(random, size)).astype(np.float32)
    rows, columns = scene.shape
    mask: Picture = np.zeros((rows, columns), np.uint8)
    count = int(random.choice([1, 1, 2, 6, 20]))
    for _ in range(count):
        reach = size * random.uniform(0.2, 0.45) / np.sqrt(count)
        middle = 0.5 if count == 1 else None
        center = (int(columns * (middle or random.random())), int(rows * (middle or random.random())))
        cv2.ellipse(
            mask, center, (int(reach), int(reach * random.uniform(0.5, 1))), random.uniform(0, 180), 0, 360, 1, -1
        )
    if random.random() < 0.5:
        wild = _field(random, (rows, columns), 1.5) > random.uniform(-0.2, 0.8)
        mask = (mask & wild).astype(np.uint8)
    ground = float(random.choice([0, 0, 10, 30, 128, 255]))
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), random.uniform(0.5, 2))
    return np.clip(ground + soft * (scene - ground), 0, 255).astype(np.uint8)


def _pattern(random: np.random.Generator, size: int) -> Picture:
    rows, columns = _shape(random, size)
    cell = int(random.integers(3, max(4, size // 4)))
    y, x = np.mgrid[:rows, :columns]
    if random.random() < 0.4:
        values = ((y // cell + x // cell) % 2).astype(np.float32)
    elif random.random() < 0.4:
        values = ((x // cell) % 2).astype(np.float32)
    else:
        small = random.random((rows // cell + 1, columns // cell + 1)).astype(np.float32)
        values = small[y // cell, x // cell]
    made = _stretched(values + random.uniform(0, 0.2) * _field(random, (rows, columns), random.uniform(0, 1.2)))
    if random.random() < 0.4:  # in a window or between axes
        wide = int(size * random.uniform(0.03, 0.3))
        gray = int(random.choice([0, 0, 255]))
        framed = cv2.copyMakeBorder(made, wide, wide, wide, wide, cv2.BORDER_CONSTANT, value=gray)
        made = np.asarray(framed, dtype=np.uint8)
    return made


OTHER_KINDS: Mapping[str, Callable[[np.random.Generator, int], Picture]] = {
    "noise": _noise,
    "gradient": _gradient,
    "text": _text,
    "chart": _chart,
    "drawing": _drawing,
    "photo": _photo,
    "object": _object,
    "pattern": _pattern,
    "ct_head": ct_head,
    "limb": limb,
    "trunk": trunk,
    "radiograph": radiograph,
}
"""What can be invented, by name."""
