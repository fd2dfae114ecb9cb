"""What a gate is fitted on: a training's pictures as they come elsewhere, and pictures that are no brain MRI.

A brain MRI stays one when it is turned, mirrored, brighter, of another size, saved again, framed, or when the skull is
cut away. It is none any more as a negative, in scattered tiles, or as one of several panels.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from gliascope.datasets.phantom_other import OTHER_KINDS, other_picture

Floats = NDArray[np.float32]

SPOILED_KINDS = ("negative", "tiles", "panels")
"""What can be made of training pictures that is no brain MRI any more."""
SIDES = (96, 128, 192, 256, 384)
"""Longer sides of invented pictures."""


def altered(gray: Floats, random: np.random.Generator) -> Floats:
    """Return a picture of a brain MRI as it may come from elsewhere.

    Args:
        gray: Gray values, shape ``(I, J)``, not flat.
        random: Draws what is done.

    Returns:
        Gray values 0…255, float32.
    """
    values = _unit(gray)
    stripped = random.random() < 0.4
    if stripped:
        values = _without_skull(values, random)
    values = np.rot90(values, int(random.integers(4)))
    if random.random() < 0.5:
        values = values[:, ::-1]
    factor = float(np.exp(random.uniform(np.log(64), np.log(512)))) / max(values.shape)
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(np.ascontiguousarray(values), None, fx=factor, fy=factor, interpolation=way)
    values = np.asarray(resized, dtype=np.float32)
    ground = values <= 0
    values = values ** np.float32(random.uniform(0.45, 1.6))
    if random.random() < 0.3:
        reach = random.uniform(0.3, 1.3) * max(values.shape) / 256 + 0.05
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), reach), dtype=np.float32)
    if random.random() < 0.1:
        values = _coarse(values, random)
    if random.random() < 0.2:
        levels = int(random.integers(12, 64))
        values = np.asarray(np.rint(values * levels) / levels, dtype=np.float32)
    values = values + random.normal(0, random.uniform(0, 0.02), values.shape).astype(np.float32)
    if stripped and random.random() < 0.8:
        values[ground] = 0.0
    low = random.uniform(0, 30)
    shown = np.clip(values * random.uniform(0.5, 1.0) * (255 - low) + low, 0, 255).astype(np.uint8)
    return _resaved(_framed(shown, random), random)


def spoiled(pictures: list[Floats], kind: str, random: np.random.Generator) -> Floats:
    """Return what is no brain MRI any more, made of pictures that are.

    Args:
        pictures: Gray pictures ``(I, J)``.
        kind: One of ``SPOILED_KINDS``.
        random: Draws the pictures and what is done.
    """
    picture = _unit(pictures[int(random.integers(len(pictures)))])
    if kind == "negative":
        return 1.0 - picture
    if kind == "tiles":
        count = int(random.choice([2, 3, 4, 8]))
        side = 256 // count
        whole = cv2.resize(picture, (side * count, side * count))
        tiles = whole.reshape(count, side, count, side).swapaxes(1, 2).reshape(-1, side, side)
        mixed = tiles[random.permutation(len(tiles))].reshape(count, count, side, side)
        return np.ascontiguousarray(mixed.swapaxes(1, 2).reshape(side * count, side * count))
    rows, columns = ((1, 2), (2, 1), (2, 2), (3, 3), (2, 3), (3, 4))[int(random.integers(6))]
    panels = [
        np.hstack([_panel(pictures[int(random.integers(len(pictures)))]) for _ in range(columns)]) for _ in range(rows)
    ]
    return np.vstack(panels)


def invented(seed: int, kind: str) -> Floats:
    """Return one invented picture of a kind in ``OTHER_KINDS``, of a size that depends on the seed."""
    size = 128 if kind == "ct_head" else SIDES[seed % len(SIDES)]
    return other_picture(seed, kind, size).astype(np.float32)


def negative_kinds() -> tuple[str, ...]:
    """Return the names of all that a gate learns to turn away."""
    return (*OTHER_KINDS, *SPOILED_KINDS)


def _unit(gray: Floats) -> Floats:
    low, high = float(gray.min()), float(np.percentile(gray, 99.8))
    return np.asarray(np.clip((gray - low) / max(high - low, 1e-6), 0, 1), dtype=np.float32)


def _panel(gray: Floats) -> Floats:
    return np.asarray(cv2.resize(_unit(gray), (128, 128)), dtype=np.float32)


def _without_skull(values: Floats, random: np.random.Generator) -> Floats:
    """Cut away what lies shallow below the head's outline; where that leaves too little, nothing."""
    blurred = cv2.GaussianBlur(values, (0, 0), max(1.0, max(values.shape) / 128))
    eight = np.rint(np.sqrt(np.maximum(blurred, 0)) * 255).astype(np.uint8)
    limit, _ = cv2.threshold(eight, 0, 255, cv2.THRESH_OTSU)
    contours, _ = cv2.findContours((eight > 0.8 * limit).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return values
    head = np.zeros(values.shape, np.uint8)
    cv2.drawContours(head, [max(contours, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    depth = cv2.distanceTransform(cv2.copyMakeBorder(head, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3)[1:-1, 1:-1]
    knots = random.standard_normal((10, 10)).astype(np.float32)
    waves = cv2.resize(knots, values.shape[::-1], interpolation=cv2.INTER_CUBIC)
    deep = depth / max(float(depth.max()), 1.0) + random.uniform(0.02, 0.14) * waves > random.uniform(0.15, 0.4)
    deep &= head > 0
    if random.random() < 0.25:
        deep &= _low_slice(values.shape, head, random)
    if deep.mean() < 0.05:
        return values
    top = float(np.percentile(values[deep], random.uniform(97, 99.9)))
    return np.where(deep, np.clip(values / max(top, 1e-6), 0, 1), 0).astype(np.float32)


def _low_slice(shape: tuple[int, ...], head: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.bool_]:
    """Return the outline of a low slice without skull: the cerebellum, and the poles of the temporal lobes apart."""
    left, top, wide, high = cv2.boundingRect(head)
    kept = np.zeros(shape, np.uint8)

    def put(x: float, y: float, across: float, down: float) -> None:
        center = round(left + wide * (0.5 + x / 2)), round(top + high * (0.5 + y / 2))
        cv2.ellipse(kept, center, (max(1, round(across * wide / 2)), max(1, round(down * high / 2))), 0, 0, 360, 1, -1)

    put(0.0, random.uniform(0.2, 0.5), random.uniform(0.5, 0.75), random.uniform(0.35, 0.55))
    if random.random() < 0.8:
        apart, up, reach = random.uniform(0.35, 0.6), random.uniform(-0.55, -0.25), random.uniform(0.12, 0.3)
        put(-apart, up, reach, reach)
        put(apart, up, reach * random.uniform(0.8, 1.2), reach)
    return kept > 0


def _coarse(values: Floats, random: np.random.Generator) -> Floats:
    """Return the picture as a coarse scan gives it, enlarged smoothly or in blocks."""
    small = cv2.resize(values, None, fx=(f := random.uniform(0.25, 0.6)), fy=f, interpolation=cv2.INTER_AREA)
    way = cv2.INTER_NEAREST if random.random() < 0.3 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(small, values.shape[::-1], interpolation=way), dtype=np.float32)


def _framed(shown: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    if random.random() < 0.3:
        wide = int(random.uniform(0.02, 0.25) * max(shown.shape))
        sides = [wide if random.random() < 0.7 else 0 for _ in range(4)]
        gray = int(random.choice([0, 0, 255]))
        around = cv2.copyMakeBorder(shown, sides[0], sides[1], sides[2], sides[3], cv2.BORDER_CONSTANT, value=gray)
        shown = np.asarray(around, dtype=np.uint8)
    if random.random() < 0.2:
        rows, columns = shown.shape
        for _ in range(int(random.integers(1, 4))):
            place = int(random.choice([0.01, 0.85]) * columns), int(random.choice([0.08, 0.98]) * rows)
            word = "".join(random.choice(list("RLAP0123456789"), int(random.integers(1, 5))))
            cv2.putText(shown, word, place, cv2.FONT_HERSHEY_SIMPLEX, max(0.25, rows / 600), 255, 1, cv2.LINE_AA)
    return shown


def _resaved(shown: NDArray[np.uint8], random: np.random.Generator) -> Floats:
    if random.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(25, 95))]
        return np.asarray(cv2.imdecode(cv2.imencode(".jpg", shown, quality)[1], cv2.IMREAD_GRAYSCALE), dtype=np.float32)
    return shown.astype(np.float32)
