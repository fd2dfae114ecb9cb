"""From recipe to run folder."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from gliascope.checkpoint import load_model
from gliascope.datasets.phantom import PhantomSettings
from gliascope.datasets.splits import SplitSettings, split_cases
from gliascope.errors import ConfigError, InputError, ModelError, UsageError
from gliascope.workflow.train import TrainedRun, train

pytestmark = pytest.mark.train

SEGMENT = (
    *("dataset.patients=5", "dataset.size=24", "training.epochs=1", "training.batch_size=2", "network.width=4"),
    *("training.patch_size=[16, 16, 16]", "training.sampling.per_epoch=2"),
)


def test_run_folder_describes_itself(segment_run: TrainedRun) -> None:
    run = segment_run.folder
    facts = json.loads((run / "run.json").read_text())
    assert facts["cases"] == {"train": 3, "validation": 1, "test": 1}
    assert facts["split"].startswith("by patient")
    assert len(facts["data_sha256"]) == 64
    assert facts["epochs"] == 2
    assert facts["first_weights"] == "random"
    with (run / "metrics.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 2
    with (run / "split.csv").open() as file:
        assert {row["split"] for row in csv.DictReader(file)} == {"train", "validation", "test"}
    assert "For research and education" in (run / "report.html").read_text()
    assert json.loads((run / "config.json").read_text())["network"]["width"] == 4


def test_model_folder_is_whole(segment_run: TrainedRun) -> None:
    model = load_model(segment_run.model)
    assert model.facts.channels == ("t1n", "t1c", "t2w", "t2f")
    assert {"model.safetensors", "openvino/model.xml", "openvino/model.bin", "README.md"} <= set(model.facts.files)
    assert model.facts.parity is not None
    assert model.facts.training["licence"] == "CC0 1.0"
    assert "CC0" in (segment_run.model / "README.md").read_text()
    assert len(model.facts.statistics["prepared_channels"]) == 4


def test_no_pickle_in_a_run(segment_run: TrainedRun, classify_run: TrainedRun) -> None:
    for run in (segment_run, classify_run):
        for path in run.folder.rglob("*"):
            assert path.suffix not in (".ckpt", ".pt", ".pth", ".pkl", ".npy")
            if path.is_file():
                assert not path.read_bytes().startswith(b"\x80\x04"), f"{path.name} looks like a pickle"


SAME_DATA = ("dataset.patients=5", "dataset.size=24")
"""Other phantoms would be written beside those that all tests share."""


def test_finished_run_needs_a_flag(segment_run: TrainedRun) -> None:
    with pytest.raises(UsageError, match="holds a run"):
        train("demo-segment", segment_run.facts["data"], segment_run.folder, overrides=SAME_DATA)


def test_resume_refuses_other_settings(segment_run: TrainedRun) -> None:
    with pytest.raises(ConfigError, match=r"network\.width"):
        train("demo-segment", segment_run.facts["data"], segment_run.folder, overrides=SAME_DATA, resume=True)


def test_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(UsageError, match="no run folder"):
        train("demo-segment", tmp_path / "data", tmp_path, overwrite=True)
    assert (tmp_path / "thesis.docx").read_text() == "years of work"


def test_run_folder_is_never_in_the_data(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lies inside the input"):
        train("demo-segment", tmp_path, tmp_path / "run")


def test_every_bad_file_is_listed_before_the_first_epoch(tmp_path: Path) -> None:
    cases = PhantomSettings(patients=12, size=24).cases(tmp_path / "data")
    for case in (cases[0], cases[3], cases[7]):
        victim = next(iter(case.source.files.values()))
        victim.write_bytes(victim.read_bytes()[:-40])
    with pytest.raises(InputError) as fault:
        train("demo-segment", tmp_path / "data", tmp_path / "run", overrides=["dataset.size=24"], cache=tmp_path / "c")
    listed = [
        case
        for case in (cases[0], cases[3], cases[7])
        if next(iter(case.source.files.values())).name in str(fault.value)
    ]
    assert len(listed) >= 2
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_split_must_leave_cases_to_validate(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="to validate"):
        train(
            "demo-segment",
            tmp_path / "data",
            tmp_path / "run",
            overrides=["dataset.patients=3", "dataset.size=24", "split.fractions=[1.0, 0.0, 0.0]"],
        )


def test_a_run_without_validation_ships_its_last_epoch_and_goes_on_with_later_settings(tmp_path: Path) -> None:
    overrides = [*SEGMENT, "dataset.patients=3", "split.fractions=[0.7, 0.0, 0.3]", "training.keep=last"]

    def go(**options: bool) -> TrainedRun:
        place = tmp_path / "data", tmp_path / "run"
        return train("demo-segment", *place, overrides=overrides, cache=tmp_path / "c", **options)  # type: ignore[arg-type]

    run = go()
    assert run.facts["cases"]["validation"] == 0
    assert (run.facts["keep"], run.facts["best_epoch"], list(run.facts["metrics"])) == ("last", 1, ["train_loss"])
    assert [w["text"] for w in run.facts["warnings"] if w["code"] == "W_NOT_CALIBRATED"] == [
        "The temperature stays 1: 0 validation patients of the 5 that are needed."
    ]
    assert load_model(run.model).facts.parity is not None
    assert "the last of 1 epochs" in (run.model / "README.md").read_text()
    assert "the last is kept" in (run.folder / "report.html").read_text()
    config = json.loads((run.folder / "config.json").read_text())
    del config["training"]["gradient_clip"]  # as if it were started before there was such a setting
    (run.folder / "config.json").write_text(json.dumps(config))
    assert go(resume=True).facts["epochs"] == 1


def test_class_missing_from_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="classes"):
        train(
            "demo-classify",
            tmp_path / "data",
            tmp_path / "run",
            overrides=[
                "dataset.patients=8",
                "dataset.size=32",
                "split.fractions=[0.2, 0.4, 0.4]",
                "split.method=random",
            ],
        )


def test_failed_start_keeps_the_earlier_run(tmp_path: Path, segment_run: TrainedRun) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in ("config.json", "split.csv"):
        (run / name).write_text("{}")
    (run / "precious.txt").write_text("an earlier result")
    cases = PhantomSettings(patients=5, size=24).cases(tmp_path / "data")
    next(iter(cases[0].source.files.values())).write_bytes(b"damaged")
    overrides = ["dataset.patients=5", "dataset.size=24"]
    with pytest.raises(InputError):
        train("demo-segment", tmp_path / "data", run, overrides=overrides, overwrite=True, cache=tmp_path / "c")
    assert (run / "precious.txt").is_file()


def test_failed_export_keeps_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ModelError("planted difference", code="E_PARITY")

    monkeypatch.setattr("gliascope.workflow.ship_model.export_model", refuse)
    run = train("demo-segment", tmp_path / "data", tmp_path / "run", overrides=SEGMENT, cache=tmp_path / "cache")
    assert [w["code"] for w in run.facts["warnings"] if w["code"] == "W_NOT_EXPORTED"]
    assert load_model(run.model).facts.name == "demo-segment"


def test_users_patients_are_not_separated(tmp_path: Path) -> None:
    cases = PhantomSettings(kind="pictures", patients=8, size=32).cases(tmp_path / "data")
    lines = [
        f"{next(iter(c.source.files.values())).name},SAME,,,{p}" for c, p in zip(cases, ("train", "test"), strict=False)
    ]
    table = tmp_path / "mine.csv"
    table.write_text("path,patient,group,label,split\n" + "\n".join(lines) + "\n")
    bare = [replace(case, patient=None, group=None) for case in cases]
    with pytest.raises(InputError, match="two sides"):
        split_cases(bare, SplitSettings(method="csv", path=str(table)))


def test_fold_needs_folds(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folds"):
        train("demo-segment", tmp_path / "data", tmp_path / "run", fold=2, overrides=SEGMENT)
