"""Write the reference pages that are made from the code; ``make docs`` runs it and a test compares.

Pages: commands (from the command line itself), data sets (from the cards), networks, recipes, metrics, settings.
"""

import inspect
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from gliascope.cli import app
from gliascope.config import RunConfig, SystemConfig
from gliascope.labels import SCHEMES
from gliascope.metrics import PROTOCOLS, Metric
from gliascope.metrics.class_table import CALIBRATION_METRICS, CLASS_METRICS, OVERALL_METRICS, ClassMetric
from gliascope.report.reproduce_rows import reproduction_markdown
from gliascope.settings import Settings, field_texts
from gliascope.training.losses import LOSSES
from gliascope.workflow.automatic import PURPOSES
from gliascope.workflow.listing import list_datasets, list_networks, list_recipes
from gliascope.workflow.model_choice import shipped_models

REFERENCE = Path(__file__).parent / "reference"
TABLE_BEGIN, TABLE_END = "<!-- Made of reproduce.json by `make docs`: begin -->", "<!-- end -->"
NOTE = "<!-- Made by `make docs` from the code; do not edit. -->"


def pages() -> dict[str, str]:
    """Return every generated page by file name."""
    return {
        "commands.md": commands(),
        "datasets.md": datasets(),
        "networks.md": networks(),
        "recipes.md": recipes(),
        "metrics.md": metrics(),
        "labels.md": labels(),
        "models.md": models(),
        **sources(),
    }


def commands() -> str:
    """Describe every command with its arguments, options and examples."""
    parts = ["# Commands", NOTE, "Exit codes: 0 done · 1 internal fault · 2 usage · 3 bad input data · 4 bad model or"]
    parts[-1] += " config · 5 environment · 6 part of a batch done · 130/143 interrupted."
    group: Any = typer.main.get_command(app)
    for name, command in sorted(group.commands.items()):
        rows = [(_spelled(p), (getattr(p, "help", None) or "").replace("|", "\\|")) for p in command.params]
        text = re.sub(r"\[/?b\]", "**", command.help or "")
        text = re.sub(r"^ +(?=gliascope )", "    ", text, flags=re.MULTILINE)
        parts += [f"## `gliascope {name}`", text, _table(("argument or option", "meaning"), rows)]
    return _page(parts)


def _spelled(parameter: Any) -> str:  # noqa: ANN401 - typer keeps the class private
    metavar = parameter.metavar or ""
    if parameter.param_type_name == "argument":
        return f"`{metavar or parameter.name.upper()}`"
    return f"`{' '.join([', '.join(parameter.opts), metavar]).strip()}`".replace("|", "\\|")


def models() -> str:
    """Show the cards of the shipped models, what they are for first."""
    shipped = shipped_models()
    text = "These models are inside the package; `gliascope predict` chooses among them ([how](../how-to/predict.md))."
    rows = [(f"`{name}`", PURPOSES.get(name, ""), f"{_megabytes(folder):.1f} MB") for name, folder in shipped.items()]
    parts = ["# Shipped models", NOTE, text, _table(("model", "what it does", "size"), rows)]
    for folder in shipped.values():
        card = (folder / "README.md").read_text(encoding="utf-8").strip()
        parts.append(re.sub(r"^#", "##", card, flags=re.MULTILINE))
    return _page(parts)


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def datasets() -> str:
    """Describe every adapter by its card."""
    parts = ["# Data sets", NOTE]
    for card in list_datasets():
        facts = [
            ("tasks", ", ".join(card["tasks"])),
            ("licence", card["licence"]),
            ("link", card["link"]),
            ("citation", card["citation"]),
            ("label scheme", card["scheme"] or "–"),
            ("channels", ", ".join(card["channels"])),
            ("patients", card["patient_identity"]),
            ("known faults", " ".join(card["known_faults"]) or "none known"),
        ]
        parts += [f"## `{card['name']}`: {card['title']}", _table(("", ""), facts), f"```\n{card['layout']}\n```"]
    return _page(parts)


def networks() -> str:
    """Describe every architecture and its options."""
    from gliascope.models import NETWORKS

    parts = ["# Networks", NOTE]
    for row in list_networks():
        settings = NETWORKS[row["name"]]
        parts += [f"## `{row['name']}`", inspect.getdoc(settings) or "", _fields(settings)]
    return _page(parts)


