"""What one gray picture looks like, in numbers: is a head there, how is it lit, how fine is its grain.

Every number is the same for a picture that is mirrored or turned by quarters, that is brighter or has more contrast,
or that has a plain frame around it, and nearly the same at another size. To add a number, add it to a part's function
and to ``FEATURES``; models fitted before are refused then, by name, for they know other numbers.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from gliascope.inference.picture_look import Look, is_flat, look_at, moments

Floats = NDArray[np.float32]

DEPTHS = (0.0, 0.06, 0.13, 0.22, 0.36, 0.6, 1.01)
"""Limits of the shells from skin to center, as shares of the deepest point's depth."""
LEVELS = (10, 25, 50, 75, 90)
"""Percentiles of the gray values inside the head."""
RAYS, STEPS = 72, 40
"""Directions from the head's middle, and steps from there to the outline."""
WHITE, BLACK = 0.95, 0.04
"""From here on a pixel is white, and up to here black, where 0 and 1 are the picture's own ends."""

FEATURES: dict[str, str] = {
    "bright_share": "share of the picture that stands out from its background",
    "head_share": "share of the picture inside the outline of the largest bright part",
    "main_share": "share of what stands out that lies inside that outline",
    "parts": "logarithm of the number of bright parts",
    "edge_contact": "share of the picture's edge that the outline reaches",
    "corner_level": "mean gray value of the four corners",
    "outside_level": "mean gray value outside the outline",
    "outside_spread": "standard deviation outside the outline",
    "black_share": "share of black pixels",
    "white_share": "share of white pixels",
    "flat_share": "share of pixels that are neither black nor white and equal their neighbors",
    "solidity": "area of the outline against that of its convex hull",
    "extent": "area of the outline against that of the smallest rectangle around it",
    "aspect": "short against long side of that rectangle",
    "roundness": "4 pi area / perimeter^2 of the outline",
    "ellipse": "overlap (IoU) of the outline with the ellipse of the same moments",
    "hole_share": "share of the outline's inside that is background",
    "mirror_best": "correlation of the head with its mirror image about the better of its two axes",
    "mirror_other": "the same about the other axis",
    "half_turn": "correlation of the head with itself turned by 180 degrees",
    "level_10": "10th percentile of gray values inside",
    "level_25": "25th percentile inside",
    "level_50": "median inside",
    "level_75": "75th percentile inside",
    "level_90": "90th percentile inside",
    "entropy": "entropy of the gray values inside, in bits over 64 bins",
    "peak": "share of the inside's gray values in the fullest tenth of the range",
    "inside_white": "share of the inside that is white",
    "inside_black": "share of the inside that is black",
    **{f"shell_{n}": f"mean gray value of shell {n}, from the skin, minus the mean inside" for n in range(1, 7)},
    **{f"spread_{n}": f"standard deviation in shell {n}" for n in range(1, 7)},
    "core_range": "distance of the quartiles in the two inner shells",
    "ring_white": "share of directions from the middle that meet white in the outer half",
    "ring_level": "mean over directions of the brightest value in the outer half",
    "ring_even": "standard deviation of it",
    "ring_width": "mean share of the outer half that is nearly as bright as its brightest value",
    "ring_step": "mean distance of the ring's brightest value from the median inside it",
    "ring_gap": "how much darker than the inside it gets between ring and inside, mean over directions",
    "skin_level": "mean over directions of the outermost value",
    "rim_white": "share of the four outer shells that is white",
    "core_white": "share of the two inner shells that is white",
    **{f"gradient_{n}": f"logarithm of the mean gradient inside, after a blur of {n} pixels" for n in (0, 1, 2, 4)},
    "gradient_peak": "mean fourth against squared mean second power of the gradient inside, as a logarithm",
    "grain": "logarithm of the mean difference from the median of nine neighbors, inside",
    "grain_outside": "the same outside the outline",
    **{f"likeness_{n}": f"correlation of gray values {n} pixels apart, inside" for n in (1, 3, 8)},
    "upright": "share of the gradient that runs along rows or columns",
    "stroke": "logarithm of the area of all bright parts against the length of their outlines",
}
"""The numbers by name, in order, and what each is."""

NAMES = tuple(FEATURES)


def picture_features(gray: Floats) -> Floats:
    """Measure a picture.

    Args:
        gray: Gray values of any scale, float32, shape ``(rows, columns)`` or its transpose, at least 8 x 8, not flat.

    Returns:
        One number per name in ``NAMES``, float32, all finite.

    Raises:
        ValueError: The picture is flat.
    """
    if is_flat(gray):
        raise ValueError("one flat value has no features")
    look = look_at(gray)
    numbers = {**_whole(look), **_outline(look), **_symmetry(look), **_levels(look), **_rays(look), **_grain(look)}
    return np.array([numbers[name] for name in NAMES], dtype=np.float32)


