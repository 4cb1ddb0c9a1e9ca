"""Plain English: none of the riddles that readers of earlier versions stumbled over comes back."""

import ast
import re
from collections.abc import Iterator

from paths import ROOT

from publisher.rendering.languages import read_catalog

RIDDLES = {
    r"what (it|the server|they) said to whom": "replies for the recipients it refused",
    r"\bto be told of\b|\bnot told of\b": "to notify",
    r"\bblames? nobody\b": "a refusal with no clear cause",
    r"\bmend (it|that|the|this)\b|\bonce mended\b": "fix",
    r"\bsay it again\b": "try again",
    r"\bby the clock of\b": "time zone",
    r"\bhope you, asked\b": "You (or someone using your address) asked",
    r"\bone click left\b|\ba pause\?|\bwhat about\?": "Confirm your subscription, Pause emails, Topics",
    r"\bno reader of it\b|\bon no such list\b": "not subscribed to this list",
    r"(?<!there )\bis no (reader|draft|digest|address|key|text|folder|file|selector)\b": "is not a",
    r"\bthere is no way back\b": "this cannot be undone",
    r"\bat its next look\b": "at its next check",
    r"\bnothing is in doubt\b|\bno doubt for long\b": "no outcome is unknown",
    r"\bgoes by other settings\b": "uses other settings",
    r"\basks? for nobody's\b|\bnobody's habits\b": "applies no generator's conventions",
    r"\bhow mail leaves the house\b": "outgoing mail",
    r"\bwhat we hold to\b|\bfor those who change it\b": "Conventions, For contributors",
    r"\bwhy one might want it\b|^look at it$": "Why Publisher, Try it",
    r"\blines are shared out\b": "connections are distributed",
    r"\bno head will do\b": "a file without a header row also works",
    r"\bin a time to come\b": "up to a future date",
    r"\bdrain\b": "send everything that is due",
    r"\btake(s)? a pause\b|\btaking a pause\b": "pause",
    r"\bby email by email\b": "by email",
}
"""As a pattern: what a native speaker would write instead."""


def messages() -> Iterator[tuple[str, str]]:
    """(where, text) of what the program says: strings in its code, though not docstrings."""
    for file in sorted((ROOT / "publisher").rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        silent = {
            id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
        }  # docstrings, of values too
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
                yield f"{file.relative_to(ROOT)}:{node.lineno}", node.value


def words_of_mails_and_pages() -> Iterator[tuple[str, str]]:
    file = ROOT / "templates" / "languages" / "de.po"  # which has every message, as a test of it shows
    for message in read_catalog(file):
        for text in message.id if isinstance(message.id, tuple) else (message.id,):
            yield f"templates: {text}", text


def prose() -> Iterator[tuple[str, str]]:
    """The lines of every page that is kept for users; decisions and the changelog tell of other times."""
    pages = [page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "decisions"]
    for page in (*pages, *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"))):
        for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
            yield f"{page.relative_to(ROOT)}:{number}", line.lstrip("# ")


def test_no_heading_or_message_is_a_riddle() -> None:
    plain = {re.compile(riddle, re.IGNORECASE): better for riddle, better in RIDDLES.items()}
    found = [
        f"{where}: {riddle.pattern!r}: write {better!r}"
        for where, text in (*messages(), *words_of_mails_and_pages(), *prose())
        for riddle, better in plain.items()
        if riddle.search(text)
    ]
    assert found == []


def test_every_word_of_the_glossary_is_there_once() -> None:
    page = (ROOT / "docs/reference/words.md").read_text("utf-8")
    words = [
        word
        for row in re.findall(r"^\| (\*\*.+?) \|", page, re.MULTILINE)
        for word in re.findall(r"\*\*(.+?)\*\*", row)
    ]
    assert len(words) == len(set(words)) > 40
