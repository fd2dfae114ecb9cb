"""What the page of a run shows of its network: the first filters, and one case that it was not trained on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gliascope.case import Case
from gliascope.checkpoint import load_model
from gliascope.errors import GliascopeError
from gliascope.inference.predictor import Classification, Predictor
from gliascope.report.pixels import view_of
from gliascope.scan import LabelMap, Scan
from gliascope.workflow.explained_model import Gallery, Shown, draw_inside, input_channels
from gliascope.workflow.run_folder import MODEL_FOLDER
from gliascope.workflow.slice_insides import slice_insides

TRIED = 20
"""Cases that are read at most to find one with tumor."""


def run_insides(
    run: Path, cases: Sequence[Case], *, device: str = "auto", threads: int | None = None
) -> dict[str, Any]:
    """Return ``inside`` of the run's page: pictures, their bytes, the case they are of, and what cannot be shown.

    The first-layer filters of the weights that are shipped; Grad-CAM or rollout of a classifier and the gates of an
    attention network on the first case, of a segmenter the first that holds tumor. A training is worth more than its
    last pictures: what goes wrong here is told in the place of the pictures.

    Args:
        run: The run folder; its model is there.
        cases: The validation cases, or others where there are none.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; None: all cores.
    """
    try:
        model = load_model(run / MODEL_FOLDER)
        predictor = Predictor(model, backend="torch", device=device, threads=threads, precision="fp32")
        case, scan, reference = _chosen(cases, segments=model.facts.task == "segment")
        return _drawn(predictor, case, scan, reference)
    except GliascopeError as fault:
        reason = f"The inside of the network could not be drawn: {fault.cause}."
        return {"pictures": [], "files": {}, "case": "", "absent": {"inside": reason}}


def _chosen(cases: Sequence[Case], *, segments: bool) -> tuple[Case, Scan, LabelMap | None]:
    if not segments:
        return cases[0], cases[0].read(), None
    for case in cases[:TRIED]:
        reference = case.read_reference()
        if reference is not None and reference.array.any():
            return case, *case.read_pair()
    return cases[0], *cases[0].read_pair()


def _drawn(predictor: Predictor, case: Case, scan: Scan, reference: LabelMap | None) -> dict[str, Any]:
    index = None
    if scan.is_volume:
        areas = None if reference is None else np.count_nonzero(reference.array, axis=(0, 1))
        index = int(areas.argmax()) if areas is not None and areas.any() else scan.grid.shape[2] // 2
    inside = slice_insides(predictor, scan, index)
    view = view_of(scan, None if reference is None else reference.array)
    gallery = Gallery(Shown(scan, view if index is None else view.at_slice(index), index))
    told: dict[str, float] = {}
    about = case.id if index is None else f"{case.id}, slice {index + 1} of {scan.grid.shape[2]}"
    if predictor.parts.target is None:
        result = predictor.predict(scan if index is None else scan.slice_picture(index))
        told = dict(result.probabilities) if isinstance(result, Classification) else {}
        about += f", {case.label}" if case.label else ""
    draw_inside(gallery, predictor.folder.facts.name, inside, told, input_channels(predictor))
    return {"pictures": gallery.pictures, "files": gallery.files, "case": about, "absent": inside.absent}
