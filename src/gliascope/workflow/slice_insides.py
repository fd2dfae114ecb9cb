"""One slice of a scan inside one network: prepared, looked into, and every map led back to the scan."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gliascope.errors import GeometryError
from gliascope.inference.predictor import Predictor
from gliascope.preprocess.plan import Prepared
from gliascope.scan import Scan

if TYPE_CHECKING:
    from gliascope.explanation import Filters, Insides, PlaceMap

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SliceInsides:
    """What one network has to show for one slice.

    Args:
        filters: The first layer's filters, or None.
        maps: Maps of places, each with its values on the scan's slice, shape ``(I, J)``.
        absent: Why something is not there, by what it is.
    """

    filters: "Filters | None"
    maps: "tuple[tuple[PlaceMap, Array], ...]"
    absent: dict[str, str]


def slice_insides(predictor: Predictor, scan: Scan, index: int | None, *, layer: str | None = None) -> SliceInsides:
    """Look into a network for one slice.

    Args:
        predictor: A single model that runs with PyTorch.
        scan: What the model reads: a picture, or a volume.
        index: The axial slice, from 0; None for a picture.
        layer: The layer whose features Grad-CAM takes; None: chosen.

    Raises:
        GeometryError: The scan does not fit the model, or its plan leaves the slice out.
        UsageError: There is no such layer, or it gives no map.
    """
    if index is not None and predictor.folder.facts.task == "classify":
        picture = slice_insides(predictor, scan.slice_picture(index), None, layer=layer)
        turned = scan.grid.affine is not None
        maps = tuple((own, values[::-1, ::-1] if turned else values) for own, values in picture.maps)
        return replace(picture, maps=maps)
    from gliascope.explanation import look_inside
    from gliascope.inference.torch_backend import TorchBackend

    if not isinstance(predictor.backend, TorchBackend):
        raise TypeError("only PyTorch shows the inside of a network")
    turned = predictor.lies_otherwise(scan)
    prepared = predictor.parts.plan.apply(scan.half_turned() if turned else scan)
    by_slice = index is not None and predictor.folder.facts.dimensions == 2
    image = prepared.array[..., _prepared_slice(predictor, prepared, index)] if by_slice else prepared.array
    found = look_inside(
        predictor.backend.network,
        np.ascontiguousarray(image),
        classes=predictor.parts.outputs if predictor.parts.target is None else None,
        divisor=predictor.parts.settings.divisor,
        layer=layer,
    )
    led = _on_slice(predictor, prepared, found, index)
    back = tuple((own, values[::-1, ::-1] if turned else values) for own, values in led)
    return SliceInsides(found.filters, back, found.absent)


def _prepared_slice(predictor: Predictor, prepared: Prepared, index: int | None) -> int:
    """Return which slice of the prepared volume shows a slice of the scan."""
    marked = np.zeros(prepared.trace.shape, np.uint8)
    marked[..., index] = 1
    areas = predictor.parts.plan.apply_labels(marked, prepared.trace).sum(axis=(0, 1), dtype=np.int64)
    if not areas.any():
        kept = f"the plan of '{predictor.folder.facts.name}' leaves slice {(index or 0) + 1} out"
        raise GeometryError(kept, hint="Name another with --slice.", code="E_SLICE")
    return int(areas.argmax())


def _on_slice(
    predictor: Predictor, prepared: Prepared, found: "Insides", index: int | None
) -> "list[tuple[PlaceMap, Array]]":
    """Lead every map back; what the plan cut off comes back as 0."""
    led = []
    for own in found.maps:
        whole = own.image
        if len(whole.shape) < len(prepared.trace.prepared_shape):
            # The same map in every slice, so that a plan that interpolates between slices changes nothing.
            whole = np.repeat(whole[..., None], prepared.trace.prepared_shape[-1], axis=-1)
        back = predictor.parts.plan.invert(whole[None], prepared.trace)[0]
        led.append((own, back if index is None else back[..., index]))
    return led
