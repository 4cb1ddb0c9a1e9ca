"""A mail server's log, read for what it proves about messages with an unknown outcome.

Understood are lines of Postfix (syslog, with traditional or ISO times), of Exim's main log, and JSON with one
object a line: events of a provider (`relay_events`), or log lines in the JSON of journald or a log collector.

What proves what:

- Postfix writes `message-id=` while it is still receiving a message, so that alone proves nothing. Its queue
  manager handles a message only once it is received whole: `(queue active)`, any `status=`, `removed`.
- Exim writes `<= ... id=` once it has taken a message.
- A message that was taken counts as accepted, unless the relay says later that it could not deliver it:
  `status=bounced` or `expired`, Exim's `**`.
- A refusal at the end of the data is a refusal, with its reply.
- A connection lost during the data, or a 4xx after it, proves that this attempt was not taken. Only if that
  holds for every attempt, the message never arrived.
- Silence proves nothing: the log may be another server's, or of another day.
"""

import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any, cast

from publisher.core.delivery.relay_events import RelayEvent, log_text, parse_event

MAX_BROKEN_OFF = 4_096
"""How many broken-off receptions are remembered whose Message-ID may still come: Postfix logs from many
processes.
"""

CLOCK_LEEWAY = timedelta(hours=1)
"""How far the relay's clock may be behind ours."""


