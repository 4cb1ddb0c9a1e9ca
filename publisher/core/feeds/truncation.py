"""Feeds that stay small enough for every reader: where whole posts are too much, summaries do."""

from dataclasses import replace

from publisher.core.feeds.feed import Entry, Feed

LARGEST = 5_000_000
"""Bytes of a document, in any format."""

ROOM = 3_000
"""Bytes that the elements around an entry's text may take."""

SHORT = 300
"""Characters of a summary, a title or a term where there is hardly any room."""


def fitted(feed: Feed, largest: int = LARGEST) -> Feed:
    """`feed` as a value that no format makes more than `largest` bytes of. From the newest on, entries keep
    their content while there is room for the summaries of the rest; where not even these fit, they are cut
    short, and what is older than fits is left out.
    """
    room = largest - ROOM
    if sum(map(_weight, feed.entries)) <= room:
        return feed
    entries = [replace(entry, content=None) for entry in feed.entries]
    if sum(map(_weight, entries)) > room:
        entries = _within([_cut(entry) for entry in entries], room)
    room -= sum(map(_weight, entries))
    whole: list[Entry] = []
    for entry, full in zip(entries, feed.entries, strict=False):
        more = _escaped(full.content or "")
        fits = full.content is not None and entry.summary == full.summary and more <= room
        room -= more if fits else 0
        whole.append(full if fits else entry)
    return replace(feed, entries=tuple(whole))


def _within(entries: list[Entry], room: int) -> list[Entry]:
    kept: list[Entry] = []
    for entry in entries:
        room -= _weight(entry)
        if room < 0:
            break
        kept.append(entry)
    return kept


def _cut(entry: Entry) -> Entry:
    return replace(
        entry,
        title=_shortened(entry.title),
        summary=_shortened(entry.summary),
        categories=entry.categories[:20],
        authors=entry.authors[:20],
        enclosures=entry.enclosures[:5],
    )


def _shortened(text: str) -> str:
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"


def _weight(entry: Entry) -> int:
    """At most so many bytes is `entry` in any format."""
    small = [entry.id, entry.url, entry.title, entry.summary, entry.summary]
    small += [word for c in entry.categories for word in (c.term, c.scheme, c.label, " " * 60)]
    small += [word for p in entry.authors for word in (p.name, p.email or "", p.url or "", " " * 60)]
    small += [word for f in entry.enclosures for word in (f.url, f.media_type, " " * 100)]
    small += [entry.image.url, entry.image.url] if entry.image else []
    return 1_000 + sum(map(_escaped, small)) + _escaped(entry.content or "")


def _escaped(text: str) -> int:
    """Bytes of UTF-8, where & and < become six characters twice over, as in the HTML of an RSS summary."""
    data = text.encode("utf-8", "surrogatepass")
    return len(data) + 10 * (data.count(b"&") + data.count(b"<")) + 9 * data.count(b">") + data.count(b'"')
