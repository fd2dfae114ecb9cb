"""The command that looks inside trained networks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gliascope.cli import options
from gliascope.cli.session import Session


def explain(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model folder, a run folder, or a model's name.")],
    path: Annotated[Path, typer.Argument(metavar="INPUT", help="A picture, a stack or a study: one case.")],
    output: options.Output,
    beside: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL", help="A further model, side by side; may be given several times."),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(metavar="MASK", help="The expert's mask, or the folder of a stack's masks.")
    ] = None,
    scheme: options.Scheme = None,
    slice_number: Annotated[
        int | None,
        typer.Option("--slice", metavar="K", help="Slice of a volume, from 1; default: the most predicted tumor."),
    ] = None,
    layer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Layer for Grad-CAM; default: behind the last convolution.")
    ] = None,
    channels: options.Channels = None,
    no_stack: options.NoStack = False,
    json: options.Json = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Look inside a network: first-layer filters, attention maps, Grad-CAM, raw outputs, models side by side.

    [b]Examples[/b]

      gliascope explain runs/classifier slice.png -o out
      gliascope explain runs/attention study/ -o out --reference study/seg.nii.gz --beside runs/unet
      gliascope explain runs/attention stack/ -o out --slice 71
    """
    with Session(json=json, quiet=quiet, debug=debug) as session:
        from gliascope.workflow.explain import explain as look_inside

        found = look_inside(
            model,
            path,
            output,
            beside=beside or (),
            reference=reference,
            scheme=scheme,
            slice_number=slice_number,
            layer=layer,
            channels=options.names(channels),
            stack=not no_stack,
            device=device,
            threads=threads,
            overwrite=overwrite,
            progress=session.progress,
        )
        session.warn(found.facts["warnings"])
        session.done(found.facts, _lines(found.facts, output))


def _lines(facts: dict[str, Any], output: Path) -> Iterator[str]:
    place = facts["slice"]
    if place:
        yield f"slice {place['number']} of {place['of']} ({place['chosen']})"
    for model in facts["models"]:
        kinds = dict.fromkeys(each["kind"] for each in facts["pictures"] if each["model"] == model["name"])
        yield f"{model['name']}: {', '.join(kinds)}"
        for reason in model["absent"].values():
            yield f"  not shown: {reason}"
    yield f"open {output / 'report.html'}"
