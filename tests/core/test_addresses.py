"""Addresses: what is one, in which spelling, and what a person is told when it is none."""

import re
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from publisher.core.addresses import Address, Mailbox, parse_address, parse_mailbox, reader_identity
from publisher.core.errors import AddressError

ATEXT = string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~"


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("ana@example.com", "ana@example.com"),
        ("  Ana.Lopez+news@Example.COM\r\n", "Ana.Lopez+news@example.com"),
        ("\ufeffana@example.com", "ana@example.com"),
        ("ana@localhost", "ana@localhost"),
        ("ana@münchen.de", "ana@xn--mnchen-3ya.de"),
        ("ana@MÜNCHEN.DE", "ana@xn--mnchen-3ya.de"),
        ("ana@mu\u0308nchen.de", "ana@xn--mnchen-3ya.de"),
        ("ana@straße.de", "ana@xn--strae-oqa.de"),
        ("ana@βόλος.com", "ana@xn--nxasmm1c.com"),
        ("ana@ＥＸＡＭＰＬＥ。com", "ana@example.com"),
        ("ana@例え.テスト", "ana@xn--r8jz45g.xn--zckzah"),
        ("ana@ខ្មែរ.com", "ana@xn--j2e0cg3n2c.com"),
        ("ana@ශ්\u200dරී.lk", "ana@xn--10cl1a0b660p.lk"),
        ("សុខា@example.com", "សុខា@example.com"),
        ('"ana lopez"@example.com', '"ana lopez"@example.com'),
        ('"a@b"@example.com', '"a@b"@example.com'),
        (r'"a\"b\\c"@example.com', r'"a\"b\\c"@example.com'),
        ('"ana"@example.com', "ana@example.com"),
        ('""@example.com', '""@example.com'),
        ("x" * 64 + "@example.com", "x" * 64 + "@example.com"),
    ],
)
def test_an_address_has_one_spelling(text: str, wire: str) -> None:
    address = parse_address(text)
    assert str(address) == wire
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "address: the address is empty; write it as name@example.com"),
        ("   ", "address: the address is empty; write it as name@example.com"),
        ("ana", "address: 'ana' has no @; write it as name@example.com"),
        ("@example.com", "address: '@example.com' has nothing before the @"),
        ("ana@", "address: 'ana@' has nothing after the @"),
        ("ana@example", "address: the domain of 'ana@example' has no dot"),
        ("ana lopez@example.com", "address: a space is not allowed before the @ in 'ana lopez@example.com'"),
        ("ana,ben@example.com", "address: ',' is not allowed before the @ in 'ana,ben@example.com'"),
        ("a@b@example.com", "address: '@' is not allowed before the @ in 'a@b@example.com'"),
        (
            "ana..b@example.com",
            "address: a dot that is first, last or doubled is not allowed before the @",
        ),
        (".ana@example.com", "address: a dot that is first, last or doubled is not allowed before the @"),
        ("ana@example..com", "address: a dot is first, last or doubled in the domain of 'ana@example..com'"),
        ("ana@example.com.", "address: a dot is first, last or doubled in the domain of 'ana@example.com.'"),
        ("ana@-example.com", "address: '-example' cannot be part of a domain, in 'ana@-example.com'"),
        ("ana@exa_mple.com", "address: 'exa_mple' cannot be part of a domain, in 'ana@exa_mple.com'"),
        ("ana@exa mple.com", "address: 'exa mple' cannot be part of a domain, in 'ana@exa mple.com'"),
        ("ana@[192.0.2.1]", "address: the part after the @ in 'ana@[192.0.2.1]' is a number, not a domain"),
        ("ana@192.0.2.1", "address: the part after the @ in 'ana@192.0.2.1' is a number, not a domain"),
        ("ana@❤.ws", r"address: '\u2764' (U+2764) cannot be part of a domain, in 'ana@❤.ws'; write the"),
        ("ana\r\nBcc: b@example.com", "address: an invisible character (U+000D) is in 'ana\\r\\nBcc: b@exa"),
        ("ana@exa\nmple.com", "address: 'exa\\nmple' cannot be part of a domain, in 'ana@exa\\nmple.com'"),
        ("an\0a@example.com", "address: an invisible character (U+0000) is in 'an\\x00a@example.com'"),
        ('"an\ra"@example.com', "address: an invisible character (U+000D) is in"),
        ("an\u200ba@example.com", "address: an invisible character (U+200B) is in"),
        ("x" * 65 + "@example.com", "has 65 octets, more than 64"),
        ("é" * 33 + "@example.com", "has 66 octets, more than 64"),
        ("ana@" + "x" * 64 + ".com", "has 64 octets, more than 63"),
        ("ana@" + "x." * 127 + "com", "has 257 octets, more than 255"),
        ("x" * 60 + "@" + "x." * 96 + "com", "has 256 octets, more than 254"),
    ],
)
def test_a_wrong_address_is_named_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(AddressError, match=re.escape(reason)) as caught:
        parse_address(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_an_error_says_where_the_address_stood() -> None:
    with pytest.raises(AddressError, match=r"^readers\.csv:12: 'ana' has no @"):
        parse_address("ana", where="readers.csv:12")


@pytest.mark.parametrize(
    ("local", "domain", "reason"),
    [
        ("ana", "Example.com", "the domain of 'ana@Example.com' is not in lower case and A-labels"),
        ("ana", "münchen.de", "the domain of 'ana@münchen.de' is not in lower case and A-labels"),
        ('"ana"', "example.com", "the local part of '\"ana\"@example.com' is not in its plain spelling"),
        ("a b", "example.com", "a space is not allowed before the @"),
        ("ana\r\n", "example.com", "an invisible character (U+000D)"),
    ],
)
def test_an_address_that_is_not_valid_cannot_exist(local: str, domain: str, reason: str) -> None:
    with pytest.raises(AddressError, match=re.escape(reason)):
        Address(local=local, domain=domain)


def test_only_a_local_part_beyond_ascii_needs_smtputf8() -> None:
    assert parse_address("សុខា@example.com").needs_smtputf8
    assert not parse_address("ana@münchen.de").needs_smtputf8


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("ana.lopez@example.com", "a…@example.com"),
        ("a@example.com", "a…@example.com"),
        ('"ana lopez"@example.com', "a…@example.com"),
        ("សុខា@example.com", "ស…@example.com"),
    ],
)
def test_a_masked_address_shows_its_first_letter_and_domain(text: str, masked: str) -> None:
    assert parse_address(text).masked() == masked


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("news@example.com", ""),
        ("<news@example.com>", ""),
        ("The News <news@example.com>", "The News"),
        ("  The News<news@example.com> ", "The News"),
        ('"The News, daily" <news@example.com>', "The News, daily"),
        (r'"Ana \"the\" \\ Lopez" <news@example.com>', r'Ana "the" \ Lopez'),
        ("Acme, Inc. <news@example.com>", "Acme, Inc."),
        ("ព័ត៌មាន <news@example.com>", "ព័ត៌មាន"),
        ('"a <b@c.d>" <news@example.com>', "a <b@c.d>"),
    ],
)
def test_a_mailbox_is_a_name_and_an_address(text: str, name: str) -> None:
    assert parse_mailbox(text) == Mailbox(name=name, address=parse_address("news@example.com"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("News news@example.com>", "site: cannot tell name from address in 'News news@example.com>'"),
        ("A <b@c.d>, E <f@g.h>", "site: cannot tell name from address in 'A <b@c.d>, E <f@g.h>'"),
        ('A "b <c@d.e>', "site: cannot tell name from address in"),
        ("News <>", "site: the address is empty"),
        ("News <ana>", "site: 'ana' has no @"),
        ("", "site: the address is empty"),
    ],
)
def test_a_wrong_mailbox_is_named_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(AddressError, match="^" + re.escape(reason)):
        parse_mailbox(text, where="site")


