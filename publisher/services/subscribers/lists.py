"""Lists that settings no longer name: what waits for an operator's decision, and how it is carried out.

    removed with readers on it -> nothing is planned or sent for it -> put back | renamed | closed
    renamed or closed: journal -> [lists:journaled] -> the store, one transaction -> [lists:committed]

A change is in the journal before it is in the store, so that a store from an older backup gets it too. The
store remembers the lists of the last publish: what readers know a removed list by, and when its digests went.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, time
from typing import Any

from publisher.core.delivery.holds import MailingCommand
from publisher.core.delivery.reconciliation import list_change_entry
from publisher.core.errors import TokenError, UsageError
from publisher.core.subscribers.subscription import (
    ListChange,
    ListChangeResult,
    ListChoice,
    MailingList,
    RemovedList,
    Subscription,
    SubscriptionState,
)
from publisher.core.tokens import address_key
from publisher.ports import Store
from publisher.services.deps import Deps, SiteRules

LISTS = "lists"
"""Key in the store: the lists as of the last publish that planned mail."""

AREA = "lists"
"""The area of problems about lists."""


class ListGoneError(TokenError):
    """A good token, of a list that settings no longer name."""

    def __init__(self, slug: str) -> None:
        super().__init__("token", "its list is not there")
        self.list = slug


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedList:
    """What the last publish knew of a list: its name, its sender, and its schedule."""

    slug: str
    title: str
    sender: str
    cadence: str
    on: str
    at: time
    timezone: str
    readers_choose: tuple[ListChoice, ...]


def remembered_lists(store: Store) -> Mapping[str, RememberedList]:
    """The lists of the last publish that planned mail, by slug, with those that were removed and wait."""
    found: list[RememberedList] = []
    for row in json.loads(store.meta(LISTS) or "[]"):
        value: dict[str, Any] = {**row, "at": time.fromisoformat(row["at"])}
        choices = tuple(ListChoice(name) for name in row["readers_choose"] if name in set(ListChoice))
        value["readers_choose"] = choices
        found.append(RememberedList(**value))
    return {one.slug: one for one in found}


def remember_lists(rules: SiteRules, store: Store) -> None:
    """Remembers the lists as they are now, and removed ones as they were, while they wait."""
    now = [
        RememberedList(
            slug=spec.slug,
            title=spec.title,
            sender=spec.sender,
            cadence=spec.cadence,
            on=spec.on,
            at=spec.at,
            timezone=spec.timezone,
            readers_choose=spec.readers_choose,
        )
        for spec in rules.lists
    ]
    removed = {one.slug for one in store.removed_lists(rules.slugs)}
    kept = [one for slug, one in remembered_lists(store).items() if slug in removed] if removed else []
    value = json.dumps([_as_json(one) for one in (*now, *kept)], ensure_ascii=False)
    if store.meta(LISTS) != value:
        store.set_meta(LISTS, value)


def _as_json(one: RememberedList) -> dict[str, Any]:
    return asdict(one) | {"at": f"{one.at:%H:%M}"}


def removed_lists(rules: SiteRules, store: Store) -> Sequence[RemovedList]:
    """The lists that settings no longer name although they have readers or unfinished mailings."""
    return store.removed_lists(rules.slugs)


def describe_removed(rules: SiteRules, store: Store) -> list[str]:
    """A sentence for the operator about each removed list."""
    return [_describe(rules, one) for one in removed_lists(rules, store)]


def _describe(rules: SiteRules, removed: RemovedList) -> str:
    counts = [(removed.readers, "reader"), (removed.mailings, "unfinished mailing")]
    has = " and ".join(f"{number:,} {word}{'s' * (number != 1)}" for number, word in counts if number)
    new = rules.slugs[0] if len(rules.slugs) == 1 else "NEW"
    return (
        f"list {removed.slug} has {has} and is no longer in publisher.toml: nothing is sent to it; put it "
        f"back, or decide with `publisher lists rename {removed.slug} {new}` or `publisher lists close "
        f"{removed.slug}`"
    )


def title_of(rules: SiteRules, store: Store, slug: str) -> str:
    """What readers know a list by, also after it was removed or closed."""
    if (spec := rules.list(slug)) is not None:
        return spec.title
    if (known := remembered_lists(store).get(slug)) is not None:
        return known.title
    closed = [change.title for change in store.list_changes() if change.list == slug and change.title]
    return closed[-1] if closed else slug


def is_closed(rules: SiteRules, store: Store, slug: str) -> bool:
    """Whether an operator closed the list of that slug, and it is not in the settings again."""
    return rules.list(slug) is None and any(
        change.list == slug and not change.to for change in store.list_changes()
    )


def slug_now(rules: SiteRules, store: Store, slug: str) -> str:
    """The slug of a list that may have been renamed since a link was made; a list of the settings keeps its
    own.
    """
    seen: set[str] = set()
    while rules.list(slug) is None and slug not in seen:
        seen.add(slug)
        slug = next((one.to for one in reversed(store.list_changes()) if one.list == slug and one.to), slug)
    return slug


def current_subscription(deps: Deps, found: Subscription) -> Subscription:
    """The subscription that a link leads to: where its list was renamed and the reader was on both lists, the
    one that went on.
    """
    store = deps.adapters.store
    if deps.rules.list(found.list) is not None or found.state is not SubscriptionState.UNSUBSCRIBED:
        return found
    slug = slug_now(deps.rules, store, found.list)
    if slug == found.list:
        return found
    key = address_key(found.address, deps.process.keyring())
    return next((one for one in store.subscriptions_of(key) if one.list == slug), found)


def rename(deps: Deps, old: str, new: str, now: datetime) -> ListChangeResult:
    """Gives the readers, the mailings and the departures of a list that left the settings to the list `new`.
    Journaled. Raises UsageError, OutputError, StoreError.
    """
    check_rename(deps.rules, deps.adapters.store, old, new)
    return _carry_out(deps, _change(deps, old, new, now))


def check_rename(rules: SiteRules, store: Store, old: str, new: str) -> RemovedList:
    """The list to be renamed. Raises UsageError: it is still in the settings, the new one is not, or there is
    nothing to rename.
    """
    if rules.list(new) is None:
        names = ", ".join(rules.slugs) or "no list"
        what, do = f"no list {new!r} in publisher.toml", f"rename it there first; it has: {names}"
        raise UsageError("lists rename", what, do)
    return _removed(rules, store, "rename", old)


def check_close(rules: SiteRules, store: Store, slug: str) -> RemovedList:
    """The list to be closed. Raises UsageError as `check_rename`."""
    return _removed(rules, store, "close", slug)


def _removed(rules: SiteRules, store: Store, verb: str, slug: str) -> RemovedList:
    if rules.list(slug) is not None:
        what = f"list {slug} is still in publisher.toml"
        do = "give it its new slug there first" if verb == "rename" else "take it out there first"
        raise UsageError(f"lists {verb}", what, do)
    found = next((one for one in removed_lists(rules, store) if one.slug == slug), None)
    known = {one for one, _ in store.subscriber_counts()}
    if found is None and slug not in known | {mailing.list for mailing in store.mailings(counted=False)}:
        raise UsageError(f"lists {verb}", f"no list {slug!r} is known", "`publisher lists list` names them")
    return found or RemovedList(slug=slug, readers=0, mailings=0)


def close(deps: Deps, slug: str, now: datetime) -> ListChangeResult:
    """Ends a list that left the settings: what has not been sent of its mailings is cancelled, and its
    readers are mailed no more. Nobody is told by mail; links in its mails say so. Journaled. Raises
    UsageError, OutputError, StoreError.
    """
    store = deps.adapters.store
    check_close(deps.rules, store, slug)
    change = _change(deps, slug, "", now)
    deps.adapters.journal.append(*list_change_entry(change))
    deps.process.failpoint("lists:journaled")
    cancel_mailings(store, slug, now)
    return _apply(deps, change)


def cancel_mailings(store: Store, slug: str, now: datetime) -> None:
    """Cancels what has not been sent of a list's mailings."""
    for mailing in store.unfinished_mailings():
        if mailing.list == slug:
            store.apply_command(mailing.id, MailingCommand.CANCEL, now)


