"""Many files on every core, in order and as a stream: each process takes every n-th chunk.

The processes start at once and work ahead of whoever asks, each by a few megabytes, so memory stays flat
however many files there are. Their results come through pipes, packed as flat tuples and columns, which
travel twice as fast as frozen dataclasses. A process whose reader is gone ends at its next chunk; it never
outlives a killed parent by more, nor holds a lock of the parent's.
"""

import fcntl
import os
import pickle
import select
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar

from publisher.core.posts.post import BadPost, FileReading, FileStat, ParsedPost, Post
from publisher.core.site import Person
from publisher.sources.walk import Found, size_and_time

MAX_QUEUED_BYTES = 16 * 1024 * 1024
"""Bytes that wait for the reader before the writer waits too."""

PIPE_BYTES = 1024 * 1024
LENGTH_BYTES = 8
"""Bytes before each message: its length, the lowest first."""

A = TypeVar("A")
B = TypeVar("B")
MIN_PARALLEL = 400
"""Fewer items than this are quicker done alone."""

CHUNK_SIZE = 64
PackedReading: TypeAlias = "FileReading | tuple[Any, ...]"
"""A reading as `pack_reading` makes it: only posts are worth packing."""

PackedStats: TypeAlias = tuple[list[str], list[int], list[int], list[BadPost]]
"""Files as `pack_stats` makes them: their paths, sizes and times; then what cannot be read."""

_POST = tuple(field.name for field in fields(Post) if field.name != "authors")
_PERSON = tuple(field.name for field in fields(Person))
_PUT = tuple(getattr(Post, name).__set__ for name in _POST)
_PUT_AUTHORS = vars(Post)["authors"].__set__
_post, _person = attrgetter(*_POST), attrgetter(*_PERSON)


class Outlet:
    """The end of a pipe that messages are written to. Raises BrokenPipeError: nobody reads any more."""

    def __init__(self, end: int) -> None:
        os.set_blocking(end, False)
        self._end = end
        self._waiting: deque[memoryview] = deque()
        self._size = 0
        self._room = select.poll()
        self._room.register(end, select.POLLOUT)

    def put(self, message: bytes) -> None:
        """Sends it as soon as there is room; returns at once while little waits."""
        for part in (len(message).to_bytes(LENGTH_BYTES, "little"), message):
            self._waiting.append(memoryview(part))
            self._size += len(part)
        self._send(MAX_QUEUED_BYTES)

    def finish(self) -> None:
        """Sends all that waits."""
        self._send(0)

    def _send(self, left: int) -> None:
        self._write()
        while self._size > left:
            self._room.poll()
            self._write()

    def _write(self) -> None:
        while self._waiting:
            part = self._waiting[0]
            try:
                written = os.write(self._end, part)
            except BlockingIOError:
                return
            self._size -= written
            if written == len(part):
                self._waiting.popleft()
            else:
                self._waiting[0] = part[written:]


def receive_message(end: int) -> bytearray | None:
    """The next message of an `Outlet`; None: the writer ended before it was complete."""
    head = read_exactly(end, LENGTH_BYTES)
    return None if head is None else read_exactly(end, int.from_bytes(head, "little"))


def widen_pipe(end: int) -> None:
    """Lets the pipe hold a megabyte."""
    try:
        fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except OSError:  # the user has no memory for pipes left: a narrow one does as well
        return


def read_exactly(end: int, size: int) -> bytearray | None:
    """The next `size` bytes of a pipe; None: it ended before."""
    data = bytearray(size)
    left = memoryview(data)
    while left:
        count = os.readv(end, [left])
        if count == 0:
            return None
        left = left[count:]
    return data


def unchanged(value: Any) -> Any:
    """`value`: what needs no packing."""
    return value


def map_in_order(
    work: Callable[[A], B],
    items: Sequence[A],
    *,
    cores: int | None = None,
    pack: Callable[[B], Any] = unchanged,
    unpack: Callable[[Any], B] = unchanged,
) -> Iterator[B]:
    """`work` of each item, in order. Processes are forked, so `work` may be a closure and what `pack` makes
    of its results is pickled; where other threads run, forking is not safe, and one process does it all.
    """
    cores = cores or len(os.sched_getaffinity(0))
    if len(items) < MIN_PARALLEL or cores < 2 or threading.active_count() > 1:
        return map(work, items)
    stream = share_out(lambda item: pack(work(item)), items, cores, unpack)
    next(stream)  # the processes are started; only now do its items come
    return stream


