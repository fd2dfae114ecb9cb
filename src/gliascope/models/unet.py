"""The U-Net in 2-D and 3-D: an encoder, a bottom, and a decoder that sees the encoder's features again.

Source:
    Ronneberger 2015, doi:10.1007/978-3-319-24574-4_28; Cicek 2016, doi:10.1007/978-3-319-46723-8_49; the prior of the
    last bias: Lin 2017, arXiv:1708.02002.
"""

import math
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator
from torch import Tensor, nn

from gliascope.models.layers import (
    ACTIVATIONS,
    CONVOLUTIONS,
    TRANSPOSED,
    Activation,
    Initializer,
    Norm,
    check_input_shape,
    initialize,
    normalization,
)
from gliascope.settings import Settings

_Head = nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d


class UNetSettings(Settings):
    """A U-Net: blocks of convolutions, halved ``depth`` times and doubled back."""

    task: ClassVar[Literal["segment"]] = "segment"
    input_size: ClassVar[tuple[int, ...] | None] = None
    """Any size that is a multiple of ``divisor``."""

    name: Literal["unet"] = "unet"
    dimensions: Literal[2, 3] = 2
    """Voxel axes: 2 for slices and pictures, 3 for volumes."""
    width: PositiveInt = 32
    """Channels after the first block; doubled at every level."""
    widest: PositiveInt | None = None
    """Most channels of a level, where doubling would give more; none: no limit."""
    depth: int = Field(default=4, ge=1, le=7)
    """Number of poolings."""
    convs: PositiveInt = 2
    """Convolutions per block."""
    norm: Norm = "batch"
    """Normalization after every convolution of a block."""
    groups: PositiveInt = 8
    """Groups of ``norm = "group"``."""
    dropout: NonNegativeFloat | tuple[NonNegativeFloat, ...] = 0.0
    """Share set to zero: one value, or one per level from the first block to the bottom (the decoder mirrors)."""
    dropout_kind: Literal["element", "channel"] = "element"
    """Zero single values or whole channels."""
    dropout_place: Literal["first", "second", "bottom"] = "second"
    """After the first convolution of a block, after its last, or after the last of the bottom only."""
    up: Literal["transposed", "nearest", "bilinear"] = "transposed"
    """Doubling of the size; ``bilinear`` is trilinear in 3-D."""
    norm_after_up: bool = False
    """Normalize and activate after an up-convolution too (``up = "transposed"`` only)."""
    skip: Literal["concat", "add"] = "concat"
    """How the encoder's features join the decoder; ``add`` behind an interpolation needs a 1x1 convolution."""
    activation: Activation = "relu"
    initializer: Initializer = "default"
    """First weights."""
    plain_last: bool = False
    """The last convolution before the head has neither normalization nor activation."""
    patch: PositiveInt = 1
    """Voxels per axis that the first convolution joins to one and the last spreads again: with 2 the network between
    them works at half the resolution, for a quarter (2-D) or an eighth (3-D) of the arithmetic."""
    foreground_prior: float | None = Field(default=None, gt=0.0, lt=1.0)
    """Probability that each region is first answered with everywhere, set by the bias of the last convolution: near
    the share that tumor has, so that no steps are spent on learning how rare it is. Classes that exclude each other are
    not moved by it. None: as drawn, about 0.5."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        rates = self.dropout if isinstance(self.dropout, tuple) else (self.dropout,)
        if isinstance(self.dropout, tuple) and len(rates) != self.depth + 1:
            raise ValueError(f"dropout needs one value or {self.depth + 1} (one per level), got {len(rates)}")
        if any(rate >= 1 for rate in rates):
            raise ValueError("dropout must be below 1")
        if self.norm == "group" and any(width % self.groups for width in self.widths):
            raise ValueError(f"groups ({self.groups}) must divide the channels of every level, {self.widths}")
        return self

    @property
    def divisor(self) -> int:
        """Every voxel axis of the input must be a multiple of it."""
        return int(self.patch * 2**self.depth)

    @property
    def widths(self) -> list[int]:
        """Channels of every level, from the first block to the bottom."""
        most = self.widest or self.width * 2**self.depth
        return [min(self.width * 2**level, most) for level in range(self.depth + 1)]

    def dropout_at(self, level: int) -> float:
        """Return the dropout of the block at one level; ``depth`` is the bottom."""
        if self.dropout_place == "bottom" and level != self.depth:
            return 0.0
        return float(self.dropout[level] if isinstance(self.dropout, tuple) else self.dropout)

    def build(self, in_channels: int, out_channels: int) -> "UNet":
        """Return the network, its first weights drawn."""
        return UNet(self, in_channels, out_channels)


class UNet(nn.Module):
    """Logits ``(B, K, *S)`` from an image batch ``(B, C, *S)``; every axis of ``S`` a multiple of ``divisor``.

    Args:
        settings: Its options.
        in_channels: C.
        out_channels: K.
    """

    def __init__(self, settings: UNetSettings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.dimensions = settings.dimensions
        self.divisor = settings.divisor
        self.add = settings.skip == "add"
        widths = settings.widths
        self.joins = _joining(settings, in_channels)
        sources = [in_channels if settings.patch == 1 else settings.width, *widths]
        self.encoder = nn.ModuleList(_block(settings, sources[i], widths[i], i) for i in range(settings.depth))
        self.pool = nn.MaxPool2d(2) if settings.dimensions == 2 else nn.MaxPool3d(2)
        self.bottom = _block(settings, sources[-2], widths[-1], settings.depth)
        self.ups = nn.ModuleList()
        self.decoder = nn.ModuleList()
        for level in reversed(range(settings.depth)):
            up, arriving = _up(settings, widths[level + 1], widths[level])
            self.ups.append(up)
            joined = widths[level] if self.add else arriving + widths[level]
            plain = settings.plain_last and level == 0
            self.decoder.append(_block(settings, joined, widths[level], level, plain_last=plain))
        self.head = _head(settings, out_channels)
        initialize(self, settings.initializer)
        if settings.foreground_prior is not None and self.head.bias is not None:
            nn.init.constant_(self.head.bias, math.log(settings.foreground_prior / (1 - settings.foreground_prior)))

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits.

        Raises:
            GeometryError: The shape does not fit; the message names a size that does.
        """
        check_input_shape(
            tuple(image.shape), channels=self.in_channels, dimensions=self.dimensions, divisor=self.divisor
        )
        skips: list[Tensor] = []
        features = self.joins(image)
        for block in self.encoder:
            features = block(features)
            skips.append(features)
            features = self.pool(features)
        features = self.bottom(features)
        for up, block in zip(self.ups, self.decoder, strict=True):
            features, skip = up(features), skips.pop()
            features = block(features + skip if self.add else torch.cat((features, skip), dim=1))
        logits: Tensor = self.head(features)
        return logits


