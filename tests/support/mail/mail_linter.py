"""The rules that every message of ours keeps, checked on its bytes: for tests of whatever makes mail.

    lint(data)                  fails with every rule that is broken
    findings(data)              the same as a list
    signed_by(data, records)    whether dkimpy finds each signature valid, {selector: TXT record}

Sources: RFC 5322, 2045 to 2047, 2369, 2919, 8058, 6376, and the bulk-sender rules of Gmail and Yahoo.
"""

import base64
import quopri
import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime

import dkim

ONCE = ("from", "to", "subject", "date", "message-id", "mime-version", "content-type")
BULK = ("list-id", "list-unsubscribe", "list-unsubscribe-post", "precedence", "feedback-id")
STRUCTURED = re.compile(
    r"(?i)(list-(un|he|ar|po)|date|message-id|to$|content|mime|precedence|feedback|x-publ|dkim)"
)
OVERSIGNED = ("from", "subject", "date", "list-unsubscribe", "list-unsubscribe-post")
SIGNED = {
    "from", "to", "subject", "date", "message-id", "reply-to", "list-id", "list-unsubscribe",
    "list-unsubscribe-post", "feedback-id", "mime-version", "content-type",
}  # fmt: skip
WORD = re.compile(r"=\?([^?]*)\?([bBqQ])\?([^?]*)\?=")


def lint(data: bytes) -> None:
    """Fails with all that is wrong."""
    found = findings(data)
    assert not found, "\n".join(found)


def findings(data: bytes) -> list[str]:
    """Each rule that the message breaks, in a line."""
    return [*_bytes(data), *_headers(data), *_signatures(data)]


def fields(data: bytes) -> list[tuple[str, str]]:
    """(name in small letters, value unfolded) of each header field, in order."""
    head = data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    unfolded = re.sub(r"\r\n(?=[ \t])", "", head)
    pairs = [line.partition(":") for line in unfolded.split("\r\n")]
    return [(name.lower(), value.strip()) for name, _, value in pairs]


def _bytes(data: bytes) -> Iterator[str]:
    if re.search(rb"(?<!\r)\n|\r(?!\n)", data):
        yield "a line does not end in CRLF"
    if re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", data):
        yield "a control character"
    if not data.endswith(b"\r\n"):
        yield "the last line has no end"
    head, _, body = data.partition(b"\r\n\r\n")
    if re.search(rb"[\x80-\xff]", body):
        yield "a body that is not ASCII on the wire"
    if re.search(rb"[\x80-\xff]", head) and not _needs_smtputf8(head):
        yield "a header that is not ASCII"
    for line in head.split(b"\r\n"):
        if not re.match(rb"[!-9;-~]+:|[ \t]+[^ \t]", line):
            yield f"no header field: {line!r}"
        if len(line) > 998:
            yield f"a line of {len(line)} octets: {line[:40]!r}"
        if len(line) > 78 and b" " in line.split(b":", 1)[-1].strip() and not line.startswith(b"List-"):
            yield f"a line not folded: {line!r}"
        if b"=?" in line and len(line) > 76:
            yield f"encoded words on a line of more than 76: {line!r}"
    for line in body.split(b"\r\n"):
        if len(line) > 76 and not line.startswith(b"--"):
            yield f"a body line of {len(line)} octets: {line[:40]!r}"
        if line.startswith(b"From "):
            yield "a body line that begins with From"
        if line.endswith((b" ", b"\t")):
            yield f"a body line that ends in a blank: {line!r}"


def _needs_smtputf8(head: bytes) -> bool:
    """Only an address with a local part beyond ASCII may stand unencoded (RFC 6532)."""
    odd = [line for line in head.split(b"\r\n") if not line.isascii()]
    return all(re.match(rb"(?i)(to|from|reply-to): ", line) and b"@" in line for line in odd)


