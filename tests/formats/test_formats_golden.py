"""The documents as they were last looked at and found good."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from publisher.core.feeds import Feed
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
    bare = replace(rich_feed, entries=(), author=None, description="", copyright="")
    golden(f"feeds/empty.{FORMATS[name].suffix}", FORMATS[name].write(bare))


@pytest.mark.parametrize("name", FORMATS)
def test_a_right_to_left_feed_is_written_as_it_was(
    name: str, rich_feed: Feed, golden: Callable[[str, bytes], None]
) -> None:
    entries = tuple(replace(entry, language="") for entry in rich_feed.entries if entry.language == "ar")
    arabic = replace(rich_feed, language="ar", title="ملاحظات", entries=entries)
    golden(f"feeds/rtl.{FORMATS[name].suffix}", FORMATS[name].write(arabic))
