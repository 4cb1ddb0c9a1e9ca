"""Locks: one holder at a time, named to the others, let go however it ends."""

import os
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import pytest
from paths import ROOT

from publisher.core.errors import OutputError, Refused
from publisher.stores.files.locks import is_locked, lock

HOLDER = """
import sys, time
from pathlib import Path
from publisher.stores.files.locks import lock
with lock(Path(sys.argv[1]), wait=False):
    print("held", flush=True)
    sys.stdin.read()
"""


def refused(path: Path, pid: int) -> None:
    with pytest.raises(Refused) as caught, lock(path, wait=False):
        pass
    reason = f"{path}: another publisher (pid {pid}) holds it; wait until it is done, or stop it"
    assert str(caught.value) == reason


def test_who_comes_second_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    path = tmp_path / ".publisher" / "run.lock"
    with lock(path, wait=False):
        refused(path, os.getpid())
        with lock(tmp_path / "other.lock", wait=False):
            pass
    with lock(path, wait=False):
        pass


def test_a_lock_is_let_go_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock(tmp_path / "a.lock", wait=False):
        raise ZeroDivisionError
    with lock(tmp_path / "a.lock", wait=False):
        assert (tmp_path / "a.lock").read_text() == str(os.getpid())
    assert (tmp_path / "a.lock").read_text() == ""


def test_a_thread_waits_for_another_says_so_once_and_goes_on(tmp_path: Path) -> None:
    path, waiting, said, order = tmp_path / "a.lock", Event(), list[str](), list[str]()

    def second() -> None:
        with lock(path, wait=True, on_wait=lambda who: (said.append(who), waiting.set())[0]):
            order.append("second")

    thread = Thread(target=second)
    with lock(path, wait=True, on_wait=said.append):
        thread.start()
        assert waiting.wait(10)
        order.append("first")
    thread.join(10)
    assert (said, order) == ([f"another publisher (pid {os.getpid()})"], ["first", "second"])


def test_another_process_is_kept_out_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        refused(path, holder.pid)
        holder.kill()
        holder.wait(10)
        with lock(path, wait=False):
            pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(
            OutputError, match=r"file/a\.lock: is below a file, not a folder; move that file away$"
        ),
        lock(tmp_path / "file" / "a.lock", wait=True),
    ):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with (
        pytest.raises(
            OutputError, match=r"a\.lock: is not writable; give this user permission to write there$"
        ),
        lock(tmp_path / "a.lock", wait=True),
    ):
        pass


def test_a_folder_that_was_moved_away_is_made_again_only_where_that_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "state" / "publish.lock"
    with pytest.raises(OutputError, match="is missing"), lock(path, wait=False, creates=False):
        pass
    assert not path.parent.exists()
    with lock(path, wait=False):
        assert path.exists()


def test_whether_a_lock_is_held_can_be_asked_and_takes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "schedule.lock"
    assert not is_locked(path)
    assert not path.exists()
    with lock(path, wait=False):
        assert is_locked(path)
    assert not is_locked(path)
    with lock(path, wait=False):
        pass
