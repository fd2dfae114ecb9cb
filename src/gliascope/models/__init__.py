"""The network architectures; the tagged union ``NetworkSettings`` is their table.

Each family is one file: an ``XSettings`` class (``name``, ``task``, ``dimensions``, ``divisor``, ``input_size``) with a
``build`` method, and the module it builds, which returns logits. To add one, write the file and add it to the union.
"""

from typing import Annotated, Any, get_args

import torch
from pydantic import Field
from torch import nn

from gliascope.models.alexnet import AlexNet, AlexNetSettings
from gliascope.models.backbone import Backbone, BackboneSettings
from gliascope.models.backbone_unet import BackboneUNet, BackboneUNetSettings
from gliascope.models.customcnn import CustomCNN, CustomCNNSettings
from gliascope.models.deeplabv3plus import DeepLabV3PlusSettings
from gliascope.models.first_weights import load_first_weights
from gliascope.models.residual_unet import ResidualUNetSettings
from gliascope.models.segresnet import SegResNetSettings
from gliascope.models.swin_unetr import SwinUNETRSettings
from gliascope.models.unet import UNet, UNetSettings
from gliascope.models.unet3d_cicek import CicekUNet, CicekUNetSettings
from gliascope.models.unet_attention import AttentionUNet, AttentionUNetSettings
from gliascope.models.unet_classic import ClassicUNet, ClassicUNetSettings
from gliascope.models.unet_improved import ImprovedUNet, ImprovedUNetSettings
from gliascope.models.unetplusplus import UNetPlusPlusSettings
from gliascope.models.vgg16 import VGG16, VGG16Settings
from gliascope.models.vit import ViT, ViTSettings
from gliascope.models.vnet import VNet, VNetSettings
from gliascope.settings import Settings, load_settings

__all__ = [
    "NETWORKS",
    "VGG16",
    "AlexNet",
    "AlexNetSettings",
    "AnyNetwork",
    "AttentionUNet",
    "AttentionUNetSettings",
    "Backbone",
    "BackboneSettings",
    "BackboneUNet",
    "BackboneUNetSettings",
    "CicekUNet",
    "CicekUNetSettings",
    "ClassicUNet",
    "ClassicUNetSettings",
    "CustomCNN",
    "CustomCNNSettings",
    "DeepLabV3PlusSettings",
    "ImprovedUNet",
    "ImprovedUNetSettings",
    "NetworkSettings",
    "ResidualUNetSettings",
    "SegResNetSettings",
    "SwinUNETRSettings",
    "UNet",
    "UNetPlusPlusSettings",
    "UNetSettings",
    "VGG16Settings",
    "VNet",
    "VNetSettings",
    "ViT",
    "ViTSettings",
    "build_network",
    "count_parameters",
    "load_first_weights",
    "load_network_settings",
    "parameters_of",
]

AnyNetwork = (
    CustomCNNSettings
    | AlexNetSettings
    | VGG16Settings
    | ViTSettings
    | BackboneSettings
    | UNetSettings
    | ClassicUNetSettings
    | ImprovedUNetSettings
    | AttentionUNetSettings
    | CicekUNetSettings
    | VNetSettings
    | DeepLabV3PlusSettings
    | BackboneUNetSettings
    | ResidualUNetSettings
    | UNetPlusPlusSettings
    | SegResNetSettings
    | SwinUNETRSettings
)
"""The settings of any network: classifiers, then segmenters."""

NetworkSettings = Annotated[AnyNetwork, Field(discriminator="name")]
"""The same in a recipe, where ``name`` selects the family."""

NETWORKS: dict[str, type[AnyNetwork]] = {kind.model_fields["name"].default: kind for kind in get_args(AnyNetwork)}
"""Every family by name."""


class _Holder(Settings):
    network: NetworkSettings


def load_network_settings(tree: dict[str, Any]) -> AnyNetwork:
    """Return typed settings from plain data (the ``network`` table of a recipe or a model folder).

    Raises:
        ConfigError: The family is unknown or a value is wrong.

    Example:
        >>> load_network_settings({"name": "unet", "width": 8}).divisor
        16
    """
    return load_settings(_Holder, {"network": tree}).network


def build_network(settings: AnyNetwork, in_channels: int, out_channels: int, *, seed: int) -> nn.Module:
    """Build a network whose first weights depend on ``seed`` alone.

    The process's own random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return settings.build(in_channels, out_channels)


def count_parameters(network: nn.Module) -> int:
    """Return the number of trained values (running statistics of normalization are none)."""
    return sum(parameter.numel() for parameter in network.parameters())


def parameters_of(settings: AnyNetwork, in_channels: int, out_channels: int) -> int:
    """Count the parameters of a network without making them, so that large ones cost no memory.

    Example:
        >>> parameters_of(load_network_settings({"name": "customcnn"}), 3, 4)
        3001156
    """
    with torch.device("meta"):
        return count_parameters(settings.build(in_channels, out_channels))
