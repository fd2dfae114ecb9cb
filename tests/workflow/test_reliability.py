import time

import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.inference.parts import ModelParts
from gliascope.inference.postprocess import temper
from gliascope.inference.predictor import Segmentation
from gliascope.inference.settings import InferenceSettings
from gliascope.labels import SCHEMES
from gliascope.metrics.calibration import calibration_error
from gliascope.preprocess.inside import Inside
from gliascope.preprocess.plan import Plan
from gliascope.preprocess.targets import TargetSettings
from gliascope.scan import Grid, LabelMap, Scan
from gliascope.workflow.reliability import RegionSums, class_sums

SHAPE = (12, 12, 12)
GRID = Grid(SHAPE)


def parts(mode: str, scheme: str = "brats2023") -> ModelParts:
    target = TargetSettings.model_validate({"mode": mode, "scheme": scheme})
    return ModelParts(Plan(channels=("t2f",)), target, InferenceSettings(), target.channels)


def head(seed: int) -> Scan:
    """A head of 8³ voxels in the dark."""
    array = np.zeros((1, *SHAPE), np.float32)
    array[:, 2:10, 2:10, 2:10] = np.random.Generator(np.random.Philox(key=seed)).uniform(50, 100, (1, 8, 8, 8))
    return Scan(array, ("t2f",), GRID)


def answer(raw: NDArray[np.float32], model: ModelParts, temperature: float | None = None) -> Segmentation:
    assert model.target is not None
    empty = LabelMap(np.zeros(SHAPE, np.uint8), model.target.label_scheme, GRID)
    honest = raw if temperature is None else temper(raw, temperature, exclusive=model.exclusive)
    decided = Inside.everywhere(raw)
    tempered = decided if honest is raw else Inside.everywhere(np.asarray(honest, np.float32))
    return Segmentation(empty, tempered, model.outputs, decided, {})


def labels(seed: int, scheme: str = "brats2023") -> LabelMap:
    values = np.array(SCHEMES[scheme].values, np.uint8)
    return LabelMap(np.random.Generator(np.random.Philox(key=seed)).choice(values, SHAPE), SCHEMES[scheme], GRID)


def test_regions_are_judged_inside_the_head() -> None:
    model = parts("regions")
    gathered = RegionSums(model)
    probabilities, outcomes = [], []
    for seed in range(4):
        raw = np.random.Generator(np.random.Philox(key=100 + seed)).random((3, *SHAPE), dtype=np.float32)
        gathered.add(head(seed), answer(raw, model, 2.0), labels(seed))
        inside = (slice(2, 10),) * 3
        probabilities.append(temper(raw, 2.0, exclusive=False)[1][inside].ravel())
        outcomes.append(labels(seed).region("TC")[inside].ravel())
    facts = gathered.gathered().facts(["a", "b", "c", "d"], (2.0, 2.0, 2.0))
    assert (facts["unit"], facts["temperature"]) == ("voxel", [2.0, 2.0, 2.0])
    assert list(facts["rows"]) == list(facts["raw"]) == ["WT", "TC", "ET"]
    row = facts["rows"]["TC"]
    assert row["n"] == 4 * 8**3
    wanted = calibration_error(np.concatenate(probabilities), np.concatenate(outcomes))
    assert row["ece"] == pytest.approx(wanted, abs=1e-6)
    assert row["ci95"]["ece"][0] < row["ece"] < row["ci95"]["brier"][1]
    assert sum(each["n"] for each in row["bins"]) == row["n"]
    assert facts["raw"]["TC"]["nll"] > row["nll"], "raw is more sure, and no better than chance"


def test_classes_add_up_to_regions() -> None:
    model = parts("classes")
    draw = np.random.Generator(np.random.Philox(key=1))
    raw = draw.dirichlet(np.ones(4), SHAPE).astype(np.float32).transpose(3, 0, 1, 2)
    gathered = RegionSums(model)
    gathered.add(head(1), answer(raw, model), labels(1))
    facts = gathered.gathered().facts(["a"], None)
    assert facts["raw"] is None
    order = model.outputs
    core = raw[order.index("NCR")] + raw[order.index("ET")]
    inside = (slice(2, 10),) * 3
    wanted = calibration_error(core[inside].ravel(), labels(1).region("TC")[inside].ravel())
    assert facts["rows"]["TC"]["ece"] == pytest.approx(wanted, abs=1e-6)
    assert facts["rows"]["TC"]["ci95"] == {"ece": None, "brier": None, "nll": None}, "one patient"


def test_a_region_that_no_reference_knows_is_left_out() -> None:
    model = parts("regions", "brats2024")
    raw = np.full((4, *SHAPE), 0.5, np.float32)
    gathered = RegionSums(model)
    gathered.add(head(1), answer(raw, model), labels(1))
    assert "RC" not in gathered.gathered().rows
    gathered.add(head(2), answer(raw, model), labels(2, "brats2024"))
    rows = gathered.gathered().facts(["a", "b"], None)["rows"]
    assert rows["RC"]["n"] == 8**3
    assert rows["WT"]["n"] == 2 * 8**3


def test_a_classifier_has_a_row_for_its_answers_and_one_per_class() -> None:
    honest = np.array([[0.6, 0.4], [0.3, 0.7], [0.8, 0.2], [0.5, 0.5]])
    raw = np.array([[0.9, 0.1], [0.1, 0.9], [0.95, 0.05], [0.5, 0.5]])
    facts = class_sums(honest, raw, np.array([0, 1, 1, 0]), ("a", "b")).facts(["p", "q", "r", "s"], 2.5)
    assert (facts["unit"], facts["temperature"]) == ("case", 2.5)
    assert list(facts["rows"]) == ["all", "a", "b"]
    assert facts["rows"]["all"]["ece"] == pytest.approx((0.4 + 0.3 + 0.8 + 0.5) / 4)
    assert facts["raw"]["all"]["ece"] == pytest.approx((0.1 + 0.1 + 0.95 + 0.5) / 4)
    assert facts["rows"]["a"]["n"] == 4
    assert facts["rows"]["a"]["bins"][0]["confidence"] is None


def test_thousands_of_single_cases_take_seconds() -> None:
    draw = np.random.Generator(np.random.Philox(key=2))
    table, reference = draw.dirichlet(np.ones(4), 3000), draw.integers(0, 4, 3000)
    start = time.perf_counter()
    class_sums(table, table, reference, ("a", "b", "c", "d")).facts(range(3000), 1.5)
    assert time.perf_counter() - start < 8, "half a second on a free machine; figure by figure it was half a minute"
