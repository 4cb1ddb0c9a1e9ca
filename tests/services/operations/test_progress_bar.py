"""The bar on a terminal: what it says in the width there is; and a real one, on a pseudo-terminal."""

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import sqlite3
import struct
import sys
import termios
from contextlib import closing, suppress
from pathlib import Path

import pytest
from mailsite import START, MailSite, readers

from publisher.cli import progress, publisher
from publisher.cli.help import STYLE
from publisher.cli.progress import PLAIN, BarStyle, line
from publisher.stores import backup


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (80, "delivering  ━━━━━━━━━━━━━╸──────────────    734 of 1,500     306/s     3 s left"),
        (60, "delivering  ━━━━━━━━━─────────    734 of 1,500     3 s left"),
        (40, "delivering  ━━━━────   49%     3 s left"),
        (30, "delivering  ━━━━━╸─────   49%"),
        (12, "49%"),
    ],
)
def test_the_more_room_the_more_is_said(columns: int, text: str) -> None:
    assert line("delivering", 734, 1500, 2.4, columns) == text
    assert len(text) < columns


@pytest.mark.parametrize(
    ("seconds", "left"),
    [(40, "5 min left"), (4_000, "8.1 h left"), (300_000, "25 days left"), (400, "49 min left")],
)
def test_long_times_are_told_in_large_units(seconds: float, left: str) -> None:
    assert line("delivering", 120_000, 1_000_000, seconds, 80).endswith(left)
    assert len(line("delivering", 120_000, 1_000_000, seconds, 80)) < 81


def test_nothing_is_guessed_in_the_first_second_or_of_an_unknown_number() -> None:
    assert line("delivering", 9, 1500, 0.2, 40) == "delivering  ────────    1%"
    assert line("importing", 120_000, None, 4, 40) == "importing  120,000  30,000/s"
    assert line("delivering", 1500, 1500, 4, 40) == "delivering  ━━━━━━━━  100%"


def test_colours_change_no_width_and_a_poor_terminal_has_signs_of_its_own() -> None:
    drawn = line("delivering", 734, 1500, 2.4, 40, BarStyle(colored=True))
    assert re.sub("\x1b\\[[0-9;]*m", "", drawn) == line("delivering", 734, 1500, 2.4, 40)
    assert "\x1b[32m━━━━\x1b[0;2m────\x1b[0m" in drawn
    assert line("delivering", 734, 1500, 2.4, 40, BarStyle(marks=PLAIN)) == (
        "delivering  ====----   49%     3 s left"
    )


@pytest.mark.parametrize(("columns", "colour"), [(80, True), (40, False)])
def test_a_real_terminal_shows_it_in_one_line_and_is_left_clean(
    tmp_path: Path, columns: int, colour: bool
) -> None:
    site = MailSite(tmp_path / "site", readers(300))
    shown = _on_a_terminal(
        columns, ["deliver", "--site", str(site.folder), "--at", START.isoformat()], colour
    )
    drawings = shown.split("\r")
    bars = [re.sub("\x1b\\[[0-9;]*[mK]", "", text) for text in drawings if text.startswith("delivering")]
    assert bars
    assert all(len(text) < columns for text in bars)
    assert ("\x1b[32m" in shown) == colour
    said = "\x1b[32mdelivered\x1b[0m" if colour else "delivered"
    assert shown.endswith(f"\r\x1b[K{said}: 300 accepted\r\n")
    assert "\x1b[?25l" not in shown, "a kill must not leave the terminal without a cursor"


def _on_a_terminal(columns: int, args: list[str], colour: bool) -> str:
    """What `publisher` writes to a terminal of so many columns."""
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environ = (
        os.environ | {"TERM": "xterm", "PYTHONIOENCODING": "utf-8"} | ({} if colour else {"NO_COLOR": "1"})
    )
    environ = {name: value for name, value in environ.items() if not (colour and name == "NO_COLOR")}
    command = [sys.executable, "-m", "publisher", *args]
    pid = os.posix_spawn(
        sys.executable,
        command,
        environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, there, 1), (os.POSIX_SPAWN_DUP2, there, 2)],
    )
    os.close(there)
    data = b""
    try:
        while part := os.read(here, 65_536):
            data += part
    except OSError:  # so Linux says that nobody has the terminal open any more
        pass
    os.close(here)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return data.decode()


