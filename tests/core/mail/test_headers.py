"""Header fields: any text in, ASCII lines out, and the same text back by the standard library's parsers."""

import email.header
import email.policy
import re
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage, Message
from email.utils import parseaddr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from publisher.core.addresses import Mailbox, parse_address
from publisher.core.errors import SettingsError
from publisher.core.mail.mime import (
    clean_text,
    date_value,
    encoded_words,
    field,
    grapheme_clusters,
    mailbox_field,
    text_field,
    to_value,
    uri,
)

KHMER = "ការបោះពុម្ពផ្សាយ និងអត្ថបទថ្មីៗ សម្រាប់ខ្មែរទាំងអស់គ្នា"
EMOJI = "👨‍👩‍👧‍👦🏴󠁧󠁢󠁳󠁣󠁴󠁿🇰🇭🇫🇷👍🏽❤️" * 9
texts = st.text() | st.text("aé ក្ខ👍🏽\u200d", max_size=300) | st.sampled_from([KHMER * 4, EMOJI])


def modern(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data + b"\r\n", policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def classic(data: bytes) -> Message:
    return email.message_from_bytes(data + b"\r\n", policy=email.policy.compat32)


def lint(data: bytes) -> None:
    """What holds for every field: CRLF ends, no bare CR or LF, ASCII, short lines, whole encoded words."""
    assert data.endswith(b"\r\n")
    lines = data[:-2].split(b"\r\n")
    assert not any(re.search(rb"[\x00-\x08\x0a-\x1f\x7f-\xff]", line) for line in lines)
    assert all(re.match(rb"[ \t]*[^ \t]", line) for line in lines), "a line of white space only"
    assert all(line.startswith(b" ") for line in lines[1:])
    for line in lines:
        words = re.findall(rb"=\?[^?]*\?.\?[^?]*\?=", line)
        assert all(len(word) <= 75 for word in words)
        assert len(line) <= (76 if words else 78)
        for word in words:
            email.header.decode_header(word.decode())[0][0].decode("utf-8")  # type: ignore[union-attr]  # encoded words decode to bytes


@given(texts)
@example("x" * 2000)
@example("=?utf-8?q?not_ours?=")
@example("a\r\nBcc: b@example.com\x00")
@example("")
def test_any_subject_comes_back_as_it_went(text: str) -> None:
    data = text_field("Subject", text)
    lint(data)
    assert modern(data)["Subject"] == clean_text(text)
    raw = re.sub(r"\r?\n(?=[ \t])", "", str(classic(data)["Subject"]))
    assert str(email.header.make_header(email.header.decode_header(raw))) == clean_text(text)
    assert list(modern(data).keys()) == ["Subject"]


@given(texts)
@example("Acme, Inc.")
@example(r'Ana "the\" Lopez')
@example("news@example.com, x <y@z.example>")
@example("word " * 60)
@example("=?utf-8?q?x?= =?")
def test_any_display_name_comes_back_as_it_went(name: str) -> None:
    data = mailbox_field("From", Mailbox(name=name, address=parse_address("news@example.com")))
    lint(data)
    (mailbox,) = modern(data)["From"].addresses
    assert mailbox.addr_spec == "news@example.com"
    # this parser joins blanks of any script, and keeps the fold between encoded words; the next one is exact
    assert "".join(mailbox.display_name.split()) == "".join(clean_text(name).split())
    raw = re.sub(r"\r?\n(?=[ \t])", "", str(classic(data)["From"]))
    phrase, address = parseaddr(raw)
    assert address == "news@example.com"
    assert str(email.header.make_header(email.header.decode_header(phrase))) == clean_text(name)


@given(texts, st.integers(30, 75))
def test_encoded_words_part_no_letter_that_fits_a_word(text: str, room: int) -> None:
    words = encoded_words(clean_text(text), room)
    assert all(len(word) <= (75 if n else room) for n, word in enumerate(words))
    decoded = [str(email.header.make_header(email.header.decode_header(word))) for word in words]
    assert "".join(decoded) == clean_text(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ខ្មែរ", ["ខ្មែ", "រ"]),
        ("e\u0301a", ["e\u0301", "a"]),
        ("👨‍👩‍👧‍👦x", ["👨‍👩‍👧‍👦", "x"]),
        ("🇰🇭🇫🇷", ["🇰🇭", "🇫🇷"]),
        ("👍🏽❤️", ["👍🏽", "❤️"]),
        ("क्षा", ["क्षा"]),
        ("", []),
    ],
)
def test_what_a_reader_sees_as_one_letter_is_one_cluster(text: str, parts: list[str]) -> None:
    assert list(grapheme_clusters(text)) == parts


def test_a_long_subject_in_khmer_is_parted_between_its_letters() -> None:
    whole = list(grapheme_clusters(KHMER * 4))
    for word in encoded_words(KHMER * 4, 67):
        decoded = str(email.header.make_header(email.header.decode_header(word)))
        assert list(grapheme_clusters(decoded)) == whole[: len(list(grapheme_clusters(decoded)))]
        whole = whole[len(list(grapheme_clusters(decoded))) :]
    assert whole == []


def test_a_plain_subject_is_readable_in_the_source() -> None:
    assert text_field("Subject", "Three new posts") == b"Subject: Three new posts\r\n"
    long = text_field("Subject", "word " * 30)
    assert long.startswith(b"Subject: word word")
    assert long.count(b"\r\n ") == 2


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  a \r\n\t b ", "a b"),
        ("a\x00\x07b\x85c\u2028d", "ab c d"),
        ("a \x00 b", "a b"),
        ("a\u00a0b", "a\u00a0b"),
        ("\u3000a\u00a0", "a"),
        ("\ud83d", "\ufffd"),
    ],
)
def test_display_text_is_one_line_without_controls(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


def test_a_long_url_is_neither_folded_nor_encoded() -> None:
    url = "<https://example.com/unsubscribe/" + "x" * 900 + ">"
    data = field("List-Unsubscribe", [url, "<mailto:u@example.com>"])
    assert data == f"List-Unsubscribe: {url}\r\n <mailto:u@example.com>\r\n".encode()
    assert modern(data)["List-Unsubscribe"] == f"{url} <mailto:u@example.com>"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (
            "x" * 1000,
            r"^List-Help: a value of 1011 octets does not fit .* 998; make its URL or text shorter$",
        ),
        (
            "a\r\nBcc: x",
            r"^List-Help: U\+000D in 'List-Help: a\\r\\nBcc: x' is not allowed in this header; use",
        ),
        ("a\x00", r"^List-Help: U\+0000 in "),
        ("é", r"^List-Help: U\+00E9 in 'List-Help: \\xe9' is not allowed in this header; use plain ASCII$"),
    ],
)
def test_what_no_header_can_carry_is_refused(value: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        field("List-Help", [value])


@given(st.text())
@example("https://example.com/a b>\r\nBcc: x@y.example/é\ud800?a=%20&b=[1]")
def test_any_url_fits_angle_brackets(text: str) -> None:
    assert re.fullmatch(r"[!#-;=?-~]*", uri(text))


@pytest.mark.parametrize(
    ("instant", "value"),
    [
        (datetime(2024, 10, 25, 9, 0, tzinfo=UTC), b"Fri, 25 Oct 2024 09:00:00 +0000"),
        (datetime(2024, 1, 5, 3, 4, 5, 999, tzinfo=UTC), b"Fri, 05 Jan 2024 03:04:05 +0000"),
        (datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=7))), b"Sun, 31 Dec 2023 17:00:00 +0000"),
    ],
)
def test_a_date_is_in_utc_and_english(instant: datetime, value: bytes) -> None:
    assert date_value(instant) == value


def test_the_address_of_the_reader_is_never_encoded() -> None:
    assert to_value(parse_address("ana@münchen.de")) == b"ana@xn--mnchen-3ya.de"
    assert to_value(parse_address("សុខា@example.com")) == "សុខា@example.com".encode()
    data = mailbox_field("From", Mailbox(name="សុខា", address=parse_address("សុខា@example.com")))
    assert data.endswith(" <សុខា@example.com>\r\n".encode())
