"""What is printed goes through one door, which takes control characters out."""

import re

from paths import ROOT

CLI = ROOT / "publisher" / "cli"
OWN = {
    "common.py",  # the door
    "__init__.py",  # errors, when nothing else is loaded; they are made printable there
}


def test_no_command_prints_by_itself() -> None:
    prints = re.compile(r"\bclick\.(?:echo|secho|confirm|prompt)\(|\bprint\(|sys\.stdout\.write")
    found = [
        f"{file.name}: {line.strip()}"
        for file in CLI.rglob("*.py")
        if file.name not in OWN
        for line in file.read_text("utf-8").splitlines()
        if prints.search(line)
    ]
    assert found == []


def test_what_the_door_itself_hands_on_is_printable() -> None:
    lines = [line.strip() for name in OWN for line in (CLI / name).read_text("utf-8").splitlines()]
    handed = [line for line in lines if re.search(r"click\.(?:echo|confirm)\(", line)]
    fixed = re.compile(
        r'click\.echo\("[^{]*"|click\.echo\("\\n|printable\(|_json\(|whole\.removesuffix'
        r"|click\.echo\((line|command\.get_help\(context\)), color"  # of printable cells; our own words
    )
    assert [line for line in handed if not fixed.search(line)] == []