class Terminal(io.StringIO):
    """A terminal of 80 columns that never fills up."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 2


def test_each_command_that_may_take_long_shows_bars_and_leaves_none_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = MailSite(tmp_path / "site", readers(3))
    (tmp_path / "ghost.json").write_text(json.dumps({"db": [{"data": {"posts": [
        {"id": "1", "title": "A", "slug": "a", "html": "<p>A</p>", "status": "published", "type": "post"}
    ]}}]}), "utf-8")  # fmt: skip
    old = tmp_path / "old"
    old.mkdir()
    (old / "feed.json").write_text('{"version": "https://jsonfeed.org/version/1.1", "items": []}', "utf-8")
    at, there = ["--site", str(site.folder)], str(tmp_path / "out")
    shown_by = {
        "check": (
            [*at, "check", "--at", START.isoformat()],
            ("reading posts  ", "checking mails of lists  "),
        ),
        "backup": ([*at, "backup", str(tmp_path / "b.tar")], ("copying the store, MB  ",)),
        "adopt": ([*at, "adopt", str(old)], ("reading feeds  ", "reading posts  ")),
        "convert": (["convert", "ghost", str(tmp_path / "ghost.json"), there], ("converting posts  ",)),
        "simulate": ([*at, "simulate", "--to", "+3d"], ("simulating hours  ",)),
    }
    monkeypatch.setattr(progress, "SHOWN_AFTER", 0.0)
    monkeypatch.setattr(progress, "REDRAW_EVERY", 0.0)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((80, 24)))
    monkeypatch.setenv("TERM", "xterm")
    for name, (args, labels) in shown_by.items():
        for quiet in (True, False):  # quiet first: the last backup and conversion replace nothing
            terminal = Terminal()
            monkeypatch.setattr(sys, "stderr", terminal)
            STYLE.reset()
            with suppress(SystemExit):
                publisher(["--quiet", *args] if quiet else args, standalone_mode=False)
            shown = terminal.getvalue()
            if quiet:
                assert "\r" not in shown, name
                (tmp_path / "b.tar").unlink(missing_ok=True)
            else:
                assert all(label in shown for label in labels), (name, shown)
                assert "\r" not in shown.rpartition("\r\x1b[K")[2], name


def test_writes_do_not_restart_the_copy_of_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "live.db"
    with closing(sqlite3.connect(place, isolation_level=None)) as live:
        live.execute("PRAGMA journal_mode = WAL")
        live.execute("CREATE TABLE entries (words)")
        live.executemany("INSERT INTO entries VALUES (?)", [("x" * 3000,)] * 40)
        steps: list[int] = []

        def write(_step: str, done: int, _of: int) -> None:
            steps.append(done)
            assert len(steps) < 100, "the copy begins anew"
            live.execute("INSERT INTO entries VALUES ('late')")

        monkeypatch.setattr(backup, "PAGES_AT_ONCE", 1)
        backup.copy_store(f"sqlite:///{place}", tmp_path / "copy.db", write)
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert len(steps) > 40
        assert copy.execute("SELECT count(*) FROM entries").fetchone() == (40,)


def test_a_publish_that_takes_long_shows_what_it_does_and_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = MailSite(tmp_path / "site", []).app()
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    monkeypatch.setattr(progress, "SHOWN_AFTER", 0.0)
    monkeypatch.setattr(progress, "REDRAW_EVERY", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    (app.settings.posts.dir / "more.md").write_text(
        "---\ntitle: More\ndate: 2020-10-01\n---\nWords.\n", "utf-8"
    )
    with os.fdopen(there, "w", encoding="utf-8") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        with progress.showing_progress(app):
            app.publish()
    shown = b""
    with contextlib.suppress(OSError):  # so Linux says that nobody has the terminal open any more
        while part := os.read(here, 65_536):
            shown += part
    os.close(here)
    app.close()
    for text in ("reading posts  ", "2 of 2", "writing  "):
        assert text.encode() in shown
    assert shown.endswith(b"\r\x1b[K")
