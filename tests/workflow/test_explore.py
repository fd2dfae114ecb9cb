"""What a data set holds."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gliascope.case import Case, Picture
from gliascope.datasets import dataset_named
from gliascope.datasets.phantom_layouts import write_layout
from gliascope.errors import ConfigError, InputError, UsageError
from gliascope.labels import SCHEMES
from gliascope.scan import Grid, LabelMap, Scan
from gliascope.workflow import data_summary
from gliascope.workflow.case_look import CaseLook, look_at, repeated_channels
from gliascope.workflow.data_pictures import example_sheets, example_strips
from gliascope.workflow.explore import explore
from gliascope.workflow.intensity_samples import IntensitySamples


def picture_case(name: str = "a", patient: str | None = None, number: int | None = None, label: str = "") -> Case:
    facts = {} if number is None else {"slice": str(number)}
    return Case(name, Picture(Path(f"{name}.png")), patient=patient, label=label or None, facts=facts)


def look(case: Case, mask: NDArray[np.float64] | None = None) -> CaseLook:
    """Look at a picture of 4 x 4 pixels, or at a volume of the mask's shape."""
    shape = (4, 4) if mask is None else mask.shape
    labels = None if mask is None else LabelMap(mask.astype(np.uint8), SCHEMES["lgg"], Grid(shape))
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(1, *shape)
    return look_at(case, Scan(values, ("gray",), Grid(shape)), labels)


def test_studies_are_described(tmp_path: Path) -> None:
    write_layout("brats2021", tmp_path / "in", patients=3, shape=(24, 24, 24))
    facts = explore("brats2021", tmp_path / "in", tmp_path / "out")
    assert facts["counts"] == {"cases": 3, "read": 3, "patients": 3, "references": 3}
    assert set(facts["tissues"]) == {"NCR", "ED", "ET"}
    voxels = sum(facts["tissues"].values()) + facts["background_voxels"]
    assert voxels == 3 * 24**3
    assert facts["channels"] == {"t1n": 3, "t1c": 3, "t2w": 3, "t2f": 3}
    assert json.loads((tmp_path / "out" / "exploration.json").read_text()) == json.loads(json.dumps(facts))
    assert "Not a medical device" in (tmp_path / "out" / "report.html").read_text()


def test_pictures_are_counted_by_class(tmp_path: Path) -> None:
    write_layout("kaggle-4class", tmp_path / "in", patients=2, size=48)
    facts = explore("kaggle-4class", tmp_path / "in")
    assert set(facts["classes"]) == {"glioma", "meningioma", "pituitary", "no_tumor"}
    assert sum(facts["classes"].values()) == facts["counts"]["cases"]


def test_unreadable_case_is_listed_not_counted(tmp_path: Path) -> None:
    write_layout("brats2021", tmp_path / "in", patients=3, shape=(24, 24, 24))
    victim = min((tmp_path / "in").rglob("*_t1ce.nii.gz"))
    victim.write_bytes(b"")
    facts = explore("brats2021", tmp_path / "in")
    assert (facts["counts"]["cases"], facts["counts"]["read"]) == (3, 2)
    assert "W_UNREADABLE" in {w["code"] for w in facts["warnings"]}


def test_other_grid_of_a_mask_is_listed(tmp_path: Path) -> None:
    write_layout("brats2021", tmp_path / "in", patients=2, shape=(24, 24, 24))
    write_layout("brats2021", tmp_path / "other", patients=2, shape=(16, 16, 16))
    name = min((tmp_path / "in").rglob("*_seg.nii.gz")).relative_to(tmp_path / "in")
    (tmp_path / "in" / name).write_bytes((tmp_path / "other" / name).read_bytes())
    facts = explore("brats2021", tmp_path / "in")
    assert facts["counts"]["read"] == 1
    assert any("grid" in w["text"] for w in facts["warnings"])


def test_refusals_come_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown data set"):
        explore("brast", tmp_path)
    with pytest.raises(InputError):
        explore("lgg", tmp_path)
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="exists"):
        explore("lgg", tmp_path / "in", tmp_path / "out")


