"""Features of timm networks under our head: published counts, sizes, frozen features, wrong names."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import gliascope.models
from gliascope.errors import ConfigError, GeometryError, MachineError
from gliascope.models import Backbone, BackboneSettings, count_parameters, load_network_settings

pytestmark = pytest.mark.train

TINY: dict[str, Any] = {"backbone": "test_resnet", "image": 64, "hidden": 8}


@pytest.mark.parametrize(
    ("name", "features", "head"),
    [
        ("resnet50", 23_508_032, 525_058),
        ("inception_v3", 21_785_568, 525_058),
        ("inception_resnet_v2", 54_306_464, 393_986),
    ],
)
def test_has_the_published_number_of_parameters(name: str, features: int, head: int) -> None:
    with torch.device("meta"):
        network = BackboneSettings(backbone=name).build(3, 2)
    assert count_parameters(network.features) == features
    assert count_parameters(network.head) == head


@pytest.mark.parametrize(
    ("name", "count"), [("vit_base_patch16_224", 85_844_736), ("vit_large_patch16_224", 303_363_072)]
)
def test_larger_transformers_are_built_for_the_picture(name: str, count: int) -> None:
    with torch.device("meta"):
        network = BackboneSettings(backbone=name, hidden=0).build(3, 4)
        assert network(torch.zeros(1, 3, 256, 256)).shape == (1, 4)
    assert count_parameters(network.features) == count, "257 position embeddings, not the 197 of 224 pixels"
    assert count_parameters(network.head) == 4 * (network.features.num_features + 1)  # type: ignore[operator]


def test_takes_any_number_of_channels_and_one_size() -> None:
    network = BackboneSettings(**TINY).build(4, 3).eval()
    assert network(torch.zeros(2, 4, 64, 64)).shape == (2, 3)
    with pytest.raises(GeometryError, match="Resize to 64x64"):
        network(torch.zeros(2, 4, 96, 96))


def test_frozen_features_stay_as_they_are() -> None:
    network = BackboneSettings(**TINY, frozen=True, pretrained="a.safetensors").build(1, 2)  # as a training takes it
    before = {name: value.clone() for name, value in network.features.state_dict().items()}
    network(torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))).sum().backward()
    assert all(torch.equal(before[name], value) for name, value in network.features.state_dict().items())
    assert all(p.grad is None for p in network.features.parameters())
    assert all(p.grad is not None for p in network.head.parameters())
    for mode in (True, False):
        network.train(mode)
        assert network.head.training == mode
        assert not any(layer.training for layer in network.features.modules())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"backbone": "hf-hub:someone/model"}, "pattern"),
        ({"frozen": True}, "need pretrained weights"),
        ({"pretrained": "weights.pth"}, r"ends in \.safetensors"),
    ],
)
def test_wrong_settings_say_what_works(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_network_settings({"name": "backbone", **wrong})


def test_an_unknown_network_names_near_ones() -> None:
    with pytest.raises(ConfigError, match=r"timm has no network 'resnet51'.*Near: resnet"):
        BackboneSettings(backbone="resnet51").build(3, 2)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("test_vit", "no multiple of its patches of 16"),
        ("inception_v3", "greater than actual input size"),
        ("crossvit_9_240", "dimension of length"),
    ],
)
def test_a_size_that_the_network_cannot_have_is_refused(name: str, reason: str) -> None:
    with torch.device("meta"), pytest.raises(ConfigError, match=f"cannot take pictures of 60 pixels .*{reason}"):
        BackboneSettings(backbone=name, image=60).build(3, 2)


def test_a_missing_library_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gliascope.models.library.find_spec", lambda name: None)
    with pytest.raises(MachineError, match=r'needs timm: not installed here. Run: pip install "gliascope\[train\]"'):
        BackboneSettings(**TINY).build(3, 2)


def test_no_library_is_imported_before_a_network_is_built() -> None:
    for file in Path(gliascope.models.__path__[0]).glob("*.py"):
        lines = re.findall(r"^(?:import|from) (\w+)", file.read_text(), re.MULTILINE)
        assert not {"timm", "monai", "torchvision", "segmentation_models_pytorch", "huggingface_hub"} & set(lines)


def test_is_a_module_of_two_parts() -> None:
    network = BackboneSettings(**TINY, head_dropout=0.0).build(3, 2)
    assert isinstance(network, Backbone)
    assert [type(layer) for layer in network.head] == [nn.Linear, nn.ReLU, nn.Dropout, nn.Linear]
