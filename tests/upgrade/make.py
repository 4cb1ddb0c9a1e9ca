"""Makes the installations that the tests of this folder upgrade, by running the version that is to be kept.

    git worktree add ../before TAG
    .venv/bin/python tests/upgrade/make.py ../before 0.1.0

writes 0.1.0-lived-in.tar.xz and 0.1.0-as-it-came.tar.xz beside this file. Each holds the folder `site` as
that version left it, and `said.json`: what it said of it, and what it did next on a copy. Do it once for each
release, and keep what is there: a store of any version must still open.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "support" / name) for name in ("", "mail", "site", "web")]
from smtp_server import Say, SmtpServer, on  # noqa: E402  # a program; the tests find it by pytest's settings

SETTINGS = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
language = "en"
timezone = "Europe/Berlin"
id_authority = "harbour.example,2024"
author = {name = "Sok Dara"}
postal_address = "1 Quay Street"

[posts]
pages = true

[[feeds]]
slug = "feed"
limit = 5

[[feeds]]
slug = "tides"
where = {tag = "tides"}

[[feeds]]
slug = "by"
split_by = "tag"

[[lists]]
slug = "daily"
title = "The Harbour, daily"
from = "The Harbour <news@harbour.example>"
cadence = "daily"
at = "08:00"
readers_choose = ["cadence", "topics", "language", "hour"]

[[lists]]
slug = "weekly"
title = "The Harbour, weekly"
from = "The Harbour <news@harbour.example>"
cadence = "weekly"
on = "mon"
at = "09:00"

[[lists]]
slug = "monthly"
title = "The Harbour, monthly"
from = "The Harbour <news@harbour.example>"
cadence = "monthly"
on = 1
at = "10:00"

[[lists]]
slug = "at-once"
title = "The Harbour, at once"
from = "The Harbour <news@harbour.example>"
cadence = "immediate"

[mail]
transport = "smtp"

[[mail.relays]]
host = "127.0.0.1"
port = 25
security = "none"
connections = 1

[queue]
batch = 2

[web]
listen = "127.0.0.1:0"
"""

DAILY = ["ann", "bob", "cid", "dee", "eve", "fay", "gus", "hal"]
BUSY = "bob@example.org"
"""Whose server never takes mail at once."""

CHOICES = """
import sys
from publisher.app import App, fixed
from publisher.config import load
from publisher.core.rhythms import Choices, Pace, Taste
from publisher.core.tokens import Claim, Purpose, seal
from publisher.services import preferences
from datetime import datetime
from pathlib import Path

now = datetime.fromisoformat(sys.argv[2])
app = App(load(Path(sys.argv[1]), {}), clock=fixed(now), environ={})
wishes = {
    "paula@example.org": Choices(paused=True),
    "chris@example.org": Choices(pace=Pace(cadence="weekly", on="mon"), taste=Taste(topics=("tides",))),
}
for found in list(app.store.subscriptions("daily", None)):
    if found.address in wishes:
        claim = Claim(purpose=Purpose.PREFERENCES, subscription=found.id, generation=found.generation)
        preferences.save(app.parts, seal(claim, app.ring), wishes[found.address], now)
app.close()
"""
"""What readers choose on a page; there is no command for it."""


