"""Archive documents made anew, by an operator's wish: as the posts are now."""

from collections.abc import Sequence
from datetime import datetime

from publisher.services.deps import Parts
from publisher.services.feeds.documents import write
from publisher.services.feeds.feed_views import feed_views, forget_archives
from publisher.services.feeds.feeds import FOLDER, current, feed_documents


def rebuild_archives(parts: Parts, slugs: Sequence[str], now: datetime) -> tuple[str, ...]:
    """Makes the archives of these feeds again, from the first post on, and removes what is then too much.
    Returns the paths whose bytes changed. A crash in between is made good by the next call.
    """
    forget_archives(parts, slugs)
    feeds = [current(parts, view) for view in feed_views(parts) if view.spec.slug in slugs]
    wanted = [wanted for feed in feeds for wanted in feed_documents(parts, feed)]
    return write(parts, wanted, now, owned=tuple(f"{FOLDER}{slug}/" for slug in slugs))
