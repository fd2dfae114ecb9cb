"""Every benchmark runs, at a size that costs nothing."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from gliascope.checkpoint import load_model
from gliascope.workflow.train import TrainedRun

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if "__main__" in path.read_text())

pytestmark = pytest.mark.train


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:  # noqa: ANN401 - a function of a script and options
    """Return a function that runs a script and returns its JSON."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def run(script: str, *options: str) -> dict[str, Any]:
        output = tmp_path / "figures.json"
        importlib.import_module(script).main([*options, "--repeats", "1", "-o", str(output)])
        figures: dict[str, Any] = json.loads(output.read_text())
        return figures

    return run


def test_volumes(bench: Any, segment_run: TrainedRun, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ANN401
    figures = bench("volumes", "--model", str(segment_run.model), "--size", "24", "24", "24", "--window", "16")
    told = {timing["name"]: timing for timing in figures["timings"]}
    whole = told["Gliascope, process start to mask and page"]
    assert whole["peak_mb"] > 50
    assert whole["wall_s"] > told["Gliascope, scan to mask"]["wall_s"] > 0
    assert sum("estimated" in timing["note"] for timing in figures["timings"]) == 1
    assert figures["machine"]
    assert figures["facts"]["times as fast as MONAI's way"] > 0
    table = capsys.readouterr().out
    assert all(f"| {name} |" in table for name in told)


def test_volumes_slice_by_slice(bench: Any) -> None:  # noqa: ANN401
    figures = bench("volumes", "--model", "lgg-flair", "--size", "40", "40", "12", "--window", "64")
    names = [timing["name"] for timing in figures["timings"]]
    assert "MONAI sliding windows, torch fp32, whole volume, 64², overlap 0.5" in names
    assert "nnU-Net-like: head box, 64², overlap 0.5, 4 mirrors" in names


def test_the_network_of_a_recipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    volumes = importlib.import_module("volumes")
    facts = load_model(Path(volumes._barely_trained("demo-segment", tmp_path))).facts
    assert (facts.name, facts.dimensions, len(facts.channels)) == ("demo-segment", 3, 4)
    assert (facts.parity or {})["openvino"]["fp32"]["passed"], "it is measured in the fast form"


def test_pictures(bench: Any, classify_run: TrainedRun) -> None:  # noqa: ANN401
    figures = bench("pictures", "--model", str(classify_run.model), "--count", "5", "--size", "64")
    rates = {timing["name"]: timing["items"] for timing in figures["timings"]}
    assert rates["Gliascope, process start to every class, JSON and page"] == 5
    assert rates["plain PyTorch loop, files to probabilities"] == 5


def test_training_step(bench: Any) -> None:  # noqa: ANN401
    figures = bench("training_step", "--width", "2", "--side", "32", "--batch", "2")
    assert {timing["name"][:3] for timing in figures["timings"]} == {"2-D", "3-D"}


def test_metric_times(bench: Any) -> None:  # noqa: ANN401
    figures = bench("metric_times", "--size", "32", "32", "32")
    notes = {timing["name"]: timing["note"].split(", ") for timing in figures["timings"]}
    ours, monai = (next(note for name, note in notes.items() if name.startswith(own)) for own in ("Glia", "MONAI"))
    assert ours == monai, "the same distances"


def test_gate_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    file = tmp_path / "table.json"
    importlib.import_module("gate_table").main(["mri-4class", "--invented", "4", "--json", str(file)])
    rows = {row["kind"]: row for row in json.loads(file.read_text())}
    assert rows["invented: noise"]["turned_away"] == 1.0
    assert all(row["pictures"] == 4 for row in rows.values())


def test_every_script_has_its_test_and_its_line() -> None:
    assert SCRIPTS == ["gate_table", "metric_times", "pictures", "training_step", "volumes"]
    page = (FOLDER / "README.md").read_text()
    assert all(f"python benchmarks/{name}.py" in page for name in SCRIPTS)
