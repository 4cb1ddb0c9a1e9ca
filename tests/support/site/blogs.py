"""A site in a folder, written, published and looked at."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import feedparser
from lxml import etree

from publisher.app import App, fixed
from publisher.config import load
from publisher.core.publishing.plan import Guard

START = datetime(2026, 10, 5, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
id_authority = "harbour.example,2026"
[posts]
pages = false
"""
REL = {"a": "http://www.w3.org/2005/Atom", "fh": "http://purl.org/syndication/history/1.0"}
REL |= {"at": "http://purl.org/atompub/tombstones/1.0"}


class Blog:
    """`post` and `drop` files, `publish` (an hour later each time), then read what stands under public/."""

    def __init__(self, folder: Path, settings: str = "", *, toml: str = TOML) -> None:
        self.folder, self.public = folder, folder / "public"
        self.now = START
        (folder / "posts").mkdir(parents=True, exist_ok=True)
        self.settings(settings, toml=toml)

    def settings(self, text: str, *, toml: str = TOML) -> None:
        (self.folder / "publisher.toml").write_text(toml + text, encoding="utf-8")

    def post(self, name: str, body: str = "Text.", **front: Any) -> None:
        values = {"title": name.title(), "date": "2026-09-01", **front}
        lines = [f"{key}: {json.dumps(value)}" for key, value in values.items()]
        text = "---\n" + "\n".join(lines) + f"\n---\n{body}\n"
        (self.folder / "posts" / f"{name}.md").write_text(text, encoding="utf-8")

    def posts(self, first: int, last: int, **front: Any) -> None:
        """Posts p001 to p..., a minute apart."""
        for number in range(first, last + 1):
            date = (datetime(2026, 9, 1, tzinfo=UTC) + number * timedelta(minutes=1)).isoformat()
            self.post(f"p{number:03}", f"Body {number}.", **{"date": date, **front})

    def hide(self, name: str) -> None:
        """Withdraws a post at once: its author says it is a draft."""
        path = self.folder / "posts" / f"{name}.md"
        path.write_text(path.read_text(encoding="utf-8").replace("---\n", "---\ndraft: true\n", 1), "utf-8")

    def app(self) -> App:
        return App(load(self.folder), clock=fixed(self.now), environ={})

    def publish(self, *, accept: bool = False) -> tuple[str, ...]:
        """The documents that were written. `accept`: much may change at once."""
        self.now += HOUR
        app = self.app()
        try:
            return app.publish(overrides=frozenset(Guard) if accept else frozenset()).published.written
        finally:
            app.close()

    def bytes(self, path: str) -> bytes:
        return (self.public / path).read_bytes()

    def xml(self, path: str) -> Any:
        return etree.fromstring(self.bytes(path))

    def json(self, path: str) -> Any:
        return json.loads(self.bytes(path))

    def titles(self, path: str) -> list[str]:
        return [entry.title for entry in feedparser.parse(self.bytes(path)).entries]

    def link(self, path: str, rel: str) -> str | None:
        """Where a link of the feed leads, as a path under public/."""
        found = self.xml(path).find(f".//a:link[@rel='{rel}']", REL)
        return None if found is None else str(found.get("href")).removeprefix("https://harbour.example/")

    def chain(self, path: str) -> Iterator[str]:
        """The archive documents behind a feed, newest first."""
        while (before := self.link(path, "prev-archive")) is not None:
            yield before
            path = before

    def archives(self) -> dict[str, bytes]:
        files = (self.public / "archive").rglob("*")
        return {
            str(file.relative_to(self.public)): file.read_bytes()
            for file in files
            if file.is_file() and file.suffix in {".atom", ".xml", ".json"}
        }
