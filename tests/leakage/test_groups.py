"""What belongs together, and what a split tears apart."""

from hypothesis import given
from hypothesis import strategies as st

from gliascope.leakage import Copy
from gliascope.leakage.groups import (
    MOST_PER_CASE,
    DisjointSets,
    content_groups,
    find_leaks,
    label_conflicts,
    strongest,
)

PAIRS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda pair: pair[0] != pair[1]), max_size=20)


def copy(first: int, second: int, kind: str = "content", score: float = 0.9) -> Copy:
    return Copy(first, second, kind, score)  # type: ignore[arg-type]


def test_copies_of_copies_share_a_name() -> None:
    assert content_groups(5, [copy(1, 3), copy(3, 4)]) == ["g0001", "g0002", "g0003", "g0002", "g0002"]
    assert content_groups(2, []) == ["g0001", "g0002"]


@given(PAIRS)
def test_sets_are_what_can_be_walked(pairs: list[tuple[int, int]]) -> None:
    sets = DisjointSets(12)
    for one, other in pairs:
        sets.join(one, other)
    for start in range(12):
        seen, queue = {start}, [start]
        while queue:
            here = queue.pop()
            step = {b for a, b in pairs if a == here} | {a for a, b in pairs if b == here}
            queue += sorted(step - seen)
            seen |= step
        assert {other for other in range(12) if sets.find(other) == sets.find(start)} == seen
        assert sets.size(start) == len(seen)
        assert sets.find(start) == min(seen)


def test_the_later_side_is_named_test() -> None:
    sides = ["test", "train", "validation", ""]
    copies = [copy(0, 1, "bytes", 1.0), copy(0, 2, "mirror", 0.8), copy(1, 3), copy(0, 3)]
    leaks = find_leaks(sides, copies, [None] * 4)
    assert [(leak.test, leak.train, leak.kind, leak.sides) for leak in leaks] == [
        (0, 1, "bytes", ("train", "test")),
        (0, 2, "mirror", ("validation", "test")),
        (2, 1, "mirror", ("train", "validation")),
    ]


def test_a_copy_of_a_copy_leaks() -> None:
    copies = [copy(0, 1, "mirror", 0.9), copy(1, 2, "mirror", 0.8), copy(2, 3, "pixels", 1.0)]
    leaks = find_leaks(["train", "test", "test", "test"], copies, [None] * 4)
    found = {leak.test: (leak.train, leak.kind, leak.score) for leak in leaks}
    assert found == {1: (0, "mirror", 0.9), 2: (0, "content", 0.8), 3: (0, "content", 0.8)}


def test_patients_on_two_sides() -> None:
    owners = ["a", "a", "b", "a", None, None]
    leaks = find_leaks(["train", "train", "train", "test", "train", "test"], [], owners)
    assert [(leak.test, leak.train, leak.kind) for leak in leaks] == [(3, 0, "patient")]


def test_folds_are_sides_too() -> None:
    leaks = find_leaks(["fold 2", "fold 1"], [copy(0, 1)], [None, None])
    assert [(leak.test, leak.train, leak.sides) for leak in leaks] == [(0, 1, ("fold 1", "fold 2"))]


def test_large_groups_do_not_fill_books() -> None:
    copies = [copy(first, second) for second in range(40) for first in range(second)]
    leaks = find_leaks(["train"] * 20 + ["test"] * 20, copies, [None] * 40)
    assert len(leaks) == 20 * MOST_PER_CASE
    assert len(strongest(leaks)) == 20


def test_the_strongest_reason_of_a_case() -> None:
    copies = [copy(0, 2, "content", 0.99), copy(1, 2, "pixels", 1.0)]
    leaks = find_leaks(["train", "train", "test"], copies, ["a", "b", "a"])
    assert [leak.kind for leak in leaks] == ["pixels", "content", "patient"]
    assert strongest(leaks)[2].kind == "pixels"


def test_one_content_under_two_classes() -> None:
    labels = ["glioma", "glioma", "pituitary", None, "no_tumor", None]
    copies = [copy(0, 1, "bytes", 1.0), copy(1, 2, "content", 0.95), copy(0, 2, "content", 0.9), copy(3, 4)]
    (found,) = label_conflicts(labels, copies)
    assert found.members == (0, 1, 2)
    assert found.labels == ("glioma", "glioma", "pituitary")
    assert (found.kind, found.score) == ("content", 0.95)


def test_a_contradiction_through_an_unlabelled_copy() -> None:
    (found,) = label_conflicts(["glioma", None, "pituitary"], [copy(0, 1, "bytes", 1.0), copy(1, 2, "mirror", 0.7)])
    assert (found.kind, found.score) == ("mirror", 0.7)
