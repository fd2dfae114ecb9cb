"""The command line: exit codes, messages, JSON, no surprises on stdout."""

import json
import resource
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from gliascope.cli import main
from gliascope.workflow.train import TrainedRun


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run one command in this process; return exit code, stdout and stderr."""
    with pytest.raises(SystemExit) as leave:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return int(leave.value.code or 0), captured.out, captured.err


def error_of(text: str) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(text)["error"]
    assert set(error) == {"code", "file", "cause", "hint"}
    return error


def test_help_is_fast_and_lists_every_command() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(
        [sys.executable, "-c", "from gliascope.cli import main; main(['--help'])"],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    assert seconds < 2.5, "0.5 s on an idle machine"
    for command in ("demo", "predict", "check", "train", "evaluate", "explore", "recipes", "doctor", "Not a medical"):
        assert command in done.stdout


@pytest.mark.parametrize(
    "command", ["predict", "check", "explain", "export", "train", "evaluate", "compare", "explore", "demo"]
)
def test_every_help_has_an_example(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    assert f"gliascope {command}" in out


def test_unknown_option_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "predict", "--modle", "x")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert "--modle" in err
    assert "[E_USAGE]" in err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--version")
    assert (code, err) == (0, "")
    assert out.startswith("gliascope ")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("predict", "x", "--threads", "0"), "'--threads'"),
        (("train", "x"), "'--data'"),
        (("predict", "x", "--spacing", "a"), "--spacing"),
    ],
)
def test_usage_faults_name_the_option(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], named: str
) -> None:
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert named in err


@pytest.mark.parametrize("arguments", [(), ("predict",)])
def test_no_arguments_show_the_help_alone(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, err) == (2, "")
    assert "Usage: gliascope" in out


def test_a_misspelt_command_leads_to_a_help_that_exists(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = run(capsys, "predikt", "x")
    assert err == "error: No such command 'predikt'. Did you mean 'predict'? See gliascope --help. [E_USAGE]\n"


def test_unknown_command_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "predikt")
    assert code == 2
    assert "predikt" in err


def test_missing_input_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = run(capsys, "predict", tmp_path / "nowhere", "-o", tmp_path / "out", "--json", "-")
    assert code == 3
    assert "nowhere" in error_of(out)["file"]
    assert err.startswith("error: ")


def test_wrong_spacing_is_usage(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = run(capsys, "predict", tmp_path, "--spacing", "1,zero")
    assert code == 2
    assert "--spacing" in err


@pytest.mark.parametrize("text", ["", ",", "t1n,"])
def test_empty_channel_name_is_usage(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str) -> None:
    for command in ("predict", "check"):
        code, out, _ = run(capsys, command, tmp_path, "--channels", text, "--json", "-")
        assert (code, error_of(out)["code"]) == (2, "E_USAGE")


def test_datasets_are_listed_with_licence(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "datasets", "--json", "-")
    assert (code, err) == (0, "")
    rows = json.loads(out)["datasets"]
    assert {"lgg", "kaggle-4class", "brats2021", "msd-task01"} <= {row["name"] for row in rows}
    assert all(row["licence"] for row in rows)


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "gliascope", "--version"], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("gliascope 0."), done.stderr


def test_doctor_names_versions(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "doctor", "--json", "-")
    found = json.loads(out)
    assert code == 0
    assert found["libraries"]["openvino"]
    assert {"timm", "monai", "segmentation-models-pytorch", "torchvision", "einops"} <= set(found["libraries"])


def test_doctor_tells_how_much_prepared_cases_take(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "gliascope" / "prepared"
    assert f"0.0 GB in {folder}" in run(capsys, "doctor")[1]
    folder.mkdir(parents=True)
    with (folder / "case.safetensors").open("wb") as file:
        file.truncate(1_500_000_000)
    assert f"prepared cases of trainings: 1.5 GB in {folder}" in run(capsys, "doctor")[1]


def test_doctor_names_missing_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    from gliascope.workflow import doctor

    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name in ("timm", "monai") else find_spec(name))
    if any(find_spec(name) is None for name in doctor.TRAINING):
        pytest.skip("names what training needs, which is missing too")
    missing = {row["what"]: row["fix"] for row in doctor.doctor()["missing"]}
    assert missing["timm, monai, which some networks need"] == 'Run: pip install "gliascope[train]".'


def test_internal_fault_leaves_a_log_and_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> dict[str, Any]:
        raise RuntimeError("planted")

    monkeypatch.setattr("gliascope.workflow.doctor.doctor", broken)
    code, _, err = run(capsys, "doctor")
    assert code == 1
    assert "Traceback" not in err
    log = Path(err.split("details are in ")[1].split(";")[0])
    assert "planted" in log.read_text()
    log.unlink()
    code, _, err = run(capsys, "doctor", "--debug")
    assert code == 1
    assert "Traceback" in err


def test_interrupt_is_130(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped() -> dict[str, Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr("gliascope.workflow.doctor.doctor", stopped)
    assert run(capsys, "doctor")[0] == 130
    code, out, _ = run(capsys, "doctor", "--json", "-")
    assert (code, error_of(out)["code"]) == (130, "E_STOPPED")


def test_json_replaces_results_only(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    recipe, result = tmp_path / "mine.toml", tmp_path / "result"
    recipe.write_text('name = "mine"')
    code, _, err = run(capsys, "datasets", "--json", recipe)
    assert (code, recipe.read_text()) == (2, 'name = "mine"')
    assert "would replace it" in err
    for _ in range(2):
        assert run(capsys, "datasets", "--json", result)[0] == 0
    assert "datasets" in json.loads(result.read_text())


def test_closed_pipe_is_no_error() -> None:
    python = f"'{sys.executable}' -c \"from gliascope.cli import main; main(['datasets'])\""
    code = python + " | head -1; exit ${PIPESTATUS[0]}"
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


@pytest.mark.train
def test_recipes_count_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "recipes", "--json", "-")
    rows = {row["name"]: row for row in json.loads(out)["recipes"]}
    assert code == 0
    assert rows["customcnn-4class"]["parameters"] == 3_001_156


@pytest.mark.train
def test_predict_and_evaluate(
    capsys: pytest.CaptureFixture[str], segment_run: TrainedRun, study: Path, tmp_path: Path
) -> None:
    code, out, err = run(capsys, "predict", study, "-o", tmp_path / "out", "--model", segment_run.folder, "--json", "-")
    assert code == 0, err
    result = json.loads(out)
    assert result["counts"] == {"done": 1, "kept": 0, "failed": 0}
    reference = next(study.glob("*seg.nii.gz"))
    mask = tmp_path / "out" / study.name / "mask.nii.gz"
    code, out, err = run(capsys, "evaluate", mask, reference, "--scheme", "brats2023", "--json", "-")
    assert code == 0, err
    assert json.loads(out)["counts"]["cases"] == 1


@pytest.mark.train
def test_text_names_the_page(
    capsys: pytest.CaptureFixture[str], segment_run: TrainedRun, study: Path, tmp_path: Path
) -> None:
    code, out, _ = run(capsys, "predict", study, "-o", tmp_path / "out", "--model", segment_run.folder)
    assert code == 0
    page = Path(out.splitlines()[-1].removeprefix("open "))
    assert page.is_file()


@pytest.mark.train
def test_prediction_needs_no_torch(segment_run: TrainedRun, study: Path, tmp_path: Path) -> None:
    """Predict, check and evaluate in an interpreter where importing torch fails."""
    reference = next(study.glob("*seg.nii.gz"))
    calls = [
        ["predict", str(study), "-o", str(tmp_path / "out"), "--model", str(segment_run.model)],
        ["check", str(study), str(segment_run.model)],
        ["evaluate", str(tmp_path / "out"), str(reference.parent), "--scheme", "brats2023"],
        ["evaluate", str(segment_run.folder), "-o", str(tmp_path / "scores")],
    ]
    code = (
        "import sys\n"
        "for name in ('torch', 'lightning', 'monai'): sys.modules[name] = None\n"
        "from gliascope.cli import main\n"
        f"for call in {calls!r}:\n"
        "    try: main(call)\n"
        "    except SystemExit as leave: assert not leave.code, (call, leave.code)\n"
        "    else: raise AssertionError(call)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.train
def test_training_without_torch_names_the_extra(tmp_path: Path) -> None:
    code = (
        "import importlib.util as u, sys\n"
        "find = u.find_spec\n"
        "import gliascope.workflow.extras as e\n"
        "e.find_spec = lambda name: None if name in ('torch', 'lightning') else find(name)\n"
        f"from gliascope.cli import main; main(['train', 'demo-segment', '--data', {str(tmp_path)!r}, '-o', 'x'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert 'pip install "gliascope[train]"' in done.stderr


@pytest.mark.train
def test_check_names_every_fault(
    capsys: pytest.CaptureFixture[str], segment_run: TrainedRun, study: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.nii.gz"
    bad.write_bytes(b"<html>not found</html>")
    recipe = tmp_path / "mine.toml"
    recipe.write_text('name = "x"\n')
    code, out, _ = run(capsys, "check", study, bad, recipe, segment_run.model, "--json", "-")
    assert code == 6
    checked = {Path(item["input"]).name: item["ok"] for item in json.loads(out)["checked"]}
    assert checked == {study.name: True, "bad.nii.gz": False, "mine.toml": False, "model": True}


@pytest.mark.train
def test_file_names_cannot_write_to_the_terminal(
    capsys: pytest.CaptureFixture[str], classify_run: TrainedRun, tmp_path: Path
) -> None:
    evil = tmp_path / "a\x1b[31m\nb.png"
    evil.write_text("no picture")
    code, _, err = run(capsys, "predict", evil, "-o", tmp_path / "out", "--model", classify_run.model)
    assert code == 3
    assert "\x1b" not in err
    assert len(err.strip().splitlines()) == 1
