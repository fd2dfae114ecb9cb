"""From INPUT to mask and page: find the cases, predict each, write each folder whole."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.case import Case, NiftiFiles
from gliascope.datasets.discover import discover
from gliascope.errors import GliascopeError, InputError, Notice, UsageError
from gliascope.scan import Scan
from gliascope.workflow.batch import SHOWN_PICTURES, Batch, all_failed, write_index
from gliascope.workflow.batch_table import write_table
from gliascope.workflow.output_place import check_outside
from gliascope.workflow.overlap import Overlap
from gliascope.workflow.predict_options import PredictOptions
from gliascope.workflow.predict_stages import Done, Failed, Kept, ReadCase, Stages, predictions, read_case, size_of
from gliascope.workflow.predict_work import find_work
from gliascope.workflow.prediction import Prediction
from gliascope.workflow.progress import ProgressCallback, silent
from gliascope.workflow.shares import Call, Shares, shares_of

__all__ = ["PredictOptions", "predict", "predict_batch"]

DEFAULTS = PredictOptions()


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
        return _only(chosen, lambda: ReadCase(Case("scan", NiftiFiles({})), path_or_scan))
    found = discover(Path(path_or_scan), stack=chosen.stack, channels=chosen.channels, spacing_mm=chosen.spacing_mm)
    several = len(found.cases) + len(found.failures)
    if several != 1:
        hint = "Use gliascope.predict_batch, or name one case."
        raise InputError(f"holds {several} cases", file=path_or_scan, hint=hint, code="E_SEVERAL")
    return _only(chosen, lambda: read_case(found.cases[0], found.root), found.notices)


def predict_batch(
    inputs: Iterable[str | Path] | Mapping[str, Path],
    output: str | Path,
    *,
    options: PredictOptions = DEFAULTS,
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
    work, notices, broken = find_work(inputs, options)
    failed = [{"case": Path(fault.file).name, **fault.as_json()["error"]} for fault in broken]
    errors: list[GliascopeError] = [*broken]
    if not work:
        raise all_failed(failed, errors)
    several = len(work) + len(broken) > 1
    stages = Stages(
        options.answering(),
        options,
        output,
        notices,
        overwrite=overwrite,
        pictures=several and len(work) <= SHOWN_PICTURES,
        windows=None if several else lambda done, total: progress("windows", done, total),
    )
    output.mkdir(parents=True, exist_ok=True)
    done, kept = [], []
    pictures: dict[str, NDArray[np.uint8]] = {}
    shares = None
    if (number_of_shares := 1 if isinstance(inputs, Mapping) else shares_of(work, options)) > 1:
        call = Call(tuple(str(path) for path in inputs), str(output), options, overwrite)
        shares = Shares(call, number_of_shares)
    progress("predict", 0, len(work))
    with closing(_results(stages, work, shares)) as results:
        for number, result in enumerate(results, start=1):
            match result:
                case Kept(facts):
                    kept.append(facts)
                case Failed(case, fault):
                    errors.append(fault)
                    failed.append({"case": case.id, **fault.as_json()["error"]})
                case Done(facts, picture):
                    done.append(facts)
                    if picture is not None:
                        pictures[facts["case"]] = picture
            progress("predict", number, len(work))
    if not done and not kept:
        raise all_failed(failed, errors)
    noticed = notices if shares is None else (*notices, *shares.notices)
    batch = Batch(output, tuple(done), tuple(kept), tuple(failed), noticed, pictures)
    write_table(batch)
    if several:
        write_index(batch)
    return batch


def _results(
    stages: Stages, work: Sequence[tuple[Case, Path]], shares: Shares | None
) -> Generator[Done | Kept | Failed, None, None]:
    """Yield what became of every case; what the shares did not finish is done here."""
    rest = {case.id: (case, root) for case, root in work}
    if shares is not None:
        with closing(shares.results()) as finished:
            for result in finished:
                del rest[result.facts["case"]]
                yield result
    with closing(Overlap(stages.read, stages.answer, stages.write, size_of).run(rest.values())) as results:
        yield from results


def _only(options: PredictOptions, read: Callable[[], ReadCase], notices: tuple[Notice, ...] = ()) -> Prediction:
    """Predict one case, which is read when the models are ready."""
    models = options.answering()
    (result,) = predictions(models, [read()], options, notices)
    if isinstance(result, GliascopeError):
        raise result
    return result
