"""What every command shares: messages, JSON, progress, exit codes.

Results go to stdout, everything else to stderr. With ``--json -`` stdout holds JSON alone.
"""

import os
import sys
import tempfile
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from gliascope.errors import GliascopeError, MachineError, Notice, UsageError
from gliascope.files import atomic

INTERRUPTED, TERMINATED = 130, 143
SHOWN_PER_CODE = 3
"""Warnings of one kind that are spelled out on the terminal."""


class Terminated(BaseException):
    """SIGTERM arrived; like KeyboardInterrupt, it passes every ``except Exception``."""


class Session:
    """One command from parsed options to exit code; a context manager.

    Inside the block, raise any ``GliascopeError``; on leaving, it becomes a message and an exit code.

    Args:
        json: Where the result goes as JSON: a file, ``-`` for stdout, or None.
        quiet: No progress, no text result.
        debug: Show tracebacks.
    """

    def __init__(self, *, json: str | None, quiet: bool, debug: bool) -> None:
        self.json = json
        self.quiet = quiet
        self.debug = debug
        self.stderr = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bars: Progress | None = None
        self._stages: dict[str, Any] = {}

    def __enter__(self) -> Self:
        target = Path(self.json or "-")
        if self.json not in (None, "-") and target.is_file() and target.read_bytes()[:1] not in (b"{", b""):
            # An older result may be replaced; a scan or a recipe that was named by mistake may not.
            fault = UsageError("holds no JSON, and --json would replace it", file=target, hint="Name another file.")
            self.json = None
            raise typer.Exit(self.report(fault))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_bars()
        if fault is None or isinstance(fault, typer.Exit):
            return
        if self.debug:
            traceback.print_exception(kind, fault, trace, file=sys.stderr)
        raise typer.Exit(self.report(fault)) from None

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is; a bar with ETA on a terminal, nothing elsewhere."""
        if self.quiet or not self.stderr.is_terminal:
            return
        if self._bars is None:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
            self._bars = Progress(*columns, *times, console=self.stderr)
            self._bars.start()
        if stage not in self._stages:
            self._stages[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._stages[stage], completed=done, total=total)

    def warn(self, notices: Iterable[Notice | dict[str, str]]) -> None:
        """Print each different notice once on stderr, the first few of every code; the JSON holds all."""
        by_code: dict[str, list[str]] = {}
        for notice in notices:
            facts = notice.as_json() if isinstance(notice, Notice) else notice
            where = f"{facts['file']}: " if facts["file"] else ""
            lines = by_code.setdefault(facts["code"], [])
            line = f"warning: {where}{facts['text']} [{facts['code']}]"
            if line not in lines:
                lines.append(line)
        for code, lines in by_code.items():
            for line in lines[:SHOWN_PER_CODE]:
                self.say(line)
            if len(lines) > SHOWN_PER_CODE:
                self.say(f"warning: {len(lines) - SHOWN_PER_CODE} more of this kind [{code}]")

    def say(self, line: str) -> None:
        """Print one line on stderr, control characters made visible."""
        self._stop_bars()
        self.stderr.print(printable(line), markup=False)

    def done(self, result: dict[str, Any], text: str | Iterable[str], *, code: int = 0) -> None:
        """Deliver the result: JSON where asked for, else text on stdout; then leave with ``code``."""
        self._stop_bars()
        if self.json is not None:
            self._write_json(result)
        if self.json != "-" and not self.quiet:
            for line in [text] if isinstance(text, str) else text:
                typer.echo(printable(line))
        if code:
            raise typer.Exit(code)

    def _write_json(self, tree: dict[str, Any]) -> None:
        if self.json == "-":
            typer.echo(atomic.json_text(tree))
        elif self.json is not None:
            atomic.write_json(Path(self.json), tree)

    def report(self, fault: BaseException) -> int:
        """Say what happened and return the exit code."""
        if isinstance(fault, KeyboardInterrupt | Terminated):
            word, code = (
                ("interrupted", INTERRUPTED) if isinstance(fault, KeyboardInterrupt) else ("terminated", TERMINATED)
            )
            stopped = GliascopeError(word, hint="Everything finished so far is kept.", code="E_STOPPED")
            self.say(f"{word}: everything finished so far is kept.")
            self._write_error(stopped)
            return code
        if isinstance(fault, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        known = fault if isinstance(fault, GliascopeError) else self._unexpected(fault)
        self.say(f"error: {known}")
        self._write_error(known)
        return known.exit_code

    def _write_error(self, fault: GliascopeError) -> None:
        """Put the error where the result would have gone, so that no older result is taken for this one."""
        try:
            if self.json is not None:
                self._write_json(fault.as_json())
        except (GliascopeError, OSError) as second:
            self.say(f"error: {second}")

    def _unexpected(self, fault: BaseException) -> GliascopeError:
        if isinstance(fault, MemoryError):
            return MachineError("out of memory", hint="Close other programs or use a smaller input.", code="E_MEMORY")
        if isinstance(fault, OSError):
            return MachineError(str(fault.strerror or fault), file=fault.filename, code="E_SYSTEM")
        handle, log = tempfile.mkstemp(prefix="gliascope-", suffix=".log")
        with os.fdopen(handle, "w") as file:
            file.write("".join(traceback.format_exception(fault)))
        hint = f"The details are in {log}; please report them."
        return GliascopeError(f"internal fault ({type(fault).__name__})", hint=hint)

    def _stop_bars(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars, self._stages = None, {}


def printable(line: str) -> str:
    """Return the line with control characters (newlines, escape codes) spelled out; tabs stay."""
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in line)