def recipes() -> str:
    """List the shipped recipes, the losses, and every setting that a recipe can hold."""
    columns = ("name", "source", "task", "dataset", "network", "parameters", "description")
    listed = list_recipes()
    rows = [tuple(f"{row[c]:,}" if c == "parameters" else str(row[c]) for c in columns) for row in listed]
    variants = [(f"`{row['name']}`", ", ".join(f"`{name}`" for name in row["variants"])) for row in listed]
    parts = ["# Recipes", NOTE, _table(columns, rows), _VARIANTS]
    parts += [_table(("recipe", "variants"), [row for row in variants if row[1]]), *_losses(), "## Settings"]
    seen: set[type] = set()
    queue: list[tuple[str, Any]] = [("recipe", RunConfig), ("recipe that combines others", SystemConfig)]
    while queue:
        title, settings = queue.pop(0)
        if settings in seen:
            continue
        seen.add(settings)
        parts += [f"### {title}", (settings.__doc__ or "").strip().split("\n\n")[0], _fields(settings)]
        for name, field in settings.model_fields.items():
            queue += [(f"{name} `{_tag(inner)}`" if _tag(inner) else name, inner) for inner in _inner(field.annotation)]
    return _page(parts)


_VARIANTS = """## Variants

Further runs that some recipes name; `gliascope reproduce --variants` trains them."""

_LOSSES = """## Losses

`training.loss` names one or several with their weights; a table gives options and the `weight`:
`loss = { cross_entropy = 0.5, soft_dice = { weight = 0.5, background = true } }`. Without it, classifiers take
`cross_entropy`, classes `cross_entropy` + `soft_dice`, regions `bce` + `soft_dice`. A *part* is what is added up before
dividing: each region of each sample, unless `pooled` or `joined`."""


def _losses() -> list[str]:
    """Describe every loss with its options and their defaults."""
    rows = []
    for name, loss in LOSSES.items():
        documented = inspect.getdoc(loss) or ""
        options = [p for p in inspect.signature(loss).parameters.values() if p.default is not p.empty]
        said = {p.name: _argument(documented, p.name) for p in options}
        cells = "<br>".join(f"`{p.name} = {_plain(p.default)}`: {said[p.name]}" for p in options)
        rows.append((f"`{name}`", _inline(documented.partition("\n\n")[0]), cells or "none"))
    return [_LOSSES, _table(("loss", "what", "options with their defaults"), rows)]


def _argument(documented: str, name: str) -> str:
    """Return what a docstring says of one argument."""
    found = re.search(rf"^    {name}: (.*(?:\n        .*)*)", documented, flags=re.MULTILINE)
    return _inline(found[1]) if found else ""


