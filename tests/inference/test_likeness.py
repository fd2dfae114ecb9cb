"""What is unlike the training data is named, and what is like it is not."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gliascope.datasets.discover import discover
from gliascope.files import nifti
from gliascope.inference.likeness import Reference, reference_of, unlike
from gliascope.inference.signature import Look, feature_names, look_at

MEANS = {
    "t1n": (-0.2, 0.1, 1.0, 0.5, 0.7, 1.1, -0.8, 0.2, 0.3),
    "t1c": (-0.3, 0.1, 0.9, 0.6, 1.2, 2.1, -0.7, 0.2, 0.4),
    "t2f": (0.1, 0.0, 0.9, 0.8, 1.3, 1.8, -0.6, 0.3, 0.3),
}
SKEW = {("t1c", "t1n"): 0.2, ("t1c", "t2f"): -0.1, ("t1n", "t2f"): -0.2}
SCALP = (0.1, 0.7, 1.2)


def look(seed: int, *, spread: float = 0.04, stripped: bool = True, names: Sequence[str] = tuple(MEANS)) -> Look:
    """Return an invented volume whose signatures scatter around the means."""
    random = np.random.default_rng(seed)
    more = () if stripped else SCALP
    contrasts = {n: tuple(float(v) for v in random.normal((*MEANS[n], *more), spread)) for n in names}
    pairs = {pair: mean + random.normal(0, 0.02) for pair, mean in SKEW.items() if set(pair) <= set(names)}
    return Look("volume", (240, 240, 155), (1.0, 1.0, 1.0), stripped, 0.16, 0.84, contrasts, pairs)


@pytest.fixture(scope="module")
def known() -> Reference:
    return reference_of([look(seed) for seed in range(12)])


def swapped(seen: Look, one: str, other: str) -> Look:
    """Return the look of the same scan with two names exchanged."""
    names = {one: other, other: one}
    contrasts = {names.get(name, name): found for name, found in seen.contrasts.items()}
    pairs = {}
    for (a, b), value in seen.pairs.items():
        first, second = names.get(a, a), names.get(b, b)
        pairs[(first, second) if first < second else (second, first)] = value if first < second else -value
    return replace(seen, contrasts=contrasts, pairs=pairs)


def codes(seen: Look, reference: Reference) -> list[str]:
    return [notice.code for notice in unlike(seen, reference, model="m")]


def test_the_reference_says_what_was_seen(known: Reference) -> None:
    assert (known.cases, known.kinds, known.stripped) == (12, {"volume": 12}, 1.0)
    assert known.spacing_mm == ((1.0, 1.0),) * 3
    assert known.sides == (240, 240)
    assert known.head_share == (0.16, 0.16)
    stripped = known.heads["stripped"]
    assert stripped.features == feature_names("stripped")
    assert stripped.contrasts["t1c"].cases == 12
    np.testing.assert_allclose(stripped.contrasts["t1c"].mean, MEANS["t1c"], atol=0.06)
    assert Reference.model_validate_json(known.model_dump_json(), strict=True) == known


def test_what_is_like_the_training_is_silent(known: Reference) -> None:
    assert [codes(look(seed), known) for seed in range(100, 140)] == [[]] * 40
    assert codes(look(99, names=("t2f",)), known) == []


def test_every_swap_of_clear_contrasts_is_named(known: Reference) -> None:
    for one, other in itertools.combinations(MEANS, 2):
        (notice,) = unlike(swapped(look(50), one, other), known, model="glioma-3d")
        first, second = sorted((one, other))
        assert notice.code == "W_CONTRAST"
        assert notice.text.startswith(f"{first} and {second} look swapped")
        assert "glioma-3d" in notice.text


def test_one_channel_under_another_name_is_named(known: Reference) -> None:
    seen = look(51, names=("t2f",))
    (notice,) = unlike(replace(seen, contrasts={"t1c": seen.contrasts["t2f"]}), known, model="m")
    assert (notice.code, notice.text.split(".")[0]) == ("W_CONTRAST", "t1c looks like t2f in the training data of m")


def test_intensities_unlike_anything_are_named(known: Reference) -> None:
    seen = look(52)
    strange = tuple(value + 1.5 for value in seen.contrasts["t2f"])
    (notice,) = unlike(replace(seen, contrasts={**seen.contrasts, "t2f": strange}), known, model="m")
    assert notice.code == "W_OTHER_INTENSITIES"
    assert "of t2f" in notice.text


def test_a_skull_where_none_was_is_named_and_the_reverse(known: Reference) -> None:
    assert codes(look(53, stripped=False), known) == ["W_SKULL"]
    whole = reference_of([look(seed, stripped=False) for seed in range(12)])
    assert codes(look(53, stripped=False), whole) == []
    assert codes(look(53), whole) == ["W_SKULL"]
    both = reference_of([*(look(seed) for seed in range(12)), *(look(seed, stripped=False) for seed in range(12))])
    assert set(both.heads) == {"stripped", "whole"}
    assert codes(look(53), both) == codes(look(53, stripped=False), both) == []
    assert codes(swapped(look(53, stripped=False), "t1c", "t2f"), both) == ["W_CONTRAST"]


@pytest.mark.parametrize("spacing", [(0.9, 0.9, 5.5), (0.5, 1.0, 1.0)])
def test_voxel_sizes_far_outside_are_named(known: Reference, spacing: tuple[float, ...]) -> None:
    (notice,) = unlike(replace(look(54), spacing_mm=spacing), known, model="m")
    assert notice.code == "W_OTHER_SPACING"
    assert f"{spacing[0]:g} × {spacing[1]:g} × {spacing[2]:g} mm" in notice.text


@pytest.mark.parametrize("spacing", [(0.8, 0.8, 1.4), None, (1.0, 1.0)])
def test_voxel_sizes_nearby_or_unknown_are_not(known: Reference, spacing: tuple[float, ...] | None) -> None:
    assert codes(replace(look(54), spacing_mm=spacing), known) == []


def test_a_gray_picture_goes_by_the_only_name_that_is_known() -> None:
    only = reference_of([look(seed, names=("t1c",)) for seed in range(30)])
    seen = look(55, names=("t1c",)).contrasts["t1c"]
    gray = replace(look(55), contrasts={"gray": seen}, pairs={})
    assert codes(gray, only) == []
    assert codes(replace(gray, contrasts={"gray": tuple(v + 2 for v in seen)}), only) == ["W_OTHER_INTENSITIES"]


def test_few_cases_give_no_signatures() -> None:
    few = reference_of([look(seed) for seed in range(3)])
    assert few.heads == {}
    assert codes(swapped(look(56), "t1c", "t2f"), few) == []
    one = reference_of([replace(look(1), spacing_mm=None, contrasts={}, pairs={})])
    assert (one.cases, one.spacing_mm, one.heads) == (1, None, {})


def test_signatures_of_other_features_are_not_compared(known: Reference) -> None:
    older = known.heads["stripped"].model_copy(update={"features": ("rim",)})
    assert codes(swapped(look(57), "t1c", "t2f"), known.model_copy(update={"heads": {"stripped": older}})) == []


@pytest.mark.data
def test_left_out_patients_raise_no_alarm_and_their_swaps_do(data_root: Path) -> None:
    looks = [look_at(discover(folder).cases[0].read()) for folder in sorted((data_root / "brats").iterdir())]
    caught = []
    for index, seen in enumerate(looks):
        others = reference_of([*looks[:index], *looks[index + 1 :]])
        assert codes(seen, others) == []
        pairs = itertools.combinations(sorted(seen.contrasts), 2)
        caught += [codes(swapped(seen, one, other), others) == ["W_CONTRAST"] for one, other in pairs]
    assert len(caught) == 54
    assert sum(caught) >= 48
    for channel in ("t1n", "t1c", "t2w", "t2f"):
        scan = nifti.read_scan({channel: data_root / "clinical" / "TCGA-FG-6692" / f"{channel}.nii.gz"})
        assert codes(look_at(scan), reference_of(looks)) == ["W_SKULL", "W_OTHER_SPACING"]
