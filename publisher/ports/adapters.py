"""Ports of everything but the store and the files that a publish writes: clock, posts, markup, formats,
rendering, mail, the journal, HTTP.
"""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from publisher.core.caching import LruCache
from publisher.core.delivery.relays import Relay
from publisher.core.digests.digest import Digest, DigestContent, DigestLinks, DigestPost, LetterKind
from publisher.core.errors import TemplateError
from publisher.core.feeds.documents import PingResult
from publisher.core.feeds.feed import Feed
from publisher.core.mail.dkim import CanonicalMessage
from publisher.core.mail.message import Message, Outcome, Placeholder
from publisher.core.posts.post import (
    NO_ASSETS,
    AssetLocation,
    BadPost,
    FileReading,
    FileStat,
    MarkdownExtension,
    ParsedPost,
)
from publisher.core.posts.post import MarkupLanguage as MarkupKind
from publisher.core.publishing.adoption import OldFeed
from publisher.core.site import Site
from publisher.core.subscribers.subscription import MailingList, Schedule

Clock = Callable[[], datetime]
"""The time now, aware and UTC. Read once for each operation and passed down."""

Failpoint = Callable[[str], None]
"""Called with a name between two steps that a crash may separate; does nothing outside tests."""

Progress = Callable[[str, int, int], None]
"""Called during long work with the name of the step, how much of it is done, and the total (0: unknown)."""


class Source(Protocol):
    """A folder of posts."""

    def scan(self, progress: Progress = ...) -> Iterator[ParsedPost | BadPost]:
        """Every file that could be a post, in path order. `progress` is told how many were read. Raises
        SourceError if the folder cannot be read.
        """
        ...

    def unreadable(self) -> Sequence[tuple[str, str]]:
        """(path, format) of files that the blog's generator makes posts from, but this source cannot read."""
        ...

    def unread(self) -> Sequence[str]:
        """Paths from the blog's root of data files that are code, which is never run, so what they say of
        posts is unknown. Raises SourceError as `scan` does.
        """
        ...

    def fingerprint(self, paths: Sequence[str]) -> str:
        """16 hex digits that name how files are read: settings, the blog's own configuration, and this
        version's reader. `paths` are all files, in order; `read_many` then reads by these rules.
        """
        ...

    @property
    def version(self) -> str:
        """16 hex digits that name this reader's code: another version may read the same bytes differently."""
        ...

    def files(self) -> Iterator[FileStat | BadPost]:
        """The files that `scan` would read, in no order. Raises SourceError if the folder cannot be read."""
        ...

    def at(self, paths: Collection[str]) -> tuple[Collection[str], Iterator[FileStat | BadPost]]:
        """(places, files): what `files` would return for these paths, everything below them, and what must
        always be checked; `places` are the paths that were listed completely. Raises SourceError.
        """
        ...

    def read_many(self, paths: Sequence[str], hashes: Mapping[str, str]) -> Iterator[FileReading]:
        """Reads those files, in that order, streamed; on all cores if there are many. A file whose hash
        equals the one in `hashes` is not parsed.
        """
        ...

    def hashes(self, paths: Sequence[str]) -> Mapping[str, str]:
        """The hash of the bytes of each of these files that can be read now and is not being written, as
        `read_many` names it.
        """
        ...

    def file(self, path: str) -> bytes | None:
        """The bytes of an asset's file; None if it is gone, or may not be published."""
        ...

    def smaller_picture(self, data: bytes) -> bytes:
        """A picture at most SMALL_WIDTH wide, in the same format and without its metadata; `data` itself if
        it cannot be made smaller.
        """
        ...


