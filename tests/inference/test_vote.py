"""Several classifiers as one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gliascope.checkpoint import ModelFolder, save_system
from gliascope.errors import GeometryError, ModelError
from gliascope.inference.cascade import Cascade, CascadeAnswer
from gliascope.inference.predictor import Classification, Predictor
from gliascope.inference.vote import Vote, majority, mean_probabilities
from gliascope.scan import Grid, Scan

CLASSES = ("glioma", "no_tumor")
Make = Callable[..., ModelFolder]


def picture(brightness: float) -> Scan:
    return Scan(np.full((1, 8, 8), brightness, np.float32), ("t2f",), Grid((8, 8)))


def voter(make_model: Make, name: str, classes: tuple[str, ...] = CLASSES, **facts: Any) -> ModelFolder:  # noqa: ANN401
    """Return a classifier that calls bright pictures by its first class and dark ones by its last."""
    return make_model(2, outputs=len(classes), task="classify", target=None, classes=classes, name=name, **facts)


def vote_of(folder: Path, *models: ModelFolder) -> Vote:
    system = save_system(folder, "tiny-vote", "vote", [("voter", model) for model in models])
    return Vote(system, tuple(Predictor(member.path, precision="fp32") for member in system.members))


def test_most_votes_win_and_probabilities_are_the_mean(make_model: Make, tmp_path: Path) -> None:
    contrary = voter(make_model, "contrary", CLASSES[::-1])
    vote = vote_of(tmp_path / "vote", voter(make_model, "one"), contrary, voter(make_model, "three"))
    told: list[tuple[int, int]] = []
    answer = vote.predict(picture(0.8), progress=lambda done, total: told.append((done, total)))
    assert answer.label == "glioma"
    assert [(each.model, each.label) for each in answer.votes] == [
        *(("one", "glioma"), ("contrary", "no_tumor"), ("three", "glioma")),
    ]
    for name in CLASSES:
        own = [each.probabilities[name] for each in answer.votes]
        assert answer.probabilities[name] == pytest.approx(np.mean(own))
    assert sum(answer.probabilities.values()) == pytest.approx(1.0)
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert vote.predict(picture(0.2)).label == "no_tumor"


def test_a_tie_goes_to_the_surer_side(make_model: Make, tmp_path: Path) -> None:
    sure, unsure = voter(make_model, "sure"), voter(make_model, "unsure", CLASSES[::-1], temperature=8.0)
    for order in ((sure, unsure), (unsure, sure)):
        vote = vote_of(tmp_path / order[0].facts.name, *order)
        assert vote.predict(picture(0.9)).label == "glioma"


def test_heads_are_counted_not_how_sure_they_are() -> None:
    answers = [{"a": 0.51, "b": 0.49}, {"a": 0.51, "b": 0.49}, {"a": 0.01, "b": 0.99}]
    mean = mean_probabilities(answers, ("a", "b"))
    assert max(mean, key=lambda name: mean[name]) == "b"
    assert majority(["a", "a", "b"], mean) == "a"
    assert majority([None, "b", None], mean) == "b"
    assert majority([None, None], mean) is None
    assert majority(["a", "b"], {"b": 0.5, "a": 0.5}) == "b", "the order of the classes decides at last"


def test_members_that_abstain_do_not_vote(make_model: Make, tmp_path: Path) -> None:
    shy: dict[str, Any] = {"inference": {"abstain_below": 0.99}}
    contrary = voter(make_model, "contrary", CLASSES[::-1])
    vote = vote_of(tmp_path / "a", voter(make_model, "x", **shy), voter(make_model, "y", **shy), contrary)
    answer = vote.predict(picture(0.55))
    assert answer.label == "no_tumor"
    assert [each.label for each in answer.votes] == [None, None, "no_tumor"]
    none = vote_of(tmp_path / "b", voter(make_model, "x", **shy), voter(make_model, "y", **shy)).predict(picture(0.55))
    assert (none.label, none.abstained) == (None, True)
    assert none.reason


def test_votes_may_be_members_of_votes(make_model: Make, tmp_path: Path) -> None:
    inner = vote_of(tmp_path / "inner", voter(make_model, "one"), voter(make_model, "two"))
    third = Predictor(voter(make_model, "three", CLASSES[::-1], temperature=9.0))
    answer = Vote(inner.folder, (inner, third)).predict(picture(0.9))
    assert [each.model for each in answer.votes] == ["tiny-vote", "three"]
    assert answer.label == "glioma"


def test_voters_must_share_classes_and_dimensions(make_model: Make, tmp_path: Path) -> None:
    one = voter(make_model, "one")
    with pytest.raises(ModelError, match="Voters share their classes"):
        vote_of(tmp_path / "a", one, voter(make_model, "other", ("meningioma", "no_tumor")))
    flat = make_model(3, outputs=2, task="classify", target=None, classes=CLASSES, name="deep")
    with pytest.raises(ModelError, match="one kind of image"):
        vote_of(tmp_path / "b", one, flat)


def test_a_member_that_cannot_answer_is_named(make_model: Make, tmp_path: Path) -> None:
    other = voter(make_model, "blind", channels=("t1c",), plan={"channels": ["t1c"]})
    vote = vote_of(tmp_path / "vote", voter(make_model, "one"), other)
    assert vote.channels == ("t2f", "t1c")
    with pytest.raises(GeometryError, match="asked by 'blind'"):
        vote.predict(picture(0.5))


def test_pictures_together_get_the_votes_they_get_alone(make_model: Make, tmp_path: Path) -> None:
    vote = vote_of(tmp_path / "vote", voter(make_model, "one"), voter(make_model, "two", temperature=2.0))
    scans = [picture(0.1), Scan(np.ones((1, 8, 8), np.float32), ("t1n",), Grid((8, 8))), picture(0.7)]
    first, missing, last = vote.predict_all(scans)
    assert isinstance(missing, GeometryError)
    assert "asked by 'one'" in missing.cause
    for answer, scan in ((first, scans[0]), (last, scans[2])):
        assert isinstance(answer, Classification)
        alone = vote.predict(scan)
        assert (answer.label, [each.label for each in answer.votes]) == (alone.label, [v.label for v in alone.votes])
        assert answer.probabilities == pytest.approx(alone.probabilities, abs=1e-6)


def test_cascade_answers_pictures_together_as_alone(make_model: Make) -> None:
    cascade = Cascade(Predictor(voter(make_model, "gate")), Predictor(make_model(2)))
    scans = [picture(0.1), picture(0.9), Scan(np.ones((1, 8, 8), np.float32), ("t1n",), Grid((8, 8)))]
    dark, bright, missing = cascade.predict_all(scans)
    assert isinstance(missing, GeometryError)
    assert isinstance(dark, CascadeAnswer)
    assert isinstance(bright, CascadeAnswer)
    assert (dark.segmented, bright.segmented) == (False, True)
    np.testing.assert_array_equal(bright.segmentation.raw, cascade.predict(scans[1]).segmentation.raw)
    assert dark.segmentation.probabilities.shape == (1, 8, 8)
    assert not dark.segmentation.probabilities.any()
