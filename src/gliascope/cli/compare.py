"""The command that sets runs against one another."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gliascope.cli import options
from gliascope.cli.session import Session


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders, or evaluations of runs.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="OUT", help="Page, table, checklist and JSON.")
    ] = None,
    split: Annotated[
        str, typer.Option(metavar="test|validation|train", help="Which evaluation of a run folder.")
    ] = "test",
    protocol: Annotated[str, typer.Option(metavar="NAME", help="Which evaluation of a run folder.")] = "plain",
    metric: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Test this metric alone; may be given several times.")
    ] = None,
    data: Annotated[Path | None, typer.Option(metavar="ROOT", help="The data set's folder, if it moved.")] = None,
    json: options.Json = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Compare evaluated runs case by case: differences, intervals, tests, the worst cases.

    Runs of one recipe that differ in seed or fold count as one system.

    [b]Examples[/b]

      gliascope compare runs/unet runs/attention -o comparison
      gliascope compare runs/a-fold* runs/b-fold* --metric dice --json -
    """
    with Session(json=json, quiet=quiet, debug=debug) as session:
        from gliascope.files.atomic import check_place
        from gliascope.workflow.compare import FACTS_FILE
        from gliascope.workflow.compare import compare as against

        if output is not None:
            check_place(output, overwrite=overwrite, mark=FACTS_FILE)
        found = against(
            *runs, split=split, protocol=protocol, metrics=metric or (), data=data, progress=session.progress
        )
        if output is not None:
            found.save(output, overwrite=overwrite)
        session.warn(found.facts["warnings"])
        session.done(found.facts, _lines(found.facts, output))


def _lines(facts: dict[str, Any], output: Path | None) -> Iterator[str]:
    yield f"protocol {facts['protocol']}; {len(facts['runs'])} runs of {len(facts['systems'])} systems"
    for own in facts["figures"]:
        yield f"  {own['system']}: {own['row']} {own['metric']} {_number(own['mean'])} {_interval(own['ci95'])}"
    for own in facts["differences"]:
        tests = f"p {_p_value(own['p_permutation_holm'])} (permutation), {_p_value(own['p_wilcoxon_holm'])} (Wilcoxon)"
        difference = f"{_number(own['mean'])} {_interval(own['ci95'])}, n = {own['n']}"
        yield f"{own['first']} - {own['second']}: {own['row']} {own['metric']} {difference}, {tests}"
    if facts["differences"]:
        yield f"p-values are corrected for {facts['tests']['number']} comparisons (Holm)"
    if output is not None:
        yield f"open {output / 'report.html'}"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def _interval(ends: list[float | None] | None) -> str:
    return "[no interval]" if not ends else f"[{_number(ends[0])}, {_number(ends[1])}]"


def _p_value(value: float | None) -> str:
    """Spell a p-value; a very small one is never 0."""
    return "< 0.0001" if value is not None and value < 1e-4 else _number(value)
