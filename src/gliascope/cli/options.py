"""The options that commands share, each written once."""

from pathlib import Path
from typing import Annotated

import typer

from gliascope.errors import UsageError

COMMON = "Common options"

Json = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="FILE",
        help="Write the result as JSON (an older one is replaced); - for stdout.",
        rich_help_panel=COMMON,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no text.", rich_help_panel=COMMON)]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.", rich_help_panel=COMMON)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.", rich_help_panel=COMMON)]
Device = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda[:N]", help="Where to compute.", rich_help_panel=COMMON)
]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="CPU threads; default: all cores.", rich_help_panel=COMMON)
]
Backend = Annotated[
    str, typer.Option("--backend", metavar="auto|openvino|torch", help="What runs the network.", rich_help_panel=COMMON)
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="The folder to write.")]
Scheme = Annotated[
    str | None, typer.Option("--scheme", help="What the label numbers mean: msd, brats2017, brats2023, …")
]
Channels = Annotated[
    str | None, typer.Option("--channels", metavar="NAME,…", help="Names of a file's channels, in its order.")
]
Spacing = Annotated[
    str | None, typer.Option("--spacing", metavar="MM,…", help="Voxel size of pictures per axis, in mm.")
]
Fold = Annotated[
    str | None,
    typer.Option("--fold", metavar="K|K,K,…|all", help="Fold of a split with folds, from 1; several; or every fold."),
]
NoStack = Annotated[bool, typer.Option("--no-stack", help="Take every folder of pictures as a batch.")]


def names(text: str | None, *, option: str = "--channels") -> tuple[str, ...] | None:
    """Split ``a,b,c`` into names.

    Raises:
        UsageError: One is empty.
    """
    if text is None:
        return None
    parts = tuple(part.strip() for part in text.split(","))
    if not all(parts):
        raise UsageError(f"{option} takes names; got '{text}'", hint="Write them like t1n,t1c,t2w,t2f.")
    return parts


def millimeters(text: str | None) -> tuple[float, ...] | None:
    """Split ``0.5,0.5,5`` into two or three positive numbers.

    Raises:
        UsageError: They are not.
    """
    if text is None:
        return None
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) not in (2, 3) or not all(0 < value < 1000 for value in values):
        cause = f"--spacing takes two or three sizes in mm above 0 and below 1000; got '{text}'"
        raise UsageError(cause, hint="Write them like 0.5,0.5,5.")
    return values


def final_fold(text: str | None) -> str | int | None:
    """Return ``all`` or the number of a fold.

    Raises:
        UsageError: It is neither.
    """
    if text is None or text == "all":
        return text
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--final takes all or a number from 1; got '{text}'", hint="Write --final all.")
    return int(text)


def fold_numbers(text: str | None) -> tuple[int, ...] | None:
    """Return the numbers of folds: none of ``all``, one of ``K``, several of ``K,K``; None where nothing is asked.

    Raises:
        UsageError: One is no number from 1, or stands twice.
    """
    if text is None or text == "all":
        return None if text is None else ()
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) >= 1 for part in parts) or len(set(parts)) < len(parts):
        cause = f"--fold takes numbers from 1, each once, or all; got '{text}'"
        raise UsageError(cause, hint="Write --fold 2, --fold 1,2,3 or --fold all.")
    return tuple(int(part) for part in parts)
