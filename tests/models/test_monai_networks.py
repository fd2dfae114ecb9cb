"""MONAI's networks in 2-D and 3-D behind our checks."""

from typing import Any

import pytest
import torch

from gliascope.errors import ConfigError, GeometryError
from gliascope.models import build_network, count_parameters, load_network_settings

pytestmark = pytest.mark.train

FAMILIES: dict[str, dict[str, Any]] = {
    "residual_unet": {"width": 4, "depth": 2},
    "unetplusplus": {"width": 4, "up": "linear", "norm": "batch"},
    "segresnet": {"width": 8, "blocks_down": [1, 2], "blocks_up": [1], "up": "transposed", "dropout": 0.1},
    "swin_unetr": {"width": 12, "layers": [1, 1, 1, 1], "residual_stages": True, "dropout": 0.1, "drop_path": 0.1},
}


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_option_keeps_the_shape(name: str, dimensions: int) -> None:
    settings = load_network_settings({"name": name, "dimensions": dimensions, **FAMILIES[name]})
    size = (settings.divisor * 2, *(settings.divisor,) * (dimensions - 1))
    with torch.device("meta"):
        network = build_network(settings, 2, 3, seed=1)
        assert network(torch.zeros(1, 2, *size)).shape == (1, 3, *size)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        pytest.param({"name": "residual_unet", "width": 16}, 4_810_074, id="residual U-Net"),
        pytest.param({"name": "segresnet", "width": 16}, 4_702_227, id="SegResNet"),
        pytest.param({"name": "swin_unetr", "width": 48}, 62_191_941, id="SwinUNETR"),
    ],
)
def test_has_the_library_s_number_of_parameters(options: dict[str, Any], count: int) -> None:
    with torch.device("meta"):
        network = load_network_settings({"dimensions": 3, **options}).build(4, 3)
    assert count_parameters(network) == count


@pytest.mark.parametrize("name", ["residual_unet", "unetplusplus", "swin_unetr"])
def test_one_voxel_that_cannot_be_normalized_is_refused(name: str) -> None:
    settings = load_network_settings(
        {"name": name, **FAMILIES[name], **({} if "swin" in name else {"norm": "instance"})}
    )
    size = (settings.divisor,) * 2
    with torch.device("meta"):
        network = settings.build(1, 1)
        with pytest.raises(GeometryError, match=r"one voxel at the coarsest level.*or more"):
            network(torch.zeros(1, 1, *size))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "segresnet", "blocks_up": [1]}, "blocks_up needs 3 values, got 1"),
        ({"name": "segresnet", "width": 12}, r"groups \(8\) must divide width \(12\)"),
        ({"name": "swin_unetr", "width": 16}, "multiple of 12"),
        ({"name": "swin_unetr", "heads": [3, 6, 12, 23]}, r"heads\[3\] \(23\) must divide"),
    ],
)
def test_wrong_settings_say_what_works(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_network_settings(wrong)
