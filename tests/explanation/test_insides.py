"""What is found in a network, at the size of the image, and why the rest is not."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gliascope.explanation import look_inside
from gliascope.models import build_network, load_network_settings

pytestmark = pytest.mark.train


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 2, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return self.first(image)  # type: ignore[no-any-return]

    def attention_maps(self, image: Tensor) -> list[Tensor]:
        fine = torch.sigmoid(image[:, :1])
        return [nn.functional.avg_pool2d(fine, 4), fine]


def test_gates_are_cut_back_to_the_image() -> None:
    image = np.random.default_rng(0).normal(size=(1, 6, 10)).astype(np.float32)
    found = look_inside(Gated().eval(), image, classes=None, divisor=8)
    assert [(m.kind, m.name, m.native.shape, m.image.shape) for m in found.maps] == [
        ("gate", "1 of 2", (2, 4), (6, 10)),
        ("gate", "2 of 2", (8, 16), (6, 10)),
    ]
    np.testing.assert_allclose(found.maps[1].image, 1 / (1 + np.exp(-image[0])), rtol=1e-5)
    assert found.filters is not None
    assert found.absent == {}


def test_a_classifier_has_a_map_for_every_class() -> None:
    network = build_network(load_network_settings({"name": "customcnn"}), 3, 2, seed=1).eval()
    image = np.random.default_rng(0).random((3, 128, 128), dtype=np.float32)
    found = look_inside(network, image, classes=("glioma", "no_tumor"))
    assert [(m.kind, m.name, m.image.shape) for m in found.maps] == [
        ("gradcam", "glioma", (128, 128)),
        ("gradcam", "no_tumor", (128, 128)),
    ]
    assert found.absent == {"attention": "The network has no attention layers that span the whole image."}
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_plain_unet_says_what_it_lacks() -> None:
    network = build_network(load_network_settings({"name": "unet", "width": 4, "depth": 1}), 1, 1, seed=1).eval()
    found = look_inside(network, np.zeros((1, 5, 5), np.float32), classes=None, divisor=2)
    assert found.maps == ()
    assert found.absent == {"attention": "The network has no attention gates."}
