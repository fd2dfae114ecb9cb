"""What answers for each scan of a call; each model is loaded once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliascope.errors import Notice
from gliascope.scan import Scan
from gliascope.workflow.open_model import AnyPredictor, open_predictor, used_models


@dataclass(frozen=True)
class Answerer:
    """What answers for one scan.

    Args:
        predictor: One model, a vote or a cascade, ready.
        notices: What is to be said about it and this scan.
    """

    predictor: AnyPredictor
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Named:
    """What the user named answers for every scan."""

    predictor: AnyPredictor

    def for_scan(self, scan: Scan) -> Answerer:
        """Return what was named."""
        del scan
        return Answerer(self.predictor)

    def answered(self, facts: Mapping[str, Any]) -> bool:
        """Say whether an earlier ``prediction.json`` is by the same models."""
        mine = [(role, model.fingerprint) for role, model in used_models(self.predictor)]
        return [(own["role"], own["sha256"]) for own in facts["models"]] == mine


Answering = Named
"""What answers for the scans of one call."""


def answering(
    model: str | Path,
    task: str,
    *,
    segmenter: str | Path | None = None,
    segment_all: bool = False,
    **engine: Any,  # noqa: ANN401 - passed on to ``Predictor``
) -> Answering:
    """Make ready what the options say; see ``open_predictor`` for the options.

    Raises:
        UsageError: The task is unknown, or an option has no effect here.
        ModelError: A model is missing, damaged, or does another task.
        MachineError: The device, the precision or PyTorch is not there.
    """
    return Named(open_predictor(model, task, segmenter=segmenter, segment_all=segment_all, **engine))
