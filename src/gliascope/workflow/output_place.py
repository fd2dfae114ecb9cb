"""Where a result may be written: never on a file, never into what is read."""

from collections.abc import Iterable
from pathlib import Path

from gliascope.errors import MachineError, UsageError


def check_outside(output: Path, inputs: Iterable[Path]) -> None:
    """Check that a folder can be written at ``output`` and lies in none of the inputs.

    Raises:
        MachineError: ``output`` is a file.
        UsageError: It lies inside an input.
    """
    if output.exists() and not output.is_dir():
        raise MachineError("is a file, not a folder", file=output, hint="Choose another -o.", code="E_OUTPUT")
    for path in inputs:
        if path.is_dir() and output.resolve().is_relative_to(path.resolve()):
            hint = "Inputs are never touched; choose a folder outside."
            raise UsageError(f"lies inside the input {path}", file=output, hint=hint, code="E_OUTPUT")