@contextmanager
def run_meanwhile(work: Callable[[], B]) -> Generator[Callable[[], B], None, None]:
    """Within it another process does `work`; the function that it yields returns the result, once. Where
    forking is not safe the work is done when that is called.
    """
    if len(os.sched_getaffinity(0)) < 2 or threading.active_count() > 1:
        yield work
        return
    stream = share_out(lambda _: work(), (None,), 1, unchanged)
    next(stream)
    try:
        yield lambda: next(stream)
    finally:
        stream.close()


def share_out(
    work: Callable[[A], Any], items: Sequence[A], cores: int, unpack: Callable[[Any], B]
) -> Generator[Any, None, None]:
    """Yields None once the processes are started, and then the result of each item, in order."""
    chunks = range(0, len(items), CHUNK_SIZE)
    ends: list[int] = []
    processes: list[int] = []
    try:
        processes.extend(fork_worker(work, items, chunks[n::cores], ends) for n in range(cores))
        yield None
        for n in range(len(chunks)):
            yield from map(
                unpack, receive_results(ends[n % cores], work, items[chunks[n] : chunks[n] + CHUNK_SIZE])
            )
    finally:
        for end in ends:
            os.close(end)
        for process in processes:
            with suppress(ChildProcessError):  # somebody else waits for every child
                os.waitpid(process, 0)


def fork_worker(work: Callable[[A], Any], items: Sequence[A], starts: range, ends: list[int]) -> int:
    """The id of a new process that does the chunks at `starts`; `ends` gets the pipe's end to read from."""
    reader, writer = os.pipe()
    ends.append(reader)
    widen_pipe(writer)
    process = os.fork()
    if process:
        os.close(writer)
        return process
    try:  # nothing of the parent's may run here: no exit handler, no buffer that it will flush too
        for end in ends:
            os.close(end)  # or a sibling would keep our reader's pipe open when the parent is gone
        outlet = Outlet(writer)
        for start in starts:
            outlet.put(pickle.dumps([work(item) for item in items[start : start + CHUNK_SIZE]], -1))
        outlet.finish()
    finally:
        os._exit(0)


def receive_results(end: int, work: Callable[[A], B], chunk: Sequence[A]) -> Sequence[B]:
    """What the process sent. One that was killed (for memory, by an operator) or failed leaves its part to
    us.
    """
    data = receive_message(end)
    if data is None:
        return [work(item) for item in chunk]
    results: Sequence[B] = pickle.loads(data)  # noqa: S301  # what our own code has written
    return results


def pack_reading(reading: FileReading) -> PackedReading:
    """A reading as `unpack_reading` takes it."""
    result = reading.result
    if not isinstance(result, ParsedPost):
        return reading
    authors = tuple(map(_person, result.post.authors))
    inner = (result.body, result.line, result.container, result.title, result.shifts)
    return tuple(reading.stat), reading.hash, reading.alone, _post(result.post), authors, inner


def unpack_reading(carried: PackedReading) -> FileReading:
    """The reading that `pack_reading` was given."""
    if isinstance(carried, FileReading):
        return carried
    stat, hash, alone, values, authors, (body, line, container, title, shifts) = carried
    people = tuple(map(unpack_person, authors))
    post = object.__new__(Post)
    for put, value in zip(_PUT, values, strict=True):
        put(post, value)
    _PUT_AUTHORS(post, people)
    parsed = ParsedPost(post=post, body=body, line=line, container=container, title=title, shifts=shifts)
    return FileReading(stat=FileStat(*stat), hash=hash, result=parsed, alone=alone)


@lru_cache(maxsize=1024)  # few people write many posts
def unpack_person(author: tuple[Any, ...]) -> Person:
    """The author with these fields."""
    return Person(**dict(zip(_PERSON, author, strict=True)))


def pack_stats(found: Iterable[Found]) -> PackedStats:
    """Found files as `unpack_stats` takes them, with their stats, which for 100,000 files take half a
    second.
    """
    paths, sizes, times = list[str](), list[int](), list[int]()
    wrong: list[BadPost] = []
    for path, bad, entry in found:
        if bad is not None:
            wrong.append(bad)
            continue
        size, time = size_and_time(entry)
        paths.append(path)
        sizes.append(size)
        times.append(time)
    return paths, sizes, times, wrong


def unpack_stats(columns: PackedStats) -> Iterator[FileStat | BadPost]:
    """The size and time of what was found (see `walk.to_file_stat`), in another order."""
    paths, sizes, times, bad = columns
    yield from map(FileStat, paths, sizes, times)
    yield from bad
