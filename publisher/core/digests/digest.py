"""A digest: the posts selected for a cohort of readers, and the finished content made from them."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from publisher.core.digests.due import CohortKey, Correction
from publisher.core.posts.filters import TermKind, fold_term, term_matches
from publisher.core.posts.post import Image, Post, PostMailOptions
from publisher.core.publishing.log import PublishedPost
from publisher.core.site import Person, Site
from publisher.core.subscribers.subscription import ContentPreference, MailingList


class Layout(StrEnum):
    """How much of each post a mail shows: all of it, its summary and a link, or its title as a link."""

    FULL = "full"
    SUMMARY = "summary"
    TITLES = "titles"


class LetterKind(StrEnum):
    """What a letter to one reader is about: the name of its folder under templates/email/."""

    CONFIRM = "confirm"  # asks whether the address wants the list; `DigestLinks.confirm` is the answer
    WELCOME = "welcome"  # the reader has confirmed; may show the latest posts
    ACCOUNT = "account"  # a link that its reader asked for: export, erase, address or unsubscribe


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestPost:
    """One post as a mail shows it.

    `html` is safe HTML with absolute URLs; `text` is its plain text with the marks of `core.mail.message`:
    unwrapped paragraphs apart by blank lines. `cut`: both are only the post's beginning, and a link to the
    rest is shown. `instant` is aware and UTC; templates turn it into the list's local time. `gone`: it was
    withdrawn after it was mailed, so all texts and `url` are empty, and its place only says so.
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
    gone: bool = False


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
class DigestLinks:
    """The absolute URLs a mail or its web page carries; empty: not shown. Those of one reader hold a
    mark (see `mail.message.split_at_marks`) where the token goes. `web` is this digest as a page, `archive`
    the list's archive, `subscribe` the list's sign-up page; `preferences` and `view` are the reader's own:
    what they get and when, and this digest as they got it. `export`, `erase` and `address` work once: to see
    what is kept, to be forgotten, to have another address. `never_ask`: a stranger typed the address, and its
    owner wants no such mail again.
    """

    unsubscribe: str = ""
    confirm: str = ""
    never_ask: str = ""
    preferences: str = ""
    view: str = ""
    web: str = ""
    archive: str = ""
    subscribe: str = ""
    export: str = ""
    erase: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestContent:
    """Finished content: rendered and inlined once; `Placeholder` marks stand where a reader's values go."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestSelection:
    """What is for one group of due readers. No posts: they are passed over. `waits`: too few, they stay
    where they are and nothing is lost.
    """

    posts: tuple[PublishedPost, ...] = ()
    waits: bool = False


class DigestSelector:
    """What a list's due readers get: `fresh` are the live posts first published after the one who stands
    furthest back, in log order; `corrected` the live posts of a mailing's corrections, by their place.
    """

    def __init__(
        self,
        spec: MailingList,
        fresh: Sequence[PublishedPost],
        corrected: Mapping[int, tuple[Correction, PublishedPost]],
    ) -> None:
        self._spec, self._fresh, self._corrected = spec, fresh, corrected
        self._wanted: dict[ContentPreference, tuple[list[int], list[PublishedPost]]] = {}

    def of(self, key: CohortKey, content: ContentPreference, *, least: int) -> DigestSelection:
        """What readers with this cohort key get, if they want `content` (see `subscription.content_for`);
        they wait for `least` posts at least.
        """
        if content not in self._wanted:
            posts = [known for known in self._fresh if is_wanted(known.post, self._spec, content)]
            self._wanted[content] = [known.first_seq for known in posts], posts
        seqs, posts = self._wanted[content]
        found = {known.id: (known.first_seq, known) for known in posts[bisect_right(seqs, key.offset) :]}
        for place, (correction, known) in self._corrected.items():
            if not key.corrections >> place & 1:
                continue
            # Who gets a correction got the post, or would have; one that was released is news to them.
            if not correction.released or is_wanted(known.post, self._spec, content):
                found.setdefault(known.id, (correction.seq, known))
        chosen = tuple(known for _, known in sorted(found.values(), key=lambda pair: pair[0]))
        return DigestSelection(posts=chosen, waits=0 < len(chosen) < least)


def is_wanted(post: Post, spec: MailingList, content: ContentPreference) -> bool:
    """Whether a post of a list is for readers who want `content` (see `subscription.content_for`)."""
    if post.mail is PostMailOptions.NEVER or not spec.where.matches(post):
        return False
    if content.language and not term_matches(
        TermKind.LANGUAGE, fold_term(content.language), fold_term(post.language)
    ):
        return False
    wanted = {fold_term(topic) for topic in content.topics}
    return not wanted or any(fold_term(topic) in wanted for topic in topics_of(post))


def topics_of(post: Post) -> tuple[str, ...]:
    """What a post is about: its categories, or its tags where it has none."""
    return post.categories or post.tags