def _inline(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("``", "`").replace("|", "\\|")


def _plain(value: bool | float) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"


def metrics() -> str:
    """Describe every protocol: what it decides, and each of its metrics with unit, range and empty-mask rule."""
    parts = ["# Metrics", NOTE, _METRICS_INTRODUCTION]
    head = ("name", "what", "unit", "range", "better", "both empty", "one empty", "source")
    for name, protocol in PROTOCOLS.items():
        facts = [
            ("source", protocol.source),
            ("HD95", protocol.hausdorff),
            ("scored", protocol.pooling),
            ("distances in", protocol.spacing),
            ("unknown voxel size", _without_spacing(protocol.needs_spacing, protocol.spacing)),
            ("empty masks", protocol.empty),
            ("infinite distance", _infinite(protocol.infinite, protocol.spacing)),
            ("label scheme", f"`{protocol.scheme}`, unless `--scheme` names another" if protocol.scheme else "any"),
            ("`--tolerance`", "of `nsd`; 1 mm unless given" if protocol.has_tolerance else "not taken"),
        ]
        rows = [(f"`{key}`", *_metric_cells(metric)) for key, metric in protocol.metrics.items()]
        parts += [f"## `{name}`: {protocol.title}", _table(("", ""), facts), _table(head, rows)]
    class_head = ("name", "what", "range", "better", "undefined where", "source")
    for introduction, known in _CLASS_METRICS.items():
        rows = [(f"`{key}`", *_class_metric_cells(metric)) for key, metric in known.items()]
        parts += [introduction, _table(class_head, rows)]
    return _page(parts)


_CLASS_METRICS = {
    """## Classes

Of each class against all others, with TP, FP and FN in cases; and averaged over the classes that have a value: `macro`
(each class counts once) and `weighted` (each case counts once).""": CLASS_METRICS,
    """## All classes

Of all cases together (`all`).""": OVERALL_METRICS,
    """## Calibration

Of the probabilities: of a classifier's answers (`all`), of each class against all others, of each region's voxels
inside the head. [Calibration](../explanation/calibration.md) tells what it is for.""": CALIBRATION_METRICS,
}


def _class_metric_cells(metric: ClassMetric) -> tuple[str, ...]:
    span = f"{_number(metric.low)}…{_number(metric.high)}"
    return metric.what, span, metric.direction or "neither", metric.undefined, metric.source.replace("<", "&lt;")


_METRICS_INTRODUCTION = """Masks are scored by a named protocol (`gliascope evaluate --protocol NAME`); numbers of two
protocols do not compare: [protocols](../explanation/protocols.md) tells why there are several. TP, FP, FN and TN are
voxels; a border voxel of a mask has a face (in 2-D an edge) neighbor outside it. Everything works in 2-D and 3-D, with
voxels of any shape, in any label scheme."""


def _without_spacing(needed: bool, spacing: str) -> str:
    if spacing == "voxels":
        return "not needed"
    return "refused (`E_SPACING`)" if needed else "what is in mm or ml is undefined (`W_NO_SPACING`)"


def _infinite(infinite: float | None, spacing: str) -> str:
    if infinite is not None:
        return f"{infinite:g} mm"
    return "the diagonal of the image" if spacing == "voxels" else "stays infinite; counted, left out of means"


def _metric_cells(metric: Metric) -> tuple[str, ...]:
    first = (metric.function.__doc__ or "").strip().splitlines()[0]
    one = "as the formula says" if metric.empty_one is None else _number(metric.empty_one)
    span = f"{_number(metric.low)}…{_number(metric.high)}"
    return (
        first.replace("|", "\\|"),
        metric.unit or "ratio",
        span,
        metric.direction,
        _number(metric.empty_both),
        one,
        metric.source,
    )


def _number(value: float) -> str:
    return {"nan": "undefined", "inf": "∞"}.get(f"{value:g}", f"{value:g}")


def labels() -> str:
    """List the label schemes: what each number means and which regions follow."""
    rows = [
        (f"`{s.name}`", ", ".join(f"{v} {t}" for v, t in sorted(s.tissues.items())), ", ".join(s.regions))
        for s in SCHEMES.values()
    ]
    return _page(["# Label schemes", NOTE, _table(("scheme", "labels", "regions"), rows)])


def sources() -> dict[str, str]:
    """Put the table of a reproduction (``gliascope reproduce``) into the page of the sources, between its marks."""
    page, facts = REFERENCE / "sources.md", REFERENCE / "reproduce.json"
    if not (page.is_file() and facts.is_file()):
        return {}
    before, _, rest = page.read_text().partition(TABLE_BEGIN)
    after = rest.partition(TABLE_END)[2]
    table = reproduction_markdown(json.loads(facts.read_text()))
    return {page.name: f"{before}{TABLE_BEGIN}\n\n{table}\n{TABLE_END}{after}"}


def _tag(settings: Any) -> str:  # noqa: ANN401 - a settings class
    field = settings.model_fields.get("name")
    return field.default if field is not None and isinstance(field.default, str) else ""


def _inner(annotation: Any) -> list[Any]:  # noqa: ANN401 - any type expression
    if isinstance(annotation, type) and hasattr(annotation, "model_fields"):
        return [annotation]
    return [settings for part in getattr(annotation, "__args__", ()) for settings in _inner(part)]


def _fields(settings: Any) -> str:  # noqa: ANN401 - a settings class
    rows, texts = [], field_texts(settings)
    for name, field in settings.model_fields.items():
        default = "required" if field.is_required() else _default(field.get_default(call_default_factory=True))
        rows.append((f"`{name}`", default, texts.get(name, "").replace("\n", " ").replace("|", "\\|")))
    return _table(("setting", "default", "meaning"), rows)


def _default(value: Any) -> str:  # noqa: ANN401 - any default
    return "see below" if isinstance(value, Settings) else f"`{value!r}`".replace("|", "\\|")


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _page(parts: list[str]) -> str:
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    for file, text in pages().items():
        (REFERENCE / file).write_text(text)
        sys.stdout.write(f"wrote {file}\n")