def _headers(data: bytes) -> Iterator[str]:
    pairs = fields(data)
    names = [name for name, _ in pairs]
    for name in ONCE:
        if names.count(name) != 1:
            yield f"{name} stands {names.count(name)} times"
    for name in set(names) - {"dkim-signature", "received"}:
        if names.count(name) > 1:
            yield f"{name} stands {names.count(name)} times"
    value = dict(reversed(pairs))
    for name, text in pairs:
        yield from _words(name, text)
    sender = re.findall(r"@([^\s>]+)>?$", value.get("from", ""))
    if sender and not re.fullmatch(rf"<[^<>@\s]+@{re.escape(sender[0])}>", value.get("message-id", "")):
        yield f"Message-ID {value.get('message-id')} is not of the From domain {sender[0]}"
    if parsedate_to_datetime(value.get("date", "")).utcoffset() is None:
        yield "a Date without an offset"
    if value.get("mime-version") != "1.0":
        yield f"MIME-Version {value.get('mime-version')}"
    if "list-id" in names:
        yield from _bulk(value)
    elif value.get("auto-submitted") != "auto-generated" or "precedence" in names:
        yield "a mail to one person that is not marked auto-generated"


def _bulk(value: Mapping[str, str]) -> Iterator[str]:
    yield from (f"a list without {name}" for name in BULK if name not in value)
    if not re.search(r"<[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+\.[A-Za-z0-9.-]+>$", value.get("list-id", "")):
        yield f"List-Id {value.get('list-id')}"
    if value.get("list-unsubscribe-post") != "List-Unsubscribe=One-Click":
        yield f"List-Unsubscribe-Post {value.get('list-unsubscribe-post')}"
    if not re.fullmatch(r"<https?://[!-~]+>(, <mailto:[!-~]+>)?", value.get("list-unsubscribe", "")):
        yield f"List-Unsubscribe {value.get('list-unsubscribe')}"
    for name in ("list-help", "list-archive"):
        if name in value and not re.fullmatch(r"<(https?|mailto):[!-~]+>", value[name]):
            yield f"{name} {value[name]}"
    if value.get("precedence") != "bulk":
        yield f"Precedence {value.get('precedence')}"
    if "@" in value.get("feedback-id", ""):
        yield "a Feedback-ID that names a reader"


def _words(name: str, text: str) -> Iterator[str]:
    """RFC 2047: only in text and display names, each short and valid alone."""
    if "=?" in text and STRUCTURED.match(name) and WORD.search(text):
        yield f"an encoded word in {name}"
    for charset, how, inner in WORD.findall(text):
        word = f"=?{charset}?{how}?{inner}?="
        if len(word) > 75:
            yield f"an encoded word of {len(word)} characters in {name}"
        raw = base64.b64decode(inner) if how in "bB" else quopri.decodestring(inner.encode(), header=True)
        try:
            raw.decode(charset)
        except UnicodeDecodeError:
            yield f"an encoded word that ends within a character in {name}"
    for address in re.findall(r"<[^<>]*>", text):
        if "=?" in address and name in {"from", "to", "reply-to"}:
            yield f"an encoded address in {name}"


def _signatures(data: bytes) -> Iterator[str]:
    pairs = fields(data)
    sender = re.findall(r"@([^\s>]+)>?$", dict(reversed(pairs)).get("from", ""))
    for name, text in pairs:
        if name != "dkim-signature":
            continue
        tags = {
            key.strip(): re.sub(r"\s", "", val) for key, _, val in (t.partition("=") for t in text.split(";"))
        }
        names = tags.get("h", "").lower().split(":")
        if tags.get("c") != "relaxed/relaxed" or "l" in tags:
            yield f"a signature that is not relaxed and whole: {text}"
        if [tags.get("d")] != sender:
            yield f"a signature of {tags.get('d')} for mail from {sender}"
        if not set(names) >= SIGNED:
            yield f"unsigned: {sorted(SIGNED - set(names))}"
        yield from (f"{each} is not oversigned" for each in OVERSIGNED if names.count(each) != 2)


def signed_by(data: bytes, records: Mapping[str, str]) -> dict[str, bool]:
    """{selector: whether dkimpy finds its signature valid}, each looked at by itself."""

    def text(name: bytes, timeout: int = 5) -> bytes | None:
        record = records.get(name.decode().partition("._domainkey.")[0])
        return record.encode() if record else None

    found: dict[str, bool] = {}
    signatures = [value for name, value in fields(data) if name == "dkim-signature"]
    for index, value in enumerate(signatures):
        selector = re.findall(r";\s*s=([^;\s]+)", value)[0]
        try:
            found[selector] = bool(dkim.DKIM(data).verify(index, dnsfunc=text))
        except dkim.DKIMException:
            found[selector] = False
    return found
