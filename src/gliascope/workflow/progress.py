"""How a workflow tells its caller how far it is."""

from typing import Protocol


class ProgressCallback(Protocol):
    """Called with the stage's name, the items done and the items in all."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take note."""


def silent(stage: str, done: int, total: int) -> None:
    """Take no note; the default."""
