"""Commands that make and judge models: demo, train, evaluate."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gliascope.cli import options
from gliascope.cli.score_lines import score_lines
from gliascope.cli.session import Session
from gliascope.errors import UsageError

LEADING = ("accuracy", "balanced_accuracy", "dice", "iou", "hd", "assd")
"""Figures that are said of all folds together; the page has the others."""

Data = Annotated[Path, typer.Option("--data", metavar="ROOT", help="The data set's folder.")]


def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe's name or a TOML file.")],
    data: Data,
    output: options.Output,
    fold: options.Fold = None,
    split: Annotated[Path | None, typer.Option(metavar="CSV", help="path,patient,group,label,split")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=value", help="Change a setting; repeatable.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    allow_leakage: Annotated[
        bool, typer.Option("--allow-leakage", help="Train although the split leaks; every output says so.")
    ] = False,
    by_patient: Annotated[
        bool,
        typer.Option(
            "--by-patient",
            help="Divide by patient instead; where none are known, by content without copies.",
        ),
    ] = False,
    final: Annotated[
        str | None,
        typer.Option(
            "--final",
            metavar="all|K",
            help="After the folds make a model with their figures on its card: trained on all cases, or fold K's.",
        ),
    ] = None,
    trained: Annotated[
        list[Path] | None,
        typer.Option(
            "--trained", metavar="RUN", help="A finished run of a system's member, used as it is; repeatable."
        ),
    ] = None,
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
      gliascope train my.toml --data ROOT -o runs/honest --by-patient
      gliascope train s3-unet --data ROOT -o runs/s3-unet --fold all
      gliascope train lgg-flair --data data/lgg-mri-segmentation -o runs/lgg-flair --fold all --final all
      gliascope train s3-cascade --data ROOT -o runs/s3-cascade --trained runs/s3-vote --trained runs/s3-unet/fold-1
    """
    with Session(json=json, quiet=quiet, debug=debug) as session:
        how: dict[str, Any] = {"overrides": settings or (), "resume": resume, "overwrite": overwrite}
        how |= {"allow_leakage": allow_leakage, "by_patient": by_patient}
        how |= {"device": device, "threads": threads, "cache": cache}
        how |= {"progress": session.progress, "announce": (lambda line: None) if quiet else session.say}
        folds = options.fold_numbers(fold)
        several = folds is not None and (final is not None or len(folds) != 1)
        if several and trained:
            raise UsageError("--trained and several folds exclude each other", hint="Train one fold of a system.")
        if final is not None and folds is None:
            raise UsageError("--final follows folds", hint="Add --fold all.")
        if several:
            how |= {"folds": folds, "final": options.final_fold(final)}
            _train_folds(session, (recipe, data, output), split, how)
            return
        from gliascope.workflow.train import train as train_recipe

        own: dict[str, Any] = {"fold": folds[0] if folds else None, "split": split, "trained": trained or ()}
        run = train_recipe(recipe, data, output, **own, **how)
        session.warn(run.facts["warnings"])
        session.done({"run": str(output), "model": str(run.model), **run.facts}, _run_lines(run.facts, output))


def _train_folds(session: Session, places: tuple[str, Path, Path], split: Path | None, how: dict[str, Any]) -> None:
    """Train and score every fold, and say the leading figures."""
    from gliascope.workflow.cross_validate import cross_validate

    if split is not None:
        raise UsageError("--split and several folds exclude each other", hint="A table is one split, not several.")
    found = cross_validate(*places, **how)
    session.warn(found.facts["warnings"])
    session.done({"output": str(found.folder), **found.facts}, _fold_lines(found.facts, found.folder))


def _fold_lines(facts: dict[str, Any], output: Path) -> Iterator[str]:
    """Mean and standard deviation over folds of the first figures of every part."""
    yield f"{len(facts['runs'])} of {facts['folds']} folds"
    for part, rows in facts["parts"].items():
        for name, own in rows["all"].items():
            if name in LEADING:
                spread = "" if own["sd"] is None else f" ± {own['sd']:.4f}"
                yield f"  {part.replace('-', ' ')}: {name} {own['mean']:.4f}{spread}"
    yield f"open {output / 'report.html'}"
    if (output / "model").is_dir():
        yield f"next: gliascope predict INPUT --model {output}"


def _run_lines(facts: dict[str, Any], output: Path) -> Iterator[str]:
    if "members" in facts:
        yield f"{facts['combine']} of {', '.join(own['name'] for own in facts['members'])}"
    else:
        figures = ", ".join(f"{name} {value:.4f}" for name, value in facts["metrics"].items())
        kept = "last" if facts.get("keep") == "last" else "best"
        yield f"{kept} epoch {facts['best_epoch']} of {facts['epochs']}: {figures}"
    yield f"open {output / 'report.html'}"
    part = next((name for name in ("test", "validation") if facts["cases"][name]), None)
    evaluate_or_use = f"evaluate {output} --split {part}" if part else f"predict INPUT --model {output}"
    yield f"next: gliascope {evaluate_or_use}"


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN|PREDICTIONS", help="A run folder, or predicted label maps.")],
    references: Annotated[
        Path | None, typer.Argument(metavar="[REFERENCES]", help="Label maps to score against.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="OUT", help="Page and table; default: in the run folder.")
    ] = None,
    split: Annotated[
        str, typer.Option(metavar="test|validation|train|dropped", help="Part of the run's split.")
    ] = "test",
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
    given: Annotated[
        str | None,
        typer.Option(metavar="NAME,…", help="Score a run as if its cases had these channels alone, such as t1c,t2f."),
    ] = None,
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
      gliascope evaluate runs/glioma --given t2f
      gliascope evaluate predictions/ references/ --scheme brats2023 --json -
      gliascope evaluate predictions/ references/ --protocol brats2023 --scheme brats2023 -o scores
    """
    with Session(json=json, quiet=quiet, debug=debug) as session:
        from gliascope.files.atomic import check_place
        from gliascope.workflow.evaluate import FACTS_FILE, evaluation_folder
        from gliascope.workflow.evaluate import evaluate as score

        channels = options.names(given, option="--given")
        own = evaluation_folder(split, protocol, with_tumor=with_tumor, given=channels)
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
            given=channels,
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
