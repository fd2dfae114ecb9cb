"""Items become batches: slices, patches around foreground, and errors with their names."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gliascope.errors import GliascopeError, InputError
from gliascope.preprocess.cache import CacheEntry
from gliascope.preprocess.targets import UNKNOWN
from gliascope.training.data import Batch, Items, Sample, training_items
from gliascope.training.outputs import Outputs
from gliascope.training.sampling import Key, SamplingSettings

pytestmark = pytest.mark.train

REGIONS = Outputs("regions", ("tumor",))
LABELS = Outputs("label", ("glioma", "no_tumor"))


@dataclass(frozen=True)
class Point:
    """A sample with foreground in one voxel of its last item."""

    case_id: str
    shape: tuple[int, ...] = (1, 8, 8)
    count: int = 1
    label: str | None = None
    voxel: tuple[int, ...] | None = (5, 5)
    dataset: str | None = None
    unknown: bool = False

    def image(self, index: int | None = None) -> NDArray[np.float32]:
        return self.target(index).astype(np.float32).repeat(self.shape[0], axis=0)

    def target(self, index: int | None = None) -> NDArray[np.uint8]:
        mask = np.zeros((1, *self.shape[1:]), np.uint8)
        if self.unknown:
            mask[:] = UNKNOWN
        elif self.voxel is not None and index == self.count - 1:
            mask[(0, *self.voxel)] = 1
        return mask


def read(items: Items, keys: list[Key]) -> Batch:
    batch = items.__getitems__(keys)
    assert not isinstance(batch, GliascopeError)
    return batch


def test_a_cache_entry_is_a_sample() -> None:
    entry: Sample = CacheEntry("a", None, None, Path("a"), "slices", 3, (1, 8, 8), True)
    assert len(Items([entry], REGIONS, seed=1)) == 3


def test_slices_of_all_samples_are_items() -> None:
    items = Items([Point("a", count=3), Point("b", count=2)], REGIONS, seed=1)
    batch = read(items, [Key(4, 0, 2), Key(4, 1, 3)])
    assert len(items) == 5
    assert batch["image"].shape == batch["target"].shape == (2, 1, 8, 8)
    assert batch["case"].tolist() == [0, 1]
    assert batch["target"].sum((1, 2, 3)).tolist() == [1, 0]
    assert batch["variation"].tolist() == [[4, 0], [4, 1]]


def test_labels_become_numbers_in_the_order_of_the_outputs() -> None:
    items = Items([Point("a", label="no_tumor"), Point("b", label="glioma")], LABELS, seed=1)
    assert read(items, [Key(0, 0, 0), Key(0, 1, 1)])["target"].tolist() == [1, 0]


def test_foreground_patches_hold_the_tumor_wherever_it_is() -> None:
    for voxel in [(0, 0, 0), (19, 19, 19), (3, 10, 17)]:
        items = Items([Point("a", (2, 20, 20, 20), voxel=voxel)], REGIONS, seed=1, patch=(8, 8, 8), foreground=1.0)
        for position in range(5):
            batch = read(items, [Key(0, position, 0)])
            assert batch["image"].shape == (1, 2, 8, 8, 8)
            assert batch["target"].sum() == 1
            assert bool((batch["image"][:, :1] == batch["target"]).all())


def test_random_patches_reach_every_place_and_repeat() -> None:
    items = Items([Point("a", (1, 10, 10, 10), voxel=(9, 9, 9))], REGIONS, seed=1, patch=(8, 8, 8), foreground=0.0)
    seen = [int(read(items, [Key(0, position, 0)])["target"].sum()) for position in range(200)]
    assert 0 < sum(seen) < 30, "one start of 27 holds the last voxel"
    assert seen == [int(read(items, [Key(0, position, 0)])["target"].sum()) for position in range(200)]


def test_small_volumes_are_padded_to_the_patch_and_validation_takes_the_middle() -> None:
    items = Items([Point("a", (1, 4, 20, 6), voxel=(2, 10, 3))], REGIONS, seed=1, patch=(8, 8, 8))
    batch = read(items, [Key(0, 0, 0)])
    assert batch["target"].shape == (1, 1, 8, 8, 8)
    assert bool(batch["target"][0, 0, 4, 4, 4])


def test_foreground_slices_are_found() -> None:
    settings = SamplingSettings(foreground=1.0)
    items, sampler = training_items([Point("a", count=9), Point("b", count=9)], REGIONS, settings, patch=None, seed=1)
    keys = list(sampler)
    assert len(keys) == 18
    assert {key.item for key in keys} == {8, 17}
    assert len(items) == 18


def test_repeated_items_come_once_as_they_are_and_then_always_alike() -> None:
    settings = SamplingSettings(repeat_augmented=3)
    items, sampler = training_items([Point("a", count=2)], REGIONS, settings, patch=None, seed=1)
    seen = []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        keys = list(sampler)
        batch = read(items, keys)
        where = [(key.item % 2, *variation) for key, variation in zip(keys, batch["variation"].tolist(), strict=True)]
        assert batch["target"].sum((1, 2, 3)).tolist() == [index for index, _, _ in where]
        seen.append(sorted(where))
    assert seen[0] == seen[1] == [(0, -1, -1), (0, 0, 2), (0, 0, 4), (1, -1, -1), (1, 0, 3), (1, 0, 5)]


def test_repetitions_stay_in_their_groups() -> None:
    settings = SamplingSettings(repeat_augmented=2, foreground=1.0)
    sampler = training_items([Point("a", count=3)], REGIONS, settings, patch=None, seed=1)[1]
    assert {key.item for key in sampler} == {2, 5}


@dataclass(frozen=True)
class Told(Point):
    """A sample that counts how often its picture is read."""

    picture: NDArray[np.float32] = field(default_factory=lambda: np.zeros((1, 8, 8), np.float32))
    readings: list[int | None] = field(default_factory=list)

    def image(self, index: int | None = None) -> NDArray[np.float32]:
        self.readings.append(index)
        return self.picture


@pytest.mark.parametrize(("factor", "times"), [(1.0, 1), (1.0001, 2), (1e6, 2)])
def test_held_items_are_read_once_where_that_changes_no_bit(factor: float, times: int) -> None:
    halves = np.linspace(0, 1, 64, dtype=np.float16).astype(np.float32).reshape(1, 8, 8)
    sample = Told("a", picture=halves * np.float32(factor))
    items = Items([sample], REGIONS, seed=1)
    assert items.bytes_needed == 64 * 2 + 64
    items.hold()
    first, second = (read(items, [Key(epoch, 0, 0)]) for epoch in range(2))
    assert len(sample.readings) == times
    assert torch.equal(first["image"], second["image"])
    assert torch.equal(second["image"][0], torch.from_numpy(sample.picture))
    assert second["image"].dtype == torch.float32
    assert torch.equal(first["target"], second["target"])


def test_faults_come_back_as_errors_that_name_the_case() -> None:
    sizes = Items([Point("a"), Point("b", (1, 8, 12))], REGIONS, seed=1)
    fault = sizes.__getitems__([Key(0, 0, 0), Key(0, 1, 1)])
    assert isinstance(fault, InputError)
    assert str(fault).startswith("b: prepared image is (1, 8, 12), that of a (1, 8, 8)")
    unknown = Items([Point("c", label="pituitary")], LABELS, seed=1).__getitems__([Key(0, 0, 0)])
    assert isinstance(unknown, InputError)
    assert "glioma, no_tumor" in unknown.cause


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(InputError, match="no training image shows glioma"):
        training_items([Point("a", label="no_tumor")], LABELS, SamplingSettings(balance="class"), patch=None, seed=1)
    with pytest.raises(InputError, match="any foreground"):
        training_items([Point("a", voxel=None)], REGIONS, SamplingSettings(foreground=0.5), patch=None, seed=1)
    with pytest.raises(InputError, match="nothing to train on"):
        training_items([Point("a", count=0)], REGIONS, SamplingSettings(), patch=None, seed=1)


def test_what_is_unknown_is_no_foreground() -> None:
    samples = [Point("a"), Point("b", unknown=True)]
    sampler = training_items(samples, REGIONS, SamplingSettings(foreground=1.0), patch=None, seed=1)[1]
    assert {key.item for key in sampler} == {0}
    cut = Items([Point("b", (1, 8, 8), unknown=True)], REGIONS, seed=1, patch=(12, 4), foreground=1.0)
    assert set(read(cut, [Key(0, 0, 0)])["target"].flatten().tolist()) == {UNKNOWN}


def test_data_sets_are_drawn_equally_often() -> None:
    balance = SamplingSettings(balance="dataset", per_epoch=40)
    samples = [Point("a", dataset="brats"), *(Point(f"b{n}", dataset="lgg") for n in range(9))]
    items, sampler = training_items(samples, REGIONS, balance, patch=None, seed=1)
    drawn = [items.samples[key.item].dataset for key in sampler]
    assert (drawn.count("brats"), drawn.count("lgg")) == (20, 20)
    for others in (samples[1:], [*samples, Point("c")]):
        with pytest.raises(InputError, match="not of several data sets"):
            training_items(others, REGIONS, balance, patch=None, seed=1)
