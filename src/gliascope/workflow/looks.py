"""How often the cases of a run have been scored: every look at a test set that changes a decision wears it out."""

import fcntl
import json
import os
from pathlib import Path

from gliascope.errors import Notice
from gliascope.workflow.provenance import made
from gliascope.workflow.run_folder import LOOKS_FILE


def record_look(run: Path, split: str, protocol: str) -> tuple[int, tuple[Notice, ...]]:
    """Append one line (JSON: time, code version, part, protocol) to the run's list of looks.

    The file is locked while it is read and written, so that several processes may score one run.

    Args:
        run: The run folder.
        split: The part that was scored.
        protocol: By which rules.

    Returns:
        How often that part was scored, this time included, and a notice where the line could not be written.
    """
    path = run / LOOKS_FILE
    line = json.dumps({**made(), "split": split, "protocol": protocol})
    try:
        with path.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            before = file.read()
            file.write("\n" * (before[-1:] not in ("", "\n")) + line + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as fault:
        text = f"This look at the {split} cases could not be recorded ({fault.strerror})."
        return _looks(_known(path), split) + 1, (Notice("W_LOOK_NOT_RECORDED", LOOKS_FILE, text),)
    return _looks(before, split) + 1, ()


def _known(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _looks(text: str, split: str) -> int:
    """Count the looks at a part; a damaged line was a look at who knows what, and counts."""
    return sum(_part(line) in (split, None) for line in text.splitlines() if line.strip())


def _part(line: str) -> str | None:
    try:
        return str(json.loads(line)["split"])
    except (ValueError, KeyError, TypeError):
        return None
