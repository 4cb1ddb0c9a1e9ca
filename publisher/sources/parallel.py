"""Many files on every core, in order and as a stream: each process takes every n-th chunk.

The processes start at once and work ahead of whoever asks, each by a few megabytes (`sources.parallel`), so
memory stays flat however many files there are. A process whose reader is gone ends at its next chunk; it
never outlives a killed parent by more, nor holds a lock of the parent's.

Readings and listings from one process to another: as flat tuples and as columns, which travel twice as
quickly as frozen values.

Messages through a pipe, from a process that works ahead of its reader to one that waits for them.
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
"""A reading as `flat` makes it: only what is a post is worth the work."""

PackedStats: TypeAlias = tuple[list[str], list[int], list[int], list[BadPost]]
"""Files as `apart` makes them: their paths, sizes and times; then what cannot be read."""

_POST = tuple(field.name for field in fields(Post) if field.name != "authors")
_PERSON = tuple(field.name for field in fields(Person))
_PUT = tuple(getattr(Post, name).__set__ for name in _POST)
_PUT_AUTHORS = vars(Post)["authors"].__set__
_post, _person = attrgetter(*_POST), attrgetter(*_PERSON)


class Outlet:
    """The end of a pipe that messages are put into. BrokenPipeError: nobody reads any more."""

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
    """The next message of an `Outlet`; None: the writer ended before it was whole."""
    head = _exactly(end, LENGTH_BYTES)
    return None if head is None else _exactly(end, int.from_bytes(head, "little"))


def widen_pipe(end: int) -> None:
    """Lets the pipe hold a megabyte."""
    try:
        fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except OSError:  # the user's pipes are all taken: a narrow one does as well
        return


def _exactly(end: int, size: int) -> bytearray | None:
    data = bytearray(size)
    left = memoryview(data)
    while left:
        count = os.readv(end, [left])
        if count == 0:
            return None
        left = left[count:]
    return data


def _as_it_is(value: Any) -> Any:
    return value


def map_in_order(
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
    if len(items) < MIN_PARALLEL or cores < 2 or threading.active_count() > 1:
        return map(work, items)
    stream = _shared(lambda item: pack(work(item)), items, cores, unpack)
    next(stream)  # the processes are started; only now do its items come
    return stream


@contextmanager
def run_meanwhile(work: Callable[[], B]) -> Generator[Callable[[], B], None, None]:
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
    chunks = range(0, len(items), CHUNK_SIZE)
    ends: list[int] = []
    processes: list[int] = []
    try:
        processes.extend(_forked(work, items, chunks[n::cores], ends) for n in range(cores))
        yield None
        for n in range(len(chunks)):
            yield from map(unpack, _results(ends[n % cores], work, items[chunks[n] : chunks[n] + CHUNK_SIZE]))
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
    widen_pipe(writer)
    process = os.fork()
    if process:
        os.close(writer)
        return process
    try:  # nothing of the parent's may run here: no handler, no buffer that it will flush too
        for end in ends:
            os.close(end)  # or a sibling would keep our reader's pipe open when the parent is gone
        outlet = Outlet(writer)
        for start in starts:
            outlet.put(pickle.dumps([work(item) for item in items[start : start + CHUNK_SIZE]], -1))
        outlet.finish()
    finally:
        os._exit(0)


def _results(end: int, work: Callable[[A], B], chunk: Sequence[A]) -> Sequence[B]:
    """What the process sent; a process that was killed (memory, an operator) or could not go on leaves its
    part to us."""
    data = receive_message(end)
    if data is None:
        return [work(item) for item in chunk]
    results: Sequence[B] = pickle.loads(data)  # noqa: S301  # what our own code has written
    return results


def pack_reading(reading: FileReading) -> PackedReading:
    """What `whole` makes the reading of again."""
    result = reading.result
    if not isinstance(result, ParsedPost):
        return reading
    authors = tuple(map(_person, result.post.authors))
    inner = (result.body, result.line, result.container, result.title, result.shifts)
    return tuple(reading.stat), reading.hash, reading.alone, _post(result.post), authors, inner


def unpack_reading(carried: PackedReading) -> FileReading:
    """The reading that `flat` was given."""
    if isinstance(carried, FileReading):
        return carried
    stat, hash, alone, values, authors, (body, line, container, title, shifts) = carried
    people = tuple(map(_whole_person, authors))
    post = object.__new__(Post)  # as unpickling makes it: __init__ takes three times as long
    for put, value in zip(_PUT, values, strict=True):
        put(post, value)
    _PUT_AUTHORS(post, people)
    parsed = ParsedPost(post=post, body=body, line=line, container=container, title=title, shifts=shifts)
    return FileReading(stat=FileStat(*stat), hash=hash, result=parsed, alone=alone)


@lru_cache(maxsize=1024)  # few people write many posts
def _whole_person(author: tuple[Any, ...]) -> Person:
    return Person(**dict(zip(_PERSON, author, strict=True)))


def pack_stats(found: Iterable[Found]) -> PackedStats:
    """What `together` makes the stats of again, in one pass: of 100,000 files they take half a second."""
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
    """What was found, as it stands (`walking.stat_of`), in another order."""
    paths, sizes, times, bad = columns
    yield from map(FileStat, paths, sizes, times)
    yield from bad
