"""The U-Net's options give the networks of the source documents, to the last parameter."""

from typing import Any, Literal

import pytest
import torch
from torch import nn

from gliascope.errors import ConfigError, GeometryError
from gliascope.models import UNetSettings, build_network, count_parameters, load_network_settings

pytestmark = pytest.mark.train

S1_3D = {
    "dimensions": 3,
    "width": 16,
    "norm": "instance",
    "norm_after_up": True,
    "plain_last": True,
    "dropout": (0.1, 0.1, 0.2, 0.2, 0.3),
    "dropout_place": "first",
    "initializer": "he_uniform",
}


@pytest.mark.parametrize(
    ("options", "channels", "count"),
    [
        pytest.param({"width": 16, "norm": "none", "up": "nearest"}, (2, 4), 1_962_532, id="S1 2-D"),
        pytest.param(S1_3D, (4, 4), 5_649_652, id="S1 3-D"),
        pytest.param({"depth": 3}, (4, 4), 1_928_804, id="S0 model 1"),
        pytest.param({"width": 64, "norm": "none"}, (4, 4), 31_032_516, id="S0 model 2"),
        pytest.param({"dimensions": 3, "depth": 3}, (4, 4), 5_605_220, id="S0 3-D, 32 filters"),
        pytest.param({"dimensions": 3, "depth": 3, "width": 16}, (4, 4), 1_403_316, id="S0 3-D, 16 filters"),
        pytest.param({"width": 64, "norm": "none"}, (3, 1), 31_031_745, id="S3"),
        pytest.param({"dimensions": 3, "width": 16, "norm": "none"}, (1, 4), 5_644_964, id="S4, FLAIR"),
        pytest.param({"dimensions": 3, "width": 16, "norm": "none"}, (3, 4), 5_645_828, id="S4, three sequences"),
    ],
)
def test_has_the_published_number_of_parameters(options: dict[str, Any], channels: tuple[int, int], count: int) -> None:
    with torch.device("meta"):
        network = UNetSettings(**options).build(*channels)
    assert count_parameters(network) == count


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {"norm": "group", "groups": 2, "activation": "leaky_relu"},
        {"norm": "none", "up": "bilinear", "skip": "add", "activation": "mish"},
        {"norm": "instance", "up": "nearest", "convs": 1, "activation": "prelu"},
        {"skip": "add", "convs": 3, "dropout": 0.2, "dropout_kind": "channel", "initializer": "he_normal"},
    ],
)
def test_every_option_keeps_the_shape(dimensions: int, options: dict[str, Any]) -> None:
    network = load_network_settings({"name": "unet", "dimensions": dimensions, "width": 4, "depth": 2, **options})
    image = torch.rand((1, 2, *(8,) * dimensions), generator=torch.Generator().manual_seed(1))
    assert network.build(2, 3)(image).shape == (1, 3, *(8,) * dimensions)


@pytest.mark.parametrize("options", [{}, {"patch": 2}, {"initializer": "he_uniform"}])
def test_first_answers_with_the_prior(options: dict[str, Any]) -> None:
    settings = load_network_settings({"name": "unet", "width": 4, "depth": 1, "foreground_prior": 0.05, **options})
    drawn = load_network_settings({"name": "unet", "width": 4, "depth": 1, **options})
    image = torch.rand((1, 2, 16, 16), generator=torch.Generator().manual_seed(1))
    expecting, even = (build_network(network, 2, 3, seed=3).eval() for network in (settings, drawn))
    assert expecting.get_parameter("head.bias").sigmoid().tolist() == pytest.approx([0.05] * 3)
    for network in (expecting, even):
        nn.init.zeros_(network.get_parameter("head.bias"))
    assert torch.equal(expecting(image), even(image))  # nothing else is drawn otherwise


@pytest.mark.parametrize(
    ("place", "levels"),
    [("first", 5), ("second", 5), ("bottom", 1)],  # two encoders, the bottom, two decoders
)
def test_dropout_stands_where_it_is_put(place: str, levels: int) -> None:
    settings = load_network_settings(
        {"name": "unet", "width": 2, "depth": 2, "dropout": 0.5, "dropout_kind": "channel", "dropout_place": place}
    )
    network = settings.build(1, 1)
    assert sum(isinstance(layer, nn.Dropout2d) for layer in network.modules()) == levels


def test_dropout_ladder_mirrors_in_the_decoder() -> None:
    network = UNetSettings(width=2, depth=2, dropout=(0.1, 0.2, 0.3)).build(1, 1)
    assert [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)] == [0.1, 0.2, 0.3, 0.2, 0.1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dropout": [0.1, 0.2]}, "dropout needs one value or 5"),
        ({"dropout": 1.0}, "below 1"),
        ({"norm": "group", "width": 12}, "must divide"),
        ({"widht": 8}, "Did you mean 'width'"),
    ],
)
def test_wrong_settings_say_what_works(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_network_settings({"name": "unet", **wrong})


def test_wrong_size_names_one_that_works() -> None:
    network = UNetSettings(width=2, depth=3).build(1, 1)
    with pytest.raises(GeometryError, match="Pad, crop or resize to 24x16"):
        network(torch.zeros(1, 1, 20, 16))


def test_initializers_differ_and_zero_the_biases() -> None:
    weights = {}
    for kind in ("default", "he_uniform", "he_normal", "glorot_uniform"):
        torch.default_generator.manual_seed(3)
        network = load_network_settings({"name": "unet", "width": 4, "depth": 1, "initializer": kind}).build(1, 1)
        first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
        assert first.bias is not None
        weights[kind] = first.weight.std().item()
        assert (kind == "default") == bool(first.bias.any())
    assert len(set(weights.values())) == 4
    assert weights["he_uniform"] == pytest.approx((2 / 9) ** 0.5, rel=0.35)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_patch_keeps_the_size_and_works_at_a_fraction_of_it(dimensions: Literal[2, 3]) -> None:
    settings = UNetSettings(dimensions=dimensions, width=4, depth=2, patch=2)
    network = settings.build(3, 2).eval()
    assert settings.divisor == 8
    seen: list[torch.Size] = []
    network.encoder[0].register_forward_hook(lambda module, given, out: seen.append(out.shape))
    image = torch.randn(1, 3, *(16,) * dimensions)
    assert network(image).shape == (1, 2, *(16,) * dimensions)
    assert seen[0] == (1, 4, *(8,) * dimensions)


def test_without_a_patch_first_weights_stay_what_they_were() -> None:
    plain = build_network(UNetSettings(width=4, depth=1), 1, 1, seed=1)
    assert not any(name.startswith("joins") for name in plain.state_dict())
    assert next(iter(plain.state_dict())).startswith("encoder.0")


def test_the_widest_level_is_limited() -> None:
    assert UNetSettings(width=8, depth=3, widest=24).widths == [8, 16, 24, 24]
    assert UNetSettings(width=8, depth=3).widths == [8, 16, 32, 64]
