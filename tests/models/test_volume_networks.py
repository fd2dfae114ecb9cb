"""The V-Net and the first 3-D U-Net: sizes derived from their papers, and the V-Net's residual sums."""

from typing import Any

import pytest
import torch
from torch import nn

from gliascope.errors import ConfigError, GeometryError
from gliascope.models import CicekUNetSettings, VNetSettings, build_network, count_parameters, load_network_settings

pytestmark = pytest.mark.train


@pytest.mark.parametrize(
    ("options", "channels", "count"),
    [
        pytest.param({"name": "vnet"}, (1, 1), 65_175_281, id="V-Net, one region"),
        pytest.param({"name": "vnet"}, (1, 4), 65_175_380, id="V-Net, four classes"),
        pytest.param(
            {"name": "vnet", "convs_down": [1, 2, 3, 2, 2], "convs_up": [2, 2, 1, 1]},
            (1, 1),
            44_181_617,
            id="V-Net, lighter",
        ),
        pytest.param({"name": "unet3d_cicek"}, (1, 4), 19_073_860, id="3-D U-Net"),
        # The paper's 19,069,955 leaves out the up-convolutions' biases (896).
        pytest.param(
            {"name": "unet3d_cicek", "norm": "none"}, (3, 3), 19_069_955 + 896, id="3-D U-Net as in its paper"
        ),
    ],
)
def test_has_the_published_number_of_parameters(options: dict[str, Any], channels: tuple[int, int], count: int) -> None:
    with torch.device("meta"):
        network = load_network_settings(options).build(*channels)
    assert count_parameters(network) == count


def test_every_stage_of_the_vnet_adds_its_input() -> None:
    network = build_network(VNetSettings(width=4, convs_up=(1, 1, 1, 2)), 3, 1, seed=1)
    image = torch.rand(1, 3, 16, 16, 16, generator=torch.Generator().manual_seed(2))
    for layer in network.modules():
        if isinstance(layer, nn.Conv3d) and layer.kernel_size == (5, 5, 5):
            nn.init.zeros_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    first = network.get_submodule("encoder.0")
    repeated = first(image)
    assert torch.equal(repeated, image[:, [0, 1, 2, 0]]), "the image, repeated to the width"
    last = network.get_submodule("decoder.3")
    joined = torch.rand(1, 8, 4, 4, 4)
    assert torch.equal(last(joined), joined)


def test_vnet_narrower_than_its_image_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"repeats the 4 input channels.*Set width = 4 or more"):
        VNetSettings(width=2).build(4, 1)


@pytest.mark.parametrize("norm", ["none", "instance", "group"])
def test_normalizations_of_the_3d_unet_are_options(norm: str) -> None:
    network = load_network_settings({"name": "unet3d_cicek", "width": 4, "groups": 2, "norm": norm}).build(2, 3)
    assert network(torch.zeros(1, 2, 8, 8, 16)).shape == (1, 3, 8, 8, 16)


def test_groups_must_divide_the_width() -> None:
    with pytest.raises(ConfigError, match="must divide width"):
        load_network_settings({"name": "unet3d_cicek", "width": 12, "norm": "group"})


@pytest.mark.parametrize(
    ("settings", "works"), [(VNetSettings(width=4), "16x16x32"), (CicekUNetSettings(width=4), "8x16x24")]
)
def test_wrong_size_names_one_that_works(settings: VNetSettings | CicekUNetSettings, works: str) -> None:
    with pytest.raises(GeometryError, match=f"Pad, crop or resize to {works}"):
        settings.build(1, 1)(torch.zeros(1, 1, 8, 16, 24) if "32" in works else torch.zeros(1, 1, 4, 16, 20))
