"""Commands that use a model: predict, check, export."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gliascope.cli import options
from gliascope.cli.session import Session

_File = Annotated[Path | None, typer.Option(metavar="FILE", help="NIfTI file of this contrast.")]


def predict(
    inputs: Annotated[
        list[Path] | None, typer.Argument(metavar="[INPUT]...", help="Pictures, NIfTI files, folders.")
    ] = None,
    output: options.Output = Path("predictions"),
    model: Annotated[
        str, typer.Option(metavar="NAME|DIR", help="A model, system or run folder, or a model's name; auto: by input.")
    ] = "auto",
    segmenter: Annotated[
        str | None, typer.Option(metavar="NAME|DIR", help="Segments what --model, a classifier, calls a tumor.")
    ] = None,
    task: Annotated[str, typer.Option(metavar="auto|classify|segment", help="Class, mask, or what fits.")] = "auto",
    segment_all: Annotated[
        bool, typer.Option("--segment-all", help="With a classifier and a segmenter: segment whatever the class.")
    ] = False,
    no_gate: Annotated[
        bool, typer.Option("--no-gate", help="Name a class even where it seems to be no brain MRI.")
    ] = False,
    t1n: _File = None,
    t1c: _File = None,
    t2w: _File = None,
    t2f: _File = None,
    channels: options.Channels = None,
    spacing: options.Spacing = None,
    no_stack: options.NoStack = False,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Write the probability maps too.")] = False,
    backend: options.Backend = "auto",
    precision: Annotated[str, typer.Option(metavar="auto|fp32|bf16", help="How finely to compute.")] = "auto",
    json: options.Json = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Predict: INPUT becomes a mask, a class or both, a page and JSON, one folder per case.

    [b]Examples[/b]

      gliascope predict study/ slice.jpg -o out
      gliascope predict study/ -o out --model runs/glioma
      gliascope predict slice.png scans/ -o out --model runs/classifier
      gliascope predict slice.png -o out --model runs/classifier --segmenter runs/segmenter
      gliascope predict --t2f flair.nii.gz --t1c t1c.nii.gz -o out --model runs/glioma
    """
    with Session(json=json, quiet=quiet, debug=debug) as session:
        from gliascope.errors import UsageError
        from gliascope.workflow.batch import partial_error
        from gliascope.workflow.predict import PredictOptions, predict_batch

        named = {k: v for k, v in {"t1n": t1n, "t1c": t1c, "t2w": t2w, "t2f": t2f}.items() if v is not None}
        if bool(named) == bool(inputs):
            raise UsageError("give either INPUT or --t1n/--t1c/--t2w/--t2f", hint="See gliascope predict --help.")
        chosen = PredictOptions(
            model=model,
            segmenter=segmenter,
            task=task,
            segment_all=segment_all,
            gate=not no_gate,
            backend=backend,
            precision=precision,
            device=device,
            threads=threads,
            channels=options.names(channels),
            spacing_mm=options.millimeters(spacing),
            stack=not no_stack,
            probabilities=probabilities,
        )
        batch = predict_batch(
            named or inputs or (), output, options=chosen, overwrite=overwrite, progress=session.progress
        )
        result = batch.as_json()
        session.warn([*result["warnings"], *(w for case in batch.done for w in case["warnings"])])
        session.done(result, _prediction_lines(result, output))
        if batch.failed:
            error = partial_error(batch)
            session.say(f"error: {error}")
            raise typer.Exit(error.exit_code)


def _prediction_lines(result: dict[str, Any], output: Path) -> Iterator[str]:
    from gliascope.errors import counted
    from gliascope.workflow.prediction import key_figures

    for case in result["cases"][:20]:
        figures = ", ".join(f"{name} {value}" for name, value in key_figures(case).items())
        reason = (case["classification"] or {}).get("reason")
        yield f"{case['case']}: {figures}{f' ({reason})' if reason else ''}"
    if len(result["cases"]) > 20:
        yield f"… and {len(result['cases']) - 20} more"
    reasons = Counter(case["choice"]["why"] for case in result["cases"] if case.get("choice"))
    for why, number in reasons.items():
        yield f"chosen for {counted(number, 'case')}: {why}" if len(result["cases"]) > 1 else f"chosen: {why}"
    counts = result["counts"]
    if counts["kept"]:
        yield f"{counts['kept']} were complete already and were kept"
    single = len(result["cases"]) == 1 and not counts["failed"]
    page = output / result["cases"][0]["case"] / "report.html" if single else output / "index.html"
    yield f"open {page}"


def check(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Scans, label maps, models, recipes, data.")],
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Take INPUT as the root of this data set.")
    ] = None,
    scheme: options.Scheme = None,
    channels: options.Channels = None,
    no_stack: options.NoStack = False,
    json: options.Json = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Check inputs without predicting: every file is read and every fault is named.

    [b]Examples[/b]

      gliascope check study/
      gliascope check study/ study/seg.nii.gz --scheme brats2017
      gliascope check runs/glioma/model my-recipe.toml
      gliascope check --dataset lgg data/lgg-mri-segmentation
    """
    with Session(json=json, quiet=quiet, debug=debug) as session:
        from gliascope.workflow.check import check as check_inputs

        report = check_inputs(
            inputs,
            dataset=dataset,
            scheme=scheme,
            channels=options.names(channels),
            stack=not no_stack,
            progress=session.progress,
        )
        result = report.as_json()
        session.warn(result["warnings"])
        session.done(result, report.lines(), code=report.exit_code)


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model, system or run folder.")],
    to: Annotated[str, typer.Option(metavar="FORMAT", help="openvino, or onnx for other programs")] = "openvino",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="OUT", help="A copy; default: into the model folder.")
    ] = None,
    json: options.Json = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Export a model for fast CPU prediction, with its measured parity.

    [b]Example[/b]

      gliascope export runs/glioma --to openvino
    """
    with Session(json=json, quiet=quiet, debug=debug) as session:
        from gliascope.workflow.export_system import export
        from gliascope.workflow.model_choice import find_any

        result = export(find_any(model), to=to, output=output, overwrite=overwrite)
        session.done(result, f"exported; next: gliascope predict INPUT --model {output or model}")
