"""What a change of settings does, said before it is done: who is mailed when, what becomes of addresses and
senders, which documents are written.

The store remembers the settings of the last publish that planned mail; before that there is nothing to say.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from publisher.core.addresses import parse_mailbox
from publisher.core.digests.digest import DueQuery
from publisher.core.errors import PublisherError
from publisher.core.posts.post import Post
from publisher.core.subscribers.subscription import MailingList, Schedule, schedule_for
from publisher.core.times import local_time
from publisher.ports import Store
from publisher.services.deps import Deps, SiteRules
from publisher.services.digests.archive_pages import mailing_documents
from publisher.services.digests.due_readers import NewTime, former_list, new_times
from publisher.services.feeds.documents import fingerprint, is_page
from publisher.services.feeds.post_pages import OWNED_FOLDERS, posts_with_pages
from publisher.services.feeds.redirects import stored_redirects
from publisher.services.feeds.retired_feeds import retired_feeds
from publisher.services.publishing.publish import site_documents
from publisher.services.subscribers.lists import RememberedList, remember_lists, remembered_lists

if TYPE_CHECKING:
    from publisher.services.feeds.documents import DocumentSpec

SETTINGS = "settings"
"""Key in the store: what is compared of the settings besides lists, as JSON."""

MADE_BY = "documents_by"
"""Key in the store: what the documents of the last publish were made by. While it is the same, no document is
compared: with pages for many posts that takes seconds.
"""

MAX_NAMED = 3
"""Documents that a sentence names; it counts the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSettings:
    """What the last publish went by. `dkim` are selectors of keys."""

    url: str
    public_url: str
    timezone: str
    dkim: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChanges:
    """Paths under public/ of documents that the next publish would add, remove or rewrite even if no post
    changes.
    """

    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()

    def __str__(self) -> str:
        """In words; "" if there are none."""
        parts: list[str] = []
        for verb, paths in (("add", self.added), ("remove", self.gone), ("write again", self.rewritten)):
            if paths:
                more = f" and {len(paths) - MAX_NAMED:,} more" if len(paths) > MAX_NAMED else ""
                parts.append(f"{verb} {', '.join(paths[:MAX_NAMED])}{more}")
        return "; ".join(parts)


def remember_settings(deps: Deps) -> None:
    """Remembers what this publish went by."""
    rules, store = deps.rules, deps.adapters.store
    value = json.dumps(asdict(_published(rules)), ensure_ascii=False)
    if store.meta(SETTINGS) != value:
        store.set_meta(SETTINGS, value)
    remember_lists(rules, store)


def settings_changes(deps: Deps, now: datetime) -> list[str]:
    """A sentence for each change since the last publish that readers or their mailboxes notice."""
    store = deps.adapters.store
    known = store.meta(SETTINGS)
    if not known:
        return []
    value: dict[str, Any] = json.loads(known)
    value["dkim"] = tuple(value["dkim"])
    before = PublishedSettings(**value)
    lists = remembered_lists(store)
    found = [*_site_changes(before, _published(deps.rules))]
    for spec in deps.rules.lists:
        if (was := lists.get(spec.slug)) is not None:
            found += [*_sender_changes(spec, was), *_schedule_changes(deps, spec, was, now)]
    return found


def _published(rules: SiteRules) -> PublishedSettings:
    site = rules.site
    return PublishedSettings(
        url=site.url, public_url=site.public_url, timezone=site.timezone, dkim=rules.dkim_selectors
    )


def _site_changes(before: PublishedSettings, now: PublishedSettings) -> Iterator[str]:
    if before.url != now.url:
        yield (
            f"site.url: {before.url} is now {now.url}: entries keep their ids, links lead to the new "
            "address, and archives of feeds are made again"
        )
    if before.public_url != now.public_url:
        yield (
            f"web.public_url: {before.public_url} is now {now.public_url}: links in mails that were sent "
            "lead to the old address; let it lead here, or they stop working"
        )
    if before.timezone != now.timezone:
        yield (
            f"site.timezone: {before.timezone} is now {now.timezone}: dates without a zone are read by it "
            "from now on; what is published stays published"
        )
    gone = [selector for selector in before.dkim if selector not in now.dkim]
    if gone and not now.dkim:
        yield "mail.dkim.keys: mail is no longer signed, and many mailboxes refuse or mistrust such mail"
    elif gone:
        yield f"mail.dkim.keys: mail is no longer signed with {', '.join(gone)}"


