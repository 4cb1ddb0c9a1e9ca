"""The bar on a terminal: what it says in the width there is; and a real one, on a pseudo-terminal."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from pathlib import Path

import pytest
from mailsite import START, MailSite, readers

from publisher.cli import progress
from publisher.cli.progress import PLAIN, BarStyle, line


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
        shown = os.read(here, 65_536).decode()
    os.close(here)
    app.close()
    assert "reading posts  " in shown
    assert "2 of 2" in shown
    assert "writing  " in shown
    assert shown.endswith("\r\x1b[K")
