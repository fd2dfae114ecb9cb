"""What a model answers: a mask with its probabilities, or a class."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gliascope.errors import GliascopeError, Notice
from gliascope.preprocess.inside import Inside
from gliascope.scan import LabelMap

Array = NDArray[np.float32]
GivenT = TypeVar("GivenT")
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A mask and the probabilities it comes from.

    Args:
        label_map: Label numbers on the scan's grid; ``stored`` is the scan's.
        honest: The probabilities inside the head's box, float32, with the model's temperature.
        channels: Names of the K outputs.
        decided: The same before the temperature, from which the mask was decided; ``honest`` itself where there is
            none.
        timing_s: Seconds of ``preprocess``, ``infer`` and ``postprocess``.
        notices: What the preparation noticed, besides the scan's own notices.
    """

    label_map: LabelMap
    honest: Inside
    channels: tuple[str, ...]
    decided: Inside
    timing_s: Mapping[str, float]
    notices: tuple[Notice, ...] = ()

    @cached_property
    def probabilities(self) -> Array:
        """Shape ``(K, *S)`` on the scan's grid, with the temperature; made when it is first asked for."""
        return self.honest.whole()

    @cached_property
    def raw(self) -> Array:
        """The same before the temperature; the same array where there is none."""
        return self.probabilities if self.decided is self.honest else self.decided.whole()


@dataclass(frozen=True, eq=False)
class MemberVote:
    """What one member of a vote answered.

    Args:
        model: The member's name.
        label: The class it names; None when it abstained.
        probabilities: One per class, with the member's temperature.
    """

    model: str
    label: str | None
    probabilities: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Classification:
    """A class and the probabilities it comes from.

    Args:
        label: The most probable class, of a vote the one that most members name; None when abstained.
        probabilities: One per class, in the model's order, with the model's temperature; they add up to 1.
        abstained: True where no class is probable enough, or the image is no brain MRI.
        reason: Why it abstained; empty otherwise.
        raw: The probabilities before the temperature.
        timing_s: Seconds of ``preprocess``, ``infer`` and ``postprocess``.
        notices: What the preparation noticed, besides the scan's own notices.
        votes: What the members of a vote answered; empty for a single model.
        foreign: True where the gate abstained: this is no brain MRI, whatever the probabilities say.
    """

    label: str | None
    probabilities: Mapping[str, float]
    abstained: bool
    reason: str
    raw: Mapping[str, float]
    timing_s: Mapping[str, float] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    votes: tuple[MemberVote, ...] = ()
    foreign: bool = False


def tried(answer: Callable[[GivenT], AnswerT], given: GivenT) -> AnswerT | GliascopeError:
    """Return the answer, or the error as a value: of several scans one that fails does not stop the others."""
    try:
        return answer(given)
    except GliascopeError as fault:
        return fault
