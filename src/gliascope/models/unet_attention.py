"""The attention U-Net: the improved one whose skips pass a gate that the decoder opens where it looks.

Source:
    Gates: Oktay 2018, arXiv:1804.03999; the network is that of github.com/marcotallone/deep-learning-project (MIT),
    re-implemented from its description.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from gliascope.models.layers import ACTIVATIONS, initialize
from gliascope.models.unet_classic import LEVELS
from gliascope.models.unet_improved import DepthwiseBody, DepthwiseUNetSettings


class AttentionUNetSettings(DepthwiseUNetSettings):
    """The improved U-Net with one attention gate per skip; ``explain`` shows the four gates."""

    name: Literal["unet_attention"] = "unet_attention"

    def build(self, in_channels: int, out_channels: int) -> "AttentionUNet":
        """Return the network, its first weights drawn."""
        return AttentionUNet(self, in_channels, out_channels)


class AttentionUNet(nn.Module):
    """Logits ``(B, K, I, J)`` from an image batch ``(B, C, I, J)``; I and J multiples of 16.

    Args:
        settings: Its options.
        in_channels: C.
        out_channels: K.
    """

    def __init__(self, settings: AttentionUNetSettings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.body = DepthwiseBody(settings, in_channels, out_channels)
        widths = [settings.width * 2**level for level in reversed(range(LEVELS))]
        self.gates = nn.ModuleList(_Gate(settings, width) for width in widths)
        initialize(self, settings.initializer)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits.

        Raises:
            GeometryError: The shape does not fit; the message names a size that does.
        """
        return self._run(image)[0]

    def attention_maps(self, image: Tensor) -> list[Tensor]:
        """Return how far each gate is open, as ``forward`` computes it.

        Args:
            image: Batch ``(B, C, I, J)``.

        Returns:
            Four maps ``(B, 1, I / s, J / s)`` with s = 16, 8, 4, 2; from 0 (shut) to 1 (open).

        Raises:
            GeometryError: As in ``forward``.
        """
        return self._run(image)[1]

    def _run(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the logits and the gates' maps, the coarsest first."""
        features, skips = self.body.encode(image)
        maps: list[Tensor] = []
        for level, gate in enumerate(self.gates):
            opening = gate(features, skips[level])
            maps.append(opening)
            features = self.body.join(level, features, self.body.up(opening) * skips[level])
        return self.body.head(features), maps


class _Gate(nn.Module):
    """How far to open ``(B, 1, i, j)`` for the decoder's features ``(B, C, i, j)`` and a skip ``(B, C, 2i, 2j)``."""

    def __init__(self, settings: AttentionUNetSettings, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels, 1)
        self.key = nn.Conv2d(channels, channels, 1, stride=2)
        self.activation = ACTIVATIONS[settings.activation]()
        self.score = nn.Conv2d(channels, 1, 1)

    def forward(self, features: Tensor, skip: Tensor) -> Tensor:
        return torch.sigmoid(self.score(self.activation(self.query(features) + self.key(skip))))
