"""The examples of --help: each command has some, and each does what it says."""

import json
import re
import shlex
import shutil
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from publisher.cli import publisher
from publisher.cli.help import Command

TOML = """
[site]
title = "Low Water"
url = "https://example.org/"
id_authority = "example.org,2026"
postal_address = "1 Quay Street"
[web]
allowed_origins = ["https://blog.example.org"]
[[feeds]]
slug = "feed"
[[feeds]]
slug = "notes"
"""
LIST = """
[[lists]]
slug = "{}"
from = "Low Water <news@example.org>"
cadence = "daily"
at = "{}"
"""
LEFT = ("former", "ended")
"""Lists that are taken out of publisher.toml."""

BEFORE = {
    "restore": ["backup mysite.backup"],
    "mailings pause": ["mailings approve 3"],
    "mailings resume": ["mailings approve 3", "mailings pause 3"],
    "mailings cancel": ["mailings approve 3"],
    "feeds end": ["publish --no-mail"],
}
"""What is done before the examples of a command."""

REFUSED = ("mailings outbox send", "reload")
"""Commands whose examples are refused: mail goes to the outbox, and no `publisher run` works on the site."""

ENDLESS = (
    "publisher run", "publisher run --listen 8080", "publisher demo", "publisher preview daily --serve"
)  # fmt: skip
"""Examples that serve until stopped: other tests do that; here their words are only parsed."""


def call(*args: str) -> Result:
    return CliRunner().invoke(publisher, args)


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """("subscribers add", its command), without groups."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


def typed(example: str) -> Iterator[list[str]]:
    """The words after each `publisher` of an example, up to a pipe or a redirection."""
    inner = re.search(r"\$\((.*)\)", example)
    for part in (inner[1] if inner else example).split("&&"):
        words = shlex.split(re.split(r"[|<>]", part)[0])
        assert words[0] == "publisher", example
        yield words[1:]


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site with three mailings (sent, cancelled, to be approved) and the files that examples name."""
    site = tmp_path / "site"
    (site / "posts").mkdir(parents=True)
    monkeypatch.chdir(site)
    monkeypatch.delenv("PUBLISHER_SITE", raising=False)
    lists = LIST.format("daily", "08:00") + LIST.format("weekly", "06:00") + "approve = true\n"
    settings = site / "publisher.toml"
    settings.write_text(TOML + lists + "".join(LIST.format(slug, "08:00") for slug in LEFT))
    day = datetime.now(UTC).replace(hour=9, minute=0) - timedelta(days=5)

    def publish(name: str, at: datetime) -> None:
        text = f"---\ntitle: {name}\ndate: {at - timedelta(hours=5):%Y-%m-%dT%H:%M:%SZ}\n---\nWords.\n"
        (site / "posts" / f"{name}.md").write_text(text)
        assert call("publish", "--at", at.isoformat()).exit_code == 0

    publish("hello", day)
    add = ("subscribers", "add", "ann@example.org", "--confirmed", "--list")
    for slug in ("daily", "weekly"):
        assert call(*add, slug, "--at", day.isoformat()).exit_code == 0
    publish("one", day + timedelta(days=1))
    assert call("mailings", "cancel", "2", "--yes").exit_code == 0
    publish("two", day + timedelta(days=2, hours=-2))
    assert call("subscribers", "add", "carl@example.org", "--list", "daily").exit_code == 0
    for slug in LEFT:
        assert call(*add, slug).exit_code == 0
    (site / "later.toml").write_text(TOML + lists)
    (site / "posts/draft.md").write_text("---\ntitle: Draft\ndraft: true\n---\nWords.\n")
    (site / "content/images").mkdir(parents=True)
    (site / "members.csv").write_text("email\nbob@example.org\n")
    (site / "left.csv").write_text("email\neve@example.org\n")
    (site / "bounced.csv").write_text("email\neve@example.org\n")
    (site / "mail.log").write_text("")
    for name in ("new", "cur", "tmp"):
        (site / "Maildir" / name).mkdir(parents=True)
    (site / "export.json").write_text(json.dumps({"db": [{"data": {"posts": [], "tags": [], "users": []}}]}))
    with zipfile.ZipFile(site / "export.zip", "w") as archive:
        archive.writestr(
            "posts.csv", "post_id,post_date,is_published,type,audience,title\n1.a,,true,newsletter,,A\n"
        )
    [url] = (
        one["url"] for one in json.loads(call("posts", "list", "--json").stdout) if "hello" in one["url"]
    )
    (site / "old-feed.xml").write_text(
        '<rss version="2.0"><channel><title>T</title><link>https://example.org/</link><item><title>hello</title>'
        f'<link>{url}</link><guid isPermaLink="false">7</guid></item></channel></rss>'
    )
    return site


def test_every_command_has_examples_and_each_does_what_it_says(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong: list[object] = []
    for name, command in commands(publisher):
        assert isinstance(command, Command), f"{name}: use publisher.cli.help.command"
        assert command.examples, f"{name} has no example"
        site = prepared.parent / name
        shutil.copytree(prepared, site)
        monkeypatch.chdir(site)
        if name.startswith("lists"):
            shutil.copy("later.toml", "publisher.toml")
        for words in BEFORE.get(name, ()):
            done = call(*words.split())
            assert done.exit_code == 0, (name, words, done.output)
        for what, example in command.examples:
            assert f"publisher {name}" in example
            assert not re.search(r"20\d\d-", example), f"{example}: a date will be long past"
            for words in typed(example):
                if example in ENDLESS:
                    command.make_context(name, words[len(name.split()) :])
                    continue
                done = call(*words)
                if done.exit_code != (1 if name in REFUSED else 0):
                    wrong.append((what, example, done.output, done.exception))
        monkeypatch.chdir(prepared.parent)
        shutil.rmtree(site)
    assert not wrong, "\n".join(map(str, wrong))
