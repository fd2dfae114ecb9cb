"""The page of a data set: what it holds, how large its tumors are, what its images look like."""

from collections.abc import Mapping
from typing import Any, TypedDict

from gliascope.labels import Tissue
from gliascope.report import palette, wording
from gliascope.report.charts import histogram_chart, spread_chart
from gliascope.report.frame import Section, fact_list, fragment, page
from gliascope.report.tables import bars
from gliascope.report.tiles import Tile, tile_url

TISSUE_COLORS: Mapping[str, str] = {
    Tissue.NCR: palette.REGION_COLORS["TC"],
    Tissue.ED: palette.REGION_COLORS["WT"],
    Tissue.ET: palette.REGION_COLORS["ET"],
    Tissue.RC: palette.REGION_COLORS["RC"],
    Tissue.TUMOR: palette.REGION_COLORS["tumor"],
}
"""Each tissue takes the color of the region that it adds."""

CARD_WORDS: Mapping[str, str] = {
    **{"licence": "License", "link": "Link", "citation": "Citation", "scheme": "Label scheme", "channels": "Channels"},
    **{"classes": "Classes", "task": "Tasks", "tasks": "Tasks", "patient_identity": "Patients", "layout": "Layout"},
    **{"known_faults": "Known faults"},
}


class Histogram(TypedDict):
    """Voxels by intensity: ``edges`` has one number more than ``counts``."""

    edges: list[float]
    counts: list[float]


class ExploreFacts(TypedDict, total=False):
    """What ``explore`` found; each key may be missing or empty.

    ``card`` holds the fields of the data set's card; ``counts`` has ``cases``, ``patients``, ``references``;
    ``tissues`` counts voxels by tissue (``NCR`` …), ``background_voxels`` the rest; ``volumes_ml`` lists one volume
    per case and region (None where the voxel size is unknown); ``shapes`` counts cases by image size.
    """

    dataset: str
    card: Mapping[str, Any]
    counts: Mapping[str, int | None]
    classes: Mapping[str, int]
    tissues: Mapping[str, int]
    background_voxels: int
    volumes_ml: Mapping[str, list[float | None]]
    shapes: Mapping[str, int]
    channels: Mapping[str, int]
    histograms: Mapping[str, Histogram]
    mosaic: list[Tile]
    warnings: list[Mapping[str, str]]
    created: str
    gliascope_version: str


def explore_page(facts: Mapping[str, Any]) -> str:
    """Return the page of a data set.

    Args:
        facts: See ``ExploreFacts``.
    """
    card = facts.get("card") or {}
    sections = [Section("", fragment("figures.html.j2", figures=_key_figures(facts)))]
    if facts.get("mosaic"):
        tiles = [{"url": tile_url(each["image"]), "caption": each["caption"]} for each in facts["mosaic"]]
        sections.append(Section("Images", fragment("tiles.html.j2", tiles=tiles)))
    if facts.get("classes"):
        sections.append(Section("Classes", bars(dict(facts["classes"]), caption="Cases by class")))
    if facts.get("tissues"):
        sections.append(_tissues(facts["tissues"], facts.get("background_voxels") or 0))
    volumes = {
        region: [v for v in values if v is not None] for region, values in (facts.get("volumes_ml") or {}).items()
    }
    if any(volumes.values()):
        svg = spread_chart(volumes, title="Volumes by region", axis="Volume (ml)")
        note = "Every point is a case; the bar runs from quartile to quartile, the tick is the median."
        chart = {"title": "Volume by region", "note": "", "svg": svg, "legend": []}
        sections.append(Section("Volumes", fragment("charts.html.j2", charts=[chart]), note))
    if facts.get("histograms"):
        charts = [
            {
                "title": wording.title(name),
                "note": name,
                "svg": histogram_chart({name: histogram}, title=f"Intensities of {wording.title(name)}"),
                "legend": [],
            }
            for name, histogram in facts["histograms"].items()
        ]
        sections.append(Section("Intensities", fragment("charts.html.j2", charts=charts)))
    for key, words in (("channels", "Channels"), ("shapes", "Image sizes")):
        if facts.get(key):
            whole = (facts.get("counts") or {}).get("cases")
            sections.append(Section(words, bars(dict(facts[key]), caption=words, whole=whole)))
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
    return [
        {"label": wording.title(name), "value": value, "note": "", "strong": True}
        for name, value in (facts.get("counts") or {}).items()
    ]


def _tissues(tissues: Mapping[str, int], background: int) -> Section:
    total = sum(tissues.values()) + background
    note = f"Background fills {wording.share(background, total)} of {total:,} voxels; the shares below leave it out."
    body = bars(dict(tissues), caption="Voxels by tissue", colors=dict(TISSUE_COLORS))
    return Section("Tissues", body, note if background else "")


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
