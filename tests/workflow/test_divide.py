"""Who takes part in a training and on which side: poor cases, strata of tumors, honest counterparts."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gliascope.case import Case
from gliascope.datasets.split_settings import SplitSettings
from gliascope.datasets.split_table import split_table
from gliascope.datasets.splits import Split
from gliascope.errors import ConfigError, InputError, UsageError
from gliascope.preprocess.targets import TargetSettings
from gliascope.workflow.divide import divide
from gliascope.workflow.evaluate import evaluate
from gliascope.workflow.progress import silent
from gliascope.workflow.train import train
from gliascope.workflow.training_data import TrainingData
from gliascope.workflow.tumor_sizes import TumorSize, tumor_sizes, tumor_strata

pytestmark = pytest.mark.train

PHANTOMS = ("dataset.patients=10", "dataset.size=24")
CHEAP = (*PHANTOMS, "training.epochs=1", "training.batch_size=2", "network.width=4", "training.patch_size=[16, 16, 16]")


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., TrainingData]:
    from gliascope.config import read_recipe

    home = tmp_path_factory.mktemp("divide")

    def with_settings(*overrides: str) -> TrainingData:
        config = read_recipe("demo-segment", [*PHANTOMS, *overrides])
        return TrainingData(config, home / "data", home / "cache", 2, silent)

    return with_settings


def divided(data: TrainingData, *, settings: SplitSettings | None = None) -> Split:
    chosen = settings or data.config.split
    return divide(data, data.cases(), chosen, fold=None, by_patient=False, earlier=None)[1]


def shares(data: TrainingData) -> dict[str, float]:
    assert data.config.target is not None
    cases = data.cases()
    found = tumor_sizes(data.prepare(cases), data.config.target, silent)
    return {case.id: size.share for case, size in zip(cases, found, strict=True)}


def test_poor_cases_are_dropped_before_the_draw_and_said(material: Callable[..., TrainingData]) -> None:
    known = shares(material())
    limit = sorted(known.values())[2]
    parts = divided(material(f"keep.minimum_tumor_share={limit}"))
    assert {case.id for case in parts.dropped} == {name for name, share in known.items() if share < limit}
    assert len(parts.dropped) == 2
    assert sum(map(len, parts.parts().values())) == 8
    assert [notice.code for notice in parts.notices] == ["W_DROPPED"]
    assert "2 of 10 cases" in parts.notices[0].text
    with pytest.raises(InputError, match=r"each of 10 cases holds less than 0\.9 tumor"):
        divided(material("keep.minimum_tumor_share=0.9"))


def test_a_table_keeps_its_lines_and_loses_its_poor_cases(
    material: Callable[..., TrainingData], tmp_path: Path
) -> None:
    limit = sorted(shares(material()).values())[2]
    whole = divided(material())
    (tmp_path / "t.csv").write_text(split_table(whole.parts()))
    settings = SplitSettings(method="csv", path=str(tmp_path / "t.csv"))
    parts = divided(material(f"keep.minimum_tumor_share={limit}"), settings=settings)
    dropped = {case.id for case in parts.dropped}
    assert len(dropped) == 2
    for side, cases in whole.parts().items():
        assert {case.id for case in parts.parts()[side]} == {case.id for case in cases} - dropped


def test_tumors_are_measured_alike_in_slices_and_volumes(material: Callable[..., TrainingData]) -> None:
    flat = ("network.dimensions=2", "training.patch_size=[16, 16]", "plan.steps=[]")
    volumes, slices = shares(material("plan.steps=[]")), shares(material(*flat))
    assert volumes == slices
    for case in material().cases()[:3]:
        reference = case.read_reference()
        assert reference is not None
        assert volumes[case.id] == pytest.approx((reference.array > 0).mean())


def test_tissues_are_named_by_the_outputs(material: Callable[..., TrainingData]) -> None:
    data = material("target={mode = 'classes', scheme = 'brats2023'}")
    entries = data.prepare(data.cases()[:4])
    found = tumor_sizes(entries, TargetSettings(mode="classes", scheme="brats2023"), silent)
    for case, size in zip(data.cases(), found, strict=False):
        reference = case.read_reference()
        assert reference is not None
        names = {1: "NCR", 2: "ED", 3: "ET"}
        present = tuple(names[value] for value in (1, 2, 3) if (reference.array == value).any())
        assert size.present == present
        assert size.voxels > 0


def test_strata_are_quarters_by_tissues() -> None:
    sizes = [TumorSize(10 * n, 0.1, ("ED", "ET") if n % 2 else ("ED",)) for n in range(1, 9)]
    assert tumor_strata(sizes) == [
        *("quarter 1, ED+ET", "quarter 1, ED", "quarter 2, ED+ET", "quarter 2, ED"),
        *("quarter 3, ED+ET", "quarter 3, ED", "quarter 4, ED+ET", "quarter 4, ED"),
    ]
    assert tumor_strata([TumorSize(0, 0.0, ())] * 2) == ["quarter 1, none"] * 2


def test_a_split_by_tumor_sizes_spreads_them(material: Callable[..., TrainingData]) -> None:
    known = shares(material())
    settings = ("split.method=stratified", "split.strata=tumor", "split.fractions=[0.5, 0, 0.5]", "plan.steps=[]")
    parts = divided(material(*settings))
    assert parts.name == "by patient, stratified by tumor 50/0/50, seed 1"
    means = [sum(known[case.id] for case in side) / len(side) for side in (parts.train, parts.test)]
    assert means[0] == pytest.approx(means[1], rel=0.35)


@pytest.mark.parametrize("setting", ["keep.minimum_tumor_share=0.01", "split.strata=tumor"])
def test_a_classifier_has_no_masks_to_count_in(setting: str) -> None:
    from gliascope.config import read_recipe

    with pytest.raises(ConfigError, match="counts tumor in masks"):
        read_recipe("demo-classify", [setting])


class StoppedError(Exception):
    """A training came to its first epoch."""


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what stops trainings from then on, once the run folder has been opened."""

    def stop(*_: object, **__: object) -> None:
        raise StoppedError

    return lambda: monkeypatch.setattr("gliascope.training.fit.fit", stop)


