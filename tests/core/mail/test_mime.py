"""Whole messages, read back by the standard library's parsers and checked against every header rule."""

import base64
import email.header
import email.policy
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mail_linter import lint

from publisher.core.addresses import parse_address
from publisher.core.errors import AddressError, SettingsError, TemplateError
from publisher.core.mail.message import EmailContent, Placeholder, Segment, fill
from publisher.core.mail.mime import (
    base64_body,
    clean_text,
    compose,
    date_value,
    encode_body,
    freeze_segments,
    quoted_body,
    thaw_recipe,
    to_value,
)

MARK = "\ue000unsubscribe\ue001"
TOKEN = b"AgEAAAAAAAAABwAAAAMAAAAAx-_x4YB2m0Qz7bJr1gq3kA"
VALUES: Mapping[Placeholder, bytes] = {
    Placeholder.TO: to_value(parse_address("Ana@example.org")),
    Placeholder.DATE: date_value(datetime(2024, 10, 25, 9, tzinfo=UTC)),
    Placeholder.MESSAGE_ID: b"0123456789abcdef",
    Placeholder.UNSUBSCRIBE: TOKEN,
}
LETTER = EmailContent(
    subject="ព័ត៌មានថ្មី: three posts",
    text=f"Hello\n\nFrom here on.\n.\nLeave: https://news.example.com/unsubscribe/{MARK}\n",
    html=f'<!DOCTYPE html><p>ខ្មែរ</p><a href="https://news.example.com/unsubscribe/{MARK}">Leave</a>',
    sender="The News, daily <news@example.com>",
    reply_to="editor@example.com",
    list_id="daily.news.example.com",
    list_title="Daily",
    unsubscribe=f"https://news.example.com/unsubscribe/{MARK}",
    help="https://news.example.com/subscribe/daily",
    archive="https://news.example.com/digests/daily/",
    feedback_id="12:daily:digest:news",
    marks={MARK: Placeholder.UNSUBSCRIBE},
)
ONCE = (
    "From", "To", "Subject", "Date", "Message-ID", "X-Publisher-Delivery", "Reply-To", "List-Id",
    "List-Unsubscribe", "List-Unsubscribe-Post", "List-Help", "List-Archive", "Precedence", "Feedback-ID",
    "Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version", "Content-Type",
)  # fmt: skip


