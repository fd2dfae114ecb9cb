"""Commands that look at data: explore."""

from pathlib import Path
from typing import Annotated

import typer

from gliascope.cli import options
from gliascope.cli.session import Session


def explore(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="An adapter's name; see gliascope datasets.")],
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="The data set's folder.")],
    output: options.Output,
    json: options.Json = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Explore a data set: classes, voxels per label, contrasts and histograms as a page.

    [b]Example[/b]

      gliascope explore lgg data/lgg-mri-segmentation -o lgg-page
    """
    with Session(json=json, quiet=quiet, debug=debug) as session:
        from gliascope.workflow.explore import explore as look

        found = look(dataset, root, output, overwrite=overwrite, progress=session.progress)
        session.warn(found["warnings"])
        counts = ", ".join(f"{name} {n}" for name, n in found["counts"].items())
        session.done(found, [counts, f"open {output / 'report.html'}"])
