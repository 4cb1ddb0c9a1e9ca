"""Many files: on every core, in order, and trusted only when they have rested."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from declared import source_rules

from publisher.core.errors import SourceError
from publisher.core.posts.post import BadPost, FileReading, FileStat, ParsedPost
from publisher.sources import FolderSource
from publisher.sources.parallel import (
    CHUNK_SIZE,
    CHUNKS_AHEAD,
    MIN_PARALLEL,
    begin_work,
    fork_pool,
    map_in_order,
    pack_reading,
    results_in_order,
    run_meanwhile,
    unpack_reading,
)

RULES = source_rules(site_url="https://example.org/")
NOW = datetime(2024, 10, 25, 9, tzinfo=UTC)
OLD = (NOW.timestamp() - 3600) * 1e9
MANY = MIN_PARALLEL + 3 * CHUNK_SIZE + 7


def a_folder(folder: Path, number: int) -> FolderSource:
    for n in range(number):
        file = folder / f"{n:04}.md"
        file.write_text(f"---\ntitle: Post {n}\ndate: 2024-01-01\n---\nText {n}.\n", encoding="utf-8")
        os.utime(file, ns=(int(OLD), int(OLD)))
    return FolderSource(folder, RULES, clock=lambda: NOW)


@pytest.mark.parametrize("cores", [1, 2, 3])
def test_work_comes_back_in_order_from_any_number_of_processes(cores: int) -> None:
    found = list(map_in_order(lambda n: (n * n, os.getpid()), range(MANY), cores=cores))
    assert [square for square, _ in found] == [n * n for n in range(MANY)]
    processes = {process for _, process in found}
    assert processes == {os.getpid()} if cores == 1 else os.getpid() not in processes
    assert len(processes) <= cores


def test_few_items_and_threaded_processes_work_alone() -> None:
    assert set(map_in_order(lambda _: os.getpid(), range(MIN_PARALLEL - 1), cores=2)) == {os.getpid()}
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert set(map_in_order(lambda _: os.getpid(), range(MANY), cores=2)) == {os.getpid()}
    finally:
        done.set()
        thread.join()


def test_a_process_that_dies_leaves_its_part_to_us(caplog: pytest.LogCaptureFixture) -> None:
    here = os.getpid()

    def work(n: int) -> int:
        if n == MIN_PARALLEL and os.getpid() != here:
            os._exit(9)
        return n

    assert list(map_in_order(work, range(MANY), cores=2)) == list(range(MANY))
    assert caplog.messages == ["worker_died"]


def test_nothing_is_lost_when_workers_die_before_they_are_asked() -> None:
    pool = fork_pool(2, list)
    assert pool is not None
    for process in multiprocessing.active_children():
        process.kill()
        process.join()
    with pytest.raises(BrokenExecutor):
        begin_work(pool, "x").result()
    results = results_in_order(pool, str, range(3), str)
    assert [*results] == [None, "0", "1", "2"]


def test_who_stops_listening_ends_the_processes() -> None:
    stream = map_in_order(lambda n: "x" * 100_000, range(MANY), cores=2)
    assert isinstance(stream, Iterator)
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # a generator; it joins its processes


class Taken(Sequence[int]):
    """Numbers, and how many of them were taken."""

    def __init__(self, number: int) -> None:
        self.numbers, self.taken = range(number), 0

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: Any) -> Any:
        self.taken = max(self.taken, place.stop or 0)
        return self.numbers[place]


def test_workers_are_a_few_chunks_ahead_of_who_asks_and_no_more() -> None:
    """Memory stays flat however many files there are."""
    items = Taken(2 * CHUNKS_AHEAD * CHUNK_SIZE)
    stream = map_in_order(str, items, cores=2)
    assert items.taken == CHUNKS_AHEAD * CHUNK_SIZE
    assert (next(stream), items.taken) == ("0", (CHUNKS_AHEAD + 1) * CHUNK_SIZE)
    assert list(stream) == [str(n) for n in range(1, len(items))]


POOL = """
import os, signal, sys, threading
from publisher.sources.parallel import start_pool
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
pool, ready = start_pool(1, sys.argv[1], os.getpid)
ready.result()
assert pool.submit(os.getppid).result() == os.getpid()
if sys.argv[2] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
try:
    os.killpg(0, signal.SIGINT)
    threading.Event().wait()
