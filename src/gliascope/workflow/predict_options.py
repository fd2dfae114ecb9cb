"""How to predict, as one object for Python and the command line."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliascope.workflow.answering import Answering, answering


@dataclass(frozen=True)
class PredictOptions:
    """How to predict; the same names as on the command line."""

    model: str | Path = "auto"
    segmenter: str | Path | None = None
    task: str = "auto"
    segment_all: bool = False
    backend: str = "auto"
    device: str = "auto"
    threads: int | None = None
    precision: str = "auto"
    channels: tuple[str, ...] | None = None
    spacing_mm: tuple[float, ...] | None = None
    stack: bool = True
    probabilities: bool = False
    gate: bool = True

    def answering(self) -> Answering:
        """Load what answers for every scan and make it ready.

        Raises:
            UsageError: The task is unknown, or an option has no effect here.
            ModelError: A model is missing, damaged, or does another task.
        """
        return answering(
            self.model,
            self.task,
            segmenter=self.segmenter,
            segment_all=self.segment_all,
            backend=self.backend,
            device=self.device,
            threads=self.threads,
            precision=self.precision,
            gate=self.gate,
        )

    def lasting(self) -> dict[str, Any]:
        """Return the options that shape the answer, as they stand in ``prediction.json``."""
        return {
            "backend": self.backend,
            "precision": self.precision,
            "channels": list(self.channels) if self.channels else None,
            "spacing_mm": list(self.spacing_mm) if self.spacing_mm else None,
            "probabilities": self.probabilities,
            "segment_all": self.segment_all,
            "gate": self.gate,
        }
