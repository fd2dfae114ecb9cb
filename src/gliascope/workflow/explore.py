"""What a data set holds: classes, tissues, tumors, contrasts, sizes, intensities, as JSON and a page."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gliascope.case import Case
from gliascope.datasets import dataset_named
from gliascope.errors import GliascopeError, InputError, Notice
from gliascope.files import atomic
from gliascope.report import explore_page
from gliascope.workflow import data_summary
from gliascope.workflow.case_look import CaseLook, look_at
from gliascope.workflow.data_pictures import example_sheets, example_strips
from gliascope.workflow.intensity_samples import IntensitySamples
from gliascope.workflow.output_place import check_outside
from gliascope.workflow.progress import ProgressCallback, silent
from gliascope.workflow.provenance import code_version

FACTS_FILE = "exploration.json"


def explore(
    dataset: str,
    root: str | Path,
    output: str | Path | None = None,
    *,
    overwrite: bool = False,
    progress: ProgressCallback = silent,
) -> dict[str, Any]:
    """Read every case of a data set once and describe what is there.

    Cases that cannot be read are listed as warnings and not counted. Memory does not grow with the number of cases,
    but for a few hundred bytes each.

    Args:
        dataset: An adapter's name.
        root: The data set's folder.
        output: A folder for ``report.html`` and ``exploration.json``; None: nothing is written.
        overwrite: Replace the folder.
        progress: Told how far it is.

    Raises:
        InputError: The folder does not hold this data set, or no case can be read.
        UsageError: ``output`` lies in ``root``, or something is there that may not be replaced.
    """
    if output is not None:
        check_outside(Path(output), [Path(root)])
        atomic.check_place(Path(output), overwrite=overwrite, mark=FACTS_FILE)
    settings = dataset_named(dataset)
    cases = settings.cases(Path(root))
    samples = IntensitySamples(len(cases))
    looks, notices = _look_at_all(cases, samples, progress)
    if not looks:
        raise InputError(f"none of {len(cases)} cases can be read", file=root, hint="Run gliascope check.")
    facts = {
        "dataset": dataset,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "gliascope_version": code_version(),
        "card": asdict(settings.card),
        "counts": _counts(cases, looks),
        **data_summary.class_facts(looks),
        **data_summary.tissue_facts(looks),
        **data_summary.size_facts(looks),
        **data_summary.slice_facts(looks),
        **data_summary.shape_facts(looks),
        "histograms": samples.histograms(),
        "histograms_by": samples.grouped(),
        "histogram_unit": "share of the range inside the head" if samples.relative else "gray value",
        "warnings": [notice.as_json() for notice in dict.fromkeys(notices)],
    }
    if output is not None:
        pictures = {"strips": example_strips(looks), "sheets": example_sheets(looks)}
        with atomic.new_folder(Path(output), overwrite=overwrite, mark=FACTS_FILE) as part:
            atomic.write_text(part / "report.html", explore_page({**facts, **pictures}))
            atomic.write_json(part / FACTS_FILE, facts)
    return facts


def _look_at_all(
    cases: Sequence[Case], samples: IntensitySamples, progress: ProgressCallback
) -> tuple[list[CaseLook], list[Notice]]:
    looks: list[CaseLook] = []
    notices: list[Notice] = []
    for number, case in enumerate(cases):
        progress("explore", number, len(cases))
        try:
            scan, labels = case.read_pair() if case.has_reference else (case.read(), None)
        except GliascopeError as fault:
            notices.append(Notice("W_UNREADABLE", case.id, f"{fault.cause} [{fault.code}]"))
            continue
        notices += [*scan.notices, *(labels.notices if labels is not None else ())]
        samples.add(scan, case.label, labels)
        looks.append(look_at(case, scan, labels))
    progress("explore", len(cases), len(cases))
    return looks, notices


def _counts(cases: Sequence[Case], looks: Sequence[CaseLook]) -> dict[str, int]:
    return {
        "cases": len(cases),
        "read": len(looks),
        "patients": len({case.patient for case in cases if case.patient is not None}),
        "references": sum(case.has_reference for case in cases),
    }
