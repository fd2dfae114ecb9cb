"""What became of a batch of cases: the result, the error it ends in, and the page that links them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliascope.errors import GliascopeError, InputError, Notice, PartialError
from gliascope.files import atomic
from gliascope.report import index_page
from gliascope.workflow.prediction import key_figures
from gliascope.workflow.provenance import code_version

SHOWN_PICTURES = 12
"""Cases of a batch that the overview shows with a picture; longer lists are a table."""


@dataclass(frozen=True)
class Batch:
    """What became of every case of one call; ``pictures`` shows the first few, by case."""

    output: Path
    done: tuple[dict[str, Any], ...]
    kept: tuple[dict[str, Any], ...]
    failed: tuple[dict[str, str], ...]
    notices: tuple[Notice, ...] = ()
    pictures: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)

    @property
    def cases(self) -> list[dict[str, Any]]:
        """What is done and what was kept, by name: a batch that was interrupted reads like one that was not."""
        return sorted([*self.done, *self.kept], key=lambda facts: str(facts["case"]))

    def as_json(self) -> dict[str, Any]:
        """Return the result JSON of ``gliascope predict``."""
        return {
            "output": str(self.output),
            "counts": {"done": len(self.done), "kept": len(self.kept), "failed": len(self.failed)},
            "cases": self.cases,
            "failed": list(self.failed),
            "warnings": [notice.as_json() for notice in self.notices],
        }


def partial_error(batch: Batch) -> PartialError:
    """Return the error that a batch with failures ends in."""
    total = len(batch.failed) + len(batch.done) + len(batch.kept)
    cause = f"{len(batch.failed)} of {total} cases failed: {_listed(batch.failed)}"
    return PartialError(cause, hint="The others are done.")


def all_failed(failed: Sequence[dict[str, str]], errors: Sequence[GliascopeError]) -> GliascopeError:
    """Return the only error, or one of the kind that all share, with the list."""
    if len(errors) == 1:
        return errors[0]
    kinds = {type(error) for error in errors}
    kind = kinds.pop() if len(kinds) == 1 else InputError
    hints = {error.hint for error in errors}
    hint = hints.pop() if len(hints) == 1 else "Try gliascope check on each."
    return kind(f"all {len(errors)} cases failed: {_listed(failed)}", hint=hint, code="E_CASES")


def _listed(failed: Sequence[dict[str, str]]) -> str:
    more = f"; and {len(failed) - 5} more" if len(failed) > 5 else ""
    return "; ".join(f"{_subject(f)}: {f['cause']} [{f['code']}]" for f in failed[:5]) + more


def _subject(failure: dict[str, str]) -> str:
    """Return the case, and the file at fault where its name says more."""
    name = Path(failure["file"]).name
    return f"{failure['case']} ({name})" if name not in ("", failure["case"]) else failure["case"]


def write_index(batch: Batch) -> None:
    """Write the page that links the cases."""
    done = [
        {
            "name": facts["case"],
            "href": f"{facts['case']}/report.html",
            "figures": key_figures(facts),
            "image": batch.pictures.get(facts["case"]),
            "warnings": len(facts["warnings"]),
        }
        for facts in batch.cases
    ]
    failed = [{"name": f["case"], "failed": f"{f['cause']} [{f['code']}]"} for f in batch.failed]
    sections = [{"title": "Cases", "items": done}, {"title": "Failed", "items": failed}]
    made = {"created": datetime.now(UTC).isoformat(timespec="seconds"), "gliascope_version": code_version()}
    shown = [section for section in sections if section["items"]]
    page = index_page({"title": "Predictions", "sections": shown, **made})
    atomic.write_text(batch.output / "index.html", page)
