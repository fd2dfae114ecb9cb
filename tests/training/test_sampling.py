"""Every epoch draws what was asked for, the same for any number of devices."""

import numpy as np
import pytest

from gliascope.training.sampling import EpochSampler, SamplingSettings, ValidationSampler, epoch_order

pytestmark = pytest.mark.train


def sampler(count: int, groups: tuple[list[int], ...] = (), **options: object) -> EpochSampler:
    settings = SamplingSettings.model_validate(options)
    return EpochSampler(count, settings, [np.array(group) for group in groups], seed=1)


def test_each_item_once_in_an_order_of_the_epoch() -> None:
    draws = sampler(10)
    first = [key.item for key in draws]
    draws.set_epoch(1)
    second = list(draws)
    assert sorted(first) == sorted(key.item for key in second) == list(range(10))
    assert first != [key.item for key in second]
    assert {key.epoch for key in second} == {1}
    assert [key.position for key in second] == list(range(10))


def test_per_epoch_starts_over_only_when_all_were_drawn() -> None:
    items = [key.item for key in sampler(4, per_epoch=10)]
    assert sorted(items[:4]) == sorted(items[4:8]) == [0, 1, 2, 3]
    assert len(items) == 10
    assert len({key.item for key in sampler(10, per_epoch=3)}) == 3


def test_classes_are_drawn_equally_often() -> None:
    groups = (list(range(2)), list(range(2, 12)), list(range(12, 30)))
    items = [key.item for key in sampler(30, groups, balance="class")]
    assert [sum(item in group for item in items) for group in groups] == [10, 10, 10]
    assert items[:10] != sorted(items[:10]), "mixed, not class by class"


def test_the_share_with_foreground_is_kept() -> None:
    items = [key.item for key in sampler(100, ([3, 4],), foreground=0.4)]
    assert len(items) == 100
    assert 40 <= sum(item in (3, 4) for item in items) <= 42


@pytest.mark.parametrize("devices", [2, 3])
def test_devices_share_the_same_draws_in_equal_parts(devices: int) -> None:
    alone = epoch_order(10, SamplingSettings(), seed=1, epoch=0).tolist()
    parts = []
    for rank in range(devices):
        draws = sampler(10)
        draws.share(rank, devices)
        parts.append([key.item for key in draws])
    assert len({len(part) for part in parts}) == 1
    joined = [item for turn in zip(*parts, strict=True) for item in turn]
    assert joined[:10] == alone


@pytest.mark.parametrize(("count", "devices"), [(5, 2), (1, 4), (6, 3)])
def test_validation_counts_each_item_once_on_any_number_of_devices(count: int, devices: int) -> None:
    counted, lengths = [], set()
    for rank in range(devices):
        draws = ValidationSampler(count)
        draws.share(rank, devices)
        lengths.add(len(list(draws)))
        counted += [key.item for key in draws if key.counted]
    assert sorted(counted) == list(range(count))
    assert len(lengths) == 1
    assert lengths.pop() > 0
