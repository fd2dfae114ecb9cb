"""The command line: parse, call the workflow, print.

To add a command: write ``workflow/<verb>.py``, add a function here that calls it inside a ``Session``.
"""

import signal
import sys
import warnings
from itertools import pairwise
from types import FrameType
from typing import Annotated, NoReturn

import typer

from gliascope.cli import compare, data, explain, lists, predict, reproduce, train
from gliascope.cli.session import INTERRUPTED, Session, Terminated
from gliascope.errors import UsageError
from gliascope.intended_use import SHORT

app = typer.Typer(
    name="gliascope",
    help=f"Brain-tumor MRI: classify, segment, measure and report.\n\n{SHORT}",
    epilog="Start with:  gliascope demo -o demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

for panel, commands in {
    "Start": (train.demo, lists.doctor),
    "Use a model": (predict.predict, predict.check, explain.explain, predict.export, lists.models),
    "Data": (lists.datasets, data.explore, data.audit),
    "Train and compare": (
        lists.recipes,
        lists.networks,
        train.train,
        train.evaluate,
        compare.compare,
        reproduce.reproduce,
    ),
}.items():
    for command in commands:
        app.command(rich_help_panel=panel, no_args_is_help=command not in lists.WITHOUT_ARGUMENTS)(command)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version as installed

        typer.echo(f"gliascope {installed('gliascope')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Handle the options before a command."""
    del version  # its callback has run: the body of a group is only reached with a command


# typer keeps its command-line library private; the parent of its public BadParameter is the parse error.
PARSE_ERROR: type[Exception] = typer.BadParameter.__bases__[0]


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one command and exit with its code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    signal.signal(signal.SIGTERM, _terminate)
    # Pillow says what it finds odd as Python warnings; what matters of it is a notice or an error of ours.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        code = app(arguments, standalone_mode=False, prog_name="gliascope")
    except PARSE_ERROR as fault:
        code = _usage_fault(str(fault.format_message() if hasattr(fault, "format_message") else fault), arguments)
    except typer.Exit as leave:
        code = leave.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    sys.exit(code or 0)


def _usage_fault(message: str, arguments: list[str]) -> int:
    target = next((b for a, b in pairwise(arguments) if a == "--json"), None)
    if not message:
        return UsageError.exit_code  # no arguments at all: the help was shown
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    command = f" {arguments[0]}" if arguments and arguments[0] in known else ""
    cause, _, guess = message.strip().removeprefix("Invalid value: ").partition(" Did you mean ")
    hint = f"Did you mean {guess} " if guess else ""
    fault = UsageError(cause.rstrip("."), hint=f"{hint}See gliascope{command} --help.")
    return Session(json=target, quiet=False, debug=False).report(fault)


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated
