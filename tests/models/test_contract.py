"""Every family of networks keeps the same promises."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gliascope.errors import ConfigError, GeometryError
from gliascope.inference.conversion import to_openvino
from gliascope.inference.openvino_backend import openvino_core
from gliascope.models import NETWORKS, build_network, count_parameters, load_network_settings

pytestmark = pytest.mark.train

SMALL: dict[str, dict[str, Any]] = {
    "alexnet": {"name": "alexnet"},
    "backbone": {"name": "backbone", "backbone": "test_vit", "image": 64, "hidden": 8},
    "backbone_unet": {"name": "backbone_unet", "backbone": "test_efficientnet", "widths": [8, 8, 8, 8]},
    "customcnn": {"name": "customcnn"},
    "deeplabv3plus": {"name": "deeplabv3plus", "encoder": "resnet18", "width": 16},
    "residual_unet": {"name": "residual_unet", "width": 4, "depth": 2},
    "segresnet": {"name": "segresnet", "width": 8, "blocks_down": [1, 1], "blocks_up": [1]},
    "swin_unetr": {"name": "swin_unetr", "width": 12, "layers": [1, 1, 1, 1]},
    "unetplusplus": {"name": "unetplusplus", "width": 4},
    "unet": {"name": "unet", "width": 4, "depth": 2},
    "unet3d_cicek": {"name": "unet3d_cicek", "width": 2},
    "unet_attention": {"name": "unet_attention", "width": 4},
    "unet_classic": {"name": "unet_classic", "width": 4, "initializer": "he_uniform"},
    "unet_improved": {"name": "unet_improved", "width": 4},
    "vgg16": {"name": "vgg16", "width": 4, "hidden": 16, "dropout": 0.0, "initializer": "he_uniform"},
    "vit": {"name": "vit", "image": 32, "dim": 16, "layers": 2, "heads": 2, "feedforward": 8, "dropout": 0.0},
    "vnet": {"name": "vnet", "width": 4, "convs_down": [1, 1, 1, 1, 2], "convs_up": [1, 1, 1, 1]},
}

ONE_EXPORTED_SIZE = {"swin_unetr"}
"""Families whose exported form takes the size it was made with alone."""


def batch_for(name: str) -> torch.Tensor:
    settings = load_network_settings(SMALL[name])
    size = settings.input_size or (settings.divisor * 2,) * settings.dimensions
    return torch.rand((2, 3, *size), generator=torch.Generator().manual_seed(7))


def test_every_family_has_a_small_member_here() -> None:
    assert set(SMALL) == set(NETWORKS)


@pytest.mark.parametrize("name", sorted(NETWORKS))
class TestEveryNetwork:
    def test_gives_logits_of_the_promised_shape(self, name: str) -> None:
        settings = load_network_settings(SMALL[name])
        image = batch_for(name)
        logits = build_network(settings, 3, 4, seed=1)(image)
        expected = (2, 4, *image.shape[2:]) if settings.task == "segment" else (2, 4)
        assert tuple(logits.shape) == expected
        assert bool((logits < 0).any()), "logits, not probabilities"

    def test_sends_a_gradient_to_every_weight(self, name: str) -> None:
        network = build_network(load_network_settings(SMALL[name]), 3, 4, seed=1)
        network(batch_for(name)).square().sum().backward()
        without = [n for n, p in network.named_parameters() if p.grad is None or not bool(p.grad.any())]
        behind_norm = [n for n in without if n.endswith("bias")]  # a norm takes a constant away
        assert without == behind_norm

    def test_is_deterministic_in_evaluation(self, name: str) -> None:
        network = build_network(load_network_settings(SMALL[name]), 3, 4, seed=1).eval()
        image = batch_for(name)
        assert torch.equal(network(image), network(image))

    def test_first_weights_depend_on_the_seed_alone(self, name: str) -> None:
        settings = load_network_settings(SMALL[name])
        before = torch.random.get_rng_state()
        weights = [build_network(settings, 3, 4, seed=seed).state_dict() for seed in (1, 1, 2)]
        assert torch.equal(before, torch.random.get_rng_state())
        assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
        assert not all(torch.equal(weights[0][key], weights[2][key]) for key in weights[0])

    def test_settings_survive_json(self, name: str) -> None:
        settings = load_network_settings(SMALL[name])
        assert load_network_settings(settings.model_dump(mode="json")) == settings

    def test_refuses_wrong_channels(self, name: str) -> None:
        network = build_network(load_network_settings(SMALL[name]), 3, 4, seed=1)
        with pytest.raises(GeometryError, match=r"channels|takes pictures"):
            network(batch_for(name)[:, :2])

    def test_computes_in_bf16_with_channels_last(self, name: str) -> None:
        settings = load_network_settings(SMALL[name])
        layout = torch.channels_last if settings.dimensions == 2 else torch.channels_last_3d
        network, image = build_network(settings, 3, 4, seed=1).eval(), batch_for(name)
        with torch.no_grad():
            expected = network(image)
        network, image = network.to(memory_format=layout), image.to(memory_format=layout)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(image).float()
            logits.square().mean().backward()
        assert float((logits.detach() - expected).abs().max()) < 0.05 * float(expected.abs().max())
        grads = [p.grad for p in network.parameters() if p.grad is not None]
        assert all(bool(grad.isfinite().all()) for grad in grads)

    def test_says_the_same_in_openvino(self, name: str) -> None:
        settings = load_network_settings(SMALL[name])
        network, image = build_network(settings, 3, 4, seed=1).eval(), batch_for(name)
        made_with = list(image.shape)
        if settings.input_size is None and name not in ONE_EXPORTED_SIZE:
            made_with[-1] += settings.divisor
        exported = to_openvino(network, (1, *made_with[1:]))
        exported.reshape(list(image.shape))
        compiled = openvino_core().compile_model(exported, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        with torch.inference_mode():
            expected = network(image).numpy()
        difference = np.abs(compiled(image.numpy())[0] - expected).max()
        between_images = np.abs(expected[0] - expected[1]).max()
        assert difference < 1e-3 * between_images


def test_unknown_family_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'customcnn', .*'unet'"):
        load_network_settings({"name": "resnet"})


def test_counts_weights_but_no_running_statistics() -> None:
    assert count_parameters(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))) == 20 + 4
