"""The pairs that the page of an audit shows side by side, read again and drawn."""

from collections.abc import Sequence

from gliascope.case import Case
from gliascope.leakage.groups import KINDS
from gliascope.report import Tile, tile
from gliascope.report.audit_page import Pair
from gliascope.workflow.audit_facts import Audit
from gliascope.workflow.progress import ProgressCallback

SHOWN = 6
"""Pairs per kind, spread evenly from the most to the least alike."""

SHOWN_CONFLICTS = 24


def audit_tiles(found: Audit, progress: ProgressCallback) -> dict[str, list[Pair]]:
    """Draw leaking pairs, contradicting labels and pairs with another data set, by name of the section."""
    wanted = {"leaks": _leaks(found), "label_conflicts": _conflicts(found), "against": _against(found)}
    total = sum(len(drafts) for drafts in wanted.values())
    pairs: dict[str, list[Pair]] = {}
    for name, drafts in wanted.items():
        pairs[name] = []
        for title, one, other in drafts:
            progress("draw pairs", sum(map(len, pairs.values())), total)
            pairs[name].append({"title": title, "pictures": [_drawn(*one), _drawn(*other)]})
    progress("draw pairs", total, total)
    return pairs


_Draft = tuple[str, tuple[Case, str], tuple[Case, str]]
"""Title, and case and caption of both sides."""


def _drawn(case: Case, caption: str) -> Tile:
    return {"image": tile(case.read(), height=200), "caption": caption}


def _leaks(found: Audit) -> list[_Draft]:
    drafts = []
    for kind in KINDS:
        own = sorted((leak for leak in found.leaks if leak.kind == kind), key=lambda leak: -leak.score)
        for leak in (own[index] for index in spread(len(own))):
            one = _side(found, leak.train, leak.sides[0])
            drafts.append((_title(kind, leak.score), one, _side(found, leak.test, leak.sides[1])))
    return drafts


def _conflicts(found: Audit) -> list[_Draft]:
    drafts = []
    for conflict in (found.conflicts[index] for index in spread(len(found.conflicts), SHOWN_CONFLICTS)):
        first = conflict.members[next(i for i, label in enumerate(conflict.labels) if label is not None)]
        label = found.cases[first].label
        other = next(index for index in conflict.members if found.cases[index].label not in (None, label))
        drafts.append((_title(conflict.kind, conflict.score), _side(found, first, ""), _side(found, other, "")))
    return drafts


def _against(found: Audit) -> list[_Draft]:
    drafts = []
    for kind in KINDS:
        own = sorted((match for match in found.matches if match.kind == kind), key=lambda match: -match.score)
        for match in (own[index] for index in spread(len(own))):
            caption = _caption(found.against, match.other.label, match.path)
            drafts.append((_title(kind, match.score), _side(found, match.case, ""), (match.other, caption)))
    return drafts


def spread(count: int, shown: int = SHOWN) -> Sequence[int]:
    """Return at most ``shown`` of ``count`` positions, evenly spread, the first and the last among them.

    Example:
        >>> spread(3), spread(100, 5)
        ([0, 1, 2], [0, 25, 50, 74, 99])
    """
    if count <= shown:
        return list(range(count))
    return [round(step * (count - 1) / (shown - 1)) for step in range(shown)]


def _side(found: Audit, index: int, side: str) -> tuple[Case, str]:
    return found.cases[index], _caption(side, found.cases[index].label, found.paths[index])


def _caption(side: str, label: str | None, path: str) -> str:
    return " · ".join(text for text in (side, (label or "").replace("_", " "), path) if text)


def _title(kind: str, score: float) -> str:
    return kind if kind in ("bytes", "pixels", "patient") else f"{kind} {score:.3f}"
