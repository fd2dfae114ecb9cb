"""Tables of a comparison: figures, tests, spread, worst cases, runs and the reporting checklist."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from gliascope.report import wording
from gliascope.report.tables import Cell, Column, table

Facts = Mapping[str, Any]


def has_regions(rows: Sequence[Facts]) -> bool:
    """Say whether rows are regions; a classifier's stand for all cases, which needs no column."""
    return any(own["row"] != "all" for own in rows)


def figure_table(facts: Facts) -> Markup:
    """Return one row per region and system: means, intervals, and how many cases have no finite value."""
    metrics = list(dict.fromkeys(own["metric"] for own in facts["figures"]))
    rows = list(dict.fromkeys(own["row"] for own in facts["figures"]))
    found = {(own["row"], own["system"], own["metric"]): own for own in facts["figures"]}
    regions = has_regions(facts["figures"])
    columns = [*([Column("Region")] if regions else []), Column("System")]
    columns += [Column(wording.title(metric), numeric=True, hint=_arrow(found, metric)) for metric in metrics]
    body = [
        [
            *([Cell(wording.title(row))] if regions else []),
            *(Cell(system), *(_figure_cell(found.get((row, system, m)), m) for m in metrics)),
        ]
        for row in rows
        for system in (own["name"] for own in facts["systems"])
        if any((row, system, m) in found for m in metrics)
    ]
    return table(columns, body, caption="Figures", sortable=False)


def _arrow(found: Mapping[tuple[str, str, str], Facts], metric: str) -> str:
    way = next(own["direction"] for (_, _, name), own in found.items() if name == metric)
    return f"{metric}: {'higher' if way == 'up' else 'lower'} is better"


def _figure_cell(own: Facts | None, metric: str) -> Cell:
    if own is None:
        return Cell(wording.MISSING)
    left = [f"{own[key]} {words}" for key, words in (("infinite", "infinite"), ("missing", "undefined")) if own[key]]
    notes = (between(own["ci95"], metric), f"n = {own['n']}{''.join(f', {words}' for words in left)}")
    return Cell(wording.metric_value(own["mean"], metric), notes=tuple(note for note in notes if note))


def between(interval: Sequence[float | None] | None, metric: str) -> str:
    """Return an interval in words, or an empty text where there is none."""
    if not interval or None in interval:
        return ""
    low, high = (wording.metric_value(float(end), metric) for end in interval if end is not None)
    return f"{low} to {high}"


def significance_table(differences: Sequence[Facts]) -> Markup:
    """Return one row per difference with its interval and its p-values, plain and corrected."""
    several = len({(own["first"], own["second"]) for own in differences}) > 1
    regions = has_regions(differences)
    columns = [
        *((Column("First"), Column("Second")) if several else ()),
        *((Column("Region"),) if regions else ()),
        Column("Metric"),
        *(Column("Cases", numeric=True), Column("Difference", numeric=True)),
        *(Column("p", numeric=True, group="Permutation"), Column("Holm", numeric=True, group="Permutation")),
        *(Column("p", numeric=True, group="Wilcoxon"), Column("Holm", numeric=True, group="Wilcoxon")),
    ]
    rows = [_test_row(own, several=several, regions=regions) for own in differences]
    return table(columns, rows, caption="Tests", tall=len(rows) > 15)


def _test_row(own: Facts, *, several: bool, regions: bool) -> list[Cell]:
    left = {"undefined": "undefined", "infinite_first": "infinite in first", "infinite_second": "infinite in second"}
    low, high = own["ci95"] or (None, None)
    between = () if None in (low, high) else (f"{wording.number(low, 2)} to {wording.number(high, 2)}",)
    mean = own["mean"]
    signed = wording.MISSING if mean is None else f"{'+' if mean > 0 else ''}{wording.number(mean, 2)}"
    tests = (own[key] for key in ("p_permutation", "p_permutation_holm", "p_wilcoxon", "p_wilcoxon_holm"))
    return [
        *((Cell(own["first"]), Cell(own["second"])) if several else ()),
        *((Cell(wording.title(own["row"])),) if regions else ()),
        Cell(wording.title(own["metric"])),
        Cell(own["n"], sort=own["n"], notes=tuple(f"{own[key]} {words}" for key, words in left.items() if own[key])),
        Cell(signed, sort="" if mean is None else mean, notes=between),
        *(Cell(p_words(p), sort="" if p is None else p) for p in tests),
    ]


