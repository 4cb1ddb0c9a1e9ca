"""A digest: the posts chosen for a cohort of readers, and the finished content made of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from publisher.core.lists import MailingList
from publisher.core.log import Known
from publisher.core.posts import Image
from publisher.core.site import Person, Site


class Layout(StrEnum):
    """How much of each post a mail shows: all of it, its summary and a link, or its title as a link."""

    FULL = "full"
    SUMMARY = "summary"
    TITLES = "titles"


class Occasion(StrEnum):
    """What a letter to one reader is about: the name of its folder under templates/email/."""

    CONFIRM = "confirm"  # asks whether the address wants the list; `Links.confirm` is the answer
    WELCOME = "welcome"  # the reader has confirmed; may show the latest posts
    GOODBYE = "goodbye"  # the reader has left; `Links.subscribe` is the way back


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestPost:
    """One post as a mail shows it.

    `html` is safe HTML with absolute URLs; `text` is its plain text, unwrapped paragraphs apart by
    blank lines. `cut`: both are only the post's beginning, and a link to the rest is shown. `instant` is
    aware and UTC; templates turn it into the list's local time.
    """

    id: str
    revision: str
    title: str
    url: str
    instant: datetime
    language: str
    html: str
    text: str
    summary: str = ""
    authors: tuple[Person, ...] = ()
    categories: tuple[str, ...] = ()
    image: Image | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What one cohort gets: oldest post first. `due_at` is the occurrence it stands for (UTC). `language`
    is that of the words around the posts (a BCP 47 tag); it falls back to English.
    """

    site: Site
    list: MailingList
    language: str
    due_at: datetime
    posts: tuple[DigestPost, ...]
    more: int = 0  # matching posts beyond max_posts, named with a link
    layout: Layout = Layout.FULL


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The absolute URLs a mail or its web page carries; empty: not shown. Those of one reader hold a
    mark (`messages.cut`) where the token goes. `web` is this digest as a page, `archive` the list's
    archive, `subscribe` the list's sign-up page; `preferences` and `view` are the reader's own: what they
    get and when, and this digest as they got it.
    """

    unsubscribe: str = ""
    confirm: str = ""
    preferences: str = ""
    view: str = ""
    web: str = ""
    archive: str = ""
    subscribe: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Finished content: rendered and inlined once; `Place` marks stand where a reader's values go."""

    subject: str
    text: str
    html: str


def cohorts(fresh: Sequence[Known], offsets: Iterable[int]) -> dict[int, tuple[Known, ...]]:
    """For each offset, the posts of `fresh` that came after it, in log order; () where none did."""
    return {offset: tuple(known for known in fresh if known.first_seq > offset) for offset in offsets}
