"""The command that sets the sources' figures beside ours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gliascope.cli import options
from gliascope.cli.session import Session
from gliascope.errors import counted

MOST_NAMED = 5
"""Systems with fewer epochs than their recipe that are named one by one."""


def reproduce(
    data: Annotated[
        Path, typer.Option("--data", metavar="ROOT", help="A data set's folder, or one that holds several.")
    ],
    output: options.Output,
    recipes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RECIPE]...", help="Recipes or TOML files; none: every system of the sources."),
    ] = None,
    split: Annotated[
        str, typer.Option(metavar="source|patient|both", help="As the source divides, by patient, or both.")
    ] = "source",
    budget: Annotated[
        float | None,
        typer.Option(metavar="MINUTES", help="Training epochs per run; fewer epochs where they take longer."),
    ] = None,
    fold: Annotated[
        list[int] | None, typer.Option(metavar="K", min=1, help="Of splits with folds train only this; repeatable.")
    ] = None,
    variants: Annotated[
        bool, typer.Option("--variants", help="Run the recipes' variants too, and chart scores against parameters.")
    ] = False,
    runs: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Finished runs of gliascope train; taken where settings agree.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(metavar="DIR", help="Where prepared images are kept.")] = None,
    json: options.Json = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Reproduce systems of the source documents: train and score them, their figures beside ours.

    Interrupted, or asked for more, the same command goes on in the same folder.

    [b]Examples[/b]

      gliascope reproduce --data ROOT -o reproduction
      gliascope reproduce s2-customcnn s2-alexnet --data ROOT -o reproduction --split both
      gliascope reproduce s3-unet --data ROOT -o reproduction --fold 1 --budget 30
      gliascope reproduce s2-unet-classic --data ROOT -o reproduction --variants
    """
    with Session(json=json, quiet=quiet, debug=debug) as session:
        from gliascope.workflow.reproduce import reproduce as run_again

        found = run_again(
            recipes or (),
            data=data,
            output=output,
            split=split,  # type: ignore[arg-type]
            budget_min=budget,
            folds=fold or (),
            variants=variants,
            runs=runs,
            device=device,
            threads=threads,
            cache=cache,
            progress=session.progress,
            announce=(lambda line: None) if quiet else session.say,
        )
        session.done({"output": str(output), **found.facts}, _lines(found.facts, output))
        error = found.error()
        if error is not None:
            session.say(f"error: {error}")
            raise typer.Exit(error.exit_code)


def _lines(facts: dict[str, Any], output: Path) -> Iterator[str]:
    counts = facts["counts"]
    done = counted(counts["done"], "system")
    yield f"{done} done, {counts['failed']} failed, {counts['no_data']} without data at hand"
    yield f"{counts['reached']} of {counts['compared']} figures of the sources reached"
    yield f"open {output / 'report.html'}"
    rest = [own for own in facts["systems"] if own["status"] == "done" and _cut(own)]
    if rest:
        names = " ".join(own["name"] for own in rest[:MOST_NAMED]) + " …" * (len(rest) > MOST_NAMED)
        yield f"next: the same command without --budget trains the rest of the epochs of {names}"


def _cut(system: dict[str, Any]) -> bool:
    """Say whether a run has fewer epochs than its recipe because of a budget."""
    return any(run["cut"] for run in system["runs"])
