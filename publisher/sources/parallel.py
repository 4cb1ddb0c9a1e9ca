"""Many files on every core, in order and as a stream, by worker processes that work ahead of whoever asks.

They are forked, so they know the folder's rules without being told. Their results come as flat tuples, which
travel twice as fast as frozen dataclasses. Where forking is not safe, because other threads run, and where it
is not possible, one process does it all.

A worker of `concurrent.futures`, left to itself, prints a traceback at Ctrl-C, and when the process that
started it is killed it stays for ever, with the locks that it inherited: the pipe it waits on is open in
itself too. These do neither.
"""

import logging
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Future
from contextlib import contextmanager
from dataclasses import fields
from functools import lru_cache
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from publisher.core.posts.post import BadPost, FileReading, FileStat, ParsedPost, Post
from publisher.core.site import Person
from publisher.sources.file_reading import Found, size_and_time
from publisher.sources.source_rules import SourceRules

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor


StartMethod: TypeAlias = Literal["fork", "spawn"]
"""Always given, for Python's own choice depends on its version and the system. A fork starts in a millisecond
and needs no pickled arguments, but is safe only where no other thread runs; a spawned process is a fresh
Python.
"""


def start_pool(
    workers: int, method: StartMethod, prepare: Callable[..., object], *args: Any
) -> "tuple[ProcessPoolExecutor, Future[object]]":
    """A pool whose workers call `prepare(*args)` before anything else, and what is done once one of them has.

    A worker that dies breaks the pool: its futures raise BrokenProcessPool. Raises OSError: the system has no
    room for another process, or none of what processes need to wait for each other.
    """
    from concurrent.futures import ProcessPoolExecutor  # with all it needs, some 25 ms to load
    from multiprocessing import active_children, get_context

    try:
        pool = ProcessPoolExecutor(workers, get_context(method), _prepare_worker, (prepare, args))
    except (ImportError, NotImplementedError) as error:  # no semaphores, or too few
        raise OSError(str(error)) from error
    others = active_children()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # processes inherit it
    try:
        return pool, pool.submit(object)  # the first task starts them
    except OSError:
        for worker in active_children():
            if worker not in others:  # it would wait for tasks, and we for its end
                worker.kill()
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _prepare_worker(prepare: Callable[..., object], args: tuple[Any, ...]) -> None:
    from multiprocessing import parent_process

    def end_with_parent() -> None:
        if parent := parent_process():
            parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    prepare(*args)


log = logging.getLogger(__name__)

MIN_PARALLEL = 400
"""Fewer items than this are quicker done alone."""

CHUNK_SIZE = 200
"""Items that a worker is given together."""

CHUNKS_AHEAD = 8
"""Chunks that are begun before the first one's results are taken: they are what is held in memory."""

A = TypeVar("A")
B = TypeVar("B")

PackedReading: TypeAlias = "FileReading | tuple[Any, ...]"
"""A reading as `pack_reading` makes it: only posts are worth packing."""

PackedStats: TypeAlias = tuple[list[str], list[int], list[int], list[BadPost]]
"""Files as `pack_stats` makes them, in columns: paths, sizes and times; then what cannot be read."""

_POST_FIELDS = tuple(field.name for field in fields(Post) if field.name != "authors")
_PERSON_FIELDS = tuple(field.name for field in fields(Person))
_SETTERS = tuple(getattr(Post, name).__set__ for name in _POST_FIELDS)
_SET_AUTHORS = vars(Post)["authors"].__set__
_post_values, _person_values = attrgetter(*_POST_FIELDS), attrgetter(*_PERSON_FIELDS)


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


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
    """`work` of each item, in order. Workers begin at once. `work` may be a closure, and what `pack` makes of
    its results is pickled.
    """
    cores = cores or available_cores()
    if len(items) < MIN_PARALLEL or cores < 2:
        return map(work, items)
    pool = fork_pool(cores, lambda chunk: [pack(work(item)) for item in chunk])
    if pool is None:
        return map(work, items)
    results = results_in_order(pool, work, items, unpack)
    next(results)  # the first chunks are begun; only now do their results come
    return results


def results_in_order(
    pool: "ProcessPoolExecutor", work: Callable[[A], B], items: Sequence[A], unpack: Callable[[Any], B]
) -> Generator[Any, None, None]:
    """Yields None once chunks are begun, and then the result of each item; ends the pool. If a worker is
    killed (for memory, by an operator), what is left is done here.
    """
    chunks = (items[start : start + CHUNK_SIZE] for start in range(0, len(items), CHUNK_SIZE))
    number = 0
    try:
        begun = deque(begin_work(pool, chunk) for chunk in islice(chunks, CHUNKS_AHEAD))
        yield None
        while begun:
            results = begun.popleft().result()
            begun.extend(begin_work(pool, chunk) for chunk in islice(chunks, 1))
            number += len(results)
            yield from map(unpack, results)
    except BrokenExecutor:
        log.warning("worker_died", extra={"work": "reading posts", "reason": "this process continues alone"})
    finally:
        pool.shutdown(cancel_futures=True)
    yield from map(work, items[number:])


