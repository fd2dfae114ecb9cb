"""Runs against one another: systems, differences, refusals, the page and the command."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gliascope
from gliascope.cli import main
from gliascope.errors import GliascopeError, InputError, UsageError
from gliascope.metrics.intervals import bootstrap_interval
from gliascope.metrics.paired_tests import holm, permutation_test
from gliascope.workflow.compare import Comparison
from gliascope.workflow.scored_runs import read_runs

Row = Mapping[str, Any]

CONFIG: dict[str, Any] = {
    "name": "unet",
    "task": "segment",
    "seed": 1,
    "fold": None,
    "dataset": {"name": "lgg"},
    "split": {"by": "patient", "method": "kfold", "folds": 3, "fold": 1, "seed": 0},
    "plan": {"channels": ["t2f"], "steps": [{"name": "resize", "size": [64, 64]}, {"name": "min_max"}]},
    "target": {"mode": "regions", "scheme": "lgg", "regions": ["tumor"]},
    "network": {"name": "unet", "width": 8},
    "training": {"epochs": 4, "batch_size": 2, "loss": {"bce": 1.0}, "optimizer": {"name": "adam", "lr": 0.001}},
}
RUN: dict[str, Any] = {
    **{"name": "unet", "recipe": "unet", "task": "segment", "dataset": "lgg", "licence": "CC0", "data": "/nowhere"},
    **{"split": "by patient, fold 1 of 3", "cases": {"train": 8, "validation": 2, "test": 4}, "epochs": 4},
    **{"network": {"name": "unet", "parameters": 1234}, "best_epoch": 3, "machine": "a machine", "warnings": []},
    **{"gliascope_version": "0.1.0 abc", "data_sha256": "0" * 64},
}


def region(dice: float | None, hd95: float | None = 3.0, *, outcome: str = "scored", voxels: int = 100) -> Row:
    return {"outcome": outcome, "dice": dice, "hd95": hd95, "reference_voxels": voxels, "prediction_voxels": 90}


def masks(scores: Mapping[str, Row], patients: Mapping[str, str] | None = None, **changes: object) -> dict[str, Any]:
    """Return the evaluation of a segmenter: one region by case."""
    rows = [{"case": c, "patient": (patients or {}).get(c), "tumor": dict(own)} for c, own in scores.items()]
    made = {"task": "segment", "protocol": "plain", "split": "test of: by patient", "dataset": "lgg", "cases": rows}
    return {**made, "protocol_facts": {"tolerance_mm": 1.0, "hausdorff": "larger of two"}, "warnings": [], **changes}


def classes(truths: Sequence[str], certain: Sequence[float], **changes: object) -> dict[str, Any]:
    """Return the evaluation of a classifier of two classes that gives the truth these probabilities."""
    rows = []
    for number, (truth, p) in enumerate(zip(truths, certain, strict=True)):
        given = {truth: p, "glioma" if truth == "no_tumor" else "no_tumor": 1 - p}
        best = max(given, key=lambda name: given[name])
        row = {"case": f"c{number:02}", "patient": f"p{number // 2}", "reference": truth, "prediction": best}
        rows.append({**row, "correct": best == truth, "probabilities": given})
    made = {"task": "classify", "protocol": "plain", "split": "test of: by patient", "dataset": "kaggle-4class"}
    return {**made, "classes": ["glioma", "no_tumor"], "cases": rows, "warnings": [], **changes}


def write_run(
    folder: Path, evaluation: Mapping[str, Any], *, part: str = "test", run: Row | None = None, **config: object
) -> Path:
    """Write a run folder with one evaluation; keywords replace settings."""
    (folder / f"evaluation-{part}").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **config}))
    (folder / "split.csv").write_text("path,patient,group,label,split\n")
    (folder / "run.json").write_text(json.dumps({**RUN, **(run or {})}))
    (folder / f"evaluation-{part}" / "evaluation.json").write_text(json.dumps(evaluation))
    return folder


def drawn(number: int, mean: float, seed: int) -> dict[str, Row]:
    random = np.random.Generator(np.random.Philox(seed))
    values = np.clip(mean + 0.1 * random.normal(size=number), 0, 1)
    return {f"k{k:02}": region(float(v), float(10 * (1 - v)), voxels=50 + k) for k, v in enumerate(values)}


def two(tmp_path: Path, first: Row, second: Row) -> tuple[Path, Path]:
    return write_run(tmp_path / "a", first), write_run(tmp_path / "b", second, name="attention")


def figure(found: Comparison, system: str, metric: str) -> dict[str, Any]:
    own: dict[str, Any] = next(f for f in found.facts["figures"] if (f["system"], f["metric"]) == (system, metric))
    return own


def difference(found: Comparison, metric: str) -> dict[str, Any]:
    own: dict[str, Any] = next(f for f in found.facts["differences"] if f["metric"] == metric)
    return own


def test_differences_are_those_of_common_cases(tmp_path: Path) -> None:
    one, other = drawn(30, 0.8, 1), drawn(30, 0.75, 2)
    patients = {name: f"p{number // 2}" for number, name in enumerate(one)}
    found = gliascope.compare(*two(tmp_path, masks(one, patients), masks(other, patients)))
    json.dumps(found.facts, allow_nan=False)
    values = np.array([one[name]["dice"] - other[name]["dice"] for name in one]).round(12)
    own, clusters = difference(found, "dice"), [patients[name] for name in one]
    assert (own["first"], own["second"], own["row"], own["n"], own["clusters"]) == (
        "unet",
        "attention",
        "tumor",
        30,
        15,
    )
    assert own["mean"] == pytest.approx(values.mean())
    assert own["ci95"] == pytest.approx(bootstrap_interval(values, clusters))
    assert own["p_permutation"] == pytest.approx(permutation_test(values, clusters))
    tests = found.facts["differences"]
    assert found.facts["tests"] == {"number": 2, "correction": "Holm"}
    for kind in ("permutation", "wilcoxon"):
        assert [t[f"p_{kind}_holm"] for t in tests] == pytest.approx(holm([t[f"p_{kind}"] for t in tests]))
    assert figure(found, "unet", "dice")["mean"] == pytest.approx(np.mean([row["dice"] for row in one.values()]))


def test_chosen_metrics_make_the_family_smaller(tmp_path: Path) -> None:
    runs = two(tmp_path, masks(drawn(10, 0.8, 1)), masks(drawn(10, 0.7, 2)))
    found = gliascope.compare(*runs, metrics=["dice"])
    assert found.facts["tests"]["number"] == 1
    assert difference(found, "dice")["p_permutation_holm"] == difference(found, "dice")["p_permutation"]
    with pytest.raises(UsageError, match="unknown metric 'dyce'"):
        gliascope.compare(*runs, metrics=["dyce"])


def test_undefined_and_infinite_values_are_counted(tmp_path: Path) -> None:
    one = {"a": region(0.5), "b": region(0.0, None, outcome="missed"), "c": region(None, None, outcome="both_empty")}
    two_ = {"a": region(0.6), "b": region(0.4), "c": region(0.0, None, outcome="false_positive")}
    found = gliascope.compare(*two(tmp_path, masks(one), masks(two_)))
    far, overlap = difference(found, "hd95"), difference(found, "dice")
    assert (far["n"], far["undefined"], far["infinite_first"], far["infinite_second"]) == (1, 1, 1, 1)
    assert (overlap["n"], overlap["undefined"], overlap["mean"]) == (2, 1, pytest.approx(-0.25))
    cells = {tuple(line[:1] + line[3:4]): line[4:] for line in csv.reader(io.StringIO(found.table))}
    assert cells["b", "hd95"] == ["inf", "3.0"]
    assert cells["c", "dice"] == ["", "0.0"]
    own = figure(found, "unet", "hd95")
    assert (own["n"], own["missing"], own["infinite"], own["mean"], own["median"]) == (2, 1, 1, 3.0, None)


def test_a_metric_that_was_never_measured_is_undefined(tmp_path: Path) -> None:
    one = {name: region(0.0, None, outcome="missed") for name in "abc"}
    found = gliascope.compare(*two(tmp_path, masks(one), masks(one)))
    assert (figure(found, "unet", "hd95")["infinite"], figure(found, "unet", "hd95")["missing"]) == (0, 3)
    assert difference(found, "hd95")["p_permutation"] is None
    assert found.facts["tests"]["number"] == 1, "of two metrics one was tested"
    assert difference(found, "dice")["p_wilcoxon"] == 1.0
    assert difference(found, "dice")["ci95"] is None


def test_rounding_is_no_difference(tmp_path: Path) -> None:
    seeds = [write_run(tmp_path / f"s{s}", masks({k: region(0.9) for k in "abcdefgh"}), seed=s) for s in (1, 2, 3)]
    other = write_run(tmp_path / "b", masks({k: region(0.1 * 3 + 0.6) for k in "abcdefgh"}), name="other")
    assert difference(gliascope.compare(*seeds, other), "dice")["p_permutation"] == 1.0


def test_folds_are_pooled_and_seeds_averaged(tmp_path: Path) -> None:
    scores = {(1, 1): (0.1, 0.2), (1, 2): (0.3, 0.4), (2, 1): (0.5, 0.6), (2, 2): (0.7, 0.8)}
    runs = [
        write_run(
            tmp_path / f"s{seed}f{fold}",
            masks({f"f{fold}a": region(own[0]), f"f{fold}b": region(own[1])}),
            seed=seed,
            fold=fold,
        )
        for (seed, fold), own in scores.items()
    ]
    found = gliascope.compare(*runs)
    (system,) = found.facts["systems"]
    assert (system["name"], system["cases"], system["folds"], system["seeds"]) == ("unet", 4, 2, 2)
    own = figure(found, "unet", "dice")
    assert (own["n"], own["mean"]) == (4, pytest.approx(0.45))
    spread = {f["over"]: f for f in found.facts["spread"] if f["metric"] == "dice"}
    assert (spread["folds"]["min"], spread["folds"]["max"]) == pytest.approx((0.35, 0.55))
    assert (spread["seeds"]["min"], spread["seeds"]["max"]) == pytest.approx((0.25, 0.65))
    assert spread["seeds"]["sd"] == pytest.approx(0.4 / math.sqrt(2))
    assert found.facts["pairs"] == found.facts["differences"] == []
    assert "Holm" not in found.page.split("Reporting checklist")[0]


def test_seeds_of_other_folds_are_no_spread_over_seeds(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / f"f{fold}", masks({f"c{fold}": region(0.5)}), seed=fold, fold=fold) for fold in (1, 2, 3)
    ]
    assert {f["over"] for f in gliascope.compare(*runs).facts["spread"]} == {"folds"}


def test_other_settings_or_another_kind_of_split_are_other_systems(tmp_path: Path) -> None:
    rows = masks(drawn(6, 0.8, 1))
    grouped = {"by": "patient", "method": "csv", "path": "groups.csv"}
    runs = [
        write_run(tmp_path / "a", rows),
        write_run(tmp_path / "b", rows, network={"name": "unet", "width": 16}),
        write_run(tmp_path / "c", rows, split=grouped),
        write_run(tmp_path / "d", rows, split={**grouped, "path": "again.csv"}, seed=5),
    ]
    found = gliascope.compare(*runs)
    assert [system["runs"] for system in found.facts["systems"]] == [["a"], ["b"], ["c", "d"]]
    assert found.facts["systems"][1]["name"] == "unet (network.width=16, split.method=kfold)"
    assert len(found.facts["pairs"]) == 3


def test_classifiers_are_compared_by_case(tmp_path: Path) -> None:
    truths = ["glioma", "no_tumor"] * 6
    sure, unsure = classes(truths, [0.9] * 12), classes(truths, [0.9] * 8 + [0.4] * 3 + [0.0])
    found = gliascope.compare(*two(tmp_path, sure, unsure))
    assert [f["metric"] for f in found.facts["figures"]] == ["accuracy", "nll", "brier"] * 2
    assert difference(found, "accuracy")["mean"] == pytest.approx(4 / 12)
    assert figure(found, "unet", "nll")["mean"] == pytest.approx(-math.log(0.9))
    assert figure(found, "attention", "brier")["mean"] == pytest.approx((8 * 0.02 + 3 * 0.72 + 2) / 12)
    # every case right: the exact limit of 6 patients, not a certain 1
    assert figure(found, "unet", "accuracy")["ci95"] == pytest.approx([0.025 ** (1 / 6), 1.0])
    assert found.facts["worst"][0]["case"] == "c11"
    assert found.facts["worst"][0]["why"] == ["worst", "disagreement"]
    assert "Probability of the true class" in found.page


def test_unmatched_cases_are_counted(tmp_path: Path) -> None:
    one, other = drawn(6, 0.8, 1), drawn(8, 0.7, 1)
    del other["k00"]
    found = gliascope.compare(*two(tmp_path, masks(one), masks(other)))
    assert found.facts["pairs"] == [
        {"first": "unet", "second": "attention", "common": 5, "only_first": 1, "only_second": 2}
    ]
    assert [w["code"] for w in found.facts["warnings"]] == ["W_UNMATCHED"]


def test_regions_that_one_system_lacks_are_named(tmp_path: Path) -> None:
    one = masks(drawn(4, 0.8, 1))
    both = masks(drawn(4, 0.7, 1))
    for case in both["cases"]:
        case["edema"] = case["tumor"]
    found = gliascope.compare(*two(tmp_path, one, both))
    assert {own["row"] for own in found.facts["differences"]} == {"tumor"}
    (warning,) = found.facts["warnings"]
    assert (warning["code"], "has edema;" in warning["text"]) == ("W_UNMATCHED", True)


def test_validation_and_test_cases_of_a_run_are_not_pooled(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", masks(drawn(4, 0.8, 1)))
    chosen = masks({"v1": region(0.9), "v2": region(0.8)}, split="validation of: by patient")
    (run / "evaluation-validation").mkdir()
    (run / "evaluation-validation" / "evaluation.json").write_text(json.dumps(chosen))
    assert refusal(run / "evaluation-test", run / "evaluation-validation").code == "E_NO_COMMON_CASE"


def test_leaks_stand_first(tmp_path: Path) -> None:
    leak = {"code": "W_LEAKAGE", "file": "", "text": "3 test cases have a copy in training."}
    rows = drawn(5, 0.8, 1)
    missing = {"code": "W_BLANK", "file": "k00", "text": "One value."}
    runs = two(tmp_path, masks(rows, warnings=[missing, leak]), masks(rows))
    found = gliascope.compare(*runs)
    assert found.facts["warnings"][0]["code"] == "W_LEAKAGE"
    assert found.facts["warnings"][0]["text"].startswith("unet: ")
    assert [run["leaks"] for run in found.facts["runs"]] == [True, False]
    allowed = [write_run(tmp_path / name, masks(rows), name=name, allow_leakage=True) for name in ("c", "d")]
    assert [run["leaks"] for run in gliascope.compare(*allowed).facts["runs"]] == [True, True]
    checked = [
        write_run(tmp_path / n, masks(rows), name=n, allow_leakage=True, run={"leakage": {}}) for n in ("e", "f")
    ]
    assert [run["leaks"] for run in gliascope.compare(*checked).facts["runs"]] == [False, False]


def test_validation_figures_are_named_so(tmp_path: Path) -> None:
    rows = masks(drawn(5, 0.8, 1), split="validation of: by patient")
    runs = [write_run(tmp_path / name, rows, part="validation", name=name) for name in "ab"]
    assert [w["code"] for w in gliascope.compare(*runs, split="validation").facts["warnings"]] == ["W_NOT_TEST"]


def refusal(*runs: Path, split: str = "test", protocol: str = "plain") -> GliascopeError:
    with pytest.raises(GliascopeError) as fault:
        gliascope.compare(*runs, split=split, protocol=protocol)
    return fault.value


def test_what_does_not_compare_is_refused(tmp_path: Path) -> None:
    rows = drawn(4, 0.8, 1)
    plain = write_run(tmp_path / "plain", masks(rows))
    others = {
        "E_PROTOCOL": masks(rows, protocol="legacy"),
        "E_OTHER_TASK": classes(["glioma"] * 4, [0.9] * 4),
        "E_NO_COMMON_CASE": masks({"z": region(0.5)}),
        "E_OTHER_REFERENCE": masks({"k00": region(0.5, voxels=51)}),
    }
    for code, evaluation in others.items():
        other = write_run(tmp_path / code, evaluation, name="other")
        fault = refusal(plain, other)
        assert fault.code == code
        assert isinstance(fault, UsageError if code in ("E_PROTOCOL", "E_OTHER_TASK") else InputError)
    tolerant = write_run(tmp_path / "tolerant", masks(rows, protocol_facts={"tolerance_mm": 2.0}), name="other")
    assert "with --tolerance 1 and" in refusal(plain, tolerant).cause
    spaced = masks(rows, protocol_facts={"tolerance_mm": 1.0, "spacing_mm": [0.5, 1]})
    fault = refusal(plain, write_run(tmp_path / "spaced", spaced, name="other"))
    assert (fault.code, fault.cause[-41:]) == ("E_PROTOCOL", "--spacing and spaced with --spacing 0.5,1")
    renamed = [{**case, "edema": case["tumor"]} for case in masks(rows)["cases"]]
    for case in renamed:
        del case["tumor"]
    fault = refusal(plain, write_run(tmp_path / "edema", masks(rows, cases=renamed), name="other"))
    assert (fault.code, "tumor and edema" in fault.cause) == ("E_NO_COMMON_REGION", True)
    few = write_run(tmp_path / "few", classes(["glioma"] * 4, [0.9] * 4))
    more = write_run(tmp_path / "more", classes(["glioma"] * 4, [0.9] * 4, classes=["glioma"]), name="other")
    assert refusal(few, more).code == "E_CLASS"


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    good = write_run(tmp_path / "good", masks(drawn(4, 0.8, 1)))
    unscored = write_run(tmp_path / "unscored", masks({}), part="validation", name="other")
    fault = refusal(good, unscored)
    assert (fault.code, fault.hint) == ("E_NO_EVALUATION", f"Make it: gliascope evaluate {unscored}")
    fault = refusal(good, unscored, protocol="brats2023", split="validation")
    assert fault.hint == f"Make it: gliascope evaluate {good} --split validation --protocol brats2023"
    assert refusal(good).code == "E_USAGE"
    assert refusal(good, good).cause == "is named twice"
    assert refusal(good, tmp_path / "absent").code == "E_MISSING"
    (tmp_path / "empty").mkdir()
    assert refusal(good, tmp_path / "empty").code == "E_RUN"
    for name, text, code in (
        ("no.json", "{", "E_FORMAT"),
        ("other.json", '{"task": "predict"}', "E_FORMAT"),
        ("old.json", json.dumps(masks({"k00": region(0.5)}, protocol=None)), "E_PROTOCOL"),
        ("none.json", json.dumps(masks({})), "E_EMPTY"),
        ("twice.json", json.dumps(masks({}, cases=[{"case": "a"}, {"case": "a"}])), "E_AMBIGUOUS"),
        ("lacks.json", json.dumps(masks({}, cases=[{"patient": "a"}])), "E_FORMAT"),
        ("odd.json", json.dumps(masks({"k00": region("high")})), "E_FORMAT"),  # type: ignore[arg-type]
    ):
        (tmp_path / name).write_text(text)
        assert refusal(good, tmp_path / name).code == code


def test_evaluations_without_a_run_are_systems_of_their_own(tmp_path: Path) -> None:
    rows = masks(drawn(5, 0.8, 1))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "evaluation.json").write_text(json.dumps(rows))
    found = gliascope.compare(tmp_path / "one", tmp_path / "two" / "evaluation.json")
    assert [system["name"] for system in found.facts["systems"]] == ["one", "two"]
    with pytest.raises(UsageError, match="--split chooses"):
        gliascope.compare(tmp_path / "one", tmp_path / "two", split="validation")


def test_names_tell_runs_apart(tmp_path: Path) -> None:
    rows = masks(drawn(3, 0.8, 1))
    runs = [write_run(tmp_path / folder / "run", rows) for folder in ("x", "y")]
    other = tmp_path / "x" / "run" / "evaluation-validation"
    other.mkdir()
    (other / "evaluation.json").write_text(json.dumps(rows))
    assert [run.name for run in read_runs(runs, split="test", protocol="plain")] == ["x/run", "y/run"]
    assert read_runs([runs[0], other], split="test", protocol="plain")[1].name.endswith("evaluation.json")


def test_pictures_come_from_the_data_where_it_is(tmp_path: Path) -> None:
    from gliascope.datasets.phantom_layouts import write_layout

    write_layout("lgg", tmp_path / "data", patients=2, size=32)
    from gliascope.datasets.lgg import LggSettings

    names = [case.id for case in LggSettings().cases(tmp_path / "data")]
    rows = masks({name: region(0.5 + 0.01 * k) for k, name in enumerate(names)})
    runs = [write_run(tmp_path / name, rows, name=name, run={"data": str(tmp_path / "data")}) for name in "ab"]
    assert "Pictures of them" in gliascope.compare(*runs).page
    assert "Pictures of them" not in gliascope.compare(*runs, data=tmp_path / "moved").page


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>"
    rows = {bad: region(0.1), "=1+1": region(0.9), "c": region(0.8)}
    runs = [write_run(tmp_path / name, masks(rows), name=f"{bad}{name}") for name in "ab"]
    found = gliascope.compare(*runs)
    assert bad not in found.page
    assert [line[0] for line in csv.reader(io.StringIO(found.table))][1:3] == [bad, bad]
    assert "'=1+1" in found.table


def test_command_writes_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = two(tmp_path, masks(drawn(6, 0.8, 1)), masks(drawn(6, 0.7, 1)))
    out = tmp_path / "out"
    arguments = ["compare", str(one), str(other), "-o", str(out), "--metric", "dice"]
    for extra, code in ((["--json", "-"], 0), ([], 2), (["--overwrite"], 0)):
        with pytest.raises(SystemExit) as leave:
            main([*arguments, *extra])
        assert int(leave.value.code or 0) == code
    assert sorted(path.name for path in out.iterdir()) == [
        "cases.csv",
        "checklist.md",
        "comparison.json",
        "report.html",
    ]
    text, _ = capsys.readouterr()
    assert text.startswith("{")
    assert "unet - attention: tumor dice 0.1000 [" in text
    assert "p-values are corrected for 1 comparisons (Holm)" in text
    facts = json.loads((out / "comparison.json").read_text())
    assert facts["name"] == "unet against attention"
    assert (out / "checklist.md").read_text().startswith("# Reporting checklist: unet against attention\n")
    with pytest.raises(SystemExit) as leave:
        main(["compare", str(one)])
    assert leave.value.code == 2
