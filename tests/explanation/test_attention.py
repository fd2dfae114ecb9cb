"""Attention is read as the network has it; rollout is the product of its layers."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gliascope.explanation.attention import attention_of, patch_map, rollout

pytestmark = pytest.mark.train


def random_attention(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(4)).softmax(dim=-1)


def test_rollout_is_the_product_of_the_mixed_layers() -> None:
    attention = random_attention(3, 2, 4, 5, 5)
    found = rollout(attention).numpy()
    plain = attention.double().numpy()
    for batch in range(2):
        expected = np.eye(5)
        for layer in plain[:, batch]:
            mixed = np.mean(layer, axis=0) / 2 + np.eye(5) / 2
            expected = mixed @ expected
        np.testing.assert_allclose(found[batch], expected, rtol=1e-5)
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-5)


def test_no_attention_leaves_every_token_by_itself() -> None:
    alone = torch.eye(4).expand(2, 1, 3, 4, 4)
    assert torch.equal(rollout(alone)[0], torch.eye(4))


def test_patches_lie_as_in_the_image() -> None:
    flow = torch.zeros(1, 7, 7)
    flow[0, 0, 1:] = torch.arange(6.0)  # a class token, then 2 x 3 patches
    assert patch_map(flow, (4, 6)).tolist() == [[[0, 1, 2], [3, 4, 5]]]
    flow = torch.ones(1, 4, 4) * torch.arange(4.0)  # no class token: every token answers
    assert patch_map(flow, (8, 8)).tolist() == [[[0, 1], [2, 3]]]
    with pytest.raises(ValueError, match="no patches"):
        patch_map(torch.zeros(1, 40, 40), (8, 8))


class Gated(nn.Module):
    def attention_maps(self, image: Tensor) -> list[Tensor]:
        return [image[:, :1, ::2, ::2], image[:, :1]]


class Token(nn.Module):
    """Attention in timm's manner, with a kernel that hides its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.fused_attn = True
        self.attn_drop = nn.Dropout(0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        if self.fused_attn:
            return nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
        weights = self.attn_drop((tokens @ tokens.transpose(-1, -2) / tokens.shape[-1] ** 0.5).softmax(dim=-1))
        mixed: Tensor = weights @ tokens
        return mixed


def test_the_network_is_asked_or_watched() -> None:
    image = torch.rand(1, 2, 4, 4)
    gates = attention_of(Gated(), image)
    assert isinstance(gates, list)
    assert [tuple(each.shape) for each in gates] == [(1, 1, 2, 2), (1, 1, 4, 4)]
    tokens = [Token(), Token()]
    network = nn.Sequential(*tokens).eval()
    watched = attention_of(network, image)
    assert isinstance(watched, Tensor)
    assert watched.shape == (2, 1, 2, 4, 4)
    torch.testing.assert_close(watched[0] @ image, tokens[0](image))
    assert all(each.fused_attn for each in tokens)
    assert attention_of(nn.Conv2d(2, 2, 1), image) is None
