"""Every input check without predicting: scans, label maps, models, recipes, data sets."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gliascope.case import Case
from gliascope.checkpoint import ModelFolder
from gliascope.datasets import dataset_named
from gliascope.datasets.discover import discover
from gliascope.errors import GliascopeError, Notice, PartialError, counted
from gliascope.labels import scheme_named
from gliascope.scan import Scan, check_same_grid
from gliascope.workflow.model_choice import find_any, is_model
from gliascope.workflow.open_model import open_predictor, single_predictors
from gliascope.workflow.pairs import is_label_name, read_mask
from gliascope.workflow.progress import ProgressCallback, silent
from gliascope.workflow.run_folder import MODEL_FOLDER, is_run


@dataclass(frozen=True)
class Checked:
    """What became of one input; ``kind`` is scan, labels, model or recipe, ``fault`` is None if it is fine."""

    name: str
    kind: str
    text: str
    fault: GliascopeError | None = None

    def as_json(self) -> dict[str, Any]:
        """Return one entry of ``checked``."""
        error = None if self.fault is None else self.fault.as_json()["error"]
        return {"input": self.name, "kind": self.kind, "ok": self.fault is None, "text": self.text, "error": error}


@dataclass(frozen=True)
class CheckReport:
    """All inputs of one call."""

    checked: tuple[Checked, ...]
    notices: tuple[Notice, ...]

    @property
    def exit_code(self) -> int:
        """0 all fine; the one code that all faults share; 6 when some are fine and some are not; else 3."""
        codes = {item.fault.exit_code for item in self.checked if item.fault is not None}
        if not codes:
            return 0
        if any(item.fault is None for item in self.checked):
            return PartialError.exit_code
        return codes.pop() if len(codes) == 1 else 3

    def as_json(self) -> dict[str, Any]:
        """Return the result JSON of ``gliascope check``."""
        return {
            "ok": self.exit_code == 0,
            "checked": [item.as_json() for item in self.checked],
            "warnings": [notice.as_json() for notice in self.notices],
        }

    def lines(self) -> Iterator[str]:
        """Return one line per input."""
        for item in self.checked:
            yield f"{item.kind} {item.name}: {'ok, ' + item.text if item.fault is None else f'error: {item.fault}'}"


def check(
    inputs: Iterable[str | Path],
    *,
    dataset: str | None = None,
    scheme: str | None = None,
    channels: tuple[str, ...] | None = None,
    stack: bool = True,
    progress: ProgressCallback = silent,
) -> CheckReport:
    """Read everything that is named and report every fault, not only the first.

    Args:
        inputs: Scans (any INPUT of ``predict``), label maps, model folders, recipes (``.toml``), data-set roots.
        dataset: Take the inputs as roots of this data set.
        scheme: What label numbers mean.
        channels: Names of a 4-D file's channels.
        stack: Take a folder of numbered pictures as one stack.
        progress: Told how far it is.
    """
    checked: list[Checked] = []
    notices: list[Notice] = []
    scans: list[tuple[str, Scan]] = []
    for path in map(Path, inputs):
        if dataset is not None:
            listed = partial(_dataset_cases, dataset, path)
            checked += _check_cases(listed, path, notices, scans, progress, references=True)
        elif path.suffix == ".toml":
            checked.append(_attempt(str(path), "recipe", partial(_check_recipe, path)))
        elif any(map(is_model, (path, path / MODEL_FOLDER))) or is_run(path):
            checked.append(_attempt(str(path), "model", partial(_check_model, path)))
        elif path.is_file() and is_label_name(path):
            checked.append(_attempt(str(path), "labels", partial(_check_labels, path, scheme, scans)))
        else:
            found = partial(_discovered, path, channels, stack, notices)
            checked += _check_cases(found, path, notices, scans, progress, references=False)
    return CheckReport(tuple(checked), tuple(dict.fromkeys(notices)))


def _attempt(name: str, kind: str, action: Callable[[], str]) -> Checked:
    try:
        return Checked(name, kind, action())
    except GliascopeError as fault:
        return Checked(name, kind, "", fault)


def _check_recipe(path: Path) -> str:
    from gliascope.workflow.extras import require_training

    require_training()
    from gliascope.config import SystemConfig, member_recipes, read_experiment

    config = read_experiment(path)
    if isinstance(config, SystemConfig):
        members = [read_experiment(member).name for member in member_recipes(path, config)]
        return f"{config.combine} of {', '.join(members)}"
    return f"{config.task} with {config.network.name} on {config.dataset.name}"


def _check_model(folder: Path) -> str:
    found = find_any(folder)
    models = [single.folder for single in single_predictors(open_predictor(found))]
    for model in models:
        model.weights()
    files = counted(sum(len(model.facts.files) for model in models), "file")
    kind = found.facts.task if isinstance(found, ModelFolder) else f"{found.facts.combine} of {len(models)} models"
    return f"{found.facts.name} ({kind}), {files} as its hashes say"


def _check_labels(path: Path, scheme: str | None, scans: list[tuple[str, Scan]]) -> str:
    labels = read_mask(path, None if scheme is None else scheme_named(scheme))
    for name, scan in scans[-1:]:
        check_same_grid(scan.grid, labels.grid, file=str(path), against=name)
    where = f", on the grid of {scans[-1][0]}" if scans else ""
    return f"scheme {labels.scheme.name}, regions {', '.join(labels.scheme.regions)}{where}"


_Listing = tuple[Sequence[Case], Sequence[GliascopeError]]
"""The cases of one input, and the folders in it that cannot be used."""


def _dataset_cases(name: str, root: Path) -> _Listing:
    return dataset_named(name).cases(root), ()


def _discovered(path: Path, channels: tuple[str, ...] | None, stack: bool, notices: list[Notice]) -> _Listing:
    found = discover(path, stack=stack, channels=channels)
    notices.extend(found.notices)
    return found.cases, found.failures


def _check_cases(
    listing: Callable[[], _Listing],
    path: Path,
    notices: list[Notice],
    scans: list[tuple[str, Scan]],
    progress: ProgressCallback,
    *,
    references: bool,
) -> list[Checked]:
    try:
        found, failures = listing()
    except GliascopeError as fault:
        return [Checked(str(path), "scan", "", fault)]
    checked = [Checked(failure.file, "scan", "", failure) for failure in failures]
    for number, case in enumerate(found):
        progress("check", number, len(found))
        checked.append(_attempt(case.id, "scan", partial(_check_case, case, notices, scans, references)))
    progress("check", len(found), len(found))
    return checked


def _check_case(case: Case, notices: list[Notice], scans: list[tuple[str, Scan]], references: bool) -> str:
    if references and case.has_reference:
        scan, labels = case.read_pair()
        notices.extend(labels.notices)
    else:
        scan = case.read()
    notices.extend(scan.notices)
    scans[:] = [(case.id, scan)]
    size = "×".join(map(str, scan.grid.shape))
    spacing = "unknown" if scan.grid.spacing_mm is None else "×".join(f"{s:g}" for s in scan.grid.spacing_mm) + " mm"
    return f"{', '.join(scan.channels)}; {size}; spacing {spacing}"
