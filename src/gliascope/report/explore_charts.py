"""Sections of a data set's page that show counts: classes, patients, tissues, sizes, slices, intensities."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from gliascope.labels import Tissue
from gliascope.report import data_charts, palette, wording
from gliascope.report.charts import legend, spread_chart
from gliascope.report.frame import Section, fragment
from gliascope.report.tables import Cell, Column, bars, table

TISSUE_COLORS: Mapping[str, str] = {
    Tissue.NCR: palette.REGION_COLORS["TC"],
    Tissue.ED: palette.REGION_COLORS["WT"],
    Tissue.ET: palette.REGION_COLORS["ET"],
    Tissue.RC: palette.REGION_COLORS["RC"],
    Tissue.TUMOR: palette.REGION_COLORS["tumor"],
}
"""Each tissue takes the color of the region that it adds."""

ENOUGH_FOR_BARS = 30
"""With fewer values a histogram says less than the points."""

SPREAD_NOTE = "Every point is a case; the bar runs from quartile to quartile, the tick is the median."


def classes(facts: Mapping[str, Any]) -> list[Section]:
    """Cases by class, with their patients and the data set's own split where they are known."""
    found: Mapping[str, int] = facts.get("classes") or {}
    if not found:
        return []
    body = bars(dict(found), caption="Cases by class")
    splits: Mapping[str, Mapping[str, int]] = facts.get("classes_by_split") or {}
    patients: Mapping[str, int] = facts.get("patients_by_class") or {}
    parts = sorted({part for own in splits.values() for part in own}, key=_split_order)
    if len(found) > 1 and (parts or patients):
        columns = [Column("Class"), Column("Cases", numeric=True)]
        columns += [Column("Patients", numeric=True)] * bool(patients)
        columns += [Column(wording.title(part), numeric=True, group="Own split") for part in parts]
        rows = [
            [
                Cell(wording.title(name)),
                Cell(count),
                *([Cell(patients.get(name))] if patients else []),
                *(Cell(splits.get(name, {}).get(part, 0)) for part in parts),
            ]
            for name, count in found.items()
        ]
        body += table(columns, rows, caption="Classes", sortable=False)
    ratio = facts.get("class_imbalance")
    note = f"The largest class has {wording.number(ratio, 3)} times as many cases as the smallest." if ratio else ""
    return [Section("Classes", body, note)]


def patients(facts: Mapping[str, Any]) -> list[Section]:
    """How many cases the patients have; nothing where each has one."""
    found = {int(n): often for n, often in (facts.get("cases_per_patient") or {}).items()}
    if not found or set(found) == {1}:
        return []
    each = np.repeat(list(found), list(found.values()))
    low, middle, high = int(each.min()), float(np.median(each)), int(each.max())
    note = f"From {low} to {high} cases of one patient, {middle:g} in the median of {len(each)} patients."
    title = "Cases per patient"
    svg = data_charts.size_histogram_chart(each.tolist(), title=title, axis="Cases", what="Patients")
    return [Section("Patients", _charts([_chart(title, svg)]), f"{note} Pictures of one head are nearly copies.")]


def tissues(facts: Mapping[str, Any]) -> list[Section]:
    """Voxels by tissue over all cases, and the share of each case."""
    found: Mapping[str, int] = facts.get("tissues") or {}
    if not any(found.values()):
        return []
    background = facts.get("background_voxels") or 0
    total = sum(found.values()) + background
    cases = (facts.get("counts") or {}).get("references")
    shares: Mapping[str, Sequence[float]] = facts.get("tissue_shares") or {}
    columns = [Column("Tissue")]
    columns += [Column(words, numeric=True) for words in ("Voxels", "Of all", "One voxel in", "Cases with it")]
    columns += [Column("Median share", numeric=True, hint="of the voxels of a case that has it")]
    rows = []
    for name, count in found.items():
        own = [share for share in shares.get(name, ()) if share > 0]
        having = (facts.get("tissue_cases") or {}).get(name)
        rows.append(
            [
                Cell(wording.title(name)),
                Cell(count),
                Cell(wording.share(count, total)),
                Cell(wording.number(total / count, 2) if count else None),
                Cell(having, notes=(wording.share(having, cases),) if having is not None and cases else ()),
                Cell(wording.share(float(np.median(own)), 1) if own else None),
            ]
        )
    body = bars(dict(found), caption="Voxels by tissue", colors=dict(TISSUE_COLORS))
    body += table(columns, rows, caption="Tissues", sortable=False)
    positive = {name: [100 * share for share in own if share > 0] for name, own in shares.items()}
    if any(len(own) > 2 for own in positive.values()):
        svg = spread_chart(positive, title="Share by case", axis="Percent of the voxels of a case", logarithmic=True)
        body += _charts([_chart("Share of a case", svg, "cases with the tissue")])
    note = f"Background fills {wording.share(background, total)} of {total:,} voxels; the bars leave it out."
    return [Section("Tissues", body, note if background else "")]


