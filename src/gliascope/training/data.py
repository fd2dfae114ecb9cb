"""Prepared samples as batches: pictures, slices, volumes and patches.

Batches are made in one call per batch. A sample that cannot be read comes back as the error itself, so that it keeps
its file and its words on the way from a worker process. Items that are small enough together stay in memory once read.
"""

import math
from collections.abc import Sequence
from typing import Any, Protocol, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gliascope.errors import GeometryError, GliascopeError, InputError
from gliascope.preprocess.targets import marked
from gliascope.training.draws import UNVARIED, Purpose, Variation, generator
from gliascope.training.outputs import Outputs
from gliascope.training.sampling import EpochSampler, Key, Numbers, SamplingSettings, ValidationSampler
from gliascope.training.unknown import padded_target

Image = NDArray[np.float32 | np.float16]
Target = NDArray[np.uint8 | np.int64]


class Sample(Protocol):
    """One prepared case; ``preprocess.cache.CacheEntry`` is one."""

    @property
    def case_id(self) -> str:
        """The case."""

    @property
    def label(self) -> str | None:
        """Its tumor class, or None."""

    @property
    def dataset(self) -> str | None:
        """The data set of a union that it comes from, or None."""

    @property
    def count(self) -> int:
        """Number of items: slices, or 1 for a picture or a volume."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one item's image, ``(C, I, J)`` or ``(C, I, J, K)``."""

    def image(self, index: int | None = None) -> NDArray[np.float32]:
        """Return one item's image, ``(C, *S)``."""

    def target(self, index: int | None = None) -> NDArray[np.uint8]:
        """Return one item's reference, ``(T, *S)``."""


class Batch(TypedDict):
    """What a network is given at once."""

    image: Tensor
    """``(B, C, *S)`` float32."""
    target: Tensor
    """``(B, T, *S)`` uint8, or ``(B,)`` int64 class index."""
    case: Tensor
    """``(B,)`` int64: number of the sample."""
    position: Tensor
    """``(B,)`` int64: position in the epoch."""
    counted: Tensor
    """``(B,)`` bool: False for a repetition that is not scored."""
    variation: Tensor
    """``(B, 2)`` int64: what each one's augmentation depends on."""


