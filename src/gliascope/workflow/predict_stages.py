"""One case from file to folder in three stages: read it, answer for it, write it down.

A case that fails, at whatever stage, becomes ``Failed``, and the others go on.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.case import Case, Picture
from gliascope.errors import GliascopeError, InputError, ModelError, Notice, UsageError
from gliascope.files import atomic
from gliascope.inference.answers import Classification, tried
from gliascope.inference.cascade import CascadeAnswer
from gliascope.inference.predictor import PICTURES_PER_PASS
from gliascope.report.tiles import tile
from gliascope.scan import Scan
from gliascope.workflow.answering import Answerer, Answering
from gliascope.workflow.open_model import AnyPredictor, engine_of, has_gate, used_models
from gliascope.workflow.predict_options import PredictOptions
from gliascope.workflow.predict_work import finished, input_files
from gliascope.workflow.prediction import FACTS_FILE, InputFile, Prediction

Windows = Callable[[int, int], None]
"""Told how many windows of one case are done, and how many there are."""


@dataclass(frozen=True, eq=False)
class ReadCase:
    """A case whose scan is in memory.

    Args:
        case: What was read.
        scan: What it holds.
        inputs: Its files by hash.
        seconds: What reading took, hashes included.
        answerer: What answers for it, or why nothing does; None: not looked for yet.
    """

    case: Case
    scan: Scan
    inputs: tuple[InputFile, ...] = ()
    seconds: float | None = None
    answerer: Answerer | GliascopeError | None = None


@dataclass(frozen=True)
class Kept:
    """A case that is complete already, with its ``prediction.json``."""

    facts: dict[str, Any]


@dataclass(frozen=True)
class Failed:
    """A case that cannot be predicted or written, and why."""

    case: Case
    fault: GliascopeError


@dataclass(frozen=True, eq=False)
class Done:
    """A case that has been written, with its ``prediction.json`` and, where it was asked for, a small picture."""

    facts: dict[str, Any]
    picture: NDArray[np.uint8] | None


@dataclass(frozen=True)
class Stages:
    """What is the same for every case of a call.

    Args:
        models: What answers.
        options: How to predict.
        output: Where each case gets its folder.
        notices: What was noticed when the cases were found.
        overwrite: Replace earlier results.
        pictures: Draw a small picture of each case.
        windows: Told of the windows of a case that is alone.
    """

    models: Answering
    options: PredictOptions
    output: Path
    notices: tuple[Notice, ...]
    overwrite: bool = False
    pictures: bool = False
    windows: Windows | None = None

    def read(self, task: tuple[Case, Path]) -> ReadCase | Kept | Failed:
        """Read a case and find what answers for it, unless it is complete already or its place is taken."""
        case, root = task
        folder = self.output / case.id
        try:
            previous = None if self.overwrite else finished(folder, case, root, self.models, self.options)
            if previous is not None:
                return Kept(previous)
            atomic.check_place(folder, overwrite=True, mark=FACTS_FILE)
            if folder.exists() and not self.overwrite:
                raise UsageError("holds another result", file=folder, hint="Add --overwrite.", code="E_EXISTS")
            item = read_case(case, root)
            return replace(item, answerer=tried(partial(_answerer, self.models), item))
        except GliascopeError as fault:
            return Failed(case, fault)

    def answer(self, group: Sequence[ReadCase | Kept | Failed]) -> list[tuple[Case, Prediction] | Kept | Failed]:
        """Answer for the cases that have been read; the others stay as they are."""
        read = [item for item in group if isinstance(item, ReadCase)]
        given = iter(predictions(self.models, read, self.options, self.notices, windows=self.windows))
        answers: list[tuple[Case, Prediction] | Kept | Failed] = []
        for item in group:
            if not isinstance(item, ReadCase):
                answers.append(item)
                continue
            own = next(given)
            answers.append(Failed(item.case, own) if isinstance(own, GliascopeError) else (item.case, own))
        return answers

    def write(self, answer: tuple[Case, Prediction] | Kept | Failed) -> Done | Kept | Failed:
        """Write the folder of a case."""
        if isinstance(answer, Kept | Failed):
            return answer
        case, prediction = answer
        try:
            folder, maps = self.output / case.id, self.options.probabilities
            facts = prediction.save(folder, overwrite=self.overwrite, probabilities=maps)
            return Done(facts, tile(prediction.scan, prediction.label_map) if self.pictures else None)
        except GliascopeError as fault:
            return Failed(case, fault)


def read_case(case: Case, root: Path) -> ReadCase:
    """Read the scan of a case and hash its files.

    Raises:
        InputError: A file cannot be used.
    """
    start = time.perf_counter()
    scan, inputs = _read(case), input_files(case, root)
    return ReadCase(case, scan, inputs, time.perf_counter() - start)


def _read(case: Case) -> Scan:
    """Read a case; a blank picture too, for a gate can say of it that it shows no brain."""
    if isinstance(case.source, Picture):
        return replace(case.source, blank=True).read()
    return case.read()


def _answerer(models: Answering, item: ReadCase) -> Answerer:
    """Return what answers for a case; a picture that shows nothing is refused where no gate can say so."""
    answerer, scan = models.for_scan(item.scan), item.scan
    blank = isinstance(item.case.source, Picture) and all(channel.min() == channel.max() for channel in scan.array)
    if blank and not has_gate(answerer.predictor):
        cause = f"shows nothing: one value everywhere in {', '.join(scan.channels)}"
        raise InputError(cause, hint="Is it the right picture?", code="E_BLANK")
    return answerer


def size_of(item: ReadCase | Kept | Failed) -> tuple[int, int]:
    """Return the bytes that a case holds, and how many like it go through the network together."""
    if not isinstance(item, ReadCase):
        return 0, 4 * PICTURES_PER_PASS
    return item.scan.array.nbytes, 1 if item.scan.is_volume else PICTURES_PER_PASS


def predictions(
    models: Answering,
    read: Sequence[ReadCase],
    options: PredictOptions,
    notices: tuple[Notice, ...],
    *,
    windows: Windows | None = None,
) -> list[Prediction | GliascopeError]:
    """Return the prediction of every case, or why there is none; those that one predictor answers go together."""
    answerers = [tried(partial(_answerer, models), item) if item.answerer is None else item.answerer for item in read]
    results: dict[int, Prediction | GliascopeError] = {}
    together: list[list[tuple[int, Answerer]]] = []
    for number, answerer in enumerate(answerers):
        if isinstance(answerer, GliascopeError):
            results[number] = answerer
            continue
        group = next((own for own in together if own[0][1].predictor == answerer.predictor), None)
        if group is None:
            together.append(group := [])
        group.append((number, answerer))
    for group in together:
        given = _answers(group[0][1].predictor, [read[number].scan for number, _ in group], windows)
        for (number, answerer), result in zip(group, given, strict=True):
            results[number] = (
                result
                if isinstance(result, GliascopeError)
                else _prediction(read[number], answerer, result, options, notices)
            )
    for item, result in ((read[number], result) for number, result in results.items()):
        if isinstance(result, InputError | ModelError) and item.inputs:
            files = item.case.paths
            result.file = result.file or str(files[0] if len(files) == 1 else files[0].parent)
    return [results[number] for number in range(len(read))]


def _answers(predictor: AnyPredictor, scans: Sequence[Scan], windows: Windows | None) -> Sequence[Any]:
    if len(scans) > 1:
        return predictor.predict_all(scans)
    return [tried(lambda scan: predictor.predict(scan, progress=windows), scans[0])]


def _prediction(
    item: ReadCase,
    answerer: Answerer,
    result: Any,  # noqa: ANN401 - any answer
    options: PredictOptions,
    notices: tuple[Notice, ...],
) -> Prediction:
    timing = dict(result.timing_s)
    if item.seconds is not None:
        timing = {"read": item.seconds, **timing, "total": item.seconds + sum(timing.values())}
    classification = result.classification if isinstance(result, CascadeAnswer) else result
    foreign = isinstance(classification, Classification) and classification.foreign
    unlike = () if foreign else answerer.notices  # of what is no brain MRI, its contrast need not be doubted
    return Prediction(
        case=item.case.id,
        scan=item.scan,
        models=used_models(answerer.predictor),
        result=result,
        inputs=item.inputs,
        options=options.lasting(),
        engine=engine_of(answerer.predictor),
        notices=(*notices, *item.scan.notices, *unlike, *result.notices),
        choice=answerer.choice,
        timing_s=timing,
    )
