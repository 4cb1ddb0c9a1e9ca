"""Many files on every core, in order and as a stream: each process takes every n-th chunk.

The processes start at once and work ahead of whoever asks, each by a few megabytes (`sources.pipes`), so
memory stays flat however many files there are. A process whose reader is gone ends at its next chunk; it
never outlives a killed parent by more, nor holds a lock of the parent's.
"""

import os
import pickle
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from publisher.sources.pipes import Outlet, received, widen

A = TypeVar("A")
B = TypeVar("B")

FEW = 400
"""Fewer items than this are quicker done alone."""

CHUNK = 64


def _as_it_is(value: Any) -> Any:
    return value


def in_order(
    work: Callable[[A], B],
    items: Sequence[A],
    *,
    cores: int | None = None,
    pack: Callable[[B], Any] = _as_it_is,
    unpack: Callable[[Any], B] = _as_it_is,
) -> Iterator[B]:
    """`work` of each item, in order. Processes are forked, so `work` may be a closure and what `pack` makes
    of its results is pickled; where other threads run, forking is not safe, and one process does it all.
    """
    cores = cores or len(os.sched_getaffinity(0))
    if len(items) < FEW or cores < 2 or threading.active_count() > 1:
        return map(work, items)
    stream = _shared(lambda item: pack(work(item)), items, cores, unpack)
    next(stream)  # the processes are started; only now do its items come
    return stream


@contextmanager
def meanwhile(work: Callable[[], B]) -> Generator[Callable[[], B], None, None]:
    """Within it `work` is done by another process; what it makes is there for who asks, once. Where forking
    is not safe it is done then.
    """
    if len(os.sched_getaffinity(0)) < 2 or threading.active_count() > 1:
        yield work
        return
    stream = _shared(lambda _: work(), (None,), 1, _as_it_is)
    next(stream)
    try:
        yield lambda: next(stream)
    finally:
        stream.close()


def _shared(
    work: Callable[[A], Any], items: Sequence[A], cores: int, unpack: Callable[[Any], B]
) -> Generator[Any, None, None]:
    chunks = range(0, len(items), CHUNK)
    ends: list[int] = []
    processes: list[int] = []
    try:
        processes.extend(_forked(work, items, chunks[n::cores], ends) for n in range(cores))
        yield None
        for n in range(len(chunks)):
            yield from map(unpack, _results(ends[n % cores], work, items[chunks[n] : chunks[n] + CHUNK]))
    finally:
        for end in ends:
            os.close(end)
        for process in processes:
            with suppress(ChildProcessError):  # somebody else waits for every child
                os.waitpid(process, 0)


def _forked(work: Callable[[A], Any], items: Sequence[A], starts: range, ends: list[int]) -> int:
    """The number of a process that does those chunks; `ends` gets the end where its results come out."""
    reader, writer = os.pipe()
    ends.append(reader)
    widen(writer)
    process = os.fork()
    if process:
        os.close(writer)
        return process
    try:  # nothing of the parent's may run here: no handler, no buffer that it will flush too
        for end in ends:
            os.close(end)  # or a sibling would keep our reader's pipe open when the parent is gone
        outlet = Outlet(writer)
        for start in starts:
            outlet.put(pickle.dumps([work(item) for item in items[start : start + CHUNK]], -1))
        outlet.finish()
    finally:
        os._exit(0)


def _results(end: int, work: Callable[[A], B], chunk: Sequence[A]) -> Sequence[B]:
    """What the process sent; a process that was killed (memory, an operator) or could not go on leaves its
    part to us."""
    data = received(end)
    if data is None:
        return [work(item) for item in chunk]
    results: Sequence[B] = pickle.loads(data)  # noqa: S301  # what our own code has written
    return results
