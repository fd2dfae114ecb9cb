"""What there is to predict: the cases of the inputs, their files by hash, and which of them are done already."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gliascope.case import Case, NiftiChannels, NiftiFiles, sha256_of
from gliascope.datasets.discover import discover
from gliascope.errors import InputError, Notice, UsageError
from gliascope.scan import in_channel_order
from gliascope.workflow.answering import Answering
from gliascope.workflow.predict_options import PredictOptions
from gliascope.workflow.prediction import FACTS_FILE, InputFile


def find_work(
    inputs: Iterable[str | Path] | Mapping[str, Path], options: PredictOptions
) -> tuple[list[tuple[Case, Path]], tuple[Notice, ...], tuple[InputError, ...]]:
    """Return the cases of all inputs, each with the folder its paths are shown relative to; notices; what is unusable.

    Raises:
        UsageError: Two cases have one name, or an option does not fit.
    """
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


def input_files(case: Case, root: Path) -> tuple[InputFile, ...]:
    """Return the files of a case as results name them: relative to the input, with their SHA-256."""
    base = root if root.is_dir() else root.parent
    return tuple(
        InputFile(str(path.relative_to(base)) if path.is_relative_to(base) else path.name, sha256_of(path), channel)
        for channel, path in case.source.files.items()
    )


def finished(folder: Path, case: Case, root: Path, models: Answering, options: PredictOptions) -> dict[str, Any] | None:
    """Return the JSON of a prediction that is complete for the same input, models and options."""
    try:
        facts: dict[str, Any] = json.loads((folder / FACTS_FILE).read_text())
        same_model = models.answered(facts)
        same_options = {"segment_all": False, "gate": True, **facts["options"]} == options.lasting()
        outputs = ["report.html", *([facts["segmentation"]["mask"]] if facts["segmentation"] else [])]
        whole = all((folder / name).is_file() for name in outputs)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not (whole and same_model and same_options):  # hashing comes last: it reads every byte
        return None
    return facts if facts.get("inputs") == [file.as_json() for file in input_files(case, root)] else None
