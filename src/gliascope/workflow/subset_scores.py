"""How well a run's segmenter does with every set of channels that it can do with."""

import math
from pathlib import Path

from gliascope.errors import InputError, UsageError
from gliascope.inference.predictor import Predictor, Segmentation
from gliascope.metrics import protocol_named, region_pairs
from gliascope.scan import LabelMap
from gliascope.workflow.evaluate_run import cases_of_run
from gliascope.workflow.given_channels import channel_sets
from gliascope.workflow.looks import record_look
from gliascope.workflow.open_model import open_predictor
from gliascope.workflow.progress import ProgressCallback, silent
from gliascope.workflow.run_folder import MODEL_FOLDER, read_run

SubsetScores = dict[str, dict[str, dict[str, float | None]]]
"""Dice by channels (``t1c+t2f``), region and case; None where no mask has a voxel and the protocol leaves it open."""


def subset_scores(
    run: str | Path,
    *,
    split: str = "test",
    data: str | Path | None = None,
    backend: str = "auto",
    device: str = "auto",
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> SubsetScores:
    """Score every case of one part of a run's split with each set of channels, as if it had no others.

    Each scan is read once. A set is scored on the cases that have all of its channels. The Dice overlap is that of
    protocol ``plain``; one look at the part is recorded.

    Args:
        run: A run folder whose model is a single segmenter.
        split: ``test``, ``validation`` or ``train``.
        data: The data set's root, where it has moved since the training.
        backend: ``auto``, ``openvino`` or ``torch``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; None: all cores.
        progress: Told how many predictions are done.

    Raises:
        UsageError: The model has no regions, or none of its channels is optional.
        InputError: A case cannot be read, or has no reference.
    """
    folder = Path(run)
    predictor = open_predictor(folder / MODEL_FOLDER, backend=backend, device=device, threads=threads)
    if not isinstance(predictor, Predictor) or predictor.parts.target is None or predictor.parts.exclusive:
        raise UsageError("sets of channels are scored of a single segmenter", file=folder)
    plan = predictor.parts.plan
    if not plan.optional:
        raise UsageError("the model needs all of its channels", file=folder, hint="Recipes say plan.optional.")
    cases, _ = cases_of_run(folder, read_run(folder), split, data)
    sets = channel_sets(plan)
    scores: SubsetScores = {"+".join(channels): {} for channels in sets}
    for number, case in enumerate(cases):
        scan, reference = case.read_pair()
        for place, channels in enumerate(sets):
            progress("evaluate", number * len(sets) + place, len(cases) * len(sets))
            if not set(channels) <= set(scan.channels):
                continue
            try:
                answer = predictor.predict(scan.select(channels))
            except InputError as fault:
                fault.file = fault.file or case.id
                raise
            if not isinstance(answer, Segmentation):
                raise UsageError("the model gives classes, not masks", file=folder)
            own = scores["+".join(channels)]
            for region, value in _dice(answer, reference, predictor.parts.outputs).items():
                own.setdefault(region, {})[case.id] = value
    progress("evaluate", len(cases) * len(sets), len(cases) * len(sets))
    record_look(folder, split, "plain")
    return scores


def _dice(answer: Segmentation, reference: LabelMap, regions: tuple[str, ...]) -> dict[str, float | None]:
    """Return the Dice of each region that the reference tells of."""
    rules = protocol_named("plain")
    known = [name for name in regions if name in reference.scheme.expressible]
    pairs = region_pairs(answer.label_map, reference, known)
    values = {name: rules.metrics["dice"].function(rules.prepare(masks)) for name, masks in pairs.items()}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
