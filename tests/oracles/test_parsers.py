"""What feed parsers that real readers are built on see of our feeds: bylines, titles, contents, dates,
categories and enclosures are the same in every format, but for the faults of parsers in differs.json.

`make oracles` has the parsers read the feeds; here is what they saw (golden/), against what is published.
"""

from pathlib import Path

import parsed_feeds as feeds

PARSERS = {"gofeed", "rome", "rss-parser", "feedparser", "feedsmith"}


def test_every_parser_sees_what_is_published(tmp_path: Path) -> None:
    sites = dict(feeds.sites(tmp_path))
    assert {file.stem for file in feeds.GOLDENS.glob("*.json")} == PARSERS
    wrong: list[str] = []
    used: set[int] = set()
    for parser in PARSERS:
        found = feeds.read_golden(parser)
        assert found.keys() == sites.keys()
        for site, rows in found.items():
            wrong += feeds.compare(parser, site, rows, sites[site], feeds.shortened, used)
    assert wrong == [], "if feeds changed on purpose: make oracles ONLY=parsers WRITE=--write"
    assert used == set(range(len(feeds.FAULTS))), "take faults that are none any more out of differs.json"