def test_dropped_cases_stand_in_every_output_and_can_be_scored(
    material: Callable[..., TrainingData], tmp_path: Path, stopped: Callable[[], None]
) -> None:
    data = material()
    limit = sorted(shares(data).values())[2]
    overrides = [*CHEAP, f"keep.minimum_tumor_share={limit}", "training.sampling.per_epoch=2"]
    run = train("demo-segment", data.root, tmp_path / "run", overrides=overrides, cache=data.folder)
    assert run.facts["cases"] == {"train": 5, "validation": 2, "test": 1, "dropped": 2}
    assert "W_DROPPED" in {warning["code"] for warning in run.facts["warnings"]}
    table = (run.folder / "split.csv").read_text()
    assert table.count(",dropped\n") == 2
    scored = evaluate(run.folder, split="dropped").facts
    assert scored["counts"]["cases"] == 2
    assert scored["split"].startswith("dropped of: by patient")
    assert not {"W_DATA_CHANGED", "W_SPLIT_LEFT_OUT"} & {warning["code"] for warning in scored["warnings"]}
    stopped()
    with pytest.raises(StoppedError):
        train("demo-segment", data.root, run.folder, overrides=overrides, cache=data.folder, resume=True)
    assert (run.folder / "split.csv").read_text() == table


def test_by_patient_undoes_a_split_by_image(tmp_path: Path) -> None:
    from gliascope.config import read_recipe

    config = read_recipe("demo-classify", ["dataset.patients=16", "dataset.size=32", "split.by=image"])
    data = TrainingData(config, tmp_path / "data", tmp_path / "cache", 2, silent)
    cases = data.cases()

    def parts_of(by_patient: bool, given: list[Case] = cases, **changes: object) -> tuple[SplitSettings, Split]:
        settings = config.split.model_copy(update=changes)
        return divide(data, given, settings, fold=None, by_patient=by_patient, earlier=None)

    assert parts_of(False)[1].name.startswith("by image, stratified")
    settings, parts = parts_of(True)
    assert settings.by == "patient"
    assert parts.name == "by patient, stratified 60/20/20, seed 1"
    patients = [{case.patient for case in side} for side in parts.parts().values()]
    assert not patients[0] & patients[1]
    assert not (patients[0] | patients[1]) & patients[2]
    torn = [replace(case, split=("train", "test")[n % 2]) for n, case in enumerate(cases)]
    assert parts_of(True, torn, method="own")[0].method == "random"
    kept = [replace(case, split="test" if case.patient == cases[0].patient else "train") for case in cases]
    settings, parts = parts_of(True, kept, method="own")
    assert settings.method == "own"
    assert {case.patient for case in parts.test} == {cases[0].patient}


@pytest.mark.parametrize(("option", "value"), [("split", "a.csv"), ("allow_leakage", True)])
def test_by_patient_stands_alone(option: str, value: object, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"--by-patient and --{option.replace('_', '-')} exclude"):
        train("demo-segment", tmp_path / "data", tmp_path / "run", by_patient=True, **{option: value})  # type: ignore[arg-type]


def test_config_says_which_split_it_was(
    material: Callable[..., TrainingData], tmp_path: Path, stopped: Callable[[], None]
) -> None:
    stopped()
    data = material()
    options = {"overrides": [*CHEAP, "allow_leakage=true", "split.by=image"], "cache": data.folder}
    with pytest.raises(StoppedError):
        train("demo-segment", data.root, tmp_path / "run", by_patient=True, **options)  # type: ignore[arg-type]
    stored = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (stored["by_patient"], stored["allow_leakage"], stored["split"]["by"]) == (True, False, "patient")
    with pytest.raises(ConfigError, match="by_patient"):
        train("demo-segment", data.root, tmp_path / "run", resume=True, **options)  # type: ignore[arg-type]
