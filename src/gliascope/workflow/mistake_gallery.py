"""The slices on which a segmenter was most wrong: tumor marked where there is none, and tumor missed."""

import numpy as np

from gliascope.report.pixels import view_of
from gliascope.report.tiles import Tile, draw_tile
from gliascope.report.wording import number, title
from gliascope.scan import LabelMap, Scan

SHOWN = 5
"""Slices of each kind; a case comes once per kind, with its worst slice."""
HEIGHT = 240

KINDS = {"false_positive": "{size} wrongly marked as {region}", "missed": "{size} of {region} missed"}


class MistakeGallery:
    """Keeps the worst slices of a stream of cases, and only their pictures."""

    def __init__(self) -> None:
        self._worst: dict[str, list[tuple[float, Tile]]] = {kind: [] for kind in KINDS}

    def add(self, case: str, scan: Scan, prediction: LabelMap, reference: LabelMap) -> None:
        """Look at a case; its slices with the largest wrong areas are kept where they are among the worst.

        The outermost region that both can express counts.

        Args:
            case: Its name.
            scan: The images.
            prediction: On the scan's grid.
            reference: On the same grid.
        """
        region = next((name for name in prediction.scheme.regions if name in reference.scheme.regions), None)
        if region is None:
            return
        marked, wanted = prediction.region(region), reference.region(region)
        for kind, wrong in (("false_positive", marked & ~wanted), ("missed", wanted & ~marked)):
            areas = np.atleast_1d(np.count_nonzero(wrong, axis=(0, 1)))
            index, spacing = int(areas.argmax()), scan.grid.spacing_mm
            area = float(areas[index]) * (spacing[0] * spacing[1] if spacing else 1.0)
            if not self._counts(kind, area):
                continue
            where = f", slice {index + 1} of {len(areas)}" if scan.is_volume else ""
            size = f"{number(area)} mm²" if spacing else f"{areas[index]:,} pixels"
            caption = f"{case}{where}: {KINDS[kind].format(size=size, region=title(region).lower())}"
            view = view_of(scan, np.maximum(prediction.array, reference.array))
            shown = view.at_slice(index) if scan.is_volume else view
            picture = draw_tile(scan, shown, prediction, reference, height=HEIGHT)
            kept = [*self._worst[kind], (area, Tile(image=picture, caption=caption))]
            self._worst[kind] = sorted(kept, key=lambda own: -own[0])[:SHOWN]

    def tiles(self) -> dict[str, list[Tile]]:
        """Return the pictures of each kind, the largest area first."""
        return {kind: [tile for _, tile in worst] for kind, worst in self._worst.items()}

    def _counts(self, kind: str, area: float) -> bool:
        """Say whether an area is among the largest so far."""
        worst = self._worst[kind]
        return area > 0 and (len(worst) < SHOWN or area > worst[-1][0])
