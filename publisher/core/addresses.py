"""Email addresses. An `Address` that exists is valid (RFC 5321 4.1.2, 6531, 5891)."""

import re
import unicodedata
from dataclasses import dataclass

from publisher.core.errors import AddressError

MAX_LOCAL_OCTETS, MAX_DOMAIN_OCTETS, MAX_ADDRESS_OCTETS = 64, 255, 254
"""RFC 5321 4.5.3.1: local part, domain, and both with "@" (a path of 256 less its brackets)."""

_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+")
_COMMON = re.compile(
    r"(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
)  # what nearly all addresses look like: an import of a million checks this and little else
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SAME_DOMAIN = {"googlemail.com": "gmail.com"}
_EDGES = " \t\r\n\ufeff\u200b\u00a0"
_LETTERS = frozenset({"Ll", "Lo", "Lm", "Mn", "Mc", "Nd"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address in its canonical spelling: `local` as SMTP transmits it (quoted only if necessary), `domain`
    in A-labels and lower case. Made by `parse_address`; any other spelling raises AddressError.
    """

    local: str
    domain: str

    def __post_init__(self) -> None:
        if _is_common(str(self)):
            return
        shown = _shown(f"{self.local}@{self.domain}")
        if self.local != _local(self.local, shown, "address"):
            raise _bad("address", f"the local part of {shown} is not in its plain spelling")
        if self.domain != _domain(self.domain, shown, "address"):
            raise _bad("address", f"the domain of {shown} is not in lower case and A-labels")
        if len(str(self).encode()) > MAX_ADDRESS_OCTETS:
            raise _bad("address", f"{shown} is longer than {MAX_ADDRESS_OCTETS} octets")

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only a server with SMTPUTF8 accepts it (RFC 6531), because its local part is not ASCII."""
        return not self.local.isascii()

    @property
    def mailbox(self) -> str:
        """The canonical mailbox of this address."""
        return canonical_mailbox(str(self))

    def masked(self) -> str:
        """For logs and pages: the first character and the domain ("a…@example.com")."""
        return f"{self.local.lstrip(chr(34))[:1]}…@{self.domain}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocklist:
    """Addresses that may not be signed up: mailboxes as `Address.mailbox` spells them, and domains with their
    subdomains. `localhost` always counts.
    """

    mailboxes: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()

    def has(self, address: Address) -> bool:
        """Whether it is one of them."""
        labels = address.domain.split(".")
        above = {".".join(labels[n:]) for n in range(len(labels))}
        return (
            labels[-1] == "localhost"
            or not above.isdisjoint(self.domains)
            or address.mailbox in self.mailboxes
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """A name and an address (RFC 5322 3.4). `name` is plain text, may be empty, and is not yet encoded."""

    name: str
    address: Address


def canonical_mailbox(address: str) -> str:
    """One spelling for all addresses of the same mailbox: lower case, without a `+tag`; for Gmail also
    without dots, under one domain. For counting mail, never for sending it. `address` is in the spelling of
    `Address`.
    """
    local, _, domain = address.rpartition("@")
    domain, local = _SAME_DOMAIN.get(domain, domain), local.lower()
    name, plus, _ = local.partition("+")
    if plus and name and not local.startswith('"'):
        local = name
    if domain == "gmail.com":
        local = local.replace(".", "")
    return f"{local}@{domain}"


def reader_identity(address: str) -> str:
    """The spelling that two addresses of one person share: lower case, and nothing more. Case folding would
    merge different letters: `straße@` and `strasse@` are two people.
    """
    return address.lower()


def is_common_address(text: str) -> bool:
    """Whether `text` is certainly an address in its canonical spelling, as nearly all are. If not, ask
    `parse_address`.
    """
    return _is_common(text)


def parse_address(text: str, *, where: str = "address") -> Address:
    """The address that `text` spells. White space around it is dropped, an IDN domain becomes A-labels and
    lower case, the local part keeps its case. Raises AddressError, led by `where`.
    """
    trimmed = text.strip(_EDGES)
    shown = _shown(trimmed)
    if not trimmed:
        raise _bad(where, "the address is empty")
    local, at, domain = trimmed.rpartition("@")
    if _is_common(f"{local}@{domain.lower()}"):
        return Address(local=local, domain=domain.lower())
    if not at:
        raise _bad(where, f"{shown} has no @")
    local, domain = _local(local, shown, where), _domain(domain, shown, where)
    octets = len(f"{local}@{domain}".encode())
    if octets > MAX_ADDRESS_OCTETS:
        raise _bad(where, f"{shown} has {octets} octets, more than {MAX_ADDRESS_OCTETS}", "")
    return Address(local=local, domain=domain)


def parse_mailbox(text: str, *, where: str = "address") -> Mailbox:
    """The mailbox that `text` spells: `Name <a@b.c>`, `"Name, quoted" <a@b.c>` or `a@b.c`.

    A name with commas or dots need not be quoted. Raises AddressError, led by `where`.
    """
    trimmed = text.strip(_EDGES)
    if not trimmed.endswith(">"):
        return Mailbox(name="", address=parse_address(trimmed, where=where))
    name, opened, inner = trimmed[:-1].rpartition("<")
    name = name.strip(_EDGES)
    if quoted := _QUOTED.fullmatch(name):
        name = re.sub(r"\\(.)", r"\1", quoted[1])
    elif not opened or re.search(r'[<>"]', name):
        wish = 'write Name <name@example.com>, and put quotes round a name that has <, > or " in it'
        raise _bad(where, f"cannot tell name from address in {_shown(trimmed)}", wish)
    return Mailbox(name=name, address=parse_address(inner, where=where))


def _is_common(text: str) -> bool:
    return len(text) <= MAX_ADDRESS_OCTETS and _COMMON.fullmatch(text) is not None


def _local(text: str, shown: str, where: str) -> str:
    """The local part in its one spelling; quotes that are not needed go (RFC 5321 4.1.2)."""
    if not text:
        raise _bad(where, f"{shown} has nothing before the @")
    quoted = _QUOTED.fullmatch(text)
    content = unicodedata.normalize("NFC", re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else text)
    for character in content:
        kind = unicodedata.category(character)
        if kind in {"Cc", "Cf", "Cs", "Zl", "Zp"} or (kind == "Zs" and character != " "):
            raise _bad(where, f"an invisible character (U+{ord(character):04X}) is in {shown}")
    plain = all(_ATOM.fullmatch(atom) for atom in content.split("."))
    if not plain and not quoted:
        wrong = next((c for c in content if c != "." and not _ATOM.fullmatch(c)), "")
        culprit = (
            "a space" if wrong == " " else repr(wrong) if wrong else "a dot that is first, last or doubled"
        )
        raise _bad(where, f"{culprit} is not allowed before the @ in {shown}")
    local = content if plain else '"' + re.sub(r'(["\\])', r"\\\1", content) + '"'
    octets = len(local.encode())
    if octets > MAX_LOCAL_OCTETS:
        raise _bad(where, f"the local part of {shown} has {octets} octets, more than {MAX_LOCAL_OCTETS}", "")
    return local


def _domain(text: str, shown: str, where: str) -> str:
    """The domain in A-labels and lower case (RFC 5891 4, 5321 2.3.5)."""
    if text.startswith("["):
        raise _bad(where, f"the part after the @ in {shown} is a number, not a domain name")
    if not text:
        raise _bad(where, f"{shown} has nothing after the @")
    labels = [_a_label(label, shown, where) for label in re.split("[.\u3002\uff0e\uff61]", text)]
    domain = ".".join(labels)
    if len(domain) > MAX_DOMAIN_OCTETS:
        raise _bad(
            where, f"the domain of {shown} has {len(domain)} octets, more than {MAX_DOMAIN_OCTETS}", ""
        )
    if len(labels) == 1 and domain != "localhost":
        raise _bad(where, f"the domain of {shown} has no dot")
    if labels[-1].isdigit():
        raise _bad(where, f"the part after the @ in {shown} is a number, not a domain name")
    return domain


def _a_label(label: str, shown: str, where: str) -> str:
    """One label for the wire. Lower-cased letter by letter: a last sigma and a sharp s keep their meaning."""
    label = "".join(c.lower() for c in unicodedata.normalize("NFKC", label))
    label = unicodedata.normalize("NFKC", label)
    if not label:
        raise _bad(where, f"a dot is first, last or doubled in the domain of {shown}")
    if not label.isascii():
        _check_u_label(label, shown, where)
        label = "xn--" + label.encode("punycode").decode("ascii")
    if not _LABEL.fullmatch(label):
        raise _bad(where, f"{_shown(label)} cannot be part of a domain, in {shown}")
    if len(label) > 63:
        raise _bad(where, f"a part of the domain of {shown} has {len(label)} octets, more than 63", "")
    return label


def _check_u_label(label: str, shown: str, where: str) -> None:
    """RFC 5892: letters, marks and digits only; joiners only after a virama, where they shape letters."""
    for before, character in zip(" " + label, label, strict=False):
        letter = unicodedata.category(character) in _LETTERS or character in "-\u00b7\u30fb"
        joiner = character in "\u200c\u200d" and unicodedata.combining(before) == 9
        if not letter and not joiner:
            what = f"{character!a} (U+{ord(character):04X}) cannot be part of a domain, in {shown}"
            raise _bad(where, what, "write the domain in its xn-- form")
    if unicodedata.category(label[0]) in {"Mn", "Mc"} or label.startswith("-") or label.endswith("-"):
        raise _bad(where, f"{_shown(label)} cannot be part of a domain, in {shown}")


def _shown(text: str) -> str:
    """A value for an error: quoted, one line, at most 80 characters."""
    return repr(text if len(text) <= 80 else text[:79] + "…")


def _bad(where: str, what: str, do: str = "write it as name@example.com") -> AddressError:
    return AddressError(where, what, do)
