"""The classic U-Net with bilinear doubling: no normalization, its bottom narrowed before the decoder.

Source:
    Ronneberger 2015, doi:10.1007/978-3-319-24574-4_28, in the widths of github.com/marcotallone/deep-learning-project
    (MIT), re-implemented from its description.
"""

from typing import ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from gliascope.models.layers import ACTIVATIONS, Activation, Initializer, check_input_shape, initialize
from gliascope.settings import Settings

LEVELS = 4
"""Halvings, here and in the two U-Nets that vary this one."""


class ClassicUNetSettings(Settings):
    """A 2-D U-Net of plain convolutions; features are doubled by interpolation and joined to the skips."""

    task: ClassVar[Literal["segment"]] = "segment"
    dimensions: ClassVar[Literal[2]] = 2
    divisor: ClassVar[int] = 2**LEVELS
    input_size: ClassVar[tuple[int, ...] | None] = None
    """Any size that is a multiple of ``divisor``."""

    name: Literal["unet_classic"] = "unet_classic"
    width: PositiveInt = 32
    """Channels of the first level; doubled at every further one."""
    activation: Activation = "relu"
    initializer: Initializer = "default"
    """First weights."""

    def build(self, in_channels: int, out_channels: int) -> "ClassicUNet":
        """Return the network, its first weights drawn."""
        return ClassicUNet(self, in_channels, out_channels)


class ClassicUNet(nn.Module):
    """Logits ``(B, K, I, J)`` from an image batch ``(B, C, I, J)``; I and J multiples of 16.

    Args:
        settings: Its options.
        in_channels: C.
        out_channels: K.
    """

    def __init__(self, settings: ClassicUNetSettings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.divisor = settings.divisor
        widths = [settings.width * 2**level for level in range(LEVELS)]
        sources = [in_channels, *widths]
        self.encoder = nn.ModuleList(_block(settings, sources[i], widths[i], widths[i]) for i in range(LEVELS))
        self.pool = nn.MaxPool2d(2)
        self.bottom = _block(settings, widths[-1], 2 * widths[-1], widths[-1])
        self.up = doubling()
        self.decoder = nn.ModuleList(
            _block(settings, 2 * widths[i], widths[i], widths[max(i - 1, 0)]) for i in reversed(range(LEVELS))
        )
        self.head = nn.Conv2d(widths[0], out_channels, 1)
        initialize(self, settings.initializer)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits.

        Raises:
            GeometryError: The shape does not fit; the message names a size that does.
        """
        check_input_shape(tuple(image.shape), channels=self.in_channels, dimensions=2, divisor=self.divisor)
        skips: list[Tensor] = []
        features = image
        for block in self.encoder:
            skips.append(block(features))
            features = self.pool(skips[-1])
        features = self.bottom(features)
        for block in self.decoder:
            features = block(torch.cat((self.up(features), skips.pop()), dim=1))
        logits: Tensor = self.head(features)
        return logits


def doubling() -> nn.Upsample:
    """Return the doubling of these U-Nets: the corners of the small image lie on those of the large one."""
    return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)


def _block(settings: ClassicUNetSettings, in_channels: int, middle: int, out_channels: int) -> nn.Sequential:
    """Return two convolutions, each with its activation."""
    activation = ACTIVATIONS[settings.activation]
    return nn.Sequential(
        *(nn.Conv2d(in_channels, middle, 3, padding=1), activation()),
        *(nn.Conv2d(middle, out_channels, 3, padding=1), activation()),
    )