class Items(Dataset[Batch | GliascopeError]):
    """Items of samples, read in batches.

    Args:
        samples: Where they come from.
        outputs: What the target is.
        seed: The run's seed.
        patch: Size of the patches that are cut from volumes, or None for whole items.
        foreground: Share of patches centered on a foreground voxel; None: every patch from the middle (validation).
        copies: How often every item is there; the first copy is not varied where there are several, the others always
            alike. Item ``n`` of copy ``k`` has the number ``k * count + n``.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        outputs: Outputs,
        *,
        seed: int,
        patch: tuple[int, ...] | None = None,
        foreground: float | None = None,
        copies: int = 1,
    ) -> None:
        self.samples = samples
        self.outputs = outputs
        self.seed = seed
        self.patch = patch
        self.foreground = foreground
        self.copies = copies
        self._held: dict[tuple[int, int], tuple[Image, Target]] | None = None
        self.places = [(number, index) for number, sample in enumerate(samples) for index in range(sample.count)]

    def __len__(self) -> int:
        return len(self.places) * self.copies

    @property
    def bytes_needed(self) -> int:
        """Memory that all items take, images in 16 bit."""
        targets = {"label": 0, "classes": 1, "regions": len(self.outputs.names)}[self.outputs.mode]
        return sum(s.count * (2 * math.prod(s.shape) + targets * math.prod(s.shape[1:])) for s in self.samples)

    @property
    def held(self) -> int:
        """Items in memory."""
        return len(self._held or ())

    def hold(self) -> None:
        """Keep what is read from now on, as far as 16 bit hold it exactly; results stay the same."""
        self._held = {}

    def __getitem__(self, key: Key) -> Batch | GliascopeError:
        return self.__getitems__([key])

    def __getitems__(self, keys: list[Key]) -> Batch | GliascopeError:
        """Return a batch, or the error that kept it from being read."""
        try:
            return self._batch(keys)
        except GliascopeError as fault:
            return fault

    def read_first(self, count: int) -> Batch:
        """Return a batch of the first items, as a trial.

        Raises:
            InputError: A sample cannot be read.
        """
        return self._batch([Key(0, number, number) for number in range(min(count, len(self)))])

    def _batch(self, keys: list[Key]) -> Batch:
        images: list[Image] = []
        targets: list[Target] = []
        cases: list[int] = []
        for key in keys:
            number, index = self.places[key.item % len(self.places)]
            image, target = self._read(number, index)
            if self.patch is not None:
                image, target = self._cut(image, target, key)
            if images and image.shape != images[0].shape:
                cause = f"prepared image is {image.shape}, that of {self.samples[cases[0]].case_id} {images[0].shape}"
                hint = "Images of one batch need one size: crop, pad or resize in the plan, or set training.patch_size."
                raise GeometryError(cause, file=self.samples[number].case_id, hint=hint, code="E_BATCH_SIZE")
            images.append(image)
            targets.append(target)
            cases.append(number)
        return Batch(
            image=torch.from_numpy(np.stack(images)).float(),
            target=torch.from_numpy(np.stack(targets)),
            case=torch.tensor(cases),
            position=torch.tensor([key.position for key in keys]),
            counted=torch.tensor([key.counted for key in keys]),
            variation=torch.tensor([self._variation(key) for key in keys]),
        )

    def _variation(self, key: Key) -> Variation:
        if self.copies == 1:
            return key.epoch, key.position
        return UNVARIED if key.item < len(self.places) else (0, key.item)

    def _read(self, number: int, index: int) -> tuple[Image, Target]:
        place = number, index
        if self._held is not None and place in self._held:
            return self._held[place]
        sample = self.samples[number]
        image, target = sample.image(index), self._target(sample, index)
        if self._held is not None:
            with np.errstate(over="ignore"):
                half = image.astype(np.float16)
            if np.array_equal(half, image):
                self._held[place] = half, target
        return image, target

    def _target(self, sample: Sample, index: int) -> Target:
        if self.outputs.mode != "label":
            return sample.target(index)
        if sample.label not in self.outputs.names:
            cause = f"has class {sample.label!r}, none of {', '.join(self.outputs.names)}"
            raise InputError(cause, file=sample.case_id, code="E_CLASS")
        return np.array(self.outputs.names.index(sample.label))

    def _cut(self, image: Image, target: Target, key: Key) -> tuple[Image, Target]:
        size = np.array(self.patch)
        short = np.maximum(size - image.shape[1:], 0)
        if short.any():
            margins = [(0, 0), *((int(s) // 2, int(s) - int(s) // 2) for s in short)]
            image, target = np.pad(image, margins), padded_target(target, margins)
        room = np.array(image.shape[1:]) - size
        start = room // 2 if self.foreground is None else self._start(target, room, size, key)
        window = (slice(None), *(slice(s, s + n) for s, n in zip(start, size, strict=True)))
        return image[window], target[window]

    def _start(self, target: Target, room: Numbers, size: Numbers, key: Key) -> Numbers:
        draws = generator(self.seed, Purpose.PATCH, epoch=key.epoch, position=key.position)
        wanted, free, which = draws.random(), draws.random(len(room)), draws.random()
        if wanted < (self.foreground or 0.0):
            found = np.flatnonzero(marked(target).any(axis=0))
            if len(found):
                center = np.unravel_index(found[int(which * len(found))], target.shape[1:])
                return np.clip(np.array(center) - size // 2, 0, room)
        return (free * (room + 1)).astype(np.int64)


def training_items(
    samples: Sequence[Sample],
    outputs: Outputs,
    sampling: SamplingSettings,
    *,
    patch: tuple[int, ...] | None,
    seed: int,
) -> tuple[Items, EpochSampler]:
    """Return the training items and the sampler that draws from them.

    Raises:
        InputError: There are no items, a class of ``outputs`` has none, all are of one data set where several are to be
            balanced, or foreground is asked for and there is none.
    """
    copies = sampling.repeat_augmented
    items = Items(samples, outputs, seed=seed, patch=patch, foreground=sampling.foreground, copies=copies)
    if not len(items):
        raise InputError(
            "there is nothing to train on", hint="Check the split and the slice selection.", code="E_EMPTY"
        )
    groups: list[Numbers] = []
    if sampling.balance == "class":
        groups = _by_class(items, outputs)
    elif sampling.balance == "dataset":
        groups = _by_dataset(items)
    elif sampling.foreground > 0 and patch is None:
        groups = _with_foreground(items)
    groups = [np.concatenate([group + copy * len(items.places) for copy in range(copies)]) for group in groups]
    return items, EpochSampler(len(items), sampling, groups, seed=seed)


def loader(
    items: Items, sampler: EpochSampler | ValidationSampler, *, batch_size: int, workers: int, pin: bool
) -> DataLoader[Batch | GliascopeError]:
    """Return a loader; with workers, they live as long as it does."""
    return DataLoader(
        items,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=workers,
        collate_fn=_as_it_is,
        persistent_workers=workers > 0,
        pin_memory=pin,
    )


def _as_it_is(batch: Any) -> Any:  # noqa: ANN401 - the loader's types know lists of items only
    return batch


def _by_class(items: Items, outputs: Outputs) -> list[Numbers]:
    labels = [items.samples[number].label for number, _ in items.places]
    groups = [np.flatnonzero([label == name for label in labels]) for name in outputs.names]
    missing = [name for name, group in zip(outputs.names, groups, strict=True) if not len(group)]
    if missing:
        raise InputError(f"no training image shows {', '.join(missing)}", hint="Check the split.", code="E_CLASS")
    return groups


def _by_dataset(items: Items) -> list[Numbers]:
    names = [items.samples[number].dataset for number, _ in items.places]
    known = sorted({name for name in names if name is not None})
    if len(known) < 2 or None in names:
        hint = "It belongs to a union of several; leave training.sampling.balance out."
        raise InputError("the training images are not of several data sets to balance", hint=hint, code="E_CLASS")
    return [np.flatnonzero([name == one for name in names]) for one in known]


def _with_foreground(items: Items) -> list[Numbers]:
    shows = [bool(marked(items.samples[number].target(index)).any()) for number, index in items.places]
    if not any(shows):
        hint = "Check the references, or set training.sampling.foreground = 0."
        raise InputError("no training image shows any foreground", hint=hint, code="E_FOREGROUND")
    return [np.flatnonzero(shows)]
