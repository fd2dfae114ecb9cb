"""Look inside trained networks on one scan: filters, attention, Grad-CAM, outputs, models side by side."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gliascope.checkpoint import ModelFolder
from gliascope.datasets.discover import discover
from gliascope.errors import InputError, UsageError
from gliascope.files import atomic
from gliascope.inference.predictor import Predictor, Segmentation
from gliascope.intended_use import INTENDED_USE
from gliascope.labels import scheme_named
from gliascope.report.explain_page import explain_page
from gliascope.report.pixels import view_of
from gliascope.report.tiles import first_channel
from gliascope.report.wording import title
from gliascope.scan import LabelMap, Scan, check_same_grid
from gliascope.workflow.explained_model import (
    Gallery,
    Shown,
    draw_answer,
    draw_inside,
    input_channels,
    model_facts,
)
from gliascope.workflow.extras import require_training
from gliascope.workflow.model_choice import find_model
from gliascope.workflow.output_place import check_outside
from gliascope.workflow.predict_work import input_files
from gliascope.workflow.progress import ProgressCallback, silent
from gliascope.workflow.provenance import made
from gliascope.workflow.reference_mask import read_reference
from gliascope.workflow.slice_insides import slice_insides

FACTS_FILE = "explain.json"


@dataclass(frozen=True)
class Explanation:
    """What was found: plain data as in ``explain.json``, the pictures by file name, and the page."""

    facts: dict[str, Any]
    files: dict[str, bytes]
    page: str

    def save(self, folder: Path, *, overwrite: bool = False) -> None:
        """Write ``explain.json``, ``report.html`` and every picture into a folder that appears whole."""
        with atomic.new_folder(folder, overwrite=overwrite, mark=FACTS_FILE) as part:
            for name, data in self.files.items():
                atomic.write_bytes(part / name, data)
            atomic.write_text(part / "report.html", self.page)
            atomic.write_json(part / FACTS_FILE, self.facts)


def explain(
    model: str | Path,
    path: str | Path,
    output: str | Path,
    *,
    beside: Iterable[str | Path] = (),
    reference: str | Path | None = None,
    scheme: str | None = None,
    slice_number: int | None = None,
    layer: str | None = None,
    channels: tuple[str, ...] | None = None,
    stack: bool = True,
    device: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
    progress: ProgressCallback = silent,
) -> Explanation:
    """Look inside one or several networks on one scan and write pictures, JSON and a page.

    Args:
        model: A model folder, a run folder, or the name of a shipped model; a single model, no system of several.
        path: A picture, a stack, or a study: one case.
        output: The folder to write.
        beside: Further models, shown side by side.
        reference: The mask of the case (of a stack also the folder of its masks).
        scheme: What the label numbers of the reference mean, where the values leave it open.
        slice_number: The axial slice that is shown of a volume, from 1; None: the one with the most predicted tumor.
        layer: The layer whose features Grad-CAM takes, in every classifier; None: the last feature map of the size
            that the last convolution gives.
        channels: Names of a file's channels, in its order.
        stack: Numbered pictures of a folder are one stack.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; None: all cores.
        overwrite: An earlier explanation may be replaced.
        progress: Told how far it is.

    Raises:
        UsageError: An option does not fit the input or the models, or the output holds something.
        InputError: The input or the reference cannot be used, or the input holds several cases.
        ModelError: A model cannot be used, or is a system of several.
        MachineError: PyTorch is missing, or memory runs out.
    """
    require_training("to look inside a network one needs")
    output = Path(output)
    check_outside(output, [Path(path)])
    atomic.check_place(output, overwrite=overwrite, mark=FACTS_FILE)
    models = [find_model(each) for each in (model, *beside)]
    if layer is not None and all(each.facts.task == "segment" for each in models):
        raise UsageError("--layer is for Grad-CAM, and no model here classifies", hint="Leave it out.")
    found = discover(Path(path), stack=stack, channels=channels)
    several = len(found.cases) + len(found.failures)
    if several != 1:
        raise InputError(f"holds {several} cases", file=path, hint="Name one case.", code="E_SEVERAL")
    case = found.cases[0]
    scan = case.read()
    truth = None if reference is None else _reference(Path(reference), scheme, scan, str(path))
    engine: dict[str, Any] = {"backend": "torch", "device": device, "threads": threads, "precision": "fp32"}
    work = {name: Predictor(own, **engine) for name, own in _named(models).items()}
    masks: dict[str, Any] = {}
    for number, (name, predictor) in enumerate(work.items()):
        progress("predict", number, len(work))
        if predictor.folder.facts.task == "segment":
            with _naming(name, several=len(work) > 1):
                masks[name] = predictor.predict(scan)
    index, place = _slice(scan, slice_number, {name: own.label_map for name, own in masks.items()}, truth)
    labels = [own.label_map.array for own in masks.values()] + ([] if truth is None else [truth.array])
    view = view_of(scan, np.maximum.reduce(labels) if labels else None)
    shown = Shown(scan, view if index is None else view.at_slice(index), index)
    gallery = Gallery(shown)
    where = f", slice {index + 1}" if index is not None else ""
    gallery.add(shown.base(), None, "input", "", f"Input{_contrast(scan)}{where}")
    if truth is not None:
        gallery.add(shown.base(truth), None, "reference", "", "Reference")
    entries, notices = [], [*found.notices, *scan.notices, *(truth.notices if truth else ())]
    for number, (name, predictor) in enumerate(work.items()):
        progress("look inside", number, len(work))
        with _naming(name, several=len(work) > 1):
            result = masks[name] if name in masks else predictor.predict(_as_read(predictor, scan, index))
        inside = slice_insides(predictor, scan, index, layer=layer)
        entry = model_facts(name, predictor, result, inside, truth)
        draw_answer(gallery, entry, predictor, result)
        told = {} if isinstance(result, Segmentation) else result.probabilities
        files = draw_inside(gallery, name, inside, told, input_channels(predictor))
        entry["maps"] = [{**own, "file": file} for own, file in zip(entry["maps"], files, strict=True)]
        entries.append(entry)
        notices += result.notices
    facts = {
        "case": case.id,
        "inputs": [each.as_json() for each in input_files(case, found.root)],
        "slice": place,
        "reference": None
        if truth is None
        else {"file": Path(str(reference)).name, "scheme": truth.scheme.name, "regions": list(truth.scheme.regions)},
        "models": entries,
        "pictures": gallery.pictures,
        "options": {"channels": list(channels) if channels else None, "stack": stack, "layer": layer},
        **made(),
        "intended_use": INTENDED_USE,
        "warnings": [notice.as_json() for notice in dict.fromkeys(notices)],
    }
    explanation = Explanation(facts, gallery.files, explain_page(facts, gallery.files))
    explanation.save(output, overwrite=overwrite)
    return explanation


def _named(models: list[ModelFolder]) -> dict[str, ModelFolder]:
    """Return the models by name; a name that is there already is numbered."""
    named: dict[str, ModelFolder] = {}
    for own in models:
        name, number = own.facts.name, 2
        while name in named:
            name, number = f"{own.facts.name}-{number}", number + 1
        named[name] = own
    return named


@contextmanager
def _naming(model: str, *, several: bool) -> Iterator[None]:
    """Say of an input that does not fit which of several models it does not fit."""
    try:
        yield
    except InputError as fault:
        if several:
            fault.cause = f"does not fit model '{model}': {fault.cause}"
        raise


def _reference(path: Path, scheme: str | None, scan: Scan, file: str) -> LabelMap:
    truth = read_reference(path, None if scheme is None else scheme_named(scheme))
    check_same_grid(scan.grid, truth.grid, file=str(path), against=file)
    return truth


def _slice(
    scan: Scan, wanted: int | None, masks: dict[str, LabelMap], truth: LabelMap | None
) -> tuple[int | None, dict[str, Any] | None]:
    """Choose the slice: its number from 0, and what the JSON says of it; None of both for a picture.

    Raises:
        UsageError: There is no such slice, or none can be chosen.
    """
    if not scan.is_volume:
        if wanted is not None:
            raise UsageError("--slice is for volumes and stacks, and the input is one picture", hint="Leave it out.")
        return None, None
    depth = scan.grid.shape[2]
    if wanted is not None:
        if not 1 <= wanted <= depth:
            raise UsageError(f"there is no slice {wanted}", hint=f"Name one from 1 to {depth}.", code="E_SLICE")
        return wanted - 1, {"number": wanted, "of": depth, "chosen": "given"}
    for chosen, own in (
        *((f"most tumor predicted by {name}", own) for name, own in masks.items()),
        *((("most tumor in the reference", truth),) if truth is not None else ()),
    ):
        areas = np.count_nonzero(own.array, axis=(0, 1))
        if areas.any():
            best = int(areas.argmax())
            return best, {"number": best + 1, "of": depth, "chosen": chosen}
    if not masks:
        hint = f"Name a slice with --slice, 1 to {depth}."
        raise UsageError("a classifier looks at one slice of a volume", hint=hint, code="E_SLICE")
    return depth // 2, {"number": depth // 2 + 1, "of": depth, "chosen": "middle; no tumor is predicted"}


def _as_read(predictor: Predictor, scan: Scan, index: int | None) -> Scan:
    """Return what a classifier reads: of a volume one slice, as a picture."""
    return scan if index is None or predictor.folder.facts.dimensions == 3 else scan.slice_picture(index)


def _contrast(scan: Scan) -> str:
    name = first_channel(scan.channels)
    return "" if name in ("gray", "red") else f", {title(name)}"
