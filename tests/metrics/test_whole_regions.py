"""Protocols of whole regions, ``plain`` and ``legacy``, against MedPy and MONAI and against values made by hand."""

import math

import numpy as np
import pytest

from gliascope.metrics import METRICS, PROTOCOLS, MaskPair
from gliascope.metrics.surface import BoolArray


def cube(*corners: tuple[int, int], size: int = 40) -> BoolArray:
    mask = np.zeros((size,) * 3, dtype=np.bool_)
    for start, width in corners:
        mask[(slice(start, start + width),) * 3] = True
    return mask


def drawn(seed: int, shape: tuple[int, ...]) -> tuple[BoolArray, BoolArray]:
    rng = np.random.default_rng(seed)
    grids = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    centers = [[n * rng.uniform(0.4, 0.6) for n in shape] for _ in range(2)]
    first, second = (
        np.sum([(g - c) ** 2 for g, c in zip(grids, center, strict=True)], axis=0) < 16 for center in centers
    )
    return first | (rng.random(shape) < 0.002), second


@pytest.mark.parametrize("shape", [(20, 18, 14), (30, 26)])
@pytest.mark.parametrize("seed", range(3))
def test_legacy_agrees_with_medpy(seed: int, shape: tuple[int, ...]) -> None:
    from medpy.metric import binary

    prediction, reference = drawn(seed, shape)
    spacing = (0.5, 1.0, 3.0)[: len(shape)]  # which legacy does not look at
    values = PROTOCOLS["legacy"].score(MaskPair.of(prediction, reference, spacing_mm=spacing))
    assert values == {
        "dice": pytest.approx(binary.dc(prediction, reference)),
        "hd95": pytest.approx(binary.hd95(prediction, reference)),
        "sensitivity": pytest.approx(binary.sensitivity(prediction, reference)),
        "specificity": pytest.approx(binary.specificity(prediction, reference)),
    }


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.5, 1.2, 3.0)])
@pytest.mark.parametrize("seed", range(3))
def test_plain_agrees_with_medpy_where_the_two_mean_the_same(seed: int, spacing: tuple[float, ...]) -> None:
    from medpy.metric import binary

    prediction, reference = drawn(seed, (20, 18, 14))
    values = PROTOCOLS["plain"].score(MaskPair.of(prediction, reference, spacing_mm=spacing))
    assert values["dice"] == pytest.approx(binary.dc(prediction, reference))
    assert values["iou"] == pytest.approx(binary.jc(prediction, reference))
    assert values["precision"] == pytest.approx(binary.precision(prediction, reference))
    assert values["hd"] == pytest.approx(binary.hd(prediction, reference, voxelspacing=spacing))
    volumes = [mask.sum() * math.prod(spacing) / 1000 for mask in (prediction, reference)]
    assert values["volume_error_ml"] == pytest.approx(abs(volumes[0] - volumes[1]))
    difference = abs(binary.ravd(prediction, reference))
    assert values["relative_volume_error"] == pytest.approx(difference)


@pytest.mark.train
@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.5, 1.2, 3.0)])
@pytest.mark.parametrize("seed", range(2))
def test_plain_agrees_with_monai(seed: int, spacing: tuple[float, ...]) -> None:
    import torch
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance
    from monai.metrics.surface_dice import compute_surface_dice

    prediction, reference = drawn(seed, (20, 18, 14))
    tensors = [torch.from_numpy(mask)[None, None].float() for mask in (prediction, reference)]
    pair = MaskPair.of(prediction, reference, spacing_mm=spacing, tolerance_mm=1.5)
    values = PROTOCOLS["plain"].score(pair)
    for name, percentile in (("hd", None), ("hd95", 95)):
        theirs = compute_hausdorff_distance(
            tensors[0], tensors[1], include_background=True, percentile=percentile, spacing=list(spacing)
        )
        assert values[name] == pytest.approx(float(theirs), rel=1e-5)
    share = compute_surface_dice(
        tensors[0], tensors[1], class_thresholds=[1.5], include_background=True, spacing=list(spacing)
    )
    assert values["nsd"] == pytest.approx(float(share), abs=1e-6)


