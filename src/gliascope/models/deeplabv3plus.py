"""DeepLabV3+ for 2-D pictures, from segmentation-models-pytorch: a ResNet, dilated convolutions, a light decoder.

Source:
    Chen 2018, doi:10.1007/978-3-030-01234-2_49.
"""

from typing import ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from gliascope.models.library import LibraryNetwork, Pretrained, require
from gliascope.settings import Settings


class DeepLabV3PlusSettings(Settings):
    """A ResNet encoder at output stride 16 with a pyramid of dilated convolutions (segmentation-models-pytorch)."""

    task: ClassVar[Literal["segment"]] = "segment"
    dimensions: ClassVar[Literal[2]] = 2
    divisor: ClassVar[int] = 16
    input_size: ClassVar[tuple[int, ...] | None] = None
    """Any size that is a multiple of ``divisor``."""

    name: Literal["deeplabv3plus"] = "deeplabv3plus"
    encoder: Literal["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"] = "resnet101"
    pretrained: Pretrained = "none"
    """First weights of the encoder: ``none`` (drawn), ``imagenet`` (downloaded), or a safetensors file of a ResNet or
    of a trained model. Filters for red, green and blue are summed for one channel, repeated and scaled for others."""
    rates: tuple[PositiveInt, PositiveInt, PositiveInt] = (12, 24, 36)
    """Dilations of the pyramid."""
    width: PositiveInt = 256
    """Channels of the pyramid and the decoder."""
    dropout: float = Field(default=0.5, ge=0.0, lt=1.0)
    """Share set to zero behind the pyramid."""

    def build(self, in_channels: int, out_channels: int) -> LibraryNetwork:
        """Return the network, its first weights drawn; ``load_first_weights`` loads others.

        Raises:
            MachineError: segmentation-models-pytorch is missing.
        """
        require("segmentation_models_pytorch")
        from segmentation_models_pytorch import DeepLabV3Plus

        body = DeepLabV3Plus(
            self.encoder,
            encoder_weights=None,
            encoder_output_stride=self.divisor,
            decoder_channels=self.width,
            decoder_atrous_rates=self.rates,
            decoder_aspp_dropout=self.dropout,
            in_channels=in_channels,
            classes=out_channels,
        )
        for layer in body.decoder.modules():
            if isinstance(layer, nn.Sequential) and isinstance(layer[0], nn.AdaptiveAvgPool2d):
                layer[2] = PooledNorm(self.width)
        return LibraryNetwork(body, in_channels, dimensions=2, divisor=self.divisor)


class PooledNorm(nn.BatchNorm2d):
    """Batch normalization of pooled features ``(B, C, 1, 1)``.

    A training batch of one picture, such as an epoch's last, has one value per channel and so no spread: there the
    running statistics serve, as in evaluation.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - PyTorch's name
        """Return the normalized features."""
        if not self.training or input.shape[0] > 1:
            return super().forward(input)
        return torch.nn.functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )
