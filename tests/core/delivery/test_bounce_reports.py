"""Mail that came back: what it is, whom it is about, and that no bytes harm."""

from hypothesis import example, given
from hypothesis import strategies as st
from returned import SAMPLES, fields, report

from publisher.core.addresses import parse_address
from publisher.core.delivery.bounce_reports import (
    MAX_RECIPIENTS,
    MAX_REPLY,
    judge_failures,
    read_report,
    reply_in_text,
    reported_delivery,
    unsubscribed_delivery,
)
from publisher.core.delivery.bounces import (
    ReportKind,
    Severity,
    bounce_severity,
    return_path,
    unsubscribe_tag,
)
from publisher.core.tokens import KeyRing, opaque_id
from publisher.imports.returned_mail import legacy_verdict

RING = KeyRing(current=2, keys={1: b"k" * 32, 2: b"l" * 32})
OTHERS = KeyRing(current=1, keys={1: b"x" * 32})
BOUNCES = parse_address("bounces@example.org")
READER = "ann@example.com"


def values(ring: KeyRing, mailing: int = 7, n: int = 3) -> dict[str, str]:
    """What the samples need, signed with `ring`."""
    path = return_path(BOUNCES, mailing, n, ring)
    seal = opaque_id(ring, mailing, n)
    return {"to": path, "path": path, "id": f"{mailing}.{n}.{seal}@example.org", "reader": READER}


def test_each_server_s_report_is_taken_for_what_it_is() -> None:
    for name, sample in SAMPLES.items():
        for text in (sample.text, sample.text.replace("\n", "\r\n"), "From x Mon Nov 30\n" + sample.text):
            raw = text.format(**values(RING)).encode()
            read = read_report(raw)
            kind, (_, severity) = read.kind, judge_failures(read.failures, READER)
            if kind is ReportKind.OTHER and read.by_server:
                kind = legacy_verdict(raw)
                severity = bounce_severity(reply_in_text(read.text)) if kind is ReportKind.BOUNCE else None
            assert (kind, severity) == (sample.kind, sample.severity), name
            assert reported_delivery(read, RING) == (7, 3), name


def test_a_report_is_about_a_delivery_by_any_one_thing_that_this_site_signed() -> None:
    for name, sample in SAMPLES.items():
        for thing in ("to", "path", "id"):
            mixed = {**values(OTHERS, 9, 9), thing: values(RING)[thing]}
            found = reported_delivery(read_report(sample.text.format(**mixed).encode()), RING)
            assert found == ((7, 3) if thing in sample.named.split() else None), (name, thing)
        forged = read_report(sample.text.format(**values(OTHERS)).encode())
        assert reported_delivery(forged, RING) is None, name


def test_the_header_that_stands_for_a_replaced_message_id_names_the_delivery_too() -> None:
    for name, sample in SAMPLES.items():
        if "id" in sample.named.split():
            text = sample.text.replace("Message-ID: <{id}>", "Message-ID: <0100@ses.example>\n{header}")
            left = values(RING)["id"].partition("@")[0]
            mixed = values(OTHERS) | {"header": f"X-Publisher-Delivery: {left}"}
            assert reported_delivery(read_report(text.format(**mixed).encode()), RING) == (7, 3), name


def test_a_reply_to_our_mail_that_bounces_is_not_about_our_mail() -> None:
    text = report("x", fields("5.1.1", "smtp; 550 5.1.1 no")).replace(
        "Message-ID: <{id}>", "Message-ID: <other@example.net>\nIn-Reply-To: <{id}>\nReferences: <{id}>"
    )
    own = {**values(OTHERS), "id": values(RING)["id"]}
    assert reported_delivery(read_report(text.format(**own).encode()), RING) is None


def test_of_several_recipients_the_reader_s_own_failure_counts_else_the_mildest() -> None:
    blocks = (
        "Final-Recipient: rfc822; {0}\nAction: failed\nStatus: 5.1.1\n\n"
        "Final-Recipient: rfc822; {1}\nAction: failed\nStatus: 5.2.2\n"
    )

    def severity(first: str, second: str) -> Severity | None:
        status = "Reporting-MTA: dns; mx\n\n" + blocks.format(first, second)
        return judge_failures(read_report(report("x", status).encode()).failures, READER)[1]

    assert severity(READER.upper(), "bob@example.com") is Severity.HARD
    assert severity("bob@example.com", READER) is Severity.SOFT
    assert severity("bob@example.com", "eve@example.com") is Severity.SOFT


def test_mail_to_the_unsubscribe_address_unsubscribes_unless_a_server_returned_it() -> None:
    address = f"bounces+{unsubscribe_tag(7, 3, RING)}@example.org"
    for form in (str.lower, str.upper):
        plain = f"From: {READER}\nTo: {form(address)}\nSubject: unsubscribe\n\n".encode()
        assert unsubscribed_delivery(read_report(plain), RING) == (7, 3)
    assert unsubscribed_delivery(read_report(plain), OTHERS) is None
    assert reported_delivery(read_report(plain), RING) is None
    bounced = SAMPLES["qmail"].text.format(**values(RING) | {"to": address}).encode()
    assert unsubscribed_delivery(read_report(bounced), RING) is None
    returned = f"From: {READER}\nTo: {values(RING)['to']}\n\n".encode()
    assert unsubscribed_delivery(read_report(returned), RING) is None


PIECES = st.sampled_from(
    [sample.text.format(**values(RING)).encode() for sample in SAMPLES.values()]
    + [
        b"\n\n",
        b"--4Zx/lim=it.1\n",
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n",
        b"\0",
        b"\xff\xfe",
    ]
)


@given(st.lists(st.one_of(PIECES, st.binary(max_size=200)), max_size=6).map(b"".join), st.randoms())
@example(
    b"Content-Type: multipart/mixed; boundary=b\n\n"
    + b"--b\nContent-Type: multipart/mixed; boundary=b\n\n" * 900,
    None,
)
@example(b"A" * 300_000, None)
@example(b"To: " + b"a" * 200_000 + b"@", None)
@example(b"Content-Transfer-Encoding: base64\nContent-Type: message/delivery-status\n\n====\n", None)
def test_no_bytes_raise_and_nothing_acts_but_what_is_signed(raw: bytes, random: object) -> None:
    if random is not None and raw:
        cut = random.randrange(len(raw))  # type: ignore[attr-defined]
        raw = raw[:cut] + raw[cut + random.randrange(4) :]  # type: ignore[attr-defined]
    read = read_report(raw)
    assert len(read.failures) <= MAX_RECIPIENTS
    assert all(len(one.reply) <= MAX_REPLY for one in read.failures)
    assert reported_delivery(read, RING) in (None, (7, 3))
    assert reported_delivery(read, OTHERS) is None
    assert unsubscribed_delivery(read, RING) is None
    assert legacy_verdict(raw) in ReportKind
    assert len(reply_in_text(read.text)) <= MAX_REPLY