class Markup(Protocol):
    """Bodies to safe HTML and to text. Pure: no network, no files. Never raises for content. A relative
    reference to one of `files` becomes its URL; any other is resolved against `base_url`. `extensions` are
    enabled beyond what all bodies of a kind have; `values` are (name, text) of front matter that may be
    shown.
    """

    def html(
        self,
        body: str,
        kind: MarkupKind,
        *,
        base_url: str,
        title: str,
        files: Mapping[str, AssetLocation] = NO_ASSETS,
        extensions: Sequence[MarkdownExtension] = (),
        values: Sequence[tuple[str, str]] = (),
        language: str = "",
    ) -> str:
        """Sanitized HTML with absolute URLs; a first heading equal to `title` is dropped, and a picture among
        `files` gets its size. If `language` is written from right to left, code is marked as left to right.
        """
        ...

    def text(self, html: str, title: str = "") -> str:
        """Sanitized HTML as plain text: paragraphs unwrapped, separated by blank lines. Leaves out an alt
        text that only repeats `title`. May contain marks of `core.mail.message`.
        """
        ...

    def summary(self, html: str, *, whole: bool = False) -> str:
        """The first paragraph of sanitized HTML as plain text, at most 300 characters; may be empty. With
        `whole`, all of its text on one line, at most 1,000 characters.
        """
        ...

    def removed(
        self,
        body: str,
        kind: MarkupKind,
        extensions: Sequence[MarkdownExtension] = (),
        values: Sequence[tuple[str, str]] = (),
    ) -> Sequence[tuple[int, str]]:
        """(line of the body from 1, tag) of template code that cannot be shown and is removed."""
        ...

    def faults(
        self,
        body: str,
        kind: MarkupKind,
        *,
        base_url: str,
        title: str,
        files: Mapping[str, AssetLocation] = NO_ASSETS,
        extensions: Sequence[MarkdownExtension] = (),
        values: Sequence[tuple[str, str]] = (),
    ) -> Sequence[tuple[int, str]]:
        """(line of the body from 1, or 0 if unknown; what is wrong) of images and links that readers cannot
        use, and of elements that are left out.
        """
        ...

    def unset_formulas(
        self, body: str, kind: MarkupKind, extensions: Sequence[MarkdownExtension]
    ) -> Sequence[tuple[int, str]]:
        """(line of the body from 1, TeX) of formulas that cannot be set and are shown as TeX."""
        ...

    def excerpt(self, html: str, limit: int) -> tuple[str, bool]:
        """The leading whole blocks of sanitized HTML within `limit` UTF-8 bytes, and whether anything was
        cut.
        """
        ...


class Format(Protocol):
    """A feed format."""

    name: str
    label: str  # its name for readers
    suffix: str
    media_type: str

    def write(self, feed: Feed, cache: LruCache | None = None) -> bytes:
        """The document as bytes. Deterministic: equal feeds give equal bytes in every process. `cache` keeps
        what was made of an entry, for other documents that have it too: the bytes are the same without it.
        """
        ...


class Cadence(Protocol):
    """When digests are sent, by the wall clock of a time zone. `at_once`: as soon as there are posts.
    `max_late`: how late a digest may be before it waits for the next time, unless the list sets its own;
    None: no limit.
    """

    name: str
    at_once: bool
    max_late: timedelta | None

    def after(self, instant: datetime, schedule: Schedule) -> datetime:
        """The first occurrence strictly after `instant`."""
        ...

    def latest(self, instant: datetime, schedule: Schedule) -> datetime:
        """The last occurrence at or before `instant`."""
        ...


class Renderer(Protocol):
    """Jinja templates with inlined styles. Touches no network, and no files but templates."""

    def digest(self, digest: Digest, links: DigestLinks) -> DigestContent:
        """A digest as a mail or, without an unsubscribe link, as the web page of that mail. The template
        "single" shows a digest of one post, unless the site has a digest template of its own. Styles are
        inlined. Raises TemplateError.
        """
        ...

    def letter(
        self,
        occasion: LetterKind,
        spec: MailingList,
        links: DigestLinks,
        *,
        site: Site,
        language: str,
        posts: Sequence[DigestPost] = (),
    ) -> DigestContent:
        """A mail to one reader about their subscription, templates/email/<occasion>/, in `language` (BCP 47;
        English if there is no translation). Contains no text that a visitor typed. Raises TemplateError.
        """
        ...

    def page(self, name: str, values: Mapping[str, object]) -> str:
        """templates/web/<name>.html, a complete HTML document, in the `language` of `values`, else that of
        their `site`; in English if there is no translation. Raises TemplateError.
        """
        ...

    def translate(self, message: str, language: str) -> str:
        """An English message of a page in `language` (BCP 47); as it is if there is no translation."""
        ...

    def server_config(self, name: str, values: Mapping[str, object]) -> str:
        """templates/servers/<name>, a text in the syntax of that server; a site cannot replace it. Raises
        TemplateError.
        """
        ...

    def admin_page(self, name: str, values: Mapping[str, object]) -> str:
        """templates/admin/<name>, in English; a site cannot replace it. Raises TemplateError."""
        ...

    def packaged_documents(self) -> AbstractContextManager[None]:
        """While it lasts, every page is made by the packaged templates."""
        ...

    def problems(self) -> tuple[TemplateError, ...]:
        """What is wrong with the site's own templates, judged by what they make of sample content, each once.
        A digest whose template is broken raises its error, and so does a page that is kept as a document.
        """
        ...

    def outdated(self) -> tuple[tuple[str, str], ...]:
        """The site's own templates whose packaged original has changed since they were copied from it: the
        name, and by how much ("+3 -1 lines").
        """
        ...

    def ready(self, *names: str) -> None:
        """Loads templates before they are needed. Never raises."""
        ...


