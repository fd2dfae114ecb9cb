"""Training on a part of each slice, and predicting whole slices in tiles that do not overlap."""

import json
from pathlib import Path

import numpy as np
import pytest

from gliascope.checkpoint import load_model
from gliascope.datasets import dataset_named
from gliascope.datasets.phantom_layouts import write_layout
from gliascope.errors import ConfigError
from gliascope.inference.predictor import Predictor, Segmentation
from gliascope.workflow.train import train

pytestmark = pytest.mark.train

RECIPE = """
name = "tiles"
source = "gliascope"
description = "a 2-D network on the middle of each slice, whole slices when it predicts"
task = "segment"

[dataset]
name = "msd-task01"

[split]
fractions = [0.6, 0.2, 0.2]

[plan]
channels = ["t2f", "t1n", "t1c", "t2w"]
steps = [{ name = "min_max" }, { name = "crop_center", size = [32, 32, 8] }]

[prediction_plan]
channels = ["t2f", "t1n", "t1c", "t2w"]
steps = [{ name = "min_max" }, { name = "pad", size = [64, 64, 1] }]

[target]
mode = "classes"
scheme = "msd"

[network]
name = "unet"
dimensions = 2
width = 4
depth = 2

[training]
epochs = 1
batch_size = 8

[inference]
window = [32, 32]
overlap = 0.0
"""


def test_whole_slices_are_padded_tiled_and_stitched(tmp_path: Path) -> None:
    write_layout("msd-task01", tmp_path / "data", patients=5, shape=(60, 58, 10))
    (tmp_path / "tiles.toml").write_text(RECIPE)
    run = train(tmp_path / "tiles.toml", tmp_path / "data", tmp_path / "run", cache=tmp_path / "cache")
    facts = load_model(run.model).facts
    assert [step["name"] for step in facts.plan["steps"]] == ["min_max", "pad"]
    assert facts.statistics["cases"] == 3
    config = json.loads((run.folder / "config.json").read_text())
    assert [step["name"] for step in config["plan"]["steps"]] == ["min_max", "crop_center"]
    predictor = Predictor(run.model, backend="torch", precision="fp32")
    scan = dataset_named("msd-task01").cases(tmp_path / "data")[0].read().select(("t2f", "t1n", "t1c", "t2w"))
    result = predictor.predict(scan)
    assert isinstance(result, Segmentation)
    assert result.label_map.array.shape == (60, 58, 10)
    low = scan.array.min(axis=(1, 2, 3), keepdims=True)
    scaled = (scan.array - low) / (scan.array.max(axis=(1, 2, 3), keepdims=True) - low)
    padded = np.pad(scaled, ((0, 0), (2, 2), (3, 3), (0, 0)))
    for i, j, k in ((0, 0, 4), (32, 0, 4), (0, 32, 5), (32, 32, 9)):
        tile = np.ascontiguousarray(padded[:, i : i + 32, j : j + 32, k])
        alone = predictor.answer(tile)
        rows, columns = slice(max(i, 2), min(i + 32, 62)), slice(max(j, 3), min(j + 32, 61))
        stitched = result.raw[:, rows.start - 2 : rows.stop - 2, columns.start - 3 : columns.stop - 3, k]
        expected = alone[:, rows.start - i : rows.stop - i, columns.start - j : columns.stop - j]
        np.testing.assert_allclose(stitched, expected, atol=1e-5)


def test_both_plans_give_the_network_the_same_channels(tmp_path: Path) -> None:
    from gliascope.config import read_recipe

    for channels in ('["t1n", "t2f", "t1c", "t2w"]', '["t2f"]'):
        first, second = RECIPE.split("[prediction_plan]\n")
        path = tmp_path / "other.toml"
        path.write_text(f"{first}[prediction_plan]\nchannels = {channels}\n{second.split(chr(10), 1)[1]}")
        with pytest.raises(ConfigError, match="other channels than plan"):
            read_recipe(path)
