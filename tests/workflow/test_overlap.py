"""Stages that overlap: in order, bounded, and whole when one of them fails."""

import threading
import time
from collections.abc import Sequence

import pytest

from gliascope.workflow.overlap import AHEAD_BYTES, WRITERS, Overlap


def sized(size: int, fitting: int) -> Overlap[int, int, int, str]:
    """Doubles numbers and writes them as text; every item has one size."""
    return Overlap(lambda n: n, lambda group: [2 * n for n in group], str, lambda _: (size, fitting))


@pytest.mark.parametrize("size", [0, AHEAD_BYTES // 2, 2 * AHEAD_BYTES])
@pytest.mark.parametrize("fitting", [1, 3, 100])
def test_results_come_in_order(size: int, fitting: int) -> None:
    assert list(sized(size, fitting).run(range(10))) == [str(2 * n) for n in range(10)]
    assert list(sized(size, fitting).run([])) == []


def test_groups_hold_what_fits() -> None:
    groups: list[list[int]] = []

    def answer(group: Sequence[int]) -> Sequence[int]:
        groups.append(list(group))
        return group

    list(Overlap(lambda n: n, answer, str, lambda n: (0, 1 if n == 4 else 3)).run(range(8)))
    assert groups == [[0, 1, 2], [3, 4], [5, 6, 7]]
    groups.clear()
    list(Overlap(lambda n: n, answer, str, lambda _: (AHEAD_BYTES, 3)).run(range(4)))
    assert groups == [[0, 1], [2, 3]], "a group ends when it holds too much"


@pytest.mark.parametrize(("size", "most"), [(0, WRITERS + 3), (2 * AHEAD_BYTES, 1)])
def test_few_items_are_in_memory(size: int, most: int) -> None:
    lock, now, peak = threading.Lock(), 0, 0

    def read(number: int) -> int:
        nonlocal now, peak
        with lock:
            now += 1
            peak = max(peak, now)
        return number

    def write(number: int) -> int:
        nonlocal now
        time.sleep(0.002)
        with lock:
            now -= 1
        return number

    assert list(Overlap(read, lambda group: group, write, lambda _: (size, 1)).run(range(40))) == list(range(40))
    assert peak <= most


def test_stages_run_at_the_same_time() -> None:
    """The network of one waits for the reading of the next and the writing of the last."""
    meeting = threading.Barrier(3, timeout=20)

    def read(number: int) -> int:
        if number == 2:
            meeting.wait()
        return number

    def answer(group: Sequence[int]) -> Sequence[int]:
        if 1 in group:
            meeting.wait()
        return group

    def write(number: int) -> int:
        if number == 0:
            meeting.wait()
        return number

    assert list(Overlap(read, answer, write, lambda _: (1, 1)).run(range(3))) == [0, 1, 2]


@pytest.mark.parametrize("stage", ["read", "answer", "write"])
def test_an_error_passes_and_no_thread_stays(stage: str) -> None:
    def fail(given: object) -> object:
        if given in (5, [5]):
            raise RuntimeError(stage)
        return given

    def same(given: object) -> object:
        return given

    stages = {name: fail if name == stage else same for name in ("read", "answer", "write")}
    run = Overlap(stages["read"], stages["answer"], stages["write"], lambda _: (0, 1)).run(range(9))  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match=stage):
        list(run)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("read", "write"))]
