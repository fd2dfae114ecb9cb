"""What the page of an evaluation says beside its numbers."""

import re
from typing import Any

import pytest

from gliascope.report import evaluation_page
from gliascope.report.metric_words import MetricWords

PROTOCOL = {
    "title": "Plain",
    "source": "Somebody 1999",
    "hausdorff": "95th percentile per direction; the larger of the two",
    "pooling": "One value per region of a case.",
    "spacing": "mm",
    "empty": "Both empty: undefined.",
    "infinite": None,
    "tolerance_mm": 1.5,
    "metrics": {"dice": {"unit": ""}, "hd95": {"unit": "mm"}, "volume_error_ml": {"unit": "ml"}},
}


def region(outcome: str, dice: float | None, hd95: float | None) -> dict[str, Any]:
    return {"outcome": outcome, "dice": dice, "hd95": hd95, "volume_error_ml": None, "reference_voxels": 1234}


def segmentation() -> dict[str, Any]:
    figures: dict[str, dict[str, Any]] = {
        "dice": {"mean": 0.5, "median": 0.6, "sd": 0.4, "ci95": [0.1, 0.9], "median_ci95": [0.2, 0.95], "n": 3},
        "hd95": {"mean": 2.5, "median": None, "sd": None, "ci95": None, "median_ci95": [2.0, None], "n": 3},
        "volume_error_ml": {"mean": None, "median": None, "sd": None, "ci95": None, "n": 0, "missing": 4},
        "reference_voxels": {"mean": 1234.0, "median": 1234.0, "sd": 0.0, "ci95": None, "n": 4},
    }
    figures["dice"] |= {"missing": 1, "infinite": 0}
    figures["hd95"] |= {"missing": 1, "infinite": 2}
    return {
        "task": "segment",
        "protocol": "plain",
        "protocol_facts": PROTOCOL,
        "split": "given",
        "counts": {"cases": 4, "both_empty": 1, "missed": 1, "false_positive": 1},
        "intervals": {"method": "bootstrap", "level": 0.95, "resamples": 2000, "clusters": 4, "by": "patient or case"},
        "summary": {"ET": figures},
        "cases": [
            {"case": "good", "patient": None, "ET": region("scored", 0.9, 2.5)},
            {"case": "lost", "patient": None, "ET": region("missed", 0.0, None)},
            {"case": "made up", "patient": None, "ET": region("false_positive", 0.0, None)},
            {"case": "healthy", "patient": None, "ET": region("both_empty", None, None)},
        ],
    }


def classes() -> dict[str, Any]:
    return {
        "task": "classify",
        "classes": ["glioma", "no_tumor"],
        "confusion": [[3, 1], [0, 4]],
        "summary": {
            "glioma": {"f1": 0.857, "roc_auc": 0.95, "support": 4},
            "macro": {"f1": 0.9, "roc_auc": 0.95, "support": 8},
            "all": {"accuracy": 0.875, "support": 8},
        },
        "ci95": {"glioma": {"f1": [0.6, 1.0], "roc_auc": None}, "all": {"accuracy": [0.5, 0.99]}},
        "intervals": {"method": "bootstrap", "level": 0.95, "resamples": 2000, "clusters": 8, "by": "case"},
    }


def rows_of(html: str, caption: str) -> list[list[str]]:
    """Return the body of one table as text, cell by cell."""
    found = re.search(rf'aria-label="{caption}">\s*<table.*?<tbody>(.*?)</tbody>', html, re.DOTALL)
    assert found
    lines = re.findall(r"<tr>(.*?)</tr>", found[1], re.DOTALL)
    return [
        [re.sub(r"(<[^>]+>)+", "|", cell).strip("|") for cell in re.findall(r"<td[^>]*>(.*?)</td>", x)] for x in lines
    ]


def test_protocol_stands_beside_the_numbers_in_words() -> None:
    html = evaluation_page(segmentation())
    for words in (
        *("Protocol: Plain.", "95th percentile per direction", "One value per region of a case.", "in mm"),
        *("Both empty: undefined.", "1.5 mm (NSD)", "Somebody 1999"),
        "95 %, bootstrap; 2,000 resamples of 4 patients or cases",
    ):
        assert words in html


def test_summary_has_mean_median_intervals_and_what_is_missing() -> None:
    rows = {row[0]: row[1:] for row in rows_of(evaluation_page(segmentation()), "Summary")}
    assert rows["Dice"] == ["0.500|0.100 to 0.900|SD 0.400", "0.600|0.200 to 0.950", "3|1 undefined"]
    assert rows["HD95 (mm)"] == ["2.50|finite only", "∞|2.00 to ∞", "3|2 infinite|1 undefined"]
    assert rows["Volume error (ml)"] == ["–", "–", "0|4 undefined"]
    assert rows["Reference voxels"][0].startswith("1,234")


def test_infinite_is_told_from_undefined_case_by_case() -> None:
    rows = {row[0]: row[1:] for row in rows_of(evaluation_page(segmentation()), "Cases")}
    outcomes_and_distances = {case: (row[0], row[2]) for case, row in rows.items()}
    assert outcomes_and_distances == {
        "good": ("Scored", "2.50"),
        "lost": ("Missed", "∞"),
        "made up": ("False positive", "∞"),
        "healthy": ("Both empty", "–"),
    }
    assert len(rows["lost"]) == 4  # no column for the volume error, which is unknown and not infinite


