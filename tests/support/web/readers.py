"""Clients that remember what they have seen: what is not in their memory is news to a reader."""

import json
from pathlib import Path
from typing import Any, cast

import feedparser  # pyright: ignore[reportMissingTypeStubs]  # has none


class SeenSet:
    """A feed reader as rss2email and most others work: an entry is known by its id, else by its link."""

    def __init__(self, name: str) -> None:
        self.name, self._seen = name, set[str]()

    def news(self, feed: bytes) -> list[str]:
        """The titles of the entries it has not seen before; all of `feed` is seen now."""
        entries = self._json(feed) if feed.lstrip().startswith(b"{") else self._xml(feed)
        new = [title for id, title in entries if id not in self._seen]
        self._seen.update(id for id, _ in entries)
        return new

    def _xml(self, feed: bytes) -> list[tuple[str, str]]:
        parsed = cast("Any", feedparser).parse(feed)
        assert not parsed.bozo, parsed.bozo_exception
        return [(entry.get("id") or entry.link, entry.get("title", "")) for entry in parsed.entries]

    def _json(self, feed: bytes) -> list[tuple[str, str]]:
        return [(item["id"], item.get("title", "")) for item in json.loads(feed)["items"]]


class Readers:
    """One client for each of some documents under public/, which all have seen them once."""

    def __init__(self, public: Path, *names: str) -> None:
        self.public = public
        self.clients = [SeenSet(name) for name in names or ("feed.atom", "feed.xml", "feed.json")]
        self.news()

    def news(self) -> dict[str, list[str]]:
        """What is new to each, by document; documents without news are left out."""
        found = {c.name: c.news((self.public / c.name).read_bytes()) for c in self.clients}
        return {name: titles for name, titles in found.items() if titles}
