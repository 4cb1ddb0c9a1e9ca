"""What the pages tell to type is typed, on whatever day it is: each block of commands in a site that has what
its page speaks of, each piece of settings as a site's own, and the code of what to add where.
"""

import gzip
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from paths import ROOT

from publisher.cli import publisher
from publisher.config import load
from publisher.core.errors import PublisherError
from publisher.core.feeds.feed import Feed, FeedEntry
from publisher.core.subscribers import cadences
from publisher.core.subscribers.subscription import Schedule

PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "docs/reference/bodies.md")),
        *ROOT.glob("docs/how-to/*.md"),
        *ROOT.glob("docs/explanation/*.md"),
    ]
)
AT = datetime(2026, 11, 30, 8, tzinfo=UTC)
FENCE = re.compile(r"^( *)```(console|toml|python)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LISTMONK = (
    '{{"data": {{"results": [{{"email": "{}@example.org", "status": "enabled", "lists": '
    '[{{"id": 3, "subscription_status": "confirmed"}}]}}], "total": 1}}}}'
)
NEW = f"---\ntitle: Ebb\ndate: {datetime.now(UTC):%Y-%m-%d}\n---\nNew.\n"
DAILY = 'from = "Low Water <news@example.org>"\ncadence = "daily"\n'

ELSEWHERE = frozenset(
    [
        *("cat", "cd", "chown", "curl", "docker", "git", "journalctl", "make", "pip", "python3", "rsync"),
        *("systemctl", "useradd", "cp", "createuser", "createdb", "pg_dump"),
    ]
)
"""Programs that these pages call beside ours: what they do is not for us to try."""

WAITS = (["run"], ["demo"], ["preview", "daily", "--serve"], ["reload"])
"""Commands that serve until they are stopped, or speak to one that does; they are tried in tests/e2e."""

FILES: Mapping[str, bytes] = {
    "readers.csv": b"email,name,TAGS\nbo@example.org,Bo,low tide\n",
    "subscribed.csv": b"email\ncy@example.org\n",
    "unsubscribed.csv": b"email\ndi@example.org\n",
    "cleaned.csv": b"email\ned@example.org\n",
    "bounces.csv": b"email\nfi@example.org\n",
    "page1.json": LISTMONK.format("gi").encode(),
    "page2.json": LISTMONK.format("hal").encode(),
    "ghost.json": b'{"db": [{"meta": {"version": "5.0"}, "data": {"posts": [], "tags": [], "users": []}}]}',
    "mail.log": b"",
    "mail.log.1.gz": gzip.compress(b""),
    "posts/new.md": NEW.encode(),
    "posts/_posts/2024-05-01-hello.md": b"---\ntitle: Hello\n---\nText.\n",
}
PLACES: Mapping[str, str] = {
    "/srv/mysite": "fresh",
    "/backups/mysite.backup": "mysite.backup",
    "/var/mail/bounces": "bounces",
    "/var/log/mail.log": "mail.log",
    "/var/log/mail.log.1.gz": "mail.log.1.gz",
    "mysite/posts": "posts",
    "https://example.org/feed.xml": "public/feed.xml",
    "content/images": "",
}
"""What stands in the site for places of the machine and the web that pages name."""

ELSE: Mapping[str, str] = {
    "publish --as-rename": "is not a published post whose file is gone",
    "publish --as-new": "is not a new post",
    "mailings pause": "nothing of it is left to be sent",
    "mailings resume 1 --count-refusals": "is not held because of refusals",
    "mailings resume": "nothing of it is left to be sent",
    "mailings cancel": "nothing of it is left to be sent",
    "mailings approve": "nothing of it is left to be sent",
    "mailings resolve 1 --resend --only": "no outcome for ann@example.org is unknown",
    "signup-form daily --success": "is not allowed; add https://blog.example.org to web.allowed_origins",
    "mailings outbox send": "nothing leaves this machine",
}
"""What is said where a page speaks of a state that this site is not in: it was understood."""


