"""Commands that list what is there: datasets, recipes, networks, models, doctor."""

from collections.abc import Iterator
from typing import Any

from gliascope.cli import options
from gliascope.cli.session import Session


def datasets(json: options.Json = None, quiet: options.Quiet = False, debug: options.Debug = False) -> None:
    """List the data sets that can be read, with licence and labels."""
    with Session(json=json, quiet=quiet, debug=debug) as session:
        from gliascope.workflow.listing import list_datasets

        rows = list_datasets()
        session.done({"datasets": rows}, _table(rows, ("name", "title", "scheme", "licence")))


def recipes(json: options.Json = None, quiet: options.Quiet = False, debug: options.Debug = False) -> None:
    """List the experiments: name, source, task, data set, network, parameters."""
    with Session(json=json, quiet=quiet, debug=debug) as session:
        from gliascope.workflow.listing import list_recipes

        rows = list_recipes()
        session.done({"recipes": rows}, _table(rows, ("name", "source", "task", "dataset", "network", "parameters")))


def networks(json: options.Json = None, quiet: options.Quiet = False, debug: options.Debug = False) -> None:
    """List the architectures with their options."""
    with Session(json=json, quiet=quiet, debug=debug) as session:
        from gliascope.workflow.listing import list_networks

        rows = list_networks()
        session.done({"networks": rows}, _table(rows, ("name", "task", "dimensions", "options")))


def models(json: options.Json = None, quiet: options.Quiet = False, debug: options.Debug = False) -> None:
    """List the trained models that ship with this version."""
    with Session(json=json, quiet=quiet, debug=debug) as session:
        from gliascope.workflow.listing import list_models

        rows = list_models()
        none = ["none ships with this version; train one: gliascope recipes"]
        told = [
            {**row, "leaks": _leaks(row["leakage"] or {}), "figures": "; ".join(map(_figure, row["figures"]))}
            for row in rows
        ]
        columns = ("name", "task", "input", "figures", "leaks", "size_mb")
        session.done({"models": rows}, _table(told, columns) if rows else none)


def doctor(json: options.Json = None, quiet: options.Quiet = False, debug: options.Debug = False) -> None:
    """Show versions, devices, models, what is missing and the command that fixes it."""
    with Session(json=json, quiet=quiet, debug=debug) as session:
        from gliascope.workflow.doctor import doctor as examine

        found = examine()
        session.done(found, _doctor_lines(found))


WITHOUT_ARGUMENTS = (datasets, recipes, networks, models, doctor)
"""Commands that make sense with nothing after them."""


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Iterator[str]:
    cells = [list(columns), *([_cell(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    numbers = [all(isinstance(row.get(column), int | float) for row in rows) for column in columns]
    for line in cells:
        placed = zip(line, widths, numbers, strict=True)
        yield "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in placed).rstrip()


def _leaks(leakage: dict[str, Any]) -> str:
    """Say how many of its test cases a model knew from training."""
    return f"{leakage['leaking_test_cases']} of {leakage['test_cases']} test cases" if leakage else "none known"


def _figure(own: dict[str, Any]) -> str:
    """Say a figure with its interval: ``WT dice 0.89 (0.86–0.92)``."""
    ends = f" ({own['ci95'][0]:.3g}–{own['ci95'][1]:.3g})" if own["ci95"] else ""
    return f"{own['of']} {own['figure']} {own['value']:.3g}{ends}"


def _cell(value: Any) -> str:  # noqa: ANN401 - any plain data
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else "–" if value is None else str(value)


def _doctor_lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"gliascope {found['gliascope']}, {found['machine']}"
    for name, state in found["libraries"].items():
        yield f"  {name}: {state or 'not installed'}"
    for name, state in found["devices"].items():
        yield f"  {name}: {state}"
    for name, state in found["models"].items():
        yield f"  model {name}: {state}"
    yield f"  free: {found['memory_available_gb']} GB of memory, {found['disk_free_gb']} GB on this disk"
    yield f"  prepared cases of trainings: {found['cache_gb']} GB in {found['cache']} (can be deleted at any time)"
    for fault in found["missing"]:
        yield f"missing: {fault['what']}. {fault['fix']}"
    if not found["missing"]:
        yield "nothing is missing"
