"""What feeds stand under public/, as readers find them."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from publisher.core.errors import Refused
from publisher.services.deps import Parts
from publisher.services.feeds.feeds import url_of

ARCHIVE = "archive/"
OTHERS = ("posts/", "assets/", "digests/")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedDocument:
    """One document of a feed. `entries` counts what is in it now; `changed` is its Last-Modified."""

    slug: str
    path: str
    url: str
    entries: int
    archive: bool
    changed: datetime


def documents(parts: Parts) -> list[FeedDocument]:
    """By slug, subscription documents first. Raises StoreError, OutputError."""
    found: list[FeedDocument] = []
    for path, document in parts.store.documents().items():
        slug = _slug(parts, path)
        data = parts.shelf.read(path) if slug else None
        if data is None:
            continue
        try:
            entries = len(parts.reader().feed(data, path).entries)
        except Refused:
            continue  # a page or a list beside it
        found.append(
            FeedDocument(
                slug=slug,
                path=path,
                url=url_of(parts, path),
                entries=entries,
                archive=path.startswith(ARCHIVE),
                changed=document.modified,
            )
        )
    return sorted(found, key=lambda it: (it.slug, it.archive, it.path))


def _slug(parts: Parts, path: str) -> str:
    """The feed that a document belongs to; "" where it is none's."""
    suffixes = {f".{format.suffix}" for format in parts.formats.values()}
    if path.startswith(OTHERS) or PurePosixPath(path).suffix not in suffixes:
        return next((s.slug for s in parts.feeds if path in getattr(s, "paths", {}).values()), "")
    first = path.removeprefix(ARCHIVE).partition("/")[0]
    name = first.rpartition(".")[0] or first
    for spec in parts.feeds:
        if name == spec.slug or path in getattr(spec, "paths", {}).values():
            return spec.slug
    return ""
