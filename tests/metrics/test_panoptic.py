"""Matched lesions against panoptica, and against values made by hand."""

import math
from typing import Any

import numpy as np
import pytest

from gliascope.metrics import PROTOCOLS, MaskPair
from gliascope.metrics.surface import BoolArray


def panoptica_scores(prediction: BoolArray, reference: BoolArray, spacing: tuple[float, ...]) -> dict[str, float]:
    """What panoptica makes of connected parts, matched one to one by Dice."""
    from panoptica import ConnectedComponentsInstanceApproximator, InputType, MaxBipartiteMatching, Panoptica_Evaluator
    from panoptica.metrics import Metric
    from panoptica.utils.constants import CCABackend

    backend = CCABackend.cc3d if prediction.ndim == 3 else CCABackend.scipy
    evaluator = Panoptica_Evaluator(
        expected_input=InputType.SEMANTIC,
        instance_approximator=ConnectedComponentsInstanceApproximator(cca_backend=backend),
        instance_matcher=MaxBipartiteMatching(matching_metric=Metric.DSC, matching_threshold=1e-6),
        instance_metrics=[Metric.DSC, Metric.IOU, Metric.HD95, Metric.NSD],
        global_metrics=[],
    )
    masks = prediction.astype(np.uint8), reference.astype(np.uint8)
    result: Any = evaluator.evaluate(*masks, voxelspacing=spacing, verbose=False)["ungrouped"]
    return {
        "lesionwise_dice": result.sq_dsc,
        "lesionwise_hd95": result.sq_hd95,
        "lesionwise_nsd": result.sq_nsd,
        "recognition_quality": result.rq,
        "panoptic_quality": result.pq,
        "true_positives": result.tp,
        "false_positives": result.fp,
        "false_negatives": result.fn,
    }


def blobs(rng: np.random.Generator, shape: tuple[int, ...], count: int) -> BoolArray:
    mask = np.zeros(shape, dtype=np.bool_)
    for _ in range(count):
        start = [int(rng.integers(0, n - 2)) for n in shape]
        mask[tuple(slice(s, s + int(rng.integers(1, 5))) for s in start)] = True
    return mask


CASES = [
    ((16, 14, 12), (1.0, 1.0, 1.0), 5),
    ((16, 14, 12), (0.8, 1.5, 3.0), 6),
    ((24, 20), (1.0, 1.0), 6),
    ((24, 20), (0.5, 0.75), 8),
]


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("shape", "spacing", "count"), CASES)
def test_values_agree_with_panoptica(shape: tuple[int, ...], spacing: tuple[float, ...], count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = blobs(rng, shape, count)
    prediction = (reference & (rng.random(shape) < 0.9)) | blobs(rng, shape, 2)
    ours = PROTOCOLS["brats2026"].score(MaskPair.of(prediction, reference, spacing_mm=spacing))
    assert ours == pytest.approx(panoptica_scores(prediction, reference, spacing), abs=1e-6)


def line(*filled: tuple[int, int]) -> BoolArray:
    mask = np.zeros((1, 1, 40), dtype=np.bool_)
    for start, stop in filled:
        mask[..., start:stop] = True
    return mask


def scored(name: str, prediction: BoolArray, reference: BoolArray) -> dict[str, float]:
    return PROTOCOLS[name].score(MaskPair.of(prediction, reference, spacing_mm=(1.0, 1.0, 1.0)))


def test_a_missed_lesion_shows_in_the_recognition_alone() -> None:
    values = scored("brats2025", line((0, 4)), line((0, 4), (30, 38)))
    assert values["lesionwise_dice"] == 1.0
    assert values["recognition_quality"] == pytest.approx(2 / 3)
    assert (values["true_positives"], values["false_positives"], values["false_negatives"]) == (1, 0, 1)


def test_a_part_matches_one_lesion_only_the_one_that_serves_the_sum() -> None:
    """One long part covers both lesions: Dice 8/21 with the first, 16/25 with the second."""
    values = scored("brats2026", line((0, 17)), line((0, 4), (9, 17)))
    assert values["lesionwise_dice"] == pytest.approx(16 / 25)
    assert (values["true_positives"], values["false_negatives"]) == (1, 1)


@pytest.mark.parametrize(
    ("name", "both_empty", "none_matched"),
    [("brats2025", (1.0, 0.0, 1.0), (0.0, 374.0, 0.0)), ("brats2026", (math.nan,) * 3, (0.0, 373.0, 0.0))],
)
def test_where_nothing_is_matched(name: str, both_empty: tuple[float, ...], none_matched: tuple[float, ...]) -> None:
    keys = ("lesionwise_dice", "lesionwise_hd95", "lesionwise_nsd")
    empty, some, elsewhere = line(), line((0, 4)), line((10, 14))
    values = scored(name, empty, empty)
    np.testing.assert_equal([values[key] for key in keys], both_empty)
    assert math.isnan(values["recognition_quality"])
    for masks in ((some, empty), (empty, some), (some, elsewhere)):
        values = scored(name, *masks)
        np.testing.assert_equal([values[key] for key in keys], none_matched)
        assert values["recognition_quality"] == values["panoptic_quality"] == 0.0


def test_thousands_of_specks_do_not_fill_the_memory() -> None:
    rng = np.random.default_rng(0)
    specks = np.zeros((64, 64, 64), dtype=np.bool_)
    specks[::2, ::2, ::2] = rng.random((32, 32, 32)) < 0.5
    values = scored("brats2026", specks, np.roll(specks, 1, axis=0))
    assert values["true_positives"] == 0
    assert values["false_positives"] == values["false_negatives"] == specks.sum()
