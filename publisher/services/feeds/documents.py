"""Writes the documents under public/: only when their bytes change, by rename, with a modification time that
changes with the bytes. Then it notifies the hubs of the feeds that changed (W3C WebSub 6).

    remove -> [documents:removed] -> forget
    stage -> [documents:staged] -> save_documents, queue pings -> [documents:saved] -> place -> release pings
    claim pings -> [websub:claimed] -> post -> [websub:told] -> complete

Documents that are no longer needed are removed first, each file before its row, so that the next publish
removes what a crash left. A crash before the save leaves only staged files, which the next publish sweeps up.
After the save the row says what the file must be, and the next publish makes the same bytes and puts them
there. The same holds for encodings.

A ping whose process crashed before the post is sent once its claim has run out. After a crash between the
post and its record a hub is notified twice: it fetches the feed once more, and nobody sees anything new.
A hub that does not answer is tried again, after a longer delay each time.

Beside them are copies of the author's own files (`site.static`): logos, robots.txt, CNAME, .well-known. They
never take the place of a document of ours, and go when they leave their folder.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import PurePosixPath
from types import TracebackType

from publisher.core.errors import OutputError, TemplateError
from publisher.core.feeds.documents import (
    ENCODINGS,
    Document,
    FeedVersion,
    Ping,
    StaticFile,
    may_be_feed,
    next_attempt,
    read_feed,
)
from publisher.core.posts.page_paths import OUR_NAMES, RESERVED_NAMES, disk_key
from publisher.core.publishing.adoption import host_of
from publisher.core.times import local_time
from publisher.ports import PublicFolder
from publisher.services.deps import Deps, SiteRules

CLAIM = timedelta(minutes=2)
"""How long a claimed ping is left to the process that claimed it: longer than a hub may take to answer."""

PROBLEM_AREA = "websub"

ARCHIVE_FOLDER = "archive/"
"""The folder of archive documents. They do not change, so no client has an older version of one."""

STATIC = "static "
"""What the fingerprints of files begin with that are copied as they are."""

OUR_FOLDERS = frozenset({"posts", *RESERVED_NAMES})
"""Folders of ours under public/, whether or not something is there today."""

PAGE = "page "
"""What the fingerprints of posts' pages begin with that stand outside of posts/."""

THREADS = 4
"""Staging threads; more than cores, because they mostly wait for the disk."""

MAX_STAGED = 16
"""Documents in memory that are yet to be staged."""

