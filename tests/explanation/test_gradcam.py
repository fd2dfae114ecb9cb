"""Grad-CAM against sums by hand, and the choice of the feature map."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gliascope.errors import UsageError
from gliascope.explanation.gradcam import FeatureMap, grad_cam, last_feature_map
from gliascope.models import build_network, load_network_settings

pytestmark = pytest.mark.train


def tiny(*, in_place: bool = True) -> nn.Sequential:
    """Two features (the pixel, and 3 minus twice it), ReLU, mean over the places, two classes."""
    first, last = nn.Conv2d(1, 2, 1), nn.Linear(2, 2)
    weights = {
        "weight": torch.tensor([1.0, -2.0]).reshape(2, 1, 1, 1),
        "bias": torch.tensor([0.0, 3.0]),
    }
    first.load_state_dict(weights)
    last.load_state_dict({"weight": torch.tensor([[1.0, -1.0], [-2.0, 0.5]]), "bias": torch.zeros(2)})
    return nn.Sequential(first, nn.ReLU(inplace=in_place), nn.AdaptiveAvgPool2d(1), nn.Flatten(), last).eval()


IMAGE = torch.tensor([[[[0.0, 1.0, 2.0], [3.0, 0.5, 1.0]]]])


@pytest.mark.parametrize("in_place", [True, False])
def test_values_by_hand(*, in_place: bool) -> None:
    network = tiny(in_place=in_place)
    place = last_feature_map(network, IMAGE)
    assert place == FeatureMap("1")
    pixels = IMAGE[0, 0].numpy()
    one, two = pixels, np.maximum(3 - 2 * pixels, 0)
    # y_c = sum_k w_ck mean(A_k), so dy_c / dA_k = w_ck / 6 everywhere.
    expected = [np.maximum((one - two) / 6, 0), np.maximum((-2 * one + 0.5 * two) / 6, 0)]
    np.testing.assert_allclose(grad_cam(network, IMAGE, place).numpy(), expected, rtol=1e-6)


def test_a_named_layer_before_its_activation() -> None:
    pixels = IMAGE[0, 0].numpy()
    raw = np.stack([pixels, 3 - 2 * pixels])
    slopes = np.array([1.0, -1.0]) * (raw > 0).reshape(2, -1).mean(axis=1) / 6
    expected = np.maximum((slopes[:, None, None] * raw).sum(axis=0), 0)
    np.testing.assert_allclose(grad_cam(tiny(), IMAGE, FeatureMap("0"))[0].numpy(), expected, rtol=1e-6)


def test_layers_without_a_map_are_refused() -> None:
    with pytest.raises(UsageError, match="no layer 'nine'"):
        grad_cam(tiny(), IMAGE, FeatureMap("nine"))
    with pytest.raises(UsageError, match="no map"):
        grad_cam(tiny(), IMAGE, FeatureMap("4"))


class Branches(nn.Module):
    """Two branches that are joined: the last convolution alone would be half of the features."""

    def __init__(self) -> None:
        super().__init__()
        self.block = Joined()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.squeeze = nn.Conv2d(4, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.squeeze(self.pool(self.block(image))).flatten(1)  # type: ignore[no-any-return]


class Joined(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(1, 2, 1), nn.Conv2d(1, 2, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat((self.left(image), self.right(image)), dim=1)


def test_the_last_feature_map_takes_in_what_follows_the_last_convolution() -> None:
    assert last_feature_map(Branches(), IMAGE) == FeatureMap("block")
    network = build_network(load_network_settings({"name": "customcnn"}), 3, 4, seed=1).eval()
    image = torch.rand(1, 3, 128, 128)
    place = last_feature_map(network, image)
    assert place == FeatureMap("features.13")  # the activation behind the fourth convolution, before the pooling
    assert grad_cam(network, image, place).shape == (4, 5, 5)
    assert last_feature_map(nn.Sequential(nn.Flatten(), nn.Linear(6, 2)), IMAGE) is None


def test_patches_of_tokens_are_no_feature_map() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 1), nn.Flatten(2), nn.TransformerEncoderLayer(6, 2, 8, batch_first=True))
    assert last_feature_map(network.eval(), IMAGE) is None
