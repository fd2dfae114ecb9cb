"""Variation moves image and reference together and depends on seed, epoch and position alone."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gliascope.training.augment import AugmentSettings, augment_batch
from gliascope.training.draws import UNVARIED

pytestmark = pytest.mark.train

ALL: dict[str, Any] = {
    "flip": (0.5, 0.5),
    "rotate_degrees": 20.0,
    "scale": (0.9, 1.1),
    "shift": 0.1,
    "brightness": 0.2,
    "noise_sd": 0.1,
}


def batch(*size: int) -> tuple[Tensor, Tensor]:
    """Return an image whose values are its mask's, off center along every axis."""
    mask = torch.zeros(3, 1, *size, dtype=torch.uint8)
    mask[(slice(None), slice(None), *(slice(2 + n, 5 + n) for n in range(len(size))))] = 1
    return mask.float(), mask


def varied(
    image: Tensor,
    target: Tensor,
    positions: list[int],
    epoch: int = 0,
    **options: Any,  # noqa: ANN401 - any setting
) -> tuple[Tensor, Tensor]:
    moved = augment_batch(image, target, AugmentSettings(**options), seed=1, variations=[(epoch, p) for p in positions])
    assert moved[1] is not None
    return moved[0], moved[1]


def test_the_defaults_change_nothing() -> None:
    image, target = batch(12, 12)
    moved = varied(image, target, [0, 1, 2])
    assert torch.equal(moved[0], image)
    assert torch.equal(moved[1], target)


@pytest.mark.parametrize("size", [(12, 16), (12, 14, 16)])
def test_a_flip_is_exact_on_the_axis_it_names(size: tuple[int, ...]) -> None:
    image, target = batch(*size)
    for axis in range(len(size)):
        chances = tuple(float(a == axis) for a in range(len(size)))
        moved = varied(image, target, [0, 1, 2], flip=chances)
        assert torch.equal(moved[0], image.flip(axis + 2))
        assert torch.equal(moved[1], target.flip(axis + 2))


def test_a_quarter_turn_of_an_oblong_image_keeps_its_shape() -> None:
    image = torch.zeros(1, 1, 20, 30)
    image[0, 0, 10:16, 14:16] = 1.0  # six voxels along I from the center
    angle = 90.0
    for position in range(40):
        moved, mask = varied(image, image.to(torch.uint8), [position], rotate_degrees=angle)
        assert moved.sum().item() == pytest.approx(12.0, abs=1.5), "turning keeps area although the axes differ"
        assert np.abs(mask.sum().item() - 12) <= 6


