"""Which items an epoch holds, and in which order."""

import math
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from torch.utils.data import Sampler

from gliascope.settings import Settings
from gliascope.training.draws import Purpose, generator

Numbers = NDArray[np.int64]


class SamplingSettings(Settings):
    """How often items are drawn; by default each once per epoch."""

    balance: Literal["none", "class", "dataset"] = "none"
    """``class``: every tumor class is drawn equally often (classifiers). ``dataset``: every data set of a union is."""
    foreground: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of draws that must show foreground: slices that hold some, patches around some (segmenters)."""
    per_epoch: PositiveInt | None = None
    """Items per epoch; none: as many as there are."""
    repeat_augmented: PositiveInt = 1
    """How often an item appears in the set: with 2 or more, once as it is and else with one variation each, the same in
    every epoch, as if the set had been enlarged on disk. With 1, every epoch varies anew."""


class Key(NamedTuple):
    """What one draw is: the epoch, its position in it, and the item."""

    epoch: int
    position: int
    item: int
    counted: bool = True
    """False for a repetition that only keeps several devices in step."""


def epoch_order(
    count: int, sampling: SamplingSettings, groups: Sequence[Numbers] = (), *, seed: int, epoch: int
) -> Numbers:
    """Return the items of one epoch in order.

    Args:
        count: How many items there are.
        sampling: How many are drawn.
        groups: Items by class or data set for ``balance``; the items that show foreground, alone, for ``foreground``;
            empty: no preference.
        seed: The run's seed.
        epoch: Counted from 0.

    Example:
        >>> order = epoch_order(5, SamplingSettings(), seed=1, epoch=0)
        >>> sorted(order.tolist())
        [0, 1, 2, 3, 4]
    """
    draws = generator(seed, Purpose.ORDER, epoch=epoch)
    total = sampling.per_epoch or count
    everything = np.arange(count)
    if not groups:
        return _drawn(everything, total, draws)
    if sampling.balance != "none":
        shares = [total // len(groups) + (number < total % len(groups)) for number in range(len(groups))]
        parts = [_drawn(group, share, draws) for group, share in zip(groups, shares, strict=True)]
    else:
        wanted = round(total * sampling.foreground)
        parts = [_drawn(groups[0], wanted, draws), _drawn(everything, total - wanted, draws)]
    mixed: Numbers = draws.permutation(np.concatenate(parts))
    return mixed


def _drawn(items: Numbers, total: int, draws: np.random.Generator) -> Numbers:
    """Draw without replacement, starting over as often as needed."""
    rounds = -(-total // len(items)) if total else 0
    drawn = [draws.permutation(items) for _ in range(rounds)]
    chosen: Numbers = np.concatenate([*drawn, np.empty(0, np.int64)])[:total].astype(np.int64)
    return chosen


class EpochSampler(Sampler[Key]):
    """The keys of one device's share of an epoch; every device gets equally many.

    Args:
        count: How many items there are.
        sampling: How they are drawn.
        groups: See ``epoch_order``.
        seed: The run's seed.
    """

    def __init__(self, count: int, sampling: SamplingSettings, groups: Sequence[Numbers], *, seed: int) -> None:
        self.count = count
        self.sampling = sampling
        self.groups = groups
        self.seed = seed
        self.epoch = 0
        self.rank = 0
        self.devices = 1

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; the trainer calls it before each."""
        self.epoch = epoch

    def share(self, rank: int, devices: int) -> None:
        """Take every ``devices``-th draw, from ``rank`` on."""
        self.rank, self.devices = rank, devices

    def __len__(self) -> int:
        total = self.sampling.per_epoch or self.count
        return math.ceil(total / self.devices)

    def __iter__(self) -> Iterator[Key]:
        order = epoch_order(self.count, self.sampling, self.groups, seed=self.seed, epoch=self.epoch)
        for turn in range(len(self)):
            position = turn * self.devices + self.rank
            yield Key(self.epoch, position, int(order[position % len(order)]))


class ValidationSampler(Sampler[Key]):
    """Every item once, in order; shared among devices, none of which is left without any."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.rank = 0
        self.devices = 1

    def share(self, rank: int, devices: int) -> None:
        """Take every ``devices``-th item, from ``rank`` on."""
        self.rank, self.devices = rank, devices

    def __len__(self) -> int:
        return math.ceil(self.count / self.devices)

    def __iter__(self) -> Iterator[Key]:
        for turn in range(len(self)):
            item = turn * self.devices + self.rank
            yield Key(0, item, item % self.count, counted=item < self.count)
