"""What the outputs of the trained network stand for."""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["label", "classes", "regions"]
"""``label``: one class per image. ``classes``: one class per voxel (softmax). ``regions``: 0/1 per region (sigmoid)."""


@dataclass(frozen=True)
class Outputs:
    """Mode and names of the outputs, in the order of the network's channels.

    Example:
        >>> Outputs("classes", ("background", "NCR", "ED", "ET")).foreground
        ('NCR', 'ED', 'ET')
    """

    mode: Mode
    names: tuple[str, ...]

    @property
    def foreground(self) -> tuple[str, ...]:
        """Names of the outputs that are scored: all but the background."""
        return self.names[1:] if self.mode == "classes" else self.names
