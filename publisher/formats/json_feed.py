"""JSON Feed 1.1 (https://jsonfeed.org/version/1.1)."""

from functools import partial

from publisher.core.caching import LruCache
from publisher.core.feeds.feed import Feed, FeedEntry, FeedFormat
from publisher.core.site import Person
from publisher.formats.shared import (
    insert_before,
    keep,
    prepare,
    rfc3339,
    shared_author,
    shown_categories,
    with_names,
)

Json = dict[str, object]


class JsonFeed:
    """Writes application/feed+json."""

    name: str = FeedFormat.JSON
    label = "JSON Feed"
    suffix = "json"
    media_type = "application/feed+json"

    def write(self, feed: Feed, cache: LruCache | None = None) -> bytes:
        """The document: UTF-8, keys in the order of the specification, a newline at the end."""
        import json

        feed = prepare(feed, cache)
        data = json.dumps(document(feed), ensure_ascii=False, indent=1).encode() + b"\n"
        items = [keep(cache, (self.name, entry), partial(write_item, entry)) for entry in feed.entries]
        return insert_before(data, b"]\n}", [b"\n" + b",\n".join(items) + b"\n "] if items else [])


def write_item(entry: FeedEntry) -> bytes:
    """The item's lines as they stand in a document."""
    import json

    text = json.dumps(item(entry), ensure_ascii=False, indent=1)
    return "\n".join(f"  {line}" for line in text.split("\n")).encode()


def document(feed: Feed) -> Json:
    """The feed without its items. All its pages share its feed_url, by which readers know a feed."""
    author = shared_author(feed)
    urls = feed.history.current or feed.self_urls
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        **_without_empty(
            home_page_url=feed.site_url,
            feed_url=urls.get(JsonFeed.name),
            description=feed.description,
            next_url=feed.history.previous.get(JsonFeed.name),
            icon=feed.logo.url if feed.logo else feed.icon,
            favicon=feed.icon,
            language=feed.language,
            authors=_authors([author] if author else []),
            hubs=[{"type": "WebSub", "url": hub} for hub in feed.hubs],
        ),
        "items": [],
    }


def item(entry: FeedEntry) -> Json:
    """An item. It must have content_html or content_text: in a summary feed the summary is its text."""
    tags = dict.fromkeys(category.label or category.term for category in shown_categories(entry))
    attachments = [
        {"url": file.url, "mime_type": file.media_type, "size_in_bytes": file.size}
        for file in entry.enclosures
    ]
    body = {"content_text": entry.summary} if entry.content is None else {"content_html": entry.content}
    return {
        "id": entry.id,
        "url": entry.url,
        "title": entry.title,
        **body,
        **_without_empty(summary=entry.summary, image=entry.image.url if entry.image else ""),
        "date_published": rfc3339(entry.published),
        "date_modified": rfc3339(entry.updated),
        **_without_empty(
            authors=_authors(with_names(entry.authors)), tags=list(tags), language=entry.language
        ),
        **_without_empty(attachments=attachments),
    }


def _authors(people: list[Person]) -> list[Json]:
    return [{"name": person.name, **_without_empty(url=person.url)} for person in people]


def _without_empty(**values: object) -> Json:
    """`values` without those that are empty or None: JSON Feed leaves out what is not known."""
    return {key: value for key, value in values.items() if value}
