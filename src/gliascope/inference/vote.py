"""Several classifiers as one: each names a class, and the class that most of them name is the answer."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gliascope.checkpoint import SystemFolder
from gliascope.errors import GliascopeError, ModelError
from gliascope.inference.answers import Classification, MemberVote, Segmentation, tried
from gliascope.inference.predictor import Predictor
from gliascope.inference.sliding_window import Progress
from gliascope.scan import Scan


@dataclass(frozen=True)
class Vote:
    """Classifiers that are ready to vote.

    Args:
        folder: The system folder.
        members: At least two classifiers of the same classes, each a model or a vote.

    Raises:
        ModelError: The members do not tell the same classes apart, or read images of different dimensions.
    """

    folder: SystemFolder
    members: "tuple[Predictor | Vote, ...]"

    def __post_init__(self) -> None:
        first = self.members[0]
        for member in self.members[1:]:
            name = member.folder.facts.name
            if set(member.outputs) != set(first.outputs):
                cause = f"lets '{name}' vote on {', '.join(member.outputs)} with others on {', '.join(first.outputs)}"
                raise ModelError(cause, file=self.folder.path, hint="Voters share their classes.", code="E_MEMBERS")
            if member.dimensions != first.dimensions:
                cause = f"lets '{name}', which reads {member.dimensions}-D images, vote with others"
                raise ModelError(cause, file=self.folder.path, hint="Voters read one kind of image.", code="E_MEMBERS")

    @property
    def outputs(self) -> tuple[str, ...]:
        """The classes, in the order of the first member."""
        return self.members[0].outputs

    @property
    def dimensions(self) -> int:
        """Spatial axes of what the members read."""
        return self.members[0].dimensions

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels of the scan that the members read, by name, each once."""
        return tuple(dict.fromkeys(name for member in self.members for name in member.channels))

    def predict(self, scan: Scan, *, progress: Progress | None = None) -> Classification:
        """Return the class that most members name, with the mean of their probabilities.

        Of classes named equally often the one with the highest mean probability wins. A member that abstains names
        none; where all abstain, the vote does, and also where the gates of most of them say that this is no brain
        MRI. The mean of the probabilities may be highest for another class than
        the one that most members name: a vote counts heads, not how sure they are.

        Args:
            scan: Any scan that every member takes.
            progress: Told how many members are done.

        Raises:
            GliascopeError: A member cannot answer; the message names it.
        """
        answers = []
        for number, member in enumerate(self.members):
            answers.append(_answer(member, tried(member.predict, scan)))
            if progress is not None:
                progress(number + 1, len(self.members))
        return self._counted(answers)

    def predict_all(self, scans: Sequence[Scan]) -> list[Classification | GliascopeError]:
        """Return the vote on each of several scans, or the error that ``predict`` would raise for it."""
        given = [member.predict_all(scans) for member in self.members]

        def one(number: int) -> Classification:
            each = zip(self.members, given, strict=True)
            return self._counted([_answer(member, answers[number]) for member, answers in each])

        return [tried(one, number) for number in range(len(scans))]

    def _counted(self, answers: Sequence[Classification]) -> Classification:
        probabilities = mean_probabilities([answer.probabilities for answer in answers], self.outputs)
        foreign = [answer.reason for answer in answers if answer.foreign]
        is_foreign = 2 * len(foreign) > len(answers)
        label = None if is_foreign else majority([answer.label for answer in answers], probabilities)
        reason = foreign[0] if is_foreign else "No member of the vote names a class." if label is None else ""
        return Classification(
            label,
            probabilities,
            abstained=label is None,
            reason=reason,
            raw=mean_probabilities([answer.raw for answer in answers], self.outputs),
            timing_s=total_timing(answer.timing_s for answer in answers),
            notices=tuple(dict.fromkeys(notice for answer in answers for notice in answer.notices)),
            votes=tuple(
                MemberVote(member.folder.facts.name, answer.label, dict(answer.probabilities))
                for member, answer in zip(self.members, answers, strict=True)
            ),
            foreign=is_foreign,
        )


def majority(labels: Sequence[str | None], probabilities: Mapping[str, float]) -> str | None:
    """Return the class named most often; of several the one with the highest probability.

    Args:
        labels: What each voter names; None: nothing.
        probabilities: By class; the order of the classes decides between equal ones.

    Returns:
        A class, or None where nobody names one.

    Example:
        >>> majority(["glioma", "no_tumor", None], {"glioma": 0.4, "no_tumor": 0.6})
        'no_tumor'
    """
    counts = Counter(label for label in labels if label is not None)
    if not counts:
        return None
    most = max(counts.values())
    return max((name for name in probabilities if counts[name] == most), key=lambda name: probabilities[name])


def mean_probabilities(answers: Sequence[Mapping[str, float]], classes: Sequence[str]) -> dict[str, float]:
    """Return the mean of several answers' probabilities, by class."""
    return {name: sum(answer[name] for answer in answers) / len(answers) for name in classes}


def total_timing(timings: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Add up seconds by stage."""
    total: dict[str, float] = {}
    for timing in timings:
        for stage, seconds in timing.items():
            total[stage] = total.get(stage, 0.0) + seconds
    return total


def _answer(member: Predictor | Vote, given: Segmentation | Classification | GliascopeError) -> Classification:
    """Return what a member answered; its error names it."""
    name = member.folder.facts.name
    if isinstance(given, GliascopeError):
        asked = f" (asked by '{name}')"
        if not given.cause.endswith(asked):  # pictures of one pass share its error
            given.cause += asked
        raise given
    if not isinstance(given, Classification):
        raise ModelError(f"'{name}' gives masks, not classes", code="E_MEMBERS")
    return given
