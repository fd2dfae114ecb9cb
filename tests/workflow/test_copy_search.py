"""Copies are searched once, and splits by content are made from them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from gliascope.case import Case
from gliascope.datasets import dataset_named
from gliascope.datasets.phantom_layouts import write_layout
from gliascope.datasets.split_settings import SplitSettings
from gliascope.datasets.split_table import split_table
from gliascope.datasets.splits import Split, split_cases
from gliascope.errors import ConfigError, InputError
from gliascope.leakage import Copy
from gliascope.workflow import copy_search
from gliascope.workflow.audit import audit
from gliascope.workflow.copy_search import CopySearch, search_copies
from gliascope.workflow.honest_split import by_content, read_again, with_notices, without_copies
from gliascope.workflow.leak_gate import LeakVerdict, check_leaks
from gliascope.workflow.progress import silent

OWN = SplitSettings(method="own", by="image", validation=0.2)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write four-class pictures with three copies, one of them under another class."""
    home = tmp_path_factory.mktemp("copies") / "in"
    write_layout("kaggle-4class", home, patients=12, size=64)
    sources = sorted((home / "Training" / "glioma").iterdir())
    shutil.copy(sources[0], home / "Testing" / "glioma" / "copy.jpg")
    shutil.copy(sources[0], home / "Testing" / "glioma" / "again.jpg")
    shutil.copy(sources[2], home / "Training" / "pituitary" / "other.jpg")
    return home


@pytest.fixture(scope="module")
def cases(root: Path) -> list[Case]:
    return dataset_named("kaggle-4class").cases(root)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("copies-cache")


@pytest.fixture(scope="module")
def search(cases: list[Case], cache: Path) -> CopySearch:
    return search_copies(cases, cache, threads=2, progress=silent)


def ids(side: tuple[Case, ...]) -> list[str]:
    return [case.id for case in side]


def test_a_second_search_reads_the_first(
    cases: list[Case], cache: Path, search: CopySearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_search, "fingerprint_all", None)
    assert search_copies(cases[::-1], cache, threads=2, progress=silent) == search
    assert len(search.copies) == 4
    assert [copy.kind for copy in search.among(cases)] == ["bytes"] * 4


def test_a_result_is_named_by_all_it_depends_on(cases: list[Case], monkeypatch: pytest.MonkeyPatch) -> None:
    name = copy_search._name(cases)
    other = replace(cases[0], id="other")
    assert len({name, copy_search._name(cases[1:]), copy_search._name([other, *cases[1:]])}) == 3
    monkeypatch.setattr(copy_search, "SEARCH_VERSION", -1)
    assert copy_search._name(cases) != name


DAMAGED = ["{", "[]", "[" * 100_000, '{"pixels": []}', '{"name": "x", "pixels": [1], "copies": []}']
DAMAGED += [
    f'{{"name": "NAME", "pixels": {pixels}, "copies": [{copy}]}}'
    for pixels, copy in (
        ("[9, 9, 9]", '[0, 3, "bytes", 1]'),
        ("[9, 9, 9]", '[-1, 2, "bytes", 1]'),
        ("[9, 9, 9]", '[1, 1, "bytes", 1]'),
        ("[9, 9, 9]", '[0, 1, ["bytes"], 1]'),
        ("[9, 9, 9]", '[0, 1, "bytes", NaN]'),
        ("[9, 9, 1e999]", ""),
        ("[9, 9]", ""),
    )
]


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_result_is_made_again(cases: list[Case], search: CopySearch, tmp_path: Path, text: str) -> None:
    few = cases[:3]
    whole = search_copies(few, tmp_path, threads=2, progress=silent)
    (stored,) = tmp_path.glob("copies-*.json")
    stored.write_text(text.replace("NAME", stored.stem.removeprefix("copies-")))
    assert search_copies(few, tmp_path, threads=2, progress=silent) == whole
    assert json.loads(stored.read_text())["pixels"] == list(whole.pixels)
    assert set(whole.ids) <= set(search.ids)


def test_cases_that_cannot_be_read_have_no_copies(cases: list[Case], tmp_path: Path) -> None:
    path = tmp_path / "damaged.jpg"
    path.write_bytes(b"")
    damaged = replace(cases[0], id="damaged", source=replace(cases[0].source, path=path))  # type: ignore[type-var]
    absent = replace(cases[0], id="absent", source=replace(cases[0].source, path=tmp_path / "no"))  # type: ignore[type-var]
    found = search_copies([damaged, cases[1]], tmp_path / "cache", threads=2, progress=silent)
    assert found.sizes([cases[1], damaged]) == [64 * 64, 0]
    assert found.copies == ()
    with pytest.raises(InputError, match="cannot be read"):
        by_content([damaged, cases[1]], found, OWN, None)
    found = search_copies([absent, cases[1]], tmp_path / "other", threads=2, progress=silent)
    assert found.sizes([absent]) == [0]
    assert not (tmp_path / "other").exists()