class LoggedOutcome(StrEnum):
    """What a log proves about a message."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_TAKEN = "not taken"


@dataclass(slots=True)
class DeliveryEvidence:
    """What was found about one message. `receptions` counts our attempts in the log, `broken` those of them
    that were not taken.
    """

    receptions: int = 0
    broken: int = 0
    queue_id: str = ""
    taken: bool = False
    delivered: bool = False
    bounced: str = ""
    refused: str = ""

    def proves(self, attempts: int | None) -> tuple[LoggedOutcome, str] | None:
        """What became of the message, and the reply that says so; None if that is still unknown. `attempts`
        is how often it was tried, None if that is not certain.
        """
        queued = f"queued as {self.queue_id}" if self.queue_id else "accepted"
        if self.delivered or (self.taken and not self.bounced):
            return LoggedOutcome.ACCEPTED, f"the relay's log: {queued}"
        if self.bounced or self.refused:
            return LoggedOutcome.REJECTED, self.bounced or self.refused
        if attempts is not None and self.receptions == self.broken >= attempts:
            return LoggedOutcome.NOT_TAKEN, "the relay's log: not taken"
        return None


@dataclass(slots=True)
class _Reception:
    """A queue id that belongs to one of our messages, until Postfix or Exim reuses it."""

    message: DeliveryEvidence
    broken: bool = False


@dataclass(slots=True)
class RelayLog:
    """Reads a log line by line, oldest first. `wanted` maps Message-IDs without brackets to a number each;
    `found` is the evidence about them, by that number. Lines from before `since` are about other messages.
    `local` is the zone of times without one, `now` tells their year. Memory use depends on `wanted`, not on
    the log.
    """

    wanted: Mapping[bytes, int]
    since: datetime
    now: datetime
    local: tzinfo
    found: dict[int, DeliveryEvidence] = field(default_factory=dict[int, DeliveryEvidence])
    lines: int = 0
    understood: int = 0
    _queue: dict[bytes, _Reception] = field(default_factory=dict[bytes, _Reception])
    _session: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    _broken_off: OrderedDict[bytes, None] = field(default_factory=OrderedDict[bytes, None])
    _first: bytes = b""
    _last: bytes = b""

    def read(self, line: bytes) -> None:
        """Reads the next line. Never raises, whatever it contains."""
        self.lines += 1
        if self._read_json(line) if line[:1] in (b"{", b"[") else self._read_text(line, line):
            self.understood += 1
            self._first = self._first or line
            self._last = line

    def covers(self) -> tuple[datetime | None, datetime | None]:
        """When the first and the last line that was understood were written, where they say so."""
        return line_time(self._first, self.now, self.local), line_time(self._last, self.now, self.local)

    def _read_json(self, line: bytes) -> bool:
        try:
            read: object = json.loads(line)
        except ValueError:
            return False
        rows = cast("list[object]", read) if isinstance(read, list) else [read]
        known = False
        for row in rows:
            if not isinstance(row, dict):
                continue
            fields = cast("dict[str, Any]", row)
            known = True
            if text := log_text(fields):
                self._read_text(text, line)
            elif (event := parse_event(fields, self.wanted)) is not None and self._is_recent(line):
                self._apply_event(event)
        return known

    def _apply_event(self, event: RelayEvent) -> None:
        message = self._evidence(self.wanted[event.message_id])
        match event.kind:
            case "accepted":
                message.taken = True
            case "delivered":
                message.taken = message.delivered = True
            case "bounced":
                message.taken, message.bounced = True, event.reply
            case "refused":
                message.receptions += 1
                message.refused = event.reply
            case _:
                message.receptions += 1
                message.broken += 1

    def _read_text(self, text: bytes, line: bytes) -> bool:
        if (found := _EXIM.search(text)) is not None:
            queue_id, mark, rest = found.groups()
            self._exim_line(queue_id, mark, rest, line)
            return True
        if (found := _SYSLOG.search(text)) is None:
            return False
        program, pid, said = found.groups()
        program = program.rpartition(b"/")[2]
        queue_id, colon, rest = said.partition(b": ")
        if program == b"smtpd":
            self._smtpd_line(pid, queue_id, rest if colon else b"", said)
        if colon and queue_id.isalnum():
            if program == b"cleanup" and rest.startswith(b"message-id="):
                self._cleanup_line(queue_id, rest[11:].strip().strip(b"<>"), line)
            elif (reception := self._queue.get(queue_id)) is not None:
                self._queue_line(queue_id, reception, rest)
        return True

    def _smtpd_line(self, pid: bytes, queue_id: bytes, rest: bytes, said: bytes) -> None:
        if rest.startswith(b"client="):
            self._session[pid] = queue_id
            self._broken_off.pop(queue_id, None)
        elif said.startswith((b"lost connection after DATA", b"timeout after DATA")):
            if (broken_id := self._session.pop(pid, None)) is None:
                return
            if (reception := self._queue.get(broken_id)) is not None:
                _mark_broken(reception)
            else:
                self._broken_off[broken_id] = None
                while len(self._broken_off) > MAX_BROKEN_OFF:
                    self._broken_off.popitem(last=False)
        elif said.startswith(b"disconnect from"):
            self._session.pop(pid, None)

    def _cleanup_line(self, queue_id: bytes, message_id: bytes, line: bytes) -> None:
        """A queue id is assigned to a message; it may have belonged to another before."""
        self._queue.pop(queue_id, None)
        number = self.wanted.get(message_id)
        if number is None or not self._is_recent(line):
            return
        message = self._evidence(number)
        message.receptions += 1
        self._queue[queue_id] = reception = _Reception(message)
        if queue_id in self._broken_off:
            del self._broken_off[queue_id]
            _mark_broken(reception)

    def _queue_line(self, queue_id: bytes, reception: _Reception, rest: bytes) -> None:
        """What Postfix says later about a queue id of one of our messages."""
        message = reception.message
        if (status := _STATUS.search(rest)) is not None:
            self._mark_taken(queue_id, message)
            word, words = status.groups()
            if word == b"sent":
                message.delivered = True
            elif word in (b"bounced", b"expired", b"force-expired"):
                message.bounced = _server_reply(words or b"") or word.decode()
        elif rest.startswith((b"from=", b"removed")):
            self._mark_taken(queue_id, message)
            if rest.startswith(b"removed"):
                del self._queue[queue_id]
        elif (refusal := _REFUSED_AT_END.match(rest)) is not None:
            code = _CODE.search(rest, refusal.end())
            words = _printable_text(code[1]) if code is not None else ""
            if words[:1] == "5":
                message.refused = words
            elif words[:1] == "4":
                _mark_broken(reception)

    def _exim_line(self, queue_id: bytes, mark: bytes, rest: bytes, line: bytes) -> None:
        if mark == b"<=":
            self._queue.pop(queue_id, None)
            named = _EXIM_ID.search(rest)
            number = None if named is None else self.wanted.get(named[1])
            if number is not None and self._is_recent(line):
                message = self._evidence(number)
                message.receptions += 1
                self._queue[queue_id] = _Reception(message)
                self._mark_taken(queue_id, message)
        elif (reception := self._queue.get(queue_id)) is not None:
            if mark in (b"=>", b"->", b">>"):
                reception.message.delivered = True
            elif mark == b"**":
                _, _, words = rest.partition(b": ")
                reception.message.bounced = _server_reply(words) or "undeliverable"
            elif mark == b"Completed":
                del self._queue[queue_id]

    def _mark_taken(self, queue_id: bytes, message: DeliveryEvidence) -> None:
        message.taken = True
        message.queue_id = message.queue_id or queue_id.decode("ascii", "replace")

    def _evidence(self, number: int) -> DeliveryEvidence:
        return self.found.setdefault(number, DeliveryEvidence())

    def _is_recent(self, line: bytes) -> bool:
        at = line_time(line, self.now, self.local)
        if at is None:
            return True
        # A time without a zone may be of any: the relay's clock need not stand where ours does.
        leeway = CLOCK_LEEWAY if _ZONED.match(line) else CLOCK_LEEWAY + timedelta(hours=26)
        return at >= self.since - leeway


def line_time(line: bytes, now: datetime, local: tzinfo) -> datetime | None:
    """When a line was written, in UTC, if it says so. Times without a zone are in `local`; those without a
    year get the latest one that is not after `now` (with a day of tolerance, for other zones).
    """
    try:
        if line[:1] in (b"{", b"["):
            return _time_of_json(line)
        if (found := _ISO.match(line)) is not None:
            return _iso(b"".join(part or b"" for part in found.groups()).decode(), local)
        if (found := _TRADITIONAL.match(line)) is None:
            return None
        month = _MONTHS.index(found[1]) + 1
        day, hour, minute, second = (int(part) for part in found.groups()[1:])
        for year in (now.year + 1, now.year, now.year - 1):
            try:
                at = datetime(year, month, day, hour, minute, second, tzinfo=local).astimezone(UTC)
            except ValueError:  # 29 February of another year
                continue
            if at <= now + timedelta(days=1):
                return at
    except (ValueError, OverflowError):
        return None
    return None


def _time_of_json(line: bytes) -> datetime | None:
    row: object = json.loads(line)
    if isinstance(row, list):
        row = cast("list[object]", row)[0] if row else None
    if not isinstance(row, dict):
        return None
    for name, value in cast("dict[str, Any]", row).items():
        if name.strip("_@").lower() not in _TIMES:
            continue
        if isinstance(value, str) and not value.isdigit():
            return _iso(value, UTC)
        number = float(value)
        while number > 1e11:  # milliseconds, or microseconds
            number /= 1000
        return datetime.fromtimestamp(number, UTC)
    return None


def _iso(text: str, local: tzinfo) -> datetime:
    at = datetime.fromisoformat(text.replace(",", "."))
    return (at if at.tzinfo else at.replace(tzinfo=local)).astimezone(UTC)


def _mark_broken(reception: _Reception) -> None:
    """Counts an attempt as not taken, once, even if the log says so twice."""
    reception.message.broken += not reception.broken
    reception.broken = True


def _server_reply(words: bytes) -> str:
    """The recipient's server's own reply, if the relay quotes it; else the relay's words."""
    found = _QUOTED.search(words)
    return _printable_text(found[1] if found is not None else words)


