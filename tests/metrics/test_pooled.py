"""Pooled figures are those of one confusion matrix, as an independent library counts it."""

import math
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, jaccard_score

from gliascope.labels import SCHEMES
from gliascope.metrics import region_pairs
from gliascope.metrics.pooled import MEASURES, PooledVoxels, voxel_confusion
from gliascope.scan import Grid, LabelMap

SHAPE = (9, 8, 7)


def maps(number: int, *, values: tuple[int, ...] = (0, 1, 2, 3), scheme: str = "brats2023") -> list[LabelMap]:
    random = np.random.Generator(np.random.Philox(number))
    chances = np.array([0.7, *[0.3 / (len(values) - 1)] * (len(values) - 1)])
    arrays = [random.choice(values, size=SHAPE, p=chances).astype(np.uint8) for _ in range(2)]
    return [LabelMap(array, SCHEMES[scheme], Grid(SHAPE)) for array in arrays]


def pooled(
    cases: list[list[LabelMap]], *, exclusive: bool = True, regions: tuple[str, ...] = ("WT", "TC")
) -> dict[str, Any]:
    gathered = PooledVoxels()
    for prediction, reference in cases:
        gathered.add(prediction, reference, region_pairs(prediction, reference, regions), exclusive=exclusive)
    return gathered.facts(range(len(cases)))


def test_the_matrix_and_its_figures_are_those_of_all_voxels_at_once() -> None:
    cases = [maps(seed) for seed in range(6)]
    found = pooled(cases)
    given = np.concatenate([prediction.array.ravel() for prediction, _ in cases])
    wanted = np.concatenate([reference.array.ravel() for _, reference in cases])
    assert found["classes"] == ["background", "NCR", "ED", "ET"]
    assert found["confusion"] == confusion_matrix(wanted, given).tolist()
    rows = found["rows"]
    assert list(rows) == ["background", "NCR", "ED", "ET", "WT", "TC", "all"]
    assert [rows[name]["iou"] for name in found["classes"]] == pytest.approx(jaccard_score(wanted, given, average=None))
    assert rows["all"]["iou"] == pytest.approx(jaccard_score(wanted, given, average="macro"))
    assert rows["all"]["dice"] == pytest.approx(f1_score(wanted, given, average="macro"))
    assert rows["all"]["accuracy"] == pytest.approx(accuracy_score(wanted, given))
    assert rows["WT"]["dice"] == pytest.approx(f1_score(wanted > 0, given > 0))
    low, high = found["ci95"]["all"]["dice"]
    assert low < rows["all"]["dice"] < high


def test_regions_that_nest_have_no_matrix() -> None:
    found = pooled([maps(seed) for seed in range(4)], exclusive=False)
    assert (found["classes"], found["confusion"]) == ([], [])
    rows = found["rows"]
    assert list(rows) == ["WT", "TC", "all"]
    for measure in MEASURES:
        assert rows["all"][measure] == pytest.approx((rows["WT"][measure] + rows["TC"][measure]) / 2)


def test_a_class_that_is_nowhere_is_undefined_and_left_out() -> None:
    found = pooled([maps(seed, values=(0, 1, 2)) for seed in range(3)], regions=("ET",))
    rows = found["rows"]
    assert math.isnan(rows["ET"]["dice"])
    assert rows["all"]["dice"] == pytest.approx(np.mean([rows[name]["dice"] for name in ("background", "NCR", "ED")]))
    assert found["ci95"]["ET"]["dice"] is None


def test_numbers_of_another_scheme_mean_the_same_tissues() -> None:
    prediction, reference = maps(1)
    other = reference.converted(SCHEMES["brats2017"])
    assert voxel_confusion(prediction, other).tolist() == voxel_confusion(prediction, reference).tolist()
    foreign = [prediction, LabelMap(np.zeros(SHAPE, dtype=np.uint8), SCHEMES["brats2024"], Grid(SHAPE))]
    assert pooled([[prediction, reference], foreign])["classes"] == [], "a cavity has no place in the matrix"
