"""Everything that can be shown of one network for one prepared image, and why the rest cannot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gliascope.errors import MachineError
from gliascope.explanation.attention import attention_of, patch_map, rollout
from gliascope.explanation.filters import Filters, first_filters
from gliascope.explanation.gradcam import FeatureMap, grad_cam, last_feature_map

Array = NDArray[np.float32]

NO_GATES = "The network has no attention gates."
NO_ATTENTION = "The network has no attention layers that span the whole image."
NO_CONVOLUTION = "The network has no map of places behind a convolution; the attention rollout stands in."
NEITHER = "The network has neither a map of places behind a convolution nor attention that spans the whole image."


@dataclass(frozen=True, eq=False)
class PlaceMap:
    """How much every place of an image counts.

    Args:
        kind: ``gate``, ``rollout`` or ``gradcam``.
        name: Of a gate its number from coarse to fine, of Grad-CAM the class; empty for rollout.
        layer: Where it comes from, where that is one layer.
        native: As the network has it, shape ``(*s)``, ``>= 0``.
        image: The same, interpolated to the prepared image, shape ``(*S)``.
    """

    kind: Literal["gate", "rollout", "gradcam"]
    name: str
    layer: str
    native: Array
    image: Array


@dataclass(frozen=True, eq=False)
class Insides:
    """What was found.

    Args:
        filters: The first layer's filters, or None.
        maps: Maps of places, in order.
        absent: What there is not, with the reason: ``filters``, ``attention`` or ``gradcam``.
    """

    filters: Filters | None
    maps: tuple[PlaceMap, ...]
    absent: dict[str, str]


@dataclass(frozen=True)
class _Frame:
    """The size of the padded image, and the part of it that is the image."""

    size: tuple[int, ...]
    inner: tuple[slice, ...]


def look_inside(
    network: nn.Module,
    image: Array,
    *,
    classes: Sequence[str] | None,
    divisor: int = 1,
    layer: str | None = None,
) -> Insides:
    """Look into a network.

    Args:
        network: In evaluation mode, on any device.
        image: A prepared image, shape ``(C, *S)``; for a 2-D network one slice.
        classes: Of a classifier; None for a segmenter, which has no Grad-CAM.
        divisor: The image is padded with zeros to a multiple of it, and the maps are cut back.
        layer: The layer whose features Grad-CAM takes; None: the last feature map of the size of the last convolution.

    Raises:
        UsageError: There is no such layer, or it gives no map.
        MachineError: Memory runs out.
    """
    padded, frame = _padded(image, divisor)
    batch = torch.from_numpy(np.ascontiguousarray(padded))[None].to(next(network.parameters()).device)
    found = first_filters(network, padded.shape)
    absent = {"filters": found} if isinstance(found, str) else {}
    try:
        maps, without = _attention_maps(network, batch, frame, gates=classes is None)
        absent |= without
        if classes is not None:
            cams = _class_maps(network, batch, frame, classes, layer)
            if not cams:
                absent["gradcam"] = NO_CONVOLUTION if maps else NEITHER
            maps += cams
    except torch.OutOfMemoryError as fault:
        hint = "Use --device cpu, or a smaller image."
        raise MachineError("the GPU's memory is full", hint=hint, code="E_MEMORY") from fault
    return Insides(None if isinstance(found, str) else found, tuple(maps), absent)


def _attention_maps(
    network: nn.Module, batch: Tensor, frame: _Frame, *, gates: bool
) -> tuple[list[PlaceMap], dict[str, str]]:
    found = attention_of(network, batch)
    if found is None:
        return [], {"attention": NO_GATES if gates else NO_ATTENTION}
    if isinstance(found, Tensor):
        try:
            return [_place_map("rollout", "", "", patch_map(rollout(found), frame.size), frame)], {}
        except ValueError as fault:
            return [], {"attention": f"The attention cannot be laid out: {fault}."}
    count = len(found)
    return [
        _place_map("gate", f"{number} of {count}", "", gate.reshape(1, *gate.shape[-len(frame.size) :]), frame)
        for number, gate in enumerate(found, start=1)
    ], {}


def _class_maps(
    network: nn.Module, batch: Tensor, frame: _Frame, classes: Sequence[str], layer: str | None
) -> list[PlaceMap]:
    place = last_feature_map(network, batch) if layer is None else FeatureMap(layer)
    if place is None:
        return []
    cams = grad_cam(network, batch, place)
    return [_place_map("gradcam", name, place.layer, cam[None], frame) for name, cam in zip(classes, cams, strict=True)]


def _place_map(
    kind: Literal["gate", "rollout", "gradcam"],
    name: str,
    layer: str,
    native: Tensor,
    frame: _Frame,
) -> PlaceMap:
    """Interpolate a map ``(1, *s)`` to the image's size and cut the padding off."""
    mode = {2: "bilinear", 3: "trilinear"}[len(frame.size)]
    full = nn.functional.interpolate(native[None].float(), size=frame.size, mode=mode, align_corners=False)[0, 0]
    cut = np.ascontiguousarray(full.cpu().numpy()[frame.inner], dtype=np.float32)
    return PlaceMap(kind, name, layer, np.asarray(native[0].float().cpu().numpy(), np.float32), cut)


def _padded(image: Array, divisor: int) -> tuple[Array, _Frame]:
    """Pad every spatial axis to a multiple of the divisor, evenly; return also where the image lies in it."""
    missing = [-n % divisor for n in image.shape[1:]]
    front = [m // 2 for m in missing]
    size = tuple(n + m for n, m in zip(image.shape[1:], missing, strict=True))
    frame = _Frame(size, tuple(slice(f, f + n) for f, n in zip(front, image.shape[1:], strict=True)))
    if not any(missing):
        return image, frame
    return np.pad(image, [(0, 0), *((f, m - f) for f, m in zip(front, missing, strict=True))]), frame
