"""What a preprocessing step gets, and what it gives back.

A step is one small frozen settings class with a ``name`` tag. It gets a ``Frame`` and returns one:

- a step that changes *values* writes into ``frame.array`` (the plan owns it: nothing is copied) and returns the frame;
- a step that changes the *grid* decides on a ``Window`` or a ``Zoom`` and returns ``frame.moved(move)``.

The moves that a frame has gathered are the record of what was done. Labels follow and probabilities return by replaying
that record, so a step never implements its own inverse and cannot get it wrong.

To add a step: write the class in ``intensity.py`` or ``spatial.py`` and add it to the union at the end of that file.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gliascope.preprocess.moves import Move


@dataclass(frozen=True, eq=False)
class Frame:
    """An image on its way through a plan.

    Args:
        array: Intensities, float32, shape ``(C, *S)``; belongs to the plan, steps may write into it.
        spacing_mm: Voxel size of the axes ``S`` in mm, or None where unknown.
        head: Mask of the head, shape ``S``; None unless a step of the plan needs it.
        moves: How the grid has changed so far.
    """

    array: NDArray[np.float32]
    spacing_mm: tuple[float, ...] | None
    head: NDArray[np.bool_] | None = None
    moves: tuple[Move, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels per axis, channels left out."""
        return self.array.shape[1:]

    def moved(self, move: Move, *, fill: float = 0.0) -> "Frame":
        """Return the frame on the new grid: image, head and spacing moved, the move kept."""
        return replace(
            self,
            array=move.image(self.array, fill=fill),
            spacing_mm=None if self.spacing_mm is None else move.spacing(self.spacing_mm),
            head=None if self.head is None else move.labels(self.head),
            moves=(*self.moves, move),
        )


class PreprocessStep(Protocol):
    """One step of a plan; the module docstring tells how to write one."""

    @property
    def needs_head(self) -> bool:
        """True where ``apply`` reads ``frame.head``."""

    def apply(self, frame: Frame) -> Frame:
        """Return the frame after the step."""
