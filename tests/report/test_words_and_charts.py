import itertools
import re

import numpy as np
import pytest
from numpy.typing import NDArray

from gliascope.report import palette, wording
from gliascope.report.charts import Line, line_chart, spread_chart
from gliascope.report.curves import curve_charts, parse_curve
from gliascope.report.frame import json_for_script
from gliascope.report.run_page import config_groups
from gliascope.report.tables import Cell, Column, figure_cell, relative_link, table

MACHADO = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def as_lab(color: str, vision: NDArray[np.float64]) -> NDArray[np.float64]:
    value = np.array(palette.rgb(color)) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(vision @ linear, 0, 1) / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", MACHADO)
def test_nested_regions_stay_apart_for_every_kind_of_color_vision(vision: str) -> None:
    colors = {name: as_lab(palette.REGION_COLORS[name], MACHADO[vision]) for name in ("WT", "TC", "ET")}
    for one, other in itertools.combinations(colors.values(), 2):
        assert np.linalg.norm(one - other) > 30


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain – tumor ü", "plain – tumor ü"),
        ("a\nb\x7f", "a␊b␡"),
        ("\x1b[2J", "␛[2J"),
        ("x\u202egnp.exe", "x\ufffdgnp.exe"),
        ("\udcff", "\ufffd"),
    ],
)
def test_hostile_characters_become_visible(text: str, expected: str) -> None:
    assert wording.clean(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, wording.MISSING), (True, "yes"), (12345, "12,345"), (float("nan"), wording.MISSING), (1e-7, "1.00e-07")],
)
def test_values_are_shown_in_words(value: object, expected: str) -> None:
    assert wording.shown(value) == expected


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        (0.87654, "dice_score", "0.877"),
        (3.14159, "hd95_mm", "3.14"),
        (60.2014, "WT (ml)", "60.20"),
        (300, "support", "300"),
        (None, "dice_score", wording.MISSING),
        (float("inf"), "hd95_mm", "∞"),
    ],
)
def test_metrics_keep_fitting_digits(value: object, name: str, expected: str) -> None:
    assert wording.metric_value(value, name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("lr", "Learning rate"), ("iou_score", "IoU"), ("balanced_accuracy", "Balanced accuracy")),
        *(("WT (ml)", "WT (ml)"), ("roc_auc", "ROC-AUC"), ("pr_auc", "PR-AUC"), ("hd95", "HD95"), ("nsd", "NSD")),
        *(("lesionwise_dice", "Lesion-wise Dice"), ("lesionwise_hd95", "Lesion-wise HD95"), ("ece", "ECE")),
        *(("volume_error_ml", "Volume error (ml)"), ("recognition_quality", "Recognition quality"), ("nll", "NLL")),
    ],
)
def test_names_become_words(name: str, expected: str) -> None:
    assert wording.title(name) == expected


def test_json_in_a_script_cannot_end_it() -> None:
    text = str(json_for_script({"a": "</script><!--&\u2028é"}))
    assert not set(text) & set("<>&\u2028é")


def test_json_in_a_script_has_no_nan() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        json_for_script([float("nan")])


def test_chart_takes_the_colors_of_the_page() -> None:
    svg = str(line_chart([Line("a", [1, 2, 3]), Line("b", [None, 2, 1], dashed=True)], title="Loss", mark=2))
    assert "currentColor" in svg
    assert "var(--series-1)" in svg
    assert "var(--series-2)" in svg
    colors = set(re.findall(r"#[0-9a-f]{6}\b", svg))
    assert colors <= {"#ffffff"}
    assert not re.search(r"<svg[^>]+(width|height)=", svg)
    assert "<style" not in svg


def test_charts_on_one_page_do_not_share_ids() -> None:
    first, second = (str(line_chart([Line("a", [1, 2])], title=title)) for title in ("Loss", "Dice"))
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_chart_leaves_the_settings_of_matplotlib_alone() -> None:
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 31}):
        svg = str(line_chart([Line("a", [1, 2])], title="Loss"))
        assert mpl.rcParams["font.size"] == 31
    assert "31px" not in svg


def test_chart_with_dollars_and_empty_rows_is_drawn() -> None:
    svg = str(spread_chart({"a$x_1$<b>": [], "b": [0.5]}, title="t", axis="$"))
    assert "a$x 1$&lt;b&gt;".lower() in svg.lower()


