"""A 2-D U-Net whose encoder is a timm network, so that it can begin with features learned from photographs.

Source:
    Ronneberger 2015, doi:10.1007/978-3-319-24574-4_28; the encoders are timm's (Wightman 2019,
    doi:10.5281/zenodo.4414861); the decoder is ours.
"""

import copy
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from gliascope.errors import ConfigError
from gliascope.models.backbone import check_timm
from gliascope.models.layers import check_input_shape
from gliascope.models.library import Pretrained
from gliascope.settings import Settings


class BackboneUNetSettings(Settings):
    """A U-Net on the scales of a timm network, from 1/2 to 1/32 of the image, or to 1/16."""

    task: ClassVar[Literal["segment"]] = "segment"
    dimensions: ClassVar[Literal[2]] = 2
    input_size: ClassVar[tuple[int, ...] | None] = None
    """Any size that is a multiple of ``divisor``."""

    name: Literal["backbone_unet"] = "backbone_unet"
    backbone: str = Field(default="tf_efficientnet_lite0", pattern=r"^[A-Za-z0-9_.-]+$")
    """timm's name of the encoder; it must offer a feature at each scale."""
    pretrained: Pretrained = "none"
    """First weights of the encoder: ``none`` (drawn), ``imagenet`` (downloaded), or a safetensors file of the timm
    network or of a trained model. Filters for red, green and blue are summed for one channel, repeated and scaled for
    others."""
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=3, max_length=4)] = (96, 64, 48, 32)
    """Channels of the decoder at 1/16, 1/8, 1/4 and 1/2. With three, from 1/8 on, the encoder ends at 1/16, without its
    last layers, which hold most of its weights."""
    shrink: PositiveInt = 1
    """Voxels per axis that are averaged before the encoder: with 2 the network works at half the resolution."""

    @property
    def scales(self) -> list[int]:
        """Voxels of the encoder's image per voxel of each feature, along an axis."""
        return [2**level for level in range(1, len(self.widths) + 2)]

    @property
    def divisor(self) -> int:
        """Every voxel axis of the input must be a multiple of it."""
        return self.scales[-1] * self.shrink

    def build(self, in_channels: int, out_channels: int) -> "BackboneUNet":
        """Return the network, its first weights drawn; ``load_first_weights`` loads others.

        Raises:
            ConfigError: timm has no network of that name, or not with these scales.
            MachineError: timm is missing.
        """
        return BackboneUNet(self, in_channels, out_channels)


class BackboneUNet(nn.Module):
    """Logits ``(B, K, H, W)`` from images ``(B, C, H, W)``; both axes multiples of ``divisor``.

    Args:
        settings: Its options.
        in_channels: C.
        out_channels: K.
    """

    dimensions = 2

    def __init__(self, settings: BackboneUNetSettings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.divisor = settings.divisor
        self.shrink = nn.AvgPool2d(settings.shrink) if settings.shrink > 1 else nn.Identity()
        self.features = build_pyramid(settings, in_channels)
        *skips, deepest = self.features.feature_info.channels()  # type: ignore[operator, union-attr]
        self.doubled = nn.Upsample(scale_factor=2, mode="nearest")
        self.decoder = nn.ModuleList()
        for skip, width in zip(reversed(skips), settings.widths, strict=True):
            self.decoder.append(_block(deepest + skip, width))
            deepest = width
        spread = 2 * settings.shrink
        self.head = nn.ConvTranspose2d(deepest, out_channels, spread, stride=spread)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits.

        Raises:
            GeometryError: The shape does not fit; the message names a size that does.
        """
        check_input_shape(tuple(image.shape), channels=self.in_channels, dimensions=2, divisor=self.divisor)
        *skips, features = self.features(self.shrink(image))
        for block in self.decoder:
            features = block(torch.cat((self.doubled(features), skips.pop()), dim=1))
        logits: Tensor = self.head(features)
        return logits


def build_pyramid(settings: BackboneUNetSettings, in_channels: int, **loading: Any) -> nn.Module:  # noqa: ANN401
    """Return timm's network as a function to one feature per scale, the finest first.

    Args:
        settings: The network's options.
        in_channels: C.
        loading: timm's own options about first weights.

    Raises:
        ConfigError: timm has no network of that name, or not with these scales.
        MachineError: timm is missing.
    """
    check_timm(settings.backbone)
    import timm

    loading |= {"features_only": True, "out_indices": tuple(range(len(settings.scales)))}
    try:
        pyramid: nn.Module = timm.create_model(settings.backbone, in_chans=in_channels, **loading)
        found = _scales(pyramid, in_channels, settings.scales[-1])
    except (AssertionError, AttributeError, IndexError, RuntimeError) as fault:
        raise _unfit(settings.backbone, str(fault).partition("\n")[0]) from None
    if found != settings.scales:
        raise _unfit(settings.backbone, f"its features lie at 1/{found}, not at 1/{settings.scales} of the image")
    _cut_behind_the_last_feature(pyramid)
    return pyramid


def _cut_behind_the_last_feature(pyramid: nn.Module) -> None:
    """Leave out the blocks that no feature comes from; timm does so itself but for EfficientNets and their kin."""
    parent, _, last = pyramid.feature_info.module_name()[-1].rpartition(".")  # type: ignore[operator, union-attr]
    blocks = getattr(pyramid, parent, None)
    if isinstance(blocks, nn.Sequential):
        setattr(pyramid, parent, blocks[: int(last) + 1])


def _scales(pyramid: nn.Module, in_channels: int, coarsest: int) -> list[float]:
    """Return how many voxels of an image go on one of each feature, along an axis; nothing is computed."""
    side = 2 * coarsest
    ghost = copy.deepcopy(pyramid).to("meta").eval()
    return [side / feature.shape[-1] for feature in ghost(torch.empty(1, in_channels, side, side, device="meta"))]


def _unfit(name: str, cause: str) -> ConfigError:
    hint = "Choose a ResNet or an EfficientNet."
    return ConfigError(f"network.backbone: '{name}' cannot be the encoder: {cause}", hint=hint, code="E_BACKBONE")


def _block(in_channels: int, out_channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for source in (in_channels, out_channels):
        layers += [
            nn.Conv2d(source, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
