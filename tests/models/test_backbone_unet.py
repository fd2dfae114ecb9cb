"""The U-Net on a timm encoder: scales, half resolution, first weights, networks that do not fit."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from gliascope.errors import ConfigError
from gliascope.models import (
    BackboneUNet,
    BackboneUNetSettings,
    build_network,
    count_parameters,
    load_first_weights,
)

pytestmark = pytest.mark.train

TINY: dict[str, Any] = {"backbone": "test_resnet", "widths": (8, 8, 8, 8)}


def test_the_encoder_has_timms_number_of_parameters() -> None:
    with torch.device("meta"):
        network = BackboneUNetSettings().build(3, 1)
        whole = timm.create_model("tf_efficientnet_lite0")
    behind = ("conv_head", "bn2", "classifier")  # what follows the last of the five features
    kept = sum(value.numel() for name, value in whole.named_parameters() if name.split(".")[0] not in behind)
    assert count_parameters(network.features) == kept


def test_with_three_widths_the_encoder_ends_at_a_sixteenth() -> None:
    settings = BackboneUNetSettings(widths=(8, 8, 8), shrink=2)
    assert settings.divisor == 32
    with torch.device("meta"):
        network = settings.build(3, 1)
        whole = timm.create_model("tf_efficientnet_lite0")
    parts = ("conv_stem", "bn1", *(f"blocks.{stage}" for stage in range(5)))
    kept = [value for name, value in whole.named_parameters() if name.startswith(tuple(f"{part}." for part in parts))]
    assert count_parameters(network.features) == sum(value.numel() for value in kept)
    assert network(torch.zeros(1, 3, 64, 96, device="meta")).shape == (1, 1, 64, 96)


@pytest.mark.parametrize("backbone", ["test_resnet", "test_efficientnet"])
def test_a_shorter_encoder_takes_the_weights_of_the_whole_network(backbone: str, tmp_path: Path) -> None:
    file = tmp_path / "whole.safetensors"
    torch.default_generator.manual_seed(5)
    whole = timm.create_model(backbone, num_classes=10)
    save_file(whole.state_dict(), file)
    settings = BackboneUNetSettings(backbone=backbone, widths=(8, 8, 8), pretrained=str(file))
    network = build_network(settings, 3, 1, seed=1)
    assert isinstance(network, BackboneUNet)
    load_first_weights(network, settings)
    given, loaded = whole.state_dict(), network.features.state_dict()
    assert len(loaded) < len(given)
    assert all(torch.equal(value, given[name]) for name, value in loaded.items())


@pytest.mark.parametrize("widths", [(8, 8), (8, 8, 8, 8, 8)])
def test_two_or_five_widths_are_refused(widths: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match="widths"):
        BackboneUNetSettings(widths=widths)


@pytest.mark.parametrize("shrink", [1, 2])
def test_answers_at_the_size_of_the_image(shrink: int) -> None:
    settings = BackboneUNetSettings(**TINY, shrink=shrink)
    assert settings.divisor == 32 * shrink
    network = build_network(settings, 3, 2, seed=1)
    image = torch.zeros(2, 3, 2 * settings.divisor, settings.divisor)
    assert network(image).shape == (2, 2, *image.shape[2:])


def test_half_the_resolution_sees_averages_of_four_pixels() -> None:
    network = build_network(BackboneUNetSettings(**TINY, shrink=2), 1, 1, seed=1).eval()
    image = torch.rand((1, 1, 64, 64), generator=torch.Generator().manual_seed(3))
    averaged = image.unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2))
    spread = averaged.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.allclose(network(image), network(spread), atol=1e-5)


def test_a_file_fills_the_encoder_and_leaves_the_decoder(tmp_path: Path) -> None:
    file = tmp_path / "resnet.safetensors"
    torch.default_generator.manual_seed(5)
    whole = timm.create_model("test_resnet", num_classes=10)
    save_file(whole.state_dict(), file)
    settings = BackboneUNetSettings(**TINY, pretrained=str(file))
    network, drawn = (build_network(settings, 3, 1, seed=1) for _ in range(2))
    assert isinstance(network, BackboneUNet)
    words = load_first_weights(network, settings)
    assert words.startswith("file resnet.safetensors (sha256 ")
    given = whole.state_dict()
    assert all(torch.equal(value, given[name]) for name, value in network.features.state_dict().items())
    before = drawn.state_dict()
    others = {name: value for name, value in network.state_dict().items() if not name.startswith("features.")}
    assert all(torch.equal(value, before[name]) for name, value in others.items())


@pytest.mark.parametrize("name", ["test_vit", "inception_v3"])
def test_networks_without_the_scales_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the encoder"), torch.device("meta"):
        BackboneUNetSettings(backbone=name).build(3, 1)


def test_unknown_names_are_refused_with_near_ones() -> None:
    with pytest.raises(ConfigError, match="timm has no network 'resnet_9'") as caught:
        BackboneUNetSettings(backbone="resnet_9").build(3, 1)
    assert "resnet" in str(caught.value.hint)