def blocks(page: Path, kind: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each block of a page."""
    text = page.read_text("utf-8")
    for found in FENCE.finditer(text):
        if found[2] == kind:
            body = re.sub(rf"^{found[1]}", "", found[3], flags=re.MULTILINE)
            yield text.count("\n", 0, found.start()) + 1, body


def test_every_piece_of_settings_is_taken(tmp_path: Path) -> None:
    wrong: list[str] = []
    for page in PAGES:
        for line, text in blocks(page, "toml"):
            given = tomllib.loads(text)
            text = text.replace('[[lists]]\nslug = "daily"\n', f'[[lists]]\nslug = "daily"\n{DAILY}')
            text = text.replace(', "titles"]', "]")  # the format that this page adds
            own = given.get("site", {})
            environ = {"PUBLISHER_SITE__TITLE": "Low Water"} if "title" not in own else {}
            environ |= {"PUBLISHER_SITE__URL": "https://example.org/"} if "url" not in own else {}
            (tmp_path / "publisher.toml").write_text(text, "utf-8")
            try:
                load(tmp_path, environ)
            except Exception as error:
                wrong.append(f"{page.relative_to(ROOT)}:{line}: {error}")
    assert wrong == []


def calls(text: str) -> Iterator[str]:
    """Each command of a block, without its prompt and its comment."""
    for line in text.splitlines():
        if line.startswith(("$ ", "# ")):
            yield re.split(r"\s{2,}#\s", line[2:])[0].strip()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that has published, has a reader, and has mailed once; with the files that pages speak of."""
    folder = tmp_path_factory.mktemp("docs") / "mysite"
    assert run(["init", str(folder), "--url", "https://example.org/"]) == ""
    assert run(["publish", "--site", str(folder)]) == ""
    add = ["subscribers", "add", "ann@example.org", "--list", "daily", "--confirmed"]
    assert run([*add, "--site", str(folder)]) == ""
    post = f"---\ntitle: Low tide\ndate: {datetime.now(UTC):%FT%TZ}\n---\nText.\n"
    (folder / "posts/low-tide.md").write_text(post, "utf-8")
    assert run(["publish", "--site", str(folder), "--at", "tomorrow"]) == ""
    settings = folder / "publisher.toml"
    chosen = settings.read_text("utf-8").replace('at = "08:00"', 'at = "08:00"\nreaders_choose = ["topics"]')
    settings.write_text(chosen, "utf-8")
    for name in ("new", "cur", "tmp"):
        (folder / "bounces" / name).mkdir(parents=True)
    for name, data in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_every_command_is_understood_and_does_its_work(prepared: Path, tmp_path: Path) -> None:
    wrong: list[str] = []
    for page in PAGES:
        folder = tmp_path / page.stem / "mysite"
        shutil.copytree(prepared, folder)
        for line, text in blocks(page, "console"):
            for call in calls(text):
                said = typed(call, folder)
                wrong += [f"{page.relative_to(ROOT)}:{line}: {call}: {said}"] if said else []
    assert wrong == [], "\n".join(wrong)


def typed(call: str, folder: Path) -> str:
    """What is wrong with a command; "" if it does its work, or is none of ours."""
    words = shlex.split(re.split(r" (?:>|&&|<<)", call)[0])
    if words[0] == "runuser":
        words = words[words.index("--") + 1 :]
    program, args = words[0], words[1:]
    if program.rpartition("/")[2] != "publisher":
        return "" if program in ELSEWHERE or program.startswith((".venv/", "/opt/")) else "unknown program"
    if any(args[: len(waits)] == waits for waits in WAITS):
        return ""
    if args[0] == "mailings":
        args = ["1" if word == "12" else word for word in args]
    args = ["fresh" if word == "mysite" else word for word in args]
    if "--site" in args:
        args = args[: args.index("--site")]
    moved = {**PLACES, **{name: name for name in FILES}, "fresh": "fresh"} if args[0] != "publish" else {}
    given = [str(folder / moved[word]) if word in moved else word for word in args]
    site = [] if args[0] in ("init", "convert") else ["--site", str(folder)]
    said = run([*given, *site])
    if "add --yes if you mean it" in said:  # it asks on a terminal
        said = run([*given, *site, "--yes"])
    expected = next((words for start, words in ELSE.items() if " ".join(args).startswith(start)), None)
    return "" if expected is not None and expected in said else said


def run(args: list[str]) -> str:
    """Runs one of our commands in this process; what it says if it fails, and "" if it does not."""
    done = CliRunner().invoke(publisher, args, env={"PUBLISHER_SITE": None})
    if done.exit_code == 0:
        return ""
    error = done.exception if isinstance(done.exception, PublisherError) else done.output[-300:]
    return f"exit {done.exit_code}: {error}"


def test_the_cadence_of_the_page_keeps_what_it_must_promise() -> None:
    [(_, code), *_] = blocks(ROOT / "docs/how-to/add-a-cadence.md", "python")
    names = dict(vars(cadences))
    exec(code, names)  # noqa: S102  # the page's own code
    workdays = names["Workdays"]()
    schedule = Schedule(cadence="workdays", on="", timezone="Europe/Berlin", at=time(8))
    instant = datetime(2026, 3, 27, 12, tzinfo=UTC)  # a Friday before the clocks change
    after = workdays.after(instant, schedule)
    assert after == datetime(2026, 3, 30, 6, tzinfo=UTC)
    assert workdays.latest(after - timedelta(seconds=1), schedule) == datetime(2026, 3, 27, 7, tzinfo=UTC)
    assert workdays.max_late == timedelta(hours=12)


def test_the_format_of_the_page_keeps_what_it_must_promise() -> None:
    [(_, code), *_] = blocks(ROOT / "docs/how-to/add-a-format.md", "python")
    names: dict[str, Any] = {}
    exec(code.replace("FeedFormat.TITLES", '"titles"'), names)  # noqa: S102  # the page's own code
    entry = FeedEntry(
        id="tag:example.org,2026:a", url="https://example.org/a/", title="Zoë", published=AT, updated=AT
    )
    feed = Feed(
        id="tag:example.org,2026:feed", title="Low Water", site_url="https://example.org/", self_urls={},
        updated=AT, language="en", entries=(entry,),
    )  # fmt: skip
    assert names["Titles"]().write(feed).decode() == "2026-11-30T08:00:00Z Zoë https://example.org/a/\n"
    assert names["Titles"]().write(replace(feed, entries=())) == b""
