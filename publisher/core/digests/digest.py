"""A digest: the posts selected for a cohort of readers, and the finished content made from them.

And who is due: readers in groups that get the same digest, the query that a store answers with them, and the
log as a plan will leave it, for previews of what will be due.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from publisher.core.posts.filters import TermKind, fold_term, term_matches
from publisher.core.posts.post import Image, Post, PostMailOptions
from publisher.core.publishing.log import LogKind, PublishedPost
from publisher.core.publishing.plan import Plan
from publisher.core.site import Person, Site
from publisher.core.subscribers.subscription import ContentPreference, MailingList, SchedulePreference

DEFAULT_CONTENT_ID = 1
"""The store's number of the content preference that wants everything."""

MAX_CORRECTIONS = 60
"""Corrections in one mailing at most, a bit each of a 64-bit number; the log is taken up to there."""


class CohortKey(NamedTuple):
    """What readers of one cohort have in common: their `offset` in the log, the store's number of their
    content preference, and which of a mailing's corrections they get: bit i stands for the i-th.
    """

    offset: int
    content_id: int = DEFAULT_CONTENT_ID
    corrections: int = 0


class Correction(NamedTuple):
    """A `corrected` row of the log, and the seq at which its post was first published. With `released`, a
    post instead that an operator released for the readers of a stopped mailing; then `seq` is `first_seq`.
    """

    seq: int
    first_seq: int
    post_id: str
    released: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DueQuery:
    """Asks a store which readers of `list` are due at `now`, if posts up to log seq `head` may be mailed.
    `corrections` lie at or before `head`, oldest first. With `everyone`, readers whose time is still to come
    are due too. With `remakes`, the id of a stopped mailing, those are due for whom its posts were released
    and who have not paused.
    """

    list: str
    now: datetime
    head: int
    corrections: tuple[Correction, ...] = ()
    everyone: bool = False
    remakes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueGroup:
    """Due readers with one schedule (by the store's number of it) and one cohort key. `oldest` is their
    earliest next_due_at; `skipped`: their last digest was skipped.
    """

    schedule_id: int
    cohort_key: CohortKey
    readers: int
    oldest: datetime
    skipped: bool = False


class ReaderStatus(NamedTuple):
    """A reader of a list, due or not. `left_out` says why they are not due: "pending", "unsubscribed",
    "paused", "suppressed", or "later" if their time has not come; "" for those who are due.
    """

    subscription: int
    address: str
    left_out: str
    schedule_id: int
    cohort_key: CohortKey
    skipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRun:
    """A schedule that readers of a list have, and when it is next due; None if that is whenever something is
    published, or not known yet.
    """

    id: int
    preference: SchedulePreference
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectedLog:
    """The log as a plan will leave it. `head` is its last seq. `new` are posts that enter the log and may be
    mailed, in log order; `posts` the known ones that change, by id, and `live` those that readers cease to
    see, or see again. `corrected` are the seqs of `corrected` rows by the id of their post.
    """

    head: int = 0
    new: tuple[PublishedPost, ...] = ()
    posts: Mapping[str, Post] = field(default_factory=dict[str, Post])
    live: Mapping[str, bool] = field(default_factory=dict[str, bool])
    corrected: Mapping[str, int] = field(default_factory=dict[str, int])

    def then(self, known: Iterable[PublishedPost]) -> list[PublishedPost]:
        """Posts of the log as they will stand, without those that readers will not see."""
        after: list[PublishedPost] = []
        for k in known:
            if self.live.get(k.id, k.live):
                post = self.posts.get(k.id, k.post)
                name = k.stored_as if post.revision == k.post.revision else ""
                after.append(replace(k, post=post, live=True, stored_as=name))
        return after

    @property
    def back(self) -> Sequence[str]:
        """The ids of posts that readers will see again."""
        return [id for id, live in self.live.items() if live]

    def corrections(self, before: Sequence[Correction], first_seqs: Mapping[str, int]) -> list[Correction]:
        """The corrections of the log with those to come, oldest first, the last of each post."""
        kept = [row for row in before if row.post_id not in self.corrected]
        new = (
            Correction(seq=seq, first_seq=first_seqs[id], post_id=id) for id, seq in self.corrected.items()
        )
        return sorted([*kept, *new])


def project_log(made: Plan, now: datetime) -> ProjectedLog:
    """The log after `made` is carried out at `now`. A plan that is stopped leaves it as it is."""
    if made.stops:
        return ProjectedLog(head=made.head)
    rows = [(made.head + n, change) for n, change in enumerate(made.changes, start=1)]
    old = [(seq, change) for seq, change in rows if change.kind is not LogKind.PUBLISHED]
    return ProjectedLog(
        head=made.head + len(rows),
        new=tuple(
            PublishedPost(id=change.id, post=change.post, live=True, first_seq=seq, updated_at=now)
            for seq, change in rows
            if change.kind is LogKind.PUBLISHED and not change.backfill and not made.baseline
        ),
        posts=dict(made.touched) | {change.id: change.post for _, change in old},
        live={
            change.id: change.kind is LogKind.RESTORED
            for _, change in old
            if change.kind in (LogKind.WITHDRAWN, LogKind.RESTORED)
        },
        corrected={change.id: seq for seq, change in old if change.kind is LogKind.CORRECTED},
    )


class Layout(StrEnum):
    """How much of each post a mail shows: all of it, its summary and a link, or its title as a link."""

    FULL = "full"
    SUMMARY = "summary"
    TITLES = "titles"


class LetterKind(StrEnum):
    """The kinds of letters to one reader, named after their folders under templates/email/."""

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
    `minutes` is the time it takes to read, 0 if it is not to be shown; the other options are as in
    `posts.post.PostOptions`. A post that is `mail_only` has no address but that of the mail itself.
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
    subject: str = ""
    preheader: str = ""
    mail_only: bool = False
    pinned: bool = False
    series: str = ""
    series_part: int = 0
    minutes: int = 0


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
    """The content for one group of due readers. No posts: these readers are passed over. `waits`: there are
    too few posts, so the readers stay where they are and nothing is lost.
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
        # Where a mail has no room for all, it is the first of these that it leaves out.
        ordered = sorted(found.values(), key=lambda pair: (pair[1].post.options.pinned, pair[0]))
        chosen = tuple(known for _, known in ordered)
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