def _printable_text(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()[:500]


_SYSLOG = re.compile(rb"([\w./-]+)\[(\d+)\]: (?:\[ID \d+ [\w.]+\] )?(.*?)\s*\Z", re.DOTALL)
_STATUS = re.compile(rb"status=([a-z-]+)(?:,? (?:returned to sender|\((.*)\)))?\s*\Z", re.DOTALL)
_REFUSED_AT_END = re.compile(rb"(?:milter-)?reject: (?:END-OF-MESSAGE|DATA|header|body|mime|nested)\b")
_CODE = re.compile(rb": ((?:[45]\d\d )?[45]\.\d{1,3}\.\d{1,3}\b[^;]*|[45]\d\d [^;]*)")
_QUOTED = re.compile(rb"(?:\bsaid: |: )([45]\d\d[ -].*?)(?: \(in reply to .*\))?\Z", re.DOTALL)
_EXIM = re.compile(
    rb"(?:^|\s)([0-9A-Za-z]{6}-(?:[0-9A-Za-z]{6}-[0-9A-Za-z]{2}|[0-9A-Za-z]{11}-[0-9A-Za-z]{4}))"
    rb" (<=|=>|->|>>|\*\*|==|Completed)(.*)",
    re.DOTALL,
)
_EXIM_ID = re.compile(rb" id=<?([^\s<>]+)")
_ISO = re.compile(
    rb"(?:<\d+>\d? ?)?(\d{4}-\d\d-\d\d)([T ]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?)\d* ?(Z|[+-]\d\d:?\d\d)?"
)
_TRADITIONAL = re.compile(rb"(?:<\d+>)?([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)")
_ZONED = re.compile(
    rb"[{\[]|(?:<\d+>\d? ?)?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)? ?(?:Z|[+-]\d\d:?\d\d)"
)
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_TIMES = ("timestamp", "time", "date", "ts", "datetime", "createdat", "created", "realtime_timestamp")