_FIRST_NAMES = {"ArchivePage(": "Page(", "PostFilter(": "Where("}
"""The names that classes had when fingerprints of them were first stored: archives are made again only when
what they show changes, not when a class gets a better name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PingReport:
    """The pings that hubs accepted, and those they did not."""

    notified: tuple[Ping, ...] = ()
    failed: tuple[Ping, ...] = ()


def pings_for(rules: SiteRules, topics: Sequence[tuple[str, str]], now: datetime) -> list[Ping]:
    """A ping to each hub for each changed feed, given as (URL, hash of the new bytes)."""
    return [
        Ping(hub=hub, topic=topic, version=version, since=now, next_at=now)
        for hub in rules.hubs
        for topic, version in topics
    ]


def send_pings(deps: Deps, now: datetime) -> PingReport:
    """Notifies the hubs that are due. The failure of a hub is a result. Raises StoreError."""
    claimed = deps.adapters.store.claim_pings(now, now + CLAIM)
    if not claimed:
        return PingReport()
    deps.process.failpoint("websub:claimed")
    notified: list[Ping] = []
    failed: list[Ping] = []
    for hub, queued in groupby(claimed, key=lambda ping: ping.hub):
        if hub not in deps.rules.hubs:  # it was removed from the settings
            for ping in queued:
                deps.adapters.store.complete_ping(ping)
        else:
            _ping_hub(deps, list(queued), notified, failed)
    deps.adapters.store.set_problems(
        PROBLEM_AREA, hub_problems(deps.adapters.store.pings(), deps.rules.site.timezone), now
    )
    return PingReport(notified=tuple(notified), failed=tuple(failed))


def _ping_hub(deps: Deps, queued: Sequence[Ping], notified: list[Ping], failed: list[Ping]) -> None:
    """Notifies one hub. If it cannot be reached, its other pings wait too."""
    web, unreachable = deps.adapters.http_client(), ""
    for ping in queued:
        wait: timedelta | None = None
        if not unreachable:
            form = {"hub.mode": "publish", "hub.url": ping.topic}
            answer = web.post(ping.hub, form, {host_of(ping.hub)})
            if answer.ok:
                deps.process.failpoint("websub:told")
                deps.adapters.store.complete_ping(ping)
                notified.append(ping)
                continue
            wait = answer.wait
            unreachable = "" if answer.reply[:3].isdecimal() else answer.reply
            ping = replace(ping, reply=answer.reply)
        later = replace(ping, attempts=ping.attempts + 1, reply=unreachable or ping.reply)
        later = replace(later, next_at=next_attempt(later.attempts, deps.process.clock(), wait))
        deps.adapters.store.defer_ping(later)
        failed.append(later)


def hub_problems(pings: Iterable[Ping], zone: str) -> list[str]:
    """A line for each hub that has not accepted its pings yet; times in `zone`."""
    late = [ping for ping in pings if ping.attempts]
    lines: list[str] = []
    for hub, group in groupby(late, key=lambda ping: ping.hub):
        feeds = list(group)
        times = max(ping.attempts for ping in feeds)
        again = min((ping.next_at for ping in feeds if ping.next_at), default=None)
        then = f"asked again at {local_time(again, zone)}" if again else "given up until the feed changes"
        what = f"{len(feeds)} feed{'s' if len(feeds) > 1 else ''}"
        lines.append(f"{hub}: not notified of {what} ({feeds[0].reply}); asked {times} times, {then}")
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSpec:
    """A document that belongs at `path`. `fingerprint` identifies the inputs it is made of; `make` is called
    if they changed, and returns None if they are gone: then the file stays as it is. `topic` is the URL by
    which hubs know it, "" if no hub is notified when it changes.
    """

    path: str
    fingerprint: str
    make: Callable[[], bytes | None]
    topic: str = ""


def write_documents(
    deps: Deps,
    specs: Sequence[DocumentSpec],
    now: datetime,
    *,
    owned: tuple[str, ...] = (),
    copies: bool = False,
) -> tuple[str, ...]:
    """Brings the documents of `specs` up to date; returns the paths whose bytes changed. Removes every other
    document in the `owned` folders ("posts/"), and with `copies` every other page of a post and copy of an
    author's file. A
    document whose own template is broken stays as it is; one that was never made is made by the packaged
    template. Raises StoreError, OutputError.
    """
    store, folder = deps.adapters.store, deps.adapters.public_folder
    before = store.documents()
    folder.sweep()
    may_go = {
        path
        for path, old in before.items()
        if path.startswith(owned) or (copies and (is_copy(old) or is_page(old)))
    }
    remove_documents(deps, sorted(may_go - {spec.path for spec in specs}))
    made: list[Document] = []
    versions: list[FeedVersion] = []
    changed: list[str] = []
    topics: list[tuple[str, str]] = []
    broken: dict[str, None] = {}
    with Staging(folder) as staging:
        for number, spec in enumerate(specs, 1):
            deps.process.progress("writing", number, len(specs))
            old = before.get(spec.path)
            if old is not None and old.fingerprint == spec.fingerprint and folder.holds(old):
                continue
            try:
                data = spec.make()
            except TemplateError as error:
                broken.setdefault(str(error))
                if old is not None and folder.holds(old):
                    continue
                with deps.adapters.renderer.packaged_documents():
                    data = spec.make()
            if data is None:
                continue
            # If the store was lost and the file is there, readers have that file.
            last = (old.hash, old.modified) if old else folder.standing(spec.path)
            new = _document(spec, data, last, now)
            if old is None or old.hash != new.hash or not folder.holds(new):
                staging.stage(new.path, data)
                changed.append(new.path)
                if version := feed_version(new, data):
                    versions.append(version)
            if spec.topic and (last is None or last[0] != new.hash):
                topics.append((spec.topic, new.hash))
            made.append(new)
    if broken:  # what is wrong with every page of a template is known as a problem of templates
        broken = {one: None for one in broken if one not in map(str, deps.adapters.renderer.problems())}
    store.set_problems(f"documents {' '.join(owned)}".strip(), list(broken), now)
    if made:
        deps.process.failpoint("documents:staged")
        store.save_documents(made, (), pings_for(deps.rules, topics, now), versions)
        deps.process.failpoint("documents:saved")
        staged = frozenset(changed)
        for document in made:
            if document.path in staged:
                folder.place(document.path, document.modified)
                deps.process.failpoint("documents:placed")
    if deps.rules.hubs:  # also pings that were queued by a publish that died
        store.release_pings()
    return tuple(changed)


def is_copy(document: Document) -> bool:
    """Whether a document is the copy of an author's file."""
    return document.fingerprint.startswith(STATIC)


def is_page(document: Document) -> bool:
    """Whether a document is the page of a post outside of posts/."""
    return document.fingerprint.startswith(PAGE)


