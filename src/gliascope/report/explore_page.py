"""The page of a data set: what its images look like, what it holds, how large its tumors are and where they lie."""

from collections.abc import Mapping
from typing import Any, TypedDict

from gliascope.report import explore_charts, wording
from gliascope.report.explore_pictures import Strip, examples, sheets
from gliascope.report.frame import Section, fact_list, fragment, page
from gliascope.report.slice_pictures import COLOR_PICTURE as COLORS
from gliascope.report.tables import bars
from gliascope.scan import MRI_CHANNELS

CARD_WORDS: Mapping[str, str] = {
    **{"licence": "License", "link": "Link", "citation": "Citation", "scheme": "Label scheme", "channels": "Channels"},
    **{"classes": "Classes", "task": "Tasks", "tasks": "Tasks", "patient_identity": "Patients", "layout": "Layout"},
    **{"known_faults": "Known faults"},
}

MOST_SIZES = 10
"""Image sizes that are listed; the others are counted together."""


class Histogram(TypedDict):
    """Voxels by intensity: ``edges`` has one number more than ``counts``."""

    edges: list[float]
    counts: list[float]


class GroupedHistogram(TypedDict):
    """Histograms of several groups over the same ``edges``."""

    edges: list[float]
    counts: Mapping[str, list[float]]


class ExploreFacts(TypedDict, total=False):
    """What ``explore`` found, as in its JSON; each key may be missing or empty.

    ``strips`` and ``sheets`` are pictures and stand on the page alone: rows of examples, and every slice of one head
    (``{title, slices, outlined, sheets: {channel: pixels}}``).
    """

    dataset: str
    card: Mapping[str, Any]
    counts: Mapping[str, int | None]
    classes: Mapping[str, int]
    classes_by_split: Mapping[str, Mapping[str, int]]
    patients_by_class: Mapping[str, int]
    class_imbalance: float | None
    tissues: Mapping[str, int]
    background_voxels: int
    voxel_imbalance: float | None
    tissue_cases: Mapping[str, int]
    tissue_shares: Mapping[str, list[float]]
    volumes_ml: Mapping[str, list[float | None]]
    region_voxels: Mapping[str, list[int]]
    region_voxels_by_class: Mapping[str, list[int]]
    slices: Mapping[str, Any]
    slice_profile: Mapping[str, list[float]]
    shapes: Mapping[str, int]
    spacings: Mapping[str, int]
    channels: Mapping[str, int]
    blank_channels: Mapping[str, int]
    repeated_channels: Mapping[str, int]
    cases_per_patient: Mapping[str, int]
    histograms: Mapping[str, Histogram]
    histograms_by: Mapping[str, Mapping[str, GroupedHistogram]]
    histogram_unit: str
    strips: list[Strip]
    sheets: Mapping[str, Any] | None
    warnings: list[Mapping[str, str]]
    created: str
    gliascope_version: str


def explore_page(facts: Mapping[str, Any]) -> str:
    """Return the page of a data set.

    Args:
        facts: See ``ExploreFacts``.
    """
    card = facts.get("card") or {}
    sections = [
        Section("", fragment("figures.html.j2", figures=_key_figures(facts))),
        *examples(facts),
        *sheets(facts),
        *explore_charts.classes(facts),
        *explore_charts.patients(facts),
        *explore_charts.tissues(facts),
        *explore_charts.sizes(facts),
        *explore_charts.slices(facts),
        *explore_charts.intensities(facts),
        *_contrasts(facts),
        *_geometry(facts),
    ]
    if card:
        sections.append(Section("About the data set", fact_list(_card(card))))
    return page(
        str(card.get("title") or facts.get("dataset") or "Data set"),
        sections,
        kind="Data set",
        subtitle=wording.sentence({"name": facts.get("dataset"), "licence": card.get("licence")}),
        warnings=facts.get("warnings") or (),
        provenance=_made(facts),
    )


def _key_figures(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The counts that are known, and the two kinds of imbalance."""
    counts = facts.get("counts") or {}
    figures = [
        {"label": wording.title(name), "value": value, "note": "", "strong": True}
        for name, value in counts.items()
        if (value or name == "cases") and not (name == "read" and value == counts.get("cases"))
    ]
    if facts.get("class_imbalance"):
        figures.append(_ratio("Class imbalance", facts["class_imbalance"], "largest to smallest class"))
    if facts.get("voxel_imbalance"):
        figures.append(_ratio("Voxel imbalance", facts["voxel_imbalance"], "background to rarest tissue"))
    return figures


def _ratio(label: str, value: float, note: str) -> dict[str, Any]:
    return {"label": label, "value": f"{wording.number(value, 2)} : 1", "note": note, "strong": True}


def _contrasts(facts: Mapping[str, Any]) -> list[Section]:
    """Which contrasts the cases have, and which of them are absent, blank or stand in for another."""
    channels = facts.get("channels") or {}
    if not channels:
        return []
    whole = (facts.get("counts") or {}).get("read") or max(channels.values())
    repeated = facts.get("repeated_channels") or {}
    gray = repeated.get(" = ".join(COLORS))
    note = f"Color pictures that show gray content: {gray:,}." if gray else ""
    sections = [Section("Channels", bars(dict(channels), caption="Channels", whole=whole), note)]
    faults = {
        **{f"{wording.title(n)} missing": whole - channels[n] for n in MRI_CHANNELS if 0 < channels.get(n, 0) < whole},
        **{f"{wording.title(name)} blank": n for name, n in (facts.get("blank_channels") or {}).items()},
        **{_equal(group): n for group, n in repeated.items() if group != " = ".join(COLORS)},
    }
    if faults:
        note = (
            "Contrasts that a case lacks: absent, one value everywhere, or the same picture stored under several names."
        )
        sections.append(Section("Missing contrasts", bars(faults, caption="Missing contrasts", whole=whole), note))
    return sections


def _equal(group: str) -> str:
    return " = ".join(wording.title(name) for name in group.split(" = "))


def _geometry(facts: Mapping[str, Any]) -> list[Section]:
    sections = []
    whole = (facts.get("counts") or {}).get("read") or (facts.get("counts") or {}).get("cases")
    for key, words in (("shapes", "Image sizes"), ("spacings", "Voxel sizes")):
        found = list((facts.get(key) or {}).items())
        if found and not (key == "spacings" and [name for name, _ in found] == ["unknown"]):
            shown, others = dict(found[:MOST_SIZES]), found[MOST_SIZES:]
            if others:
                shown[f"{len(others)} other sizes"] = sum(n for _, n in others)
            sections.append(Section(words, bars(shown, caption=words, whole=whole)))
        elif found:
            sections.append(Section(words, fragment("note.html.j2", text="The files carry no voxel size.")))
    return sections


def _card(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return the card's fields in words; names stand in one line, sentences in one each, a link without its scheme."""
    fields: dict[str, Any] = {}
    for key, words in CARD_WORDS.items():
        value = card.get(key)
        if not value:
            continue
        if key in ("channels", "classes", "task", "tasks") and not isinstance(value, str):
            value = ", ".join(value)
        fields[words] = value.partition("://")[2] or value if key == "link" else value
    return fields


def _made(facts: Mapping[str, Any]) -> dict[str, Any]:
    names = {"created": "Created", "gliascope_version": "Gliascope"}
    return {words: facts[key] for key, words in names.items() if facts.get(key)}