def _joining(settings: UNetSettings, in_channels: int) -> nn.Module:
    """Return what makes one voxel of the network of each patch of the image."""
    if settings.patch == 1:
        return nn.Identity()
    return CONVOLUTIONS[settings.dimensions](in_channels, settings.width, settings.patch, stride=settings.patch)


def _head(settings: UNetSettings, out_channels: int) -> _Head:
    """Return what makes logits of the last features, for every voxel of the image."""
    if settings.patch == 1:
        return CONVOLUTIONS[settings.dimensions](settings.width, out_channels, 1)
    return TRANSPOSED[settings.dimensions](settings.width, out_channels, settings.patch, stride=settings.patch)


def _block(
    settings: UNetSettings, in_channels: int, out_channels: int, level: int, *, plain_last: bool = False
) -> nn.Sequential:
    """Return ``convs`` units (convolution, normalization, activation) with their dropout."""
    layers: list[nn.Module] = []
    for index in range(settings.convs):
        last = index == settings.convs - 1
        source = in_channels if index == 0 else out_channels
        layers.append(CONVOLUTIONS[settings.dimensions](source, out_channels, 3, padding=1))
        if not (last and plain_last):
            layers += _norm_and_activation(settings, out_channels)
        if (index == 0 and settings.dropout_place == "first") or (last and settings.dropout_place != "first"):
            layers += _dropout(settings, level)
    return nn.Sequential(*layers)


def _norm_and_activation(settings: UNetSettings, channels: int) -> list[nn.Module]:
    norm = normalization(settings.norm, channels, dimensions=settings.dimensions, groups=settings.groups)
    return [*([] if norm is None else [norm]), ACTIVATIONS[settings.activation]()]


def _dropout(settings: UNetSettings, level: int) -> list[nn.Module]:
    rate = settings.dropout_at(level)
    if rate == 0:
        return []
    if settings.dropout_kind == "element":
        return [nn.Dropout(rate)]
    return [nn.Dropout2d(rate) if settings.dimensions == 2 else nn.Dropout3d(rate)]


def _up(settings: UNetSettings, in_channels: int, out_channels: int) -> tuple[nn.Module, int]:
    """Return the doubling and the number of channels that leave it."""
    if settings.up == "transposed":
        layers: list[nn.Module] = [TRANSPOSED[settings.dimensions](in_channels, out_channels, 2, stride=2)]
        if settings.norm_after_up:
            layers += _norm_and_activation(settings, out_channels)
        return nn.Sequential(*layers), out_channels
    mode = "nearest" if settings.up == "nearest" else {2: "bilinear", 3: "trilinear"}[settings.dimensions]
    doubling = nn.Upsample(scale_factor=2, mode=mode)
    if settings.skip == "add":
        return nn.Sequential(doubling, CONVOLUTIONS[settings.dimensions](in_channels, out_channels, 1)), out_channels
    return doubling, in_channels
