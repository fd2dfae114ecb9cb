"""AlexNet has the published number of parameters and one input size."""

import pytest
import torch

from gliascope.errors import GeometryError
from gliascope.models import AlexNetSettings, count_parameters

pytestmark = pytest.mark.train


def test_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        assert count_parameters(AlexNetSettings().build(3, 4)) == 4_589_316


def test_other_sizes_are_refused_with_the_one_that_works() -> None:
    with torch.device("meta"):
        network = AlexNetSettings().build(3, 4)
    with pytest.raises(GeometryError, match="Resize to 128x128"):
        network(torch.zeros(1, 3, 256, 256))
