"""Imports rows of a file, many in one transaction, with a few statements for all of them. Each pass handles
an address at most once; rows that say different things about one address take a pass each.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    bindparam,
    delete,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.schema import CreateTable

from publisher.core.delivery.mailing import NewMailing
from publisher.core.subscribers.csv_cells import RowStatus, SourceStatus
from publisher.core.subscribers.import_rows import (
    DepartureEffect,
    ExistingSubscription,
    ImportOutcome,
    departure_effect,
)
from publisher.core.subscribers.subscription import (
    ALL_LISTS,
    LEFT,
    Consent,
    Departure,
    NewReader,
    Preferences,
    SignupResult,
    SubscriptionState,
)
from publisher.stores.sql.database import Database, RowsStatement, insert_new, slices
from publisher.stores.sql.delivery.mailings import save_segments, start_transactional_each
from publisher.stores.sql.publishing.post_rows import consent_to_json
from publisher.stores.sql.schema.columns import HexDigest, Suppression
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions, suppressions
from publisher.stores.sql.subscribers.join import (
    JoinedColumns,
    PriorSubscription,
    columns_after,
    log_head_seq,
    preference_columns,
    signup_outcome,
)

incoming = Table(
    "incoming",
    MetaData(),
    Column("n", Integer, primary_key=True),
    Column("key", HexDigest, nullable=False),
    Column("gone", Boolean, nullable=False),
    Column("group", Integer),
    prefixes=["TEMPORARY"],
)
"""The addresses of a pass: their position, whether they departed, and the group they are inserted with."""


_NEW_INCOMING = RowsStatement(insert(incoming), "n", "key", "gone")
_NEW_SUBSCRIBER = RowsStatement(insert_new(subscribers), "address", "address_key")
_IN_GROUP = RowsStatement(
    update(incoming).where(incoming.c.n == bindparam("n_")).values(group=bindparam("group_")), "group_", "n_"
)


class _SharedValues(NamedTuple):
    """What new readers inserted by one statement have in common."""

    active: bool
    next_due_at: datetime | None
    choices: Preferences


_OUTCOMES = {
    SignupResult.ADDED: ImportOutcome.ADDED,
    SignupResult.ACTIVATED: ImportOutcome.ACTIVATED,
    SignupResult.ALREADY: ImportOutcome.ALREADY,
    SignupResult.RETURNED: ImportOutcome.ALREADY,  # never happens in an import: see `signup_outcome`
    SignupResult.LEFT: ImportOutcome.BARRED,
}

Rows = Sequence[tuple[NewReader, RowStatus]]
"""Readers as they would be stored, and their status in the file."""


def import_rows(
    db: Database,
    slug: str,
    rows: Rows,
    consent: Consent,
    ask: NewMailing | None,
    journal: Callable[[Sequence[Departure]], None],
) -> Sequence[ImportOutcome]:
    """Implements `SubscriberStore.import_rows`."""
    if ask is not None:
        save_segments(db, ask.segments)
    outcomes: list[ImportOutcome] = [ImportOutcome.ALREADY] * len(rows)
    with db.write(wide=True) as connection:
        connection.execute(CreateTable(incoming, if_not_exists=True))
        departures: list[Departure] = []
        for places in _passes(rows):
            work = _ImportPass(connection, slug, [rows[place] for place in places], consent)
            for place, outcome in zip(places, work.run(ask), strict=True):
                outcomes[place] = outcome
            departures += work.departures
        if departures:
            journal(departures)
    return outcomes


def _passes(rows: Rows) -> list[list[int]]:
    """The indexes of the rows in each pass; no pass has an address twice. Repeated rows are left out."""
    seen: set[tuple[str, SourceStatus, datetime | None]] = set()
    met: defaultdict[str, int] = defaultdict(int)
    passes: list[list[int]] = []
    for place, (reader, row_status) in enumerate(rows):
        same = (reader.key, row_status.status, row_status.at)
        if same in seen:
            continue
        seen.add(same)
        number = met[reader.key]
        met[reader.key] += 1
        if number == len(passes):
            passes.append([])
        passes[number].append(place)
    return passes


class _ImportedDeparture(NamedTuple):
    """A departure to be written: the index of its row, what it changes, the subscription it is about."""

    n: int
    effect: DepartureEffect
    held: ExistingSubscription | None


class _ImportPass:
    def __init__(self, connection: Connection, slug: str, rows: Rows, consent: Consent) -> None:
        self._db, self._slug, self._rows, self._consent = connection, slug, rows, consent
        self._shared: dict[str, Any] = {"offset": log_head_seq(connection), "asked_at": None}
        self.departures: list[Departure] = []
        connection.execute(delete(incoming))
        given = [
            (n, bytes.fromhex(reader.key), row_status.status is not SourceStatus.SUBSCRIBED)
            for n, (reader, row_status) in enumerate(rows)
        ]
        _NEW_INCOMING.execute(connection, given)
        self._group = 0
        self._suppressed = self._read_suppressed()

    def run(self, ask: NewMailing | None) -> list[ImportOutcome]:
        """Stores the rows of this pass; returns their outcomes."""
        outcomes = self._join(ask)
        gone = self._decide_departures()
        for one in gone:
            outcomes[one.n] = one.effect.outcome
        if gone:
            self._write_departures(gone)
        return [outcomes[n] for n in range(len(self._rows))]

    def _read_suppressed(self) -> Mapping[int, set[Suppression]]:
        query = select(incoming.c.n, suppressions.c.kind).join_from(
            incoming, suppressions, suppressions.c.address_key == incoming.c.key
        )
        found: dict[int, set[Suppression]] = {}
        for n, kind in self._db.execute(query.where(suppressions.c.list.in_((ALL_LISTS, self._slug)))):
            found.setdefault(n, set()).add(kind)
        return found

    def _join(self, ask: NewMailing | None) -> dict[int, ImportOutcome]:
        """Stores rows that say somebody is subscribed, by the rules of every sign-up (`signup_outcome`)."""
        before = self._prior_subscriptions()
        outcomes: dict[int, ImportOutcome] = {}
        new: defaultdict[_SharedValues, list[int]] = defaultdict(list)
        pending: set[int] = set()
        for n, (reader, said) in enumerate(self._rows):
            if said.status is not SourceStatus.SUBSCRIBED:
                continue
            was = before.get(n)
            result = signup_outcome(was, self._suppressed.get(n, ()), reader)
            outcomes[n] = _OUTCOMES[result]
            if result is SignupResult.ADDED:
                new[_SharedValues(reader.active, reader.next_due_at, reader.choices)].append(n)
                if ask is not None and not reader.active:
                    outcomes[n] = ImportOutcome.ASKED
                    pending.add(n)
            elif result is SignupResult.ACTIVATED and was is not None:
                self._activate(was, reader)
        consent = {"consent": consent_to_json(self._consent)}
        for alike, places in new.items():
            reader = self._rows[places[0]][0]
            columns = columns_after(reader, SignupResult.ADDED, None, self._consent.at)
            chosen = preference_columns(self._db, self._slug, [columns])[alike.choices]
            self._add(places, columns.values() | chosen | self._shared | consent)
        if ask is not None:
            self._ask(ask, pending)
        return outcomes

    def _prior_subscriptions(self) -> Mapping[int, PriorSubscription]:
        query = select(incoming.c.n, subscriptions.c.id, subscriptions.c.state, subscriptions.c.generation)
        query = query.select_from(_with_subscriptions()).where(
            subscriptions.c.list == self._slug, ~incoming.c.gone
        )
        return {
            n: PriorSubscription(id=id, state=state, generation=generation)
            for n, id, state, generation in self._db.execute(query)
        }

    def _activate(self, was: PriorSubscription, reader: NewReader) -> None:
        """Makes a pending subscription active: the operator states consent."""
        columns = columns_after(reader, SignupResult.ACTIVATED, was, self._consent.at)
        chosen = preference_columns(self._db, self._slug, [columns])[columns.choices]
        values = columns.values() | chosen | self._shared | {"consent": consent_to_json(self._consent)}
        self._db.execute(update(subscriptions).where(subscriptions.c.id == was.id).values(values))

    def _add(self, places: Sequence[int], values: dict[str, Any]) -> None:
        """Inserts new readers who share all `values`."""
        readers = [self._rows[n][0] for n in places]
        addresses = [(reader.address, bytes.fromhex(reader.key)) for reader in readers]
        _NEW_SUBSCRIBER.execute(self._db, addresses)
        self._group += 1
        _IN_GROUP.execute(self._db, [(self._group, n) for n in places])
        alike = {
            name: literal(value, subscriptions.c[name].type)
            for name, value in (values | {"list": self._slug}).items()
        }
        theirs = select(subscribers.c.id, *alike.values()).select_from(
            incoming.join(subscribers, subscribers.c.address_key == incoming.c.key)
        )
        theirs = theirs.where(incoming.c.group == self._group).order_by(incoming.c.n)
        self._db.execute(insert(subscriptions).from_select(["subscriber", *alike], theirs))

    def _ask(self, ask: NewMailing, pending: set[int]) -> None:
        """Plans the confirmation mails in the transaction that adds the readers, so each is asked exactly
        once.
        """
        if not pending:
            return
        query = select(incoming.c.n, subscriptions.c.id, subscriptions.c.generation).select_from(
            _with_subscriptions()
        )
        ours = query.where(subscriptions.c.list == self._slug, ~incoming.c.gone).order_by(incoming.c.n)
        found = [(id, generation) for n, id, generation in self._db.execute(ours) if n in pending]
        start_transactional_each(self._db, ask, found, self._consent.at)

    def _decide_departures(self) -> list[_ImportedDeparture]:
        gone = [
            n
            for n, (_, row_status) in enumerate(self._rows)
            if row_status.status is not SourceStatus.SUBSCRIBED
        ]
        if not gone:
            return []
        held = self._existing_subscriptions()
        decided: list[_ImportedDeparture] = []
        for n in gone:
            theirs = held.get(n, [])
            kinds = {kind.value for kind in self._suppressed.get(n, ())}
            effect = departure_effect(self._rows[n][1], self._slug, theirs, kinds)
            here = next((one for one in theirs if one.list == self._slug), None)
            decided.append(_ImportedDeparture(n, effect, here))
        return decided

    def _existing_subscriptions(self) -> Mapping[int, list[ExistingSubscription]]:
        columns = subscriptions.c
        query = select(
            incoming.c.n,
            columns.id,
            columns.list,
            columns.state,
            columns.generation,
            columns.confirmed_at,
            columns.consent,
        )
        found: dict[int, list[ExistingSubscription]] = {}
        for row in self._db.execute(query.select_from(_with_subscriptions()).where(incoming.c.gone)):
            one = ExistingSubscription(
                subscription=row.id,
                list=row.list,
                state=row.state,
                generation=row.generation,
                confirmed_at=row.confirmed_at,
                form=str(row.consent.get("form", "")),
                consent_at=_instant(row.consent.get("at")),
            )
            found.setdefault(row.n, []).append(one)
        return found

    def _write_departures(self, gone: Sequence[_ImportedDeparture]) -> None:
        """Ends subscriptions, adds suppressions, inserts new addresses, and fills `departures`."""
        self._insert_unsubscribed([one.n for one in gone if one.effect.record])
        query = select(incoming.c.n, subscriptions.c.id).select_from(_with_subscriptions())
        found = query.where(subscriptions.c.list == self._slug, incoming.c.gone)
        ids = {row.n: row.id for row in self._db.execute(found)}
        ended = [one.held.subscription for one in gone if one.effect.ends and one.held]
        for some in slices(ended):
            over = update(subscriptions).where(subscriptions.c.id.in_(some))
            self._db.execute(over.values(state=SubscriptionState.UNSUBSCRIBED, next_due_at=None))
        for one in gone:
            if one.effect.kind or one.effect.ends:
                self.departures.append(self._departure(one, ids.get(one.n)))
        left = [
            {"address_key": one.key, "list": one.list, "kind": Suppression(one.kind), "at": one.at}
            for one in self.departures
        ]
        if left:
            self._db.execute(insert_new(suppressions), left)

    def _insert_unsubscribed(self, places: Sequence[int]) -> None:
        """Inserts new addresses as unsubscribed, so that they are listed and exported."""
        at = self._consent.at
        wording = "recorded as unsubscribed by an import"
        consent = consent_to_json(Consent(at=at, origin="", form="import", wording=wording))
        alike: defaultdict[Preferences, list[int]] = defaultdict(list)
        for n in places:
            alike[self._rows[n][0].choices].append(n)
        for choices, theirs in alike.items():
            columns = JoinedColumns(SubscriptionState.UNSUBSCRIBED, 1, None, at, None, choices)
            chosen = preference_columns(self._db, self._slug, [columns])[choices]
            self._add(theirs, columns.values() | chosen | self._shared | {"consent": consent})

    def _departure(self, one: _ImportedDeparture, new: int | None) -> Departure:
        """A departure for the journal. It names the generation that ends, so that replaying it never ends a
        later one.
        """
        reader, row_status = self._rows[one.n]
        subscription, generation = new or 0, 1
        if one.held is not None:
            waits = one.held.state is SubscriptionState.PENDING and not one.effect.ends
            subscription, generation = one.held.subscription, one.held.generation - waits
        return Departure(
            key=reader.key,
            list=self._slug if one.effect.kind in (LEFT, "") else ALL_LISTS,
            kind=one.effect.kind or LEFT,
            at=row_status.at or self._consent.at,
            subscription=subscription,
            generation=generation,
        )


def _with_subscriptions() -> Any:
    """The addresses of a pass, joined to their subscriptions."""
    return incoming.join(subscribers, subscribers.c.address_key == incoming.c.key).join(
        subscriptions, subscriptions.c.subscriber == subscribers.c.id
    )


def _instant(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
