"""Importing subscribers: parsing the rows of a file, and deciding what a departure in it changes.

A departure always outweighs a row that says somebody is subscribed, so the order of files does not matter.
Only the reader's own later confirmation here outweighs a departure.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from publisher.core.posts.filters import fold_term
from publisher.core.subscribers.csv_cells import (
    EXPORT_COLUMNS,
    PREFERENCE_COLUMNS,
    SUBSCRIBED,
    InvalidPreference,
    RowStatus,
    SourceStatus,
    from_cells,
    normalized,
    parse_tags,
    unguard_formula,
)
from publisher.core.subscribers.import_columns import (
    FileScan,
    RowClassifier,
    UnknownStatus,
    classifier,
    email_column,
    has_extra_cells,
)
from publisher.core.subscribers.subscription import (
    BOUNCE,
    ERASED,
    LEFT,
    NO_CHOICES,
    ContentPreference,
    Preferences,
    SubscriptionState,
    normalize_topics,
)


class ImportRow(NamedTuple):
    """A row of a file: the line it begins on (from 1), the address as written, and its status. `pending`
    marks a reader who is to be asked, whatever the operator states. `wrong` is why the row is refused ("" if
    it is not), and `kind` the category of that reason.
    """

    line: int
    address: str
    said: RowStatus = SUBSCRIBED
    choices: Preferences = NO_CHOICES
    pending: bool = False
    kind: str = ""
    wrong: str = ""

    @property
    def departs(self) -> bool:
        """Whether it says that somebody left, bounced, complained or was blocked."""
        return self.said.status in DEPARTURE_KINDS and not self.wrong


class ImportOutcome(StrEnum):
    """The result of a row."""

    ADDED = "added"
    ASKED = "asked"  # added as pending, with a mail that asks for confirmation
    ACTIVATED = "activated"  # was pending, and the operator states consent
    ALREADY = "already"  # pending or active before, and unchanged
    BARRED = "barred"  # unsubscribed or suppressed here: the row changes nothing
    ENDED = "ended"  # was active or pending here until this row
    RECORDED = "recorded"  # a departure of somebody not subscribed here
    KNOWN = "known"  # a departure that was recorded already
    KEPT = "kept"  # left there, but confirmed here later
    PASSED = "passed"  # counted, not stored
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingSubscription:
    """A subscription in the store. `form` and `consent_at` are those of its consent
    (`subscription.Consent`).
    """

    subscription: int
    list: str
    state: SubscriptionState
    generation: int
    confirmed_at: datetime | None
    form: str
    consent_at: datetime | None


READER_FORMS = frozenset({"form", "address"})
"""The forms of consent that only readers themselves give."""

DEPARTURE_KINDS: Mapping[SourceStatus, str] = {
    SourceStatus.LEFT: LEFT,
    SourceStatus.BOUNCED: BOUNCE,
    SourceStatus.COMPLAINED: "complaint",
    SourceStatus.BLOCKED: "operator",
}
"""The suppression that each status leaves. All but LEFT hold on every list."""


class DepartureEffect(NamedTuple):
    """What a departure changes: `ends` tells whether the subscription ends; `kind` is the suppression it
    leaves ("": none); `record` adds an ended subscription for an address without one, so that it is listed
    and exported.
    """

    outcome: ImportOutcome
    ends: bool = False
    kind: str = ""
    record: bool = False


def confirmed_since(held: ExistingSubscription, at: datetime | None) -> bool:
    """Whether a subscription was confirmed here after `at`, or at all if `at` is None. An import that stated
    consent is no confirmation: another file may say otherwise.
    """
    if held.confirmed_at is None:
        return False
    clicked = held.consent_at is not None and held.confirmed_at > held.consent_at
    if held.form in READER_FORMS or clicked:
        return at is None or held.confirmed_at > at
    return held.form != "import" and at is not None and held.confirmed_at > at


def departure_effect(
    said: RowStatus, spec: str, held: Sequence[ExistingSubscription], kinds: Collection[str]
) -> DepartureEffect:
    """What changes if a row says that somebody left, bounced, complained or was blocked. `held` are the
    address's subscriptions on all lists, `kinds` the suppressions that apply to list `spec`.
    """
    kind = DEPARTURE_KINDS[said.status]
    here = next((one for one in held if one.list == spec), None)
    others = [one for one in held if one.list != spec] if said.status is not SourceStatus.LEFT else []
    since = [one for one in ([here] if here else []) + others if confirmed_since(one, said.at)]
    if since:  # the file is older than the reader's own word
        return DepartureEffect(
            ImportOutcome.KEPT
            if SubscriptionState.ACTIVE in {one.state for one in since}
            else ImportOutcome.KNOWN
        )
    known = kind in kinds or (kind == LEFT and ERASED in kinds)
    new = "" if known else kind
    if here is None:
        return DepartureEffect(
            ImportOutcome.KNOWN if known else ImportOutcome.RECORDED, kind=new, record=ERASED not in kinds
        )
    waits = (
        here.state is SubscriptionState.PENDING and here.form in READER_FORMS
    )  # may still confirm, in person
    if here.state is SubscriptionState.UNSUBSCRIBED or waits:
        return DepartureEffect(ImportOutcome.KNOWN if known else ImportOutcome.RECORDED, kind=new)
    return DepartureEffect(ImportOutcome.ENDED, ends=True, kind=new)


def address_cell(head: Sequence[str]) -> Callable[[Sequence[str]], str]:
    """Finds the address in the cells of a row: in the column of addresses, or else the first with an @."""
    email = email_column([normalized(column) for column in head])

    def find(cells: Sequence[str]) -> str:
        if email is not None:
            return unguard_formula(cells[email] if email < len(cells) else "")
        return unguard_formula(next((cell for cell in cells if "@" in cell), cells[0] if cells else ""))

    return find


OWN_EXPORT = "Publisher"
"""The provider of files that `subscribers export` wrote."""


class RowParser:
    """Parses the cells of a file's rows. `topics` names the column of tags, and `offered` maps folded names
    to topics of the list. `others` counts rows of other lists, `unoffered` counts tags that are not topics.
    Raises Refused and UsageError as `import_columns.classifier` does.
    """

    def __init__(
        self,
        scan: FileScan,
        spec: str,
        cadences: Collection[str],
        *,
        topics: str = "",
        offered: Mapping[str, str] | None = None,
    ) -> None:
        self._spec, self._cadences, self._offered = spec, cadences, offered or {}
        self.ours = set(EXPORT_COLUMNS) <= {name.strip().casefold() for name in scan.head}
        self._names = [name.strip().casefold() for name in scan.head]
        self._left = scan.options.left
        self._classify = RowClassifier(scan, None, (), SUBSCRIBED) if self.ours else classifier(scan)
        self.provider = OWN_EXPORT if self.ours else self._classify.provider
        self.warning = self._classify.warning
        self.states_consent = self._classify.states_consent
        self._address = address_cell(scan.head)
        self._topics = (
            scan.columns.index(normalized(topics)) if topics and normalized(topics) in scan.columns else None
        )
        used = self._classify.used | {email_column(scan.columns), self._topics}
        self.ignored = (
            ()
            if self.ours
            else tuple(
                head.strip() for place, head in enumerate(scan.head) if place not in used and head.strip()
            )
        )
        self._width = len(scan.head)
        self.others = 0
        self.unoffered: dict[str, int] = {}

    @property
    def tells_departures(self) -> bool:
        """Whether any row can say that somebody left."""
        return self.ours or self._classify.tells

    def without_counts(self) -> "RowParser":
        """A parser of the same file that counts for itself."""
        other = copy(self)
        other.others, other.unoffered = 0, {}
        return other

    def departure(self, line: int, cells: Sequence[str]) -> ImportRow | None:
        """The parsed row if it says that somebody left, bounced or the like; None otherwise."""
        if not self.ours:
            said = self._classify(cells)
            if isinstance(said, UnknownStatus) or said.status not in DEPARTURE_KINDS:
                return None
        row = self(line, cells)
        return row if row is not None and row.departs else None

    def __call__(self, line: int, cells: Sequence[str]) -> ImportRow | None:
        """The parsed row; None if it belongs to another list."""
        if self.ours:
            return self._exported_row(line, cells)
        address = self._address(cells)
        if has_extra_cells(cells, self._width):
            wrong = f"has {len(cells)} cells, but the header has {self._width}"
            return ImportRow(line, address, kind="too many cells", wrong=wrong)
        said = self._classify(cells)
        if isinstance(said, UnknownStatus):
            return ImportRow(line, address, kind="unknown status", wrong=said.reason)
        if said.status is SourceStatus.UNCONFIRMED and self._classify.asks_unconfirmed:
            return ImportRow(line, address, SUBSCRIBED, self._topics_of(cells), pending=True)
        return ImportRow(line, address, said, self._topics_of(cells))

    def _topics_of(self, cells: Sequence[str]) -> Preferences:
        if self._topics is None or self._topics >= len(cells) or not cells[self._topics]:
            return NO_CHOICES
        found: list[str] = []
        for tag in parse_tags(unguard_formula(cells[self._topics])):
            topic = self._offered.get(fold_term(tag))
            if topic is not None:
                found.append(topic)
            elif tag in self.unoffered or len(self.unoffered) < 100:
                self.unoffered[tag] = self.unoffered.get(tag, 0) + 1
        return Preferences(content=ContentPreference(topics=normalize_topics(found))) if found else NO_CHOICES

    def _exported_row(self, line: int, cells: Sequence[str]) -> ImportRow | None:
        """A row that `export` wrote, if it is of this list."""
        given = dict(zip(self._names, map(unguard_formula, cells), strict=False))
        if given.get("list") != self._spec:
            self.others += 1
            return None
        address, word = given.get("email", ""), given.get("state", "")
        try:
            choices = from_cells({name: given.get(name, "") for name in PREFERENCE_COLUMNS}, self._cadences)
        except InvalidPreference as error:
            return ImportRow(line, address, kind="invalid preference", wrong=str(error))
        if word not in set(SubscriptionState):
            wrong = f"state is {word[:80]!r}; use one of {', '.join(SubscriptionState)}"
            return ImportRow(line, address, kind="unknown status", wrong=wrong)
        if self._left or word == SubscriptionState.UNSUBSCRIBED:
            reason = "listed as unsubscribed" if self._left else "state is unsubscribed"
            return ImportRow(line, address, RowStatus(status=SourceStatus.LEFT, reason=reason), choices)
        return ImportRow(line, address, SUBSCRIBED, choices, pending=word == SubscriptionState.PENDING)
