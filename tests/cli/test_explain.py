"""``gliascope explain`` from the command line: JSON alone on stdout, codes of what cannot be explained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gliascope.workflow.train import TrainedRun

pytestmark = pytest.mark.train


def test_explain(classify_run: TrainedRun, command: Callable[..., Any], tmp_path: Path) -> None:
    picture, out = tmp_path / "slice.png", tmp_path / "out"
    Image.fromarray(np.random.default_rng(5).integers(0, 255, (40, 40), dtype=np.uint8)).save(picture)
    found = command("explain", classify_run.folder, picture, "-o", out)
    assert found.code == 0
    assert {each["file"] for each in found.json["pictures"]} == {path.name for path in out.glob("*.png")}
    command("explain", classify_run.folder, picture, "-o", out).verify(2, "E_EXISTS", "out")
    command("explain", classify_run.folder, picture, "-o", tmp_path / "b", "--slice", 2).verify(2, "E_USAGE", "picture")
    command("explain", tmp_path / "none", picture, "-o", tmp_path / "b").verify(4, "E_NO_MODEL", "none")
    absent = command("explain", classify_run.folder, tmp_path / "absent.png", "-o", tmp_path / "b")
    absent.verify(3, "E_MISSING", "absent.png")
    assert not (tmp_path / "b").exists()
