"""The page of a cross-validation: each figure as mean and standard deviation over folds, and the folds themselves."""

from collections.abc import Mapping
from typing import Any

from gliascope.report import wording
from gliascope.report.frame import Section, fragment, page
from gliascope.report.metric_words import MetricWords
from gliascope.report.tables import Cell, Column, relative_link, table

NOTE = (
    "Mean ± standard deviation over folds (n - 1), of each fold's own figure. The deviation says how much the result "
    "depends on what was trained on; it is no confidence interval for other patients."
)
PARTS: Mapping[str, str] = {
    "validation": "Validation",
    "validation-with-tumor": "Validation, cases with tumor",
    "test": "Test",
    "test-with-tumor": "Test, cases with tumor",
}
SIZES = ("_voxels", "_volume_ml")


def folds_page(facts: Mapping[str, Any]) -> str:
    """Return the page of ``folds.json``."""
    done, all_of_them = len(facts["runs"]), facts["folds"]
    missing = f" {all_of_them - done} of {all_of_them} folds were not trained." if done < all_of_them else ""
    sections = [
        Section("", fragment("figures.html.j2", figures=_key_figures(facts))),
        Section("Figures", _figures(facts), NOTE + missing),
        Section("Folds", _runs(facts)),
    ]
    return page(
        facts["name"],
        sections,
        kind="Cross-validation",
        subtitle=wording.sentence({"dataset": facts["dataset"], "folds": f"{done} of {all_of_them} folds"}),
        warnings=facts["warnings"],
        provenance={"Created": facts["created"], "Gliascope": facts["gliascope_version"]},
    )


def _key_figures(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The leading figure of every part."""
    metric = "accuracy" if facts["task"] == "classify" else "dice"
    figures = []
    for name, rows in facts["parts"].items():
        own = rows.get("all", {}).get(metric)
        if own is not None:
            label = f"{PARTS.get(name, name)}: {wording.title(metric)}"
            figures.append({"label": label, "value": _spread(own, metric), "note": "", "strong": True})
    figures.append({"label": "Time", "value": wording.duration(facts["seconds"]), "note": "", "strong": False})
    return figures


def _figures(facts: Mapping[str, Any]) -> Any:  # noqa: ANN401 - markup
    parts = facts["parts"]
    places = list(dict.fromkeys((row, m) for rows in parts.values() for row, own in rows.items() for m in own))
    columns = [Column("Row"), Column("Figure"), *(Column(PARTS.get(name, name), numeric=True) for name in parts)]
    body = []
    for row, metric in places:
        if metric.endswith(SIZES):
            continue
        cells = [Cell(wording.title(row) if row != "all" else "All"), Cell(wording.title(metric))]
        for name in parts:
            own = parts[name].get(row, {}).get(metric)
            notes = () if own is None else (", ".join(MetricWords().figure(v, metric) for v in own["values"]),)
            cells.append(Cell(wording.MISSING if own is None else _spread(own, metric), notes=notes))
        body.append(cells)
    return table(columns, body, caption="Figures", tall=len(body) > 20)


def _spread(own: Mapping[str, Any], metric: str) -> str:
    words = MetricWords()
    mean = words.figure(float(own["mean"]), metric)
    return mean if own["sd"] is None else f"{mean} ± {words.figure(float(own['sd']), metric)}"


def _runs(facts: Mapping[str, Any]) -> Any:  # noqa: ANN401 - markup
    columns = [Column("Fold"), Column("Split"), *(Column(n, numeric=True) for n in ("Train", "Validation", "Test"))]
    columns += [Column("Epochs", numeric=True), Column("Best epoch", numeric=True), Column("Time", numeric=True)]
    rows = [
        [
            Cell(f"Fold {own['fold']}", href=relative_link(f"{own['folder']}/report.html")),
            Cell(own["split"]),
            *(Cell(own["cases"][part], sort=own["cases"][part]) for part in ("train", "validation", "test")),
            Cell(own["epochs"], sort=own["epochs"]),
            Cell(own["best_epoch"], sort=own["best_epoch"]),
            Cell(wording.duration(own["seconds"]), sort=own["seconds"]),
        ]
        for own in facts["runs"]
    ]
    return table(columns, rows, caption="Folds")
