"""The filters of a network's first layer: what it looks for before it has learned to combine anything."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_Layer = nn.Conv2d | nn.Conv3d | nn.Linear


@dataclass(frozen=True, eq=False)
class Filters:
    """The weights of the first layer.

    Args:
        layer: Its name in the network.
        kind: ``convolution``, or ``patches`` where each filter belongs to the projection of a patch to a token.
        weights: Shape ``(N, C / groups, *k)``: N filters over the image's channels; equal to the layer's weights.
        groups: Groups of channels; with as many groups as channels each filter sees one channel alone.
    """

    layer: str
    kind: Literal["convolution", "patches"]
    weights: NDArray[np.float32]
    groups: int = 1

    def channel_of(self, index: int, place: int) -> int:
        """Return the image channel that filter ``index`` looks at with its ``place``-th channel."""
        size = self.weights.shape[1]
        return index // (len(self.weights) // self.groups) * size + place


def first_filters(network: nn.Module, shape: tuple[int, ...]) -> Filters | str:
    """Return the filters of the layer that meets the image first, or why there are none.

    The layer is found by running the network up to it, not by its place in the code. What a linear layer sees is found
    by giving it an image whose values are their own numbers, so no order of pixels in a patch is assumed.

    Args:
        network: In evaluation mode.
        shape: Of a prepared image, ``(C, *S)``.

    Returns:
        The filters, or a sentence.
    """
    numbers = torch.arange(int(np.prod(shape)), dtype=torch.float32).reshape(1, *shape)
    found = _first_layer(network, numbers)
    if found is None:
        return "The network has neither a convolution nor a linear layer."
    name, layer, given = found
    weights = layer.weight.detach().float().cpu().numpy()
    if not isinstance(layer, nn.Linear):
        kind: Literal["convolution", "patches"] = "patches" if _is_patches(layer) else "convolution"
        return Filters(name, kind, weights, layer.groups)
    patches = _as_patches(weights, given, shape)
    if patches is None:
        return f"The first layer, '{name}', sees the whole image at once: it has no filters."
    return Filters(name, "patches", patches)


def _is_patches(layer: nn.Conv2d | nn.Conv3d) -> bool:
    """Say whether a convolution cuts the image into patches that do not overlap."""
    return tuple(layer.kernel_size) == tuple(layer.stride) and layer.kernel_size[0] > 1


class _ReachedError(Exception):
    """The first layer is about to run; nothing behind it needs to."""

    def __init__(self, layer: _Layer, given: Tensor) -> None:
        super().__init__()
        self.layer = layer
        self.given = given


def _first_layer(network: nn.Module, image: Tensor) -> tuple[str, _Layer, Tensor] | None:
    """Run the network until a layer with filters is reached; return its name, itself and its input."""

    def stop(layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        if isinstance(layer, _Layer):
            raise _ReachedError(layer, given[0])

    names = {layer: name for name, layer in network.named_modules() if isinstance(layer, _Layer)}
    hooks = [layer.register_forward_pre_hook(stop) for layer in names]
    try:
        with torch.no_grad():
            network(image.to(next(network.parameters()).device))
    except _ReachedError as reached:
        return names[reached.layer], reached.layer, reached.given
    finally:
        for hook in hooks:
            hook.remove()
    return None


def _as_patches(weights: NDArray[np.float32], given: Tensor, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    """Return the weights of a linear layer as filters ``(N, C, *k)``, or None where it sees no patches.

    Args:
        weights: Shape ``(N, F)``.
        given: What the layer was given for the image of numbers, shape ``(1, tokens, F)``.
        shape: Shape of that image, ``(C, *S)``.
    """
    if given.dim() != 3 or given.shape[1] < 2:
        return None
    numbers = given[0, 0].double().cpu().numpy()
    places = numbers.round().astype(np.int64)
    if np.any(places != numbers) or places.min() < 0 or places.max() >= np.prod(shape):
        return None
    channel, *lying = np.unravel_index(places, shape)
    axes = [axis - axis.min() for axis in lying]
    size = (shape[0], *(int(axis.max()) + 1 for axis in axes))
    if np.prod(size) != len(places) or len(np.unique(places)) != len(places):
        return None
    filters = np.zeros((len(weights), *size), np.float32)
    filters[(slice(None), channel, *axes)] = weights
    return filters
