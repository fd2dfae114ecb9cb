"""Filters are the weights of the layer that meets the image first."""

import pytest
import torch
from torch import Tensor, nn

from gliascope.explanation.filters import Filters, first_filters
from gliascope.models import build_network, load_network_settings

pytestmark = pytest.mark.train


class Late(nn.Module):
    """A network whose first layer to run is the last one written down."""

    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Conv2d(4, 2, 1)
        self.first = nn.Conv2d(2, 4, (3, 5), groups=2)

    def forward(self, image: Tensor) -> Tensor:
        features: Tensor = self.second(self.first(image))
        return features


class Patches(nn.Module):
    """Patches of 2 x 4 pixels, flattened row, column, channel, through a linear layer."""

    def __init__(self, *, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.project = nn.Linear(24, 5)

    def forward(self, image: Tensor) -> Tensor:
        tokens = image.unfold(2, 2, 2).unfold(3, 4, 4).permute(0, 2, 3, 4, 5, 1).flatten(3).flatten(1, 2)
        features: Tensor = self.project(tokens * self.scale)
        return features


def filters_of(network: nn.Module, shape: tuple[int, ...]) -> Filters:
    found = first_filters(network.eval(), shape)
    assert isinstance(found, Filters)
    return found


def test_filters_equal_the_weights_of_the_layer_that_runs_first() -> None:
    network = Late()
    found = filters_of(network, (2, 8, 8))
    assert (found.layer, found.kind, found.groups) == ("first", "convolution", 2)
    assert torch.equal(torch.from_numpy(found.weights), network.first.weight)
    assert [found.channel_of(index, 0) for index in range(4)] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("settings", "shape", "layer"),
    [
        ({"name": "customcnn"}, (3, 128, 128), "features.0"),
        ({"name": "unet", "dimensions": 3, "width": 4, "depth": 1}, (2, 8, 8, 8), "encoder.0.0"),
    ],
)
def test_filters_of_real_networks(settings: dict[str, object], shape: tuple[int, ...], layer: str) -> None:
    network = build_network(load_network_settings(settings), shape[0], 3, seed=1)
    found = filters_of(network, shape)
    assert found.layer == layer
    assert torch.equal(torch.from_numpy(found.weights), network.get_parameter(f"{layer}.weight"))


def test_a_patch_projection_gives_filters_in_the_order_of_the_image() -> None:
    network = Patches()
    found = filters_of(network, (3, 8, 8))
    assert (found.layer, found.kind, found.weights.shape) == ("project", "patches", (5, 3, 2, 4))
    image = torch.rand(1, 3, 8, 8)
    by_filter = torch.nn.functional.conv2d(image, torch.from_numpy(found.weights), stride=(2, 4)).flatten(2)
    torch.testing.assert_close(by_filter.transpose(1, 2) + network.project.bias, network(image))


def test_a_linear_layer_over_everything_has_no_filters() -> None:
    for network in (nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), Patches(scale=0.3)):
        assert "no filters" in str(first_filters(network.eval(), (3, 8, 8)))
    empty = nn.Sequential(nn.BatchNorm2d(3))
    assert "neither" in str(first_filters(empty.eval(), (3, 8, 8)))