class Before:
    """The version before, at work on a site."""

    def __init__(self, checkout: Path, folder: Path, port: int = 0) -> None:
        self.checkout, self.folder, self.port = checkout, folder, port

    def __call__(self, *args: str, at: str = "", kill: str = "", code: int = 0) -> str:
        """`publisher ARGS`, killed at the step `kill`; what it said."""
        where = [str(self.folder)] if args[0] == "init" else ["--site", str(self.folder)]
        clock = ["--at", at] if at else []
        command = ["-m", "publisher", *args, *where, *clock]
        return self._python(command, code=-9 if kill else code, kill=kill)

    def json(self, *args: str) -> Any:
        return json.loads(self(*args, "--json"))

    def choose(self, at: str) -> None:
        self._python(["-c", CHOICES, str(self.folder), at])

    def _python(self, command: Sequence[str], *, code: int = 0, kill: str = "") -> str:
        env = {name: value for name, value in os.environ.items() if not name.startswith("PUBLISHER_")}
        env |= {"PYTHONPATH": str(self.checkout), "PUBLISHER_FAILPOINT": kill}
        done = subprocess.run(
            [sys.executable, *command],
            env=env,
            cwd=self.checkout,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, (command, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def in_doubt_and_put_off(self) -> tuple[int, int]:
        """How many deliveries are in doubt, and how many wait to be tried again."""
        [newest] = [one for one in self.json("mailings", "list") if one["counts"]["unknown"]]
        with closing(sqlite3.connect(self.folder / ".publisher/publisher.db")) as store:
            query = "SELECT count(*) FROM deliveries WHERE state = 'queued' AND attempts > 0"
            [again] = store.execute(query).fetchone()
        return newest["counts"]["unknown"], again

    def post(self, name: str, date: str, body: str = "", tags: Sequence[str] = (), more: str = "") -> None:
        front = f"title: {name.title()}\ndate: {date}\ntags: {json.dumps(list(tags))}\n{more}"
        text = f"---\n{front}---\n{body or f'Words of {name}.'}\n"
        (self.folder / "posts" / f"{name}.md").write_text(text, encoding="utf-8")


def lived_in(before: Before, server: SmtpServer) -> tuple[str, list[str]]:
    """A site with some of everything; when it was left, and the instants at which it is gone on with."""
    shutil.copytree(before.checkout / "templates", before.folder / "templates")
    keep_some_templates(before.folder / "templates")
    (before.folder / "posts").mkdir()
    (before.folder / "publisher.toml").write_text(SETTINGS.replace("port = 25", f"port = {server.port}"))
    for n in range(1, 13):
        before.post(f"old {n:02}", f"2024-05-{n + 10} 09:00:00", tags=["tides"] if n % 3 else ["boats"])
    before("publish", at="2024-06-03T06:00:00Z")

    def add(name: str, slug: str, *more: str) -> None:
        address = f"{name}@example.org"
        before("subscribers", "add", address, "--list", slug, *more, at="2024-06-03T07:30:00Z")

    for name in [*DAILY, "paula", "chris", "una", "sue", "ella"]:
        add(name, "daily", "--confirmed")
    for slug in ("weekly", "monthly", "at-once"):
        add(slug, slug, "--confirmed")
        add("ann", slug, "--confirmed")
    add("pat", "daily")
    before.choose("2024-06-03T08:00:00+00:00")
    for deed, name in (("unsubscribe", "una"), ("suppress", "sue"), ("erase", "ella")):
        slug = ["--list", "daily"] if deed == "unsubscribe" else []
        yes = ["--yes"] if deed == "erase" else []
        before("subscribers", deed, f"{name}@example.org", *slug, *yes, at="2024-06-03T08:30:00Z")

    before.post("new 1", "2024-06-04 06:00:00", tags=["tides"])
    before.post("new 2", "2024-06-04 06:30:00", tags=["boats"])
    before("publish", at="2024-06-04T05:00:00Z")
    before("publish", at="2024-06-04T06:00:30Z")
    before.post("old 02", "2024-05-12 09:00:00", "Better words.", ["tides"])
    before.post("old 03", "2024-05-13 09:00:00", tags=["boats"], more="draft: true\n")
    (before.folder / "posts/old 04.md").rename(before.folder / "posts/renamed.md")
    before("publish", at="2024-06-04T10:00:00Z")
    before("deliver", at="2024-06-04T19:00:00Z")

    before.post("new 3", "2024-06-05 06:00:00", "Words with *an emphasis*.", ["tides"])
    before("publish", "--no-mail", at="2024-06-05T05:00:00Z")
    before("publish", at="2024-06-05T06:00:30Z", kill="deliver:intended:6")
    before("deliver", at="2024-06-05T06:06:30Z", kill="deliver:claimed")
    before.post("new 4", "2024-06-05 08:10:00", tags=["tides", "boats"])
    before.post("to come", "2024-08-01 08:00:00")
    (before.folder / "posts/broken.md").write_text("---\ntitle: [\n---\nWords.\n")
    before("publish", "--no-mail", at="2024-06-05T06:30:00Z", code=1)
    assert before.in_doubt_and_put_off() == (1, 1)
    return "2024-06-05T06:30:00Z", [
        "2024-06-05T06:40:00Z",
        "2024-06-05T10:00:00Z",
        "2024-06-06T05:59:00Z",
        "2024-06-06T06:00:00Z",
        "2024-06-10T06:59:00Z",
        "2024-06-10T07:00:00Z",
        "2024-07-01T08:00:00Z",
    ]


def keep_some_templates(templates: Path) -> None:
    """What this site made its own, which no upgrade knows of: each says so."""
    own = {
        "email/digest/body.html": ("{% block content %}", "<!-- our own digest -->"),
        "email/digest/body.txt": ("", "Our own digest\n"),
        "email/layout.html": ("</body>", "<!-- our own layout -->"),
        "web/layout.html": ("</body>", "<!-- our own layout -->"),
        "web/post.html": ("{% block main %}", "<!-- our own post -->"),
    }
    for file in [file for file in templates.rglob("*") if file.is_file()]:
        name = file.relative_to(templates).as_posix()
        if name not in own:
            file.unlink()
            continue
        place, mark = own[name]
        text = file.read_text(encoding="utf-8")
        assert place in text, name
        if place == "</body>":
            file.write_text(text.replace(place, mark + place), encoding="utf-8")
        elif place:
            file.write_text(text.replace(place, place + mark), encoding="utf-8")
        else:
            file.write_text(text + mark, encoding="utf-8")
    for folder in sorted((file for file in templates.rglob("*") if file.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def as_it_came(before: Before, server: SmtpServer) -> tuple[str, list[str]]:
    """What `init` made, with a reader and a digest behind it: all settings and templates are the usual."""
    before("init", "--title", "Harbour notes", "--url", "https://notes.example/", "--timezone", "UTC")
    for n, file in enumerate(sorted((before.folder / "posts").glob("*.md"))):
        text = re.sub(
            r"^date: .*$", f"date: 2024-05-0{n + 1}T08:00:00Z", file.read_text(), flags=re.MULTILINE
        )
        file.write_text(text)
    before("publish", at="2024-06-03T06:00:00Z")
    for name in ("ann", "bob"):
        address = f"{name}@example.org"
        before("subscribers", "add", address, "--list", "daily", "--confirmed", at="2024-06-03T07:00:00Z")
    before("subscribers", "add", "pat@example.org", "--list", "daily", at="2024-06-03T07:00:00Z")
    before.post("new", "2024-06-04T07:00:00Z")
    before("publish", at="2024-06-04T08:00:30Z")
    before.post("newer", "2024-06-04T09:00:00Z")
    before("publish", at="2024-06-04T09:30:00Z")
    return "2024-06-04T09:30:00Z", ["2024-06-05T07:59:00Z", "2024-06-05T08:00:00Z", "2024-06-06T08:00:00Z"]


def mailed(folder: Path, server: SmtpServer, seen: int) -> list[dict[str, Any]]:
    """Messages after the first `seen`: to whom, and the addresses of posts in them."""
    files = sorted((folder / "outbox").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
    outbox = [file.read_bytes() for file in files]
    return [what_is_in(data) for data in [*outbox, *(one.data for one in server.accepted)][seen:]]


def what_is_in(data: bytes) -> dict[str, Any]:
    """A message as far as it must not change: its reader, its posts, its leave link, its kind."""
    mail = message_from_bytes(data, policy=policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    posts = re.findall(r"https://\w+\.example/(?:posts/)?\d{4}/[^\s>\])]+", body.get_content())
    leave = re.search(r"<(https:[^>]+)>", mail.get("List-Unsubscribe", ""))
    return {"to": str(mail["To"]), "posts": sorted(set(posts)), "leave": leave[1] if leave else ""}


def what_it_says(before: Before) -> Mapping[str, Any]:
    """What programs read of the site; none of it may change by an upgrade."""
    numbers = [mailing["id"] for mailing in before.json("mailings", "list")]
    return {
        "subscribers list": before.json("subscribers", "list"),
        "mailings list": before.json("mailings", "list"),
        **{f"mailings show {n}": before.json("mailings", "show", str(n)) for n in numbers},
        "posts list": before.json("posts", "list"),
    }


def keep(kind: str, checkout: Path, version: str) -> None:
    make = {"lived-in": lived_in, "as-it-came": as_it_came}[kind]
    with (
        tempfile.TemporaryDirectory() as folder,
        SmtpServer(on("RCPT", Say("450 4.2.1 Busy, come again"), recipient=BUSY)) as server,
    ):
        before = Before(checkout, Path(folder) / "site")
        before.folder.mkdir()
        left, then = make(before, server)
        mails = mailed(before.folder, server, 0)
        shutil.copytree(before.folder, Path(folder) / "gone-on")
        said = {"version": version, "left": left, "says": what_it_says(before), "mailed": mails}
        on_copy, seen, steps = Before(checkout, Path(folder) / "gone-on"), len(mails), []
        for at in then:
            on_copy("publish", at=at, code=1 if (before.folder / "posts/broken.md").exists() else 0)
            new = mailed(on_copy.folder, server, seen)
            steps.append({"at": at, "mailed": [{name: one[name] for name in ("to", "posts")} for one in new]})
            seen += len(new)
        (Path(folder) / "said.json").write_text(json.dumps(said | {"then": steps}, indent=1))
        with tarfile.open(HERE / f"{version}-{kind}.tar.xz", "w:xz", format=tarfile.PAX_FORMAT) as archive:
            for name in ("said.json", "site"):
                archive.add(Path(folder) / name, name)


if __name__ == "__main__":
    for kind in ("lived-in", "as-it-came"):
        keep(kind, Path(sys.argv[1]).resolve(), sys.argv[2])
