"""The evaluations that a comparison takes: found in run folders, read, and refused where they do not compare."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliascope.errors import InputError, UsageError
from gliascope.workflow.run_folder import is_run, read_config, read_run

EVALUATION_FILE = "evaluation.json"
EVALUATION_HINT = "Name the evaluation.json that gliascope evaluate wrote."


@dataclass(frozen=True)
class ScoredRun:
    """One evaluation and the run it belongs to.

    Args:
        name: Short, and unlike that of every other run of the comparison.
        file: The evaluation's JSON.
        folder: The run folder, or None where masks from elsewhere were evaluated.
        evaluation: What ``evaluate`` found.
        config: The run's resolved recipe; empty without a run.
        facts: The run's ``run.json``; empty without a run.
    """

    name: str
    file: Path
    folder: Path | None
    evaluation: Mapping[str, Any]
    config: Mapping[str, Any]
    facts: Mapping[str, Any]

    @property
    def fold(self) -> int | None:
        """The fold that was held out, from 1, where the split has folds."""
        split = self.config.get("split") or {}
        return self.config.get("fold") or (split.get("fold") if split.get("method") == "kfold" else None)

    @property
    def seed(self) -> int | None:
        """The training's seed, or None where it is not known."""
        return self.config.get("seed")

    @property
    def part(self) -> str:
        """How the cases were divided, as text that is equal where the division is."""
        return json.dumps([self.config.get("split"), self.config.get("fold")], sort_keys=True)

    @property
    def system(self) -> str:
        """What makes runs repeats of one experiment: every setting but seed, fold and draw of the split, as text.

        So is the part that was scored: validation cases chose the weights, and are not pooled with test cases; nor are
        cases with tumor alone with all.
        """
        scored = str(self.evaluation.get("split")).split(" ")[0], bool(self.evaluation.get("with_tumor"))
        return json.dumps([self.settings, scored], sort_keys=True) if self.config else str(self.file.resolve())

    @property
    def settings(self) -> dict[str, Any]:
        """The resolved recipe without what repeats may differ in.

        Of the split, its method and what it keeps together stay: figures of a data set's own split, which may leak, are
        not pooled with those of grouped folds.
        """
        split = self.config.get("split") or {}
        kept = {key: value for key, value in self.config.items() if key not in ("seed", "fold", "split")}
        return {**kept, "split": {key: split.get(key) for key in ("by", "method")}}


def read_runs(places: Sequence[str | Path], *, split: str, protocol: str) -> list[ScoredRun]:
    """Read what is compared.

    Args:
        places: Run folders, evaluation folders or ``evaluation.json`` files.
        split: Which evaluation of a run folder.
        protocol: Likewise, of segmenters.

    Raises:
        UsageError: There are fewer than two, one stands there twice, an option acts on none of them, or they answer
            different questions, were scored by different protocols, or with another tolerance or voxel size given.
        InputError: Nothing is there, an evaluation is missing, damaged or names no protocol, or classes differ.
    """
    paths = [Path(place) for place in places]
    if len(paths) < 2:
        hint = "Name at least two; one alone has its own page: see gliascope evaluate."
        raise UsageError(f"compare takes several runs; got {len(paths)}", hint=hint)
    if (split, protocol) != ("test", "plain") and not any(_is_run_folder(path) for path in paths):
        option = "--split" if split != "test" else "--protocol"
        raise UsageError(f"{option} chooses among the evaluations of a run folder; these are evaluations already")
    files = [_evaluation_file(path, split, protocol) for path in paths]
    resolved = [file.resolve() for file in files]
    for path, file in zip(paths, resolved, strict=True):
        if resolved.count(file) > 1:
            raise UsageError("is named twice", file=path, hint="Name every run once.")
    runs = [_read(file, name) for file, name in zip(files, _names(files), strict=True)]
    for other in runs[1:]:
        _check_comparable(runs[0], other)
    return runs


def _is_run_folder(path: Path) -> bool:
    return path.is_dir() and is_run(path) and not (path / EVALUATION_FILE).is_file()


