"""The steps of an experiment that may take hours, each done once: train, score a part."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliascope.workflow.evaluate import evaluate, evaluation_folder
from gliascope.workflow.finished_runs import kept_evaluation
from gliascope.workflow.progress import ProgressCallback, silent

if TYPE_CHECKING:
    from gliascope.config import ScoreSettings


@dataclass(frozen=True)
class Means:
    """What the steps work with.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; None: all cores.
        cache: Where prepared images are kept; None: the user's cache folder.
        progress: Told how far each stage is.
        announce: Told in a sentence what happens.
    """

    device: str = "auto"
    threads: int | None = None
    cache: str | Path | None = None
    progress: ProgressCallback = silent
    announce: Callable[[str], None] = lambda line: None

    def to_train(self) -> dict[str, Any]:
        """Return the options of ``train``."""
        return {**self.to_predict(), "cache": self.cache, "announce": self.announce}

    def to_predict(self) -> dict[str, Any]:
        """Return the options of ``evaluate``."""
        return {"device": self.device, "threads": self.threads, "progress": self.progress}


def scored(
    run: Path,
    part: str,
    *,
    means: Means,
    data: Path | None = None,
    with_tumor: bool = False,
    spacing_mm: tuple[float, ...] | None = None,
) -> dict[str, Any]:
    """Return the evaluation of one part of a finished run; it is made and kept in the run folder where it is not there.

    Raises:
        GliascopeError: As ``evaluate`` does.
    """
    kept = kept_evaluation(run, part, with_tumor=with_tumor, spacing_mm=spacing_mm)
    if kept is not None:
        return kept
    means.announce(f"score the {part} cases{' with tumor' if with_tumor else ''}")
    found = evaluate(run, split=part, data=data, with_tumor=with_tumor, spacing_mm=spacing_mm, **means.to_predict())
    found.save(run / evaluation_folder(part, with_tumor=with_tumor), overwrite=True)
    return found.facts


def scored_parts(
    run: Path,
    facts: Mapping[str, Any],
    parts: Iterable[str],
    score: "ScoreSettings",
    *,
    means: Means,
    data: Path | None,
    masks: bool,
) -> dict[str, dict[str, Any]]:
    """Return the evaluations of a run by part: on all cases, and where its source scores so, on those with tumor alone.

    Args:
        run: A finished run folder.
        facts: Its ``run.json``.
        parts: Which parts; those without cases are left out.
        score: How the source scores.
        means: What computes.
        data: Where the data set is; None: where it was.
        masks: Masks are scored, so that cases with tumor can be told.

    Returns:
        By part (``test``), the second kind as ``test-with-tumor``.

    Raises:
        GliascopeError: As ``evaluate`` does.
    """
    ways = (False, True) if score.with_tumor and masks else (False,)
    found = {}
    for part in (part for part in parts if facts["cases"].get(part)):
        for with_tumor in ways:
            name = evaluation_folder(part, with_tumor=with_tumor).removeprefix("evaluation-")
            options: dict[str, Any] = {"with_tumor": with_tumor, "spacing_mm": score.spacing_mm if masks else None}
            found[name] = scored(run, part, means=means, data=data, **options)
    return found