@contextmanager
def run_meanwhile(work: Callable[[], B]) -> Generator[Callable[[], B], None, None]:
    """Within it a worker does `work`; the function that it yields returns the result. Where no worker can be
    forked, or it is killed, the work is done when that is called.
    """
    pool = fork_pool(1, lambda _: work()) if available_cores() > 1 else None
    if pool is None:
        yield work
        return
    future: Future[B] = begin_work(pool, None)

    def result() -> B:
        try:
            return future.result()
        except BrokenExecutor:
            return work()
        finally:
            pool.shutdown()  # its threads would keep others from forking

    try:
        yield result
    finally:
        pool.shutdown(cancel_futures=True)


class Prefetch:
    """Files that were listed ahead, and readings of `paths` by `rules` that are under way. Each is handed out
    once.
    """

    def __init__(
        self,
        listed: Iterator[FileStat | BadPost],
        paths: Sequence[str] = (),
        rules: SourceRules | None = None,
        readings: Iterator[FileReading] | None = None,
    ) -> None:
        self._listed: Iterator[FileStat | BadPost] | None = listed
        self._paths, self._rules = paths, rules
        self._readings = readings

    def take_listed(self) -> Iterator[FileStat | BadPost] | None:
        """The files, for the first caller; then None."""
        listed, self._listed = self._listed, None
        return listed

    def take_readings(
        self, paths: Sequence[str], rules: SourceRules, hashes: Mapping[str, str]
    ) -> Iterator[FileReading] | None:
        """The readings, if they are the ones asked for; else they are stopped, so that others can begin."""
        if hashes or paths != self._paths or rules != self._rules:
            self.stop()
        readings, self._readings = self._readings, None
        return readings

    def stop(self) -> None:
        """Ends the workers whose readings nobody took."""
        readings, self._readings = self._readings, None
        if close := getattr(readings, "close", None):  # few files have no workers
            close()


_work: Callable[[Any], Any] = unchanged
"""What this process does, if it is a worker."""


def fork_pool(workers: int, work: Callable[[Any], Any]) -> "ProcessPoolExecutor | None":
    """A pool whose workers do `work` of what `_do_work` is given. None where no process can be forked, or
    where it is not safe, since other threads run: they may hold locks that nobody would release in the fork.
    """
    if threading.active_count() > 1:
        return None
    try:
        return start_pool(workers, "fork", _set_work, work)[0]
    except OSError:
        return None


def begin_work(pool: "ProcessPoolExecutor", item: Any) -> Future[Any]:
    """The work of one item, whose result raises BrokenExecutor if a worker has died or dies."""
    try:
        return pool.submit(_do_work, item)
    except BrokenExecutor as error:
        failed: Future[Any] = Future()
        failed.set_exception(error)
        return failed


def _set_work(work: Callable[[Any], Any]) -> None:
    global _work
    _work = work


def _do_work(item: Any) -> Any:
    return _work(item)


def pack_reading(reading: FileReading) -> PackedReading:
    """A reading as `unpack_reading` takes it."""
    result = reading.result
    if not isinstance(result, ParsedPost):
        return reading
    authors = tuple(map(_person_values, result.post.authors))
    parsed = (result.body, result.line, result.container, result.title, result.shifts)
    return tuple(reading.stat), reading.hash, reading.alone, _post_values(result.post), authors, parsed


def unpack_reading(packed: PackedReading) -> FileReading:
    """The reading that `pack_reading` was given."""
    if isinstance(packed, FileReading):
        return packed
    stat, hash, alone, values, authors, (body, line, container, title, shifts) = packed
    post = object.__new__(Post)
    for set_field, value in zip(_SETTERS, values, strict=True):
        set_field(post, value)
    _SET_AUTHORS(post, tuple(map(unpack_person, authors)))
    parsed = ParsedPost(post=post, body=body, line=line, container=container, title=title, shifts=shifts)
    return FileReading(stat=FileStat(*stat), hash=hash, result=parsed, alone=alone)


@lru_cache(maxsize=1024)  # few people write many posts
def unpack_person(values: tuple[Any, ...]) -> Person:
    """The author with these fields."""
    return Person(**dict(zip(_PERSON_FIELDS, values, strict=True)))


def pack_stats(found: Iterable[Found]) -> PackedStats:
    """Found files as `unpack_stats` takes them, with their sizes and times. Asking for those of 100,000 takes
    half a second.
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


def unpack_stats(packed: PackedStats) -> Iterator[FileStat | BadPost]:
    """The files that `pack_stats` was given, in another order."""
    paths, sizes, times, wrong = packed
    yield from map(FileStat, paths, sizes, times)
    yield from wrong
