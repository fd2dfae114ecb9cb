"""Score predictions against references: a trained run on its own split, or two folders of label maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliascope.errors import InputError, Notice, UsageError
from gliascope.files import atomic
from gliascope.labels import scheme_named
from gliascope.metrics import protocol_named
from gliascope.report import evaluation_page
from gliascope.scan import check_same_grid, in_channel_order
from gliascope.workflow.case_table import cases_csv
from gliascope.workflow.evaluate_run import evaluate_run
from gliascope.workflow.mask_scores import MaskScores
from gliascope.workflow.pairs import Pair, is_volume, pair_masks, predicted_scheme, read_mask
from gliascope.workflow.patients import read_patients
from gliascope.workflow.progress import ProgressCallback, silent
from gliascope.workflow.provenance import made
from gliascope.workflow.run_folder import is_run

FACTS_FILE = "evaluation.json"


def evaluation_folder(
    split: str, protocol: str = "plain", *, with_tumor: bool = False, given: tuple[str, ...] | None = None
) -> str:
    """Return the name of the folder in which a run keeps one of its evaluations.

    Example:
        >>> evaluation_folder("test"), evaluation_folder("validation", "brats2023", with_tumor=True)
        ('evaluation-test', 'evaluation-validation-brats2023-with-tumor')
        >>> evaluation_folder("test", given=("t2f", "t1c"))
        'evaluation-test-t1c-t2f'
    """
    channels = "".join(f"-{name}" for name in in_channel_order(given or ()))
    return f"evaluation-{split}" + f"-{protocol}" * (protocol != "plain") + channels + "-with-tumor" * with_tumor


@dataclass(frozen=True)
class Evaluation:
    """The scores: plain data as in ``evaluate --json``, and the page of a run or of two folders."""

    facts: dict[str, Any]
    page: str

    def save(self, folder: Path, *, overwrite: bool = False) -> None:
        """Write ``evaluation.json``, ``cases.csv`` and ``report.html`` into a folder that appears whole."""
        with atomic.new_folder(folder, overwrite=overwrite, mark=FACTS_FILE) as part:
            atomic.write_json(part / FACTS_FILE, self.facts)
            atomic.write_text(part / "cases.csv", cases_csv(self.facts))
            atomic.write_text(part / "report.html", self.page)


def evaluate(
    run_or_predictions: str | Path,
    references: str | Path | None = None,
    *,
    split: str = "test",
    data: str | Path | None = None,
    scheme: str | None = None,
    protocol: str = "plain",
    tolerance_mm: float | None = None,
    spacing_mm: tuple[float, ...] | None = None,
    with_tumor: bool = False,
    given: tuple[str, ...] | None = None,
    patients: str | Path | None = None,
    backend: str = "auto",
    device: str = "auto",
    threads: int | None = None,
    progress: ProgressCallback = silent,
) -> Evaluation:
    """Score a trained run on one part of its split, or label maps against references.

    Args:
        run_or_predictions: A run folder, or label maps (a folder or a file) when ``references`` is given.
        references: Label maps to score against, matched by case name.
        split: ``test``, ``validation`` or ``train``: the part of a run's split.
        data: The data set's root, where it has moved since the training.
        scheme: What the label numbers mean, where the values leave it open; masks that ``predict`` wrote say it
            themselves. None: of NIfTI masks that of the protocol, if it has one (``brats2023``).
        protocol: How masks are scored, a name of ``metrics.PROTOCOLS``; numbers of two protocols do not compare.
        tolerance_mm: How far borders may lie apart and still agree (``nsd``); None: 1 mm. Of protocol ``plain`` only.
        spacing_mm: Voxel size of masks that carry none, as pictures do. None: of a run, what its recipe says
            (``score.spacing_mm``).
        with_tumor: Only cases whose reference holds tumor count, of masks.
        given: Channels that a run's model is given, as if the cases had no others; None: all.
        patients: A CSV ``case,patient`` for label maps, so that intervals take cases of one patient together.
        backend: ``auto``, ``openvino`` or ``torch``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; None: all cores.
        progress: Told how far it is.

    Raises:
        UsageError: An option belongs to the other kind of evaluation, or there is no such protocol.
        InputError: A reference has no prediction, grids differ, a file cannot be used, the protocol needs a voxel size
            that is not known, or no reference holds tumor and only such cases count.
        LabelError: The label values fit several schemes and none was named.
    """
    protocol_named(protocol)
    if references is None:
        if not is_run(Path(run_or_predictions)):
            hint = "Name a run (the -o of gliascope train), or label maps and the REFERENCES to score them against."
            raise InputError("is no run folder", file=run_or_predictions, hint=hint, code="E_RUN")
        _refuse({"scheme": scheme, "patients": patients}, "a run, whose model and data set name scheme and patients")
        predictor_options = {"backend": backend, "device": device, "threads": threads}
        facts, page = evaluate_run(
            *(Path(run_or_predictions), split, data, predictor_options, progress),
            protocol=protocol,
            tolerance_mm=tolerance_mm,
            spacing_mm=spacing_mm,
            with_tumor=with_tumor,
            given=given,
        )
        return Evaluation(facts, page)
    if is_run(Path(run_or_predictions)):
        hint = "Leave REFERENCES out; --data ROOT tells where the data set is now."
        raise UsageError("a run is scored on the references of its data set", file=run_or_predictions, hint=hint)
    run_options: dict[str, Any] = {"data": data, "backend": backend, "device": device, "threads": threads}
    run_options |= {"split": split, "given": given}
    defaults = {"backend": "auto", "device": "auto", "split": "test"}
    _refuse({k: v for k, v in run_options.items() if v != defaults.get(k)}, "label maps, where nothing is computed")
    scores = MaskScores(protocol, tolerance_mm, spacing_mm, with_tumor)
    folders = Path(run_or_predictions), Path(references)
    return _evaluate_folders(*folders, scores, scheme=scheme, patients=patients, progress=progress)


def _refuse(given: dict[str, Any], what: str) -> None:
    """Refuse options that would have no effect."""
    named = [name for name, value in given.items() if value is not None]
    if named:
        hint = "See gliascope evaluate --help."
        raise UsageError(f"--{named[0]} does not apply to {what}", hint=hint)


def _evaluate_folders(
    predictions: Path,
    references: Path,
    scores: MaskScores,
    *,
    scheme: str | None,
    patients: str | Path | None,
    progress: ProgressCallback,
) -> Evaluation:
    pairs, notices = pair_masks(predictions, references)
    noticed = [*notices, *_swapped(pairs)]
    named = None if scheme is None else scheme_named(scheme)
    if named is None and scores.rules.scheme is not None and any(is_volume(pair.reference) for pair in pairs):
        named = scheme_named(scores.rules.scheme)
        text = f"Label numbers are read as {named.name}, the protocol's own; --scheme names another."
        noticed.append(Notice("W_SCHEME", "", text))
    known = {} if patients is None else read_patients(Path(patients), [pair.case for pair in pairs])
    for number, pair in enumerate(pairs):
        progress("evaluate", number, len(pairs))
        reference = read_mask(pair.reference, named)
        if scores.leaves_out(reference):
            continue
        prediction = read_mask(pair.prediction, predicted_scheme(pair.prediction) or named)
        noticed += [*reference.notices, *prediction.notices]
        check_same_grid(reference.grid, prediction.grid, file=pair.prediction.name, against=pair.reference.name)
        scores.add(pair.case, prediction, reference, patient=known.get(pair.case))
    progress("evaluate", len(pairs), len(pairs))
    facts = {"name": "Evaluation", **made(), **scores.facts("given", noticed)}
    return Evaluation(facts, evaluation_page(facts))


def _swapped(pairs: Sequence[Pair]) -> list[Notice]:
    """Return a notice where it is the references that ``gliascope predict`` wrote: most figures have a direction."""
    ours = [[predicted_scheme(path) is not None for path in (pair.prediction, pair.reference)] for pair in pairs]
    if not any(reference and not prediction for prediction, reference in ours):
        return []
    text = "The references were written by gliascope predict, the predictions were not; PREDICTIONS come first."
    return [Notice("W_SWAPPED", "", text)]
