"""What a relay's log proves: lines as Postfix 3.7 and Exim 4.96 wrote them, and events of providers."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.delivery.relay_logs import LoggedOutcome, RelayLog, line_time

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ID = "00000000000000a1@harbour.example"
START = "Nov 30 09:22:17 mx postfix"
CLIENT = f"{START}/smtpd[21427]: BF3AE228162: client=unknown[127.0.0.1]"
NAMED = f"{START}/cleanup[21434]: BF3AE228162: message-id=<{ID}>"
QUEUED = f"{START}/qmgr[21425]: BF3AE228162: from=<news@harbour.example>, size=331, nrcpt=1 (queue active)"
SENT = (
    f"{START}/virtual[21435]: BF3AE228162: to=<ann@example.org>, relay=virtual, delay=0.01, "
    "delays=0.01/0.01/0/0, dsn=2.0.0, status=sent (delivered to maildir)"
)
REMOVED = f"{START}/qmgr[21425]: BF3AE228162: removed"
BOUNCED = (
    f"{START}/smtp[21436]: BF3AE228162: to=<ann@example.org>, relay=mx.example.org[192.0.2.7]:25, delay=0.4, "
    "delays=0.1/0/0.2/0.1, dsn=5.1.1, status=bounced (host mx.example.org[192.0.2.7] said: 550 5.1.1 "
    "<ann@example.org>: no such user (in reply to RCPT TO command))"
)
DEFERRED = (
    f"{START}/smtp[21436]: BF3AE228162: to=<ann@example.org>, relay=none, delay=30, delays=0.1/0/30/0, "
    "dsn=4.4.1, status=deferred (connect to mx.example.org[192.0.2.7]:25: Connection timed out)"
)
EXPIRED = f"{START}/qmgr[21425]: BF3AE228162: from=<news@harbour.example>, status=expired, returned to sender"
BROKEN = f"{START}/smtpd[21427]: lost connection after DATA (119 bytes) from unknown[127.0.0.1]"
BROKEN_LATE = f"{START}/smtpd[21427]: lost connection after END-OF-MESSAGE from unknown[127.0.0.1]"
GONE = f"{START}/smtpd[21427]: disconnect from unknown[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=0/1 commands=3/4"
TAIL = "from=<news@harbour.example> to=<ann@example.org> proto=ESMTP helo=<h>"
BODY = f"{START}/cleanup[21434]: BF3AE228162: reject: body x from unknown[127.0.0.1]; {TAIL}: 5.7.1 bad word"
MILTER = (
    f"{START}/cleanup[21434]: BF3AE228162: milter-reject: END-OF-MESSAGE from unknown[127.0.0.1]: "
    f"5.7.1 Spam message rejected; {TAIL}"
)
MILTER_LATER = MILTER.replace("5.7.1 Spam message rejected", "4.7.1 Try again later")
OTHER = NAMED.replace(ID, "somebody@else.example")
EXIM = (
    "2026-11-30 09:23:28 1xXxbc-0006Jn-0r <= news@harbour.example H=([127.0.0.1]) [127.0.0.1] "
    f"P=esmtp S=296 id={ID}"
)
EXIM_SENT = "2026-11-30 09:23:54 1xXxbc-0006Jn-0r => ann <ann@example.org> R=all T=tofile"
EXIM_DONE = "2026-11-30 09:23:54 1xXxbc-0006Jn-0r Completed"
EXIM_BOUNCED = (
    "2026-11-30 09:23:54 1xXxbc-0006Jn-0r ** ann@bounce.example R=bounce T=tobad H=127.0.0.1 [127.0.0.1]: "
    "SMTP error from remote mail server after RCPT TO:<ann@bounce.example>: 550 5.1.1 no such user here"
)
EXIM_DEFERRED = "2026-11-30 09:23:54 1xXxbc-0006Jn-0r == ann@defer.example R=defer defer (-1): later"
EXIM_REFUSED = (
    "2026-11-30 09:23:28 1xXxbc-0006Ju-1d H=([127.0.0.1]) [127.0.0.1] F=<news@harbour.example> "
    "rejected after DATA: no"
)


def log_of(*lines: str | dict[str, Any], since: datetime = NOW - timedelta(days=1)) -> RelayLog:
    log = RelayLog(wanted={ID.encode(): 1}, since=since, now=NOW, local=UTC)
    for line in lines:
        log.read((line if isinstance(line, str) else json.dumps(line)).encode() + b"\n")
    return log


def proven(*lines: str | dict[str, Any], attempts: int | None = 1, **more: Any) -> Any:
    found = log_of(*lines, **more).found.get(1)
    proof = found.proves(attempts) if found else None
    return proof and (proof[0].value, proof[1])


@pytest.mark.parametrize(
    ("lines", "became"),
    [
        ([CLIENT, NAMED, QUEUED], "accepted"),
        ([CLIENT, NAMED, QUEUED, SENT, REMOVED, GONE], "accepted"),
        ([CLIENT, NAMED, SENT, REMOVED], "accepted"),
        ([CLIENT, NAMED, QUEUED, DEFERRED], "accepted"),
        ([CLIENT, NAMED, QUEUED, BROKEN_LATE], "accepted"),
        ([CLIENT, NAMED, REMOVED], "accepted"),
        ([CLIENT, NAMED, QUEUED, DEFERRED, BOUNCED, REMOVED], "rejected"),
        ([CLIENT, NAMED, QUEUED, DEFERRED, EXPIRED, REMOVED], "rejected"),
        ([CLIENT, NAMED, QUEUED, SENT, BOUNCED], "accepted"),
        ([CLIENT, NAMED, BODY], "rejected"),
        ([CLIENT, NAMED, MILTER], "rejected"),
        ([CLIENT, NAMED, MILTER_LATER], "not taken"),
        ([CLIENT, NAMED, BROKEN, GONE], "not taken"),
        ([CLIENT, BROKEN, NAMED, GONE], "not taken"),
        ([CLIENT, BROKEN, GONE, NAMED], "not taken"),
        ([CLIENT, NAMED, BROKEN, BROKEN], "not taken"),
        ([CLIENT, NAMED], None),
        ([NAMED], None),
        ([CLIENT, NAMED, OTHER, QUEUED, SENT], None),
        ([QUEUED, SENT, REMOVED], None),
        ([CLIENT, GONE, BROKEN, NAMED], None),
        ([CLIENT, NAMED, QUEUED.replace("BF3AE228162", "BF3AE228163")], None),
        ([], None),
        ([EXIM], "accepted"),
        ([EXIM, EXIM_SENT, EXIM_DONE], "accepted"),
        ([EXIM, EXIM_DEFERRED], "accepted"),
        ([EXIM, EXIM_BOUNCED, EXIM_DONE], "rejected"),
        ([EXIM, EXIM_DONE, EXIM_BOUNCED], "accepted"),
        ([EXIM_REFUSED], None),
        ([EXIM.replace("1xXxbc-0006Jn-0r", "1xXxbc-00000006Jna-0r1A")], "accepted"),
        (["Nov 30 09:23:28 mx exim[77]: " + EXIM], "accepted"),
        (["Nov 30 09:23:28 mx exim[77]: " + EXIM.removeprefix("2026-11-30 09:23:28 ")], "accepted"),
    ],
)
def test_what_a_log_proves(lines: list[str], became: str | None) -> None:
    proof = proven(*lines)
    assert (proof and proof[0]) == became
    iso = [line.replace("Nov 30 09:22:17", "2026-11-30T09:22:17.381920+00:00") for line in lines]
    assert proven(*iso) == proof
    long = [line.replace("BF3AE228162", "4jdJSv6B0zzK2Xm") for line in lines]
    assert (proven(*long) or [None])[0] == became
    submission = [line.replace("postfix/smtpd", "postfix/submission/smtpd") for line in lines]
    assert proven(*submission) == proof


def test_the_words_are_those_of_the_server_that_refused() -> None:
    assert proven(CLIENT, NAMED, QUEUED, BOUNCED)[1] == "550 5.1.1 <ann@example.org>: no such user"
    assert proven(CLIENT, NAMED, BODY)[1] == "5.7.1 bad word"
    assert proven(CLIENT, NAMED, MILTER)[1] == "5.7.1 Spam message rejected"
    assert proven(EXIM, EXIM_BOUNCED)[1] == "550 5.1.1 no such user here"
    assert proven(CLIENT, NAMED, QUEUED, EXPIRED)[1] == "expired"
    assert proven(CLIENT, NAMED, QUEUED)[1] == "the relay's log: queued as BF3AE228162"


def test_it_is_not_lost_as_long_as_one_attempt_is_not_accounted_for() -> None:
    """Another attempt may have gone to a relay whose log this is not."""
    broken = (CLIENT, NAMED, BROKEN, GONE)
    assert proven(*broken, attempts=1)[0] == "not taken"
    assert proven(*broken, attempts=2) is None
    assert proven(*broken, *broken, attempts=2)[0] == "not taken"
    assert proven(*broken, attempts=None) is None, "of a restored store nobody knows the attempts"
    assert proven(*broken, CLIENT, NAMED, QUEUED, attempts=2)[0] == "accepted"
    assert proven(CLIENT, NAMED, *broken, attempts=1) is None


def test_a_filter_that_puts_a_message_back_into_the_queue_does_not_hide_its_end() -> None:
    again = [line.replace("BF3AE228162", "C1A71228162") for line in (NAMED, QUEUED, BOUNCED)]
    first = SENT.replace("relay=virtual", "relay=127.0.0.1[127.0.0.1]:10024")
    assert proven(CLIENT, NAMED, QUEUED, *again)[0] == "rejected"
    assert proven(CLIENT, NAMED, QUEUED, first, REMOVED, *again[:2])[0] == "accepted"


def test_lines_from_before_the_mailing_are_not_about_it() -> None:
    began = datetime(2026, 11, 30, 11, tzinfo=UTC)
    iso = [line.replace("Nov 30 09:22:17", "2026-11-30T09:22:17+00:00") for line in (CLIENT, NAMED, QUEUED)]
    assert proven(*iso, since=began) is None
    assert proven(CLIENT, NAMED, QUEUED, since=began)[0] == "accepted", "its clock may be another zone's"
    old = [line.replace("Nov 30", "Nov 28") for line in (CLIENT, NAMED, QUEUED)]
    assert proven(*old, since=began) is None
    assert proven(EXIM.replace("2026", "2025")) is None
    assert (
        proven({"message_id": ID, "event": "delivered", "timestamp": began.timestamp() - 9_000}, since=began)
        is None
    )


@pytest.mark.parametrize(
    ("event", "became"),
    [
        ({"message_id": f"<{ID}>", "status": "sent"}, "accepted"),
        ({"message-id": ID, "response": "250 2.0.0 Ok: queued as X"}, "accepted"),
        ({"Message-ID": ID, "code": 550, "response": "5.1.1 no such user"}, "rejected"),
        ({"message_id": ID, "status": "250 ok"}, "accepted"),
        ({"message_id": ID}, None),
        ({"message_id": ID, "event": "who knows"}, None),
        ({"in-reply-to": ID, "event": "delivered"}, None),
        ({"references": [ID], "event": "delivered"}, None),
        ({"event": "delivered", "message": {"headers": {"message-id": ID}}}, "accepted"),
        (
            {"event": "failed", "severity": "temporary", "message": {"headers": {"message-id": ID}}},
            "accepted",
        ),
        (
            {
                "event": "failed",
                "severity": "permanent",
                "delivery-status": {"code": 550, "message": "5.1.1 nobody"},
                "message": {"headers": {"message-id": ID}},
            },
            "rejected",
        ),
        ({"event-data": {"event": "accepted", "message": {"headers": {"message-id": ID}}}}, "accepted"),
        ({"smtp-id": f"<{ID}>", "event": "processed", "sg_message_id": "x"}, "accepted"),
        ({"smtp-id": f"<{ID}>", "event": "dropped", "reason": "Bounced Address"}, "rejected"),
        (
            {"eventType": "Delivery", "mail": {"messageId": "x", "commonHeaders": {"messageId": f"<{ID}>"}}},
            "accepted",
        ),
        (
            {
                "notificationType": "Bounce",
                "bounce": {"bouncedRecipients": [{"diagnosticCode": "smtp; 550 5.1.1 user unknown"}]},
                "mail": {"headers": [{"name": "Message-ID", "value": f"<{ID}>"}]},
            },
            "rejected",
        ),
        ({"type": "Reception", "id": "1d98", "headers": {"Message-ID": f"<{ID}>"}}, "accepted"),
        (
            {
                "type": "Rejection",
                "response": {"code": 451, "content": "later"},
                "headers": {"Message-ID": f"<{ID}>"},
            },
            "not taken",
        ),
        (
            {
                "type": "Bounce",
                "response": {"code": 550, "content": "no"},
                "headers": {"Message-ID": f"<{ID}>"},
            },
            "rejected",
        ),
        ({"type": "email_queued", "email_headers": [{"Message-Id": f"<{ID}>"}]}, "accepted"),
    ],
)
def test_what_an_event_proves(event: dict[str, Any], became: str | None) -> None:
    proof = proven(event)
    assert (proof and proof[0]) == became
    found = log_of(json.dumps([{}, event, 7])).found.get(1)
    assert (found and found.proves(1)) == (proof and (LoggedOutcome(proof[0]), proof[1]))


def test_the_words_of_an_event_are_the_server_s() -> None:
    bounce = {
        "notificationType": "Bounce",
        "bounce": {"bouncedRecipients": [{"diagnosticCode": "smtp; 550 5.1.1 user unknown"}]},
        "mail": {"commonHeaders": {"messageId": ID}},
    }
    assert proven(bounce)[1] == "550 5.1.1 user unknown"
    assert proven({"event": "bounced", "message_id": ID, "code": 550, "reason": "nobody"})[1] == "550 nobody"


def test_a_log_of_journald_or_of_a_collector_is_read_as_the_lines_in_it() -> None:
    def journald(line: str) -> dict[str, Any]:
        program, _, text = line.partition("]: ")
        name, _, pid = program.rpartition(" ")[2].partition("[")
        stamp = str(int(NOW.timestamp() * 1e6) - 60_000_000)
        return {"__REALTIME_TIMESTAMP": stamp, "SYSLOG_IDENTIFIER": name, "_PID": pid, "MESSAGE": text}

    assert proven(*map(journald, (CLIENT, NAMED, QUEUED)))[0] == "accepted"
    assert proven(*map(journald, (CLIENT, NAMED, BROKEN)))[0] == "not taken"
    assert (
        proven(*({"log": line, "time": NOW.isoformat()} for line in (CLIENT, NAMED, QUEUED)))[0] == "accepted"
    )
    assert proven({"message": EXIM})[0] == "accepted"


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("Nov 30 09:22:17 mx x", "2026-11-30T09:22:17"),
        ("<22>Nov  3 09:22:17 mx x", "2026-11-03T09:22:17"),
        ("Dec 31 23:59:59 mx x", "2025-12-31T23:59:59"),
        ("2026-11-30T09:22:17.381920+02:00 mx x", "2026-11-30T07:22:17.381920"),
        ("2026-11-30 09:22:17 1x", "2026-11-30T09:22:17"),
        ("2026-11-30 09:22:17.123 +0100 1x", "2026-11-30T08:22:17.123000"),
        ("<22>1 2026-11-30T09:22:17Z mx x", "2026-11-30T09:22:17"),
        ('{"timestamp": 1796034137}', "2026-11-30T10:22:17"),
        ('{"@timestamp": "2026-11-30T09:22:17Z"}', "2026-11-30T09:22:17"),
        ('{"__REALTIME_TIMESTAMP": "1796034137000000"}', "2026-11-30T10:22:17"),
        ("Foo 30 09:22:17", None),
        ("Feb 30 09:22:17", None),
        ("2026-13-30 09:22:17", None),
        ('{"timestamp": "soon"}', None),
        ("[]", None),
        ("", None),
    ],
)
def test_when_a_line_was_written(line: str, at: str | None) -> None:
    read = line_time(line.encode(), NOW, UTC)
    assert read == (at and datetime.fromisoformat(at).replace(tzinfo=UTC))


def test_a_log_says_what_it_covers() -> None:
    log = log_of("garbage", CLIENT, NAMED.replace("09:22:17", "11:00:00"), "more garbage")
    assert (log.lines, log.understood) == (4, 2)
    assert log.covers() == (NOW.replace(hour=9, minute=22, second=17), NOW.replace(hour=11))
    assert log_of().covers() == (None, None)


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_no_bytes_upset_it(lines: list[bytes]) -> None:
    log = RelayLog(wanted={ID.encode(): 1}, since=NOW, now=NOW, local=UTC)
    for line in lines:
        log.read(line)
        log.read(b"{" + line + b"}")
        log.read(NAMED.encode() + line)
    log.covers()


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_messages_taken_at_the_same_time_do_not_get_each_other_s_ends(seed: int, number: int) -> None:
    """Lines of many connections, in any order that keeps each message's own."""
    chance = random.Random(seed)  # noqa: S311  # chance, not secrets
    ends: list[tuple[str | None, list[str]]] = [
        ("accepted", [CLIENT, NAMED, QUEUED, SENT, REMOVED]),
        ("accepted", [CLIENT, NAMED, QUEUED, DEFERRED]),
        ("rejected", [CLIENT, NAMED, QUEUED, BOUNCED, REMOVED]),
        ("not taken", [CLIENT, BROKEN, GONE, NAMED]),
        (None, [CLIENT, NAMED]),
    ]
    expected: list[str | None] = []
    streams: list[list[str]] = []
    for n in range(number):
        end, lines = chance.choice(ends)
        expected.append(end)
        own = [line.replace(ID, f"{n}@harbour.example").replace("BF3AE228162", f"{n:011X}") for line in lines]
        streams.append([line.replace("[21427]", f"[{n + 100}]") for line in own])
    log = RelayLog(
        wanted={f"{n}@harbour.example".encode(): n for n in range(number)},
        since=NOW - timedelta(days=1),
        now=NOW,
        local=UTC,
    )
    while left := [stream for stream in streams if stream]:
        log.read(chance.choice(left).pop(0).encode())
    for n, end in enumerate(expected):
        proof = log.found[n].proves(1)
        assert (proof and proof[0].value) == end
