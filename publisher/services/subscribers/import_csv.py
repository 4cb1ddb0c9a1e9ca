"""Importing subscribers: the rows of files are stored in chunks, and counted by what became of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import islice

from publisher.core.addresses import is_common_address, parse_address, parse_mailbox
from publisher.core.delivery.mailing import MailingKind, NewMailing
from publisher.core.errors import AddressError
from publisher.core.posts.filters import fold_term
from publisher.core.subscribers.csv_cells import RowStatus, SourceStatus
from publisher.core.subscribers.departures import Departure
from publisher.core.subscribers.import_rows import DEPARTURE_KINDS, ImportOutcome, ImportRow
from publisher.core.subscribers.subscription import (
    NO_CHOICES,
    Consent,
    ListChoice,
    MailingList,
    NewReader,
    SchedulePreference,
)
from publisher.core.tokens import address_key, mailbox_key
from publisher.ports import Store
from publisher.services.deps import Deps
from publisher.services.mail.letters import confirmation_message
from publisher.services.subscribers.admin import journal_departures
from publisher.services.subscribers.preferences import available_choices
from publisher.services.subscribers.subscribe import next_due_after, single_mailing

CHUNK = 10_000
"""Readers stored in one transaction of an import."""

MAX_EXAMPLES = 3
"""Example rows of each outcome in a report."""

NEVER_ASK = "its owner wants no confirmation mail"
"""Why somebody is not asked to confirm."""

MAX_REPORTED = 20
"""Refused rows that are reported one by one; the others are counted."""


class ImportReportGroup:
    """What becomes of a row, as reports call it."""

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
    """The tally of an import so far: rows by outcome, and by (group, reason) with their first examples; and
    the first refused rows, each as one line.
    """

    counts: dict[ImportOutcome, int] = field(default_factory=lambda: dict.fromkeys(ImportOutcome, 0))
    reasons: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    examples: dict[tuple[str, str], list[str]] = field(default_factory=dict[tuple[str, str], list[str]])
    bad: list[str] = field(default_factory=list[str])

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
    """Stores rows in chunks; yields the tally after each, for a progress bar. `where` names the file in
    reports, and `done` is the tally of the files before.

    Unless `confirmed`, new readers are pending and are asked to confirm; so are those who were pending on the
    site they come from. Whoever left, bounced or complained there is recorded as such, which also ends an
    active subscription here. Rows that cannot be used are counted and reported. After a crash, run the import
    again: a chunk is stored whole, together with the mails that ask, or not at all.
    """
    work = _Import(deps, spec, now, confirmed=confirmed, where=where, done=done or Imported())
    lines = (row if isinstance(row, ImportRow) else ImportRow(row[0], row[1]) for row in rows)
    while chunk := list(islice(lines, CHUNK)):
        yield work.take(chunk)
        deps.process.failpoint("import:chunk")


def offered_topics(store: Store, spec: MailingList) -> Mapping[str, str]:
    """The topics that readers of a list may choose, by folded name; empty if there are none."""
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
        self._due = lru_cache(maxsize=4096)(self._due_of)  # of many readers it is the same
        self._ask = lru_cache(maxsize=1)(self._confirmation)

    def take(self, chunk: Sequence[ImportRow]) -> Imported:
        """Stores a chunk; returns the tally so far."""
        wishes = self._may_be_asked([*self._readers(chunk)])
        ask = self._ask() if any(not reader.active for _, reader in wishes) else None
        given = [(reader, row.said) for row, reader in wishes]
        outcomes = self._deps.adapters.store.import_rows(
            self._spec.slug, given, self._consent, ask, self._journal
        )
        if ImportOutcome.ASKED in outcomes:  # a store restored from before must not give these numbers again
            self._deps.adapters.journal.append(
                "transactional", {"mailing": self._deps.adapters.store.next_mailing_id() - 1}
            )
        for (row, reader), outcome in zip(wishes, outcomes, strict=True):
            group, reason = _told(outcome, row.said, active=reader.active)
            self._done.note(outcome, group, reason, (self._where, row.line, reader.address))
        return self._done

    def _readers(self, chunk: Sequence[ImportRow]) -> Iterator[tuple[ImportRow, NewReader]]:
        """The rows to be stored; the others are counted."""
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
                continue
            active = self._confirmed and not row.pending and status is SourceStatus.SUBSCRIBED
            yield (
                row,
                NewReader(
                    address=address,
                    key=address_key(address, self._ring),
                    active=active or status is not SourceStatus.SUBSCRIBED,
                    own_wish=False,
                    next_due_at=self._due(row.choices.pace) if active else None,
                    choices=row.choices,
                ),
            )

    def _may_be_asked(self, wishes: list[tuple[ImportRow, NewReader]]) -> list[tuple[ImportRow, NewReader]]:
        """Without those who would be asked to confirm, and asked never to be."""
        boxes = {
            reader.key: mailbox_key(reader.address, self._ring) for _, reader in wishes if not reader.active
        }
        none = self._deps.adapters.store.opted_out_mailboxes([*boxes.values()]) if boxes else frozenset[str]()
        if not none:
            return wishes
        asked: list[tuple[ImportRow, NewReader]] = []
        for row, reader in wishes:
            if boxes.get(reader.key) in none and not reader.active:
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

    def _journal(self, departures: Sequence[Departure]) -> None:
        """Departures are on disk before they are committed."""
        journal_departures(self._deps.adapters.journal, departures)
        self._deps.process.failpoint("import:journaled")

    def _due_of(self, pace: SchedulePreference) -> datetime:
        return next_due_after(self._spec, pace, self._now)

    def _confirmation(self) -> NewMailing:
        frozen = confirmation_message(self._deps, self._spec)
        return single_mailing(self._deps.adapters.store, self._spec, MailingKind.CONFIRM, frozen, self._now)


def parse_address_cell(text: str) -> str:
    """The address in a cell, with or without a name. Raises AddressError."""
    if is_common_address(text):
        return text
    if "<" in text:
        return str(parse_mailbox(text).address)
    if "\ufffd" in text:
        raise AddressError(
            "address", f"a character of {text[:80]!r} is unreadable", "export the file in UTF-8"
        )
    return str(parse_address(text))


_SAID: Mapping[ImportOutcome, tuple[str, str]] = {
    ImportOutcome.ASKED: (ImportReportGroup.PENDING, "new, asked to confirm"),
    ImportOutcome.ACTIVATED: (ImportReportGroup.ACTIVE, "was pending here"),
    ImportOutcome.BARRED: (ImportReportGroup.NOT_STORED, "unsubscribed or suppressed here"),
}


def _told(outcome: ImportOutcome, said: RowStatus, *, active: bool) -> tuple[str, str]:
    """(group, reason) of a row in a report."""
    if outcome in _SAID:
        return _SAID[outcome]
    if said.status is SourceStatus.SUBSCRIBED:
        group = ImportReportGroup.ACTIVE if active else ImportReportGroup.PENDING
        return group, "new" if outcome is ImportOutcome.ADDED else "already subscribed"
    if outcome is ImportOutcome.KEPT:
        return ImportReportGroup.KEPT, f"{said.reason}, but confirmed here later"
    group = ImportReportGroup.LEFT if said.status is SourceStatus.LEFT else ImportReportGroup.SUPPRESSED
    known = {ImportOutcome.KNOWN: ", already recorded", ImportOutcome.ENDED: ", subscription ended"}
    return group, said.reason + known.get(outcome, "")