except KeyboardInterrupt:
    assert pool.submit(os.getppid).result() == os.getpid()
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_a_worker_leaves_ctrl_c_to_its_parent_and_ends_with_it(method: str, how: str) -> None:
    command = [sys.executable, "-c", POOL, method, how]
    # It returns when nobody has the pipes any more: no worker is left.
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, start_new_session=True)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL if how == "killed" else 0, "")
    # Python removes the semaphores of a process that was killed, and says so.
    assert done.stderr == "" or ((method, how) == ("spawn", "killed") and "leaked semaphore" in done.stderr)


def test_a_folder_read_ahead_is_the_folder_read_when_asked(tmp_path: Path) -> None:
    source = a_folder(tmp_path, MANY)
    (tmp_path / "0007.md").write_bytes(b"\0")
    with source.ahead():
        listed = sorted(file.path for file in source.files() if isinstance(file, FileStat))
        (tmp_path / "new.md").write_text("---\ntitle: New\n---\n", encoding="utf-8")
        source.fingerprint(listed)
        begun = list(source.read_many(listed, {}))
        later = sorted(file.path for file in source.files() if isinstance(file, FileStat))
        assert later == [*listed, "new.md"]
        source.fingerprint(listed)
        assert list(source.read_many(listed, {})) == begun
    rules = source.resolve_rules(listed)
    assert [reading.result for reading in begun] == [source.read(path, rules) for path in listed]


@pytest.mark.parametrize("hashes", [{}, {"0000.md": "0" * 64}])
def test_what_was_not_read_ahead_is_read_when_asked(tmp_path: Path, hashes: dict[str, str]) -> None:
    source = a_folder(tmp_path, MANY)
    with source.ahead():
        paths = sorted(file.path for file in source.files() if isinstance(file, FileStat))[1 - len(hashes) :]
        source.fingerprint(paths)
        assert [reading.stat.path for reading in source.read_many(paths, hashes)] == paths
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # no process of those who read ahead is left


def test_a_folder_that_is_not_there_is_missed_by_who_looks(tmp_path: Path) -> None:
    source = FolderSource(tmp_path / "none", RULES)
    with source.ahead(), pytest.raises(SourceError):
        source.files()


def test_a_folder_listed_ahead_is_the_folder_listed_when_asked(tmp_path: Path) -> None:
    source = a_folder(tmp_path, 5)
    (tmp_path / "link.md").symlink_to("0001.md")
    (tmp_path / "out.md").symlink_to("/etc/hostname")
    (tmp_path / "gone.md").symlink_to("nothing.md")
    listed = sorted(map(repr, source.files()))
    other = FolderSource(tmp_path, RULES, clock=lambda: NOW)
    with other.listed_ahead():
        assert sorted(map(repr, other.files())) == listed
        (tmp_path / "new.md").write_text("---\ntitle: New\n---\n", encoding="utf-8")
        assert len([*other.files()]) == len(listed) + 1  # what was listed ahead is given once
    # What changes where nobody sees it is looked at again, by this process too.
    assert {file.path for file in other.at([])[1]} == {"link.md", "out.md", "gone.md"}
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_listing_that_dies_or_is_not_asked_for_costs_nothing(tmp_path: Path) -> None:
    source, here = a_folder(tmp_path, 3), os.getpid()
    listing = source._list_packed

    def dies() -> Any:
        if os.getpid() != here:
            os._exit(9)
        return listing()

    source._list_packed = dies  # type: ignore[method-assign]
    with source.listed_ahead():
        assert len([*source.files()]) == 3
    with source.listed_ahead():
        pass
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_who_looks_is_told_of_a_folder_that_is_not_there_to_be_listed_ahead(tmp_path: Path) -> None:
    source = FolderSource(tmp_path / "none", RULES)
    with source.listed_ahead(), pytest.raises(SourceError):
        [*source.files()]


