"""Ports for publishing: of the store for the log, the file index, views of the log, documents under public/,
redirects and WebSub pings; and of the files beside it: public/, adopted.json, moved.json.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from publisher.core.feeds.documents import Document, FeedVersion, Ping, StaticListing
from publisher.core.feeds.feed import (
    MAX_SEQ,
    ArchivePage,
    CombinedFilter,
    FeedState,
    PageMember,
    TermChange,
)
from publisher.core.feeds.redirects import Redirect
from publisher.core.posts.filters import Term, TermKind
from publisher.core.posts.post import (
    FileStat,
    Post,
)
from publisher.core.publishing.adoption import OldEntry
from publisher.core.publishing.incremental import IndexUpdate, PostKeys
from publisher.core.publishing.log import LogHead, LogKind, LogRow, PublishedPost
from publisher.core.publishing.plan import Plan
from publisher.core.site import AuditEntry, ServiceRecord, SettingsGeneration
from publisher.core.times import LastEntry


class FeedStore(Protocol):
    """Feeds as views of the log: the live posts that match a filter."""

    def content_version(self) -> int:
        """A number that changes whenever any post does."""
        ...

    def content_version_of(self, matching: CombinedFilter) -> int:
        """A number that changes whenever a matching post does."""
        ...

    def terms(self, kind: TermKind) -> Sequence[Term]:
        """The tags, categories, authors or languages that posts have or once had, sorted."""
        ...

    def members(self, matching: CombinedFilter) -> Sequence[PageMember]:
        """(first seq, post id) of all matching live posts, in log order."""
        ...

    def newest_of(self, matching: CombinedFilter, limit: int) -> Sequence[PublishedPost]:
        """Matching live posts, the last published first."""
        ...

    def recently_changed_of(
        self, matching: CombinedFilter, since: int, limit: int
    ) -> Sequence[PublishedPost]:
        """The `limit` last changed of the matching live posts that were published before log row `since` and
        changed after it; the last published first.
        """
        ...

    def recently_withdrawn(
        self, since: int, limit: int, *, after: int = 0, until: int = MAX_SEQ
    ) -> Sequence[PublishedPost]:
        """Posts that were withdrawn in log rows after `since` and first published in rows (after, until],
        most recently withdrawn first. Their `updated_at` is the time of withdrawal.
        """
        ...

    def recently_retagged(self, since: datetime, limit: int) -> Sequence[TermChange]:
        """Live posts whose terms were edited after `since`, the last edited first."""
        ...

    def last_changed_at(self, matching: CombinedFilter, limit: int, since: int) -> datetime | None:
        """When the feed of the newest `limit` matching live posts last changed for its readers: the latest
        `updated_at` of its posts and, after log row `since`, the latest time at which one was published (not
        by the baseline) or restored. None if it has no posts.
        """
        ...

    def posts_as_of(self, matching: CombinedFilter, page: ArchivePage) -> Sequence[PublishedPost]:
        """The live posts of an archive document as they were at log row `page.as_of`, the last published
        first.
        """
        ...

    def feed_states(self) -> Mapping[tuple[str, str], FeedState]:
        """(feed, part) -> state, of every feed there has been."""
        ...

    def archive_pages(self) -> Mapping[tuple[str, str], Sequence[ArchivePage]]:
        """(feed, part) -> its archive documents, the oldest first."""
        ...

    def save_feed_states(self, changed: Sequence[tuple[FeedState, Sequence[ArchivePage]]]) -> None:
        """Saves these feeds, and replaces their archive documents."""
        ...


class DocumentStore(Protocol):
    """What was written under public/, and the problems found last."""

    def documents(self) -> Mapping[str, Document]:
        """Path -> document, in path order."""
        ...

    def save_documents(
        self,
        written: Sequence[Document],
        gone: Sequence[str],
        pings: Sequence[Ping] = (),
        versions: Sequence[FeedVersion] = (),
    ) -> None:
        """Records documents and deletes the paths in `gone`. `versions` is the new content of those that are
        feeds. `pings` replace queued ones of the same hub and feed, and wait for `release_pings`.
        """
        ...

    def feed_versions(self, path: str) -> Mapping[str, tuple[str, ...]]:
        """Document hash -> marks of its entries, for the current and earlier versions of the feed document at
        `path`, the newest first.
        """
        ...

    def set_problems(self, area: str, problems_now: Sequence[str], now: datetime) -> None:
        """Replaces the problems of one area ("posts", "mail", "schedule"). One that was already there keeps
        the time it was first seen.
        """
        ...

    def problems(self) -> Sequence[tuple[str, datetime, str]]:
        """(area, since, text), the oldest first."""
        ...


class PublishStateStore(Protocol):
    """What must outlive a publish: metadata, redirects, pings still to be sent."""

    def meta(self, name: str) -> str:
        """The value saved under that name; "" if there is none."""
        ...

    def set_meta(self, name: str, value: str) -> None:
        """Saves a value in place of the one before."""
        ...

    def all_redirects(self) -> Sequence[Redirect]:
        """Every address that moved or ended, by path."""
        ...

    def redirect_for(self, path: str) -> Redirect | None:
        """What became of a path under public/; None if it neither moved nor ended."""
        ...

    def save_redirects(self, new: Sequence[Redirect], gone: Sequence[str] = ()) -> None:
        """Saves redirects the author asked for (replacing those of the same path), and deletes the paths in
        `gone`.
        """
        ...

    def former_addresses(self) -> Mapping[str, str]:
        """Path under public/ that a post's page had before -> post id."""
        ...

    def add_former_addresses(self, found: Mapping[str, str]) -> None:
        """Adds path -> post id; paths that are already known keep their post."""
        ...

    def post_redirects(self) -> Mapping[str, str]:
        """Former address or alias of a post -> where it leads; both paths under public/."""
        ...

    def set_post_redirects(self, wanted: Mapping[str, str], now: datetime) -> None:
        """Replaces all `post_redirects`. Unchanged ones keep their time."""
        ...

    def set_withdrawn_addresses(self, paths: Iterable[str], now: datetime) -> None:
        """Replaces the addresses of withdrawn posts (410). Unchanged ones keep their time; redirects the
        author asked for take precedence.
        """
        ...

    def pings(self) -> Sequence[Ping]:
        """All queued pings, by hub and feed: released or not, given up or not."""
        ...

    def release_pings(self) -> None:
        """Lets queued pings be sent: their documents can be fetched now."""
        ...

    def claim_pings(self, now: datetime, until: datetime) -> Sequence[Ping]:
        """The released pings that are due; nobody else gets them before `until`."""
        ...

    def complete_ping(self, ping: Ping) -> None:
        """Deletes a ping, unless it was replaced by one for newer bytes."""
        ...

    def defer_ping(self, ping: Ping) -> None:
        """Saves the `attempts`, `next_at` and `reply` of a ping that failed."""
        ...