def test_infinite_distances_stand_in_the_chart() -> None:
    html = evaluation_page(segmentation())
    assert html.count("∞ × 2") == 1
    assert "Reference voxels by region" not in html


def test_empty_masks_are_counted_with_their_cases() -> None:
    html = evaluation_page(segmentation())
    for words, case in (("Missed: ", "lost"), ("False positive: ", "made up"), ("Both empty: ", "healthy")):
        assert re.search(rf"<b>1</b> {words}.*?</dt>\s*<dd><span><code>{case}</code> <small>ET</small>", html)


def test_classes_have_their_intervals() -> None:
    html = evaluation_page(classes())
    rows = {row[0]: row[1:] for row in rows_of(html, "Summary")}
    assert rows["Glioma"] == ["0.857|0.600 to 1.000", "0.950", "4"]
    assert rows["Macro average"][0] == "0.900"
    assert "0.500 to 0.990" in html  # accuracy, in the key figures
    assert "ROC-AUC" in html


def test_leaking_split_is_said_before_any_figure() -> None:
    leakage = {
        **{"allowed": True, "test_cases": 20, "leaking_test_cases": 5, "validation_cases": 4},
        **{"leaking_validation_cases": 0, "kinds": {"bytes": 3, "mirror": 2}},
    }
    html = evaluation_page({**classes(), "leakage": leakage})
    assert html.index("The split leaks.") < html.index("Confusion matrix")
    assert "5 of 20 (25 %)" in html
    assert "Same file: 3; Same content, mirrored: 2" in html
    assert "Validation cases known" not in html


@pytest.mark.parametrize("leakage", [None, {}])
def test_clean_split_has_no_notice(leakage: dict[str, Any] | None) -> None:
    assert "The split leaks." not in evaluation_page({**classes(), "leakage": leakage})


@pytest.mark.parametrize(("looks", "part", "said"), [(1, "test", False), (3, "test", True), (3, "validation", False)])
def test_repeated_looks_at_the_test_part_are_told(looks: int, part: str, said: bool) -> None:
    html = evaluation_page({**classes(), "split": f"{part} of: random", "test_looks": looks})
    assert "Times this part was scored" in html
    assert ("no longer unseen" in html) is said


def calibration(raw: bool) -> dict[str, Any]:
    bins = [
        {"low": 0.0, "high": 0.5, "confidence": None, "observed": None, "n": 0},
        {"low": 0.5, "high": 1.0, "confidence": 0.8, "observed": 0.6, "n": 5},
    ]
    row = {"ece": 0.2, "brier": 0.1, "nll": 0.3, "ci95": {"ece": [0.1, 0.3], "brier": None, "nll": None}, "n": 5}
    rows = {name: {**row, "bins": bins} for name in ("WT", "ET")}
    worse = {name: {**each, "ece": 0.4} for name, each in rows.items()}
    return {"rows": rows, "raw": worse if raw else None, "temperature": [1.25, 2.0] if raw else 1, "unit": "voxel"}


def test_calibration_is_drawn_before_and_after_the_temperature() -> None:
    html = evaluation_page({**segmentation(), "calibration": calibration(True)})
    assert html.count('aria-label="Reliability, ') == 2
    (first, *_) = rows_of(html, "Calibration")
    assert first == [
        "Whole tumor",
        "0.200|0.100 to 0.300",
        "0.100",
        "0.300",
        "0.400|0.100 to 0.300",
        "0.100",
        "0.300",
    ]
    assert "Whole tumor 1.25, Enhancing tumor 2" in html
    assert "5 voxels" in html


def test_calibration_without_a_temperature_has_one_curve() -> None:
    html = evaluation_page({**segmentation(), "calibration": calibration(False)})
    assert "Without temperature" not in html
    assert evaluation_page({**segmentation(), "calibration": None}).count("Reliability") == 0


def test_facts_of_older_versions_are_shown() -> None:
    figures = {"mean": 0.8, "median": 0.9, "sd": 0.1, "ci95": None, "n": 2, "missing": 0}
    facts = {
        "protocol": "plain",
        "counts": {"cases": 3, "both_empty": 0, "missed": 0, "false_positive": 0},
        "summary": {"WT": {"dice": figures}},
        "cases": [{"case": name, "patient": None, "WT": {"dice": 0.8}} for name in "abc"],
    }
    html = evaluation_page(facts)
    assert "How it was scored" not in html
    assert "Empty masks" not in html
    assert "∞" not in html
    assert [row[1] for row in rows_of(html, "Cases")] == ["0.800"] * 3


def test_metrics_take_their_units_from_the_protocol() -> None:
    legacy = MetricWords.of(
        {"protocol_facts": {"metrics": {"hd95": {"unit": "voxels"}, "true_positives": {"unit": "x"}}}}
    )
    assert legacy.title("hd95") == "HD95 (voxels)"
    assert MetricWords().title("hd95_mm") == "HD95 (mm)"
    assert MetricWords().title("lesionwise_dice") == "Lesion-wise Dice"
    assert legacy.figure(3.14159, "hd95") == "3.14"
    assert MetricWords().figure(0.12345, "dice") == "0.123"
    assert MetricWords().level(0.5, "relative_volume_error") is None
