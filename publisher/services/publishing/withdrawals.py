"""Keeps withdrawals in the journal beside the store, so that a store from an old backup, or a new one, does
not show a post again that was withdrawn since.

    log rows -> journal -> documents            and after a restore: journal -> log rows

A withdrawal is in the log first. If a crash keeps it out of the journal, the next publish appends it.
"""

import json
from collections.abc import Sequence

from publisher.core.delivery.reconciliation import JournaledWithdrawal, summarize_journal
from publisher.core.posts.permalinks import page_path
from publisher.core.publishing.incremental import PostKeys
from publisher.core.publishing.log import LogKind
from publisher.core.publishing.plan import Change, Plan
from publisher.ports import Store
from publisher.services.deps import Adapters

JOURNALED, PAGES = "journaled_withdrawals", "journaled_pages"
"""Keys in the store: the seq of the log up to which the journal has withdrawals, and the pages of withdrawn
posts that
the store does not know, as JSON."""

FEW_ROWS = 1000
"""Up to this many rows of the log are read again, to save writing how far the journal is."""


def journal_withdrawals(adapters: Adapters) -> None:
    """Appends to the journal which posts were withdrawn or restored since the last call. Raises OutputError,
    StoreError.
    """
    store = adapters.store
    head, journaled = store.head().seq, int(store.meta(JOURNALED) or 0)
    if head <= journaled:  # less, if a restored backup has an older log
        return
    rows = store.rows_of_kinds((LogKind.WITHDRAWN, LogKind.RESTORED), journaled)
    if rows:
        known = {k.id: k for k in store.posts_matching(PostKeys(ids=frozenset(row.post_id for row in rows)))}
        entries: list[tuple[str, dict[str, object]]] = []
        for row in rows:
            fields: dict[str, object] = {"at": row.at.isoformat(), "post": row.post_id, "seq": row.seq}
            if row.kind is LogKind.WITHDRAWN:
                fields["page"] = page_path(known[row.post_id].post.permalink)
            entries.append((row.kind.value, fields))
        adapters.journal.append_all(entries)
    if rows or head > journaled + FEW_ROWS:
        store.set_meta(JOURNALED, str(head))


def missing_withdrawals(
    store: Store, journaled: Sequence[JournaledWithdrawal], *, after: int
) -> tuple[JournaledWithdrawal, ...]:
    """The journaled withdrawals in rows of the log beyond `after` whose posts are still live in this
    store.
    """
    later = {it.post: it for it in journaled if it.seq > after}
    known = store.posts_matching(PostKeys(ids=frozenset(later))) if later else ()
    return tuple(later[k.id] for k in known if k.live)


def replay_withdrawals(store: Store, missing: Sequence[JournaledWithdrawal]) -> None:
    """Withdraws the posts of missing withdrawals. Their rows get the time of the log's last row, because the
    rows that follow may be earlier than now. Raises StoreError.
    """
    head = store.head()
    known = store.posts_matching(PostKeys(ids=frozenset(it.post for it in missing)))
    changes = tuple(Change(kind=LogKind.WITHDRAWN, id=k.id, post=k.post) for k in known if k.live)
    if changes:
        at = head.at or head.baseline_at or missing[0].at
        store.apply(Plan(head=head.seq, baseline=False, changes=changes), {}, at)


def recall_withdrawn_pages(adapters: Adapters) -> None:
    """Records, for a new or restored store, the pages of withdrawn posts that only the journal knows, so that
    they still answer 410. Raises OutputError, StoreError.
    """
    entries, _ = adapters.journal.since(0)
    withdrawn = {it.post: it.page for it in summarize_journal(entries).withdrawn if it.page}
    known = adapters.store.posts_matching(PostKeys(ids=frozenset(withdrawn)))
    pages = sorted({*withdrawn.values()} - {withdrawn[k.id] for k in known})
    if pages or adapters.store.meta(PAGES):
        adapters.store.set_meta(PAGES, json.dumps(pages))


def recalled_pages(store: Store) -> frozenset[str]:
    """The pages that `recall_withdrawn_pages` recorded."""
    return frozenset(json.loads(store.meta(PAGES) or "[]"))