@pytest.mark.parametrize(
    ("far", "area_weighted", "pooled", "directed"),
    [(4, 30.100, 28.562, 30.562), (3, 27.749, 0.0, 9.699), (2, 0.0, 0.0, 0.0)],
)
def test_one_name_three_figures(far: int, area_weighted: float, pooled: float, directed: float) -> None:
    """The same masks under the three definitions of HD95 in use: a cube, and a small far one besides."""
    pair = MaskPair.of(cube((5, 10), (30, far)), cube((5, 10)), spacing_mm=(1.0, 1.0, 1.0))
    assert PROTOCOLS["brats2023"].score(pair)["legacy_hd95"] == pytest.approx(area_weighted, abs=1e-3)
    assert PROTOCOLS["legacy"].score(pair)["hd95"] == pytest.approx(pooled, abs=1e-3)
    assert PROTOCOLS["plain"].score(pair)["hd95"] == pytest.approx(directed, abs=1e-3)


def test_values_made_by_hand() -> None:
    """Two bars of 4 × 1 voxels of 2 × 1 mm, one voxel apart along the bar."""
    reference, prediction = np.zeros((2, 8, 1), dtype=np.bool_), np.zeros((2, 8, 1), dtype=np.bool_)
    reference[0, 1:5], prediction[0, 2:6] = True, True
    pair = MaskPair.of(prediction, reference, spacing_mm=(1.0, 2.0, 5.0))
    values = PROTOCOLS["plain"].score(pair)
    assert values["dice"] == 0.75
    assert values["hd"] == 2.0
    assert values["assd"] == pytest.approx((2.0 + 2.0) / 8)
    assert values["nsd"] == pytest.approx(6 / 8)
    assert values["volume_error_ml"] == values["relative_volume_error"] == 0.0
    assert PROTOCOLS["legacy"].score(pair)["hd95"] == 1.0


def test_a_region_that_is_missed_or_invented() -> None:
    some, empty = cube((5, 10)), cube()
    for masks, outcome, relative in (((empty, some), "missed", 1.0), ((some, empty), "false_positive", math.inf)):
        pair = MaskPair.of(*masks, spacing_mm=(1.0, 1.0, 1.0))
        assert pair.outcome == outcome
        values = PROTOCOLS["plain"].score(pair)
        assert (values["hd"], values["hd95"], values["assd"], values["nsd"]) == (math.inf, math.inf, math.inf, 0.0)
        assert values["volume_error_ml"] == 1.0
        assert values["relative_volume_error"] == relative
        assert PROTOCOLS["legacy"].score(pair)["hd95"] == pytest.approx(math.sqrt(3) * 40)


def test_the_diagonal_of_a_brats_volume_stands_for_a_missed_region() -> None:
    reference = np.zeros((240, 240, 155), dtype=np.bool_)
    reference[100:110, 100:110, 70:80] = True
    hd95 = PROTOCOLS["legacy"].score(MaskPair.of(~reference & False, reference))["hd95"]
    assert hd95 == pytest.approx(373.1287, abs=1e-4)


def test_distances_are_computed_once_for_all_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    from gliascope.metrics.surface import BorderDistances, border_distances

    shapes = []

    def counted(prediction: BoolArray, reference: BoolArray, spacing: tuple[float, ...]) -> BorderDistances:
        shapes.append(prediction.shape)
        return border_distances(prediction, reference, spacing)

    monkeypatch.setattr("gliascope.metrics.masks.border_distances", counted)
    pair = MaskPair.of(cube((5, 10)), cube((6, 10)), spacing_mm=(1.0, 1.0, 1.0))
    assert len(PROTOCOLS["plain"].score(pair)) == len(METRICS)
    assert shapes == [(11, 11, 11)]
