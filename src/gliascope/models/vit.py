"""A vision transformer trained from scratch: a picture as a row of patches that attend to one another.

Source:
    Dosovitskiy 2021, arXiv:2010.11929, in the form of github.com/marcotallone/deep-learning-project (MIT),
    re-implemented from its description.
"""

from typing import ClassVar, Literal, Self, cast

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its customary name

from gliascope.models.layers import ACTIVATIONS, Activation, check_picture_shape
from gliascope.settings import Settings


class ViTSettings(Settings):
    """A transformer over patches: normalized behind each sum, a further sum around every layer."""

    task: ClassVar[Literal["classify"]] = "classify"
    dimensions: ClassVar[Literal[2]] = 2
    divisor: ClassVar[int] = 1

    name: Literal["vit"] = "vit"
    image: PositiveInt = 128
    """Side of the square pictures it takes."""
    patch: PositiveInt = 16
    """Side of a patch."""
    dim: PositiveInt = 512
    """Values per token."""
    layers: PositiveInt = 10
    """Encoder layers, one behind the other."""
    heads: PositiveInt = 8
    """Attention heads per layer."""
    feedforward: PositiveInt = 1024
    """Hidden values of a layer's two linear maps."""
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    """Share set to zero: of the tokens, the attention, every branch of a layer, and of the logits."""
    activation: Activation = "mish"
    """Between the two linear maps of a layer."""

    @property
    def input_size(self) -> tuple[int, int]:
        """The only size it takes: every place has its own embedding."""
        return self.image, self.image

    @property
    def tokens(self) -> int:
        """The patches and the class token."""
        return int((self.image // self.patch) ** 2) + 1

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.image % self.patch:
            raise ValueError(f"patch ({self.patch}) must divide image ({self.image})")
        if self.dim % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide dim ({self.dim})")
        return self

    def build(self, in_channels: int, out_channels: int) -> "ViT":
        """Return the network, its first weights drawn; ``out_channels`` is the number of classes."""
        return ViT(self, in_channels, out_channels)


class ViT(nn.Module):
    """Logits ``(B, K)`` from pictures ``(B, C, N, N)``, N being ``image``.

    Each layer's output is added to its input once more, and one normalization, the same for all layers, follows.

    Args:
        settings: Its options.
        in_channels: C.
        out_channels: K, the number of classes.
    """

    divisor = 1

    def __init__(self, settings: ViTSettings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.size = settings.input_size
        self.patch = settings.patch
        self.embed = nn.Linear(in_channels * settings.patch**2, settings.dim)
        self.class_token = nn.Parameter(torch.randn(1, 1, settings.dim))
        self.positions = nn.Parameter(torch.randn(1, settings.tokens, settings.dim))
        self.dropout = nn.Dropout(settings.dropout)
        self.layers = nn.ModuleList(_EncoderLayer(settings) for _ in range(settings.layers))
        self.between = nn.LayerNorm(settings.dim)
        self.head = nn.Sequential(
            nn.LayerNorm(settings.dim), nn.Linear(settings.dim, out_channels), nn.Dropout(settings.dropout)
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits.

        Raises:
            GeometryError: The pictures do not have the one size and number of channels it takes.
        """
        tokens = self._tokens(image)
        for layer in self.layers:
            tokens = self.between(layer(tokens) + tokens)
        logits: Tensor = self.head(tokens[:, 0])
        return logits

    def attention_maps(self, image: Tensor) -> Tensor:
        """Return how much every token attends to every other, as ``forward`` computes it in evaluation mode.

        Args:
            image: Pictures ``(B, C, N, N)``.

        Returns:
            Shares ``(layers, B, heads, tokens, tokens)``; the last axis sums to 1. Token 0 is the class token, the
            patches follow row by row.

        Raises:
            GeometryError: As in ``forward``.
        """
        tokens = self._tokens(image)
        maps: list[Tensor] = []
        for layer in self.layers:
            maps.append(cast("_EncoderLayer", layer).attention.shares(tokens))
            tokens = self.between(layer(tokens) + tokens)
        return torch.stack(maps)

    def _tokens(self, image: Tensor) -> Tensor:
        """Return the class token and the embedded patches ``(B, tokens, dim)``."""
        check_picture_shape(
            tuple(image.shape),
            channels=self.in_channels,
            size=self.size,
            hint=f"Resize to {self.size[0]}x{self.size[1]} in the plan, or set network.image.",
        )
        batch, channels, side = image.shape[0], self.in_channels, self.patch
        rows, columns = self.size[0] // side, self.size[1] // side
        grid = image.reshape(batch, channels, rows, side, columns, side)
        patches = grid.permute(0, 2, 4, 3, 5, 1).reshape(batch, rows * columns, side * side * channels)
        first = self.class_token.expand(batch, -1, -1)
        embedded: Tensor = self.dropout(torch.cat((first, self.embed(patches)), dim=1) + self.positions)
        return embedded


class _EncoderLayer(nn.Module):
    """``(B, T, D)`` to the same: attention, then two linear maps, each added to its input and normalized."""

    def __init__(self, settings: ViTSettings) -> None:
        super().__init__()
        self.attention = _Attention(settings.dim, settings.heads, settings.dropout)
        self.attended = nn.Dropout(settings.dropout)
        self.norm_attention = nn.LayerNorm(settings.dim)
        self.feedforward = nn.Sequential(
            *(nn.Linear(settings.dim, settings.feedforward), ACTIVATIONS[settings.activation]()),
            *(nn.Dropout(settings.dropout), nn.Linear(settings.feedforward, settings.dim)),
            nn.Dropout(settings.dropout),
        )
        self.norm_feedforward = nn.LayerNorm(settings.dim)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.norm_attention(tokens + self.attended(self.attention(tokens)))
        out: Tensor = self.norm_feedforward(tokens + self.feedforward(tokens))
        return out


class _Attention(nn.Module):
    """Self-attention in several heads ``(B, T, D)``, its first weights as in PyTorch's own layer."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.rate = dropout
        self.projected = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.projected.weight)
        nn.init.zeros_(self.projected.bias)
        nn.init.zeros_(self.out.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        query, key, value = self._split(tokens)
        rate = self.rate if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=rate)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(tokens.shape))
        return out

    def shares(self, tokens: Tensor) -> Tensor:
        """Return the attention ``(B, heads, T, T)`` that ``forward`` mixes the values by, without dropout."""
        query, key, _ = self._split(tokens)
        return torch.softmax(query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5, dim=-1)

    def _split(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return query, key and value, each ``(B, heads, T, D / heads)``."""
        batch, count, dim = tokens.shape
        split = self.projected(tokens).reshape(batch, count, 3, self.heads, dim // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        return query, key, value
