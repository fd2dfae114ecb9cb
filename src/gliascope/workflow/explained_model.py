"""One model's part of an explanation: its answer, its insides, and the pictures of both."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliascope.inference.predictor import Classification, Predictor, Segmentation
from gliascope.measure import measure
from gliascope.metrics.masks import region_pairs
from gliascope.metrics.overlap import dice_score
from gliascope.report.inside_pictures import color_picture, filter_sheets, heat_picture, png
from gliascope.report.inside_sections import COLOR_NAMES, InsidePicture
from gliascope.report.pixels import View
from gliascope.report.tiles import draw_tile
from gliascope.report.wording import number, title
from gliascope.scan import LabelMap, Scan
from gliascope.workflow.plain_json import without_nan
from gliascope.workflow.slice_insides import SliceInsides

if TYPE_CHECKING:
    from gliascope.explanation import Filters

HEIGHT = 320
"""Rows of a picture of a slice."""


@dataclass(frozen=True, eq=False)
class Shown:
    """The slice that is shown.

    Args:
        scan: All of the scan.
        view: The view of the slice.
        index: Its number from 0; None for a picture.
    """

    scan: Scan
    view: View
    index: int | None

    def base(self, label_map: LabelMap | None = None) -> NDArray[np.uint8]:
        """Draw the slice, with the regions of a label map outlined."""
        return draw_tile(self.scan, self.view, label_map, height=HEIGHT)

    def plane(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the slice of values ``(*S)`` on the scan's grid, shape ``(I, J)``."""
        return values if self.index is None else values[..., self.index]


@dataclass(frozen=True, eq=False)
class Gallery:
    """Pictures of one slice, and their bytes by file name."""

    shown: Shown
    pictures: list[InsidePicture] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def add(self, pixels: NDArray[np.uint8], model: str | None, kind: str, name: str, caption: str) -> str:
        """Add a picture; return its file name."""
        file = _file_name(*(part for part in (model, kind, name) if part))
        self.pictures.append({"file": file, "model": model, "kind": kind, "caption": caption})
        self.files[file] = png(pixels)
        return file


def model_facts(
    name: str,
    predictor: Predictor,
    result: Segmentation | Classification | None,
    inside: SliceInsides,
    reference: LabelMap | None = None,
) -> dict[str, Any]:
    """Return the ``models`` entry of ``explain.json``, its maps without their files yet."""
    facts = predictor.folder.facts
    filters = inside.filters
    return {
        "name": name,
        "model": facts.name,
        "version": facts.version,
        "sha256": predictor.folder.fingerprint,
        "role": "segmenter" if facts.task == "segment" else "classifier",
        "network": facts.network.get("name"),
        "device": predictor.backend.device,
        "classification": _class_facts(result),
        "segmentation": _mask_facts(predictor, result, reference),
        "filters": None
        if filters is None
        else {
            "layer": filters.layer,
            "kind": filters.kind,
            "count": len(filters.weights),
            "channels": int(filters.weights.shape[1]),
            "size": list(filters.weights.shape[2:]),
        },
        "maps": [
            {
                "kind": own.kind,
                "name": own.name,
                "layer": own.layer or None,
                "size": list(own.native.shape),
                "lowest": float(own.native.min()),
                "highest": float(own.native.max()),
            }
            for own, _ in inside.maps
        ],
        "absent": dict(inside.absent),
    }


def draw_answer(
    gallery: Gallery, entry: Mapping[str, Any], predictor: Predictor, result: Segmentation | Classification
) -> None:
    """Add what the model answers: outlines or the class, and a segmenter's outputs as colors.

    Args:
        gallery: What grows.
        entry: From ``model_facts``.
        predictor: The model.
        result: Its answer.
    """
    shown, name = gallery.shown, entry["name"]
    if isinstance(result, Classification):
        said = "no class" if result.label is None else title(result.label)
        score = "" if result.label is None else f" {result.probabilities[result.label]:.3f}"
        gallery.add(shown.base(), name, "prediction", "", f"{name}: {said}{score}")
        return
    dice = entry["segmentation"]["dice"] or {}
    sizes = []
    for region, own in entry["segmentation"]["regions"].items():
        agreement = "undefined" if dice.get(region) is None else f"{dice[region]:.3f}"
        sizes.append(f"{title(region)} {_size(own)}" + (f" (Dice {agreement})" if region in dice else ""))
    base = shown.base(result.label_map)
    gallery.add(base, name, "prediction", "", f"{name}: {', '.join(sizes)}")
    first = int(predictor.parts.exclusive)  # the first class is background
    outputs, raw = result.channels[first:], [shown.plane(own) for own in result.raw[first:]]
    if predictor.parts.exclusive:
        chosen = np.argmax([shown.plane(own) for own in result.raw], axis=0)
        binary = [(chosen == own).astype(np.float32) for own in range(first, len(result.raw))]
    else:
        binary = [(own > predictor.parts.settings.threshold).astype(np.float32) for own in raw]
    gallery.add(color_picture(base, shown.view, raw, smooth=True), name, "masks", "raw", _colors("Raw", outputs))
    gallery.add(
        color_picture(base, shown.view, binary, smooth=False), name, "masks", "binary", _colors("Binarized", outputs)
    )


