"""A slice viewer inside a page: the scan as sheets of slices, the labels as one more, drawn by ``viewer.js``."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from gliascope.report import palette, wording
from gliascope.report.frame import fragment, json_for_script
from gliascope.report.pixels import View, exact_url, photo_url, sheet, view_of
from gliascope.report.tiles import best_slice, draw_tile, first_channel, tile_url
from gliascope.scan import LabelMap, Scan

LABEL_STEP = 50
"""Label numbers are spread over the gray values, so that a browser that blurs pixel values does no harm."""

COLOR_PICTURE = ("red", "green", "blue")


def viewer(
    scan: Scan, label_map: LabelMap | None = None, *, figures: Mapping[str, Mapping[str, Any]] | None = None
) -> Markup:
    """Return a slice viewer with its controls.

    Shows the head alone, in axial, coronal and sagittal planes where the file says how the head lies, and starts at
    the slice with the most tumor. Pages stay below about 6 MB for 240x240x155 voxels and four channels.

    Args:
        scan: The scan.
        label_map: Labels on the scan's grid, or None.
        figures: ``{volume_ml, voxels, max_diameter_mm}`` by region (the ``regions`` of ``prediction.json``).

    Raises:
        GeometryError: The labels have another shape than the scan.
    """
    view = view_of(scan, None if label_map is None else label_map.array)
    slices = None if label_map is None else view.labels(label_map.array)
    groups: list[tuple[str, ...]] = (
        [COLOR_PICTURE] if scan.channels == COLOR_PICTURE else [(name,) for name in scan.channels]
    )
    if scan.is_volume:
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
            packed = [pool.submit(_channel, scan, names, view) for names in groups]
            labels = None if slices is None else pool.submit(_labels, slices).result()
            channels = [each.result() for each in packed]
    else:  # sooner done than threads are started
        labels = None if slices is None else _labels(slices)
        channels = [_channel(scan, names, view) for names in groups]
    regions = _regions(label_map, figures or {})
    start = None if slices is None else best_slice(slices)
    data = {
        "size": view.box.size,
        "origin": view.box.start,
        "step": view.box.step,
        "total": (*scan.grid.shape, 1)[:3],
        "spacing": None if scan.grid.spacing_mm is None else (*scan.grid.spacing_mm, 1.0)[:3],
        "oriented": view.oriented,
        "channels": channels,
        "channel": groups.index((first_channel(scan.channels),)) if len(groups) > 1 else 0,
        "labels": labels,
        "regions": [region for region in regions if region["values"]],
        "start": view.box.size[2] // 2 if start is None else start,
    }
    return fragment(
        "viewer.html.j2",
        data=json_for_script(data),
        regions=regions,
        channels=channels,
        oriented=view.oriented,
        slices=view.box.size[2],
        has_labels=labels is not None,
        step=view.box.step,
        poster=tile_url(draw_tile(scan, view, label_map, height=_poster_height(view, label_map))),
    )


def _poster_height(view: View, label_map: LabelMap | None) -> int:
    """Return the rows of the picture for browsers without scripts: fine outlines need more than the slice has."""
    return 480 if label_map is not None else min(480, view.box.size[1])


def _channel(scan: Scan, names: tuple[str, ...], view: View) -> dict[str, Any]:
    planes, per_row = [], 1
    for name in names:
        packed, per_row = sheet(view.slices(scan, name))
        planes.append(packed)
    is_color = len(planes) > 1
    return {
        "name": wording.clean(names[0]),
        "title": "Picture" if is_color or names == ("gray",) else wording.clean(wording.title(names[0])),
        "color": is_color,
        "perRow": per_row,
        "src": photo_url(np.dstack(planes) if is_color else planes[0]),
    }


def _labels(slices: NDArray[np.uint8]) -> dict[str, Any]:
    packed, per_row = sheet(slices)
    return {"src": exact_url(packed * np.uint8(LABEL_STEP)), "perRow": per_row, "step": LABEL_STEP}


def _regions(label_map: LabelMap | None, figures: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    known = label_map.scheme.regions if label_map is not None else ()
    names = [
        *(n for n in palette.REGION_COLORS if n in figures or n in known),
        *(n for n in figures if n not in palette.REGION_COLORS),
    ]
    return [
        {
            "name": wording.clean(name),
            "title": wording.clean(wording.title(name)),
            "color": palette.region_color(name),
            "dashed": name in palette.DASHED_REGIONS,
            "values": list(label_map.scheme.region_values(name)) if label_map is not None and name in known else [],
            "figures": {key: figures.get(name, {}).get(key) for key in ("volume_ml", "voxels", "max_diameter_mm")},
        }
        for name in names
    ]
