"""DeepLabV3+ has the library's number of parameters, and trains on a batch of one."""

import pytest
import torch

from gliascope.errors import GeometryError
from gliascope.models import DeepLabV3PlusSettings, count_parameters
from gliascope.models.deeplabv3plus import PooledNorm

pytestmark = pytest.mark.train


def test_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        assert count_parameters(DeepLabV3PlusSettings().build(3, 1)) == 45_669_713


def test_a_batch_of_one_can_be_trained_on() -> None:
    network = DeepLabV3PlusSettings(encoder="resnet18", width=8).build(3, 1).train()
    logits = network(torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(1)))
    assert logits.shape == (1, 1, 32, 48)
    assert bool(logits.isfinite().all())


def test_pooled_features_are_normalized_as_a_batch_where_there_is_one() -> None:
    ours, plain = PooledNorm(3), torch.nn.BatchNorm2d(3)
    pair = torch.rand(2, 3, 1, 1, generator=torch.Generator().manual_seed(1))
    assert torch.equal(ours(pair), plain(pair))
    assert torch.equal(ours(pair[:1]), plain.eval()(pair[:1])), "running statistics, left as they are"
    assert ours.num_batches_tracked is not None
    assert int(ours.num_batches_tracked) == 1


def test_other_sizes_are_refused_with_one_that_works() -> None:
    with torch.device("meta"), pytest.raises(GeometryError, match="Pad, crop or resize to 48x32"):
        DeepLabV3PlusSettings(encoder="resnet18", width=8).build(3, 1)(torch.zeros(1, 3, 40, 32))
