"""Where a result comes from: code version, machine, data."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

from gliascope.case import Case


@cache
def code_version() -> str:
    """Return the package version, with the commit where the code is a git checkout (``+dirty`` if changed)."""
    here = Path(__file__).parent
    git = ["git", "-C", str(here)]
    try:
        commit = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        # Another project's checkout around an installed package is not ours.
        own = subprocess.run([*git, "ls-files", "--error-unmatch", str(here)], capture_output=True, check=False)
        changes = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return version("gliascope")
    if own.returncode:
        return version("gliascope")
    return f"{version('gliascope')} {commit.stdout.strip()}{'+dirty' if changes.stdout.strip() else ''}"


def machine() -> str:
    """Return the machine in words: processor, cores, system."""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def data_hash(cases: Iterable[Case]) -> str:
    """Return one SHA-256 over the content of all cases, independent of their order and place on disk."""
    digest = hashlib.sha256()
    for line in sorted(f"{case.id} {case.content_hash()}" for case in cases):
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def made() -> dict[str, str]:
    """Return when and by which version a result was made."""
    return {"created": datetime.now(UTC).isoformat(timespec="seconds"), "gliascope_version": code_version()}
