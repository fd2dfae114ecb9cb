"""What every benchmark shares: medians of several runs, whole processes with their memory, a table and a JSON file."""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gliascope.errors import GliascopeError
from gliascope.files import atomic
from gliascope.workflow.provenance import machine, made

GLIASCOPE = (sys.executable, "-c", "from gliascope.cli import main; main()")
"""The command line of the interpreter that runs the benchmark."""


@dataclass(frozen=True)
class Timing:
    """How long one way takes.

    Args:
        name: The way, in words.
        wall_s: Median of the wall-clock seconds.
        cpu_s: Median of the seconds of all CPU cores together; None where it was not measured.
        runs_s: Wall-clock seconds of every run.
        peak_mb: Resident memory at its peak, of a process of its own.
        items: Things done in one run.
        unit: What they are called.
        note: What a reader must know, such as that the figure is an estimate.
    """

    name: str
    wall_s: float
    cpu_s: float | None = None
    runs_s: tuple[float, ...] = ()
    peak_mb: float | None = None
    items: int = 1
    unit: str = ""
    note: str = ""


def measured(
    name: str,
    work: Callable[[], object],
    repeats: int,
    *,
    items: int = 1,
    unit: str = "",
    note: str = "",
    warm: bool = True,
) -> Timing:
    """Run ``work`` once to warm up, unless that would take minutes, then ``repeats`` times."""
    if warm:
        work()
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return Timing(
        name, statistics.median(walls), statistics.median(cpus), tuple(walls), items=items, unit=unit, note=note
    )


def measured_process(
    name: str, command: Sequence[str], repeats: int, *, items: int = 1, unit: str = "", note: str = ""
) -> Timing:
    """Run a command ``repeats`` times after one warm-up, from process start to its end.

    Raises:
        SystemExit: The command fails.
    """
    runs = [_process(command) for _ in range(repeats + 1)][1:]
    walls = tuple(wall for wall, _, _ in runs)
    return Timing(
        name,
        statistics.median(walls),
        statistics.median(cpu for _, cpu, _ in runs),
        walls,
        max(peak for _, _, peak in runs),
        items,
        unit,
        note,
    )


def _process(command: Sequence[str]) -> tuple[float, float, float]:
    """Return wall seconds, CPU seconds and peak memory in MB of one command."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            sys.exit(f"error: {' '.join(command)} failed: {said.read().decode(errors='replace').strip()}")
    kilo = 1 if sys.platform == "darwin" else 1024
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss * kilo / 1e6


@dataclass
class Benchmark:
    """What one script measures, told as a table and as JSON.

    Args:
        title: The subject.
        against: Name of the timing that the ratios are of; the first where empty.
    """

    title: str
    against: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    timings: list[Timing] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def add(self, timing: Timing) -> Timing:
        """Take in one way and say it at once."""
        self.timings.append(timing)
        print(f"{timing.name}: {_seconds(timing.wall_s)}", file=sys.stderr, flush=True)
        return timing

    def skip(self, text: str) -> None:
        """Note what cannot be measured here."""
        self.skipped.append(text)
        print(f"skipped: {text}", file=sys.stderr, flush=True)

    def as_json(self) -> dict[str, Any]:
        """Return all that was measured."""
        return {
            "title": self.title,
            "machine": machine(),
            "libraries": {name: _version(name) for name in ("numpy", "openvino", "torch", "monai")},
            "load_average": os.getloadavg()[0],
            "facts": self.facts,
            "timings": [asdict(timing) for timing in self.timings],
            "skipped": self.skipped,
            **made(),
        }

    def table(self) -> str:
        """Return a Markdown table; the ratio says how many times as long as the way compared with."""
        base = next((timing for timing in self.timings if timing.name == self.against), self.timings[0])
        lines = [f"## {self.title}", "", f"{machine()}; load {os.getloadavg()[0]:.1f} (1 is one busy core)", ""]
        lines += [f"- {name}: {value}" for name, value in self.facts.items()]
        lines += ["", "| way | wall | CPU | rate | peak memory | ratio | |", "|---|---|---|---|---|---|---|"]
        for own in self.timings:
            rate = f"{own.items / own.wall_s:.1f} {own.unit}/s" if own.unit else ""
            each, of = own.wall_s / own.items, base.wall_s / base.items
            cells = (
                own.name,
                _seconds(own.wall_s),
                "" if own.cpu_s is None else _seconds(own.cpu_s),
                rate,
                "" if own.peak_mb is None else f"{own.peak_mb:.0f} MB",
                f"{each / of:.2f}",
                own.note,
            )
            lines.append(f"| {' | '.join(cells)} |")
        lines += ["", *(f"Skipped: {text}" for text in self.skipped)]
        return "\n".join(lines).rstrip()

    def deliver(self, output: Path | None) -> None:
        """Print the table, and write the JSON where asked for."""
        print(self.table())
        if output is not None:
            atomic.write_json(output, self.as_json())


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser with the options that all scripts share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--repeats", type=int, default=3, help="runs; the median counts")
    return parser


def run(main: Callable[[Sequence[str] | None], None]) -> None:
    """Run a script's ``main``; an error of ours is one line."""
    try:
        main(None)
    except GliascopeError as fault:
        sys.exit(f"error: {fault}")


def _seconds(value: float) -> str:
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
