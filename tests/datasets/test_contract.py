"""What every adapter promises, checked on files in exactly its own layout."""

from pathlib import Path

import numpy as np
import pytest

from gliascope.case import Case
from gliascope.datasets import DATASETS, DatasetSettings, dataset_named
from gliascope.datasets.figshare import FigshareSettings
from gliascope.datasets.lgg import LggSettings
from gliascope.datasets.members import MemberSettings
from gliascope.datasets.phantom import PhantomSettings
from gliascope.datasets.phantom_layouts import LAYOUTS, write_layout
from gliascope.datasets.splits import SplitSettings, split_cases
from gliascope.datasets.union import Member, UnionSettings
from gliascope.errors import ConfigError, InputError
from gliascope.labels import SCHEMES, TUMOR_CLASSES
from gliascope.settings import load_settings

# layout on disk, the settings that read it
READERS: dict[str, DatasetSettings] = {
    **{name: dataset_named(name) for name in DATASETS if name not in ("union", "phantom")},
    "figshare-pictures": FigshareSettings(),
    "lgg-volumes": LggSettings(volumes=True),
    "phantom": PhantomSettings(patients=3, size=16),
    "phantom-pictures": PhantomSettings(patients=4, size=32, kind="pictures"),
    "union": UnionSettings(
        members=(
            Member(dataset=LggSettings(slice_labels=True), folder="lgg", labels=("glioma",), plain_pictures=True),
            Member(dataset=dataset_named("kaggle-4class"), folder="kaggle", labels=("no_tumor",), at_most=2),
        )
    ),
}
OWN_CHANNELS = {"folder": ("gray",), "phantom-pictures": ("gray",)}


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write every layout once."""
    base = tmp_path_factory.mktemp("layouts")
    for name in LAYOUTS:
        write_layout(name, base / name, patients=3, shape=(16, 16, 8), size=32)
    write_layout("lgg", base / "union" / "lgg", patients=2, shape=(16, 16, 8), size=32)
    write_layout("kaggle-4class", base / "union" / "kaggle", patients=3, size=32)
    return {
        **{name: base / name for name in LAYOUTS},
        "lgg-volumes": base / "lgg",
        "phantom-pictures": base / "phantom",
        "union": base / "union",
    }


@pytest.fixture(params=sorted(READERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def cases(name: str, roots: dict[str, Path]) -> list[Case]:
    return READERS[name].cases(roots[name])


def test_every_data_set_is_read_here() -> None:
    assert {reader.name for reader in READERS.values()} == set(DATASETS)
    assert set(LAYOUTS) == (set(DATASETS) - {"union"}) | {"figshare-pictures"}


def test_card_says_what_may_be_done(name: str) -> None:
    card = READERS[name].card
    assert card.name == READERS[name].name
    assert card.licence
    assert card.citation
    assert card.link.startswith("http")
    assert set(card.tasks) <= {"classify", "segment"}
    assert card.tasks
    assert card.scheme is None or card.scheme in SCHEMES
    assert set(card.classes) <= set(TUMOR_CLASSES)
    assert card.patient_identity
    assert card.known_faults
    assert card.layout


def test_ids_are_unique_ordered_and_safe(cases: list[Case]) -> None:
    ids = [case.id for case in cases]
    assert ids == sorted(ids)
    assert len({name.casefold() for name in ids}) == len(ids)
    for name in ids:
        assert name == Path(name).name
        assert not name.startswith((".", "-"))
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def test_listing_twice_is_the_same(name: str, cases: list[Case], roots: dict[str, Path]) -> None:
    assert READERS[name].cases(roots[name]) == cases


def test_patients_split_cleanly(cases: list[Case]) -> None:
    split = split_cases(cases, SplitSettings(fractions=(0.5, 0.25, 0.25)))
    sides = [{case.patient or case.group for case in part} - {None} for part in split.parts().values()]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]
    assert sum(map(len, split.parts().values())) == len(cases)
    known = all(case.patient or case.group for case in cases)
    assert split.name.startswith("by patient" if known else ("by patient", "by image"))
    assert known == (not split.notices)


def test_cases_are_read_with_the_channels_and_scheme_of_the_card(name: str, cases: list[Case]) -> None:
    card = READERS[name].card
    picks = cases if len(cases) <= 16 else cases[:: len(cases) // 16]
    tumors = 0
    for case in picks:
        scan, reference = case.read(), case.read_reference()
        expected = OWN_CHANNELS.get(name, card.channels)
        if expected:
            assert scan.channels == expected
        assert scan.array.dtype == np.float32
        assert case.label is None or case.label in (card.classes or TUMOR_CLASSES)
        if reference is None:
            continue
        assert case.scheme is not None
        assert reference.scheme == case.scheme
        if card.scheme and not name.startswith("phantom-"):
            assert reference.scheme.name == card.scheme
        assert not scan.grid.difference(reference.grid)
        tumors += int(reference.array.any())
    if "segment" in card.tasks:
        assert tumors


def test_tumor_is_where_it_is_bright(name: str, cases: list[Case]) -> None:
    # the mask and the image must lie the same way round: a mirrored or transposed mask fails here
    best = max(cases, key=lambda c: 0 if (r := c.read_reference()) is None else int(r.array.astype(bool).sum()))
    reference = best.read_reference()
    if reference is None:
        assert READERS[name].card.scheme is None
        return
    scan = best.read()
    bright = next((c for c in ("t2f", "green") if c in scan.channels), scan.channels[-1])  # green shows FLAIR in LGG
    image = scan.select((bright,)).array[0]
    tumor = reference.array > 0
    assert image[tumor].mean() > np.median(image[(image > image.max() / 10) & ~tumor])
    mirrored = tumor[::-1]
    if not (mirrored & tumor).any():
        assert image[tumor].mean() > image[mirrored].mean()


@pytest.mark.parametrize("other", sorted(set(READERS) - {"phantom", "phantom-pictures"}))
def test_wrong_folder_says_the_expected_layout(other: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing of the kind")
    for root in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError) as caught:
            READERS[other].cases(root)
        assert caught.value.hint
        if other != "union":
            assert READERS[other].card.layout in caught.value.hint


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="brats2021"):
        dataset_named("brats1999")
    with pytest.raises(ConfigError, match="members"):
        dataset_named("union")


def test_options_are_checked_from_plain_data() -> None:
    def load(tree: dict[str, object]) -> MemberSettings:
        return load_settings(Member, {"dataset": tree}).dataset

    assert load({"name": "lgg", "volumes": True}) == LggSettings(volumes=True)
    with pytest.raises(ConfigError, match="volumes"):
        load({"name": "lgg", "volume": True})
    with pytest.raises(ConfigError, match="once"):
        load({"name": "brats2020-slices", "channels": ["t1n", "t1n", "t2w", "t2f"]})
    with pytest.raises(ConfigError, match="below ROOT"):
        load_settings(Member, {"dataset": {"name": "lgg"}, "folder": "../other"})
