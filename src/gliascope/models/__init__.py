"""The network architectures; the tagged union ``NetworkSettings`` is their table.

Each family is one file: an ``XSettings`` class (``name``, ``task``, ``dimensions``, ``divisor``, ``input_size``) with a
``build`` method, and the module it builds, which returns logits. To add one, write the file and add it to the union.
"""

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn

from gliascope.models.customcnn import CustomCNN, CustomCNNSettings
from gliascope.models.unet import UNet, UNetSettings
from gliascope.settings import Settings, load_settings

__all__ = [
    "NETWORKS",
    "CustomCNN",
    "CustomCNNSettings",
    "NetworkSettings",
    "UNet",
    "UNetSettings",
    "build_network",
    "count_parameters",
    "load_network_settings",
]

NetworkSettings = Annotated[CustomCNNSettings | UNetSettings, Field(discriminator="name")]
"""The settings of any network; ``name`` selects the family."""

NETWORKS: dict[str, type[CustomCNNSettings] | type[UNetSettings]] = {
    "customcnn": CustomCNNSettings,
    "unet": UNetSettings,
}
"""Every family by name."""


class _Holder(Settings):
    network: NetworkSettings


def load_network_settings(tree: dict[str, Any]) -> CustomCNNSettings | UNetSettings:
    """Return typed settings from plain data (the ``network`` table of a recipe or a model folder).

    Raises:
        ConfigError: The family is unknown or a value is wrong.

    Example:
        >>> load_network_settings({"name": "unet", "width": 8}).divisor
        16
    """
    return load_settings(_Holder, {"network": tree}).network


def build_network(
    settings: CustomCNNSettings | UNetSettings, in_channels: int, out_channels: int, *, seed: int
) -> nn.Module:
    """Build a network whose first weights depend on ``seed`` alone.

    The process's own random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return settings.build(in_channels, out_channels)


def count_parameters(network: nn.Module) -> int:
    """Return the number of trained values (running statistics of normalization are none)."""
    return sum(parameter.numel() for parameter in network.parameters())
