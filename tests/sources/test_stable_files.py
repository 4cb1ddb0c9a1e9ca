"""Files at rest: what is still being written is not read, and nobody is told that it was bad."""

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest
from declared import source_rules

from publisher.core.posts.post import BadPost, ParsedPost
from publisher.sources import FolderSource, StabilityCheck
from publisher.sources.file_reading import read_stable

RULES = source_rules(site_url="https://blog.example/")
GOOD = "---\ntitle: A\ndate: 2024-01-02\n---\nBody\n"
WRITTEN = 1_700_000_000.0


class Seen:
    """A folder with one post, written at WRITTEN, and looks at it at other times."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "a.md"
        self.now = WRITTEN
        self.write(GOOD)
        self.source = FolderSource(folder, RULES, rest=StabilityCheck(0.1, lambda: self.now))

    def write(self, text: str) -> None:
        self.file.write_text(text)
        os.utime(self.file, (WRITTEN, WRITTEN))

    def look(self, after: float) -> ParsedPost | BadPost:
        """What is found so many seconds after WRITTEN."""
        self.now = WRITTEN + after
        [found] = self.source.scan()
        return found


UNSETTLED = BadPost(path="a.md", reason="is being written", unsettled=True)


@pytest.fixture
def seen(tmp_path: Path) -> Seen:
    return Seen(tmp_path)


def test_a_file_is_read_once_nobody_wrote_to_it_for_a_while(seen: Seen) -> None:
    assert seen.look(0.0) == seen.look(0.099) == UNSETTLED
    assert isinstance(seen.look(0.101), ParsedPost)


def test_without_a_rest_it_is_read_at_once(seen: Seen, tmp_path: Path) -> None:
    [found] = FolderSource(tmp_path, RULES).scan()
    assert isinstance(found, ParsedPost)


def test_an_emptied_file_is_given_a_minute_to_be_written(seen: Seen) -> None:
    seen.write("")
    assert seen.look(1) == seen.look(59.9) == UNSETTLED
    found = seen.look(60.1)
    assert isinstance(found, BadPost)
    assert found.empty


@pytest.mark.skipif(not hasattr(fcntl, "F_SETLEASE"), reason="only Linux tells who has a file open")
def test_a_file_open_for_writing_is_waited_for_but_not_for_ever(seen: Seen) -> None:
    with seen.file.open("a"):
        assert seen.look(1) == seen.look(59.9) == UNSETTLED
        assert isinstance(seen.look(60.1), ParsedPost)
        assert seen.look(1) == UNSETTLED
    assert isinstance(seen.look(1), ParsedPost)


def test_a_file_open_for_reading_is_at_rest(seen: Seen) -> None:
    with seen.file.open():
        assert isinstance(seen.look(1), ParsedPost)


def test_a_file_dated_ahead_is_at_rest_when_it_stays_the_same(seen: Seen) -> None:
    assert seen.look(-500) == seen.look(-499.95) == UNSETTLED
    seen.write(GOOD + "More.\n")
    assert seen.look(-499.9) == seen.look(-499.85) == UNSETTLED
    assert isinstance(seen.look(-499.75), ParsedPost)
    assert isinstance(seen.look(-400), ParsedPost)


def test_a_file_that_goes_while_the_folder_is_read_is_not_bad(seen: Seen) -> None:
    seen.now = WRITTEN + 1
    found = seen.source.scan()
    seen.file.unlink()
    assert list(found) == [UNSETTLED]


def test_a_link_that_leads_nowhere_is_bad(seen: Seen) -> None:
    seen.file.unlink()
    seen.file.symlink_to("gone.md")
    found = seen.look(1)
    assert isinstance(found, BadPost)
    assert not found.unsettled
    assert found.reason == "cannot be read (No such file or directory); fix or remove it"


def test_a_post_waits_for_a_picture_that_is_being_written(seen: Seen, tmp_path: Path) -> None:
    rules = source_rules(site_url="https://blog.example/", pages=True)
    seen.source = FolderSource(tmp_path, rules, rest=StabilityCheck(0.1, lambda: seen.now))
    seen.write(GOOD + "![A](a.png)\n")
    picture = tmp_path / "a.png"
    picture.write_bytes(b"half")
    os.utime(picture, (WRITTEN + 5, WRITTEN + 5))
    assert seen.look(5.05) == UNSETTLED
    found = seen.look(5.2)
    assert isinstance(found, ParsedPost)
    assert [asset.path for asset in found.post.assets] == ["a.png"]


@pytest.mark.parametrize("likely", [0, 5, 10_000])
def test_a_file_is_read_whole_whatever_size_it_seemed_to_have(tmp_path: Path, likely: int) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"0123456789" * 1000)
    number = os.open(file, os.O_RDONLY)
    try:
        fields = list(os.fstat(number))
        fields[stat.ST_SIZE] = likely
        data = read_stable(number, os.stat_result(fields), None, 100_000)
    finally:
        os.close(number)
    assert data == file.read_bytes()


def test_no_more_of_a_file_is_read_than_is_wanted(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"0123456789" * 1000)
    number = os.open(file, os.O_RDONLY)
    try:
        assert read_stable(number, os.fstat(number), None, 9_001) == file.read_bytes()[:9_001]
    finally:
        os.close(number)


def test_where_the_system_cannot_tell_who_writes_a_file_it_must_be_left_alone_for_longer(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a file of another user (EACCES), and on file systems without leases (EINVAL)."""
    real, codes = fcntl.fcntl, [errno.EACCES]

    def refuse(handle: int, what: int, value: int = 0) -> int:
        if what == fcntl.F_SETLEASE:
            raise OSError(codes[-1], os.strerror(codes[-1]))
        return real(handle, what, value)

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    for code in (errno.EACCES, errno.EINVAL):
        codes.append(code)
        seen.write(GOOD)
        assert seen.look(0.2) == seen.look(1.9) == UNSETTLED
        assert isinstance(seen.look(2.1), ParsedPost)
        seen.write(GOOD.rstrip("\n"))
        assert seen.look(2.1) == seen.look(9.9) == UNSETTLED, "it ends in the middle of a line"
        assert isinstance(seen.look(10.1), ParsedPost)
        seen.write(GOOD)
        assert seen.look(0.2) == UNSETTLED
        seen.write(f"{GOOD}More.\n")
        assert seen.look(3.0) == UNSETTLED, "it grew since it was looked at"
        assert isinstance(seen.look(10.1), ParsedPost)


def test_a_file_of_another_user_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    """A real one: nobody but root and its owner may ask whether it is open."""
    if os.geteuid() != 0:
        pytest.skip("needs another user")
    file = tmp_path / "a.md"
    file.write_text(GOOD)
    now = file.stat().st_mtime + 1
    handle = os.open(file, os.O_RDONLY)
    child = os.fork()
    if child == 0:
        os.setresuid(65534, 65534, 65534)
        check = StabilityCheck(0.1, lambda: now)
        os._exit(0 if not check.is_stable(handle, os.fstat(handle)) else 1)
    os.close(handle)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