class ServiceStore(Protocol):
    """The `publisher run` that works on the site, and the settings that it goes by."""

    def service(self) -> ServiceRecord | None:
        """The latest; it may have stopped. None: there never was one."""
        ...

    def replace_service(self, record: ServiceRecord, before: str | None) -> bool:
        """Makes `record` the latest, if the one with the token `before` still is; None: there was none."""
        ...

    def update_service(self, token: str, **changes: object) -> bool:
        """Changes fields of the record; False if another service has replaced it."""
        ...

    def ask_reload(self) -> int:
        """Asks the service to read its settings; returns what its `answered` will be afterwards."""
        ...

    def add_generation(
        self, digest: str, values: Mapping[str, tuple[str, str]], version: str, now: datetime, *, anew: bool
    ) -> int:
        """Adds settings that were found good; returns their number. Without `anew`, the latest generation
        stays if it has this digest.
        """
        ...

    def generation(self, number: int | None = None) -> SettingsGeneration | None:
        """A generation, or else the latest."""
        ...


class AuditStore(Protocol):
    """What people did."""

    def record_act(self, entry: AuditEntry) -> None:
        """Adds an act."""
        ...

    def acts(self, *, before: int | None = None, limit: int) -> Sequence[tuple[int, AuditEntry]]:
        """(number, act) of at most `limit` acts with a number below `before`, the newest first."""
        ...

    def acts_about(self, key: str) -> Sequence[AuditEntry]:
        """The acts about the subscriber with an address, by its key; the oldest first."""
        ...

    def subscriber_number(self, key: str) -> int | None:
        """The number that stands for an address, by its key; None if no subscriber has it."""
        ...

    def forget_acts(self, before: datetime) -> int:
        """Deletes the acts before then; returns how many."""
        ...