def draw_inside(
    gallery: Gallery,
    name: str,
    inside: SliceInsides,
    told: Mapping[str, float],
    channels: tuple[str, ...],
) -> list[str]:
    """Add the maps and the filters; return the file name of each map.

    Args:
        gallery: What grows.
        name: The model's name.
        inside: What was found in the network.
        told: The probability of every class.
        channels: Names of the image channels that the network gets.
    """
    shown, files = gallery.shown, []
    for own, values in inside.maps:
        span = f"{number(float(own.native.min()))} to {number(float(own.native.max()))}"
        grid = " x ".join(map(str, own.native.shape))
        if own.kind == "gradcam":
            caption = f"{title(own.name)}, {told[own.name]:.3f}; {grid} places"
            caption += "; nothing speaks for it" if not own.native.any() else ""
        else:
            caption = f"Scale {own.name}: {grid}, {span}" if own.name else f"{grid} patches, {span}"
        files.append(gallery.add(heat_picture(shown.base(), shown.view, values), name, own.kind, own.name, caption))
    if inside.filters is not None:
        _draw_filters(gallery, name, inside.filters, channels)
    return files


def input_channels(predictor: Predictor) -> tuple[str, ...]:
    """Return the names of the channels that the network gets; a repeated one is named each time."""
    plan = predictor.parts.plan
    return plan.channels * (plan.in_channels // len(plan.channels))


def _draw_filters(gallery: Gallery, name: str, filters: "Filters", channels: tuple[str, ...]) -> None:
    """Add a sheet of filters in color, or one per channel; of copies of one channel their sum is what acts."""
    size = " x ".join(map(str, filters.weights.shape[2:])) + ", middle plane" * (filters.weights.ndim == 5)
    weights, count = filters.weights, len(filters.weights)
    if len(set(channels)) < len(channels) and weights.shape[1] == len(channels):
        summed, note = weights.sum(axis=1, keepdims=True), f", summed over the {len(channels)} copies of the picture"
        (sheet,) = filter_sheets(summed, [[0]] * count, image_channels=1, oriented=gallery.shown.view.oriented).values()
        gallery.add(sheet, name, "filters", "", f"{count} filters of {size}{note}")
        return
    seen = [[filters.channel_of(n, c) for c in range(weights.shape[1])] for n in range(count)]
    sheets = filter_sheets(weights, seen, image_channels=len(channels), oriented=gallery.shown.view.oriented)
    for key, sheet in sheets.items():
        named = [title(channels[each]) for each in key]
        what = (
            ", ".join(f"{one} as {color}" for one, color in zip(named, COLOR_NAMES, strict=True))
            if key[1:]
            else named[0]
        )
        file = "-".join(channels[each] for each in key)
        gallery.add(
            sheet, name, "filters", file, f"{count} filters of {size}: {what}" if key[1:] else f"{what}, {size}"
        )


def _class_facts(result: Segmentation | Classification | None) -> dict[str, Any] | None:
    if not isinstance(result, Classification):
        return None
    probabilities = {name: round(p, 6) for name, p in result.probabilities.items()}
    return {"label": result.label, "probabilities": probabilities, "abstained": result.abstained}


def _mask_facts(
    predictor: Predictor, result: Segmentation | Classification | None, reference: LabelMap | None
) -> dict[str, Any] | None:
    if not isinstance(result, Segmentation):
        return None
    regions = _regions(predictor, result)
    common = [] if reference is None else [name for name in regions if name in reference.scheme.regions]
    dice = None
    if reference is not None and common:
        pairs = region_pairs(result.label_map, reference, tuple(common))
        dice = {name: without_nan(dice_score(pair)) for name, pair in pairs.items()}
    return {"scheme": result.label_map.scheme.name, "regions": regions, "dice": dice}


def _regions(predictor: Predictor, result: Segmentation) -> dict[str, Any]:
    target = predictor.parts.target
    answered = (target.regions if target else ()) or result.label_map.scheme.regions
    return {name: own.as_json() for name, own in measure(result.label_map).items() if name in answered}


def _size(own: Mapping[str, Any]) -> str:
    return f"{own['volume_ml']:.1f} ml" if own["volume_ml"] is not None else f"{own['voxels']:,} voxels"


def _colors(what: str, outputs: tuple[str, ...]) -> str:
    if len(outputs) == 1:
        return f"{what}: {title(outputs[0])}"
    named = ", ".join(f"{title(one)} {color}" for one, color in zip(outputs, COLOR_NAMES, strict=False))
    return f"{what}: {named}"


def _file_name(*parts: str) -> str:
    """Return a file name of letters, digits and dashes."""
    return "-".join(re.sub(r"[^A-Za-z0-9._]+", "-", part).strip("-.") for part in parts) + ".png"
