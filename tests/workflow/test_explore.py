"""What a data set holds."""

import json
from pathlib import Path

import pytest

from gliascope.datasets.phantom_layouts import write_layout
from gliascope.errors import ConfigError, InputError, UsageError
from gliascope.workflow.explore import explore


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
