"""Every page: complete, self-contained, with the intended-use line, and safe with hostile names."""

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from gliascope.intended_use import INTENDED_USE
from gliascope.labels import SCHEMES
from gliascope.report import (
    evaluation_page,
    explore_page,
    index_page,
    prediction_page,
    run_page,
    tile,
)
from gliascope.scan import Grid, LabelMap, Scan

VOID = {"meta", "link", "img", "input", "br", "hr"}
HOSTILE = "\"><img src=x onerror=alert(1)></script><script>alert(2)</script>\n\x1b[31m'&\u202e\udcff{{7*7}}"


class Page(HTMLParser):
    """Collects tags and checks that every one is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = attributes, text + data


def scan_and_labels() -> tuple[Scan, LabelMap]:
    shape = (20, 24, 12)
    grid = Grid.from_affine(shape, np.eye(4))
    i, j, k = np.ogrid[:20, :24, :12]
    distance = ((i - 10) / 9) ** 2 + ((j - 12) / 11) ** 2 + ((k - 6) / 5.5) ** 2
    head = (distance < 1).astype(np.float32)
    array = np.stack([head * (100 + 10 * n + i + j) for n in range(4)]).astype(np.float32)
    labels = np.zeros(shape, dtype=np.uint8)
    labels[6:14, 8:16, 3:9] = 2
    labels[8:12, 10:14, 4:8] = 1
    labels[9:11, 11:13, 5:7] = 3
    scan = Scan(array, ("t1n", "t1c", "t2w", "t2f"), grid)
    return scan, LabelMap(labels, SCHEMES["brats2023"], grid)


def picture() -> Scan:
    array = np.random.default_rng(0).uniform(0, 255, (3, 30, 20)).astype(np.float32)
    return Scan(array, ("red", "green", "blue"), Grid((30, 20)))


def warning(text: str) -> dict[str, str]:
    return {"code": "W_TEST", "file": text, "text": text}


def prediction(text: str) -> str:
    scan, labels = scan_and_labels()
    regions = {name: {"volume_ml": 1.25, "voxels": 1250, "max_diameter_mm": 12.5} for name in ("WT", "TC", "ET")}
    facts = {
        "case": text,
        "inputs": [{"path": text, "sha256": "0" * 64, "channel": "t1n"}],
        "task": "segment",
        "models": [
            {"role": text, "name": text, "version": "1", "sha256": "0" * 64, "members": [{"name": text, "version": ""}]}
        ],
        "created": "2026-11-20T12:00:00Z",
        "classification": {
            "label": "glioma",
            "probabilities": {"glioma": 0.9, text: 0.1},
            "abstained": False,
            "reason": text,
            "votes": [{"model": text, "label": text, "probabilities": {"glioma": 0.9, text: 0.1}}] * 2,
        },
        "cascade": {"segmented": True, "slices": [text, "no_tumor", None]},
        "segmentation": {"mask": "mask.nii.gz", "scheme": "brats2023", "regions": regions},
        "warnings": [warning(text)] * 5,
        "timing_s": {"read": 0.1, "total": 2.0},
    }
    return prediction_page(facts, scan, labels)


def prediction_of_picture(text: str) -> str:
    facts: dict[str, Any] = {
        "case": text,
        "classification": {"label": None, "probabilities": {}, "abstained": True, "reason": "Too uncertain."},
        "segmentation": None,
    }
    return prediction_page(facts, picture(), None)


def evaluation(text: str) -> str:
    figures = {"dice_score": 0.875, "hd95_mm": 3.5}
    summary = {
        "WT": {
            "dice_score": {"mean": 0.8, "median": 0.9, "sd": 0.1, "ci95": [0.7, 0.9], "n": 3},
            "hd95_mm": {"mean": None, "median": None, "sd": None, "ci95": None, "n": 0},
        }
    }
    cases: list[dict[str, Any]] = [{"case": f"{text}{n}", "patient": text, "WT": figures} for n in range(4)]
    cases.append({"case": "empty", "patient": None, "WT": {"dice_score": None, "hd95_mm": None}})
    facts = {"name": text, "protocol": "plain", "counts": {"cases": 5}, "summary": summary, "cases": cases}
    scan, labels = scan_and_labels()
    gallery = [{"image": tile(scan, labels, reference=labels, height=40), "caption": text}]
    return evaluation_page(facts, curves={f"validation_dice_{text}": [0.1, None, 0.3]}, gallery=gallery)  # type: ignore[arg-type]


def classification(text: str) -> str:
    facts = {
        "classes": ["glioma", text],
        "confusion": [[3, 1], [0, 0]],
        "summary": {"glioma": {"f1": 0.9, "support": 4}, "all": {"accuracy": 0.75}},
        "cases": [{"case": text, "reference": "glioma", "prediction": text, "probabilities": {"glioma": 0.4}}],
    }
    return evaluation_page(facts)


def exploration(text: str) -> str:
    gray = np.full((8, 8), 90, np.uint8)
    facts = {
        "dataset": text,
        "card": {"title": text, "link": f"https://example.org/{text}", "channels": ["t1n"], "known_faults": [text]},
        "counts": {"cases": 4, "read": 4, "patients": None, "references": 4},
        "classes": {"glioma": 3, text: 1},
        "classes_by_split": {"glioma": {"train": 2, text: 1}},
        "patients_by_class": {"glioma": 2},
        "class_imbalance": 3.0,
        "tissues": {"NCR": 10, "ED": 30, text: 0},
        "background_voxels": 1000,
        "voxel_imbalance": 100.0,
        "tissue_cases": {"NCR": 2, "ED": 4},
        "tissue_shares": {"NCR": [0.0, 0.1, 0.2], "ED": [0.1, 0.2, 0.3]},
        "volumes_ml": {"WT": [1.0, 2.0, None, 0.0], text: []},
        "region_voxels": {"WT": [1, 2, 3], text: [1]},
        "region_voxels_by_class": {"glioma": [1, 2], text: [0, 5]},
        "slices": {"with_tumor": 3, "without_tumor": 5, "heads": [{"name": text, "slices": 4, "with_tumor": 2}] * 2},
        "slice_profile": {"WT": [0.0, 0.5, 1.0], text: [0.1, 0.1, 0.1]},
        "shapes": {"20x24x12": 4, **{f"{n}x{n}": 1 for n in range(20)}},
        "spacings": {"1x1x1 mm": 3, "unknown": 1},
        "channels": {text: 3, "t1n": 4},
        "blank_channels": {text: 1},
        "repeated_channels": {f"t1n = {text}": 1},
        "cases_per_patient": {"1": 2, "3": 1},
        "histograms": {text: {"edges": [0, 1, 2], "counts": [3, 4]}},
        "histograms_by": {"class": {text: {"edges": [0, 1, 2], "counts": {text: [3, 4], "glioma": [0, 0]}}}},
        "histogram_unit": text,
        "strips": [{"title": text, "columns": [text, "t1n"], "plain": [gray, gray], "outlined": [gray, None]}],
        "sheets": {"title": text, "slices": 4, "outlined": True, "sheets": {text: gray, "t2f": gray}},
    }
    return explore_page(facts)


def run(text: str) -> str:
    facts = {
        "name": text,
        "recipe": text,
        "network": {"name": text, "parameters": 3001156},
        "epochs": 3,
        "best_epoch": 2,
        "seconds": 75.0,
        "curves": {"train_loss": [3, 2, 1], "validation_loss": [3, 2, 2], "lr": [1e-3, 1e-4, 1e-5]},
        "config": {"seed": 1, "training": {"loss": {text: 1.0}, "augment": None}, "steps": [{"name": text}]},
        "files": ["metrics.csv", text],
    }
    return run_page(facts)


def index(text: str) -> str:
    card = {"name": text, "href": f"{text}/report.html", "figures": {text: text, "Dice": 0.5}, "failed": text}
    sections = [{"title": text, "items": [card]}, {"title": "many", "items": [card] * 20}]
    return index_page({"title": text, "figures": {text: 1}, "sections": sections})


PAGES: list[Callable[[str], str]] = [
    prediction,
    prediction_of_picture,
    evaluation,
    classification,
    exploration,
    run,
    index,
]
each_page = pytest.mark.parametrize("make", PAGES, ids=lambda make: make.__name__)


@each_page
def test_page_is_complete_and_carries_the_intended_use(make: Callable[[str], str]) -> None:
    html = make("case 7")
    page = Page(html)
    assert page.open == []
    assert html.count(INTENDED_USE) == 2
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))


@each_page
def test_page_loads_nothing_from_outside(make: Callable[[str], str]) -> None:
    html = make("case 7")
    assert "http://" not in html
    assert "https://" not in html
    for tag, attributes in Page(html).tags:
        for name in ("src", "href", "xlink:href", "action", "data", "poster"):
            value = attributes.get(name) or ""
            assert value.startswith(("data:", "#", "./")) or not value, (tag, name, value[:80])
    assert "url(" not in re.sub(r"url\(#", "", html)


@each_page
def test_page_allows_its_own_script_alone(make: Callable[[str], str]) -> None:
    page = Page(make("case 7"))
    policy = next(
        a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    )
    (script,) = [text for attributes, text in page.scripts if attributes.get("type") != "application/json"]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy is not None
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


@each_page
def test_hostile_names_stay_text(make: Callable[[str], str]) -> None:
    html = make(HOSTILE)
    html.encode()  # a lone surrogate would fail here
    assert "\x1b" not in html
    assert "\u202e" not in html
    plain, hostile = Page(make("case 7")), Page(html)
    assert hostile.open == []
    assert len(hostile.scripts) == len(plain.scripts)
    assert not [a for _, a in hostile.tags if any(name.startswith("on") for name in a)]
    assert "{{7*7}}" in html  # not evaluated as a template


@each_page
def test_same_facts_give_the_same_bytes(make: Callable[[str], str]) -> None:
    assert make("case 7") == make("case 7")


def test_missing_facts_leave_a_readable_page() -> None:
    for html in (evaluation_page({}), explore_page({}), run_page({}), index_page({})):
        assert Page(html).open == []


def test_abstention_is_said_in_words() -> None:
    html = prediction_of_picture("case 7")
    assert "Cannot tell" in html
    assert "Too uncertain." in html


def test_figures_appear_with_their_units() -> None:
    html = prediction("case 7")
    assert "1.25 ml" in html
    assert "12.5 mm" in html
    assert "1,250 voxels" in html


def test_picture_of_known_size_has_a_diameter_and_says_who_gave_it() -> None:
    figures = {"volume_ml": None, "voxels": 600, "max_diameter_mm": 12.5}
    facts: dict[str, Any] = {
        "case": "a",
        "segmentation": {"regions": {"WT": figures}},
        "options": {"spacing_mm": [0.9, 0.9], "channels": ["t1n", "t2f", "t1c"]},
        "engine": {"backend": "openvino", "device": "cpu", "precision": "bf16"},
    }
    labels = LabelMap(np.ones((30, 20), np.uint8), SCHEMES["brats2023"], Grid((30, 20)))
    html = prediction_page(facts, picture(), labels)
    assert "12.5 mm" in html
    assert "no thickness" in html
    assert "carries no voxel size" not in html
    assert "voxel size 0.9 × 0.9 mm; channels t1n, t2f, t1c" in html
    assert "openvino, cpu, bf16" in html


def test_warnings_of_many_files_stand_together() -> None:
    html = prediction("case 7")
    assert "1 warning<" in html
    assert "5 files" in html


def test_confusion_matrix_tells_right_from_wrong() -> None:
    html = classification("meningioma")
    assert re.search(r'class="right[^"]*"><b>3</b><small>75 %', html)
    assert re.search(r'class="wrong[^"]*"><b>1</b><small>25 %', html)


def test_links_stay_below_the_page() -> None:
    html = index_page({"sections": [{"items": [{"name": "x", "href": "javascript:alert(1)"}]}]})
    assert 'href="./javascript%3Aalert%281%29"' in html


def test_empty_prediction_is_no_all_clear() -> None:
    scan, labels = scan_and_labels()
    nothing = LabelMap(np.zeros_like(labels.array), labels.scheme, labels.grid)
    regions = {"WT": {"volume_ml": 0.0, "voxels": 0, "max_diameter_mm": 0.0}}
    html = prediction_page({"case": "a", "segmentation": {"regions": regions}}, scan, nothing)
    assert "no proof that there is none" in html


def cascade(label: str, *, segmented: bool, slices: list[str | None]) -> str:
    votes = [{"model": name, "label": label, "probabilities": {"glioma": 0.9, "no_tumor": 0.1}} for name in ("a", "b")]
    other = {"model": "c", "label": None, "probabilities": {"glioma": 0.4, "no_tumor": 0.6}}
    facts: dict[str, Any] = {
        "case": "a",
        "classification": {"label": label, "probabilities": {"glioma": 0.7}, "votes": [*votes, other]},
        "segmentation": {"mask": "mask.nii.gz", "regions": {"WT": {"voxels": 0, "volume_ml": 0.0}}},
        "cascade": {"segmented": segmented, "slices": slices},
        "options": {"segment_all": segmented},
        "models": [
            {"role": "classifier", "name": "vote", "version": "1", "members": [{"name": "a", "version": "1"}]},
            {"role": "segmenter", "name": "net", "version": "2"},
        ],
    }
    scan, labels = scan_and_labels()
    return prediction_page(facts, scan, labels if segmented else None)


def test_votes_and_slices_of_a_cascade_are_told() -> None:
    slices = ["no_tumor", "glioma", None, "glioma", "no_tumor", "glioma"]
    html = cascade("glioma", segmented=True, slices=slices)
    assert "2 of 3 models say so." in html
    assert "none given" in html
    assert "6 axial slices was classified alone; 4 may show tumor: 2–4, 6, counted" in html
    assert "vote 1, net 2" in html
    assert "segment whatever the class" in html
    assert "was not segmented" not in html


def test_a_negative_of_a_cascade_is_no_all_clear() -> None:
    html = cascade("no_tumor", segmented=False, slices=["no_tumor"] * 3)
    assert "nothing was segmented. That is no proof" in html
    assert "none shows tumor" in html
    assert "0.0 ml" not in html


def test_lone_color_picture_is_no_missing_contrast() -> None:
    facts = {
        "counts": {"cases": 100, "read": 100},
        "channels": {"gray": 99, "red": 1, "green": 1, "blue": 1},
        "repeated_channels": {"red = green = blue": 1},
        "histograms": {name: {"edges": [0, 1, 2], "counts": [3, 4]} for name in ("gray", "red")},
    }
    html = explore_page(facts)
    assert "Missing contrasts" not in html
    assert "Color pictures that show gray content: 1." in html
    assert html.count('aria-label="Intensities, ') == 1


def test_missing_contrasts_are_told_by_kind() -> None:
    facts = {
        "counts": {"cases": 10, "read": 10},
        "channels": {"t1n": 10, "t1c": 7},
        "blank_channels": {"t1n": 2},
        "repeated_channels": {"t1n = t1c": 3},
    }
    html = explore_page(facts)
    for words, count in (("T1 contrast missing", 3), ("T1 blank", 2), ("T1 = T1 contrast", 3)):
        assert re.search(rf"{words}</span>.*?>{count}<small>", html)
