"""The parts of a page that show a network's insides; on the page of ``explain`` and on that of a run."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

from markupsafe import Markup

from gliascope.report import palette, wording
from gliascope.report.frame import Section, fragment
from gliascope.report.pixels import file_url

COLOR_NAMES = ("red", "green", "blue")

KIND_TITLES: Mapping[str, str] = {
    "masks": "Raw and binarized output",
    "gate": "Attention gates",
    "rollout": "Attention rollout",
    "gradcam": "Grad-CAM",
    "filters": "First-layer filters",
}

KIND_NOTES: Mapping[str, str] = {
    "masks": "Left what the network gives, from 0 (black) to 1; right what counts as tumor.",
    "gate": "What each gate lets pass of the encoder's features, from the coarsest scale to the finest. Every picture "
    "has its own scale, named below it.",
    "rollout": "How much of each patch reaches the answer through all layers of attention.",
    "gradcam": "Which places raise the score of each class. Every picture has its own scale, so brightness does not "
    "compare between classes. It shows what the network used, not that it is right.",
    "filters": "Gray is 0, brighter above, darker below; every filter has its own scale.",
}

HEAT = frozenset({"gate", "rollout", "gradcam"})
WIDE = frozenset({"filters"})


class InsidePicture(TypedDict):
    """One picture: the file's name, which model it is of (None: of the input), its kind and the words below it."""

    file: str
    model: str | None
    kind: str
    caption: str


def inside_sections(
    pictures: Sequence[InsidePicture],
    files: Mapping[str, bytes],
    absent: Mapping[str, str],
    *,
    prefix: str = "",
    about: str = "",
) -> list[Section]:
    """Return one section per kind of picture of one model, and what could not be shown.

    Args:
        pictures: Of one model.
        files: The bytes of every picture by file name.
        absent: Why something is not shown, by what it is.
        prefix: In front of every title, where a page holds several models.
        about: The case, where the page has no other place that names it.
    """
    sections = []
    for kind, title in KIND_TITLES.items():
        own = [each for each in pictures if each["kind"] == kind]
        if own:
            shown = [{"url": file_url(files[each["file"]]), "caption": each["caption"]} for each in own]
            plates = kind in WIDE
            body = (
                fragment("plates.html.j2", plates=shown)
                if plates
                else fragment("tiles.html.j2", tiles=shown, large=True)
            )
            key = fragment("heat_key.html.j2") if kind in HEAT else Markup()
            case = f" Case: {about}." if about and kind in HEAT else ""
            sections.append(Section(f"{prefix}{title}", key + body, KIND_NOTES[kind] + case))
    if absent:
        sections.append(Section(f"{prefix}Not shown", fragment("absent.html.j2", reasons=list(absent.values()))))
    return sections


def region_key(regions: Sequence[str], *, reference: bool = False) -> Markup:
    """Return the key of outlined regions, with the white of a reference where there is one."""
    rows = [{"text": wording.title(name), "color": palette.region_color(name)} for name in regions]
    rows += [{"text": "Reference", "color": palette.REFERENCE_COLOR}] if reference else []
    return fragment("key.html.j2", rows=rows)
