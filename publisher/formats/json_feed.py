"""JSON Feed 1.1 (https://jsonfeed.org/version/1.1)."""

from publisher.core.feeds.feed import Feed, FeedEntry
from publisher.core.site import Person
from publisher.formats.clean import feed_author, named, prepare, rfc3339, shown_categories

Json = dict[str, object]


class JsonFeed:
    """Writes application/feed+json."""

    name = "json"
    label = "JSON Feed"
    suffix = "json"
    media_type = "application/feed+json"

    def write(self, feed: Feed) -> bytes:
        """The document: UTF-8, keys in the order of the specification, a newline at the end."""
        import json

        feed = prepare(feed)
        text = json.dumps(_document(feed), ensure_ascii=False, indent=1)
        return text.encode() + b"\n"


def _document(feed: Feed) -> Json:
    """All pages of a feed share its feed_url: that is what a feed is known by."""
    author = feed_author(feed)
    urls = feed.history.current or feed.self_urls
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        **_given(
            home_page_url=feed.site_url,
            feed_url=urls.get(JsonFeed.name),
            description=feed.description,
            next_url=feed.history.previous.get(JsonFeed.name),
            icon=feed.logo.url if feed.logo else "",
            language=feed.language,
            authors=_people([author] if author else []),
            hubs=[{"type": "WebSub", "url": hub} for hub in feed.hubs],
        ),
        "items": [_item(entry) for entry in feed.entries],
    }


def _item(entry: FeedEntry) -> Json:
    """An item. It must have content_html or content_text: in a summary feed the summary is its text."""
    body = {"content_text": entry.summary} if entry.content is None else {"content_html": entry.content}
    return {
        "id": entry.id,
        "url": entry.url,
        "title": entry.title,
        **body,
        **_given(summary=entry.summary, image=entry.image.url if entry.image else ""),
        "date_published": rfc3339(entry.published),
        "date_modified": rfc3339(entry.updated),
        **_given(authors=_people(named(entry.authors)), tags=_tags(entry), language=entry.language),
        **_given(attachments=_attachments(entry)),
    }


def _people(people: list[Person]) -> list[Json]:
    return [{"name": person.name, **_given(url=person.url)} for person in people]


def _attachments(entry: FeedEntry) -> list[Json]:
    files = entry.enclosures
    return [{"url": f.url, "mime_type": f.media_type, "size_in_bytes": f.size} for f in files]


def _tags(entry: FeedEntry) -> list[str]:
    """Categories as readers see them, each once."""
    return list(dict.fromkeys(category.label or category.term for category in shown_categories(entry)))


def _given(**values: object) -> Json:
    """Only what there is: JSON Feed leaves out what is not known."""
    return {key: value for key, value in values.items() if value}
