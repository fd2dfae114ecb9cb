"""A leaking split is refused, or allowed and said everywhere."""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import pytest
from PIL import Image, ImageOps

from gliascope.case import Case
from gliascope.datasets import dataset_named
from gliascope.datasets.phantom_layouts import write_layout
from gliascope.datasets.splits import Split, SplitSettings, split_cases
from gliascope.errors import InputError, ModelError
from gliascope.workflow.audit import audit
from gliascope.workflow.copy_search import search_copies
from gliascope.workflow.leak_gate import LeakVerdict, check_leaks, kept_verdict
from gliascope.workflow.progress import silent

SMALL = ("training.epochs=1", "training.batch_size=8")


class PastTheGateError(Exception):
    """The training went past the gate."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write four-class pictures: two test pictures are copies of training pictures, one copy has another class."""
    home = tmp_path_factory.mktemp("leaks") / "in"
    write_layout("kaggle-4class", home, patients=12, size=96)
    sources = sorted((home / "Training" / "glioma").iterdir())
    shutil.copy(sources[0], home / "Testing" / "glioma" / "copy.jpg")
    ImageOps.mirror(Image.open(sources[1])).save(home / "Testing" / "glioma" / "mirrored.jpg", quality=92)
    shutil.copy(sources[2], home / "Training" / "pituitary" / "other.jpg")
    return home


def gate(parts: Split, root: Path, *, allowed: bool = False, dataset: str = "kaggle-4class") -> LeakVerdict:
    cases = [case for side in parts.parts().values() for case in side]
    with TemporaryDirectory() as folder:
        search = search_copies(cases, Path(folder), threads=2, progress=silent)
    return check_leaks(parts, search, dataset=dataset, root=root, allowed=allowed, classify=True)


def own_split(root: Path) -> Split:
    return split_cases(dataset_named("kaggle-4class").cases(root), SplitSettings(method="own", validation=0.2))


def without(parts: Split, *stems: str) -> Split:
    def kept(cases: tuple[Case, ...]) -> tuple[Case, ...]:
        return tuple(case for case in cases if case.paths[0].stem not in stems)

    return Split(parts.name, kept(parts.train), (), kept(parts.test))


def test_refusal_names_counts_pairs_and_commands(root: Path) -> None:
    with pytest.raises(InputError) as fault:
        gate(own_split(root), root)
    assert fault.value.code == "E_LEAK"
    assert fault.value.exit_code == 3
    for words in ("2 of 14 test cases", "Testing/glioma/copy.jpg (test)", "bytes 1", "mirror 1"):
        assert words in fault.value.cause
    for words in (f"gliascope audit kaggle-4class {root}", "--split audit/groups.csv", "--allow-leakage"):
        assert words in fault.value.hint


def test_leave_is_said(root: Path) -> None:
    verdict = gate(own_split(root), root, allowed=True)
    assert verdict.facts["allowed"] is True
    assert (verdict.facts["leaking_test_cases"], verdict.facts["test_cases"]) == (2, 14)
    assert sum(verdict.facts["kinds"].values()) >= 2
    assert [notice.code for notice in verdict.notices] == ["W_LEAKAGE", "W_LABEL_CONFLICT"]


def test_clean_splits_pass(root: Path) -> None:
    verdict = gate(without(own_split(root), "copy", "mirrored", "other"), root)
    assert verdict == LeakVerdict({})


def test_patients_on_two_sides_are_refused(tmp_path: Path) -> None:
    write_layout("lgg", tmp_path / "in", patients=3, size=48, shape=(16, 16, 8))
    cases = dataset_named("lgg").cases(tmp_path / "in")
    parts = split_cases(cases, SplitSettings(by="image"))
    with pytest.raises(InputError, match="validation cases have a copy, or their patient"):
        gate(parts, tmp_path / "in", dataset="lgg")
    assert gate(split_cases(cases, SplitSettings()), tmp_path / "in", dataset="lgg").facts == {}


def test_a_file_that_cannot_be_read_is_left_to_the_preparation(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "in")
    (tmp_path / "in" / "Testing" / "glioma" / "copy.jpg").write_bytes(b"")
    (tmp_path / "in" / "Testing" / "glioma" / "mirrored.jpg").write_bytes(b"")
    assert gate(own_split(tmp_path / "in"), tmp_path / "in").facts == {}


def test_a_union_has_other_advice(root: Path) -> None:
    with pytest.raises(InputError) as fault:
        gate(own_split(root), root, dataset="union")
    assert "gliascope audit" not in fault.value.hint


