"""The sockets of everything but the store: clock, folder, markup, formats, mail, files.

The sockets to the world outside: documents of others are fetched and read, hubs are told.
"""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from publisher.core.delivery.relays import Relay
from publisher.core.digests.digest import Digest, DigestContent, DigestLinks, DigestPost, LetterKind
from publisher.core.feeds.documents import Document
from publisher.core.feeds.feed import Feed
from publisher.core.feeds.redirects import Redirect
from publisher.core.feeds.websub import PingResult
from publisher.core.mail.dkim import CanonicalMessage
from publisher.core.mail.message import Message, Outcome, Placeholder
from publisher.core.posts.assets import NO_ASSETS, AssetLocation
from publisher.core.posts.post import BadPost, FileReading, FileStat, MarkdownExtension, ParsedPost
from publisher.core.posts.post import MarkupLanguage as MarkupKind
from publisher.core.publishing.adoption import OldEntry, OldFeed
from publisher.core.site import Site
from publisher.core.subscribers.preferences import Schedule
from publisher.core.subscribers.subscription import MailingList

Clock = Callable[[], datetime]
"""The time now, aware and UTC. Read once for an operation and handed down."""

Failpoint = Callable[[str], None]
"""Called by name between two steps that a crash may part; does nothing outside tests."""


class Source(Protocol):
    """A folder of posts."""

    def scan(self) -> Iterator[ParsedPost | BadPost]:
        """Every file that could be a post, in path order. Raises SourceError: the folder is unreadable."""
        ...

    def unreadable(self) -> Sequence[tuple[str, str]]:
        """(path, format) of files that the blog's generator makes posts of, which this source cannot read."""
        ...

    def unread(self) -> Sequence[str]:
        """Data files that are code and never run, so that what they say of posts is not known, by their paths
        from the blog's root. Raises SourceError, as `scan`."""
        ...

    def fingerprint(self, paths: Sequence[str]) -> str:
        """16 hex digits that name how files are read: settings, what the blog's own files decide, this
        version's reader. `paths` are all files, in order; `read_many` then reads by these rules."""
        ...

    @property
    def version(self) -> str:
        """16 hex digits that name this reader's code: another version may read the same bytes differently."""
        ...

    def files(self) -> Iterator[FileStat | BadPost]:
        """What `scan` would read, unread and in no order. Raises SourceError: the folder is unreadable."""
        ...

    def at(self, paths: Collection[str]) -> tuple[Collection[str], Iterator[FileStat | BadPost]]:
        """What `files` would give of these paths, of all below them, and of what must be looked at each
        time; and the places that were looked at: nothing else stands there or below. Raises SourceError."""
        ...

    def read_many(self, paths: Sequence[str], hashes: Mapping[str, str]) -> Iterator[FileReading]:
        """Those files, in that order, streamed; on every core where they are many. A file whose hash is
        the one in `hashes` is not parsed."""
        ...

    def file(self, path: str) -> bytes | None:
        """The bytes of the file that an asset names by `path`; None: it is gone, or may not go out."""
        ...