def _document(spec: DocumentSpec, data: bytes, last: tuple[str, datetime] | None, now: datetime) -> Document:
    """The row for `data`. `last` is the (hash, time) that readers have: the new time is the same if the bytes
    are, and later by at least a second if they differ.
    """
    hash = hashlib.sha256(data).hexdigest()
    modified = now.astimezone(UTC).replace(microsecond=0)
    if last is not None:
        last_hash, last_modified = last
        same = last_hash == hash
        modified = last_modified if same else max(modified, last_modified + timedelta(seconds=1))
    return Document(
        path=spec.path, fingerprint=spec.fingerprint, hash=hash, size=len(data), modified=modified
    )


def feed_version(document: Document, data: bytes) -> FeedVersion | None:
    """The entries of a feed, kept for clients that will still have these bytes when the feed has others (RFC
    3229); None for any other document.
    """
    path = document.path
    feed = read_feed(data) if may_be_feed(path) and not path.startswith(ARCHIVE_FOLDER) else None
    if feed is None:
        return None
    return FeedVersion(path=path, hash=document.hash, modified=document.modified, marks=feed.marks)


def remove_documents(deps: Deps, paths: Sequence[str]) -> None:
    """Removes documents. Files first: after a crash the rows still say what must go."""
    for path in paths:
        deps.adapters.public_folder.remove(path)
        deps.process.failpoint("documents:removed")
    if paths:
        deps.adapters.store.save_documents((), paths)


class Staging(AbstractContextManager["Staging"]):
    """Stages documents in threads, because compressing one and waiting for the disk take as long as making
    the next. When its block ends, all are staged. Raises OutputError there or from `stage`, after removing
    all that was staged, so that a full disk has room again.
    """

    def __init__(self, shelf: PublicFolder) -> None:
        self._shelf = shelf
        self._pool: ThreadPoolExecutor | None = None
        self._in_flight: deque[Future[None]] = deque()

    def stage(self, path: str, data: bytes) -> None:
        """Takes a document; waits while MAX_STAGED are in memory."""
        if len(self._in_flight) >= MAX_STAGED:
            self._in_flight.popleft().result()
        self._pool = self._pool or ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="staging")
        self._in_flight.append(self._pool.submit(self._shelf.stage, path, data))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            while error is None and self._in_flight:
                self._in_flight.popleft().result()
        except OutputError as failed:
            error = failed
            raise
        finally:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
            if isinstance(error, OutputError):
                self._shelf.sweep()


def fingerprint(*values: object) -> str:
    """Identifies inputs by 64 hex digits, which are the same for equal inputs."""
    text = "\0".join(map(repr, values))
    for name, first in _FIRST_NAMES.items():
        text = text.replace(name, first)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def static_documents(deps: Deps, ours: Collection[str]) -> tuple[list[DocumentSpec], list[str]]:
    """A document for each of the author's files, and why some have none. `ours` are paths of other documents,
    besides those that are written already. If the folder cannot be read, what was copied stays.
    """
    folder = deps.adapters.static_folder()
    if folder is None:
        return [], []
    found = folder.files()
    before = deps.adapters.store.documents().values()
    ours = {*ours, *OUR_NAMES, *(one.path for one in before if not is_copy(one))}
    if found.unreadable:
        specs = [
            DocumentSpec(path=one.path, fingerprint=one.fingerprint, make=lambda: None)
            for one in before
            if is_copy(one) and one.path not in ours
        ]
        return specs, [found.unreadable]
    files, problems = static_files(found.files, ours)
    specs = [
        DocumentSpec(
            path=file.path,
            fingerprint=f"{STATIC}{file.size} {file.changed_ns}",
            make=partial(folder.read, file.path),
        )
        for file in files
    ]
    return specs, [*found.problems, *problems]


def static_files(files: Collection[StaticFile], ours: Collection[str]) -> tuple[list[StaticFile], list[str]]:
    """The files that can be copied, and a line for each other. Paths that differ only in case are one,
    so that the site works on every disk.
    """
    taken = {disk_key(path): path for path in ours}
    taken |= {disk_key(path + end): path for path in ours for end in ENCODINGS.values()}
    folders = {str(above): path for key, path in taken.items() for above in PurePosixPath(key).parents}
    copied: list[StaticFile] = []
    problems: list[str] = []
    for file in sorted(files, key=lambda file: disk_key(file.path)):  # a document before its encodings
        key = disk_key(file.path)
        above = [str(folder) for folder in PurePosixPath(key).parents]
        rival = taken.get(key) or folders.get(key) or next((taken[f] for f in above if f in taken), None)
        if file.path.partition("/")[0].casefold() in OUR_FOLDERS:
            rival = f"{file.path.partition('/')[0]}/"
        if rival:
            problems.append(
                f"{file.name}: not copied: {rival} under public/ is there already; give the file another name"
            )
            continue
        copied.append(file)
        for path in (file.path, *(file.path + end for end in ENCODINGS.values())):
            taken[disk_key(path)] = file.path
        folders |= dict.fromkeys(above, file.path)
    return copied, problems