def sizes(facts: Mapping[str, Any]) -> list[Section]:
    """Tumor sizes by region and by class: in ml, or in voxels where the size of these is unknown."""
    volumes = {
        region: [v for v in values if v is not None] for region, values in (facts.get("volumes_ml") or {}).items()
    }
    known = any(volumes.values())
    found = volumes if known else (facts.get("region_voxels") or {})
    unit = "ml" if known else "voxels"
    positive = {region: [v for v in values if v > 0] for region, values in found.items()}
    if not any(positive.values()):
        return []
    axis = f"Size ({unit})"
    several = {region: values for region, values in positive.items() if values}
    charts = [_chart("Size by region", spread_chart(several, title="Tumor size by region", axis=axis))]
    by_class = {name: [v for v in own if v > 0] for name, own in (facts.get("region_voxels_by_class") or {}).items()}
    if any(by_class.values()):
        svg = spread_chart(by_class, title="Tumor size by class", axis="Size (voxels)")
        charts.append(_chart("Size by class", svg))
    charts += [
        _chart(
            wording.title(region),
            data_charts.size_histogram_chart(values, title=f"Sizes, {region}", axis=axis, what="Cases"),
        )
        for region, values in several.items()
        if len(values) >= ENOUGH_FOR_BARS
    ]
    empty = {region: len(values) - len(positive[region]) for region, values in found.items()}
    without = ", ".join(f"{wording.title(region)} in {n:,}" for region, n in empty.items() if n)
    note = SPREAD_NOTE + (f" Cases without the region are left out: {without}." if without else "")
    return [Section("Tumor sizes", _charts(charts), note)]


def slices(facts: Mapping[str, Any]) -> list[Section]:
    """How many slices hold tumor, head by head, and where in the range of slices they lie."""
    found = facts.get("slices") or {}
    together = found.get("with_tumor", 0) + found.get("without_tumor", 0)
    if not found.get("with_tumor"):
        return []
    charts = []
    heads = found.get("heads") or []
    if len(heads) > 1:
        own = [head["slices"] for head in heads], [head["with_tumor"] for head in heads]
        svg = data_charts.slice_chart(*own, title="Slices per head", what=f"{len(heads)} heads")
        charts.append(_chart("Slices per head", svg, "colored: with tumor"))
    profile: Mapping[str, Sequence[float]] = facts.get("slice_profile") or {}
    if profile:
        svg = data_charts.profile_chart(
            profile,
            title="Where tumors lie",
            axis="Place from the first (0) to the last slice (100)",
            what="Heads with it (%)",
        )
        key = legend([wording.title(region) for region in profile])
        charts.append({**_chart("Where in the slices tumors lie", svg), "legend": key})
    note = (
        f"{found['with_tumor']:,} of {together:,} slices hold tumor ({wording.share(found['with_tumor'], together)})."
    )
    body = _charts(charts) if charts else Markup()
    return [Section("Slices", body, note)]


def intensities(facts: Mapping[str, Any]) -> list[Section]:
    """Histograms inside the head: each channel, and each channel by class and by tissue."""
    sections = []
    if facts.get("histograms"):
        charts = [
            _chart(
                _channel(name),
                data_charts.histogram_chart(
                    own["edges"], own["counts"], title=f"Intensities, {name}", axis="Intensity", what="Voxels"
                ),
            )
            for name, own in facts["histograms"].items()
            if _is_common(facts, name)
        ]
        note = "A sample of the voxels inside the head, in the units of the files."
        sections.append(Section("Intensities", _charts(charts), note))
    unit = wording.clean(str(facts.get("histogram_unit") or ""))
    for kind, channels in (facts.get("histograms_by") or {}).items():
        charts = []
        for name, own in channels.items():
            svg = data_charts.share_histogram_chart(
                own["edges"], own["counts"], title=f"Intensities by {kind}, {name}", axis=unit.capitalize()
            )
            key = legend([wording.title(group) for group in own["counts"]])
            charts.append({**_chart(_channel(name), svg), "legend": key})
        note = "Each curve has the same area, so that small groups can be compared with large ones."
        sections.append(Section(f"Intensities by {kind}", _charts(charts), note))
    return sections


def _is_common(facts: Mapping[str, Any], channel: str) -> bool:
    """Say whether at least one case in fifty has a channel; a lone color picture among gray ones has three more."""
    cases = (facts.get("counts") or {}).get("read") or 0
    return bool((facts.get("channels") or {}).get(channel, cases) * 50 >= cases)


def _split_order(part: str) -> tuple[int, str]:
    known = ("train", "validation", "test")
    return (known.index(part) if part in known else len(known), part)


def _channel(name: str) -> str:
    return "Picture" if name == "gray" else wording.title(name)


def _chart(title: str, svg: Markup, note: str = "") -> dict[str, Any]:
    return {"title": title, "note": note, "svg": svg, "legend": []}


def _charts(charts: Sequence[Mapping[str, Any]]) -> Markup:
    return fragment("charts.html.j2", charts=charts)
