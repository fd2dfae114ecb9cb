"""A pasted tumor brings its image and its regions along, stays in the head, and goes only where it fits."""

import pytest
import torch
from torch import Tensor

from gliascope.preprocess.targets import UNKNOWN
from gliascope.training.augment import AugmentSettings, augment_batch
from gliascope.training.paste_tumor import paste_tumors

pytestmark = pytest.mark.train

SIDE = 24


def batch(count: int = 2, axes: int = 2) -> tuple[Tensor, Tensor]:
    """Return heads of 1 in a frame of 0; the first has a tumor of 5 with a core of 9, in two regions."""
    along = torch.arange(SIDE)
    grids = torch.meshgrid(*(along,) * axes, indexing="ij")
    head, tumor, core = (
        torch.stack([(grid >= low) & (grid < high) for grid in grids]).all(0)
        for low, high in ((4, 20), (6, 11), (7, 9))
    )
    image = head.float().expand(count, 2, *head.shape).clone()
    image[0, :, tumor], image[0, :, core] = 5.0, 9.0
    target = torch.zeros(count, 2, *head.shape, dtype=torch.uint8)
    target[0] = torch.stack([tumor, core])
    return image, target


def pasted(image: Tensor, target: Tensor, chance: float = 1.0, seed: int = 1) -> tuple[Tensor, Tensor]:
    variations = [(1, position) for position in range(len(image))]
    return paste_tumors(image, target, chance, seed=seed, variations=variations)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_image_and_regions_go_together_and_stay_in_the_head(axes: int, seed: int) -> None:
    image, target = batch(axes=axes)
    given = image.clone()
    varied, marked = pasted(image, target, seed=seed)
    assert torch.equal(image, given)
    assert torch.equal(varied[0], image[0]), "the only tumor of the batch is its own"
    assert torch.equal(marked[1, 0] == 1, varied[1, 0] > 1)
    assert torch.equal(marked[1, 1] == 1, varied[1, 0] == 9)
    assert torch.equal(varied[1, 0], varied[1, 1])
    assert torch.equal(varied[1] == 0, image[1] == 0)
    assert 0 < int(marked[1, 0].sum()) <= 5**axes


def test_places_differ() -> None:
    image, target = batch(count=9)
    where = {tuple(torch.nonzero(mask).float().mean(0).tolist()) for mask in pasted(image, target)[1][1:, 0]}
    assert len(where) > 5


def test_only_like_samples_exchange_tumors() -> None:
    image, target = batch(count=3)
    image[1, 1] = 0.0  # lacks a channel
    target[2, 1] = UNKNOWN  # knows one region alone
    varied, marked = pasted(image, target)
    assert torch.equal(varied, image)
    assert torch.equal(marked, target)


def test_unknown_regions_stay_unknown() -> None:
    image, target = batch()
    target[:, 1] = UNKNOWN
    marked = pasted(image, target)[1]
    assert bool((marked[:, 1] == UNKNOWN).all())
    assert bool((marked[1, 0] == 1).any())


def test_chance_and_empty_batches() -> None:
    image, target = batch(count=400)
    changed = (pasted(image, target, chance=0.3)[1].flatten(1) != target.flatten(1)).any(1)
    assert float(changed[1:].float().mean()) == pytest.approx(0.3, abs=0.08)
    assert pasted(image, target, chance=0.0)[0] is image
    nothing = torch.zeros_like(target)
    assert torch.equal(pasted(image, nothing)[1], nothing)
    dark = torch.zeros_like(image)
    assert torch.equal(pasted(dark, target)[0], dark)


def test_the_setting_varies_a_batch() -> None:
    image, target = batch()
    settings = AugmentSettings(paste_tumor=1.0)
    assert settings.varies
    marked = augment_batch(image, target, settings, seed=1, variations=[(1, 0), (1, 1)])[1]
    assert marked is not None
    assert int(marked[1, 0].sum())
    assert torch.equal(augment_batch(image, None, settings, seed=1, variations=[(1, 0), (1, 1)])[0], image)
