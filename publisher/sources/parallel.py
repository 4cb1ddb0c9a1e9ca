"""Many files on every core, in order and as a stream: each process takes every n-th chunk.

A pipe holds a chunk or two, so memory stays flat however many files there are. A process whose reader is
gone ends at its next chunk; it never outlives a killed parent by more, nor holds a lock of the parent's.
"""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

A = TypeVar("A")
B = TypeVar("B")

FEW = 400
"""Fewer items than this are quicker done alone."""

CHUNK = 64
PIPE = 1024 * 1024


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
    return _shared(lambda item: pack(work(item)), items, cores, unpack)


def _shared(
    work: Callable[[A], Any], items: Sequence[A], cores: int, unpack: Callable[[Any], B]
) -> Iterator[B]:
    import multiprocessing  # most publishes read a file or two

    context = multiprocessing.get_context("fork")
    chunks = range(0, len(items), CHUNK)
    ends: list[Connection] = []
    processes: list[BaseProcess] = []
    try:
        for n in range(cores):
            reader, writer = context.Pipe(duplex=False)
            ends.append(reader)
            _widen(writer)
            args = (work, items, chunks[n::cores], writer, tuple(ends))
            process: BaseProcess = context.Process(target=_do, args=args, daemon=True)
            process.start()
            writer.close()
            processes.append(process)
        for n in range(len(chunks)):
            yield from map(unpack, _received(ends[n % cores], work, items[chunks[n] : chunks[n] + CHUNK]))
    finally:
        for end in ends:
            end.close()
        for process in processes:
            process.join()


def _received(end: "Connection", work: Callable[[A], B], chunk: Sequence[A]) -> Sequence[B]:
    """What the process sent; a process that was killed (memory, an operator) leaves its part to us."""
    try:
        received: Sequence[B] = end.recv()
    except (EOFError, OSError):
        return [work(item) for item in chunk]
    return received


def _do(
    work: Callable[[A], B],
    items: Sequence[A],
    starts: range,
    writer: "Connection",
    ends: Sequence["Connection"],
) -> None:
    for end in ends:
        end.close()  # or a sibling would keep our reader's pipe open when the parent is gone
    try:
        for start in starts:
            writer.send([work(item) for item in items[start : start + CHUNK]])
    except BrokenPipeError:
        return


def _widen(pipe: "Connection") -> None:
    try:
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE)
    except OSError:  # the user's pipes are all taken: a narrow one does as well
        return
