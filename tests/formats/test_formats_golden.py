"""The documents as they were last looked at and found good."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from publisher.core.feeds.feed import Feed, History
from publisher.formats import FORMATS


@pytest.mark.parametrize("name", FORMATS)
def test_a_rich_feed_is_written_as_it_was(
    name: str, rich_feed: Feed, golden: Callable[[str, bytes], None]
) -> None:
    golden(f"feeds/rich.{FORMATS[name].suffix}", FORMATS[name].write(rich_feed))


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_feed_is_written_as_it_was(
    name: str, rich_feed: Feed, golden: Callable[[str, bytes], None]
) -> None:
    bare = replace(
        rich_feed,
        entries=(),
        tombstones=(),
        author=None,
        description="",
        copyright="",
        license="",
        logo=None,
        hubs=(),
        history=History(complete=True),
    )
    golden(f"feeds/empty.{FORMATS[name].suffix}", FORMATS[name].write(bare))


@pytest.mark.parametrize("name", FORMATS)
def test_a_right_to_left_feed_is_written_as_it_was(
    name: str, rich_feed: Feed, golden: Callable[[str, bytes], None]
) -> None:
    entries = tuple(replace(entry, language="") for entry in rich_feed.entries if entry.language == "ar")
    arabic = replace(rich_feed, language="ar", title="ملاحظات", entries=entries)
    golden(f"feeds/rtl.{FORMATS[name].suffix}", FORMATS[name].write(arabic))


@pytest.mark.parametrize("name", FORMATS)
def test_an_archive_document_is_written_as_it_was(
    name: str, rich_feed: Feed, golden: Callable[[str, bytes], None]
) -> None:
    def urls(number: int) -> dict[str, str]:
        return {name: f"https://example.org/archive/feed/{number}.{FORMATS[name].suffix}" for name in FORMATS}

    history = History(archive=True, current=rich_feed.self_urls, previous=urls(1), following=urls(3))
    archive = replace(rich_feed, self_urls=urls(2), history=history, entries=rich_feed.entries[1:3])
    golden(f"feeds/archive.{FORMATS[name].suffix}", FORMATS[name].write(archive))