def test_the_verdict_is_kept(root: Path, tmp_path: Path) -> None:
    verdict = gate(own_split(root), root, allowed=True)
    verdict.save(tmp_path, "path,split")
    assert kept_verdict(tmp_path, "path,split") == verdict
    assert kept_verdict(tmp_path, "path,other split") is None
    (tmp_path / "leakage.json").write_text('{"leakage": 1')
    assert kept_verdict(tmp_path, "path,split") is None
    assert kept_verdict(tmp_path / "absent", "path,split") is None


@pytest.mark.train
def test_training_refuses_before_it_prepares_anything(root: Path, tmp_path: Path) -> None:
    from gliascope.workflow.train import train

    overrides = [*SMALL, "allow_leakage=false"]
    with pytest.raises(InputError, match="the split leaks"):
        train("customcnn-4class", root, tmp_path / "run", overrides=overrides, cache=tmp_path / "cache")
    assert not (tmp_path / "run").exists()
    assert not list((tmp_path / "cache").glob("*.safetensors"))


@pytest.mark.train
def test_leave_stands_in_every_output(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gliascope.checkpoint import load_model
    from gliascope.workflow import train as module

    def refuse(*_: object, **__: object) -> NoReturn:
        raise ModelError("left out")

    monkeypatch.setattr("gliascope.workflow.ship_model.export_model", refuse)
    said: list[str] = []
    options: dict[str, Any] = {"overrides": [*SMALL, "allow_leakage=false"], "allow_leakage": True}
    options |= {"cache": tmp_path / "cache", "announce": said.append}
    run = module.train("customcnn-4class", root, tmp_path / "run", **options)
    stored = json.loads((run.folder / "run.json").read_text())
    assert stored["leakage"]["leaking_test_cases"] == 2
    assert "W_LEAKAGE" in {warning["code"] for warning in stored["warnings"]}
    assert any("the split leaks" in line.lower() for line in said)
    assert json.loads((run.folder / "config.json").read_text())["allow_leakage"] is True
    assert load_model(run.model).facts.training["leakage"] == stored["leakage"]
    assert "Test cases known from training" in (run.folder / "report.html").read_text()
    monkeypatch.setattr(module, "check_leaks", None)  # a resumed run knows its verdict
    again = module.train("customcnn-4class", root, tmp_path / "run", resume=True, **options)
    assert again.facts["leakage"] == stored["leakage"]


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop a training when it begins to prepare cases."""

    def stop(*_: object, **__: object) -> None:
        raise PastTheGateError

    monkeypatch.setattr("gliascope.workflow.training_data.build_cache", stop)


@pytest.mark.train
@pytest.mark.usefixtures("stopped")
def test_the_proposed_table_needs_no_leave(root: Path, tmp_path: Path) -> None:
    from gliascope.workflow.train import train

    audit("kaggle-4class", root, tmp_path / "audit", folds=2)
    overrides = [*SMALL, "allow_leakage=false"]
    for name in ("groups.csv", "fold-1.csv", "fold-2.csv"):
        with pytest.raises(PastTheGateError):
            train("customcnn-4class", root, tmp_path / "run", split=tmp_path / "audit" / name, overrides=overrides)


@pytest.mark.train
@pytest.mark.usefixtures("stopped")
def test_a_table_that_tears_patients_apart_needs_leave(tmp_path: Path) -> None:
    from gliascope.datasets.phantom import PhantomSettings
    from gliascope.workflow.train import train

    cases = PhantomSettings(kind="pictures", patients=16, size=32).cases(tmp_path / "data")
    parts = ("train", "train", "validation")
    lines = [f"{case.source.files['picture'].name},{parts[index % 3]}" for index, case in enumerate(cases)]
    (tmp_path / "split.csv").write_text("\n".join(["path,split", *lines]))
    said: list[str] = []
    options: dict[str, Any] = {"split": tmp_path / "split.csv", "announce": said.append}
    options["overrides"] = ["dataset.patients=16", "dataset.size=32"]
    with pytest.raises(InputError, match="16 patients"):
        train("demo-classify", tmp_path / "data", tmp_path / "run", **options)
    with pytest.raises(PastTheGateError):
        train("demo-classify", tmp_path / "data", tmp_path / "run", allow_leakage=True, **options)
    assert said[0].startswith("by image")
    assert "16 of 16 validation cases" in said[1]
