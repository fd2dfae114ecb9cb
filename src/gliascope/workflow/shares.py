"""Many pictures in shares: one process per core beside this one, each with models of its own.

A picture costs more Python than arithmetic, and Python runs in one thread at a time; so processes, not threads, keep
the cores busy. A share starts with the same call (inputs and options), finds the same cases and takes every n-th.

What a share does not finish, because a picture fails or the process ends early, is left to the caller, who does it
again and so learns why.
"""

import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any

import psutil

from gliascope.case import Case, Picture
from gliascope.errors import Notice
from gliascope.inference.backends import gpu_usable
from gliascope.workflow.predict_options import PredictOptions
from gliascope.workflow.predict_stages import Done, Kept
from gliascope.workflow.prediction import FACTS_FILE

FEWEST = 50
"""Pictures that make up for the second which a process needs to start."""
BYTES_EACH = 2**30
"""Memory that a process may take; at most half as much was seen with the models that ship."""


@dataclass(frozen=True)
class Call:
    """What a share is told, as one line of JSON on its standard input.

    Args:
        inputs: As given to ``predict_batch``.
        output: Where each case gets its folder.
        options: How to predict, with the threads of one share.
        overwrite: Replace earlier results.
        number: Which share this is, from 0.
        of: Shares in all.
    """

    inputs: tuple[str, ...]
    output: str
    options: PredictOptions
    overwrite: bool
    number: int = 0
    of: int = 1

    def as_line(self) -> str:
        """Return the line."""
        return json.dumps(asdict(self), default=str) + "\n"

    @classmethod
    def of_line(cls, line: str) -> "Call":
        """Read the line."""
        tree = json.loads(line)
        options: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in tree["options"].items()
        }
        return cls(**{**tree, "inputs": tuple(tree["inputs"]), "options": PredictOptions(**options)})

    def split(self, shares: int) -> list["Call"]:
        """Return one call per share; each gets its part of the threads."""
        options = replace(self.options, threads=max(1, _threads(self.options) // shares))
        return [replace(self, options=options, number=number, of=shares) for number in range(shares)]


def shares_of(work: Sequence[tuple[Case, Path]], options: PredictOptions) -> int:
    """Return into how many shares the work goes: 1 where it is not only pictures, or few, or a GPU answers."""
    if options.device.startswith("cuda") or (options.device == "auto" and gpu_usable()):
        return 1
    if not all(isinstance(case.source, Picture) for case, _ in work):
        return 1
    fitting = int(psutil.virtual_memory().available) // BYTES_EACH
    return max(1, min(_threads(options), len(work) // FEWEST, fitting))


@dataclass
class Shares:
    """The processes of one call; they run while ``results`` is being read.

    Args:
        call: The whole call.
        number: How many shares.
        notices: Which of them ended early, afterwards.
    """

    call: Call
    number: int
    notices: list[Notice] = field(default_factory=list)

    def results(self) -> Generator[Done | Kept, None, None]:
        """Yield every case that a share has finished, as they come. Leaving early stops the processes."""
        lines: SimpleQueue[str] = SimpleQueue()
        with ExitStack() as stack:
            running = [stack.enter_context(_process(call, lines)) for call in self.call.split(self.number)]
            _keep_apart(running)
            open_streams = len(running)
            while open_streams:
                line = lines.get()
                if not line:
                    open_streams -= 1
                elif (result := self._result(json.loads(line))) is not None:
                    yield result
            codes = [process.wait() for process in running]
        for code in codes:
            if code:
                text = (
                    f"A process that predicted beside this one ended early (exit code {code}); the rest was done here."
                )
                self.notices.append(Notice("W_PROCESS", "", text))

    def _result(self, told: Mapping[str, str]) -> Done | Kept | None:
        if told["state"] not in ("done", "kept"):
            return None
        facts: dict[str, Any] = json.loads((Path(self.call.output) / told["case"] / FACTS_FILE).read_text())
        return Done(facts, None) if told["state"] == "done" else Kept(facts)


@contextmanager
def _process(call: Call, lines: "SimpleQueue[str]") -> Iterator[subprocess.Popen[str]]:
    """Start the process of one share, which does not outlive the block; what it says goes to ``lines``."""
    threads = {f"{library}_NUM_THREADS": str(call.options.threads) for library in ("OMP", "OPENBLAS")}
    process = subprocess.Popen(
        [sys.executable, "-m", "gliascope.workflow.share_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **threads},
    )
    listener = Thread(target=_passed_on, args=(process.stdout, lines), daemon=True)
    listener.start()
    with process:
        try:
            _tell(process.stdin, call.as_line())
            yield process
        finally:
            process.terminate()  # nothing where it has ended
            listener.join()


def _keep_apart(running: Sequence[subprocess.Popen[str]]) -> None:
    """Give each process a core of its own, where they are as many as the cores and the system can.

    The threads of one process take turns; spread over cores they would wait for each other's caches.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == len(running):
        for process, core in zip(running, cores, strict=True):
            with suppress(ProcessLookupError):  # it has ended already, which its exit code tells
                os.sched_setaffinity(process.pid, {core})


def _tell(stream: IO[str] | None, line: str) -> None:
    """Write the one line; a process that has ended already is noticed by its exit code."""
    if stream is not None:
        with suppress(BrokenPipeError):
            stream.write(line)
            stream.close()


def _passed_on(stream: IO[str] | None, lines: "SimpleQueue[str]") -> None:
    """Pass every line on; at the end, an empty one."""
    for line in stream or ():
        lines.put(line)
    lines.put("")


def _threads(options: PredictOptions) -> int:
    return options.threads or os.cpu_count() or 1
