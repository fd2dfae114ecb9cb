"""The reporting checklist: filled where a run proves it, an explicit to-do elsewhere."""

from typing import Any

import pytest

from gliascope.report import claim, tripod_ai
from gliascope.report.checklist import checklist_markdown, progress_words, reporting_checklist
from gliascope.report.evidence import Source, Study

CONFIG: dict[str, Any] = {
    "seed": 3,
    "plan": {"channels": ["gray"], "steps": [{"name": "resize", "size": [8, 8]}, {"name": "min_max"}]},
    "slices": {"keep": "tumor"},
    "target": None,
    "network": {"name": "resnet", "pretrained": True},
    "training": {"monitor": "auto", "optimizer": {"name": "adam", "lr": 0.1}, "batch_size": 4},
}
RUN: dict[str, Any] = {
    **{"dataset": "figshare", "licence": "CC BY 4.0", "data_sha256": "ab" * 32, "task": "classify", "recipe": "r"},
    **{
        "split": "by patient, random",
        "cases": {"train": 3, "test": 1},
        "epochs": 5,
        "best_epoch": 2,
        "warnings": [],
        "leakage": {},
    },
    **{"network": {"name": "resnet", "parameters": 1000}, "gliascope_version": "1.0", "machine": "m"},
}
EVALUATION: dict[str, Any] = {
    "task": "classify",
    "classes": ["glioma", "no_tumor"],
    "cases": [{"reference": "glioma"}, {"reference": "glioma"}, {"reference": "no_tumor"}],
    "test_looks": 1,
    "calibration": {"rows": {"all": {"ece": 0.125}}, "temperature": 1.5},
}
COMPARISON: dict[str, Any] = {
    "protocol": "plain",
    "protocol_facts": {"hausdorff": "larger of two."},
    "intervals": {"method": "bootstrap", "level": 0.95, "resamples": 2000},
    "tests": {"number": 3},
    "systems": [{"name": "a", "cases": 3, "clusters": 2, "by": "patient", "folds": 2, "seeds": 1}],
    "figures": [{"system": "a", "row": "all", "metric": "accuracy", "mean": 0.5, "ci95": [0.25, 0.75]}],
    "worst": [{}],
}


def filled(study: Study) -> dict[int, dict[str, Any]]:
    return {item["number"]: item for item in reporting_checklist(study) if item["list"] == "CLAIM 2020"}


def study(run: dict[str, Any] | None = None, **changes: object) -> Study:
    return Study((Source("a", {**RUN, **(run or {})}, {**CONFIG, **changes}, EVALUATION),), COMPARISON)


def test_claim_has_its_42_items_in_order() -> None:
    assert [item.number for item in claim.ITEMS] == list(range(1, 43))
    assert all(item.to_do for item in (*claim.ITEMS, *tripod_ai.ITEMS))
    assert all(item.number is None for item in tripod_ai.ITEMS), "their numbering was not verified"


def test_nothing_is_proved_by_nothing() -> None:
    for empty in (Study((), {}), Study((Source("a", {}, {}, {}),), {})):
        items = reporting_checklist(empty)
        assert [item["topic"] for item in items if item["evidence"]] == []
        assert all(item["to_do"] for item in items)


@pytest.mark.parametrize(
    ("number", "proof", "left"),
    [
        (7, "Data set figshare, CC BY 4.0; SHA-256 of its cases abababababababab…", True),
        (9, "Channels gray; resize (size = [8, 8]) → min_max.", False),
        (10, "Slices to learn from: keep = tumor.", False),
        (11, "Classes Glioma, No tumor.", True),
        (19, "Scored: a: 3 cases of 2 patients.", True),
        (20, "by patient, random: 3 train, 1 test cases; split.csv of the run lists each.", False),
        (21, "Divided by patient: no patient on two sides. No copy of an image was found on two sides.", False),
        (23, "Gliascope 1.0; m.", False),
        (24, "Pretrained: pretrained = true.", False),
        (25, "5 epochs; optimizer: {name = adam, lr = 0.1}; batch_size: 4.", False),
        (26, "Of 5 epochs the best by validation loss; run.json names it.", False),
        (28, "Protocol plain: Accuracy; HD95: larger of two.", False),
        (30, "a: 2 folds, 1 seed; their spread is given.", True),
        (36, "Accuracy. a, All cases: 0.500 (0.250 to 0.750).", False),
    ],
)
def test_what_a_run_proves(number: int, proof: str, left: bool) -> None:
    item = filled(study())[number]
    assert (item["evidence"], item["to_do"] is not None) == (proof, left)


def test_runs_that_differ_are_told_apart_and_all_must_prove() -> None:
    other = {**RUN, "gliascope_version": "2.0"}
    both = Study((Source("a", RUN, CONFIG, EVALUATION), Source("b", other, CONFIG, EVALUATION)), COMPARISON)
    assert filled(both)[23]["evidence"] == "a: Gliascope 1.0; m. b: Gliascope 2.0; m."
    lacking = Study((Source("a", RUN, CONFIG, EVALUATION), Source("b", {}, CONFIG, EVALUATION)), COMPARISON)
    assert filled(lacking)[23]["evidence"] is None


def test_leaks_are_not_kept_quiet() -> None:
    warnings = [{"code": "W_LEAKAGE", "file": "", "text": "9 test cases have a copy in training."}]
    proof = filled(study({"split": "by image, random", "warnings": warnings}))[21]["evidence"]
    assert proof == "Divided by image: patients may stand on both sides. 9 test cases have a copy in training."
    unknown = {key: value for key, value in RUN.items() if key != "leakage"}
    assert filled(Study((Source("a", unknown, CONFIG, EVALUATION),), COMPARISON))[21]["evidence"] is None


def test_random_weights_and_masks() -> None:
    target = {"mode": "regions", "scheme": "lgg", "regions": ["tumor"]}
    items = filled(study(network={"name": "unet"}, target=target, slices=None))
    assert items[24]["evidence"] == "Random weights, drawn with seed 3."
    assert items[11]["evidence"] == "Masks of tumor by scheme lgg."
    assert items[10]["evidence"] is None


@pytest.mark.parametrize(
    ("facts", "proof"),
    [
        ({"rows": {"WT": {"ece": 0.1}, "ET": {"ece": None}}, "temperature": [1.5, 1.0]}, "temperature 1.50, 1.00."),
        ({"rows": {"glioma": {"ece": 0.1}, "all": {"ece": 0.2}}, "temperature": None}, "error: All cases 0.200."),
        ({"rows": {}, "temperature": 1.0}, None),
        (None, None),
    ],
)
def test_calibration_of_regions_and_classes(facts: dict[str, Any] | None, proof: str | None) -> None:
    one = Study((Source("a", RUN, CONFIG, {**EVALUATION, "calibration": facts}),), COMPARISON)
    (item,) = (i for i in reporting_checklist(one) if i["topic"] == "Whether probabilities can be believed")
    assert (item["evidence"] is None) if proof is None else item["evidence"].endswith(proof)


def test_markdown_ticks_what_is_done() -> None:
    items = reporting_checklist(study())
    text = checklist_markdown(items, "a\x1bb")
    assert "# Reporting checklist: a␛b" in text
    assert "- [x] 23. **Software and its versions** (Model)\n  - Gliascope 1.0; m.\n" in text
    assert "- [ ] 42. **Who paid, and what they had a say in** (Other)\n  - To do: Write it.\n" in text
    assert "Expected calibration error: All cases 0.125; temperature 1.50." in text
    assert "Scored cases: 2 Glioma, 1 No tumor." in text
    assert progress_words(items) in text