class Session(Protocol):
    """One connection, one message at a time: offer, then commit or drop."""

    @property
    def relay(self) -> str:
        """The name of the relay that has the message offered; "" if the transport has none."""
        ...

    async def offer(self, message: Message) -> Outcome | None:
        """Sends everything up to the end of the data. None if the server waits for that, an Outcome if the
        message was decided before.
        """
        ...

    async def commit(self, then: Message | None = None) -> Outcome:
        """Ends the data and waits for the reply; UNKNOWN if the connection dies. The next message offered is
        `then`, if it is known already.
        """
        ...

    async def drop(self) -> None:
        """Withdraws the message offered: it must not be delivered."""
        ...

    async def close(self) -> None:
        """Ends the connection."""
        ...


class RelayQuotas(Protocol):
    """How many messages relays may take in an hour and in a day, over all processes that send."""

    async def take(self, relay: Relay) -> datetime | None:
        """Takes a permit for one message; or returns when there will be one."""
        ...

    def give_back(self, relay: Relay) -> None:
        """Returns the permit of a message that was refused before it was sent."""
        ...

    async def release_unused(self) -> None:
        """Counts what was sent, and releases the permits that were not used."""
        ...


class Transport(Protocol):
    """A way to send mail. `can_look_up`: it may know what became of a message whose outcome is unknown.
    `troubles`: why relays fail, by name, while others do their work.
    """

    name: str
    connections: int
    can_look_up: bool

    @property
    def troubles(self) -> Mapping[str, str]: ...

    async def connect(self) -> Session | Outcome:
        """A session, or (DEFERRED) why there is none."""
        ...

    async def rest(self) -> None:
        """Tells the transport that no more messages come for now."""
        ...

    def lookup(self, key: str, message_id: str) -> Outcome | None:
        """What became of a message: ACCEPTED, DEFERRED (it never arrived), or None if it cannot be known."""
        ...


class PendingSignature(Protocol):
    """Signature header fields that are still being made; await them."""

    @property
    def fields(self) -> bytes | None:
        """The fields; None while they are being made."""
        ...

    def __await__(self) -> Generator[object, None, bytes]: ...


class Signer(Protocol):
    """Proves that mail is from its From domain (DKIM)."""

    def signs(self, domain: str) -> bool:
        """Whether mail from this domain gets signed."""
        ...

    def sign(
        self, domain: str, signable: CanonicalMessage, values: Mapping[Placeholder, bytes]
    ) -> bytes | PendingSignature:
        """The header fields to put before a cohort's message with these values, now or soon. The same message
        always gets the same ones.
        """
        ...


class Journal(Protocol):
    """The append-only file beside the store that a restored store is compared with. Raises OutputError."""

    def append(self, event: str, fields: Mapping[str, object]) -> None:
        """Appends one event; durable when it returns."""
        ...

    def append_all(self, entries: Sequence[tuple[str, Mapping[str, object]]]) -> None:
        """Appends many events with one sync; durable when it returns."""
        ...

    def since(self, position: int) -> tuple[Iterator[tuple[str, Mapping[str, object]]], int]:
        """(event, fields) of every event after byte `position`, the oldest first, streamed; and how many
        bytes there are now.
        """
        ...


class HttpReply(NamedTuple):
    """A server's reply: the final URL, the status (0: no reply), the beginning of its text, and the status or
    failure in words.
    """

    url: str
    status: int
    text: str
    summary: str


class WebClient(Protocol):
    """HTTP. Hosts in private networks are used only if they are `trusted`: named by the author."""

    def get(self, url: str, trusted: Collection[str]) -> tuple[str, bytes]:
        """The final URL and the document. Raises OutputError, Refused."""
        ...

    def ask(self, url: str, trusted: Collection[str]) -> HttpReply:
        """The reply at `url`, redirects followed; never raises for what the network or the server does."""
        ...

    def get_once(self, url: str, largest: int) -> HttpReply:
        """The reply at `url` with at most `largest` bytes of its text, redirects not followed and no host
        trusted; never raises for what the network or the server does."""
        ...

    def post(self, url: str, form: Mapping[str, str], trusted: Collection[str]) -> PingResult:
        """Posts a form; never raises for what the network or the server does."""
        ...


class FeedReader(Protocol):
    """Reads other sites' feeds."""

    def feed(self, data: bytes, where: str) -> OldFeed:
        """The feed fetched from `where`. Raises Refused if it is not one."""
        ...

    def related(self, data: bytes, where: str) -> str:
        """The feed that a web page links to; "" if there is none."""
        ...
