"""Where a network attends: the gates of an attention U-Net, and rollout through the layers of a transformer.

Source:
    Gates: Oktay 2018, arxiv.org/abs/1804.03999. Rollout: Abnar & Zuidema 2020, doi:10.18653/v1/2020.acl-main.385.
"""

import contextlib
import math
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

MOST_FRONT = 8
"""Tokens that may stand in front of those of the patches: the answer's, and registers."""


@runtime_checkable
class Attending(Protocol):
    """A network that can show its attention."""

    def attention_maps(self, image: Tensor) -> list[Tensor] | Tensor:
        """Return what it attends to in a batch ``(B, C, *S)``.

        Gates: a list of maps ``(B, 1, *s)`` from coarse to fine, 0 to 1. Layers of tokens: one tensor
        ``(layers, B, heads, tokens, tokens)`` whose rows add up to 1, the class token first.
        """


def attention_of(network: nn.Module, image: Tensor) -> list[Tensor] | Tensor | None:
    """Return the gates (a list) or the attention between tokens (a tensor) for an image batch, None without either.

    Asks the network's own ``attention_maps``; transformers of timm, which have none, are watched while they run.

    Args:
        network: In evaluation mode.
        image: Shape ``(1, C, *S)``.
    """
    with torch.no_grad():
        if isinstance(network, Attending):
            return network.attention_maps(image)
        return _watched(network, image)


def rollout(attention: Tensor) -> Tensor:
    """Return how much of each input token reaches each output token through all layers.

    Per layer the heads are averaged, and half of every token's information is taken to pass beside the attention
    (the residual connection): ``0.5 A + 0.5 I``, its rows scaled to 1. The layers are multiplied, the last one first.

    Args:
        attention: Shape ``(layers, B, heads, T, T)``, rows (over the last axis) adding up to 1.

    Returns:
        Shape ``(B, T, T)``; every row adds up to 1.
    """
    mixed = 0.5 * attention.mean(dim=2) + 0.5 * torch.eye(attention.shape[-1], device=attention.device)
    mixed = mixed / mixed.sum(dim=-1, keepdim=True)
    total = mixed[0]
    for layer in mixed[1:]:
        total = layer @ total
    return total


def patch_map(flow: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return what reaches the answer from each patch of the image, laid out as the patches lie.

    Args:
        flow: From ``rollout``, shape ``(B, T, T)``. Tokens in front of the patches (the class token) are those that a
            square layout leaves over; the first of them gives the answer. Without any, all tokens do, on average.
        size: Of the image, ``*S``; the patches are squares (cubes) and run along the last axis first.

    Returns:
        Shape ``(B, *s)``; not scaled.
    """
    tokens = flow.shape[-1]
    counts = {side: _patches(size, side) for side in range(1, min(size) + 1)}
    fitting = [side for side, count in counts.items() if 0 < count <= tokens <= count + MOST_FRONT]
    if not fitting:
        raise ValueError(f"{tokens} tokens are no patches of an image of {size}")
    side = min(fitting)
    front = tokens - counts[side]
    reaching = flow[:, 0, front:] if front else flow.mean(dim=1)
    return reaching.reshape(len(flow), *(n // side for n in size))


def _patches(size: tuple[int, ...], side: int) -> int:
    """Return how many patches of a side an image has, 0 where they do not fit."""
    return 0 if any(n % side for n in size) else math.prod(n // side for n in size)


def _watched(network: nn.Module, image: Tensor) -> Tensor | None:
    """Return the attention of layers in timm's manner, or None without such layers."""
    layers = [layer for layer in network.modules() if hasattr(layer, "fused_attn") and hasattr(layer, "attn_drop")]
    if not layers:
        return None
    seen: list[Tensor] = []
    with _not_fused(layers), contextlib.ExitStack() as hooks:
        for drop in [layer.attn_drop for layer in layers]:
            if not isinstance(drop, nn.Module):
                return None
            hook = drop.register_forward_hook(lambda _layer, _given, weights: seen.append(weights))
            hooks.callback(hook.remove)
        network(image)
    same = len(seen) == len(layers) and len({tuple(each.shape) for each in seen}) == 1
    return torch.stack(seen) if same and seen[0].shape[-1] == seen[0].shape[-2] else None


@contextlib.contextmanager
def _not_fused(layers: list[nn.Module]) -> Iterator[None]:
    """Let the layers spell out their attention instead of handing it to a fused kernel."""
    before = [layer.fused_attn for layer in layers]
    try:
        for layer in layers:
            layer.fused_attn = False  # type: ignore[assignment]  # a plain truth value of timm's
        yield
    finally:
        for layer, fused in zip(layers, before, strict=True):
            layer.fused_attn = fused
