"""What the export of another publishing platform says of a blog and its posts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ExportState(StrEnum):
    """Whether a post was public on the old platform."""

    PUBLISHED = "published"
    SCHEDULED = "scheduled"
    DRAFT = "draft"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedPicture:
    """A post's feature image: its address as the export has it, "" for none."""

    url: str = ""
    alt: str = ""
    caption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedPost:
    """One post. `id` is its id in the old feeds; `url` its old address, absolute or a path from the root of
    the blog; `html` its body. `restricted` says who could read it where that was not everybody ("members",
    "password"), else "".
    """

    id: str
    slug: str
    title: str
    html: str
    url: str = ""
    state: ExportState = ExportState.PUBLISHED
    restricted: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    excerpt: str = ""
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    picture: ExportedPicture = ExportedPicture()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlogExport:
    """A whole export: its posts, oldest first. `others` counts what is no post, by kind ("page": 3).
    `attachments` are the addresses of uploaded files by the id that galleries name.
    """

    posts: tuple[ExportedPost, ...]
    title: str = ""
    url: str = ""
    others: Mapping[str, int] = field(default_factory=dict[str, int])
    attachments: Mapping[str, str] = field(default_factory=dict[str, str])