class Markup(Protocol):
    """Bodies, made safe. Pure: no network, no file. Never raises for content. A relative reference to one
    of `files` becomes its URL, any other is resolved against `base_url`. `extensions` are what is read beyond
    what all bodies of a kind have; `values` are the (name, text) of front matter that it may show.
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
        """Sanitised HTML with absolute URLs; a first heading equal to `title` is dropped. Where `language` is
        written from right to left, code is marked as written from left to right."""
        ...

    def text(self, html: str, title: str = "") -> str:
        """Sanitised HTML as a person would type it: paragraphs unwrapped, apart by blank lines. An alt text
        that only repeats `title` is left out. It may hold marks of `core.mail.plain_text`."""
        ...

    def summary(self, html: str, *, whole: bool = False) -> str:
        """The first paragraph of sanitised HTML as plain text, at most 300 characters; may be empty. With
        `whole`, all its text in one line, at most 1,000 characters."""
        ...

    def removed(
        self,
        body: str,
        kind: MarkupKind,
        extensions: Sequence[MarkdownExtension] = (),
        values: Sequence[tuple[str, str]] = (),
    ) -> Sequence[tuple[int, str]]:
        """(line of the body from 1, tag) of template code that cannot be shown and is taken away."""
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
        """(line of the body from 1, 0 where it is not known; what is wrong) of pictures and links that
        readers cannot use."""
        ...

    def excerpt(self, html: str, limit: int) -> tuple[str, bool]:
        """The leading whole blocks of sanitised HTML within `limit` UTF-8 bytes, and whether that is less
        than all of it."""
        ...


class Format(Protocol):
    """A feed format."""

    name: str
    label: str  # what readers call it
    suffix: str
    media_type: str

    def write(self, feed: Feed) -> bytes:
        """The document. Deterministic: equal feeds, equal bytes, in every process."""
        ...


class Cadence(Protocol):
    """A rhythm of digests, by the wall clock of its zone. `at_once`: it waits for nothing but posts.
    `max_late`: how late a digest may be before it waits for the next one, where a list does not say; None:
    however late.
    """

    name: str
    at_once: bool
    max_late: timedelta | None

    def after(self, instant: datetime, rhythm: Schedule) -> datetime:
        """The first occurrence strictly after `instant`."""
        ...

    def latest(self, instant: datetime, rhythm: Schedule) -> datetime:
        """The last occurrence at or before `instant`."""
        ...


class Renderer(Protocol):
    """Jinja templates and inlined styles. Touches no network, and no file but templates."""

    def digest(self, digest: Digest, links: DigestLinks) -> DigestContent:
        """The digest as a mail. Raises TemplateError."""
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
        """A mail to one reader about their subscription, in `language` (BCP 47; else English). Carries no
        text that a visitor typed. Raises TemplateError."""
        ...

    def page(self, name: str, values: Mapping[str, object]) -> str:
        """templates/web/<name>.html as a whole HTML document. Raises TemplateError."""
        ...

    def ready(self, *names: str) -> None:
        """Loads those templates before they are asked for. Never raises."""
        ...


class PublicFolder(Protocol):
    """The public/ folder: files staged beside their place, then renamed into it, and with each document that
    is text its encodings (core.documents.ENCODINGS). Raises OutputError.
    """

    def stage(self, path: str, data: bytes) -> None: ...
    def place(self, path: str, modified: datetime) -> None: ...
    def holds(self, document: Document) -> bool:
        """Whether the file stands as recorded (size and mtime), and its encodings with it."""
        ...

    def standing(self, path: str) -> tuple[str, datetime] | None:
        """SHA-256 and mtime of what stands at `path`, whoever wrote it."""
        ...

    def read(self, path: str) -> bytes | None:
        """What stands at `path`, whoever wrote it; None: nothing."""
        ...

    def pages(self, folder: str) -> Iterator[str]:
        """The paths of what stands at `index.html` below a folder ("posts/"), whoever wrote it."""
        ...

    def remove(self, path: str) -> None: ...
    def sweep(self) -> None:
        """Removes what a crash left staged."""
        ...


class Session(Protocol):
    """One connection, one message at a time: offer, then commit or drop."""

    async def offer(self, message: Message) -> Outcome | None:
        """Everything up to the end of the data. None: the server waits for it. An Outcome: it is decided."""
        ...

    async def commit(self, then: Message | None = None) -> Outcome:
        """Ends the data and waits for the answer. UNKNOWN when the line dies. After it, offer again: `then`,
        where that is known already."""
        ...

    async def drop(self) -> None:
        """Lets go of what was offered: it must not be delivered."""
        ...

    async def close(self) -> None: ...


class RelayQuotas(Protocol):
    """What relays take in an hour and in a day, over all processes that send."""

    async def take(self, relay: Relay) -> datetime | None:
        """Takes a permit for one message. An instant: there is none before then."""
        ...

    def give_back(self, relay: Relay) -> None:
        """The message was refused before it went."""
        ...

    async def settle(self) -> None:
        """Counts what was sent; what was not is free again."""
        ...


class Transport(Protocol):
    """A way out of the house. `recalls`: it may know what became of a message in doubt. `troubles`: why some
    of several servers fail, by their names, while others stand in for them.
    """

    name: str
    connections: int
    recalls: bool

    @property
    def troubles(self) -> Mapping[str, str]: ...

    async def connect(self) -> Session | Outcome:
        """A session, or why there is none (DEFERRED)."""
        ...

    async def rest(self) -> None:
        """No more messages come for now."""
        ...

    def recall(self, key: str, message_id: str) -> Outcome | None:
        """What became of a message in doubt: ACCEPTED, DEFERRED (it never arrived), or None: cannot know."""
        ...


class PendingSignature(Protocol):
    """Header fields that are still being made. `fields` is None until they are; it can be awaited."""

    fields: bytes | None

    def __await__(self) -> Generator[object, None, bytes]: ...


class Signer(Protocol):
    """Proves that mail is from its From domain (DKIM)."""

    def signs(self, domain: str) -> bool:
        """Whether mail from this domain is signed."""
        ...

    def sign(
        self, domain: str, signable: CanonicalMessage, values: Mapping[Placeholder, bytes]
    ) -> bytes | PendingSignature:
        """The header fields to put before a cohort's message with these values, at once or soon. The same
        for the same message."""
        ...


class Journal(Protocol):
    """The append-only file beside the store that a restored backup is measured by. Raises OutputError."""

    def append(self, event: str, fields: Mapping[str, object]) -> None:
        """Durable when it returns."""
        ...

    def append_all(self, entries: Sequence[tuple[str, Mapping[str, object]]]) -> None:
        """Many events with one flush."""
        ...

    def since(self, position: int) -> tuple[Iterator[tuple[str, Mapping[str, object]]], int]:
        """Every event and its fields after so many bytes, oldest first, as they are asked for; and how many
        bytes there are."""
        ...


class HttpReply(NamedTuple):
    """What a server said: the address where it was at last, the status (0: there was no answer), the first of
    its text, and status or failure in a person's words.
    """

    url: str
    status: int
    text: str
    why: str


class WebClient(Protocol):
    """HTTP. Hosts in private networks are reached only where they are `trusted`: named by the author."""

    def get(self, url: str, trusted: Collection[str]) -> tuple[str, bytes]:
        """Where it was at last, and the document. Raises OutputError, Refused."""
        ...

    def ask(self, url: str, trusted: Collection[str]) -> HttpReply:
        """Who answers there, redirects followed; never raises for what the network or the server does."""
        ...

    def post(self, url: str, form: Mapping[str, str], trusted: Collection[str]) -> PingResult:
        """One form; never raises for what the network or the server does."""
        ...


class FeedReader(Protocol):
    """Feeds of others."""

    def feed(self, data: bytes, where: str) -> OldFeed:
        """The feed fetched from `where`. Raises Refused: it is none."""
        ...

    def related(self, data: bytes, where: str) -> str:
        """The feed that a web page names; "" where it names none."""
        ...


class AdoptedIdsFile(Protocol):
    """The file of adopted ids beside publisher.toml. Raises OutputError, SettingsError."""

    name: str

    def entries(self) -> Sequence[OldEntry]: ...
    def save(self, entries: Sequence[OldEntry]) -> None: ...


class FeedRedirectsFile(Protocol):
    """The file of feeds that moved or ended, beside publisher.toml. Raises OutputError, SettingsError."""

    def moves(self) -> Sequence[Redirect] | None:
        """By path; None where there is no file."""
        ...

    def save(self, moves: Sequence[Redirect]) -> None: ...
