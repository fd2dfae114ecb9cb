"""The page of ``explain``: input, reference and models side by side, and what goes on inside each."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from gliascope.report import wording
from gliascope.report.frame import Section, fragment, page
from gliascope.report.inside_sections import inside_sections, region_key
from gliascope.report.pixels import file_url

CAUTION = (
    "These pictures show what a network reacts to. They do not show that its answer is right, nor why a tumor is there."
)


def explain_page(facts: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
    """Return the page of an explanation.

    Args:
        facts: The content of ``explain.json``.
        files: The bytes of every picture that the facts name, by file name.
    """
    pictures = facts["pictures"]
    side = [each for each in pictures if each["kind"] in ("input", "reference", "prediction")]
    tiles = [{"url": file_url(files[each["file"]]), "caption": each["caption"]} for each in side]
    regions = _regions(facts)
    key = region_key(regions) if regions else Markup()
    title = "Side by side" if len(tiles) > 1 else "Input"
    sections = [Section(title, key + fragment("tiles.html.j2", tiles=tiles, large=True), CAUTION)]
    several = len(facts["models"]) > 1
    for model in facts["models"]:
        own = [each for each in pictures if each["model"] == model["name"]]
        prefix = f"{model['name']}: " if several else ""
        sections += inside_sections(own, files, model["absent"], prefix=prefix)
    return page(
        str(facts["case"]),
        sections,
        kind="Explanation",
        subtitle=_subtitle(facts),
        warnings=facts["warnings"],
        provenance=_provenance(facts),
    )


def _subtitle(facts: Mapping[str, Any]) -> str:
    names = ", ".join(model["name"] for model in facts["models"])
    place = facts["slice"]
    return f"{names} · slice {place['number']} of {place['of']} ({place['chosen']})" if place else names


def _regions(facts: Mapping[str, Any]) -> list[str]:
    answers = [model["segmentation"]["regions"] for model in facts["models"] if model["segmentation"]]
    given = [facts["reference"]["regions"]] if facts["reference"] else []
    return list(dict.fromkeys(name for regions in (*answers, *given) for name in regions))


def _provenance(facts: Mapping[str, Any]) -> dict[str, Any]:
    rows = {
        "Inputs": [
            {wording.title(each["channel"] or "file"): each["path"], "SHA-256": each["sha256"]}
            for each in facts["inputs"]
        ],
        "Reference": (facts["reference"] or {}).get("file"),
        "Models": [
            {each["role"]: f"{each['model']} {each['version']}", "SHA-256": each["sha256"]} for each in facts["models"]
        ],
        "First layers": {
            each["name"]: f"{each['filters']['layer']}, {each['filters']['count']} filters of "
            f"{' x '.join(map(str, each['filters']['size']))}"
            for each in facts["models"]
            if each["filters"]
        },
        "Created": facts["created"],
        "Gliascope": facts["gliascope_version"],
    }
    return {name: value for name, value in rows.items() if value}