def p_words(p: float | None) -> str:
    """Return a p-value as reports print it.

    Example:
        >>> p_words(0.0314), p_words(0.0001), p_words(1.0), p_words(None)
        ('0.031', '< 0.001', '1', '–')
    """
    if p is None:
        return wording.MISSING
    return "< 0.001" if p < 0.001 else "1" if p == 1 else f"{p:.3f}"


def worst_table(worst: Sequence[Facts]) -> Markup:
    """Return one row per case to look at, with what every system scored."""
    systems = list(dict.fromkeys(s["system"] for own in worst for s in own["scores"]))
    what = "Region" if has_regions(worst) else "True class"
    columns = [Column("Case"), Column("Patient"), Column(what), Column("Why")]
    columns += [Column(system, numeric=True) for system in systems]
    rows = []
    for own in worst:
        scores = {s["system"]: s["value"] for s in own["scores"]}
        cells = [Cell(_score(scores, system, own["metric"]), sort=scores.get(system)) for system in systems]
        about = [own["case"], own["patient"], wording.title(own["reference"] or own["row"]), ", ".join(own["why"])]
        rows.append([*map(Cell, about), *cells])
    return table(columns, rows, caption="Worst cases")


def _score(scores: Mapping[str, float | None], system: str, metric: str) -> str:
    if system not in scores:
        return wording.MISSING
    value = scores[system]
    return "∞" if value is None else wording.metric_value(value, metric)


def spread_table(spread: Sequence[Facts]) -> Markup:
    """Return one row per figure that folds or seeds repeat."""
    regions = has_regions(spread)
    columns = [Column("System"), *([Column("Region")] if regions else []), Column("Metric"), Column("Over")]
    columns += [Column(name, numeric=True) for name in ("Number", "Mean", "SD", "Lowest", "Highest")]
    rows = []
    for own in spread:
        values = [Cell(wording.metric_value(own[k], own["metric"]), sort=own[k]) for k in ("mean", "sd", "min", "max")]
        region = [wording.title(own["row"])] if regions else []
        rows.append(
            [*map(Cell, (own["system"], *region, wording.title(own["metric"]), own["over"], own["n"])), *values]
        )
    return table(columns, rows, caption="Spread", tall=len(rows) > 12)


def run_table(runs: Sequence[Facts]) -> Markup:
    """Return one row per run."""
    columns = [
        Column("Run"),
        Column("System"),
        Column("Split"),
        Column("Fold"),
        Column("Seed"),
        Column("Cases", numeric=True),
    ]
    columns += [Column("Times scored", numeric=True)]
    keys = ("run", "system", "split", "fold", "seed", "cases", "test_looks")
    return table(columns, [[Cell(own[key]) for key in keys] for own in runs], caption="Runs")


def checklist_table(name: str, items: Sequence[Facts]) -> Markup:
    """Return one row per item of a checklist."""
    numbered = any(item["number"] is not None for item in items)
    columns = [*([Column("No.", numeric=True)] if numbered else []), Column("Topic"), Column("What the runs prove")]
    rows = [
        [
            *([Cell(item["number"], sort=item["number"])] if numbered else []),
            Cell(item["topic"], notes=(item["section"],)),
            Cell(item["evidence"], notes=(f"To do: {item['to_do']}",) if item["to_do"] else ()),
        ]
        for item in items
    ]
    return table(columns, rows, caption=f"Reporting checklist {name}", tall=True, sortable=False)