def test_work_is_done_meanwhile_and_where_threads_run_when_it_is_asked_for() -> None:
    with run_meanwhile(os.getpid) as process:
        assert process() != os.getpid()
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        with run_meanwhile(os.getpid) as process:
            assert process() == os.getpid()
    finally:
        done.set()
        thread.join()


def test_files_read_on_every_core_are_those_read_alone(tmp_path: Path) -> None:
    source = a_folder(tmp_path, MANY)
    (tmp_path / "0007.md").write_bytes(b"\0")
    paths = sorted(file.path for file in source.files() if isinstance(file, FileStat))
    many = list(source.read_many(paths, {}))
    assert [reading.result for reading in many] == list(source.scan())
    assert isinstance(many[7].result, BadPost)
    assert {len(reading.hash) for reading in many} == {64}


def test_a_file_of_a_known_hash_is_not_parsed(tmp_path: Path) -> None:
    source = a_folder(tmp_path, 2)
    first, second = source.read_many(["0000.md", "0001.md"], {})
    known = {"0000.md": first.hash, "0001.md": first.hash}
    again = list(source.read_many(["0000.md", "0001.md"], known))
    assert again == [FileReading(stat=first.stat, hash=first.hash, result=None), second]
    assert isinstance(second.result, ParsedPost)


def test_a_file_written_just_now_is_not_trusted_by_its_stamp(tmp_path: Path) -> None:
    source = a_folder(tmp_path, 2)
    just = int((NOW.timestamp() - 1) * 1e9)
    os.utime(tmp_path / "0001.md", ns=(just, just))
    stamps = {
        reading.stat.path: reading.stat.mtime_ns for reading in source.read_many(["0000.md", "0001.md"], {})
    }
    assert stamps == {"0000.md": int(OLD), "0001.md": 0}
    listed = {file.path: file.mtime_ns for file in source.files() if isinstance(file, FileStat)}
    assert listed == {"0000.md": int(OLD), "0001.md": just}


def test_a_post_that_shows_a_file_beside_it_is_never_trusted(tmp_path: Path) -> None:
    (tmp_path / "p.md").write_text(
        "---\ntitle: P\ndate: 2024-01-01\n---\n![A cat](cat.png)\n", encoding="utf-8"
    )
    rules = source_rules(site_url="https://example.org/", pages=True)
    (reading,) = FolderSource(tmp_path, rules, clock=lambda: NOW).read_many(["p.md"], {})
    assert (reading.alone, isinstance(reading.result, ParsedPost)) == (False, True)


def test_the_fingerprint_names_the_rules_and_the_folder(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    prints = {
        FolderSource(folder, source_rules(site_url=url)).fingerprint([])
        for folder in (one, other)
        for url in ("https://example.org/", "https://example.com/")
    }
    assert len(prints) == 4
    assert FolderSource(one, RULES).fingerprint([]) in prints


def test_a_reading_is_the_same_in_another_process(tmp_path: Path) -> None:
    source = a_folder(tmp_path, 3)
    (tmp_path / "0001.md").write_text(
        "---\ntitle: T\ndate: 2024-01-01\nauthor: Jo <jo@example.org>\ntags: [a, b]\nimage: c.png\n---\n"
    )
    (tmp_path / "0002.md").write_bytes(b"\0")
    for reading in source.read_many(["0000.md", "0001.md", "0002.md"], {}):
        assert unpack_reading(pickle.loads(pickle.dumps(pack_reading(reading)))) == reading  # noqa: S301  # what we wrote
