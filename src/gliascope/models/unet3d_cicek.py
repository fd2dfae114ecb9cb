"""The 3-D U-Net as first published: three poolings, channels doubled before each of them, wide up-convolutions.

Source:
    Cicek 2016, doi:10.1007/978-3-319-46723-8_49.
"""

from typing import ClassVar, Literal, Self

import torch
from pydantic import PositiveInt, model_validator
from torch import Tensor, nn

from gliascope.models.layers import (
    ACTIVATIONS,
    Activation,
    Initializer,
    Norm,
    check_input_shape,
    initialize,
    normalization,
)
from gliascope.settings import Settings

_DEPTH = 3


class CicekUNetSettings(Settings):
    """A 3-D U-Net that doubles its channels within a block, before the pooling."""

    task: ClassVar[Literal["segment"]] = "segment"
    dimensions: ClassVar[Literal[3]] = 3
    divisor: ClassVar[int] = 2**_DEPTH
    input_size: ClassVar[tuple[int, ...] | None] = None
    """Any size that is a multiple of ``divisor``."""

    name: Literal["unet3d_cicek"] = "unet3d_cicek"
    width: PositiveInt = 32
    """Channels of the first convolution; the first block ends with twice as many."""
    norm: Norm = "batch"
    """Normalization after every 3 x 3 x 3 convolution."""
    groups: PositiveInt = 8
    """Groups of ``norm = "group"``."""
    activation: Activation = "relu"
    initializer: Initializer = "default"
    """First weights."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.norm == "group" and self.width % self.groups:
            raise ValueError(f"groups ({self.groups}) must divide width ({self.width})")
        return self

    def build(self, in_channels: int, out_channels: int) -> "CicekUNet":
        """Return the network, its first weights drawn."""
        return CicekUNet(self, in_channels, out_channels)


class CicekUNet(nn.Module):
    """Logits ``(B, K, *S)`` from an image batch ``(B, C, *S)``; every axis of ``S`` a multiple of 8.

    Args:
        settings: Its options.
        in_channels: C.
        out_channels: K.
    """

    def __init__(self, settings: CicekUNetSettings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.divisor = settings.divisor
        widths = [settings.width * 2**level for level in range(_DEPTH + 2)]
        sources = [in_channels, *widths[1:]]
        self.encoder = nn.ModuleList(_block(settings, sources[i], widths[i], widths[i + 1]) for i in range(_DEPTH))
        self.pool = nn.MaxPool3d(2)
        self.bottom = _block(settings, sources[-2], widths[-2], widths[-1])
        self.ups = nn.ModuleList()
        self.decoder = nn.ModuleList()
        for level in reversed(range(1, _DEPTH + 1)):
            below, here = widths[level + 1], widths[level]
            self.ups.append(nn.ConvTranspose3d(below, below, 2, stride=2))
            self.decoder.append(_block(settings, below + here, here, here))
        self.head = nn.Conv3d(widths[1], out_channels, 1)
        initialize(self, settings.initializer)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits.

        Raises:
            GeometryError: The shape does not fit; the message names a size that does.
        """
        check_input_shape(tuple(image.shape), channels=self.in_channels, dimensions=3, divisor=self.divisor)
        skips: list[Tensor] = []
        features = image
        for block in self.encoder:
            skips.append(block(features))
            features = self.pool(skips[-1])
        features = self.bottom(features)
        for up, block in zip(self.ups, self.decoder, strict=True):
            features = block(torch.cat((up(features), skips.pop()), dim=1))
        logits: Tensor = self.head(features)
        return logits


def _block(settings: CicekUNetSettings, in_channels: int, middle: int, out_channels: int) -> nn.Sequential:
    """Return two units of convolution, normalization and activation."""
    layers: list[nn.Module] = []
    for source, width in ((in_channels, middle), (middle, out_channels)):
        norm = normalization(settings.norm, width, dimensions=3, groups=settings.groups)
        layers += [nn.Conv3d(source, width, 3, padding=1), *([] if norm is None else [norm])]
        layers.append(ACTIVATIONS[settings.activation]())
    return nn.Sequential(*layers)