def _change(deps: Deps, slug: str, to: str, now: datetime) -> ListChange:
    store = deps.adapters.store
    title = title_of(deps.rules, store, slug)
    last = store.last_subscription_id()
    return ListChange(list=slug, to=to, at=now, subscription=last, title=title)


def _carry_out(deps: Deps, change: ListChange) -> ListChangeResult:
    deps.adapters.journal.append(*list_change_entry(change))
    deps.process.failpoint("lists:journaled")
    return _apply(deps, change)


def _apply(deps: Deps, change: ListChange) -> ListChangeResult:
    store = deps.adapters.store
    done = store.apply_list_change(change)
    deps.process.failpoint("lists:committed")
    known = remembered_lists(store)
    if change.list in known:
        kept = [one for slug, one in known.items() if slug != change.list]
        if change.to and change.to not in known:  # when its digests went, for one whose hour changes too
            kept.append(replace(known[change.list], slug=change.to))
        store.set_meta(LISTS, json.dumps([_as_json(one) for one in kept], ensure_ascii=False))
    store.set_problems(AREA, describe_removed(deps.rules, store), change.at)
    return done


def missing_list_changes(store: Store, journaled: Sequence[ListChange]) -> tuple[ListChange, ...]:
    """The journaled changes of lists that this store has not had."""
    known = set(store.list_changes()) if journaled else set[ListChange]()
    return tuple(one for one in journaled if one not in known)


def replay_list_changes(store: Store, missing: Sequence[ListChange]) -> None:
    """Carries out what a restored store lacks, or what a crash kept out of it."""
    for change in missing:
        if not change.to:
            cancel_mailings(store, change.list, change.at)
        store.apply_list_change(change)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSummary:
    """A list as `publisher lists list` shows it. `status` is "" for one of the settings, else "removed",
    "renamed" or "closed"; `to` is its new slug.
    """

    slug: str
    title: str
    status: str
    readers: Mapping[SubscriptionState, int]
    to: str = ""
    at: datetime | None = None


def summarize_lists(rules: SiteRules, store: Store) -> list[ListSummary]:
    """Every list there is or was: those of the settings first, in their order."""
    counts: dict[str, dict[SubscriptionState, int]] = {}
    for (slug, state), number in store.subscriber_counts().items():
        counts.setdefault(slug, {})[state] = number
    changes = {change.list: change for change in store.list_changes()}
    waiting = {one.slug for one in removed_lists(rules, store)}
    others = sorted((waiting | changes.keys() | counts.keys()) - set(rules.slugs))
    found = [_summary(rules.list(slug), slug, slug, "", counts) for slug in rules.slugs]
    for slug in others:
        change, title = changes.get(slug), title_of(rules, store, slug)
        status = "removed"
        if slug not in waiting and change is not None:
            status = "renamed" if change.to else "closed"
        one = _summary(None, slug, title, status, counts)
        if change is not None and status != "removed":
            one = replace(one, to=change.to, at=change.at)
        found.append(one)
    return found


def _summary(
    spec: MailingList | None,
    slug: str,
    title: str,
    status: str,
    counts: Mapping[str, Mapping[SubscriptionState, int]],
) -> ListSummary:
    return ListSummary(
        slug=slug, title=spec.title if spec else title, status=status, readers=counts.get(slug, {})
    )