def _evaluation_file(path: Path, split: str, protocol: str) -> Path:
    if path.is_file():
        return path
    if (path / EVALUATION_FILE).is_file():
        return path / EVALUATION_FILE
    if not path.exists():
        raise InputError("does not exist", file=path, hint="Name run folders of gliascope train.", code="E_MISSING")
    if not is_run(path):
        hint = "Name run folders of gliascope train, or evaluations of gliascope evaluate."
        raise InputError("holds no run and no evaluation", file=path, hint=hint, code="E_RUN")
    options = ("" if split == "test" else f" --split {split}") + (
        "" if protocol == "plain" else f" --protocol {protocol}"
    )
    folder = path / (f"evaluation-{split}" + ("" if protocol == "plain" else f"-{protocol}"))
    if not (folder / EVALUATION_FILE).is_file():
        cause = f"has no evaluation of its {split} cases" + ("" if protocol == "plain" else f" by protocol {protocol}")
        hint = f"Make it: gliascope evaluate {path}{options}"
        raise InputError(cause, file=path, hint=hint, code="E_NO_EVALUATION")
    return folder / EVALUATION_FILE


def _names(files: Sequence[Path]) -> list[str]:
    """Return the shortest ends of the run folders (else of the evaluations' folders) that tell them apart."""
    own = [(folder if (folder := _run_of(file)) else file.parent).resolve().parts for file in files]
    for length in range(1, max(len(parts) for parts in own) + 1):
        names = ["/".join(parts[-length:]).replace("//", "/") for parts in own]
        if len(set(names)) == len(names):
            return names
    return [str(file) for file in files]  # several evaluations of one run


def _run_of(file: Path) -> Path | None:
    folder = file.resolve().parent.parent
    return folder if is_run(folder) else None


def _read(file: Path, name: str) -> ScoredRun:
    try:
        evaluation = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise InputError(f"cannot be read ({fault})", file=file, hint=EVALUATION_HINT, code="E_FORMAT") from None
    cases = evaluation.get("cases") if isinstance(evaluation, dict) else None
    if not isinstance(cases, list) or evaluation.get("task") not in ("classify", "segment"):
        hint = EVALUATION_HINT
        raise InputError("holds no evaluation", file=file, hint=hint, code="E_FORMAT")
    if not cases:
        raise InputError("holds an evaluation of no cases", file=file, code="E_EMPTY")
    if not evaluation.get("protocol"):
        cause = "does not say by which protocol it was scored, as evaluations of older versions"
        raise InputError(cause, file=file, hint="Evaluate the run again.", code="E_PROTOCOL")
    folder = _run_of(file)
    config = read_config(folder) if folder else {}
    return ScoredRun(name, file, folder, evaluation, config, read_run(folder) if folder else {})


def _check_comparable(first: ScoredRun, other: ScoredRun) -> None:
    one, two = first.evaluation, other.evaluation
    if one["task"] != two["task"]:
        cause = f"{first.name} answers '{one['task']}' and {other.name} '{two['task']}'"
        raise UsageError(cause, hint="Compare runs of one task.", code="E_OTHER_TASK")
    if one["protocol"] != two["protocol"]:
        cause = f"{first.name} was scored by protocol '{one['protocol']}' and {other.name} by '{two['protocol']}'"
        hint = "Their numbers do not compare; evaluate both with one --protocol."
        raise UsageError(cause, hint=hint, code="E_PROTOCOL")
    for option in ("tolerance", "spacing"):
        mm = [(evaluation.get("protocol_facts") or {}).get(f"{option}_mm") for evaluation in (one, two)]
        if mm[0] != mm[1]:
            cause = f"{first.name} was scored {_given(option, mm[0])} and {other.name} {_given(option, mm[1])}"
            raise UsageError(cause, hint=f"Evaluate both with one --{option}.", code="E_PROTOCOL")
    if set(one.get("classes") or ()) != set(two.get("classes") or ()):
        cause = f"{first.name} and {other.name} answer other classes: {one.get('classes')} and {two.get('classes')}"
        raise InputError(cause, hint="Compare runs of the same classes.", code="E_CLASS")


def _given(option: str, mm: float | list[float] | None) -> str:
    if mm is None:
        return f"without --{option}"
    return f"with --{option} {','.join(f'{size:g}' for size in (mm if isinstance(mm, list) else [mm]))}"
