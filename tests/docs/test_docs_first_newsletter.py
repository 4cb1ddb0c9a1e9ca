"""The README's five minutes, typed as they stand there, on whatever day it is."""

import email
import os
import re
import subprocess
import sys
from pathlib import Path

from paths import ROOT


def typed() -> str:
    """What the section tells to type, as one script; `publisher run` does not end by itself."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Your first newsletter in five minutes")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).splitlines()
    assert "$ publisher run" in lines
    return "\n".join(line.removeprefix("$ ") for line in lines if line != "$ publisher run")


def test_the_first_newsletter_of_the_readme_goes_out_on_any_day(tmp_path: Path) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "publisher").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m publisher "$@"\n', "utf-8")
    (commands / "publisher").chmod(0o755)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PUBLISHER_")}
    environ["PATH"] = f"{commands}{os.pathsep}{environ['PATH']}"
    script = "set -e\n" + typed() + "\necho ---\npublisher publish\n"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [mail] = (tmp_path / "mysite" / "outbox").glob("*.eml")
    message = email.message_from_bytes(mail.read_bytes())
    assert message["To"] == "ann@example.org"
    assert "Low tide at seven" in message["Subject"]
    assert "withdrawn" not in done.stderr
    assert "the log is ahead of the clock" in done.stderr
    assert "deleted-entry" not in (tmp_path / "mysite" / "public" / "feed.atom").read_text("utf-8")


def test_no_command_that_the_pages_tell_to_type_holds_a_date_of_a_calendar() -> None:
    for page in sorted([*ROOT.glob("README.md"), *ROOT.glob("docs/how-to/*.md")]):
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"^ *```console\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
            typed_here = [line for line in block.splitlines() if line.lstrip().startswith(("$", "#"))]
            assert not re.search(r"--(at|from|to) 20\d\d", "\n".join(typed_here)), page.name
