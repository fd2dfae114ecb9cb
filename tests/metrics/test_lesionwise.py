"""Lesions of BraTS 2023: the golden vectors of the official script, and an independent, slow implementation."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from gliascope.metrics import PROTOCOLS, MaskPair
from gliascope.metrics.surface import BoolArray

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden_lesionwise.json").read_text())
"""Boxes (start and stop per axis) in 40³ voxels of 1 mm³, and what the official script, run on them, gives."""

MM = (1.0, 1.0, 1.0)


def masks_of(boxes: list[list[int]]) -> BoolArray:
    mask = np.zeros((40, 40, 40), dtype=np.bool_)
    for a, b, c, d, e, f in boxes:
        mask[a:b, c:d, e:f] = True
    return mask


@pytest.mark.parametrize("vector", GOLDEN)
def test_golden_vectors(vector: str) -> None:
    case = GOLDEN[vector]
    pair = MaskPair.of(masks_of(case["prediction"]), masks_of(case["reference"]), spacing_mm=MM)
    assert PROTOCOLS["brats2023"].score(pair) == pytest.approx(case["expected"], abs=1e-6)


def slow_scores(
    prediction: BoolArray, reference: BoolArray, spacing: tuple[float, ...], *, steps: int, threshold: float
) -> dict[str, float]:
    """The rules once more, over whole images, with SciPy's components and DeepMind's surface distance."""
    import surface_distance

    everything, edges = ndimage.generate_binary_structure(3, 3), ndimage.generate_binary_structure(3, 2)
    grown = ndimage.binary_dilation(reference, edges, iterations=steps)
    lesions, count = ndimage.label(grown, everything)
    lesions = lesions * reference
    parts, part_count = ndimage.label(prediction, everything)
    used: set[int] = set()
    dice, hd95, found, kept = [], [], 0, 0
    for number in range(1, count + 1):
        lesion = lesions == number
        touched = set(np.unique(parts[ndimage.binary_dilation(lesion, edges, iterations=steps)])) - {0}
        used |= touched
        if lesion.sum() * np.prod(spacing) <= threshold:
            continue
        own = np.isin(parts, list(touched))
        kept, found = kept + 1, found + bool(touched)
        dice.append(2 * (own & lesion).sum() / (own.sum() + lesion.sum()))
        if touched:
            distances = surface_distance.compute_surface_distances(lesion, own, spacing)
            hd95.append(surface_distance.compute_robust_hausdorff(distances, 95))
        else:
            hd95.append(374.0)
    invented = part_count - len(used)
    total = kept + invented
    return {
        "lesionwise_dice": sum(dice) / total if total else 1.0,
        "lesionwise_hd95": (sum(hd95) + 374.0 * invented) / total if total else 0.0,
        "true_positives": found,
        "false_positives": invented,
        "false_negatives": kept - found,
    }


@pytest.mark.filterwarnings("ignore:Please (import|use) `:DeprecationWarning")
@pytest.mark.parametrize(("name", "steps", "threshold"), [("", 3, 50), ("-men", 1, 50), ("-met", 1, 2)])
@pytest.mark.parametrize("spacing", [MM, (0.9, 1.3, 2.5)])
@pytest.mark.parametrize("seed", range(3))
def test_values_agree_with_a_slow_implementation(
    name: str, steps: int, threshold: float, spacing: tuple[float, float, float], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    reference, prediction = (np.zeros((30, 28, 24), dtype=np.bool_) for _ in range(2))
    for mask, number in ((reference, 6), (prediction, 4)):
        for _ in range(number):
            start = [int(rng.integers(0, n - 2)) for n in mask.shape]
            mask[tuple(slice(s, s + int(rng.integers(1, 6))) for s in start)] = True
    prediction |= np.roll(reference, (1, 2, 0), axis=(0, 1, 2)) & (np.arange(30) < 20)[:, None, None]
    ours = PROTOCOLS[f"brats2023{name}"].score(MaskPair.of(prediction, reference, spacing_mm=spacing))
    slow = slow_scores(prediction, reference, spacing, steps=steps, threshold=threshold)
    assert {key: ours[key] for key in slow} == pytest.approx(slow, abs=1e-6)


@pytest.mark.parametrize(("gap", "lesions"), [(6, 1), (7, 2)])
def test_blocks_up_to_six_voxels_apart_are_one_lesion(gap: int, lesions: int) -> None:
    both = masks_of([[2, 8, 10, 16, 10, 16], [8 + gap, 14 + gap, 10, 16, 10, 16]])
    assert PROTOCOLS["brats2023"].score(MaskPair.of(both, both, spacing_mm=MM))["true_positives"] == lesions


@pytest.mark.parametrize(("distance", "found"), [(3, 1.0), (4, 0.0)])
def test_a_part_up_to_three_voxels_away_belongs_to_the_lesion(distance: int, found: float) -> None:
    lesion = masks_of([[10, 16, 10, 16, 10, 16]])
    part = masks_of([[15 + distance, 24, 10, 16, 10, 16]])
    values = PROTOCOLS["brats2023"].score(MaskPair.of(part, lesion, spacing_mm=MM))
    assert (values["true_positives"], values["false_positives"]) == (found, 1.0 - found)


@pytest.mark.parametrize(("spacing", "lesions"), [((1.0, 1.0, 1.0), 0.0), ((1.0, 1.0, 2.0), 1.0)])
def test_the_threshold_is_a_volume_not_a_number_of_voxels(spacing: tuple[float, ...], lesions: float) -> None:
    small = masks_of([[10, 13, 10, 13, 10, 13]])  # 27 voxels
    values = PROTOCOLS["brats2023"].score(MaskPair.of(small, small, spacing_mm=spacing))
    assert values["true_positives"] == lesions


def test_pictures_are_scored_alike() -> None:
    lesions, part = (np.zeros((60, 50), dtype=np.bool_) for _ in range(2))
    lesions[5:15, 5:15] = lesions[40:50, 30:40] = True
    part[5:15, 5:15] = True
    values = PROTOCOLS["brats2023"].score(MaskPair.of(part, lesions, spacing_mm=(1.0, 1.0)))
    assert values["lesionwise_dice"] == 0.5
    assert values["lesionwise_hd95"] == 187.0


@given(seed=st.integers(0, 1000), axes=st.permutations((0, 1, 2)), flip=st.sampled_from([(), (0,), (1, 2)]))
@settings(max_examples=15, deadline=None)
def test_how_the_head_lies_in_the_array_does_not_matter(seed: int, axes: list[int], flip: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    masks = [ndimage.binary_dilation(rng.random((14, 12, 10)) < 0.004, iterations=2) for _ in range(2)]
    spacing = (1.0, 2.0, 0.7)
    turned = [np.flip(mask.transpose(axes), flip) for mask in masks]
    values = PROTOCOLS["brats2023"].score(MaskPair.of(masks[0], masks[1], spacing_mm=spacing))
    again = MaskPair.of(turned[0], turned[1], spacing_mm=tuple(spacing[axis] for axis in axes))
    assert PROTOCOLS["brats2023"].score(again) == pytest.approx(values)
