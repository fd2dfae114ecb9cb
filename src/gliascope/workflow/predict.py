"""From INPUT to mask and page: find the cases, predict each, write each folder whole."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliascope.case import Case, NiftiFiles, sha256_of
from gliascope.datasets.discover import discover
from gliascope.errors import GliascopeError, InputError, MachineError, Notice, PartialError, UsageError
from gliascope.files import atomic
from gliascope.inference.predictor import Predictor
from gliascope.report import index_page
from gliascope.scan import Scan, in_channel_order
from gliascope.workflow.model_choice import find_model
from gliascope.workflow.prediction import InputFile, Prediction, folder_name, key_figures
from gliascope.workflow.progress import ProgressCallback, silent


@dataclass(frozen=True)
class PredictOptions:
    """How to predict; the same names as on the command line."""

    model: str | Path = "auto"
    task: str = "auto"
    backend: str = "auto"
    device: str = "auto"
    threads: int | None = None
    precision: str = "auto"
    channels: tuple[str, ...] | None = None
    spacing_mm: tuple[float, ...] | None = None
    stack: bool = True
    probabilities: bool = False

    def predictor(self) -> Predictor:
        """Load the model and make it ready.

        Raises:
            ModelError: The model is missing, damaged, or does another task.
        """
        model = find_model(self.model, task=self.task)
        return Predictor(
            model, backend=self.backend, device=self.device, threads=self.threads, precision=self.precision
        )

    def lasting(self) -> dict[str, Any]:
        """Return the options that shape the answer, as they stand in ``prediction.json``."""
        return {
            "channels": list(self.channels) if self.channels else None,
            "spacing_mm": list(self.spacing_mm) if self.spacing_mm else None,
            "probabilities": self.probabilities,
        }


@dataclass(frozen=True)
class Batch:
    """What became of every case of one call."""

    output: Path
    done: tuple[dict[str, Any], ...]
    kept: tuple[dict[str, Any], ...]
    failed: tuple[dict[str, str], ...]
    notices: tuple[Notice, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the result JSON of ``gliascope predict``."""
        return {
            "output": str(self.output),
            "counts": {"done": len(self.done), "kept": len(self.kept), "failed": len(self.failed)},
            "cases": [{**facts, "folder": folder_name(facts["case"])} for facts in (*self.done, *self.kept)],
            "failed": list(self.failed),
            "warnings": [notice.as_json() for notice in self.notices],
        }