@pytest.mark.parametrize("size", [(40, 40), (24, 24, 24)])
def test_image_and_reference_move_together(size: tuple[int, ...]) -> None:
    mask = torch.zeros(4, 1, *size, dtype=torch.uint8)
    mask[(..., *(slice(n // 4, n // 2) for n in size))] = 1  # type: ignore[index]  # slices
    options: dict[str, Any] = {"rotate_degrees": 30.0, "scale": (0.8, 1.2), "shift": 0.1}
    image, target = varied(mask.float(), mask, [0, 1, 2, 3], **options)
    assert not torch.equal(target, mask)
    both = ((image > 0.5) & (target > 0)).sum().item()
    assert 2 * both / ((image > 0.5).sum().item() + target.sum().item()) > 0.93


def test_scale_above_one_magnifies_and_shift_moves() -> None:
    image, target = torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 32, 32, dtype=torch.uint8)
    image[..., 12:20, 12:20], target[..., 12:20, 12:20] = 1.0, 1
    assert varied(image, target, [0], scale=(1.5, 1.5))[1].sum().item() == pytest.approx(64 * 2.25, rel=0.1)
    moved = varied(image, target, [5], shift=0.25)[1]
    assert moved.sum().item() == 64
    assert not torch.equal(moved, target)


def test_the_chance_is_kept() -> None:
    image, target = batch(12, 12)
    flipped = [not torch.equal(varied(image[:1], target[:1], [p], flip=(0.3,))[0], image[:1]) for p in range(300)]
    assert sum(flipped) == pytest.approx(90, abs=25)


def test_a_sample_varies_alike_in_any_company_and_order() -> None:
    image, target = batch(16, 16)
    together = varied(image, target, [7, 8, 9], **ALL)
    alone = varied(image[:1], target[:1], [8], **ALL)
    assert torch.equal(together[0][1:2], alone[0])
    assert torch.equal(together[1][1:2], alone[1])


def test_epoch_and_position_matter_and_arguments_stay() -> None:
    image, target = batch(16, 16)
    kept = image.clone()
    first = varied(image, target, [0, 1, 2], **ALL)[0]
    assert not torch.equal(first, varied(image, target, [0, 1, 2], epoch=1, **ALL)[0])
    assert not torch.equal(first[0], first[1])
    assert torch.equal(image, kept)


def test_brightness_contrast_and_noise_do_what_they_say() -> None:
    image = torch.rand(64, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    variations = [(0, position) for position in range(64)]
    settings = AugmentSettings(contrast=0.5)
    harder = augment_batch(image, None, settings, seed=1, variations=variations)[0]
    assert torch.allclose(harder.mean((2, 3)), image.mean((2, 3)), atol=1e-6)
    ratios = (harder.std((2, 3)) / image.std((2, 3))).flatten()
    assert 0.5 <= ratios.min() < 0.7
    assert 1.3 < ratios.max() <= 1.5
    noisy = augment_batch(image, None, AugmentSettings(noise_sd=0.2, noise_chance=0.5), seed=1, variations=variations)[
        0
    ]
    changed = (noisy != image).flatten(1).any(1)
    assert 20 < changed.sum() < 44
    assert (noisy - image)[changed].std().item() == pytest.approx(0.2, rel=0.05)


def test_a_scale_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ValueError, match="least, largest"):
        AugmentSettings(scale=(1.2, 0.8))


def test_values_are_clamped_after_the_intensity_changes() -> None:
    image = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    loud: dict[str, Any] = {"brightness": 0.5, "contrast": 0.5, "noise_sd": 0.3}
    free = augment_batch(image, None, AugmentSettings(**loud), seed=1, variations=[(0, p) for p in range(8)])[0]
    kept = augment_batch(
        image, None, AugmentSettings(**loud, clamp=(0.0, 1.0)), seed=1, variations=[(0, p) for p in range(8)]
    )[0]
    assert free.min() < 0
    assert free.max() > 1
    assert torch.equal(kept, free.clamp(0.0, 1.0))
    with pytest.raises(ValueError, match="clamp must be"):
        AugmentSettings(clamp=(1.0, 1.0))


def test_unvaried_samples_stay_bit_by_bit_and_the_others_do_not_notice() -> None:
    image, target = batch(16, 16)
    settings = AugmentSettings(**ALL, clamp=(0.1, 0.9))
    mixed = augment_batch(image, target, settings, seed=1, variations=[(0, 7), UNVARIED, (0, 9)])
    every = augment_batch(image, target, settings, seed=1, variations=[(0, 7), (0, 8), (0, 9)])
    assert mixed[1] is not None
    assert every[1] is not None
    for part, whole, given in ((mixed[0], every[0], image), (mixed[1], every[1], target)):
        assert torch.equal(part[1], given[1])
        assert torch.equal(part[::2], whole[::2])
    assert augment_batch(image, target, settings, seed=1, variations=[UNVARIED] * 3)[0] is image


def test_what_varies_at_all() -> None:
    assert not AugmentSettings(flip=(0.0,), clamp=(0.0, 1.0)).varies
    assert AugmentSettings(scale=(1.0, 1.1)).varies
    assert AugmentSettings(flip=(0.0, 0.5)).varies
