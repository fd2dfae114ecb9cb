"""The process of one share: reads its ``Call`` from standard input, and says of every case what became of it."""

import json
import signal
import sys
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from gliascope.workflow.overlap import Overlap
from gliascope.workflow.predict_stages import Failed, Kept, Stages, size_of
from gliascope.workflow.predict_work import find_work
from gliascope.workflow.shares import Call


def run_share(call: Call, said: IO[str]) -> None:
    """Do every ``call.of``-th case; write a line of JSON for each: ``case``, and ``state`` done, kept or failed."""
    work, notices, _ = find_work(call.inputs, call.options)
    stages = Stages(call.options.answering(), call.options, Path(call.output), notices, overwrite=call.overwrite)
    own = work[call.number :: call.of]
    with closing(Overlap(stages.read, stages.answer, stages.write, size_of).run(own)) as results:
        for (case, _), result in zip(own, results, strict=True):
            state = "failed" if isinstance(result, Failed) else "kept" if isinstance(result, Kept) else "done"
            said.write(json.dumps({"case": case.id, "state": state}) + "\n")
            said.flush()


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)  # unwinds, so that no half-written folder stays


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair: it ends this process
    run_share(Call.of_line(sys.stdin.readline()), sys.stdout)