def _sender_changes(spec: MailingList, was: RememberedList) -> Iterator[str]:
    try:
        old, new = (parse_mailbox(text).address.domain for text in (was.sender, spec.sender))
    except PublisherError:
        return  # an older version took what this one does not
    if old != new:
        yield (
            f"lists.{spec.slug}.from: mail comes from {new} instead of {old}: its SPF, DKIM and DMARC "
            "records must allow that first"
        )


def _schedule_changes(deps: Deps, spec: MailingList, was: RememberedList, now: datetime) -> Iterator[str]:
    store, former = deps.adapters.store, former_list(spec, was)
    times = {
        time: run
        for run in store.next_runs(spec.slug)
        if (time := new_times(spec, former, run, now)) is not None
        and schedule_for(spec, run.preference) != schedule_for(former, run.preference)
    }
    if not times:
        return
    everyone = DueQuery(list=spec.slug, now=now, head=store.head().seq, everyone=True)
    readers = Counter[int]()
    for group in store.due_groups(everyone):
        readers[group.schedule_id] += group.readers
    for time, run in times.items():
        if not readers[run.id]:
            continue
        old, new = schedule_for(former, run.preference), schedule_for(spec, run.preference)
        who = _who(readers[run.id], time, run.next_at)
        yield f"lists.{spec.slug}: {_words(old)} is now {_words(new)}: {who}"


def _words(schedule: Schedule) -> str:
    if schedule.cadence == "immediate":
        return "immediate"
    on = f" ({schedule.on})" if schedule.on else ""
    return f"{schedule.cadence}{on} at {schedule.at:%H:%M} {schedule.timezone}"


def _who(readers: int, time: NewTime, before: datetime | None) -> str:
    several = "1 reader is" if readers == 1 else f"{readers:,} readers are"
    zone = time.timezone
    if time.due_at is not None:
        return f"{several} due now, since {local_time(time.due_at, zone)} has passed"
    if time.next_at is None:
        return f"{several} mailed whenever something is published, and now what waits"
    instead = f" instead of {local_time(before, zone)}" if before else ""
    return f"{several} mailed next at {local_time(time.next_at, zone)}{instead}"


class _ReadOnlyStore:
    """A store that ignores what the code making documents saves, so that asking changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def save_feed_states(self, changed: object) -> None:
        """Ignored: the next publish saves it."""

    def set_meta(self, name: str, value: str) -> None:
        """Ignored: the next publish saves it."""


def remember_documents(deps: Deps) -> None:
    """Remembers what the documents of this publish were made by."""
    value, store = _made_by(deps), deps.adapters.store
    if store.meta(MADE_BY) != value:
        store.set_meta(MADE_BY, value)


def _made_by(deps: Deps) -> str:
    """Identifies settings, templates and version, as far as documents depend on them."""
    rules = deps.rules
    by = (rules.site, rules.feeds, rules.lists, rules.hubs, rules.post_pages, rules.id_rules.authority)
    return fingerprint(deps.process.template_fingerprint, *by)[:32]


def document_changes(deps: Deps, page_only: Sequence[Post]) -> DocumentChanges:
    """Which documents differ from what settings, templates and this version would make of the log as it is.
    Writes nothing, and makes no document.
    """
    store = deps.adapters.store
    if store.head().baseline_at is None or store.meta(MADE_BY) == _made_by(deps):
        return DocumentChanges()
    quiet = replace(deps, adapters=replace(deps.adapters, store=cast("Store", _ReadOnlyStore(store))))
    known = store.all_posts() if deps.rules.post_pages else ()
    shown = posts_with_pages(deps.rules, known, page_only)
    specs, _, _ = site_documents(quiet, shown, retired_feeds(quiet))
    mailings, withdrawn = store.mailings(counted=False), store.posts_not_on_pages()
    specs += mailing_documents(quiet, mailings, withdrawn, [])
    redirects: Collection[str] = store.post_redirects()
    return _compare(deps, specs, {*redirects, *(move.path for move in stored_redirects(store))})


def _compare(deps: Deps, specs: "Sequence[DocumentSpec]", led: Collection[str]) -> DocumentChanges:
    """`led` are paths that lead elsewhere."""
    before = deps.adapters.store.documents()
    wanted = {spec.path: spec.fingerprint for spec in specs if spec.path not in led}
    return DocumentChanges(
        added=tuple(sorted(wanted.keys() - before.keys())),
        gone=tuple(
            sorted(
                path
                for path in before.keys() - wanted.keys() - {*led}
                if path.startswith(OWNED_FOLDERS) or is_page(before[path])
            )
        ),
        rewritten=tuple(
            sorted(
                path
                for path, fingerprint in wanted.items()
                if path in before and before[path].fingerprint != fingerprint
            )
        ),
    )
