"""Commands that look at data: explore, audit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

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


def audit(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="An adapter's name, such as folder.")],
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="The data set's folder.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="OUT", help="Write page, JSON, groups.csv and fold tables.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="CSV|own", help="The split to judge; default: its own, else the proposed one.")
    ] = None,
    against: Annotated[
        tuple[str, Path] | None, typer.Option(metavar="DATASET ROOT", help="Look for copies in a second data set too.")
    ] = None,
    folds: Annotated[int, typer.Option(metavar="K", min=0, help="Propose K folds too: OUT/fold-1.csv ….")] = 0,
    unique: Annotated[bool, typer.Option("--unique", help="Propose one picture of each content only.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Which of the equally good splits.")] = 0,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 3 where the split leaks.")] = False,
    json: options.Json = None,
    threads: options.Threads = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Audit a data set: copies and patients that cross splits, contradicting labels, shortcuts, faults.

    [b]Examples[/b]

      gliascope audit kaggle-4class data/brain-tumor-mri-dataset -o audit
      gliascope audit folder data --split my.csv --strict
      gliascope audit kaggle-4class data/brain-tumor-mri-dataset --against figshare data/figshare --folds 5 -o audit
    """
    with Session(json=json, quiet=quiet, debug=debug) as session:
        from gliascope.workflow.audit import audit as examine

        found = examine(
            dataset,
            root,
            output,
            split=split,
            folds=folds,
            unique=unique,
            against=against,
            seed=seed,
            threads=threads,
            overwrite=overwrite,
            progress=session.progress,
        )
        session.warn(found["warnings"])
        leaking = any(own["leaking"] for own in found["counts"]["sides"].values())
        session.done(found, _audit_lines(found, output), code=3 if strict and leaking else 0)


def _audit_lines(found: dict[str, Any], output: Path | None) -> Iterator[str]:
    counts = found["counts"]
    yield f"{counts['read']} of {counts['cases']} cases read, {counts['contents']} different contents"
    yield f"judged: {found['split'] or 'no split'}"
    for side, own in counts["sides"].items():
        kinds = ", ".join(f"{kind} {number}" for kind, number in own["kinds"].items())
        shown = f" ({kinds})" if kinds else ""
        yield f"  {side}: {own['leaking']} of {own['cases']} have a copy or their patient on an earlier side{shown}"
    yield f"contents under several classes: {counts['label_conflicts']}"
    for shortcut in found["shortcuts"]:
        accuracy, chance = shortcut["balanced_accuracy"], shortcut["chance"]
        yield f"shortcut: {shortcut['fact']} alone guesses {accuracy:.0%} of the classes right (chance {chance:.0%})"
    yield "faults: " + (", ".join(f"{code} {number}" for code, number in counts["faults"].items()) or "none")
    if found["against"]:
        yield f"in the other data set too: {counts['against']} cases"
    if output is not None:
        yield f"open {output / 'report.html'}"
