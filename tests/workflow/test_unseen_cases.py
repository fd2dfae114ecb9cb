"""What a system is scored on: cases that no member learned from, and the class of a case that only has a mask."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gliascope.case import Case, Picture
from gliascope.errors import InputError
from gliascope.inference.cascade import CascadeAnswer
from gliascope.inference.predictor import Classification, Segmentation
from gliascope.labels import SCHEMES
from gliascope.preprocess.inside import Inside
from gliascope.scan import Grid, LabelMap
from gliascope.workflow.gate_scores import GateScores
from gliascope.workflow.unseen_cases import MemberSplit, system_parts


@pytest.fixture
def cases(tmp_path: Path) -> list[Case]:
    return [Case(f"c{n}", Picture(tmp_path / f"{n}.png"), patient=f"p{n // 2}") for n in range(8)]


@pytest.fixture
def divided() -> Callable[..., MemberSplit]:
    def make(name: str, split: str, **parts: list[Case]) -> MemberSplit:
        return MemberSplit(name, {}, Path(), split, {part: tuple(own) for part, own in parts.items()})

    return make


def names(cases: tuple[Case, ...]) -> list[str]:
    return [case.id for case in cases]


def test_a_case_is_tested_where_no_member_knows_it(cases: list[Case], divided: Callable[..., MemberSplit]) -> None:
    gate = divided("gate", "by image, a", train=cases[:3], validation=cases[3:4], test=cases[4:])
    net = divided("net", "by image, b", train=cases[4:5], test=[*cases[:3], *cases[5:7]], dropped=cases[7:])
    parts = system_parts(net, [gate, net])
    assert names(parts.train) == ["c0", "c1", "c2", "c4"]
    assert names(parts.validation) == []
    assert names(parts.test) == ["c5", "c6", "c7"], "what was dropped was not learned from"
    (notice,) = parts.notices
    assert notice.text.startswith("3 of 5 test cases of net were learned from by another member")
    assert "no member learned from" in parts.name
    alone = system_parts(net, [net])
    assert (alone.name, alone.notices) == ("by image, b", ())


def test_patients_stay_together_where_members_keep_them(cases: list[Case], divided: Callable[..., MemberSplit]) -> None:
    gate = divided("gate", "by patient, a", train=cases[4:5], test=cases[:4])
    net = divided("net", "by patient, b", train=cases[:2], test=cases[2:])
    assert names(system_parts(net, [gate, net]).test) == ["c2", "c3", "c6", "c7"]
    gate = replace(gate, split="by image, a")
    assert names(system_parts(net, [gate, net]).test) == ["c2", "c3", "c5", "c6", "c7"]


def test_nothing_left_to_test_is_refused(cases: list[Case], divided: Callable[..., MemberSplit]) -> None:
    gate = divided("gate", "by image, a", train=cases)
    net = divided("net", "by image, b", train=cases[:4], test=cases[4:])
    with pytest.raises(InputError, match="leave no case that none of them learned from"):
        system_parts(net, [gate, net])


def test_truth_of_a_case_without_a_class_is_its_mask(tmp_path: Path) -> None:
    """Without classes in the data set, the classifier is scored on tumor against none."""

    def answer(label: str, classes: tuple[str, ...]) -> CascadeAnswer:
        probabilities = {name: 0.7 if name == label else 0.3 / (len(classes) - 1) for name in classes}
        empty = LabelMap(np.zeros((2, 2), np.uint8), SCHEMES["lgg"], Grid((2, 2)))
        nothing = Inside.everywhere(np.zeros((1, 2, 2), np.float32))
        mask = Segmentation(empty, nothing, ("tumor",), nothing, {})
        return CascadeAnswer(Classification(label, probabilities, False, "", probabilities), mask, label != "no_tumor")

    def reference(value: int) -> LabelMap:
        return LabelMap(np.full((2, 2), value, np.uint8), SCHEMES["lgg"], Grid((2, 2)))

    for classes, expected in (
        (("glioma", "no_tumor"), ["glioma", "no_tumor"]),
        (("glioma", "meningioma", "no_tumor"), ["tumor", "no_tumor"]),
    ):
        gate = GateScores(classes)
        for n, (label, value) in enumerate((("glioma", 1), ("no_tumor", 0), ("no_tumor", 1))):
            gate.add(Case(f"c{n}", Picture(tmp_path / f"{n}.png")), answer(label, classes), reference(value))
        facts = gate.facts()
        assert facts["classes"] == expected
        assert facts["confusion"] == [[1, 1], [0, 1]]
        assert gate.skipped == 2
        assert sum(facts["cases"][0]["probabilities"].values()) == pytest.approx(1.0)
