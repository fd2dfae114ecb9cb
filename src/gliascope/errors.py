"""Every error a caller can act on, and the notices that travel with a result.

One tree, one exit code per branch::

    GliascopeError            1  (an internal fault unless a branch below says otherwise)
    ├── UsageError            2  the call does not fit the command
    ├── InputError            3  a file or folder cannot be used
    │   ├── GeometryError     3  shapes, affines or spacings contradict
    │   └── LabelError        3  label values do not fit the scheme
    ├── ConfigError           4  a recipe or a setting is wrong
    ├── ModelError            4  a model folder is wrong
    ├── MachineError          5  disk, memory, permission, device, missing extra
    └── PartialError          6  part of a batch is done; the failures are listed
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Notice:
    """A warning that travels with the data into JSON and onto the page.

    ``code`` starts with ``W_``; ``file`` is a path relative to the input, or empty.
    """

    code: str
    file: str
    text: str

    def as_json(self) -> dict[str, str]:
        """Return the ``warnings`` entry of every result JSON."""
        return {"code": self.code, "file": self.file, "text": self.text}


class GliascopeError(Exception):
    """What went wrong, in which file, and what would work.

    Args:
        cause: One sentence without a final stop: what is wrong and what was given.
        file: The file or folder at fault, if there is one.
        hint: One sentence with its final stop: what would work.
        code: Stable identifier, ``E_…``; each branch has a default.
    """

    exit_code = 1
    default_code = "E_INTERNAL"

    def __init__(self, cause: str, *, file: str | Path | None = None, hint: str = "", code: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.file = "" if file is None else str(file)
        self.hint = hint
        self.code = code or self.default_code

    def __str__(self) -> str:
        where = f"{self.file}: " if self.file else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{where}{self.cause}.{hint} [{self.code}]"

    def as_json(self) -> dict[str, dict[str, str]]:
        """Return the object that ``--json`` prints instead of a result."""
        return {"error": {"code": self.code, "file": self.file, "cause": self.cause, "hint": self.hint}}


class UsageError(GliascopeError):
    """The call does not fit the command (exit 2)."""

    exit_code = 2
    default_code = "E_USAGE"


class InputError(GliascopeError):
    """A file or folder cannot be used (exit 3)."""

    exit_code = 3
    default_code = "E_INPUT"


class GeometryError(InputError):
    """Shapes, affines or spacings contradict each other or are impossible (exit 3)."""

    default_code = "E_GEOMETRY"


class LabelError(InputError):
    """Label values do not fit the scheme, or fit more than one (exit 3)."""

    default_code = "E_LABEL"


class ConfigError(GliascopeError):
    """A recipe or a setting is wrong (exit 4)."""

    exit_code = 4
    default_code = "E_CONFIG"


class ModelError(GliascopeError):
    """A model folder is incomplete, changed, or does not fit the input (exit 4)."""

    exit_code = 4
    default_code = "E_MODEL"


class MachineError(GliascopeError):
    """Disk, memory, permission, device or a missing extra (exit 5)."""

    exit_code = 5
    default_code = "E_MACHINE"


class PartialError(GliascopeError):
    """Part of a batch is done; the message lists what failed (exit 6)."""

    exit_code = 6
    default_code = "E_PARTIAL"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it belongs.

    Example:
        >>> counted(1, "channel"), counted(3, "channel")
        ('1 channel', '3 channels')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
