"""The galleries of an evaluation: the worst cases, and the slices on which a segmenter was most wrong."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from gliascope.report.frame import Section, fragment
from gliascope.report.inside_sections import region_key
from gliascope.report.tiles import Tile, tile_url

OUTLINES = "Colored outlines: prediction. White outline: reference."

MISTAKES: Mapping[str, tuple[str, str]] = {
    "false_positive": ("False positives", "The slices with the largest area that is marked and is no tumor."),
    "missed": ("False negatives", "The slices with the largest area of tumor that is not marked."),
}


def gallery_sections(
    worst: Sequence[Tile], mistakes: Mapping[str, Sequence[Tile]], regions: Sequence[str]
) -> list[Section]:
    """Return the galleries that hold a picture.

    Args:
        worst: Pictures of the worst cases.
        mistakes: Pictures of slices, by a name of ``MISTAKES``.
        regions: What is outlined; empty for classifiers.
    """
    key = region_key(regions, reference=True) if regions else Markup()
    sections = [_section("Gallery", OUTLINES if regions else "", key, worst)] if worst else []
    for kind, tiles in mistakes.items():
        if tiles:
            name, note = MISTAKES[kind]
            sections.append(_section(name, f"{note} {OUTLINES}", key, tiles))
    return sections


def _section(name: str, note: str, key: Markup, tiles: Sequence[Tile]) -> Section:
    shown = [{"url": tile_url(each["image"]), "caption": each["caption"]} for each in tiles]
    return Section(name, key + fragment("tiles.html.j2", tiles=shown), note)