def read(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def bodies(data: bytes) -> tuple[bytes, bytes]:
    """The decoded text and HTML, by the strict old parser."""
    message = email.message_from_bytes(data)
    text, html = message.get_payload()
    assert message.get_content_type() == "multipart/alternative"
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert (text.get_content_charset(), html.get_content_charset()) == ("utf-8", "utf-8")
    assert message.defects == text.defects == html.defects == []
    return text.get_payload(decode=True), html.get_payload(decode=True)


def wire(text: str) -> bytes:
    """What a body must decode to."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n").replace(MARK, TOKEN.decode())
    return re.sub("[\ud800-\udfff]", "\ufffd", text).encode()


def test_a_digest_carries_each_header_once_and_as_given() -> None:
    data = fill(compose(LETTER), VALUES)
    lint(data)
    message = read(data)
    assert sorted(message.keys()) == sorted(ONCE)
    assert message["Subject"] == LETTER.subject
    assert message["From"].addresses[0].display_name == "The News, daily"
    assert message["From"].addresses[0].addr_spec == "news@example.com"
    assert message["To"] == "Ana@example.org"
    assert message["Date"].datetime == datetime(2024, 10, 25, 9, tzinfo=UTC)
    assert message["Reply-To"] == "editor@example.com"
    url = b"https://news.example.com/unsubscribe/" + TOKEN
    for line in (
        b"Message-ID: <0123456789abcdef@example.com>",
        b"X-Publisher-Delivery: 0123456789abcdef",
        b'List-Id: "Daily" <daily.news.example.com>',
        b"List-Unsubscribe: <" + url + b">",
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        b"List-Help: <https://news.example.com/subscribe/daily>",
        b"List-Archive: <https://news.example.com/digests/daily/>",
        b"Precedence: bulk",
        b"Feedback-ID: 12:daily:digest:news",
        b"MIME-Version: 1.0",
    ):
        assert b"\r\n" + line + b"\r\n" in data
    assert bodies(data) == (wire(LETTER.text), wire(LETTER.html))
    assert data.count(b"\r\n" + TOKEN) == 2, "in each body the token stands whole on a line"


def test_a_transactional_message_is_no_bulk_and_bears_no_list() -> None:
    letter = EmailContent(subject="Please confirm", text="t", html="<p>h", sender="news@example.com")
    data = fill(compose(letter), VALUES)
    lint(data)
    names = ["From", "To", "Subject", "Date", "Message-ID", "X-Publisher-Delivery", "Auto-Submitted",
             "X-Auto-Response-Suppress", "MIME-Version", "Content-Type"]  # fmt: skip
    assert read(data).keys() == names
    assert read(data)["Auto-Submitted"] == "auto-generated"
    assert "NDR" not in read(data)["X-Auto-Response-Suppress"].split(", "), "bounces must come back"


def test_a_list_without_an_unsubscribe_url_claims_no_one_click() -> None:
    names = read(fill(compose(replace(LETTER, unsubscribe="", help="", archive="")), VALUES)).keys()
    assert not {"List-Unsubscribe", "List-Unsubscribe-Post", "List-Help", "List-Archive"} & set(names)


def test_a_very_long_unsubscribe_url_survives_byte_for_byte() -> None:
    path = "https://news.example.com/" + "long/" * 150
    data = fill(compose(replace(LETTER, unsubscribe=path + MARK)), VALUES)
    lint(data)
    assert b"\r\nList-Unsubscribe: <" + path.encode() + TOKEN + b">\r\n" in data
    with pytest.raises(SettingsError, match=r"^List-Unsubscribe: a value of \d+ octets does not fit"):
        compose(replace(LETTER, unsubscribe=path * 2 + MARK))


@given(st.text(), st.text(), st.text(), st.text())
@example("x" * 300, "\r\nBcc: x@y.example", "From me\nFrom you", " \n\t\n.\n=")
@example("=?utf-8?q?x?=", "a\x00", "", "")
def test_whatever_is_written_arrives(subject: str, name: str, text: str, html: str) -> None:
    letter = replace(LETTER, subject=subject, list_title=name, text=text, html=html)
    data = fill(compose(letter), VALUES)
    lint(data)
    assert read(data)["Subject"] == clean_text(subject)
    assert bodies(data) == (wire(text), wire(html))
    title = re.sub(r"\r?\n ", " ", str(email.message_from_bytes(data)["List-Id"])).removesuffix(
        "<daily.news.example.com>"
    )
    shown = str(email.header.make_header(email.header.decode_header(title.strip())))
    assert shown in {clean_text(name), '"' + clean_text(name).replace("\\", r"\\").replace('"', r"\"") + '"'}


lines = st.text("aé= \t.F\n\r", max_size=200) | st.sampled_from(
    ["From ", "x" * 75, "x" * 76, "x" * 80, "ខ្មែរ" * 30]
)


@given(st.lists(lines | st.just(Placeholder.UNSUBSCRIBE), max_size=8))
def test_bodies_decode_exactly_and_no_token_is_cut(pieces: Sequence[str | Placeholder]) -> None:
    text = "".join(MARK if isinstance(p, Placeholder) else p for p in pieces)
    data = fill(compose(replace(LETTER, text=text, html=text)), VALUES)
    lint(data)
    assert bodies(data) == (wire(text), wire(text))
    if b"base64" not in data:
        assert data.count(TOKEN) == 1 + 2 * text.count(MARK)


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("From me", b"=46rom me"),
        ("a \nb\t", b"a=20\r\nb=09"),
        ("x" * 76, b"x" * 76),
        ("x" * 77, b"x" * 75 + b"=\r\nxx"),
        ("x" * 75 + "From me", b"x" * 75 + b"=\r\n=46rom me"),
        ("x" * 74 + "é", b"x" * 74 + b"=\r\n=C3=A9"),
        ("a=b\rc\r\nd\ne", b"a=3Db\r\nc\r\nd\r\ne"),
        ("\ud800\x00", b"=EF=BF=BD=00"),
    ],
)
def test_quoted_printable_is_short_lined_and_safe(text: str, encoded: bytes) -> None:
    assert quoted_body([text]) == [encoded]


def test_a_place_stands_on_a_line_of_its_own() -> None:
    token = Placeholder.UNSUBSCRIBE
    assert quoted_body(["a/", token, " b"]) == [b"a/=\r\n", token, b"=\r\n b"]
    assert quoted_body(["a\n", token, "\nb"]) == [b"a\r\n", token, b"\r\nb"]
    assert quoted_body([token, token]) == [token, b"=\r\n", token]


def test_text_that_quoted_printable_would_double_is_base64() -> None:
    """Each part by itself; a reader's token is on a line of base64 of its own."""
    khmer = replace(LETTER, text=f"អត្ថបទថ្មី។\r\n.\n\nឈប់ទទួល៖ https://x.example/unsubscribe/{MARK}\n\n--\nរដូវ")
    segments = compose(khmer)
    data = fill(segments, VALUES)
    lint(data)
    text, html = (part for part in read(data).walk() if part.get_content_maintype() == "text")
    assert (text["Content-Transfer-Encoding"], html["Content-Transfer-Encoding"]) == (
        "base64",
        "quoted-printable",
    )
    wanted = khmer.text.replace(MARK, TOKEN.decode())
    assert text.get_payload(decode=True) == "\r\n".join(wanted.splitlines()).encode()
    recipe, kept = freeze_segments(segments)
    assert thaw_recipe(recipe, kept) == segments
    other = fill(segments, {**VALUES, Placeholder.UNSUBSCRIBE: b"x" * 46})
    assert sum(a != b for a, b in zip(data.split(b"\r\n"), other.split(b"\r\n"), strict=True)) == 3
    half = "ខ" * 9 + "x" * 27
    assert encode_body([half])[0] == "quoted-printable"
    assert encode_body([half + "ខ"])[0] == "base64"
    near = ["ខ" * 99, Placeholder.UNSUBSCRIBE, Placeholder.VIEW]
    assert encode_body(near) == ("quoted-printable", quoted_body(near))


@given(st.lists(st.text(st.characters(exclude_characters="\r"), max_size=90), min_size=1, max_size=5))
def test_base64_holds_every_text_with_tokens_in_it(texts: list[str]) -> None:
    pieces: list[str | Placeholder] = []
    for text in texts:
        pieces += [text, Placeholder.UNSUBSCRIBE] if text else [Placeholder.UNSUBSCRIBE]
    segments = base64_body(pieces)
    if segments is None:
        assert any(len(text.encode("utf-8", "replace").replace(b"\n", b"\r\n")) < 3 for text in texts[1:])
        return
    data = fill(segments, VALUES)
    assert all(len(line) <= 76 for line in data.split(b"\r\n"))
    whole = "".join(text + TOKEN.decode() for text in texts).replace("\n", "\r\n")
    assert base64.b64decode(data) == re.sub("[\ud800-\udfff]", "\ufffd", whole).encode()
    *rows, _ = data.split(b"\r\n")
    assert not any(b"=" in row for row in rows), "padding is only at the end"


def test_equal_letters_give_equal_bytes_and_other_content_another_boundary() -> None:
    assert compose(LETTER) == compose(replace(LETTER))
    text, html, url = (t.replace(MARK, "m4rk") for t in (LETTER.text, LETTER.html, LETTER.unsubscribe))
    other = replace(LETTER, text=text, html=html, unsubscribe=url, marks={"m4rk": Placeholder.UNSUBSCRIBE})
    assert compose(other) == compose(LETTER)
    boundaries = {
        re.findall(rb'boundary="([^"]+)"', fill(compose(replace(LETTER, text=t)), VALUES))[0] for t in "ab"
    }
    assert len(boundaries) == 2
    assert all(boundary.startswith(b"=_") for boundary in boundaries), "quoted-printable never has =_"


def test_a_message_is_frozen_and_thawed_unchanged() -> None:
    segments = compose(LETTER)
    recipe, data = freeze_segments(segments)
    assert thaw_recipe(recipe, data) == segments
    assert all(re.fullmatch(r"s:[0-9a-f]{64}|p:[a-z-]+", name) for name in recipe)
    assert {name[2:] for name in recipe if name.startswith("s:")} == set(data)
    assert recipe.count("p:unsubscribe") == 3
    with pytest.raises(KeyError):
        thaw_recipe(recipe, {})


def test_equal_stretches_are_kept_once() -> None:
    segments: tuple[Segment, ...] = (b"a", Placeholder.TO, b"a")
    recipe, data = freeze_segments(segments)
    assert len(data) == 1
    assert thaw_recipe(recipe, data) == segments


def test_no_token_of_a_reader_is_in_what_is_frozen() -> None:
    _, data = freeze_segments(compose(LETTER))
    joined = b"".join(data.values())
    assert MARK.encode() not in joined
    assert TOKEN not in joined
    assert b"Ana@" not in joined


@pytest.mark.parametrize(
    ("change", "error", "reason"),
    [
        ({"subject": f"Hi {MARK}"}, TemplateError, r"^subject\.txt: a reader's own link is in"),
        ({"sender": "News"}, AddressError, r"^sender: 'News' has no @"),
        ({"reply_to": "a@b\r\nBcc: c@d.e"}, AddressError, r"^reply_to: "),
        ({"list_id": "daily\r\nBcc: x"}, SettingsError, r"^List-Id: 'daily\\r\\nBcc: x' is not a list id"),
        ({"feedback_id": "a\r\nBcc: x"}, SettingsError, r"^Feedback-ID: U\+000D in "),
        ({"marks": {MARK: Placeholder.TO}}, ValueError, r"^marks in content stand for tokens only$"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_message_is_refused(
    change: dict[str, str], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        compose(replace(LETTER, **change))


def test_a_url_cannot_break_out_of_its_header() -> None:
    letter = replace(LETTER, unsubscribe=f"https://x.example/\r\nBcc: a@b.c> é{MARK}", help="https://x>\n")
    data = fill(compose(letter), VALUES)
    lint(data)
    assert b"List-Unsubscribe: <https://x.example/%0D%0ABcc:%20a@b.c%3E%20%C3%A9" + TOKEN + b">\r\n" in data