def test_infinite_values_are_counted_and_count_in_the_quartiles() -> None:
    svg = str(spread_chart({"a": [1.0, 2.0], "b": [3.0]}, title="t", axis="", infinite={"a": 5, "b": 0}))
    assert "∞ × 5" in svg
    assert svg.count("∞") == 1
    finite = str(spread_chart({"a": [1.0, 2.0], "b": [3.0]}, title="t", axis=""))
    assert finite.count("stroke-width: 1.6") == 2  # a median each
    assert svg.count("stroke-width: 1.6") == 1  # that of the first row is infinite


def test_many_values_are_drawn_as_few_points() -> None:
    svg = str(spread_chart({"a": list(range(5000))}, title="t", axis=""))
    assert 300 < svg.count("<use ") < 500


def test_long_names_leave_room_for_the_points() -> None:
    svg = str(spread_chart({"a very long name of a region " * 5: [0.1, 0.2]}, title="t", axis=""))
    assert ">A very long name of…<" in svg


def test_learning_rate_axis_has_plain_numbers() -> None:
    svg = str(line_chart([Line("lr", [1e-2, 1e-3, 1e-4])], title="lr", logarithmic=True))
    assert ">0.001<" in svg
    assert "mathdefault" not in svg
    narrow = str(line_chart([Line("lr", [9e-4, 3e-4])], title="lr", logarithmic=True))
    assert ">0.0005<" in narrow


@pytest.mark.parametrize(
    ("name", "metric", "part", "stage"),
    [
        ("train_loss", "loss", "", "train"),
        ("val/dice_TC", "dice", "TC", "validation"),
        ("loss/validation", "loss", "", "validation"),
        ("accuracy", "accuracy", "", ""),
        ("iou_background", "iou", "background", ""),
        ("dice_NCR", "dice", "NCR", ""),
        ("iou_mean", "iou", "mean", ""),
    ],
)
def test_series_names_are_split(name: str, metric: str, part: str, stage: str) -> None:
    parsed = parse_curve(name)
    assert (parsed.metric, parsed.part, parsed.stage) == (metric, part, stage)


def test_series_of_one_metric_share_a_chart() -> None:
    curves: dict[str, list[float | None]] = {
        "epoch": [1, 2],
        "train_loss": [2, 1],
        "validation_loss": [3, 2],
        "validation_dice_WT": [None, None],
    }
    html = str(curve_charts(curves))
    assert html.count("<svg") == 1
    assert "training" in html


def test_classes_share_a_chart_with_their_mean_and_one_region_needs_none() -> None:
    four = {f"iou_{part}": [0.1, 0.2] for part in ("background", "NCR", "ED", "ET", "mean")}
    html = str(curve_charts({**four, "dice_tumor": [0.1, 0.2], "dice_mean": [0.1, 0.2]}))
    assert html.count("<svg") == 2
    assert all(word in html for word in ("Background", "Necrotic core", "Edema", "Mean"))
    assert html.count("Mean") == str(curve_charts(four)).count("Mean")


def test_configuration_keeps_nested_names() -> None:
    groups = config_groups({"a": True, "b": {"c": {"d": None}, "e": [{"name": "x"}, {"name": "y"}], "f": []}})
    assert groups == [
        {"name": "", "rows": [("a", "true")]},
        {"name": "b", "rows": [("c.d", wording.MISSING), ("e", "name = x; name = y"), ("f", wording.MISSING)]},
    ]


def test_table_cells_carry_what_rows_are_sorted_by() -> None:
    columns = [Column("Name"), Column("Dice", numeric=True, group="WT")]
    rows = [[Cell("a"), figure_cell(0.5, "dice_score")], [Cell("b"), figure_cell(None, "dice_score")]]
    html = str(table(columns, rows, caption="t"))
    assert 'data-sort="0.5"' in html
    assert 'data-sort=""' in html
    assert 'colspan="1" class="group">WT<' in html


@pytest.mark.parametrize("path", ["http://x/y", "//x/y", "../../etc/passwd", "javascript:1"])
def test_links_have_no_scheme_or_host(path: str) -> None:
    link = relative_link(path)
    assert link.startswith("./")
    assert ":" not in link
    assert ".." not in link
