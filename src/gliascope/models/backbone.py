"""A classifier on the features of any timm network: ResNets, Inceptions, vision transformers.

Source:
    The networks of timm (Wightman 2019, doi:10.5281/zenodo.4414861) by name; the head is ours.
"""

import copy
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import Field, NonNegativeInt, model_validator
from torch import Tensor, nn

from gliascope.errors import ConfigError, GeometryError
from gliascope.models.library import Pretrained, require
from gliascope.settings import Settings


class BackboneSettings(Settings):
    """The features of a timm network, pooled, with a new head of one hidden layer."""

    task: ClassVar[Literal["classify"]] = "classify"
    dimensions: ClassVar[Literal[2]] = 2
    divisor: ClassVar[int] = 1

    name: Literal["backbone"] = "backbone"
    backbone: str = Field(default="resnet50", pattern=r"^[A-Za-z0-9_.-]+$")
    """timm's name of the network: ``resnet50``, ``inception_v3``, ``inception_resnet_v2``, ``vit_base_patch16_224``…"""
    image: int = Field(default=256, ge=32)
    """Side of the square pictures it takes; a transformer gets its position embedding at that size."""
    pretrained: Pretrained = "none"
    """First weights of the features: ``none`` (drawn), ``imagenet`` (downloaded; what timm ships under that name), or a
    safetensors file of the timm network or of a trained model. Filters for red, green and blue are summed for one
    channel, repeated and scaled for others."""
    frozen: bool = False
    """Train the head alone; the features stay as loaded, their running statistics too."""
    hidden: NonNegativeInt = 256
    """Neurons of the head's hidden layer; 0: none."""
    head_dropout: float = Field(default=0.3, ge=0.0, lt=1.0)
    """Share set to zero before the last layer."""

    @property
    def input_size(self) -> tuple[int, int]:
        """The only size it takes."""
        return self.image, self.image

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.frozen and self.pretrained == "none":
            raise ValueError("frozen features need pretrained weights")
        return self

    def build(self, in_channels: int, out_channels: int) -> "Backbone":
        """Return the network, its first weights drawn; ``load_first_weights`` loads others.

        Raises:
            ConfigError: timm has no network of that name, or it cannot be built at that size.
            MachineError: timm is missing.
        """
        return Backbone(self, in_channels, out_channels)


class Backbone(nn.Module):
    """Logits ``(B, K)`` from pictures ``(B, C, N, N)``, N being ``image``.

    Args:
        settings: Its options.
        in_channels: C.
        out_channels: K, the number of classes.
    """

    divisor = 1

    def __init__(self, settings: BackboneSettings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.expected = (in_channels, *settings.input_size)
        self.frozen = settings.frozen
        self.features = build_features(settings, in_channels)
        width = int(getattr(self.features, "head_hidden_size", 0) or getattr(self.features, "num_features", 0))
        hidden = [nn.Linear(width, settings.hidden), nn.ReLU()] if settings.hidden else []
        last = nn.Linear(settings.hidden or width, out_channels)
        self.head = nn.Sequential(*hidden, nn.Dropout(settings.head_dropout), last)
        self.features.requires_grad_(not self.frozen)
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Switch to training or evaluation; frozen features stay in evaluation."""
        super().train(mode)
        if self.frozen:
            self.features.eval()
        return self

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits.

        Raises:
            GeometryError: The pictures do not have the one size and number of channels it takes.
        """
        if image.dim() != 4 or tuple(image.shape[1:]) != self.expected:
            side = self.expected[1]
            cause = f"the network takes pictures {self.expected}, got {tuple(image.shape[1:])}"
            hint = f"Resize to {side}x{side} in the plan, or set network.image."
            raise GeometryError(cause, hint=hint, code="E_NETWORK_INPUT")
        logits: Tensor = self.head(self.features(image))
        return logits


def build_features(settings: BackboneSettings, in_channels: int, **loading: Any) -> nn.Module:  # noqa: ANN401 - timm's
    """Return timm's network without its classifier: pooled features ``(B, F)``.

    Args:
        settings: The backbone's options.
        in_channels: C.
        loading: timm's own options about first weights.

    Raises:
        ConfigError: timm has no network of that name, or it cannot be built at that size.
        MachineError: timm is missing.
    """
    check_timm(settings.backbone)
    import timm

    name = settings.backbone
    known = timm.get_pretrained_cfg(name)
    if known is not None and known.fixed_input_size:
        loading["img_size"] = settings.image
    try:
        features: nn.Module = timm.create_model(name, num_classes=0, in_chans=in_channels, **loading)
        _try_size(features, in_channels, settings.image)
    except (AssertionError, TypeError, ValueError) as fault:
        cause = f"network.backbone: '{name}' cannot take pictures of {settings.image} pixels ({fault})"
        raise ConfigError(cause, hint="Choose another network.image or backbone.", code="E_BACKBONE") from None
    return features


def check_timm(name: str) -> None:
    """Check that timm is here and has a network of that name.

    Raises:
        ConfigError: It has none; the hint lists near names.
        MachineError: timm is missing.
    """
    require("timm")
    import timm

    if not timm.is_model(name):
        near = timm.list_models(f"{name.split('_', maxsplit=1)[0]}*")[:8]
        hint = f"Near: {', '.join(near)}." if near else "Give a name that timm.list_models() returns."
        raise ConfigError(f"network.backbone: timm has no network '{name}'", hint=hint, code="E_BACKBONE")


def _try_size(features: nn.Module, in_channels: int, side: int) -> None:
    """Raise a ValueError if the features cannot be had at that size; nothing is computed."""
    patch = getattr(getattr(features, "patch_embed", None), "patch_size", None)
    if isinstance(patch, tuple) and side % patch[0]:
        raise ValueError(f"no multiple of its patches of {patch[0]}")
    ghost = copy.deepcopy(features).to("meta").eval()
    try:
        ghost(torch.empty(1, in_channels, side, side, device="meta"))
    except (AssertionError, RuntimeError) as fault:
        raise ValueError(str(fault).partition("\n")[0] or "too small or no multiple of its blocks") from None
