"""An audit from planted faults to the tables that a training reads."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from gliascope.datasets import dataset_named
from gliascope.datasets.phantom_layouts import write_layout
from gliascope.datasets.splits import SplitSettings, split_cases
from gliascope.errors import InputError, UsageError
from gliascope.workflow.audit import audit
from gliascope.workflow.audit_tiles import spread


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[str, str]]]:
    """Write four-class pictures with copies across the parts; return ROOT and ``{kind: (test, train)}``."""
    root = tmp_path_factory.mktemp("planted") / "in"
    write_layout("kaggle-4class", root, patients=8, size=96)
    sources = sorted((root / "Training" / "glioma").iterdir())
    test = root / "Testing" / "glioma"
    kinds: dict[str, tuple[str, str]] = {}
    for kind, source in zip(("bytes", "pixels", "content", "mirror"), sources, strict=False):
        gray = Image.open(source).convert("L")
        name = test / f"Te-gl_9{len(kinds)}.{'png' if kind == 'pixels' else 'jpg'}"
        if kind == "bytes":
            shutil.copy(source, name)
        elif kind == "pixels":
            gray.save(name)
        elif kind == "content":
            gray.resize((80, 80)).save(name, quality=92)
        else:
            ImageOps.mirror(gray).save(name, quality=90)
        kinds[kind] = (name.relative_to(root).as_posix(), source.relative_to(root).as_posix())
    other = root / "Training" / "pituitary" / "Tr-pi_9999.jpg"
    shutil.copy(sources[5], other)
    kinds["conflict"] = (sources[5].relative_to(root).as_posix(), other.relative_to(root).as_posix())
    (root / "Training" / "notumor" / "Tr-no_9998.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    return root, kinds


@pytest.fixture(scope="module")
def found(planted: tuple[Path, dict[str, tuple[str, str]]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("audit") / "out"
    facts = audit("kaggle-4class", planted[0], out, folds=3, unique=True)
    return {**facts, "out": out}


def test_planted_copies_are_found(planted: tuple[Path, dict[str, tuple[str, str]]], found: dict[str, Any]) -> None:
    kinds = planted[1]
    leaks = {(leak["test"], leak["train"]): leak for leak in found["leaks"]}
    for kind in ("bytes", "pixels", "content", "mirror"):
        assert leaks[kinds[kind]]["kind"] == kind
        assert leaks[kinds[kind]]["sides"] == ["train", "test"]
        assert found["groups"][kinds[kind][0]] == found["groups"][kinds[kind][1]]
    sides = found["counts"]["sides"]["test"]
    assert sides["cases"] == 12
    assert sides["copied"] == sides["leaking"] == sum(sides["kinds"].values()) >= 4
    assert found["counts"]["cases"] == found["files"] == len(found["groups"]) == 46
    assert found["counts"]["read"] == 45


def test_contradicting_labels_are_named(
    planted: tuple[Path, dict[str, tuple[str, str]]], found: dict[str, Any]
) -> None:
    (conflict,) = found["label_conflicts"]
    assert set(conflict["paths"]) >= set(planted[1]["conflict"])
    assert set(conflict["labels"]) == {"glioma", "pituitary"}
    assert conflict["kind"] == "bytes"


def test_a_bad_file_is_a_fault(found: dict[str, Any]) -> None:
    assert [(fault["file"], fault["code"]) for fault in found["faults"]] == [
        ("Training/notumor/Tr-no_9998.jpg", "E_DAMAGED")
    ]
    assert found["proposal"]["left_out"]["unreadable"] == 1


def test_files_are_whole(found: dict[str, Any]) -> None:
    out = found["out"]
    names = {path.name for path in out.iterdir()}
    assert names == {"audit.json", "groups.csv", "fold-1.csv", "fold-2.csv", "fold-3.csv", "report.html"}
    stored = json.loads((out / "audit.json").read_text())
    assert stored == json.loads(json.dumps({key: value for key, value in found.items() if key != "out"}))
    page = (out / "report.html").read_text()
    for words in (
        "Not a medical device",
        "Same content, mirrored",
        "Contradicting labels",
        "Proposed split",
        "E_DAMAGED",
    ):
        assert words in page
    assert page.count("data:image") >= 10


def test_the_table_can_be_trained_on(planted: tuple[Path, dict[str, tuple[str, str]]], found: dict[str, Any]) -> None:
    root, kinds = planted
    cases = dataset_named("kaggle-4class").cases(root)
    tested = []
    for name in ("groups.csv", "fold-1.csv", "fold-2.csv", "fold-3.csv"):
        with (found["out"] / name).open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == ["path", "patient", "group", "label", "split"]
        assert all((root / row["path"]).is_file() for row in rows)
        assert len({row["group"] for row in rows}) == len(rows), "one picture of each content"
        listed = {row["path"] for row in rows}
        assert not listed & {*kinds["conflict"], "Training/notumor/Tr-no_9998.jpg"}
        split = split_cases(cases, SplitSettings(method="csv", path=str(found["out"] / name)))
        assert sum(map(len, split.parts().values())) == len(rows)
        assert all(split.parts().values())
        if name.startswith("fold"):
            tested += [case.id for case in split.test]
    assert (
        len(tested)
        == len(set(tested))
        == found["proposal"]["folds"][0]["train"]["cases"]
        + sum(found["proposal"]["folds"][0][side]["cases"] for side in ("validation", "test"))
    )


def test_a_proposed_split_does_not_leak(
    planted: tuple[Path, dict[str, tuple[str, str]]], found: dict[str, Any]
) -> None:
    again = audit("kaggle-4class", planted[0], split=found["out"] / "groups.csv")
    assert again["leaks"] == []
    assert again["split"] == "the split of groups.csv"
    assert "W_SPLIT_LEFT_OUT" in {warning["code"] for warning in again["warnings"]}


def test_patients_on_two_sides(tmp_path: Path) -> None:
    write_layout("lgg", tmp_path / "in", patients=4, size=48, shape=(16, 16, 8))
    cases = dataset_named("lgg").cases(tmp_path / "in")
    table = tmp_path / "split.csv"
    lines = [
        f"{case.source.files['picture'].name},{('train', 'test')[number % 2]}" for number, case in enumerate(cases)
    ]
    table.write_text("\n".join(["path,split", *lines]))
    facts = audit("lgg", tmp_path / "in", split=table)
    side = facts["counts"]["sides"]["test"]
    assert side["leaking"] == side["cases"] == 16
    assert {leak["kind"] for leak in facts["leaks"]} >= {"patient"}
    proposed = audit("lgg", tmp_path / "in")
    assert proposed["split"] == "the proposed split"
    assert proposed["leaks"] == []
    assert proposed["counts"]["masks"]["empty"]


def test_folds_of_the_data_set_are_judged(tmp_path: Path) -> None:
    write_layout("figshare-pictures", tmp_path / "in", patients=10, size=96)
    images = tmp_path / "in" / "images"
    shutil.copy(images / "1.jpg", images / "4.jpg")
    facts = audit("figshare", tmp_path / "in")
    assert facts["split"] == "the data set's own folds"
    assert {"test": "images/4.jpg", "train": "images/1.jpg", "kind": "bytes", "score": 1.0} in [
        {key: value for key, value in leak.items() if key != "sides"} for leak in facts["leaks"]
    ]


def test_another_data_set_tells_who_belongs_together(tmp_path: Path) -> None:
    write_layout("figshare-pictures", tmp_path / "other", patients=6, size=96)
    write_layout("kaggle-4class", tmp_path / "in", patients=8, size=96, seed=5)
    for number in (1, 2, 3):
        gray = Image.open(tmp_path / "other" / "images" / f"{number}.jpg")
        ImageOps.mirror(gray).save(tmp_path / "in" / "Training" / "glioma" / f"Tr-gl_9{number}.jpg", quality=92)
    facts = audit("kaggle-4class", tmp_path / "in", tmp_path / "out", folds=2, against=("figshare", tmp_path / "other"))
    pairs = {(match["path"], match["other"]): match for match in facts["against"]}
    for number in (1, 2, 3):
        match = pairs[f"Training/glioma/Tr-gl_9{number}.jpg", f"images/{number}.jpg"]
        assert match["kind"] == "mirror"
        assert match["labels"] == ["glioma", "glioma"]
    with (tmp_path / "out" / "fold-1.csv").open(newline="") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    own = [rows[f"Training/glioma/Tr-gl_9{number}.jpg"] for number in (1, 2, 3)]
    assert {row["group"] for row in own} == {"figshare:fold1"}
    assert len({row["split"] for row in own}) == 1


def test_studies(tmp_path: Path) -> None:
    write_layout("brats2023", tmp_path / "in", patients=4)
    facts = audit("brats2023", tmp_path / "in", split=None)
    assert facts["files"] == 20
    assert facts["counts"]["patients"] == 4
    assert facts["leaks"] == []
    assert facts["faults"] == []
    same = [path for path in facts["groups"] if "00000" in path]
    assert len({facts["groups"][path] for path in same}) == 1, "the two sessions of the first patient are copies"


def test_refusals(tmp_path: Path) -> None:
    write_layout("kaggle-4class", tmp_path / "in", patients=2, size=48)
    with pytest.raises(UsageError, match="lies inside"):
        audit("kaggle-4class", tmp_path / "in", tmp_path / "in" / "out")
    with pytest.raises(UsageError, match="two folds"):
        audit("kaggle-4class", tmp_path / "in", folds=1)
    with pytest.raises(InputError, match="cannot fill 90 parts"):
        audit("kaggle-4class", tmp_path / "in", tmp_path / "out", folds=90)
    write_layout("brats2021", tmp_path / "b", patients=1)
    with pytest.raises(InputError, match="no split of its own"):
        audit("brats2021", tmp_path / "b", split="own")
    assert not (tmp_path / "out").exists()


def test_a_set_too_small_to_split_is_audited_all_the_same(tmp_path: Path) -> None:
    write_layout("brats2021", tmp_path / "in", patients=2)
    facts = audit("brats2021", tmp_path / "in", tmp_path / "out")
    assert facts["proposal"] is None
    assert "W_NO_PROPOSAL" in {warning["code"] for warning in facts["warnings"]}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"audit.json", "report.html"}


def test_nothing_readable(tmp_path: Path) -> None:
    write_layout("folder", tmp_path / "in", patients=1, size=32)
    for path in (tmp_path / "in" / "images").iterdir():
        path.write_bytes(b"")
    with pytest.raises(InputError, match="none of 3 cases"):
        audit("folder", tmp_path / "in")


def test_positions_are_spread() -> None:
    for count in (0, 1, 8, 9, 1000):
        positions = spread(count)
        assert len(positions) == min(count, 6) == len(set(positions))
        assert not count or (positions[0], positions[-1]) == (0, count - 1)
    assert np.all(np.diff(spread(1000)) > 100)