@given(st.text())
def test_any_text_is_an_address_or_an_address_error(text: str) -> None:
    for value in (text, text + "@example.com", "ana@" + text + ".com"):
        try:
            address = parse_address(value)
        except AddressError:
            continue
        assert parse_address(str(address)) == address
        assert not re.search(r"[\x00-\x1f\x7f]", str(address))
        assert address.domain.isascii()


@given(st.lists(st.text(ATEXT, min_size=1, max_size=10), min_size=1, max_size=5), st.text(max_size=20))
def test_every_dot_atom_and_every_visible_quoted_text_is_a_local_part(atoms: list[str], text: str) -> None:
    local = ".".join(atoms)
    assert parse_address(local + "@example.com").local == local
    assume(text.isascii() and text.isprintable())
    quoted = '"' + text.replace("\\", r"\\").replace('"', r"\"") + '"'
    assert parse_address(quoted + "@example.com").local in {quoted, text}


@given(st.text(min_size=1), st.text(min_size=1))
def test_only_the_case_of_letters_is_overlooked(one: str, other: str) -> None:
    """Whoever writes in lower case is nobody else who does."""
    small = [text for text in (one, other) if text == text.lower()]
    assert len({reader_identity(text) for text in small}) == len(set(small))
    assert reader_identity(one.lower()) == reader_identity(one)
