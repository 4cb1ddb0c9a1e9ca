"""Kinds of values of [web]: networks, and addresses that are refused."""

import ipaddress
import re

from publisher.config.types import InvalidValue, SettingType, words
from publisher.core.addresses import parse
from publisher.core.errors import AddressError


def _networks(value: object) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_network(text, strict=False)) for text in words(value))
    except ValueError:
        raise InvalidValue from None


def _addresses(value: object) -> tuple[str, ...]:
    """Addresses as they are written; domains in the spelling that addresses have."""
    return tuple(_address(text) for text in words(value))


def _address(text: str) -> str:
    name = re.sub(r"\A@", "", text)
    try:
        return str(parse(text)) if name == text and "@" in text else parse(f"x@{name}").domain
    except AddressError:
        raise InvalidValue from None


NETWORKS = SettingType('a list of addresses and networks, e.g. ["127.0.0.1", "10.0.0.0/8"]', _networks, False)
ADDRESSES = SettingType(
    'a list of addresses and domains, e.g. ["troll@example.org", "example.com"]', _addresses, False
)
