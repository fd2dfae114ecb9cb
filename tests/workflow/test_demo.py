"""The demo leads through everything and links it."""

import re
from pathlib import Path
from typing import Any

import pytest

from gliascope.errors import UsageError
from gliascope.workflow import demo as module
from gliascope.workflow.train import TrainedRun, train

pytestmark = pytest.mark.train

SMALL = {
    "demo-segment": ["dataset.patients=5", "dataset.size=32", "network.width=4", "training.sampling.per_epoch=2"],
    "demo-classify": ["dataset.patients=24", "dataset.size=32"],
}


def test_every_link_of_the_demo_leads_somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(recipe: str, *arguments: Any, **options: Any) -> TrainedRun:  # noqa: ANN401 - passed on
        return train(recipe, *arguments, overrides=[*SMALL[recipe], "training.epochs=1"], **options)

    monkeypatch.setattr(module, "train", small)
    result = module.demo(tmp_path / "demo")
    page = Path(result["report"]).read_text()
    links = re.findall(r'href="([^"#]+\.html)"', page)
    assert len(links) >= 2 * 2 + 2 + 4
    for link in links:
        assert (tmp_path / "demo" / link).is_file()
    assert result["lines"]
    with pytest.raises(UsageError, match="exists"):
        module.demo(tmp_path / "demo")
