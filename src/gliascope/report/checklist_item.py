"""One line of a reporting checklist."""

from dataclasses import dataclass
from typing import Any

from gliascope.report.evidence import Rule, Study


@dataclass(frozen=True)
class Item:
    """What a report must say, and where the saying comes from.

    Args:
        number: In the guideline; None where that was not verified.
        section: Of the report.
        topic: What must be said.
        to_do: What is left to the author where no run proves it.
        rule: Finds the proof; None: only the author can know.
        remains: What is left to the author even then; empty: nothing.
    """

    number: int | None
    section: str
    topic: str
    to_do: str
    rule: Rule | None = None
    remains: str = ""

    def fill(self, name: str, study: Study) -> dict[str, Any]:
        """Return the item as plain data: ``evidence`` that the runs prove, ``to_do`` that is left; one may be None."""
        proof = self.rule(study) if self.rule else ""
        left = self.remains if proof else self.to_do
        about = {"list": name, "number": self.number, "section": self.section, "topic": self.topic}
        return {**about, "evidence": proof or None, "to_do": left or None}
