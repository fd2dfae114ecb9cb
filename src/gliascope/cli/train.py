"""Commands that make and judge models: demo, train, evaluate."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gliascope.cli import options
from gliascope.cli.score_lines import score_lines
from gliascope.cli.session import Session

Data = Annotated[Path, typer.Option("--data", metavar="ROOT", help="The data set's folder.")]


def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe's name or a TOML file.")],
    data: Data,
    output: options.Output,
    fold: Annotated[int | None, typer.Option(min=1, help="Fold of a k-fold split, from 1.")] = None,
    split: Annotated[Path | None, typer.Option(metavar="CSV", help="path,patient,group,label,split")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=value", help="Change a setting; repeatable.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    allow_leakage: Annotated[
        bool, typer.Option("--allow-leakage", help="Train although the split leaks; every output says so.")
    ] = False,
    cache: Annotated[Path | None, typer.Option(metavar="DIR", help="Where prepared images are kept.")] = None,
    json: options.Json = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Train a recipe on a data set: RECIPE becomes a run folder with a model.

    [b]Examples[/b]

      gliascope train lgg-unet2d --data data/lgg-mri-segmentation -o runs/lgg
      gliascope train lgg-unet2d --data data/lgg-mri-segmentation -o runs/lgg --resume
      gliascope train my.toml --data ROOT -o runs/my --set training.epochs=5
    """
    with Session(json=json, quiet=quiet, debug=debug) as session:
        from gliascope.workflow.train import train as train_recipe

        run = train_recipe(
            recipe,
            data,
            output,
            fold=fold,
            split=split,
            overrides=settings or (),
            resume=resume,
            overwrite=overwrite,
            allow_leakage=allow_leakage,
            device=device,
            threads=threads,
            cache=cache,
            progress=session.progress,
            announce=(lambda line: None) if quiet else session.say,
        )
        session.warn(run.facts["warnings"])
        session.done({"run": str(output), "model": str(run.model), **run.facts}, _run_lines(run.facts, output))


def _run_lines(facts: dict[str, Any], output: Path) -> Iterator[str]:
    figures = ", ".join(f"{name} {value:.4f}" for name, value in facts["metrics"].items())
    kept = "last" if facts.get("keep") == "last" else "best"
    yield f"{kept} epoch {facts['best_epoch']} of {facts['epochs']}: {figures}"
    yield f"open {output / 'report.html'}"
    part = "test" if facts["cases"]["test"] else "validation"
    yield f"next: gliascope evaluate {output} --split {part}"


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN|PREDICTIONS", help="A run folder, or predicted label maps.")],
    references: Annotated[
        Path | None, typer.Argument(metavar="[REFERENCES]", help="Label maps to score against.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="OUT", help="Page and table; default: in the run folder.")
    ] = None,
    split: Annotated[str, typer.Option(metavar="test|validation|train", help="Part of the run's split.")] = "test",
    data: Annotated[Path | None, typer.Option(metavar="ROOT", help="The data set's folder, if it moved.")] = None,
    scheme: options.Scheme = None,
    protocol: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="How masks are scored: plain, legacy, brats2023, brats2023-men, brats2023-met, brats2025, brats2026.",
        ),
    ] = "plain",
    tolerance: Annotated[
        float | None,
        typer.Option(metavar="MM", help="How far borders may lie apart and agree (nsd); 1 mm unless given."),
    ] = None,
    spacing: options.Spacing = None,
    with_tumor: Annotated[
        bool, typer.Option("--with-tumor", help="Score only cases whose reference mask holds tumor.")
    ] = False,
    patients: Annotated[
        Path | None, typer.Option(metavar="CSV", help="case,patient: whose the label maps are, for the intervals.")
    ] = None,
    backend: options.Backend = "auto",
    json: options.Json = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Evaluate a run on its test cases, or label maps against references.

    [b]Examples[/b]

      gliascope evaluate runs/lgg
      gliascope evaluate runs/lgg --tolerance 2 --spacing 1,1
      gliascope evaluate runs/lgg --with-tumor
      gliascope evaluate predictions/ references/ --scheme brats2023 --json -
      gliascope evaluate predictions/ references/ --protocol brats2023 --scheme brats2023 -o scores
    """
    with Session(json=json, quiet=quiet, debug=debug) as session:
        from gliascope.files.atomic import check_place
        from gliascope.workflow.evaluate import FACTS_FILE, evaluation_folder
        from gliascope.workflow.evaluate import evaluate as score

        own = evaluation_folder(split, protocol, with_tumor=with_tumor)
        folder = output or (run / own if references is None else None)
        # The run's own evaluation folder is ours to replace; a folder that the user names is not.
        if output is not None:
            check_place(output, overwrite=overwrite, mark=FACTS_FILE)
        result = score(
            run,
            references,
            split=split,
            data=data,
            scheme=scheme,
            protocol=protocol,
            tolerance_mm=tolerance,
            spacing_mm=options.millimeters(spacing),
            with_tumor=with_tumor,
            patients=patients,
            backend=backend,
            device=device,
            threads=threads,
            progress=session.progress,
        )
        if folder is not None:
            result.save(folder, overwrite=overwrite or output is None)
        session.warn(result.facts["warnings"])
        session.done(result.facts, score_lines(result.facts, folder))


def demo(
    output: options.Output = Path("demo"),
    json: options.Json = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Make a phantom cohort, train on it, evaluate and predict: the whole way in minutes.

    [b]Example[/b]

      gliascope demo -o demo
    """
    with Session(json=json, quiet=quiet, debug=debug) as session:
        from gliascope.workflow.demo import demo as run_demo

        result = run_demo(
            output,
            overwrite=overwrite,
            device=device,
            threads=threads,
            progress=session.progress,
            announce=(lambda line: None) if quiet else session.say,
        )
        session.done(result, [*result["lines"], f"open {result['report']}"])
