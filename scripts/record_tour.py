"""Types the five-minute tour of the README on a terminal of 80 and of 40 columns, and writes what it showed
into docs/images: with colors as SVG, without as text. `python scripts/record_tour.py`.
"""

import fcntl
import os
import pty
import re
import struct
import sys
import tempfile
import termios
from collections.abc import Iterator
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
COLORS = {"31": "#c4314b", "32": "#2e7d32", "33": "#a15c00", "36": "#00708a"}
STYLES = {"0": "", "1": ' font-weight="bold"'} | {code: f' fill="{color}"' for code, color in COLORS.items()}
CELL, LINE, MARGIN = 8.4, 18, 16
"""Pixels of a character's width, of a line's height, and around the text."""


def commands() -> Iterator[str]:
    """What the section tells to type; a command that goes over lines is one. `publisher run` never ends."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Your first newsletter in five minutes")[2].partition("\n## ")[0]
    for block in re.findall(r"^```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
        for typed in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            if typed.strip() != "publisher run":
                yield typed.rstrip("\n")


def shown(command: str, folder: Path, columns: int, environ: dict[str, str]) -> tuple[str, Path]:
    """What a command writes to a terminal, and the folder that the shell is in afterwards."""
    where = folder.parent / ".where"
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    pid = os.fork()
    if not pid:
        os.chdir(folder)
        os.dup2(there, 1)
        os.dup2(there, 2)
        script = f"{command}\ncode=$?\npwd > '{where}'\nexit $code"
        os.execve("/bin/bash", ["bash", "-c", script], environ)  # noqa: S606  # commands of our own README
    os.close(there)
    data = b""
    try:
        while part := os.read(here, 65_536):
            data += part
    except OSError:  # so Linux says that nobody has the terminal open any more
        pass
    os.close(here)
    if code := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
        raise SystemExit(f"{command}: {code}\n{data.decode()}")
    return data.decode().replace("\r\n", "\n"), Path(where.read_text().strip())


def recording(columns: int, *, color: bool) -> str:
    """The whole tour as it scrolls by."""
    with tempfile.TemporaryDirectory() as made:
        bin, folder = Path(made) / "bin", Path(made) / "home"
        bin.mkdir()
        folder.mkdir()
        program = bin / "publisher"
        program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m publisher "$@"\n')
        program.chmod(0o755)
        environ = {k: v for k, v in os.environ.items() if not k.startswith("PUBLISHER_") and k != "NO_COLOR"}
        environ |= {"PATH": f"{bin}:{environ['PATH']}", "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        environ |= {} if color else {"NO_COLOR": "1"}
        said = ""
        for command in commands():
            output, folder = shown(command, folder, columns, environ)
            said += f"$ {command}\n{output}"
    return said


def wrapped(line: str, columns: int) -> list[str]:
    """A line as the terminal breaks it; codes take no room."""
    rows, used = [""], 0
    for piece in re.findall(r"\x1b\[[\d;]*m|.", line):
        if piece.startswith("\x1b"):
            rows[-1] += piece
            continue
        if used == columns:
            rows.append("")
            used = 0
        rows[-1] += piece
        used += 1
    return rows


def svg(said: str, columns: int) -> str:
    """The recording as a picture of the window."""
    rows = [row for line in said.rstrip("\n").split("\n") for row in wrapped(line, columns)]
    width, height = round(columns * CELL + 2 * MARGIN), len(rows) * LINE + 2 * MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="The five-minute tour in a terminal">',
        f'<rect width="{width}" height="{height}" rx="8" fill="#fbfaf7" stroke="#d8d4c8"/>',
        '<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" fill="#1f2328" '
        'xml:space="preserve">',
    ]
    style = ""
    for number, row in enumerate(rows):
        spans = ""
        for code, text in re.findall(r"(?:\x1b\[([\d;]*)m)?([^\x1b]*)", row):
            if code:
                style = (
                    "" if code == "0" else ' font-weight="bold"' if code == "1" else f' fill="{COLORS[code]}"'
                )
            spans += f"<tspan{style}>{escape(text)}</tspan>" if text and style else escape(text)
        y = MARGIN + (number + 1) * LINE - 4
        lines.append(f'<text x="{MARGIN}" y="{y}">{spans}</text>')
    return "\n".join([*lines, "</g>", "</svg>"]) + "\n"


if __name__ == "__main__":
    for columns in (80, 40):
        (IMAGES / f"tour-{columns}.svg").write_text(svg(recording(columns, color=True), columns), "utf-8")
        (IMAGES / f"tour-{columns}.txt").write_text(recording(columns, color=False), "utf-8")