def test_pairs_follow_their_cases() -> None:
    search = CopySearch(("a", "b", "c"), (1, 1, 1), (Copy(0, 2, "pixels", 1.0), Copy(1, 2, "mirror", 0.9)))
    picked = [Case(name, None) for name in ("c", "a")]  # type: ignore[arg-type]
    assert search.among(picked) == [Copy(0, 1, "pixels", 1.0)]


@pytest.mark.parametrize("fold", [1, 3])
def test_a_split_by_content_is_the_fold_that_an_audit_proposes(
    root: Path, cases: list[Case], search: CopySearch, tmp_path: Path, fold: int
) -> None:
    parts = with_notices(by_content(cases, search, OWN, fold), cases)
    audit("kaggle-4class", root, tmp_path / "audit", folds=5, unique=True)
    assert split_table(parts.parts(), root) == (tmp_path / "audit" / f"fold-{fold}.csv").read_text()
    assert parts.name == f"by content, without copies, fold {fold} of 5"
    assert [notice.code for notice in parts.notices] == ["W_COPIES_LEFT_OUT", "W_SPLIT_BY_IMAGE"]
    assert f"4 of {len(cases)} cases" in parts.notices[0].text  # two copies, and both of the contradicting pair
    verdict = check_leaks(parts, search, dataset="kaggle-4class", root=root, allowed=False, classify=True)
    assert verdict == LeakVerdict({})


def test_a_recipe_without_validation_has_none_by_content_either(cases: list[Case], search: CopySearch) -> None:
    with_validation = by_content(cases, search, OWN, None)
    without = by_content(cases, search, OWN.model_copy(update={"validation": 0.0}), None)
    assert ids(without.test) == ids(with_validation.test)
    assert sorted(ids(without.train)) == sorted(ids((*with_validation.train, *with_validation.validation)))
    with pytest.raises(ConfigError, match="fold 6 of 5"):
        by_content(cases, search, OWN, 6)


def test_a_run_that_goes_on_reads_its_own_table(cases: list[Case], search: CopySearch, tmp_path: Path) -> None:
    parts = with_notices(by_content(cases, search, OWN, None), cases)
    (tmp_path / "split.csv").write_text(split_table(parts.listed()))
    assert with_notices(read_again(cases, tmp_path / "split.csv", None), cases) == parts


def test_copies_among_cases_that_only_train_make_room_for_the_test(cases: list[Case], search: CopySearch) -> None:
    extra = [replace(case, pinned="train") if case.split == "train" else case for case in cases]
    parts = split_cases(extra, SplitSettings(by="image", fractions=(0.5, 0.0, 0.5)))
    kept = without_copies(parts, search)
    tested = {case.id for case in kept.test}
    gone = set(ids(parts.train)) - set(ids(kept.train))
    assert kept.test == parts.test
    assert gone == {
        extra[one].id
        for copy in search.among(extra)
        for one, other in ((copy.first, copy.second), (copy.second, copy.first))
        if extra[one].pinned and extra[other].id in tested
    }
    assert gone
    assert isinstance(kept, Split)


class StoppedError(Exception):
    """A training came to its first epoch."""


@pytest.mark.train
def test_training_by_content_goes_on_without_a_search(
    root: Path, cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gliascope.workflow import training_data
    from gliascope.workflow.train import train

    def stop(*_: object, **__: object) -> None:
        raise StoppedError

    said: list[str] = []
    monkeypatch.setattr("gliascope.training.fit.fit", stop)
    options = {"by_patient": True, "fold": 2, "cache": tmp_path / "cache", "announce": said.append}
    with pytest.raises(StoppedError):
        train("customcnn-4class", root, tmp_path / "run", **options)  # type: ignore[arg-type]
    assert said[0].startswith("by content, without copies, fold 2 of 5: ")
    assert (tmp_path / "run" / "split.csv").read_text().count("\n") == len(cases) - 4 + 1
    monkeypatch.setattr(training_data, "search_copies", None)
    with pytest.raises(StoppedError):
        train("customcnn-4class", root, tmp_path / "run", resume=True, **options)  # type: ignore[arg-type]
    assert said.count(said[0]) == 2
