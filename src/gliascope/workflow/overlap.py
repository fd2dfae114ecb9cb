"""Successive cases overlapped: the next are read while the network answers, and the last are written meanwhile.

The network answers in the calling thread, one group of cases after the other, in order; so neither threads nor groups
change an answer. A group is what fits into one pass of the network: up to 16 pictures, or one case of any other kind.

In memory are at most the group in the network, one more that is read ahead, and ``WRITERS`` cases that are being
written, the latter with their scans up to ``WRITTEN_BYTES``, or one that is larger. A case of more than ``AHEAD_BYTES``
is alone.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

WRITERS = min(4, 2 * (os.cpu_count() or 1))
"""Cases that are written at the same time; more would wait for the disk and for each other."""
WRITTEN_BYTES = 512 * 2**20
AHEAD_BYTES = 256 * 2**20

TaskT = TypeVar("TaskT")
ReadT = TypeVar("ReadT")
AnswerT = TypeVar("AnswerT")
DoneT = TypeVar("DoneT")


class Overlap(Generic[TaskT, ReadT, AnswerT, DoneT]):
    """Three stages over many tasks.

    Args:
        read: Task to what the network needs; runs in one thread, one call at a time.
        answer: A group of these to their answers, in order; runs in the calling thread.
        write: An answer to the result; runs in ``WRITERS`` threads.
        size: Bytes that a read task holds, and how many of the kind fit in one group.
    """

    def __init__(
        self,
        read: Callable[[TaskT], ReadT],
        answer: Callable[[Sequence[ReadT]], Sequence[AnswerT]],
        write: Callable[[AnswerT], DoneT],
        size: Callable[[ReadT], tuple[int, int]],
    ) -> None:
        self._read, self._answer, self._write, self._size = read, answer, write, size

    def run(self, tasks: Iterable[TaskT]) -> Generator[DoneT, None, None]:
        """Yield the result of every task, in order.

        An exception of any stage ends it; what is being written then is finished first.
        """
        waiting = iter(tasks)
        reader = ThreadPoolExecutor(1, thread_name_prefix="read")
        writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="write")
        written: deque[tuple[Future[DoneT], int]] = deque()
        try:
            coming = reader.submit(self._group, waiting)
            while group := coming.result():
                sizes = [self._size(item)[0] for item in group]
                ahead = sum(sizes) <= AHEAD_BYTES
                if ahead:
                    coming = reader.submit(self._group, waiting)
                answers = self._answer(group)
                del group
                for answer, size in zip(answers, sizes, strict=True):
                    while written and self._is_full(written, size):
                        yield written.popleft()[0].result()
                    written.append((writers.submit(self._write, answer), size))
                del answers, answer
                if not ahead:
                    while written:
                        yield written.popleft()[0].result()
                    coming = reader.submit(self._group, waiting)
            while written:
                yield written.popleft()[0].result()
        finally:
            reader.shutdown(cancel_futures=True)
            writers.shutdown(cancel_futures=True)

    def _group(self, waiting: Iterator[TaskT]) -> list[ReadT]:
        """Read tasks until they fill one pass of the network; none are left: an empty list."""
        group: list[ReadT] = []
        held = 0
        for task in waiting:
            item = self._read(task)
            size, fitting = self._size(item)
            group.append(item)
            held += size
            if len(group) >= fitting or held > AHEAD_BYTES:
                break
        return group

    @staticmethod
    def _is_full(written: Sequence[tuple[Future[DoneT], int]], size: int) -> bool:
        return len(written) >= WRITERS or sum(held for _, held in written) + size > WRITTEN_BYTES
