"""The improved U-Net: depthwise 7 x 7 units instead of convolutions, skips that are added.

Source:
    The units follow Sandler 2018, arXiv:1801.04381, and Liu 2022, arXiv:2201.03545; the network is that of
    github.com/marcotallone/deep-learning-project (MIT), re-implemented from its description.
"""

from typing import ClassVar, Literal

from pydantic import PositiveInt
from torch import Tensor, nn

from gliascope.models.layers import ACTIVATIONS, Activation, Initializer, check_input_shape, initialize
from gliascope.models.unet_classic import LEVELS, doubling
from gliascope.settings import Settings

_EXPANSION = 4


class DepthwiseUNetSettings(Settings):
    """What the two U-Nets of depthwise units share."""

    task: ClassVar[Literal["segment"]] = "segment"
    dimensions: ClassVar[Literal[2]] = 2
    divisor: ClassVar[int] = 2**LEVELS
    input_size: ClassVar[tuple[int, ...] | None] = None
    """Any size that is a multiple of ``divisor``."""

    name: str
    width: PositiveInt = 32
    """Channels of the first level; doubled at every further one."""
    activation: Activation = "relu"
    initializer: Initializer = "default"
    """First weights."""


class ImprovedUNetSettings(DepthwiseUNetSettings):
    """A 2-D U-Net of depthwise units with added skips: half the weights of the classic one."""

    name: Literal["unet_improved"] = "unet_improved"

    def build(self, in_channels: int, out_channels: int) -> "ImprovedUNet":
        """Return the network, its first weights drawn."""
        return ImprovedUNet(self, in_channels, out_channels)


class ImprovedUNet(nn.Module):
    """Logits ``(B, K, I, J)`` from an image batch ``(B, C, I, J)``; I and J multiples of 16.

    Args:
        settings: Its options.
        in_channels: C.
        out_channels: K.
    """

    def __init__(self, settings: ImprovedUNetSettings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.body = DepthwiseBody(settings, in_channels, out_channels)
        initialize(self, settings.initializer)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits.

        Raises:
            GeometryError: The shape does not fit; the message names a size that does.
        """
        features, skips = self.body.encode(image)
        for level in range(LEVELS):
            features = self.body.join(level, features, skips[level])
        logits: Tensor = self.body.head(features)
        return logits


class DepthwiseBody(nn.Module):
    """Encoder, bottom and decoder of depthwise units; what happens to the skips is left to the network.

    Args:
        settings: Its options.
        in_channels: C.
        out_channels: K.
    """

    def __init__(self, settings: DepthwiseUNetSettings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.divisor = settings.divisor
        widths = [settings.width * 2**level for level in range(LEVELS)]
        sources = [in_channels, *widths]
        self.encoder = nn.ModuleList(
            _block(settings, sources[i], widths[i], hidden=_EXPANSION * widths[i]) for i in range(LEVELS)
        )
        self.pool = nn.MaxPool2d(2)
        self.bottom = _block(settings, widths[-1], widths[-1], hidden=_EXPANSION * widths[-1])
        self.up = doubling()
        self.decoder = nn.ModuleList(
            _block(settings, widths[i], widths[max(i - 1, 0)], hidden=_EXPANSION * widths[i])
            for i in reversed(range(LEVELS))
        )
        self.head = nn.Conv2d(widths[0], out_channels, 1)

    def encode(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the bottom's features and the encoder's, the coarsest first.

        Raises:
            GeometryError: The shape does not fit; the message names a size that does.
        """
        check_input_shape(tuple(image.shape), channels=self.in_channels, dimensions=2, divisor=self.divisor)
        skips: list[Tensor] = []
        features = image
        for block in self.encoder:
            skips.append(block(features))
            features = self.pool(skips[-1])
        return self.bottom(features), skips[::-1]

    def join(self, level: int, features: Tensor, skip: Tensor) -> Tensor:
        """Return the decoder's features of one level (0 the coarsest) from those below and the skip."""
        out: Tensor = self.decoder[level](self.up(features) + skip)
        return out


def _block(settings: DepthwiseUNetSettings, in_channels: int, out_channels: int, *, hidden: int) -> nn.Sequential:
    """Return two units; ``hidden`` is the inner width of the first, the second's follows from its output."""
    return nn.Sequential(
        *_unit(settings, in_channels, hidden, out_channels),
        *_unit(settings, out_channels, _EXPANSION * out_channels, out_channels),
    )


def _unit(settings: DepthwiseUNetSettings, in_channels: int, hidden: int, out_channels: int) -> list[nn.Module]:
    """Return a depthwise convolution, its normalization, and two pointwise ones with an activation between."""
    return [
        nn.Conv2d(in_channels, in_channels, 7, padding=3, groups=in_channels),
        nn.BatchNorm2d(in_channels),
        nn.Conv2d(in_channels, hidden, 1),
        ACTIVATIONS[settings.activation](),
        nn.Conv2d(hidden, out_channels, 1),
    ]