def _whole(look: Look) -> dict[str, float]:
    gray, bright, head = look.gray, look.bright, look.head
    rim = np.concatenate([head[0], head[-1], head[:, 0], head[:, -1]])
    k = max(2, min(gray.shape) // 12)
    corners = [gray[:k, :k], gray[:k, -k:], gray[-k:, :k], gray[-k:, -k:]]
    outside = gray[head == 0]
    count, _, stats, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    parts = int(np.count_nonzero(stats[1:, cv2.CC_STAT_AREA] >= 0.001 * gray.size)) if count > 1 else 0
    low, high = cv2.erode(gray, np.ones((3, 3), np.uint8)), cv2.dilate(gray, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(bright, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    length = sum(len(contour) for contour in contours)
    shown = max(1, int(bright.sum()))
    return {
        "bright_share": float(bright.mean()),
        "head_share": float(head.mean()),
        "main_share": float((bright & head).sum()) / shown,
        "parts": float(np.log1p(parts)),
        "edge_contact": float(rim.mean()),
        "corner_level": float(np.mean([corner.mean() for corner in corners])),
        "outside_level": float(outside.mean()) if outside.size else 0.0,
        "outside_spread": float(outside.std()) if outside.size else 0.0,
        "black_share": float((gray <= BLACK).mean()),
        "white_share": float((gray >= WHITE).mean()),
        "flat_share": float(((high - low < 0.01) & (gray > BLACK) & (gray < WHITE)).mean()),
        "stroke": float(np.log(shown / max(1, length))),
    }


def _outline(look: Look) -> dict[str, float]:
    area = max(1.0, float(look.head.sum()))
    hull = max(1.0, cv2.contourArea(cv2.convexHull(look.contour)))
    _, sides, _ = cv2.minAreaRect(look.contour)
    short, long = sorted(side + 1 for side in sides)
    inner = max(1.0, cv2.contourArea(look.contour))
    perimeter = max(1.0, cv2.arcLength(look.contour, True))
    center, axes, angle = moments(look.head)
    drawn = np.zeros_like(look.head)
    cv2.ellipse(drawn, (center, axes, angle), 1, cv2.FILLED)
    both = float((drawn & look.head).sum())
    return {
        "solidity": min(1.0, inner / hull),
        "extent": min(1.0, area / (short * long)),
        "aspect": short / long,
        "roundness": min(1.0, 4 * np.pi * inner / perimeter**2),
        "ellipse": both / max(1.0, float((drawn | look.head).sum())),
        "hole_share": 1.0 - float((look.bright & look.head).sum()) / area,
    }


def _symmetry(look: Look) -> dict[str, float]:
    center, axes, angle = moments(look.head)
    turn = cv2.getRotationMatrix2D(center, angle, 30.0 / max(axes[0] / 2, 2.0))
    turn[:, 2] = turn[:, 2] + np.array([31.5 - center[0], 31.5 - center[1]])
    inside = look.gray * look.head
    square = cv2.warpAffine(inside, turn, (64, 64), flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(look.head.astype(np.float32), turn, (64, 64), flags=cv2.INTER_LINEAR) > 0.5
    values = np.asarray(cv2.GaussianBlur(square, (0, 0), 1.0), dtype=np.float32)
    likes = [_alike(values, values[flip], mask & mask[flip]) for flip in _FLIPS]
    best, other = max(likes[:2]), min(likes[:2])
    return {"mirror_best": best, "mirror_other": other, "half_turn": likes[2]}


_FLIPS = (
    (slice(None, None, -1), slice(None)),
    (slice(None), slice(None, None, -1)),
    (slice(None, None, -1), slice(None, None, -1)),
)


def _alike(a: Floats, b: Floats, where: NDArray[np.bool_]) -> float:
    """Return the correlation where both are head; 0 where that says nothing."""
    first, second = a[where], b[where]
    if first.size < 16:
        return 0.0
    first, second = first - first.mean(), second - second.mean()
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / size if size > 1e-6 else 0.0


def _levels(look: Look) -> dict[str, float]:
    inside = look.head > 0
    values, depth = look.gray[inside], look.depth[inside]
    fine = np.bincount((values * 255.999).astype(np.int64), minlength=256) / values.size
    summed = np.cumsum(fine)
    counts = fine.reshape(64, 4).sum(axis=1)
    filled = counts[counts > 0]
    window = np.convolve(counts, np.ones(6), mode="valid")
    mean = float(values.mean())
    found: dict[str, float] = {f"level_{p}": (int(np.searchsorted(summed, p / 100)) + 0.5) / 256 for p in LEVELS}
    shells = np.digitize(depth, DEPTHS[1:-1])
    for n in range(6):
        chosen = values[shells == n]
        found[f"shell_{n + 1}"] = float(chosen.mean()) - mean if chosen.size else 0.0
        found[f"spread_{n + 1}"] = float(chosen.std()) if chosen.size else 0.0
    rim, core = values[shells < 4], values[shells >= 4]
    return {
        **found,
        "entropy": float(-(filled * np.log2(filled)).sum()),
        "peak": float(window.max()),
        "inside_white": float((values >= WHITE).mean()),
        "inside_black": float((values <= BLACK).mean()),
        "rim_white": float((rim >= WHITE).mean()) if rim.size else 0.0,
        "core_range": float(np.percentile(core, 75) - np.percentile(core, 25)) if core.size else 0.0,
        "core_white": float((core >= WHITE).mean()) if core.size else 0.0,
    }


def _rays(look: Look) -> dict[str, float]:
    """Look outward from the head's middle: the skull of a CT is a white ring right around the brain."""
    (x, y), _, _ = moments(look.head)
    far = float(np.hypot(look.gray.shape[0], look.gray.shape[1])) / 2
    size = (64, RAYS)
    polar = np.asarray(
        cv2.warpPolar(look.gray, size, (x, y), far, cv2.INTER_LINEAR | cv2.WARP_FILL_OUTLIERS), dtype=np.float32
    )
    filled = cv2.warpPolar(look.head, size, (x, y), far, cv2.INTER_NEAREST | cv2.WARP_FILL_OUTLIERS)
    ends = np.maximum(4, size[0] - np.argmax(filled[:, ::-1] > 0, axis=1))
    places = np.linspace(0, 1, STEPS)[None] * (ends[:, None] - 1)
    rays = np.take_along_axis(polar, np.rint(places).astype(np.int64), axis=1)
    outer, inner = rays[:, STEPS // 2 :], rays[:, : STEPS // 2]
    peak = outer.max(axis=1)
    place = STEPS // 2 + outer.argmax(axis=1)
    before = np.arange(STEPS)[None] < place[:, None]
    gap = np.where(before & (np.arange(STEPS) >= STEPS // 2), rays, peak[:, None]).min(axis=1)
    middle = float(np.median(inner))
    return {
        "ring_white": float((peak >= WHITE).mean()),
        "ring_level": float(peak.mean()),
        "ring_even": float(peak.std()),
        "ring_width": float((outer >= 0.9 * peak[:, None]).mean()),
        "ring_step": float(peak.mean()) - middle,
        "ring_gap": middle - float(np.minimum(gap, middle).mean()),
        "skin_level": float(rays[:, -2:].mean()),
    }


def _grain(look: Look) -> dict[str, float]:
    inside = look.head > 0
    scale = max(0.02, float(look.gray[inside].std()))
    found: dict[str, float] = {}
    for n in (0, 1, 2, 4):
        smooth = look.gray if n == 0 else cv2.GaussianBlur(look.gray, (0, 0), float(n))
        across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
        power = (across**2 + down**2)[inside]
        found[f"gradient_{n}"] = float(np.log(np.sqrt(power).mean() / scale + 1e-3))
        if n == 1:
            square = float(power.mean()) + 1e-9
            found["gradient_peak"] = float(np.log((power**2).mean() / square**2 + 1e-3))
            steep = np.abs(across**2 - down**2)[inside]
            found["upright"] = float(steep.sum() / (power.sum() + 1e-9))
    rough = np.abs(look.gray - cv2.medianBlur(look.gray, 3))
    found["grain"] = float(np.log(rough[inside].mean() / scale + 1e-3))
    found["grain_outside"] = float(np.log(rough[~inside].mean() + 1e-4)) if not inside.all() else float(np.log(1e-4))
    centered = (look.gray - look.gray[inside].mean()) * inside
    for n in (1, 3, 8):
        found[f"likeness_{n}"] = _shifted_likeness(centered, inside, n)
    return found


def _shifted_likeness(centered: Floats, inside: NDArray[np.bool_], step: int) -> float:
    """Return the mean correlation with the picture shifted by ``step`` down and right."""
    total, weight = 0.0, 0
    for axis in (0, 1):
        n = centered.shape[axis] - step
        first = [slice(None), slice(None)]
        second = [slice(None), slice(None)]
        first[axis], second[axis] = slice(0, n), slice(step, None)
        both = inside[tuple(first)] & inside[tuple(second)]
        total += float((centered[tuple(first)] * centered[tuple(second)]).sum())
        weight += int(both.sum())
    variance = float((centered**2).sum()) / max(1, int(inside.sum()))
    return total / max(1, weight) / variance if variance > 1e-9 else 1.0
