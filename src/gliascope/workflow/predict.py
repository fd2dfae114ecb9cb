"""From INPUT to mask and page: find the cases, predict each, write each folder whole."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.case import Case, NiftiChannels, NiftiFiles, sha256_of
from gliascope.datasets.discover import discover
from gliascope.errors import GliascopeError, InputError, ModelError, Notice, UsageError
from gliascope.files import atomic
from gliascope.report import tile
from gliascope.scan import Scan, in_channel_order
from gliascope.workflow.answering import Answering, answering
from gliascope.workflow.batch import SHOWN_PICTURES, Batch, all_failed, write_index
from gliascope.workflow.open_model import engine_of, used_models
from gliascope.workflow.output_place import check_outside
from gliascope.workflow.prediction import FACTS_FILE, InputFile, Prediction
from gliascope.workflow.progress import ProgressCallback, silent


@dataclass(frozen=True)
class PredictOptions:
    """How to predict; the same names as on the command line."""

    model: str | Path = "auto"
    segmenter: str | Path | None = None
    task: str = "auto"
    segment_all: bool = False
    backend: str = "auto"
    device: str = "auto"
    threads: int | None = None
    precision: str = "auto"
    channels: tuple[str, ...] | None = None
    spacing_mm: tuple[float, ...] | None = None
    stack: bool = True
    probabilities: bool = False

    def answering(self) -> Answering:
        """Load what answers for every scan, or make ready to choose for each.

        Raises:
            UsageError: The task is unknown, or an option has no effect here.
            ModelError: A model is missing, damaged, or does another task.
        """
        return answering(
            self.model,
            self.task,
            segmenter=self.segmenter,
            segment_all=self.segment_all,
            backend=self.backend,
            device=self.device,
            threads=self.threads,
            precision=self.precision,
        )

    def lasting(self) -> dict[str, Any]:
        """Return the options that shape the answer, as they stand in ``prediction.json``."""
        return {
            "backend": self.backend,
            "precision": self.precision,
            "channels": list(self.channels) if self.channels else None,
            "spacing_mm": list(self.spacing_mm) if self.spacing_mm else None,
            "probabilities": self.probabilities,
            "segment_all": self.segment_all,
        }


def predict(path_or_scan: str | Path | Scan, model: str | Path = "auto", **options: Any) -> Prediction:  # noqa: ANN401
    """Predict one scan and return the answer; nothing is written.

    Args:
        path_or_scan: A picture, a NIfTI file, a folder that holds one study or one stack, or a ``Scan``.
        model: A model, system or run folder, or the name of a shipped model; ``auto``: what ships for such a scan.
        options: Fields of ``PredictOptions``: ``segmenter, task, backend, device, threads, channels, spacing_mm`` …

    Raises:
        UsageError: An option is unknown or has no such value.
        InputError: The input cannot be used, or holds several cases (use ``predict_batch``).
        ModelError: The model cannot be used.
    """
    unknown = sorted(set(options) - set(PredictOptions.__dataclass_fields__))
    if unknown:
        hint = f"Known: {', '.join(PredictOptions.__dataclass_fields__)}."
        raise UsageError(f"unknown option '{unknown[0]}'", hint=hint)
    chosen = PredictOptions(model=model, **options)
    if isinstance(path_or_scan, Scan):
        return _predict_scan(chosen.answering(), "scan", path_or_scan, chosen, ())
    found = discover(Path(path_or_scan), stack=chosen.stack, channels=chosen.channels, spacing_mm=chosen.spacing_mm)
    several = len(found.cases) + len(found.failures)
    if several != 1:
        hint = "Use gliascope.predict_batch, or name one case."
        raise InputError(f"holds {several} cases", file=path_or_scan, hint=hint, code="E_SEVERAL")
    return _predict_case(chosen.answering(), found.cases[0], found.root, chosen, found.notices)


def predict_batch(
    inputs: Iterable[str | Path] | Mapping[str, Path],
    output: str | Path,
    *,
    options: PredictOptions = PredictOptions(),
    overwrite: bool = False,
    progress: ProgressCallback = silent,
) -> Batch:
    """Predict every case found in the inputs and write one folder each.

    A case that fails is listed and the rest is done. A case that is complete for the same input, model and options
    is kept. ``inputs`` as a mapping names the files of one study by channel.

    Raises:
        UsageError: The output lies in an input, or a case's folder holds another result and ``overwrite`` is False.
        InputError: Nothing could be predicted, or the error the only case had. Some failing is no error here: see
            ``Batch.failed`` and ``partial_error``.
    """
    output = Path(output)
    inputs = inputs if isinstance(inputs, Mapping) else tuple(inputs)
    check_outside(output, [] if isinstance(inputs, Mapping) else [Path(path) for path in inputs])
    work, notices, broken = _find_work(inputs, options)
    failed = [{"case": Path(fault.file).name, **fault.as_json()["error"]} for fault in broken]
    errors: list[GliascopeError] = [*broken]
    if not work:
        raise all_failed(failed, errors)
    models = options.answering()
    output.mkdir(parents=True, exist_ok=True)
    several = len(work) + len(broken) > 1
    done, kept = [], []
    pictures: dict[str, NDArray[np.uint8]] = {}
    for number, (case, root) in enumerate(work):
        progress("predict", number, len(work))
        folder = output / case.id
        try:
            previous = _finished(folder, case, root, models, options)
            if previous is not None and not overwrite:
                kept.append(previous)
                continue
            atomic.check_place(folder, overwrite=True, mark=FACTS_FILE)
            if folder.exists() and not overwrite:
                raise UsageError("holds another result", file=folder, hint="Add --overwrite.", code="E_EXISTS")
            windows = None if several else _window_progress(progress)
            prediction = _predict_case(models, case, root, options, notices, windows=windows)
            done.append(prediction.save(folder, overwrite=overwrite, probabilities=options.probabilities))
            if several and len(pictures) < SHOWN_PICTURES:
                pictures[case.id] = tile(prediction.scan, prediction.label_map)
        except GliascopeError as fault:
            errors.append(fault)
            failed.append({"case": case.id, **fault.as_json()["error"]})
    progress("predict", len(work), len(work))
    if not done and not kept:
        raise all_failed(failed, errors)
    batch = Batch(output, tuple(done), tuple(kept), tuple(failed), notices, pictures)
    if several:
        write_index(batch)
    return batch


def _find_work(
    inputs: Iterable[str | Path] | Mapping[str, Path], options: PredictOptions
) -> tuple[list[tuple[Case, Path]], tuple[Notice, ...], tuple[InputError, ...]]:
    spacing_unused = Notice("W_SPACING", "", "--spacing is for pictures; NIfTI files carry their own.")
    if isinstance(inputs, Mapping):
        if options.channels:
            hint = "Leave it out: --t1n, --t1c, --t2w and --t2f name the channels."
            raise UsageError("--channels does not apply to files named by channel", hint=hint)
        files = {name: Path(inputs[name]) for name in in_channel_order(inputs)}
        folder = next(iter(files.values())).parent
        # A case named after the folder would carry a name nobody gave: here only files were named.
        case = Case(id="study", source=NiftiFiles(files))
        return [(case, folder)], (spacing_unused,) if options.spacing_mm else (), ()
    work: list[tuple[Case, Path]] = []
    notices: list[Notice] = []
    broken: list[InputError] = []
    for path in inputs:
        try:
            found = discover(Path(path), stack=options.stack, channels=options.channels, spacing_mm=options.spacing_mm)
        except InputError as fault:
            broken.append(fault)
            continue
        work += [(case, found.root) for case in found.cases]
        notices += found.notices
        broken += found.failures
        if options.spacing_mm and any(isinstance(c.source, NiftiFiles | NiftiChannels) for c in found.cases):
            notices.append(spacing_unused)
    names = [case.id for case, _ in work]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        hint = "Predict them into different folders."
        raise UsageError(f"several cases are named {', '.join(double[:5])}", hint=hint, code="E_SAME_NAME")
    return work, tuple(dict.fromkeys(notices)), tuple(broken)


def _predict_case(
    models: Answering,
    case: Case,
    root: Path,
    options: PredictOptions,
    notices: tuple[Notice, ...],
    *,
    windows: Callable[[int, int], None] | None = None,
) -> Prediction:
    start = time.perf_counter()
    scan = case.read()
    read_s = time.perf_counter() - start
    inputs = input_files(case, root)
    try:
        prediction = _predict_scan(models, case.id, scan, options, notices, inputs=inputs, windows=windows)
    except (InputError, ModelError) as fault:
        files = case.paths
        fault.file = fault.file or str(files[0] if len(files) == 1 else files[0].parent)
        raise
    timing = {"read": read_s, **prediction.timing_s, "total": time.perf_counter() - start}
    return Prediction(**{**vars(prediction), "timing_s": timing})


def _predict_scan(
    models: Answering,
    name: str,
    scan: Scan,
    options: PredictOptions,
    notices: tuple[Notice, ...],
    *,
    inputs: tuple[InputFile, ...] = (),
    windows: Callable[[int, int], None] | None = None,
) -> Prediction:
    answerer = models.for_scan(scan)
    predictor = answerer.predictor
    result = predictor.predict(scan, progress=windows)
    return Prediction(
        case=name,
        scan=scan,
        models=used_models(predictor),
        result=result,
        inputs=inputs,
        options=options.lasting(),
        engine=engine_of(predictor),
        notices=(*notices, *scan.notices, *answerer.notices, *result.notices),
        choice=answerer.choice,
        timing_s=result.timing_s,
    )


def _window_progress(progress: ProgressCallback) -> Callable[[int, int], None]:
    return lambda done, total: progress("windows", done, total)


def input_files(case: Case, root: Path) -> tuple[InputFile, ...]:
    """Return the files of a case as results name them: relative to the input, with their SHA-256."""
    base = root if root.is_dir() else root.parent
    return tuple(
        InputFile(str(path.relative_to(base)) if path.is_relative_to(base) else path.name, sha256_of(path), channel)
        for channel, path in case.source.files.items()
    )


def _finished(
    folder: Path, case: Case, root: Path, models: Answering, options: PredictOptions
) -> dict[str, Any] | None:
    """Return the JSON of a prediction that is complete for the same input, models and options."""
    try:
        facts: dict[str, Any] = json.loads((folder / FACTS_FILE).read_text())
        same_model = models.answered(facts)
        same_options = {"segment_all": False, **facts["options"]} == options.lasting()
        outputs = ["report.html", *([facts["segmentation"]["mask"]] if facts["segmentation"] else [])]
        whole = all((folder / name).is_file() for name in outputs)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    same_input = facts.get("inputs") == [file.as_json() for file in input_files(case, root)]
    return facts if whole and same_model and same_options and same_input else None
