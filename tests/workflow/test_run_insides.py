"""What the page of a run shows of its network."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gliascope.case import Case, Picture, PictureStack
from gliascope.checkpoint import ModelFolder
from gliascope.report import run_page
from gliascope.workflow.run_insides import run_insides
from gliascope.workflow.train import TrainedRun

pytestmark = pytest.mark.train


def test_pages_of_runs_show_filters_and_one_case(classify_run: TrainedRun, segment_run: TrainedRun) -> None:
    page = (classify_run.folder / "report.html").read_text()
    for words in ("First-layer filters", "96 filters of 9 x 9", "Grad-CAM", "Case: ", "no attention layers"):
        assert words in page
    page = (segment_run.folder / "report.html").read_text()
    for words in ("First-layer filters", "3 x 3 x 3, middle plane", "no attention gates"):
        assert words in page
    assert "inside" not in json.loads((segment_run.folder / "run.json").read_text())


@pytest.fixture
def stack(tmp_path: Path) -> Case:
    """Return a stack of three slices with tumor in the last."""
    random = np.random.default_rng(0)
    images, masks = [], []
    for number in range(3):
        images.append(tmp_path / f"a_{number}.png")
        masks.append(tmp_path / f"a_{number}_mask.png")
        Image.fromarray(random.integers(0, 255, (40, 32, 3), dtype=np.uint8)).save(images[-1])
        mask = np.zeros((40, 32), np.uint8)
        mask[5:9, 5:9] = 255 * (number == 2)
        Image.fromarray(mask).save(masks[-1])
    return Case("stack", PictureStack(tuple(images), tuple(masks), ("t1n", "t1c", "t2f")))


def test_gates_of_an_attention_network_at_four_scales(
    save_network: Callable[..., ModelFolder], stack: Case, tmp_path: Path
) -> None:
    channels = ("t1n", "t1c", "t2f")
    save_network("run/model", {"name": "unet_attention", "width": 2}, channels=channels)
    found = run_insides(tmp_path / "run", [stack])
    assert found["case"] == "stack, slice 3 of 3"
    assert found["absent"] == {}
    captions = [own["caption"] for own in found["pictures"] if own["kind"] == "gate"]
    scales = ("2 x 3", "4 x 6", "8 x 12", "16 x 24")  # the image is padded to 32 x 48
    assert [caption.split(",")[0] for caption in captions] == [
        f"Scale {number} of 4: {size}" for number, size in enumerate(scales, start=1)
    ]
    page = run_page({"name": "run", "inside": found})
    assert "Attention gates" in page
    assert "Case: stack, slice 3 of 3." in page


def test_what_goes_wrong_is_told(tmp_path: Path) -> None:
    case = Case("one", Picture(tmp_path / "absent.png"))
    found = run_insides(tmp_path, [case])
    assert found["pictures"] == []
    assert "could not be drawn" in found["absent"]["inside"]
    assert "could not be drawn" in run_page({"name": "run", "inside": found})
