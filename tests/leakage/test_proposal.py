"""A proposed split tears nothing apart and is balanced."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliascope.errors import InputError
from gliascope.leakage.proposal import Belonging, Proposal, propose

CASES = st.lists(
    st.builds(
        Belonging,
        st.sampled_from([f"g{i}" for i in range(30)]),
        st.sampled_from([None, *(f"p{i}" for i in range(8))]),
        st.sampled_from([None, None, "fold1", "fold2"]),
        st.sampled_from(["glioma", "no_tumor"]),
        st.integers(1, 5),
    ),
    min_size=40,
    max_size=80,
)


def alone(count: int, stratum: str = "") -> list[Belonging]:
    return [Belonging(f"g{stratum}{number}", None, None, stratum) for number in range(count)]


def tables(proposal: Proposal) -> list[tuple[str, ...]]:
    return [proposal.parts, *proposal.folds]


@given(CASES, st.booleans())
def test_nothing_is_torn_apart(cases: list[Belonging], unique: bool) -> None:
    try:
        proposal = propose(cases, folds=3, unique=unique)
    except InputError:  # all in two units or fewer
        return
    for table in tables(proposal):
        for key in ("content", "patient", "group"):
            sides: dict[str, set[str]] = {}
            for case, part in zip(cases, table, strict=True):
                name = getattr(case, key)
                if part and name is not None:
                    sides.setdefault(name, set()).add(part)
            assert all(len(parts) == 1 for parts in sides.values())
        assert [not part for part in table] == [bool(reason) for reason in proposal.left_out]


def test_shares_and_classes_are_balanced() -> None:
    cases = [*alone(400, "a"), *alone(200, "b"), *alone(100, "c")]
    counts = Counter(zip((case.stratum for case in cases), propose(cases).parts, strict=True))
    for stratum, total in (("a", 400), ("b", 200), ("c", 100)):
        shares = [counts[stratum, part] / total for part in ("train", "validation", "test")]
        assert shares == pytest.approx([0.7, 0.15, 0.15], abs=0.02)


def test_every_case_is_tested_once() -> None:
    cases = [*alone(101, "a"), *alone(50, "b")]
    proposal = propose(cases, folds=5)
    assert [Counter(column)["test"] for column in zip(*proposal.folds, strict=True)] == [1] * len(cases)
    sizes = [Counter(table)["test"] for table in proposal.folds]
    assert max(sizes) - min(sizes) <= 2
    for table in proposal.folds:
        assert Counter(table)["validation"] == pytest.approx(0.15 * Counter(table)["train"] / 0.85, abs=3)


def test_seed_decides() -> None:
    cases = alone(60)
    assert propose(cases, seed=3) == propose(cases, seed=3)
    assert propose(cases, seed=3) != propose(cases, seed=4)


def test_unique_keeps_the_largest_of_each_content_and_no_contradiction() -> None:
    cases = [Belonging("a", pixels=1), Belonging("a", pixels=9), Belonging("b"), Belonging("b"), *alone(20)]
    proposal = propose(cases, unique=True, contradicting=[2, 3])
    assert proposal.left_out[:4] == ("copy", "", "conflict", "conflict")
    assert not any(proposal.left_out[4:])


def test_unreadable_cases_are_left_out_and_replaced_by_a_copy() -> None:
    cases = [Belonging("a", pixels=0), Belonging("a", pixels=2), *alone(20)]
    proposal = propose(cases, unique=True, unusable=[0])
    assert proposal.left_out[:2] == ("unreadable", "")


def test_copies_join_small_patients() -> None:
    cases = [Belonging("x", "p1"), Belonging("x", "p2"), Belonging("y", "p2"), *alone(30)]
    proposal = propose(cases)
    assert len({proposal.units[i] for i in range(3)}) == 1
    assert len({proposal.parts[i] for i in range(3)}) == 1


def test_copies_do_not_join_large_groups() -> None:
    folds = [Belonging(f"c{i}", None, f"fold{i % 2}") for i in range(40)]
    bridge = [Belonging("bridge", None, "fold0"), Belonging("bridge", None, "fold1"), Belonging("bridge")]
    proposal = propose([*folds, *bridge, *alone(20)])
    assert proposal.left_out[40:43] == ("", "bridge", "")
    assert proposal.units[42] == proposal.units[40] == "fold0"
    assert Counter(proposal.left_out)["bridge"] == 1


def test_too_few_units() -> None:
    with pytest.raises(InputError, match="2 units"):
        propose([Belonging("a"), Belonging("b"), Belonging("b")])
    with pytest.raises(InputError, match="cannot fill 5 parts"):
        propose(alone(4), folds=5)
