"""Commands that need PyTorch say so before anything else happens."""

from importlib.util import find_spec

from gliascope.errors import MachineError


def require_training(what: str = "training and export need") -> None:
    """Check that the ``train`` extra is installed.

    Args:
        what: The beginning of the sentence that says what is missing.

    Raises:
        MachineError: PyTorch or Lightning is missing; the hint is the command that installs them.
    """
    missing = [name for name in ("torch", "lightning") if find_spec(name) is None]
    if missing:
        cause = f"{what} {' and '.join(missing)}: not installed here"
        raise MachineError(cause, hint='Run: pip install "gliascope[train]".', code="E_EXTRA")