class LogStore(Protocol):
    """Posts and the publication log."""

    def head(self) -> LogHead:
        """The seq and instant of the last log row, and the instant of the baseline."""
        ...

    def rows_of_kinds(self, kinds: Collection[LogKind], after: int) -> Sequence[LogRow]:
        """The log's rows of these kinds with a seq beyond `after`, in their order."""
        ...

    def last_entry(self) -> LastEntry | None:
        """The later of the last log row and the last mailing; None if nothing was ever written."""
        ...

    def all_posts(self) -> Sequence[PublishedPost]:
        """Every post of the log, live or not, in order of first publication."""
        ...

    def posts_matching(self, keys: PostKeys) -> Sequence[PublishedPost]:
        """The posts of the log with any of these paths or ids, in order of first publication."""
        ...

    def count_live_posts(self) -> int:
        """How many posts readers can see."""
        ...

    def apply(self, plan: Plan, bodies: Mapping[str, str], now: datetime) -> LogHead:
        """Appends the plan's changes with gapless seq, and stores bodies by body hash. Returns the new head.
        Raises Conflict if the log's head is no longer `plan.head`.
        """
        ...

    def rename_posts(self, ids: Mapping[str, str]) -> None:
        """Gives posts new ids (old id -> new id), those of an adopted feed. No new id may be in the log."""
        ...

    def newest_posts(self, limit: int, *, before: int | None = None) -> Sequence[PublishedPost]:
        """Live posts, the last published first, without those that are only mailed; only those whose first
        entry in the log is `before` that one, if it is given."""
        ...

    def pinned_posts(self, limit: int) -> Sequence[PublishedPost]:
        """Those of them that are pinned."""
        ...

    def published_between(
        self, after: int, until: int, *, shown: Collection[str] = ()
    ) -> Sequence[PublishedPost]:
        """The posts first published in rows (after, until] of the log, without backfill, in log order: live
        ones, and those whose ids are in `shown`.
        """
        ...

    def post_versions(self, wanted: Sequence[tuple[str, str]]) -> Sequence[PublishedPost]:
        """Posts as they were in these (post id, revision), in that order. Raises StoreError if one is
        unknown.
        """
        ...

    def bodies(self, hashes: Iterable[str]) -> Mapping[str, str]:
        """Body hash -> body; unknown hashes are absent."""
        ...

    def bodies_near(self, seq: int, spread: int) -> Iterator[tuple[str, str]]:
        """(post id, body) of the posts first published within `spread` rows of log row `seq`."""
        ...


class FileStore(Protocol):
    """The index of files that were read, so that unchanged ones need not be read again."""

    def index_version(self) -> int:
        """How often the index was updated; while this is the same, so is `indexed_files`."""
        ...

    def indexed_files(self) -> dict[str, dict[str, FileStat]]:
        """Every indexed file: fingerprint of the rules it was read by -> path -> size and mtime."""
        ...

    def file_hashes(self, paths: Sequence[str], rules: str) -> Mapping[str, str]:
        """Path -> hash of the file's bytes, for those of `paths` that were read by these rules."""
        ...

    def unpublished_files(self, paths: Sequence[str]) -> Mapping[str, tuple[str, Post]]:
        """Path -> (hash, post) for those of `paths` that are indexed, by any rules, but are no post of the
        log.
        """
        ...

    def posts_to_plan(
        self, now: datetime
    ) -> tuple[Sequence[tuple[Post, bool, str]], Sequence[PublishedPost]]:
        """What a plan at `now` must consider: indexed files as (post, settled, hash), and posts of the log
        that are not settled (core.publishing.incremental). Includes a settled file only if the clock was set
        back before its date.
        """
        ...

    def save_bodies(self, bodies: Mapping[str, str]) -> None:
        """Stores bodies by body hash, before the plan that names them is applied."""
        ...

    def update_index(self, changes: IndexUpdate) -> int:
        """Records what an applied plan read, and what it left settled. Returns the new `index_version`."""
        ...


class PublicFolder(Protocol):
    """The public/ folder. Files are staged beside their final path, then renamed; text documents have their
    encodings beside them (core.feeds.documents.ENCODINGS). Every method may raise OutputError.
    """

    def stage(self, path: str, data: bytes) -> None:
        """Writes a document and its encodings beside their place, durable but hidden; makes folders."""
        ...

    def place(self, path: str, modified: datetime) -> None:
        """Renames the staged document and its encodings into place, with `modified` as their time."""
        ...

    def holds(self, document: Document) -> bool:
        """Whether the file is there as recorded (a plain file of that size and mtime), and its encodings
        too.
        """
        ...

    def standing(self, path: str) -> tuple[str, datetime] | None:
        """SHA-256 (64 hex digits) and mtime (whole seconds) of the file at `path`, whoever wrote it; None if
        there is none.
        """
        ...

    def read(self, path: str) -> bytes | None:
        """The bytes at `path`, whoever wrote them; None if there are none."""
        ...

    def pages(self, folder: str) -> Iterator[str]:
        """The paths of every `index.html` below a folder ("posts/", "" for all), whoever wrote it; follows
        no links."""
        ...

    def remove(self, path: str) -> None:
        """Deletes a file, its encodings first, and the folders this leaves empty. Nothing happens if it is
        missing.
        """
        ...

    def sweep(self) -> None:
        """Deletes what a crash left staged."""
        ...


class StaticFolder(Protocol):
    """The folder of files that are copied into public/ as they are."""

    def files(self) -> StaticListing:
        """What is in it now."""
        ...

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None if it is gone."""
        ...


class AdoptedIdsFile(Protocol):
    """The file of adopted ids beside publisher.toml. Raises OutputError, SettingsError."""

    name: str

    def entries(self) -> Sequence[OldEntry]: ...
    def save(self, entries: Sequence[OldEntry]) -> None: ...


class FeedRedirectsFile(Protocol):
    """The file of feeds that moved or ended, beside publisher.toml. Raises OutputError, SettingsError."""

    def moves(self) -> Sequence[Redirect] | None:
        """By path; None if there is no file."""
        ...

    def save(self, moves: Sequence[Redirect]) -> None: ...
