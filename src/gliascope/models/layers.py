"""What the architectures share: activations, normalizations, first weights and the check of the input's shape."""

from collections.abc import Callable
from typing import Literal

from torch import nn

from gliascope.errors import ConfigError, GeometryError

Activation = Literal["relu", "leaky_relu", "elu", "gelu", "silu", "mish", "prelu"]
Norm = Literal["none", "batch", "instance", "group"]
Initializer = Literal["default", "he_uniform", "he_normal", "glorot_uniform"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "leaky_relu": lambda: nn.LeakyReLU(0.01, inplace=True),
    "elu": lambda: nn.ELU(inplace=True),
    "gelu": nn.GELU,
    "silu": lambda: nn.SiLU(inplace=True),
    "mish": lambda: nn.Mish(inplace=True),
    "prelu": nn.PReLU,
}
"""Activation layers by name."""

CONVOLUTIONS: dict[int, type[nn.Conv2d] | type[nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: dict[int, type[nn.ConvTranspose2d] | type[nn.ConvTranspose3d]] = {
    2: nn.ConvTranspose2d,
    3: nn.ConvTranspose3d,
}


def normalization(kind: Norm, channels: int, *, dimensions: int, groups: int = 8) -> nn.Module | None:
    """Return a normalization layer with trained scale and shift, or None.

    Raises:
        ConfigError: ``groups`` does not divide the channels.
    """
    if kind == "batch":
        return nn.BatchNorm2d(channels) if dimensions == 2 else nn.BatchNorm3d(channels)
    if kind == "instance":
        # One group per channel is the same arithmetic; PyTorch runs it twice as fast on a CPU.
        return nn.GroupNorm(channels, channels)
    if kind == "group":
        if channels % groups:
            cause = f"{channels} channels cannot be normalized in {groups} groups"
            raise ConfigError(cause, hint="Choose groups that divide the network's width.", code="E_GROUPS")
        return nn.GroupNorm(groups, channels)
    return None


def initialize(network: nn.Module, kind: Initializer) -> None:
    """Draw the first weights in place.

    ``default`` keeps PyTorch's own. ``he_…`` concerns convolutions over more than one voxel; up-convolutions, 1x1
    convolutions and linear layers then take ``glorot_uniform``, as Keras networks do. Biases start at zero.

    Source:
        He 2015, doi:10.1109/ICCV.2015.123; Glorot 2010, proceedings.mlr.press/v9/glorot10a.
    """
    if kind == "default":
        return
    for layer in network.modules():
        if not isinstance(layer, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d | nn.Linear):
            continue
        spatial = isinstance(layer, nn.Conv2d | nn.Conv3d) and max(layer.kernel_size) > 1
        if kind == "he_uniform" and spatial:
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        elif kind == "he_normal" and spatial:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        else:
            nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def check_input_shape(shape: tuple[int, ...], *, channels: int, dimensions: int, divisor: int) -> None:
    """Refuse an input batch that the network cannot halve often enough, and name a size that works.

    Args:
        shape: Shape of the batch, ``(B, C, I, J)`` or ``(B, C, I, J, K)``.
        channels: What ``C`` must be.
        dimensions: Number of voxel axes.
        divisor: Every voxel axis must be a multiple of it.

    Raises:
        GeometryError: The number of axes, the channels or a size does not fit.
    """
    if len(shape) != dimensions + 2 or shape[1] != channels:
        axes = "(B, C, I, J)" if dimensions == 2 else "(B, C, I, J, K)"
        cause = f"the network takes {axes} with {channels} channels, got {tuple(shape)}"
        raise GeometryError(cause, code="E_NETWORK_INPUT")
    size = shape[2:]
    if any(length % divisor for length in size):
        works = "x".join(str(-(-length // divisor) * divisor) for length in size)
        cause = f"size {'x'.join(map(str, size))} is not a multiple of {divisor} along every axis"
        raise GeometryError(cause, hint=f"Pad, crop or resize to {works}.", code="E_NETWORK_INPUT")


def check_picture_shape(shape: tuple[int, ...], *, channels: int, size: tuple[int, int], hint: str = "") -> None:
    """Refuse a batch of pictures that a network of one input size cannot take.

    Args:
        shape: Shape of the batch, ``(B, C, I, J)``.
        channels: What ``C`` must be.
        size: What ``(I, J)`` must be.
        hint: What would work; by default, to resize in the plan.

    Raises:
        GeometryError: The number of axes, the channels or the size does not fit.
    """
    expected = (channels, *size)
    if len(shape) != 4 or tuple(shape[1:]) != expected:
        cause = f"the network takes pictures {expected}, got {tuple(shape[1:])}"
        resize = f"Resize to {size[0]}x{size[1]} in the plan."
        raise GeometryError(cause, hint=hint or resize, code="E_NETWORK_INPUT")
