"""The V-Net: stages of 5 x 5 x 5 convolutions that add their input, halved and doubled by strided convolutions.

Source:
    Milletari 2016, doi:10.1109/3DV.2016.79.
"""

import itertools
from typing import ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from gliascope.errors import ConfigError
from gliascope.models.layers import Initializer, check_input_shape, initialize
from gliascope.settings import Settings

_LEVELS = 4


class VNetSettings(Settings):
    """A residual 3-D network without normalization; ``convs_down`` and ``convs_up`` make it lighter."""

    task: ClassVar[Literal["segment"]] = "segment"
    dimensions: ClassVar[Literal[3]] = 3
    divisor: ClassVar[int] = 2**_LEVELS
    input_size: ClassVar[tuple[int, ...] | None] = None
    """Any size that is a multiple of ``divisor``."""

    name: Literal["vnet"] = "vnet"
    width: PositiveInt = 16
    """Channels of the first stage; doubled at every further one."""
    convs_down: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (1, 2, 3, 3, 3)
    """Convolutions per stage on the way down, the last entry being the bottom."""
    convs_up: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (3, 3, 2, 1)
    """Convolutions per stage on the way up, the coarsest first."""
    initializer: Initializer = "default"
    """First weights."""

    def build(self, in_channels: int, out_channels: int) -> "VNet":
        """Return the network, its first weights drawn.

        Raises:
            ConfigError: The first stage has fewer channels than the image, which it repeats.
        """
        return VNet(self, in_channels, out_channels)


class VNet(nn.Module):
    """Logits ``(B, K, *S)`` from an image batch ``(B, C, *S)``; every axis of ``S`` a multiple of 16.

    Args:
        settings: Its options.
        in_channels: C, at most ``width``.
        out_channels: K.

    Raises:
        ConfigError: The first stage has fewer channels than the image, which it repeats.
    """

    def __init__(self, settings: VNetSettings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        if settings.width < in_channels:
            cause = f"network.width is {settings.width}, but the first stage repeats the {in_channels} input channels"
            raise ConfigError(cause, hint=f"Set width = {in_channels} or more.", code="E_CONFIG")
        self.in_channels = in_channels
        self.divisor = settings.divisor
        widths = [settings.width * 2**level for level in range(_LEVELS + 1)]
        convs = settings.convs_down
        self.encoder = nn.ModuleList([_Stage(in_channels, widths[0], convs[0])])
        self.encoder.extend(_Stage(widths[i], widths[i], convs[i]) for i in range(1, _LEVELS + 1))
        self.downs = nn.ModuleList(
            nn.Sequential(nn.Conv3d(fine, coarse, 2, stride=2), nn.PReLU(coarse))
            for fine, coarse in itertools.pairwise(widths)
        )
        self.ups = nn.ModuleList()
        self.decoder = nn.ModuleList()
        source = widths[-1]
        for width, count in zip(reversed(widths[:-1]), settings.convs_up, strict=True):
            self.ups.append(nn.Sequential(nn.ConvTranspose3d(source, width, 2, stride=2), nn.PReLU(width)))
            source = 2 * width
            self.decoder.append(_Stage(source, source, count))
        self.head = nn.Conv3d(source, out_channels, 1)
        initialize(self, settings.initializer)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits.

        Raises:
            GeometryError: The shape does not fit; the message names a size that does.
        """
        check_input_shape(tuple(image.shape), channels=self.in_channels, dimensions=3, divisor=self.divisor)
        features = self.encoder[0](image)
        skips: list[Tensor] = []
        for down, stage in zip(self.downs, self.encoder[1:], strict=True):
            skips.append(features)
            features = stage(down(features))
        for up, stage in zip(self.ups, self.decoder, strict=True):
            features = stage(torch.cat((up(features), skips.pop()), dim=1))
        logits: Tensor = self.head(features)
        return logits


class _Stage(nn.Module):
    """``(B, C, *S)`` to ``(B, W, *S)``: convolutions whose last one adds the stage's input before its activation.

    An input of fewer channels is repeated until it has W.
    """

    def __init__(self, in_channels: int, width: int, count: int) -> None:
        super().__init__()
        sources = [in_channels, *[width] * (count - 1)]
        self.convs = nn.ModuleList(nn.Conv3d(source, width, 5, padding=2) for source in sources)
        self.activations = nn.ModuleList(nn.PReLU(width) for _ in sources)
        self.width = width
        self.copies = -(-width // in_channels)

    def forward(self, features: Tensor) -> Tensor:
        short = features.repeat(1, self.copies, 1, 1, 1)[:, : self.width] if self.copies > 1 else features
        last = len(self.convs) - 1
        for index, (conv, activation) in enumerate(zip(self.convs, self.activations, strict=True)):
            features = conv(features)
            features = activation(features + short if index == last else features)
        return features
