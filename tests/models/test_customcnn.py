"""CustomCNN has the published number of parameters and one input size."""

import pytest
import torch

from gliascope.errors import GeometryError
from gliascope.models import CustomCNNSettings, count_parameters

pytestmark = pytest.mark.train


def test_has_the_published_number_of_parameters() -> None:
    assert count_parameters(CustomCNNSettings().build(3, 4)) == 3_001_156


def test_other_sizes_are_refused_with_the_one_that_works() -> None:
    with pytest.raises(GeometryError, match="Resize to 128x128"):
        CustomCNNSettings().build(3, 4)(torch.zeros(1, 3, 256, 256))


def test_dropout_and_activation_are_options() -> None:
    network = CustomCNNSettings(dropout=0.0, activation="relu").build(1, 2)
    names = {type(layer).__name__ for layer in network.modules()}
    assert "ReLU" in names
    assert "Mish" not in names
    image = torch.rand(2, 1, 128, 128, generator=torch.Generator().manual_seed(1))
    assert torch.equal(network(image), network(image)), "no dropout, so training mode repeats"
