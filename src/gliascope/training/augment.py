"""Variation of a batch on its device: one affine resampling for all samples that need it, then intensities.

Every sample's variation depends on the seed and on two numbers alone: the epoch and its position there, or those of a
fixed copy; a pasted tumor also on the batch it comes from. Samples that are only flipped are flipped exactly, never
resampled.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, model_validator
from torch import Tensor
from torch.nn import functional

from gliascope.settings import Settings
from gliascope.training.appearance import missing_channels, vary_appearance
from gliascope.training.draws import UNVARIED, Purpose, Variation, generator
from gliascope.training.gray_curves import vary_gray_curves
from gliascope.training.paste_tumor import paste_tumors
from gliascope.training.unknown import kept_unknown

Chance = Annotated[float, Field(ge=0.0, le=1.0)]


class AugmentSettings(Settings):
    """How training images are varied; the defaults change nothing."""

    flip: tuple[Chance, ...] = ()
    """Chance to mirror each axis (I, J, K); axes not listed are never mirrored."""
    rotate_degrees: float = Field(default=0.0, ge=0.0, le=180.0)
    """Largest turn either way; volumes turn about each of their three axes."""
    rotate_chance: Chance = 1.0
    scale: tuple[float, float] = (1.0, 1.0)
    """Least and largest magnification."""
    scale_chance: Chance = 1.0
    shift: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Largest shift either way along each axis, as a share of its length."""
    shift_chance: Chance = 1.0
    outside: Literal["zeros", "border"] = "zeros"
    """What comes in from beyond the edge of the image; references take background."""
    brightness: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Values are multiplied by 1 ± this."""
    contrast: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Distances from each channel's mean are multiplied by 1 ± this."""
    intensity_chance: Chance = 1.0
    """Chance of brightness and contrast together."""
    noise_sd: NonNegativeFloat = 0.0
    """Standard deviation of Gaussian noise, in the prepared image's units."""
    noise_chance: Chance = 1.0
    gamma: NonNegativeFloat = 0.0
    """Values, brought to 0…1 by each channel's own range and back, are raised to a power between 1 / (1 + this) and
    1 + this; its logarithm is drawn evenly."""
    gamma_chance: Chance = 1.0
    paste_tumor: Chance = 0.0
    """Chance to get the tumor of another sample of the batch besides, at a random place of the head: segmenters of
    regions whose images are 0 outside the head."""
    gray_curves: NonNegativeFloat = 0.0
    """Each channel alone goes through a rising curve of straight pieces with slopes between 1 / (1 + this) and
    1 + this, as if another scanner had made it. Inside the head (what is not 0) the mean and
    the standard deviation of a channel stay."""
    gray_curves_chance: Chance = 1.0
    """Chance of each channel."""
    coarsen: float = Field(default=1.0, gt=0.0, le=1.0)
    """Least share of the resolution that is left: the image is made smaller and larger again."""
    coarsen_chance: Chance = 1.0
    drop_channel: tuple[Chance, ...] = ()
    """Chance of each channel, in the order of the plan, to be missing (0); one channel always stays."""
    clamp: tuple[float, float] | None = None
    """Least and largest value after brightness, contrast and noise; what lies beyond becomes these."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must be (least, largest), both above 0, got {self.scale}")
        if self.clamp is not None and not self.clamp[0] < self.clamp[1]:
            raise ValueError(f"clamp must be (least, largest), got {self.clamp}")
        return self

    @property
    def varies(self) -> bool:
        """True where images may be changed at all."""
        strengths = (*self.flip, self.rotate_degrees, self.shift, self.brightness, self.contrast, self.noise_sd)
        more = (self.paste_tumor, self.gamma, self.gray_curves, *self.drop_channel)
        return any(strengths) or any(more) or self.scale != (1.0, 1.0) or self.coarsen < 1.0


def augment_batch(
    image: Tensor,
    target: Tensor | None,
    settings: AugmentSettings,
    *,
    seed: int,
    variations: Sequence[Variation],
) -> tuple[Tensor, Tensor | None]:
    """Vary a batch.

    Args:
        image: ``(B, C, *S)`` float.
        target: ``(B, T, *S)`` uint8, or None; it moves as the image does (nearest neighbor).
        settings: How.
        seed: The run's seed.
        variations: What each sample's draws depend on, length B; ``UNVARIED`` ones stay as they are.

    Returns:
        Image and target of the same shapes and types; the arguments are not changed. A channel that is missing (0
        throughout, and others are there) stays so, and so does a region that is unknown.
    """
    chosen = [number for number, variation in enumerate(variations) if variation != UNVARIED]
    if len(chosen) < len(variations):
        return _in_part(image, target, settings, seed=seed, variations=variations, chosen=chosen)
    axes = image.dim() - 2
    missing = missing_channels(image)
    flips, matrices, intensities = [], [], []
    for epoch, position in variations:
        draws = generator(seed, Purpose.AUGMENT, epoch=epoch, position=position).random(24)
        chances = (*settings.flip, 0.0, 0.0, 0.0)[:axes]
        flips.append([axis for axis in range(axes) if draws[axis] < chances[axis]])
        matrices.append(_matrix(settings, draws[3:15], tuple(image.shape[2:])))
        intensities.append(_intensity(settings, draws[15:18]))
    if target is not None:
        image, target = paste_tumors(image, target, settings.paste_tumor, seed=seed, variations=variations)
    image, target = _flipped(image, flips), None if target is None else _flipped(target, flips)
    image, target = _moved(image, target, matrices, settings.outside)
    image = _noisy(_revalued(image, intensities), settings, seed=seed, variations=variations)
    curves = settings.gray_curves, settings.gray_curves_chance
    image = vary_gray_curves(image, *curves, seed=seed, variations=variations)
    image = vary_appearance(
        image,
        gamma=(settings.gamma, settings.gamma_chance),
        coarsen=(settings.coarsen, settings.coarsen_chance),
        drop=settings.drop_channel,
        seed=seed,
        variations=variations,
    )
    image = image if settings.clamp is None else image.clamp(*settings.clamp)
    return image if missing is None else image.masked_fill(missing, 0.0), target


def _in_part(
    image: Tensor,
    target: Tensor | None,
    settings: AugmentSettings,
    *,
    seed: int,
    variations: Sequence[Variation],
    chosen: list[int],
) -> tuple[Tensor, Tensor | None]:
    """Vary the chosen samples of a batch alone."""
    if not chosen:
        return image, target
    where = torch.tensor(chosen, device=image.device)
    own = [variations[number] for number in chosen]
    own_target = None if target is None else target[where]
    varied, moved = augment_batch(image[where], own_target, settings, seed=seed, variations=own)
    image = image.index_copy(0, where, varied)
    return image, target if target is None or moved is None else target.index_copy(0, where, moved)


def _matrix(settings: AugmentSettings, draws: NDArray[np.float64], size: tuple[int, ...]) -> NDArray[np.float64] | None:
    """Return the map ``(axes, axes + 1)`` from output to input positions in voxels from the center, or None."""
    axes = len(size)
    turn = settings.rotate_degrees > 0 and draws[0] < settings.rotate_chance
    resize = settings.scale != (1.0, 1.0) and draws[1] < settings.scale_chance
    move = settings.shift > 0 and draws[2] < settings.shift_chance
    if not (turn or resize or move):
        return None
    matrix = np.eye(axes)
    if turn:
        angles = np.radians(settings.rotate_degrees) * (2 * draws[3:6] - 1)
        planes = [(0, 1)] if axes == 2 else [(0, 1), (0, 2), (1, 2)]
        for (first, second), angle in zip(planes, angles, strict=False):
            rotation = np.eye(axes)
            rotation[first, first] = rotation[second, second] = math.cos(angle)
            rotation[first, second], rotation[second, first] = -math.sin(angle), math.sin(angle)
            matrix = matrix @ rotation
    if resize:
        least, largest = settings.scale
        matrix /= least + (largest - least) * draws[6]
    offset = settings.shift * (2 * draws[7 : 7 + axes] - 1) * np.array(size) if move else np.zeros(axes)
    affine: NDArray[np.float64] = np.concatenate([matrix, offset[:, None]], axis=1)
    return affine


def _intensity(settings: AugmentSettings, draws: NDArray[np.float64]) -> tuple[float, float]:
    """Return the factors of brightness and contrast."""
    if (settings.brightness == 0 and settings.contrast == 0) or draws[0] >= settings.intensity_chance:
        return 1.0, 1.0
    return 1 + settings.brightness * float(2 * draws[1] - 1), 1 + settings.contrast * float(2 * draws[2] - 1)


def _flipped(batch: Tensor, flips: list[list[int]]) -> Tensor:
    if not any(flips):
        return batch
    return torch.stack([sample.flip([axis + 1 for axis in axes]) for sample, axes in zip(batch, flips, strict=True)])


def _moved(
    image: Tensor, target: Tensor | None, matrices: list[NDArray[np.float64] | None], outside: str
) -> tuple[Tensor, Tensor | None]:
    """Resample the samples that have a matrix, all at once."""
    chosen = [number for number, matrix in enumerate(matrices) if matrix is not None]
    if not chosen:
        return image, target
    # grid_sample counts positions from -1 to 1 along each axis and names the last axis first.
    half = np.array(image.shape[2:]) / 2
    unit = [m / half[:, None] * np.append(half, 1.0) for m in matrices if m is not None]
    theta = np.stack([np.concatenate([m[::-1, -2::-1], m[::-1, -1:]], axis=1) for m in unit])
    device = image.device
    every, where = len(chosen) == len(image), torch.tensor(chosen, device=device)
    size = [len(chosen), 1, *image.shape[2:]]
    grid = functional.affine_grid(torch.as_tensor(theta, dtype=image.dtype, device=device), size, align_corners=False)
    given = image if every else image[where]
    moved = functional.grid_sample(given, grid, mode="bilinear", padding_mode=outside, align_corners=False)
    image = moved if every else image.index_copy(0, where, moved)
    if target is not None:
        values = (target if every else target[where]).to(image.dtype)
        values = functional.grid_sample(values, grid, mode="nearest", padding_mode="zeros", align_corners=False)
        moved = kept_unknown(target if every else target[where], values.to(target.dtype))
        target = moved if every else target.index_copy(0, where, moved)
    return image, target


def _revalued(image: Tensor, factors: list[tuple[float, float]]) -> Tensor:
    if all(pair == (1.0, 1.0) for pair in factors):
        return image
    shape = (-1, *(1,) * (image.dim() - 1))
    brightness, contrast = torch.tensor(factors, dtype=image.dtype, device=image.device).T
    mean = image.mean(dim=tuple(range(2, image.dim())), keepdim=True)
    changed = image - mean
    return changed.mul_(contrast.view(shape)).add_(mean).mul_(brightness.view(shape))


def _noisy(image: Tensor, settings: AugmentSettings, *, seed: int, variations: Sequence[Variation]) -> Tensor:
    if settings.noise_sd == 0:
        return image
    noise = torch.zeros_like(image)
    for sample, (epoch, position) in zip(noise, variations, strict=True):
        draw = generator(seed, Purpose.NOISE, epoch=epoch, position=position)
        if draw.random() < settings.noise_chance:
            own = torch.Generator(image.device).manual_seed(int(draw.integers(2**63)))
            sample.normal_(0.0, settings.noise_sd, generator=own)
    return image + noise
