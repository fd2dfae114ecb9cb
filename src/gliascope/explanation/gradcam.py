"""Grad-CAM: which places of a picture raise the score of a class.

Source:
    Selvaraju 2017, doi:10.1109/ICCV.2017.74.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gliascope.errors import UsageError


@dataclass(frozen=True)
class FeatureMap:
    """One output of one layer: the ``call``-th time that the layer named ``layer`` runs."""

    layer: str
    call: int = 0


def last_feature_map(network: nn.Module, image: Tensor) -> FeatureMap | None:
    """Return the last feature map of the size that the last convolution gives, None without a convolution.

    So the normalization and the activation behind the convolution, a residual sum or the joined branches of a block are
    taken in, and the pooling behind them is not. Convolutions that give a single value per channel do not count, nor
    does one that meets the image first (the patches of a transformer).

    Args:
        network: In evaluation mode.
        image: Shape ``(1, C, *S)``.
    """
    runs = _runs(network, image)
    convolutions = [index for index, (_, is_convolution, shape) in enumerate(runs) if is_convolution and _spread(shape)]
    if not convolutions or (len(convolutions) == 1 and _has_tokens(network)):
        return None
    size = runs[convolutions[-1]][2][2:]
    last = max(index for index, (_, _, shape) in enumerate(runs) if len(shape) > 3 and shape[2:] == size)
    return runs[last][0]


def grad_cam(network: nn.Module, image: Tensor, place: FeatureMap) -> Tensor:
    """Return the Grad-CAM of every class.

    For the score (logit) ``y`` of a class and features ``A`` of K channels: the weight of a channel is the mean of
    ``dy / dA`` over the places, and the map is ``ReLU`` of the weighted sum of the channels.

    Args:
        network: A classifier in evaluation mode.
        image: Shape ``(1, C, *S)``.
        place: Which feature map, see ``last_feature_map``.

    Returns:
        Shape ``(classes, *s)``, ``>= 0``; not scaled. A class that nothing speaks for has a map of zeros.

    Raises:
        UsageError: There is no such layer, or it gives no map.
    """
    kept: list[object] = []

    def keep(_layer: nn.Module, _given: tuple[Tensor, ...], features: object) -> object:
        kept.append(features)
        # An activation that works in place would change what was kept.
        return features.clone() if isinstance(features, Tensor) and len(kept) == place.call + 1 else None

    layers = dict(network.named_modules())
    if place.layer not in layers:
        raise UsageError(f"the network has no layer '{place.layer}'", hint=_known_layers(network), code="E_LAYER")
    hook = layers[place.layer].register_forward_hook(keep)
    try:
        with torch.enable_grad():
            scores = network(image.clone().requires_grad_())
    finally:
        hook.remove()
    features = kept[place.call] if len(kept) > place.call else None
    if not isinstance(features, Tensor) or features.dim() < 4 or not features.requires_grad:
        cause = f"layer '{place.layer}' gives no map of places"
        raise UsageError(cause, hint=_known_layers(network), code="E_LAYER")
    maps = []
    for score in scores[0]:
        (slope,) = torch.autograd.grad(score, features, retain_graph=True)
        weights = slope.mean(dim=tuple(range(2, slope.dim())), keepdim=True)
        maps.append((weights * features).sum(dim=1)[0].clamp(min=0))
    return torch.stack(maps).detach()


def _known_layers(network: nn.Module) -> str:
    names = [name for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d | nn.Conv3d)]
    return f"Convolutions: {', '.join(names[-8:]) or 'none'}."


def _runs(network: nn.Module, image: Tensor) -> list[tuple[FeatureMap, bool, tuple[int, ...]]]:
    """Run the network once; return every layer's output in order: its place, whether a convolution, its shape."""
    found: list[tuple[FeatureMap, bool, tuple[int, ...]]] = []
    calls: dict[str, int] = {}
    hooks = []
    for name, layer in network.named_modules():

        def note(own: nn.Module, _given: tuple[Tensor, ...], output: object, *, name: str = name) -> None:
            calls[name] = calls.get(name, -1) + 1
            if isinstance(output, Tensor):
                found.append(
                    (FeatureMap(name, calls[name]), isinstance(own, nn.Conv2d | nn.Conv3d), tuple(output.shape))
                )

        hooks.append(layer.register_forward_hook(note))
    try:
        with torch.no_grad():
            network(image)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _spread(shape: tuple[int, ...]) -> bool:
    """Say whether an output has more than one place."""
    return len(shape) > 3 and max(shape[2:]) > 1


def _has_tokens(network: nn.Module) -> bool:
    return any(isinstance(layer, nn.MultiheadAttention) or hasattr(layer, "fused_attn") for layer in network.modules())