def test_overwrite_never_replaces_the_data(tmp_path: Path) -> None:
    write_layout("kaggle-4class", tmp_path / "in", patients=2, size=48)
    before = sorted(tmp_path.rglob("*"))
    for output in (tmp_path / "in", tmp_path / "in" / "page"):
        with pytest.raises(UsageError, match="lies inside the input"):
            explore("kaggle-4class", tmp_path / "in", output, overwrite=True)
    with pytest.raises(UsageError, match="no earlier result"):
        explore("kaggle-4class", tmp_path / "in", tmp_path, overwrite=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_classes_are_counted_by_split_and_patient() -> None:
    cases = [Case(str(n), Picture(Path("a")), patient=f"p{n // 2}", label="glioma", split="train") for n in range(4)]
    cases.append(Case("z", Picture(Path("a")), patient="p9", label="no_tumor", split="test"))
    facts = data_summary.class_facts([look(case) for case in cases])
    assert facts == {
        "classes": {"glioma": 4, "no_tumor": 1},
        "classes_by_split": {"glioma": {"train": 4}, "no_tumor": {"test": 1}},
        "patients_by_class": {"glioma": 2, "no_tumor": 1},
        "class_imbalance": 4.0,
    }


def test_shares_and_imbalance_of_tissues_come_from_counted_voxels() -> None:
    small, none = np.zeros((4, 4)), np.zeros((4, 4))
    small[:2, 0] = 1
    facts = data_summary.tissue_facts(
        [look(picture_case(), small), look(picture_case("b"), none), look(picture_case())]
    )
    assert facts["tissues"] == {"TUMOR": 2}
    assert facts["background_voxels"] == 30
    assert facts["voxel_imbalance"] == 15
    assert facts["tissue_cases"] == {"TUMOR": 1}
    assert facts["tissue_shares"] == {"TUMOR": [0.125, 0.0]}


def test_slices_of_a_patient_lie_in_numeric_order() -> None:
    tumor, none = np.ones((4, 4)), np.zeros((4, 4))
    looks = [look(picture_case(f"a{n}", "p", n), tumor if n == 10 else none) for n in (10, 2, 1)]
    facts = data_summary.slice_facts(looks)
    assert facts["slices"] == {
        "with_tumor": 1,
        "without_tumor": 2,
        "heads": [{"name": "p", "slices": 3, "with_tumor": 1}],
    }
    profile = np.array(facts["slice_profile"]["tumor"])
    assert profile[:33].max() == 0  # 10 comes last, not between 1 and 2
    assert profile[34:].min() == 1


def test_place_in_the_slices_needs_their_order() -> None:
    looks = [look(picture_case(name, "p"), np.ones((4, 4))) for name in "ab"]
    facts = data_summary.slice_facts(looks)
    assert facts["slice_profile"] == {}
    assert facts["slices"]["heads"][0]["slices"] == 2


def test_volumes_are_heads_of_their_own() -> None:
    mask = np.zeros((4, 4, 10))
    mask[..., 5:] = 1
    facts = data_summary.slice_facts([look(picture_case(), mask)])
    assert facts["slices"]["heads"] == [{"name": "a", "slices": 10, "with_tumor": 5}]
    assert facts["slice_profile"]["tumor"] == [0.0] * 25 + [1.0] * 25


@pytest.mark.parametrize(
    ("channels", "expected"),
    [("aaa", (("t1n", "t2f", "t1c"),)), ("abb", (("t2f", "t1c"),)), ("aba", (("t1n", "t1c"),)), ("abc", ())],
)
def test_stand_ins_for_missing_contrasts_are_found(channels: str, expected: tuple[tuple[str, ...], ...]) -> None:
    random = np.random.default_rng(0)
    pictures = {name: random.uniform(0, 255, (32, 32)).astype(np.float32) for name in "abc"}
    scan = Scan(np.stack([pictures[name] for name in channels]), ("t1n", "t2f", "t1c"), Grid((32, 32)))
    assert repeated_channels(scan) == expected


def test_histogram_of_gray_values_has_no_comb() -> None:
    samples = IntensitySamples(1)
    values = np.tile(np.arange(200, dtype=np.float32), (10, 1))
    samples.add(Scan(values[np.newaxis], ("gray",), Grid((10, 200))), "glioma", None)
    (histogram,) = samples.histograms().values()
    inner = histogram["counts"][1:-1]
    assert max(inner) == min(inner)
    assert samples.relative is False
    assert samples.grouped() == {}


def test_samples_do_not_keep_the_cases_in_memory() -> None:
    samples = IntensitySamples(10_000)
    scan = Scan(np.random.default_rng(0).uniform(1, 99, (1, 300, 300)).astype(np.float32), ("gray",), Grid((300, 300)))
    samples.add(scan, "glioma", None)
    kept = [part for parts in samples._stored.values() for part in parts]
    assert all(part.base is None for part in kept)
    assert sum(part.size for part in kept) <= 100


def test_tissues_are_compared_inside_the_head() -> None:
    array = np.zeros((1, 20, 20, 4), dtype=np.float32)
    array[0, 4:16, 4:16] = 1000.0
    array[0, 8:12, 8:12] = 3000.0
    labels = np.zeros((20, 20, 4), dtype=np.uint8)
    labels[8:12, 8:12] = 3
    grid = Grid.from_affine((20, 20, 4), np.eye(4))
    samples = IntensitySamples(1)
    samples.add(Scan(array, ("t1c",), grid), None, LabelMap(labels, SCHEMES["brats2023"], grid))
    own = samples.grouped()["tissue"]["t1c"]
    assert list(own["counts"]) == ["rest", "ET"]
    assert samples.relative is True
    assert (own["edges"][0], own["edges"][-1]) == pytest.approx((0, 1), abs=0.1)
    assert np.argmax(own["counts"]["ET"]) > np.argmax(own["counts"]["rest"])


def test_pictures_of_a_patient_become_a_sheet_per_contrast(tmp_path: Path) -> None:
    write_layout("lgg", tmp_path / "in", patients=2, shape=(24, 24, 8), size=32)
    explore("lgg", tmp_path / "in", tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count('<details class="sheet"') == 3
    assert "Where in the slices tumors lie" in page
    facts = json.loads((tmp_path / "out" / "exploration.json").read_text())
    assert facts["slices"]["with_tumor"] > 0
    assert sum(int(n) * often for n, often in facts["cases_per_patient"].items()) == facts["counts"]["cases"]


def test_examples_are_rows_of_a_class_or_cases_with_all_contrasts(tmp_path: Path) -> None:
    paths = []
    for index in range(3):
        paths.append(tmp_path / f"{index}.png")
        gray = np.random.default_rng(index).integers(0, 255, (30, 30), dtype=np.uint8)
        Image.fromarray(gray).save(paths[-1])
    cases = [Case(str(n), Picture(p), label=("glioma", "no_tumor")[n % 2]) for n, p in enumerate(paths)]
    looks = [look_at(case, case.read(), None) for case in cases]
    strips = example_strips(looks)
    assert [(strip["title"], len(strip["plain"]), strip["outlined"]) for strip in strips] == [
        ("glioma", 2, []),
        ("no_tumor", 1, []),
    ]
    assert example_sheets(looks) is None
    write_layout("brats2021", tmp_path / "in", patients=2, shape=(24, 24, 24))
    explore("brats2021", tmp_path / "in", tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count('class="strip"') == 2
    assert page.count('<details class="sheet"') == 4


@pytest.mark.data
def test_lower_grade_gliomas_lack_a_tenth_of_their_contrasts(data_root: Path) -> None:
    cases = dataset_named("lgg").cases(data_root / "lgg-mri-segmentation")[::8]
    looks = [look_at(case, case.read(), None) for case in cases]
    repeated = data_summary.shape_facts(looks)["repeated_channels"]
    assert set(repeated) == {"t1n = t2f = t1c", "t2f = t1c"}
    assert sum(repeated.values()) / len(cases) == pytest.approx(398 / 3454, abs=0.03)
