"""How well the classifier of a cascade tells which cases to segment, gathered beside the scores of the masks."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gliascope.case import Case
from gliascope.inference.cascade import NEGATIVE, CascadeAnswer
from gliascope.inference.predictor import Classification
from gliascope.scan import LabelMap
from gliascope.workflow.class_scores import classification_facts, classification_row

POSITIVE = "tumor"
"""What all classes but ``no_tumor`` are called where the reference does not say which one is right."""


@dataclass
class GateScores:
    """The answers of a cascade's classifier.

    A case has the class that the data set says; else that of its reference mask: ``no_tumor`` where it is empty, else
    the classifier's tumor class if it has one. Where it has several and a case does not say which, all cases are
    scored on ``tumor`` against ``no_tumor``.

    Args:
        classes: What the classifier answers.
    """

    classes: tuple[str, ...]
    skipped: int = 0
    """Cases that were not segmented."""
    _cases: list[Case] = field(default_factory=list)
    _answers: list[Classification] = field(default_factory=list)

    def add(self, case: Case, answer: CascadeAnswer, reference: LabelMap) -> None:
        """Take in one case."""
        self._cases.append(replace(case, label=self._truth(case, reference)))
        self._answers.append(answer.classification)
        self.skipped += not answer.segmented

    def facts(self) -> dict[str, Any]:
        """Return ``classification`` of the ``evaluate`` JSON of a cascade: as of a classifier, without its warnings."""
        classes: Sequence[str] = self.classes
        cases, answers = self._cases, self._answers
        if any(case.label not in classes for case in cases):
            classes = (POSITIVE, NEGATIVE)
            cases = [replace(c, label=NEGATIVE if c.label == NEGATIVE else POSITIVE) for c in cases]
            answers = [_joined(answer) for answer in answers]
        rows = [classification_row(case, answer) for case, answer in zip(cases, answers, strict=True)]
        return classification_facts(rows, [dict(answer.raw) for answer in answers], classes, None)

    def _truth(self, case: Case, reference: LabelMap) -> str:
        if case.label is not None:
            return case.label
        if not reference.array.any():
            return NEGATIVE
        tumors = [name for name in self.classes if name != NEGATIVE]
        return tumors[0] if len(tumors) == 1 else POSITIVE


def _joined(answer: Classification) -> Classification:
    """Return the answer with all tumor classes as one."""
    label = POSITIVE if answer.label not in (None, NEGATIVE) else answer.label
    probabilities, raw = (
        {POSITIVE: 1.0 - own[NEGATIVE], NEGATIVE: own[NEGATIVE]} for own in (answer.probabilities, answer.raw)
    )
    return replace(answer, label=label, probabilities=probabilities, raw=raw)
