"""The classic, the improved and the attention U-Net: published sizes, and the joins that tell them apart."""

from typing import Any

import pytest
import torch
from torch import nn

from gliascope.errors import GeometryError
from gliascope.models import (
    AttentionUNet,
    AttentionUNetSettings,
    ClassicUNet,
    ClassicUNetSettings,
    ImprovedUNetSettings,
    build_network,
    count_parameters,
    load_network_settings,
)

pytestmark = pytest.mark.train

NAMES = ("unet_classic", "unet_improved", "unet_attention")


def picture(side: int = 32) -> torch.Tensor:
    return torch.rand(2, 4, side, side, generator=torch.Generator().manual_seed(5))


def attention() -> AttentionUNet:
    network = build_network(AttentionUNetSettings(width=4), 4, 3, seed=2).eval()
    assert isinstance(network, AttentionUNet)
    return network


@pytest.mark.parametrize(
    ("name", "at_16", "at_32"),
    [
        ("unet_classic", 1_375_043, 5_496_451),
        ("unet_improved", 799_075, 3_082_739),
        ("unet_attention", 843_319, 3_258_263),
    ],
)
def test_has_the_published_number_of_parameters(name: str, at_16: int, at_32: int) -> None:
    with torch.device("meta"):
        counts = [
            count_parameters(load_network_settings({"name": name, **size}).build(4, 3)) for size in ({"width": 16}, {})
        ]
    assert counts == [at_16, at_32]


@pytest.mark.parametrize("name", NAMES)
def test_doubling_keeps_the_corners(name: str) -> None:
    network = build_network(load_network_settings({"name": name, "width": 2}), 1, 1, seed=1)
    (up,) = [layer for layer in network.modules() if isinstance(layer, nn.Upsample)]
    small = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    large = up(small)
    assert large.shape == (1, 1, 4, 4)
    assert large[0, 0, 0].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert large[0, 0, -1, -1] == 3


@pytest.mark.parametrize("name", NAMES)
def test_wrong_size_names_one_that_works(name: str) -> None:
    network = build_network(load_network_settings({"name": name, "width": 2}), 4, 3, seed=1)
    with pytest.raises(GeometryError, match="Pad, crop or resize to 48x32"):
        network(torch.zeros(1, 4, 40, 32))


def test_classic_joins_what_comes_up_before_the_skip() -> None:
    network = build_network(ClassicUNetSettings(width=4, initializer="he_uniform"), 4, 3, seed=2).eval()
    assert isinstance(network, ClassicUNet)
    seen: dict[str, Any] = {}
    network.encoder[0].register_forward_hook(lambda _, __, out: seen.update(skip=out))
    network.decoder[2].register_forward_hook(lambda _, __, out: seen.update(below=out))
    network.decoder[3].register_forward_hook(lambda _, given, __: seen.update(joined=given[0]))
    network(picture())
    assert torch.equal(seen["joined"], torch.cat((network.up(seen["below"]), seen["skip"]), dim=1))


def test_units_are_depthwise_and_end_without_activation() -> None:
    network = ImprovedUNetSettings(width=4).build(4, 3)
    first = network.body.encoder[0]
    assert isinstance(first, nn.Sequential)
    kinds = ["Conv2d", "BatchNorm2d", "Conv2d", "ReLU", "Conv2d"]
    assert [type(layer).__name__ for layer in first] == kinds * 2
    depthwise = first[0]
    assert isinstance(depthwise, nn.Conv2d)
    assert (depthwise.groups, depthwise.kernel_size) == (4, (7, 7))


def test_gates_are_shown_from_coarse_to_fine_as_forward_opens_them() -> None:
    network, image = attention(), picture(48)
    seen: list[torch.Tensor] = []
    for gate in network.gates:
        gate.register_forward_hook(lambda _, __, out: seen.append(out))
    network(image)
    forward = seen[:4]
    maps = network.attention_maps(image)
    assert [tuple(each.shape) for each in maps] == [(2, 1, 3, 3), (2, 1, 6, 6), (2, 1, 12, 12), (2, 1, 24, 24)]
    assert all(torch.equal(shown, used) for shown, used in zip(maps, forward, strict=True))
    assert all(bool(((each > 0) & (each < 1)).all()) for each in maps)


def test_open_gates_make_it_the_improved_network() -> None:
    network, image = attention(), picture()
    improved = ImprovedUNetSettings(width=4).build(4, 3).eval()
    improved.body.load_state_dict(network.body.state_dict())
    for gate in network.gates:
        score = gate.get_submodule("score")
        assert isinstance(score, nn.Conv2d)
        nn.init.zeros_(score.weight)
        assert score.bias is not None
        nn.init.constant_(score.bias, 100.0)  # sigmoid: 1
    assert torch.allclose(network(image), improved(image), atol=1e-6)
