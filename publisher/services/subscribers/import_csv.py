"""Imports subscribers: stores rows in chunks and counts what became of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache, partial
from itertools import islice

from publisher.core.addresses import is_common_address, parse_address, parse_mailbox
from publisher.core.delivery.mailing import MailingKind
from publisher.core.errors import AddressError
from publisher.core.posts.filters import fold_term
from publisher.core.subscribers.csv_cells import RowStatus, SourceStatus
from publisher.core.subscribers.import_rows import DEPARTURE_KINDS, ImportOutcome, ImportRow
from publisher.core.subscribers.subscription import (
    ALL_LISTS,
    NO_CHOICES,
    Consent,
    Departure,
    ListChoice,
    MailingList,
    NewReader,
)
from publisher.core.tokens import address_key, mailbox_key
from publisher.ports import Store
from publisher.services.deps import Deps
from publisher.services.mail.messages import confirmation_message
from publisher.services.subscribers.account import available_choices
from publisher.services.subscribers.departures import OPERATOR, journal_departures, suppress_keys
from publisher.services.subscribers.subscribe import next_due_after, single_mailing

CHUNK = 10_000
"""Readers stored in one transaction of an import."""

MAX_EXAMPLES = 3
"""How many example rows a report shows for each outcome."""

NEVER_ASK = "its owner wants no confirmation mail"
"""Why a reader gets no confirmation mail."""

MAX_REPORTED = 20
"""How many refused rows are reported one by one; the others are only counted."""


class ImportReportGroup:
    """The names that reports use for what became of a row."""

    ACTIVE, PENDING, LEFT, SUPPRESSED = "active", "pending", "left", "suppressed"
    KEPT, NOT_STORED, REFUSED = "kept", "not stored", "refused"


GROUPS = (
    ImportReportGroup.ACTIVE,
    ImportReportGroup.PENDING,
    ImportReportGroup.LEFT,
    ImportReportGroup.SUPPRESSED,
    ImportReportGroup.KEPT,
    ImportReportGroup.NOT_STORED,
    ImportReportGroup.REFUSED,
)


@dataclass(slots=True)
class Imported:
    """The counts of an import so far: rows by outcome and by (group, reason), with the first examples; and
    the first refused rows, one line each. `inactive_rows` counts those whom their service does not call
    active, for a reason it does not give; `inactive` are the first of their addresses.
    """

    counts: dict[ImportOutcome, int] = field(default_factory=lambda: dict.fromkeys(ImportOutcome, 0))
    reasons: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    examples: dict[tuple[str, str], list[str]] = field(default_factory=dict[tuple[str, str], list[str]])
    bad: list[str] = field(default_factory=list[str])
    inactive: list[str] = field(default_factory=list[str])
    inactive_rows: int = 0

    @property
    def rows(self) -> int:
        return sum(self.counts.values())

    @property
    def asked(self) -> int:
        return self.counts[ImportOutcome.ASKED]

    @property
    def refused(self) -> int:
        return self.counts[ImportOutcome.REFUSED]

    def note(self, outcome: ImportOutcome, group: str, reason: str, example: tuple[str, int, str]) -> None:
        """Counts a row; `example` is (file, line, address)."""
        self.counts[outcome] += 1
        key = (group, reason)
        number = self.reasons.get(key, 0)
        self.reasons[key] = number + 1
        if number < MAX_EXAMPLES:
            where, line, address = example
            self.examples.setdefault(key, []).append(f"{where}:{line} {address}" if where else address)


def import_readers(
    deps: Deps,
    spec: MailingList,
    rows: Iterable[ImportRow | tuple[int, str]],
    now: datetime,
    *,
    confirmed: bool,
    where: str = "",
    done: Imported | None = None,
) -> Iterator[Imported]:
    """Stores rows in chunks; yields the counts after each, for a progress bar. `where` names the file in
    reports; `done` has the counts of the files before it.

    Unless `confirmed`, new readers are pending and get a confirmation mail, as do readers who were pending on
    the site they come from. Readers who left, bounced or complained there are recorded as such, which also
    ends an active subscription here. Unusable rows are counted and reported. After a crash, run the import
    again: a chunk is stored together with its confirmation mails, or not at all.
    """
    work = _Import(deps, spec, now, confirmed=confirmed, where=where, done=done or Imported())
    lines = (row if isinstance(row, ImportRow) else ImportRow(row[0], row[1]) for row in rows)
    while chunk := list(islice(lines, CHUNK)):
        yield work.take(chunk)
        deps.process.failpoint("import:chunk")


@dataclass(slots=True)
class Suppressed:
    """The counts of a bulk suppression so far: the keys of addresses that are suppressed now, how many had
    been before, and how many rows have no address, with the first of these as lines.
    """

    keys: set[str] = field(default_factory=set[str])
    known: int = 0
    refused: int = 0
    bad: list[str] = field(default_factory=list[str])


def suppress_rows(
    deps: Deps,
    rows: Iterable[tuple[int, str]],
    spec: MailingList | None,
    now: datetime,
    done: Suppressed,
    *,
    where: str,
    dry_run: bool = False,
) -> None:
    """Suppresses the addresses of rows (line, address as written) of the file `where`, on one list or on all,
    and counts them in `done`. A chunk is journaled and stored at once; after a crash, run it again.
    """
    ring, slug = deps.process.keyring(), spec.slug if spec else ALL_LISTS
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK)):
        keys: dict[str, None] = {}
        for line, cell in chunk:
            try:
                keys[address_key(parse_address_cell(cell), ring)] = None
            except AddressError as error:
                done.refused += 1
                if len(done.bad) < MAX_REPORTED:
                    done.bad.append(f"{where}:{line}: {error}")
        new: list[str] = []
        for key in keys.keys() - done.keys:
            there = deps.adapters.store.suppressions_of(key)
            if any(kind == OPERATOR and list_ in (slug, ALL_LISTS) for list_, kind, _ in there):
                done.known += 1
            else:
                new.append(key)
        done.keys.update(new)
        if new and not dry_run:
            suppress_keys(deps, [(key, slug) for key in sorted(new)], OPERATOR, now)


def offered_topics(store: Store, spec: MailingList) -> Mapping[str, str]:
    """The topics that readers of a list may choose, by folded name."""
    if ListChoice.TOPICS not in spec.readers_choose:
        return {}
    return {fold_term(topic): topic for topic in available_choices(store, spec, NO_CHOICES).topics}


class _Import:
    def __init__(
        self, deps: Deps, spec: MailingList, now: datetime, *, confirmed: bool, where: str, done: Imported
    ) -> None:
        self._deps, self._spec, self._now, self._confirmed = deps, spec, now, confirmed
        self._where, self._done = where, done
        self._consent = Consent(at=now, origin="", form="import", wording="stated by the operator")
        self._ring = deps.process.keyring()
        # A list's readers share few schedules, and the confirmation mail is the same for all.
        self._next_due = lru_cache(maxsize=4096)(partial(next_due_after, spec, now=now))
        self._confirmation = cache(
            lambda: single_mailing(
                deps.adapters.store, spec, MailingKind.CONFIRM, confirmation_message(deps, spec), now
            )
        )

    def take(self, chunk: Sequence[ImportRow]) -> Imported:
        """Stores a chunk; returns the counts so far."""

        def journal(departures: Sequence[Departure]) -> None:  # before they are in the store
            journal_departures(self._deps.adapters.journal, departures)
            self._deps.process.failpoint("import:journaled")

        readers = self._without_opted_out([*self._readers(chunk)])
        ask = self._confirmation() if any(not reader.active for _, reader in readers) else None
        given = [(reader, row.said) for row, reader in readers]
        outcomes = self._deps.adapters.store.import_rows(self._spec.slug, given, self._consent, ask, journal)
        if ImportOutcome.ASKED in outcomes:  # a restored older store must not use these ids again
            self._deps.adapters.journal.append(
                "transactional", {"mailing": self._deps.adapters.store.next_mailing_id() - 1}
            )
        for (row, reader), outcome in zip(readers, outcomes, strict=True):
            group, reason = report_group(outcome, row.said, active=reader.active)
            self._done.note(outcome, group, reason, (self._where, row.line, reader.address))
        return self._done

    def _readers(self, chunk: Sequence[ImportRow]) -> Iterator[tuple[ImportRow, NewReader]]:
        """The rows to store; the others are counted."""
        for row in chunk:
            try:
                address = parse_address_cell(row.address)
            except AddressError as error:
                self._refuse(row, row.address[:80], "not an email address", str(error))
                continue
            if row.wrong:
                self._refuse(row, address, row.kind, f"{address}: {row.wrong}")
                continue
            status = row.said.status
            if status is not SourceStatus.SUBSCRIBED and status not in DEPARTURE_KINDS:
                example = (self._where, row.line, address)
                self._done.note(ImportOutcome.PASSED, ImportReportGroup.NOT_STORED, row.said.reason, example)
                if status is SourceStatus.INACTIVE:
                    self._done.inactive_rows += 1
                    if len(self._done.inactive) < MAX_REPORTED:
                        self._done.inactive.append(address)
                continue
            active = self._confirmed and not row.pending and status is SourceStatus.SUBSCRIBED
            yield (
                row,
                NewReader(
                    address=address,
                    key=address_key(address, self._ring),
                    active=active or status is not SourceStatus.SUBSCRIBED,
                    own_wish=False,
                    next_due_at=self._next_due(row.choices.schedule) if active else None,
                    choices=row.choices,
                ),
            )

    def _without_opted_out(
        self, readers: list[tuple[ImportRow, NewReader]]
    ) -> list[tuple[ImportRow, NewReader]]:
        """Leaves out, and counts, those who need a confirmation mail and opted out of such mails."""
        mailboxes = {
            reader.key: mailbox_key(reader.address, self._ring) for _, reader in readers if not reader.active
        }
        store = self._deps.adapters.store
        opted_out = store.opted_out_mailboxes([*mailboxes.values()]) if mailboxes else frozenset[str]()
        if not opted_out:
            return readers
        asked: list[tuple[ImportRow, NewReader]] = []
        for row, reader in readers:
            if mailboxes.get(reader.key) in opted_out and not reader.active:
                example = (self._where, row.line, reader.address)
                self._done.note(ImportOutcome.PASSED, ImportReportGroup.NOT_STORED, NEVER_ASK, example)
            else:
                asked.append((row, reader))
        return asked

    def _refuse(self, row: ImportRow, shown: str, kind: str, why: str) -> None:
        self._done.note(
            ImportOutcome.REFUSED, ImportReportGroup.REFUSED, kind, (self._where, row.line, shown)
        )
        if len(self._done.bad) < MAX_REPORTED:
            where = f"{self._where}:{row.line}" if self._where else f"line {row.line}"
            self._done.bad.append(f"{where}: {why}")


def parse_address_cell(text: str) -> str:
    """The address in a cell, with or without a display name. Raises AddressError."""
    if is_common_address(text):
        return text
    if "<" in text:
        return str(parse_mailbox(text).address)
    if "\ufffd" in text:
        raise AddressError(
            "address", f"a character of {text[:80]!r} is unreadable", "export the file in UTF-8"
        )
    return str(parse_address(text))


_GROUPS: Mapping[ImportOutcome, tuple[str, str]] = {
    ImportOutcome.ASKED: (ImportReportGroup.PENDING, "new, asked to confirm"),
    ImportOutcome.ACTIVATED: (ImportReportGroup.ACTIVE, "was pending here"),
    ImportOutcome.BARRED: (ImportReportGroup.NOT_STORED, "unsubscribed or suppressed here"),
}


def report_group(outcome: ImportOutcome, said: RowStatus, *, active: bool) -> tuple[str, str]:
    """The (group, reason) that a report counts a row under."""
    if outcome in _GROUPS:
        return _GROUPS[outcome]
    if said.status is SourceStatus.SUBSCRIBED:
        group = ImportReportGroup.ACTIVE if active else ImportReportGroup.PENDING
        return group, "new" if outcome is ImportOutcome.ADDED else "already subscribed"
    if outcome is ImportOutcome.KEPT:
        return ImportReportGroup.KEPT, f"{said.reason}, but confirmed here later"
    group = ImportReportGroup.LEFT if said.status is SourceStatus.LEFT else ImportReportGroup.SUPPRESSED
    known = {ImportOutcome.KNOWN: ", already recorded", ImportOutcome.ENDED: ", subscription ended"}
    return group, said.reason + known.get(outcome, "")
