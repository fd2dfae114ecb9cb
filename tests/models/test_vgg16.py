"""VGG16 has the published number of parameters; a narrower one is an option."""

import pytest
import torch

from gliascope.errors import GeometryError
from gliascope.models import VGG16Settings, count_parameters

pytestmark = pytest.mark.train


def test_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        network = VGG16Settings().build(3, 4)
    assert count_parameters(network) == 65_070_916
    assert count_parameters(network.features) == 14_714_688


def test_other_sizes_are_refused_with_the_one_that_works() -> None:
    with pytest.raises(GeometryError, match="Resize to 128x128"):
        VGG16Settings(width=2, hidden=4).build(3, 4)(torch.zeros(1, 3, 64, 64))


def test_hidden_layers_drop_values_in_training_alone() -> None:
    network = VGG16Settings(width=2, hidden=64, initializer="he_uniform").build(1, 2)
    image = torch.rand(1, 1, 128, 128, generator=torch.Generator().manual_seed(1))
    assert not torch.equal(network(image), network(image))
    network.eval()
    assert torch.equal(network(image), network(image))