def predict(path_or_scan: str | Path | Scan, model: str | Path = "auto", **options: Any) -> Prediction:  # noqa: ANN401
    """Predict one scan and return the answer; nothing is written.

    Args:
        path_or_scan: A picture, a NIfTI file, a folder that holds one study or one stack, or a ``Scan``.
        model: A model folder, a run folder, or the name of a shipped model.
        options: Fields of ``PredictOptions``: ``task, backend, device, threads, channels, spacing_mm`` …

    Raises:
        InputError: The input cannot be used, or holds several cases (use ``predict_batch``).
        ModelError: The model cannot be used.
    """
    chosen = PredictOptions(model=model, **options)
    if isinstance(path_or_scan, Scan):
        return _predict_scan(chosen.predictor(), "scan", path_or_scan, chosen, ())
    found = discover(Path(path_or_scan), stack=chosen.stack, channels=chosen.channels, spacing_mm=chosen.spacing_mm)
    if len(found.cases) != 1:
        hint = "Use gliascope.predict_batch, or name one case."
        raise InputError(f"holds {len(found.cases)} cases", file=path_or_scan, hint=hint, code="E_SEVERAL")
    return _predict_case(chosen.predictor(), found.cases[0], found.root, chosen, found.notices)


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
        InputError: Nothing could be predicted (or the error the only case had).
        PartialError: Never: the caller decides from ``Batch.failed``.
    """
    output = Path(output)
    if not isinstance(inputs, Mapping):
        inputs = tuple(inputs)
        _check_output(output, [Path(path) for path in inputs])
    work, notices, broken = _find_work(inputs, options)
    output.mkdir(parents=True, exist_ok=True)
    predictor = options.predictor()
    done, kept = [], []
    failed = [{"case": Path(fault.file).name, **fault.as_json()["error"]} for fault in broken]
    errors: list[GliascopeError] = [*broken]
    for number, (case, root) in enumerate(work):
        progress("predict", number, len(work))
        folder = output / folder_name(case.id)
        try:
            previous = _finished(folder, case, root, predictor, options)
            if previous is not None and not overwrite:
                kept.append(previous)
                continue
            if folder.exists() and not overwrite:
                raise UsageError("holds another result", file=folder, hint="Add --overwrite.", code="E_EXISTS")
            prediction = _predict_case(predictor, case, root, options, notices)
            done.append(prediction.save(folder, overwrite=overwrite, probabilities=options.probabilities))
        except GliascopeError as fault:
            errors.append(fault)
            failed.append({"case": case.id, **fault.as_json()["error"]})
    progress("predict", len(work), len(work))
    if not done and not kept:
        raise errors[0] if len({type(e) for e in errors}) == 1 else InputError(f"all {len(errors)} cases failed")
    batch = Batch(output, tuple(done), tuple(kept), tuple(failed), notices)
    if len(work) > 1:
        _write_index(batch)
    return batch


def partial_error(batch: Batch) -> PartialError:
    """Return the error that a batch with failures ends in."""
    listed = "; ".join(f"{f['case']}: {f['cause']} [{f['code']}]" for f in batch.failed[:5])
    more = f"; and {len(batch.failed) - 5} more" if len(batch.failed) > 5 else ""
    total = len(batch.failed) + len(batch.done) + len(batch.kept)
    return PartialError(f"{len(batch.failed)} of {total} cases failed: {listed}{more}", hint="The others are done.")


def _find_work(
    inputs: Iterable[str | Path] | Mapping[str, Path], options: PredictOptions
) -> tuple[list[tuple[Case, Path]], tuple[Notice, ...], tuple[InputError, ...]]:
    if isinstance(inputs, Mapping):
        files = {name: Path(inputs[name]) for name in in_channel_order(inputs)}
        folder = next(iter(files.values())).parent
        return [(Case(id=folder.name or "study", source=NiftiFiles(files)), folder)], (), ()
    work: list[tuple[Case, Path]] = []
    notices: list[Notice] = []
    broken: list[InputError] = []
    for path in inputs:
        found = discover(Path(path), stack=options.stack, channels=options.channels, spacing_mm=options.spacing_mm)
        work += [(case, found.root) for case in found.cases]
        notices += found.notices
        broken += found.failures
    names = [folder_name(case.id) for case, _ in work]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        hint = "Predict them into different folders."
        raise UsageError(f"several cases are named {', '.join(double[:5])}", hint=hint, code="E_SAME_NAME")
    return work, tuple(dict.fromkeys(notices)), tuple(broken)


def _check_output(output: Path, inputs: list[Path]) -> None:
    if output.exists() and not output.is_dir():
        raise MachineError("is a file, not a folder", file=output, hint="Choose another -o.", code="E_OUTPUT")
    for path in inputs:
        if path.is_dir() and output.resolve().is_relative_to(path.resolve()):
            hint = "Inputs are never touched; choose a folder outside."
            raise UsageError(f"lies inside the input {path}", file=output, hint=hint, code="E_OUTPUT")


def _predict_case(
    predictor: Predictor, case: Case, root: Path, options: PredictOptions, notices: tuple[Notice, ...]
) -> Prediction:
    start = time.perf_counter()
    scan = case.read()
    read_s = time.perf_counter() - start
    inputs = _input_files(case, root)
    prediction = _predict_scan(predictor, case.id, scan, options, notices, inputs=inputs)
    timing = {"read": read_s, **prediction.timing_s, "total": time.perf_counter() - start}
    return Prediction(**{**vars(prediction), "timing_s": timing})


def _predict_scan(
    predictor: Predictor,
    name: str,
    scan: Scan,
    options: PredictOptions,
    notices: tuple[Notice, ...],
    *,
    inputs: tuple[InputFile, ...] = (),
) -> Prediction:
    result = predictor.predict(scan)
    return Prediction(
        case=name,
        scan=scan,
        model=predictor.folder,
        result=result,
        inputs=inputs,
        options=options.lasting(),
        notices=(*notices, *scan.notices, *result.notices),
        timing_s=result.timing_s,
    )


def _input_files(case: Case, root: Path) -> tuple[InputFile, ...]:
    base = root if root.is_dir() else root.parent
    return tuple(
        InputFile(str(path.relative_to(base)) if path.is_relative_to(base) else path.name, sha256_of(path), channel)
        for channel, path in case.source.files.items()
    )


def _finished(
    folder: Path, case: Case, root: Path, predictor: Predictor, options: PredictOptions
) -> dict[str, Any] | None:
    """Return the JSON of a prediction that is complete for the same input, model and options."""
    try:
        facts: dict[str, Any] = json.loads((folder / "prediction.json").read_text())
        same_model = [m["sha256"] for m in facts["models"]] == [predictor.folder.fingerprint]
        same_options = facts["options"] == options.lasting()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    same_input = facts.get("inputs") == [file.as_json() for file in _input_files(case, root)]
    return facts if same_model and same_options and same_input else None


def _write_index(batch: Batch) -> None:
    """Write the page that links the cases."""
    done = [
        {
            "name": facts["case"],
            "href": f"{folder_name(facts['case'])}/report.html",
            "figures": key_figures(facts),
            "warnings": len(facts["warnings"]),
        }
        for facts in (*batch.done, *batch.kept)
    ]
    failed = [{"name": f["case"], "failed": f"{f['cause']} [{f['code']}]"} for f in batch.failed]
    sections = [{"title": "Cases", "items": done}, {"title": "Failed", "items": failed}]
    page = index_page({"title": "Predictions", "sections": [section for section in sections if section["items"]]})
    atomic.write_text(batch.output / "index.html", page)
