"""The vision transformer computes what PyTorch's own layers compute, and shows its attention."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from gliascope.errors import ConfigError, GeometryError
from gliascope.models import ViT, ViTSettings, build_network, count_parameters, load_network_settings

pytestmark = pytest.mark.train

SMALL = {"name": "vit", "image": 12, "patch": 4, "dim": 8, "layers": 3, "heads": 2, "feedforward": 16}


Activation = Callable[[torch.Tensor], torch.Tensor]


def small(**options: object) -> ViT:
    network = build_network(load_network_settings({**SMALL, **options}), 2, 5, seed=3).eval()
    assert isinstance(network, ViT)
    return network


def picture() -> torch.Tensor:
    return torch.rand(2, 2, 12, 12, generator=torch.Generator().manual_seed(4))


def reference_layer(own: nn.Module, activation: Activation) -> nn.TransformerEncoderLayer:
    """Return PyTorch's layer with the weights of ours."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation=activation, batch_first=True)
    names = {
        "self_attn.in_proj_": "attention.projected.",
        "self_attn.out_proj.": "attention.out.",
        "linear1.": "feedforward.0.",
        "linear2.": "feedforward.3.",
        "norm1.": "norm_attention.",
        "norm2.": "norm_feedforward.",
    }
    weights = own.state_dict()
    pairs = [(new + kind, old + kind) for new, old in names.items() for kind in ("weight", "bias")]
    layer.load_state_dict({new: weights[old] for new, old in pairs})
    return layer.train()  # without dropout the same arithmetic, never the fused kernel


def test_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        network = ViTSettings().build(3, 4)
    assert count_parameters(network) == 21_459_460
    assert network.positions.shape == (1, 65, 512)
    assert count_parameters(network.layers[0]) == 2_102_784


@pytest.mark.parametrize(("name", "activation"), [("mish", nn.functional.mish), ("relu", nn.functional.relu)])
def test_equals_pytorchs_layers_in_the_described_order(name: str, activation: Activation) -> None:
    network, image = small(activation=name), picture()
    patches = [image[:, :, i : i + 4, j : j + 4] for i in (0, 4, 8) for j in (0, 4, 8)]
    rows = torch.stack([patch.permute(0, 2, 3, 1).flatten(1) for patch in patches], dim=1)  # channel fastest
    tokens = torch.cat((network.class_token.expand(2, 1, 8), network.embed(rows)), dim=1) + network.positions
    for own in network.layers:
        tokens = network.between(reference_layer(own, activation)(tokens) + tokens)
    expected = network.head(tokens[:, 0])
    assert torch.allclose(network(image), expected, atol=1e-5)


def test_attention_maps_are_those_that_forward_mixes_by() -> None:
    network, image = small(dropout=0.3), picture()
    seen: list[torch.Tensor] = []
    for layer in network.layers:
        layer.register_forward_hook(lambda module, given, _: seen.append(given[0]))
    network(image)
    entering = seen[:3]
    maps = network.attention_maps(image)
    assert maps.shape == (3, 2, 2, 10, 10)
    assert torch.allclose(maps.sum(dim=-1), torch.ones(3, 2, 2, 10), atol=1e-6)
    for own, tokens, shares in zip(network.layers, entering, maps, strict=True):
        attention: Any = own.attention
        reference = reference_layer(own, nn.functional.relu).self_attn
        _, expected = reference(tokens, tokens, tokens, average_attn_weights=False)
        assert torch.allclose(shares, expected, atol=1e-6)
        value = attention.projected(tokens)[..., 16:].reshape(2, 10, 2, 4).transpose(1, 2)
        mixed = attention.out((shares @ value).transpose(1, 2).reshape(2, 10, 8))
        assert torch.allclose(attention(tokens), mixed, atol=1e-6)


def test_logits_are_dropped_in_training_alone() -> None:
    network, image = small(dropout=0.9).train(), picture()
    assert bool((network(image) == 0).any())
    assert not bool((network.eval()(image) == 0).any())


def test_first_tokens_are_normally_distributed() -> None:
    network = build_network(ViTSettings(layers=1), 3, 4, seed=1)
    assert isinstance(network, ViT)
    assert float(network.positions.detach().std()) == pytest.approx(1, abs=0.02)
    assert float(network.class_token.detach().std()) == pytest.approx(1, abs=0.1)
    assert not bool(network.layers[0].get_parameter("attention.projected.bias").any())


@pytest.mark.parametrize(
    ("wrong", "message"), [({"patch": 5}, "patch .5. must divide image .12."), ({"heads": 3}, "heads .3. must divide")]
)
def test_wrong_settings_say_what_works(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_network_settings({**SMALL, **wrong})


def test_other_sizes_are_refused_with_the_one_that_works() -> None:
    with pytest.raises(GeometryError, match=r"Resize to 12x12 .* network.image"):
        small()(torch.zeros(1, 2, 16, 16))
